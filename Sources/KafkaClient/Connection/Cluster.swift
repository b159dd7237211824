internal import KafkaProtocol
internal import Logging
internal import NIOCore

/// What a client knows of the brokers and topics, and its connections to them. Each producer, each consumer and the
/// admin has one of its own, so that none waits behind another's long fetch. Runs on one event loop, that of its
/// connections: nothing hops between threads.
actor Cluster {
    nonisolated let loop: any EventLoop
    nonisolated let options: KafkaClientOptions
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    private let bootstrap: [BrokerAddress]
    private(set) var nodes: [Int32: BrokerAddress] = [:]
    private(set) var controllerID: Int32 = -1
    private var routes: [String: TopicRoute] = [:]
    private var connections: [BrokerAddress: BrokerConnection] = [:]
    private var opening: [BrokerAddress: Opening] = [:]
    private var pauses: [ObjectIdentifier: Pending<Void>] = [:]
    private var isClosed = false

    /// A connection that comes about, and those who wait for it.
    private struct Opening {
        var waiting: [Pending<BrokerConnection>] = []
        var task: Task<Void, Never>?
    }

    init(_ bootstrap: [BrokerAddress], on loop: any EventLoop, _ options: KafkaClientOptions) {
        self.bootstrap = bootstrap
        self.loop = loop
        self.options = options
    }

    /// Whoever waits for anything here gets `closed`.
    func close() {
        isClosed = true
        for connection in connections.values { connection.close() }
        for opening in opening.values {
            opening.task?.cancel()
            for waiter in opening.waiting { waiter.complete(.failure(.closed)) }
        }
        for pause in pauses.values { pause.complete(.failure(.closed)) }
        connections = [:]
        opening = [:]
        pauses = [:]
    }

    /// Lets time pass. Throws `cancelled`, and `closed` as soon as it is.
    func pause(_ duration: Duration) async throws(KafkaClientError) {
        guard !isClosed else { throw .closed }
        let pause = Pending<Void>()
        let timer = loop.scheduleTask(in: TimeAmount(duration)) { pause.complete(.success(())) }
        pauses[ObjectIdentifier(pause)] = pause
        defer {
            timer.cancel()
            pauses[ObjectIdentifier(pause)] = nil
        }
        try await pause.wait()
    }
}

// MARK: Connections

extension Cluster {
    /// A connection to the broker at an address, opened if there is none. Whoever comes while it opens waits for the same
    /// one; it opens on where a task that waits is cancelled.
    func connection(at address: BrokerAddress) async throws(KafkaClientError) -> BrokerConnection {
        guard !isClosed else { throw .closed }
        if let open = connections[address], open.isOpen { return open }
        let waiter = Pending<BrokerConnection>()
        opening[address, default: Opening()].waiting.append(waiter)
        if opening[address]?.task == nil { opening[address]?.task = Task { await open(address) } }
        return try await waiter.wait()
    }

    private func open(_ address: BrokerAddress) async {
        let result: Result<BrokerConnection, KafkaClientError>
        do throws(KafkaClientError) {
            result = .success(try await BrokerConnection.open(to: address, on: loop, options))
        } catch {
            result = .failure(error)
        }
        // It closes when it is let go of.
        guard !isClosed else { return }
        if case .success(let connection) = result { connections[address] = connection }
        for waiter in opening.removeValue(forKey: address)?.waiting ?? [] { waiter.complete(result) }
    }

    /// A connection to a broker by its id.
    func connection(to node: Int32) async throws(KafkaClientError) -> BrokerConnection {
        // A broker that leaves the cluster may be named as a leader for a while.
        guard let address = nodes[node] else { throw KafkaClientError(.brokerNotAvailable) }
        return try await connection(at: address)
    }

    /// A connection to any broker: an open one, or else to the first that answers.
    func anyConnection() async throws(KafkaClientError) -> BrokerConnection {
        if let open = connections.values.first(where: \.isOpen) { return open }
        var addresses = bootstrap
        for address in nodes.values where !addresses.contains(address) { addresses.append(address) }
        var firstError: KafkaClientError?
        for address in addresses {
            do throws(KafkaClientError) {
                return try await connection(at: address)
            } catch {
                if error == .cancelled || error == .closed { throw error }
                if firstError == nil { firstError = error }
            }
        }
        throw firstError ?? .closed
    }

    /// A connection to the broker that changes topics.
    func controller() async throws(KafkaClientError) -> BrokerConnection {
        if nodes[controllerID] == nil { _ = try await metadata(of: [], createMissing: false) }
        return nodes[controllerID] == nil ? try await anyConnection() : try await connection(to: controllerID)
    }
}

// MARK: Trying again

/// Whether a request may be sent twice.
enum Repetition {
    /// It asks, or does the same however often.
    case harmless
    /// It changes something: it is repeated only where the first certainly did nothing.
    case onlyIfUndone
}

