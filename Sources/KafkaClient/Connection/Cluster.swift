internal import KafkaProtocol
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
    private(set) var clusterID: String?
    private var routes: [String: TopicRoute] = [:]
    private var connections: [BrokerAddress: BrokerConnection] = [:]
    private var opening: [BrokerAddress: Task<Result<BrokerConnection, KafkaClientError>, Never>] = [:]
    private var isClosed = false

    init(_ bootstrap: [BrokerAddress], on loop: any EventLoop, _ options: KafkaClientOptions) {
        self.bootstrap = bootstrap
        self.loop = loop
        self.options = options
    }

    func close() {
        isClosed = true
        for connection in connections.values { connection.close() }
        connections = [:]
    }
}

/// Where the partitions of a topic are led.
struct TopicRoute: Sendable {
    let name: String
    let id: UUIDBytes
    let isInternal: Bool
    /// By partition; nil: it has no leader at the moment.
    let leaders: [Int32?]
}

// MARK: Connections

extension Cluster {
    /// A connection to the broker at an address, opened if there is none.
    func connection(at address: BrokerAddress) async throws(KafkaClientError) -> BrokerConnection {
        guard !isClosed else { throw .closed }
        if let open = connections[address], open.isOpen { return open }
        // Whoever comes while it opens waits for the same one.
        let task =
            opening[address]
            ?? Task { [loop, options] in
                do throws(KafkaClientError) {
                    return .success(try await BrokerConnection.open(to: address, on: loop, options))
                } catch {
                    return .failure(error)
                }
            }
        opening[address] = task
        let result = await task.value
        opening[address] = nil
        let connection = try result.get()
        guard !isClosed else {
            connection.close()
            throw .closed
        }
        connections[address] = connection
        return connection
    }

    func connection(to node: Int32) async throws(KafkaClientError) -> BrokerConnection {
        guard let address = nodes[node] else {
            throw .invalidResponse("a leader, broker \(node), that is not among the brokers")
        }
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

// MARK: Metadata

extension Cluster {
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

    private func learn(_ response: MetadataResponse) {
        nodes = [:]
        for broker in response.brokers {
            nodes[broker.nodeID] = BrokerAddress(host: broker.host, port: Int(broker.port))
        }
        controllerID = response.controllerID
        clusterID = response.clusterID
        for topic in response.topics {
            guard let name = topic.name else { continue }
            routes[name] = topic.errorCode == .none ? TopicRoute(topic) : nil
        }
    }

    /// Where a topic's partitions are led: as known, or as a broker says now where it is not known or `isFresh` is asked
    /// for. Waits while a topic that has just been created has no leaders. Throws `unknownTopic`.
    func route(
        of topic: String, createMissing: Bool, isFresh: Bool = false
    ) async throws(KafkaClientError) -> TopicRoute {
        if !isFresh, let route = routes[topic] { return route }
        let deadline = ContinuousClock.now + options.requestTimeout
        while true {
            let response = try await metadata(of: [topic], createMissing: createMissing)
            guard let answer = response.topics.first(where: { $0.name == topic }) else {
                throw .invalidResponse("Metadata without the topic '\(topic)' that was asked for")
            }
            if answer.errorCode == .none, let route = routes[topic] { return route }
            let mayPass =
                answer.errorCode == .leaderNotAvailable
                || (createMissing && answer.errorCode.isRetriable && answer.errorCode != .unknownTopicOrPartition)
            guard mayPass, ContinuousClock.now < deadline else {
                throw KafkaClientError(answer.errorCode, topic: topic)
            }
            try await pause(.milliseconds(100))
        }
    }

    /// Lets time pass. Throws `cancelled`.
    nonisolated(nonsending) func pause(_ duration: Duration) async throws(KafkaClientError) {
        do { try await Task.sleep(for: duration) } catch { throw .cancelled }
    }
}

extension TopicRoute {
    init(_ topic: MetadataResponse.Topic) {
        name = topic.name ?? ""
        id = topic.topicID
        isInternal = topic.isInternal
        // Brokers give partitions in any order; those that a broken answer leaves out have no leader.
        var leaders = [Int32?](repeating: nil, count: topic.partitions.count)
        for partition in topic.partitions {
            let index = Int(partition.partitionIndex)
            if leaders.indices.contains(index), partition.leaderID >= 0 { leaders[index] = partition.leaderID }
        }
        self.leaders = leaders
    }

    func check(_ partition: Int) throws(KafkaClientError) {
        guard leaders.indices.contains(partition) else {
            throw .unknownPartition(topic: name, partition: partition, count: leaders.count)
        }
    }
}
