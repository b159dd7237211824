internal import KafkaProtocol
internal import NIOCore

/// Gives each answer of a broker to the request that waits for it. A broker answers in the order of the requests, so the
/// oldest is always the one. Used on the connection's event loop alone.
final class ResponseHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// A request on its way.
    struct Pending {
        let correlationID: Int32
        let api: String
        let timeout: TimeAmount
        /// Gets the answer's frame from its correlation id on. Called on the event loop, in the order of the requests,
        /// and never before `send` has returned.
        let complete: (Result<ByteBuffer, KafkaClientError>) -> Void
    }

    private let address: BrokerAddress
    private let loop: any EventLoop
    private var frames: FrameAccumulator
    private var pending = CircularBuffer<(request: Pending, timer: Scheduled<Void>)>()
    private var context: ChannelHandlerContext?
    /// Why nothing can be sent any more.
    private var failure: KafkaClientError?

    init(address: BrokerAddress, on loop: any EventLoop, frameBytesMax: Int) {
        self.address = address
        self.loop = loop
        frames = FrameAccumulator(frameBytesMax: frameBytesMax)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func send(_ frame: ByteBuffer, _ request: Pending) {
        guard let context, failure == nil else {
            let error = failure ?? .closed
            // Later, as any answer: who sends is not done with sending yet.
            return loop.assumeIsolated().execute { request.complete(.failure(error)) }
        }
        let id = request.correlationID
        let timer = context.eventLoop.assumeIsolated().scheduleTask(in: request.timeout) { [weak self] in
            if let self { self.timeOut(id) }
        }
        pending.append((request: request, timer: timer))
        context.writeAndFlush(NIOAny(frame), promise: nil)
    }

    /// Sends what no answer comes for.
    func send(_ frame: ByteBuffer, whenWritten: @escaping (Result<Void, KafkaClientError>) -> Void) {
        guard let context, failure == nil else {
            let error = failure ?? .closed
            return loop.assumeIsolated().execute { whenWritten(.failure(error)) }
        }
        let address = address
        context.writeAndFlush(NIOAny(frame)).assumeIsolated().whenComplete { result in
            whenWritten(result.mapError { .connectionLost(address, reason: "\($0)") })
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        frames.append(unwrapInboundIn(data))
        do throws(KafkaClientError) {
            while let frame = try frames.next() { try answer(frame) }
        } catch {
            close(error)
        }
    }

    private func answer(_ frame: ByteBuffer) throws(KafkaClientError) {
        guard let id = frame.getInteger(at: frame.readerIndex, as: Int32.self) else {
            throw .invalidResponse("a frame of \(frame.readableBytes) bytes")
        }
        guard let (request, timer) = pending.first, request.correlationID == id else {
            throw .invalidResponse("an answer with the correlation id \(id), which no request has")
        }
        pending.removeFirst()
        timer.cancel()
        request.complete(.success(frame))
    }

    private func timeOut(_ correlationID: Int32) {
        guard let late = pending.first(where: { $0.request.correlationID == correlationID }) else { return }
        // What comes after it waits for the same broker: the connection is given up.
        close(.requestTimedOut(api: late.request.api, address))
    }

    func channelInactive(context: ChannelHandlerContext) {
        close(.connectionLost(address, reason: "the broker closed it"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close(.connectionLost(address, reason: "\(error)"))
    }

    /// Fails all that is under way.
    func close(_ error: KafkaClientError) {
        if failure == nil { failure = error }
        let waiting = pending
        pending.removeAll()
        for (_, timer) in waiting { timer.cancel() }
        loop.assumeIsolated().execute {
            for (request, _) in waiting { request.complete(.failure(error)) }
        }
        context?.close(promise: nil)
    }
}