extension Cluster {
    /// Does what may fail for a while, as where a leader or the controller moves, and tries again with fresh metadata for up
    /// to `requestTimeout`. Throws at once where no broker can be reached.
    nonisolated(nonsending) func retrying<R>(
        _ repetition: Repetition = .harmless, _ body: () async throws(KafkaClientError) -> R
    ) async throws(KafkaClientError) -> R {
        let deadline = NIODeadline.now() + TimeAmount(options.requestTimeout)
        let backoff = Backoff(first: .milliseconds(100))
        var failures = 0
        while true {
            do throws(KafkaClientError) {
                return try await body()
            } catch {
                failures += 1
                let mayPass = repetition == .harmless ? error.mayPass : error.isBeforeAnyEffect
                guard mayPass, NIODeadline.now() < deadline else { throw error }
                options.logger?.debug("a request is tried again", metadata: ["error": "\(error)"])
            }
            try await pause(backoff.pause(afterFailures: failures))
            try await refresh()
        }
    }

    /// Forgets where topics are led, and asks who the brokers and the controller are.
    private func refresh() async throws(KafkaClientError) {
        routes = [:]
        _ = try await metadata(of: [], createMissing: false)
    }
}

extension KafkaClientError {
    /// The broker's code, of an error that has one.
    private var code: ErrorCode? {
        if case .rejected(let code, _, _) = self { Int16(exactly: code).map { ErrorCode(rawValue: $0) } } else { nil }
    }

    /// Whether another try may succeed, maybe with another broker.
    var mayPass: Bool {
        switch self {
        case .rejected: code.map { $0.isRetriable || $0 == .brokerNotAvailable } ?? false
        case .connectionRefused, .connectionTimedOut, .connectionFailed, .connectionLost, .requestTimedOut: true
        default: false
        }
    }

    private static let codesBeforeAnyEffect: [ErrorCode] = [
        .notController, .brokerNotAvailable, .throttlingQuotaExceeded, .notCoordinator, .coordinatorNotAvailable,
        .coordinatorLoadInProgress,
    ]

    /// The same, and nothing has been done.
    fileprivate var isBeforeAnyEffect: Bool {
        switch self {
        case .rejected:
            code.map { Self.codesBeforeAnyEffect.contains($0) } ?? false
        case .connectionRefused, .connectionTimedOut, .connectionFailed: true
        default: false
        }
    }
}

// MARK: Metadata

extension Cluster {
    /// How often a topic is asked for that a broker should be creating: over two seconds or so.
    private static let creationPolls = 6

    /// Asks a broker, and learns from what it says. `topics`: nil for all.
    func metadata(of topics: [String]?, createMissing: Bool) async throws(KafkaClientError) -> MetadataResponse {
        let connection = try await anyConnection()
        var request = MetadataRequest()
        request.topics = topics.map { $0.map { name in MetadataRequest.Topic { $0.name = name } } }
        request.allowAutoTopicCreation = createMissing
        // Version 0 has no way to ask for no topics.
        let response = try await connection.call(request, leastVersion: 1)
        learn(response)
        return response
    }

    /// Takes over what another cluster of the same client has learned, where nothing is known yet.
    func adopt(_ nodes: [Int32: BrokerAddress]) {
        if self.nodes.isEmpty { self.nodes = nodes }
    }

    private func learn(_ response: MetadataResponse) {
        nodes = [:]
        // What is no port cannot be connected to.
        for broker in response.brokers where (1...65535).contains(broker.port) {
            nodes[broker.nodeID] = BrokerAddress(host: broker.host, port: Int(broker.port))
        }
        controllerID = response.controllerID
        for topic in response.topics {
            guard let name = topic.name else { continue }
            routes[name] = topic.errorCode == .none ? TopicRoute(topic) : nil
        }
    }

    /// Where a topic's partitions are led: as known, if that is not older than `metadataAgeMax`, or as a broker says now, if
    /// it is or `isFresh` is asked for. Waits while a topic that has just been created has no leaders. Throws
    /// `unknownTopic`.
    func route(
        of topic: String, createMissing: Bool, isFresh: Bool = false
    ) async throws(KafkaClientError) -> TopicRoute {
        if !isFresh, let route = routes[topic], route.age < TimeAmount(options.metadataAgeMax) { return route }
        let deadline = NIODeadline.now() + TimeAmount(options.requestTimeout)
        let backoff = Backoff(first: .milliseconds(50))
        var failures = 0
        while true {
            let response = try await metadata(of: [topic], createMissing: createMissing)
            guard let answer = response.topics.first(where: { $0.name == topic }) else {
                throw .invalidResponse("Metadata without the topic '\(topic)' that was asked for")
            }
            if answer.errorCode == .none, let route = routes[topic] { return route }
            failures += 1
            // Kafka's brokers say unknown while they create it, and where they do not create any.
            let mayPass =
                answer.errorCode == .unknownTopicOrPartition
                ? createMissing && failures <= Self.creationPolls
                : answer.errorCode == .leaderNotAvailable || (createMissing && answer.errorCode.isRetriable)
            guard mayPass, NIODeadline.now() < deadline else {
                throw KafkaClientError(answer.errorCode, topic: topic)
            }
            try await pause(backoff.pause(afterFailures: failures))
        }
    }
}
