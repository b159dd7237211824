import KafkaProtocol
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import KafkaClient

/// A broker that does what a test says: each request goes to a script, and what the script has no answer for to one that
/// leads all topics. Answers can be held back.
final class ScriptedBroker: Sendable {
    struct Request: Sendable {
        let api: ApiKey
        let version: Int16
        let body: ByteBuffer

        func read<Message: RequestMessage>(_ type: Message.Type) throws -> Message {
            try Message(reading: body, version: version)
        }
    }

    /// nil: as a broker usually does. Throws `Disconnect`.
    typealias Script = @Sendable (Request) throws -> (any Message)?

    /// The connection is closed instead of an answer.
    struct Disconnect: Error {}

    let port: Int
    private let server: any Channel
    private let state: State

    fileprivate final class State: Sendable {
        let script: Script
        let topics: Mutex<[String: Int]>
        let calls = Mutex(Calls())
        let port = Mutex(0)

        init(_ topics: [String: Int], _ script: @escaping Script) {
            self.topics = Mutex(topics)
            self.script = script
        }
    }

    fileprivate struct Answer {
        let channel: any Channel
        let bytes: ByteBuffer

        /// Always later, so that answers keep their order whoever gives them.
        func give() { channel.eventLoop.execute { [self] in channel.writeAndFlush(bytes, promise: nil) } }
    }

    fileprivate struct Calls {
        var byAPI: [ApiKey: [Request]] = [:]
        var held: Set<ApiKey> = []
        /// Of answers, in their order.
        var waiting: [Answer] = []
        var watchers: [(api: ApiKey, count: Int, continuation: CheckedContinuation<Void, Never>)] = []
        var connections = 0

        func count(of api: ApiKey) -> Int { byAPI[api]?.count ?? 0 }
    }

    private init(_ server: any Channel, _ state: State, port: Int) {
        self.server = server
        self.state = state
        self.port = port
    }

    var address: String { "127.0.0.1:\(port)" }
    /// Of clients, now.
    var connectionCount: Int { state.calls.withLock { $0.connections } }

    func requests(_ api: ApiKey) -> [Request] { state.calls.withLock { $0.byAPI[api] ?? [] } }

