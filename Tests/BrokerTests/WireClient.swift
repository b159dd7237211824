import Broker
import KafkaProtocol
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// A client that knows the wire and nothing else: it sends what a test gives it, right or wrong, and takes frames as
/// they come, in their order.
final class WireClient: Sendable {
    private let channel: any Channel
    private let inbox: Inbox
    private let correlationIDs = Atomic<Int32>(1)

    private init(_ channel: any Channel, _ inbox: Inbox) {
        self.channel = channel
        self.inbox = inbox
    }

    deinit { channel.close(promise: nil) }

    /// - Parameter reads: false: takes nothing from its socket until `startReading`.
    static func connect(to broker: Broker, reads: Bool = true) async throws -> WireClient {
        try await connect(to: broker.address, reads: reads)
    }

    static func connect(to address: HostPort, reads: Bool = true) async throws -> WireClient {
        let inbox = Inbox()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: reads)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FrameReader(inbox))
                }
            }
            .connect(host: address.host, port: address.port).get()
        return WireClient(channel, inbox)
    }

    // MARK: Bytes

    /// Bytes as they are. Returns when the system has taken them; a connection that is closed by then is no error.
    func send(_ bytes: [UInt8]) async { try? await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get() }

    /// The same without waiting: for a broker that may not take them.
    func push(_ bytes: [UInt8]) { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }

    /// The same bytes many times over, without waiting. What it returns knows when the system has taken them all.
    func push(repeating bytes: [UInt8], _ count: Int) -> Push {
        var buffer = ByteBuffer()
        for _ in 0..<count { buffer.writeBytes(bytes) }
        let push = Push()
        channel.writeAndFlush(buffer).whenComplete { _ in push.done.store(true, ordering: .releasing) }
        return push
    }

    final class Push: Sendable {
        fileprivate let done = Atomic(false)
        var isSent: Bool { done.load(ordering: .acquiring) }
    }

    /// Bytes with their length before them.
    func send(frame body: [UInt8]) async { await send(Wire.prefixed(body)) }

    /// The next frame, without its length; nil: the broker has closed the connection.
    func receive() async -> ByteBuffer? { await inbox.next() }

    func startReading() async throws { try await channel.setOption(.autoRead, value: true).get() }

    /// Leaves, whatever is under way.
    func close() async { try? await channel.close().get() }

    // MARK: Requests

    func nextCorrelationID() -> Int32 { correlationIDs.wrappingAdd(1, ordering: .relaxed).oldValue }

    /// Sends a request and returns its answer.
    func call<Request: RequestMessage>(_ request: Request, version: Int16? = nil) async throws -> Request.Response {
        try await receive(post(request, version: version))
    }

    /// Sends a request; `receive` takes the answer.
    func post<Request: RequestMessage>(_ request: Request, version: Int16? = nil) async throws -> Posted<Request> {
        let posted = Posted<Request>(version: version ?? Wire.newest(Request.self), correlationID: nextCorrelationID())
        await send(try Wire.frame(request, version: posted.version, correlationID: posted.correlationID))
        return posted
    }

    func receive<Request>(_ posted: Posted<Request>) async throws -> Request.Response {
        let frame = try #require(await receive(), "the connection was closed instead of an answer")
        return try Wire.response(in: frame, to: posted)
    }

    /// The broker has closed the connection, and nothing came before.
    func expectClosed(_ location: SourceLocation = #_sourceLocation) async {
        let frame = await receive()
        #expect(frame == nil, "an answer instead of a closed connection", sourceLocation: location)
    }
}

/// A request that was sent and is not answered yet.
struct Posted<Request: RequestMessage>: Sendable {
    let version: Int16
    let correlationID: Int32
}

/// Requests as bytes, and answers from bytes.
enum Wire {
    /// The newest version that names topics, not their ids: those have tests of their own.
    static func newest(_ request: any RequestMessage.Type) -> Int16 {
        switch request.apiKey {
        case .produce: ProduceRequest.firstTopicIDVersion - 1
        case .fetch: FetchRequest.firstTopicIDVersion - 1
        default: versions(request).upperBound
        }
    }

    /// The versions that the broker offers.
    static func versions(_ request: any RequestMessage.Type) -> ClosedRange<Int16> {
        SupportedVersions.row(of: request.apiKey.rawValue)?.offered ?? request.versions
    }

    /// A whole frame, with its length.
    static func frame<Request: RequestMessage>(
        _ request: Request, version: Int16? = nil, correlationID: Int32 = 1
    ) throws -> [UInt8] {
        var buffer = ByteBuffer()
        try Frame.append(
            request: request, version: version ?? newest(Request.self), correlationID: correlationID,
            clientID: "test", to: &buffer)
        return Array(buffer.readableBytesView)
    }

    static func response<Request>(in frame: ByteBuffer, to posted: Posted<Request>) throws -> Request.Response {
        var frame = frame
        #expect(try ResponseHeader(reading: &frame).correlationID == posted.correlationID)
        if ResponseHeader.isFlexible(Request.Response.self, version: posted.version) {
            try ResponseHeader.skipTags(in: &frame)
        }
        return try Request.Response(reading: frame, version: posted.version)
    }

    static func prefixed(_ body: [UInt8]) -> [UInt8] { bytes(Int32(body.count)) + body }

    static func bytes<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    /// The eight bytes that every request begins with, and a client id.
    static func header(api: Int16, version: Int16, correlationID: Int32 = 1, clientID: [UInt8] = []) -> [UInt8] {
        bytes(api) + bytes(version) + bytes(correlationID) + bytes(Int16(clientID.count)) + clientID
    }
}

/// Frames that have come and were not taken.
private final class Inbox: Sendable {
    private let state = Mutex(State())

    private struct State {
        var frames: [ByteBuffer] = []
        var isClosed = false
        var waiting: CheckedContinuation<ByteBuffer?, Never>?
    }

    func next() async -> ByteBuffer? {
        await withCheckedContinuation { continuation in
            let result: ByteBuffer?? = state.withLock { state in
                if !state.frames.isEmpty { return .some(state.frames.removeFirst()) }
                if state.isClosed { return .some(nil) }
                state.waiting = continuation
                return nil
            }
            if let result { continuation.resume(returning: result) }
        }
    }

    func add(_ frame: ByteBuffer) {
        let waiting = state.withLock { state in
            if state.waiting == nil { state.frames.append(frame) }
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume(returning: frame)
    }

    func close() {
        let waiting = state.withLock { state in
            state.isClosed = true
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume(returning: nil)
    }
}

private final class FrameReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let inbox: Inbox
    private var buffer = ByteBuffer()

    init(_ inbox: Inbox) { self.inbox = inbox }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        buffer.writeImmutableBuffer(unwrapInboundIn(data))
        while let frame = buffer.readLengthPrefixedSlice(as: Int32.self) { inbox.add(frame) }
        buffer.discardReadBytes()
    }

    func channelInactive(context: ChannelHandlerContext) { inbox.close() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