    /// Waits until there have been so many requests.
    func waitForRequests(_ api: ApiKey, count: Int = 1) async {
        await withCheckedContinuation { continuation in
            let isThere = state.calls.withLock { calls in
                if calls.count(of: api) >= count { return true }
                calls.watchers.append((api, count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    /// Answers to an API wait from now on, and those behind them.
    func hold(_ api: ApiKey) { state.calls.withLock { _ = $0.held.insert(api) } }

    /// All answers that wait are given, and those to come.
    func release() {
        state.calls.withLock { calls in
            calls.held = []
            for answer in calls.waiting { answer.give() }
            calls.waiting = []
        }
    }

    func setPartitions(of topic: String, _ count: Int) { state.topics.withLock { $0[topic] = count } }
}

/// - Parameter topics: with their numbers of partitions.
func withScriptedBroker<R>(
    topics: [String: Int] = ["readings": 1], script: @escaping ScriptedBroker.Script = { _ in nil },
    _ body: (ScriptedBroker) async throws -> R
) async throws -> R {
    let broker = try await ScriptedBroker.start(topics, script)
    do {
        let result = try await body(broker)
        try await broker.stop()
        return result
    } catch {
        try? await broker.stop()
        throw error
    }
}

extension ScriptedBroker {
    fileprivate static func start(
        _ topics: [String: Int], _ script: @escaping Script
    ) async throws -> ScriptedBroker {
        let state = State(topics, script)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Connection(state))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        state.port.withLock { $0 = port }
        return ScriptedBroker(server, state, port: port)
    }

    fileprivate func stop() async throws {
        release()
        try await server.close()
    }
}

private final class Connection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let state: ScriptedBroker.State
    private var frames = FrameAccumulator(frameBytesMax: 100 << 20)

    init(_ state: ScriptedBroker.State) { self.state = state }

    func channelActive(context: ChannelHandlerContext) { state.calls.withLock { $0.connections += 1 } }
    func channelInactive(context: ChannelHandlerContext) { state.calls.withLock { $0.connections -= 1 } }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        frames.append(unwrapInboundIn(data))
        do {
            while let frame = try frames.next() { try answer(frame, context.channel) }
        } catch is ScriptedBroker.Disconnect {
            context.close(promise: nil)
        } catch {
            Issue.record("a request that cannot be answered: \(error)")
            context.close(promise: nil)
        }
    }

    private func answer(_ frame: ByteBuffer, _ channel: any Channel) throws {
        let (request, correlationID) = try state.read(frame)
        let watchers = state.calls.withLock { calls in
            calls.byAPI[request.api, default: []].append(request)
            let count = calls.count(of: request.api)
            defer { calls.watchers.removeAll { $0.api == request.api && $0.count <= count } }
            return calls.watchers.filter { $0.api == request.api && $0.count <= count }
        }
        for watcher in watchers { watcher.continuation.resume() }
        // No answer to acks=0, as in Kafka.
        if request.api == .produce, try request.read(ProduceRequest.self).acks == 0 { return }
        guard let response = try state.script(request) ?? state.standard(request) else {
            return channel.close(promise: nil)
        }
        var bytes = ByteBuffer()
        try append(response, request, correlationID, to: &bytes)
        let answer = ScriptedBroker.Answer(channel: channel, bytes: bytes)
        state.calls.withLock { calls in
            let isHeld = calls.held.contains(request.api) || !calls.waiting.isEmpty
            if isHeld { calls.waiting.append(answer) } else { answer.give() }
        }
    }

    private func append(
        _ response: some Message, _ request: ScriptedBroker.Request, _ correlationID: Int32, to bytes: inout ByteBuffer
    ) throws {
        try Frame.append(response, version: request.version, correlationID: correlationID, to: &bytes)
    }
}

// MARK: A broker as it should be

extension ScriptedBroker.State {
    /// What the broker offers.
    private static let requests: [any RequestMessage.Type] = [
        ProduceRequest.self, FetchRequest.self, ListOffsetsRequest.self, MetadataRequest.self, ApiVersionsRequest.self,
        CreateTopicsRequest.self, DeleteTopicsRequest.self, DeleteRecordsRequest.self, InitProducerIDRequest.self,
        DescribeConfigsRequest.self,
    ]

    fileprivate func read(_ frame: ByteBuffer) throws -> (ScriptedBroker.Request, correlationID: Int32) {
        var frame = frame
        guard let key = frame.readInteger(as: Int16.self), let api = ApiKey(rawValue: key),
            let type = Self.requests.first(where: { $0.apiKey == api }),
            let version = frame.readInteger(as: Int16.self), let correlationID = frame.readInteger(as: Int32.self),
            let length = frame.readInteger(as: Int16.self)
        else { throw ProtocolError.tooLong(length: 0, limit: 0) }
        frame.moveReaderIndex(forwardBy: Int(max(0, length)))
        if version >= type.firstFlexibleVersion { try ResponseHeader.skipTags(in: &frame) }
        return (ScriptedBroker.Request(api: api, version: version, body: frame.slice()), correlationID)
    }

    /// nil: an API that is not offered.
    fileprivate func standard(_ request: ScriptedBroker.Request) throws -> (any Message)? {
        switch request.api {
        case .apiVersions:
            ApiVersionsResponse {
                $0.apiKeys = Self.requests.map { type in
                    ApiVersionsResponse.Version {
                        $0.apiKey = type.apiKey.rawValue
                        $0.minVersion = type.versions.lowerBound
                        $0.maxVersion = type.versions.upperBound
                    }
                }
            }
        case .metadata: metadata(try request.read(MetadataRequest.self))
        case .initProducerID: InitProducerIDResponse { $0.producerID = 7 }
        case .produce: produce(try request.read(ProduceRequest.self))
        case .fetch: fetch(try request.read(FetchRequest.self))
        case .listOffsets: listOffsets(try request.read(ListOffsetsRequest.self))
        default: nil
        }
    }

    private func metadata(_ request: MetadataRequest) -> MetadataResponse {
        let topics = topics.withLock { $0 }
        let port = port.withLock { Int32($0) }
        return MetadataResponse {
            $0.brokers = [
                MetadataResponse.Broker {
                    $0.nodeID = 1
                    $0.host = "127.0.0.1"
                    $0.port = port
                }
            ]
            $0.controllerID = 1
            $0.topics = (request.topics?.compactMap(\.name) ?? topics.keys.sorted()).map { name in
                MetadataResponse.Topic {
                    $0.name = name
                    $0.errorCode = topics[name] == nil ? .unknownTopicOrPartition : .none
                    $0.partitions = (0..<(topics[name] ?? 0)).map { index in
                        MetadataResponse.Partition {
                            $0.partitionIndex = Int32(index)
                            $0.leaderID = 1
                            $0.leaderEpoch = 5
                        }
                    }
                }
            }
        }
    }

    private func produce(_ request: ProduceRequest) -> ProduceResponse {
        ProduceResponse {
            $0.responses = request.topicData.map { topic in
                ProduceResponse.TopicResponse {
                    $0.name = topic.name
                    $0.partitionResponses = topic.partitionData.map { partition in
                        ProduceResponse.PartitionResponse { $0.index = partition.index }
                    }
                }
            }
        }
    }

    private func fetch(_ request: FetchRequest) -> FetchResponse {
        FetchResponse {
            $0.responses = request.topics.map { topic in
                FetchResponse.TopicResponse {
                    $0.topic = topic.topic
                    $0.partitions = topic.partitions.map { partition in
                        FetchResponse.PartitionData { $0.partitionIndex = partition.partition }
                    }
                }
            }
        }
    }

    private func listOffsets(_ request: ListOffsetsRequest) -> ListOffsetsResponse {
        ListOffsetsResponse {
            $0.topics = request.topics.map { topic in
                ListOffsetsResponse.Topic {
                    $0.name = topic.name
                    $0.partitions = topic.partitions.map { partition in
                        ListOffsetsResponse.Partition {
                            $0.partitionIndex = partition.partitionIndex
                            $0.offset = 0
                        }
                    }
                }
            }
        }
    }
}
