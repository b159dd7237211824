internal import KafkaProtocol
internal import NIOCore

/// Gives each answer of a broker to the request that waits for it. A broker answers in the order of the requests, so the
/// oldest is always the one. Used on the connection's event loop alone.
final class ResponseHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// A request on its way.
    struct Request {
        let correlationID: Int32
        let api: String
        let timeout: TimeAmount
        /// Gets the answer's frame from its correlation id on. Called on the event loop, in the order of the requests,
        /// and never before `send` has returned.
        let complete: (Result<ByteBuffer, KafkaClientError>) -> Void
    }

    private enum Outgoing {
        case request(ByteBuffer, Request)
        case telling(ByteBuffer, (Result<Void, KafkaClientError>) -> Void)

        var correlationID: Int32? { if case .request(_, let request) = self { request.correlationID } else { nil } }

        func fail(_ error: KafkaClientError) {
            switch self {
            case .request(_, let request): request.complete(.failure(error))
            case .telling(_, let whenWritten): whenWritten(.failure(error))
            }
        }
    }

    private let address: BrokerAddress
    private let loop: any EventLoop
    private var frames: FrameAccumulator
    private var pending = CircularBuffer<(request: Request, timer: Scheduled<Void>)>()
    /// What is sent when the broker's pause is over, in its order.
    private var held = CircularBuffer<Outgoing>()
    private var pauseEnd: (due: NIODeadline, timer: Scheduled<Void>)?
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

    func send(_ frame: ByteBuffer, _ request: Request) { send(.request(frame, request)) }

    /// Sends what no answer comes for.
    func send(_ frame: ByteBuffer, whenWritten: @escaping (Result<Void, KafkaClientError>) -> Void) {
        send(.telling(frame, whenWritten))
    }

    private func send(_ outgoing: Outgoing) {
        guard let context, failure == nil else {
            let error = failure ?? .closed
            // Later, as any answer: who sends is not done with sending yet.
            return loop.assumeIsolated().execute { outgoing.fail(error) }
        }
        if pauseEnd == nil { write(outgoing, context) } else { held.append(outgoing) }
    }

    private func write(_ outgoing: Outgoing, _ context: ChannelHandlerContext) {
        switch outgoing {
        case .request(let frame, let request): write(frame, request, context)
        case .telling(let frame, let whenWritten):
            let address = address
            context.writeAndFlush(NIOAny(frame)).assumeIsolated().whenComplete { result in
                whenWritten(result.mapError { .connectionLost(address, reason: "\($0)") })
            }
        }
    }

    private func write(_ frame: ByteBuffer, _ request: Request, _ context: ChannelHandlerContext) {
        let id = request.correlationID
        let timer = context.eventLoop.assumeIsolated().scheduleTask(in: request.timeout) { [weak self] in
            if let self { self.timeOut(id) }
        }
        pending.append((request: request, timer: timer))
        context.writeAndFlush(NIOAny(frame), promise: nil)
    }

    /// Holds back what is sent from now on, for a time.
    func pause(for time: TimeAmount) {
        let due = NIODeadline.now() + time
        guard let context, failure == nil, pauseEnd.map({ $0.due < due }) ?? true else { return }
        pauseEnd?.timer.cancel()
        let timer = context.eventLoop.assumeIsolated().scheduleTask(in: time) { [weak self] in
            if let self { self.endPause() }
        }
        pauseEnd = (due, timer)
    }

    private func endPause() {
        pauseEnd = nil
        while let context, pauseEnd == nil, let next = held.popFirst() { write(next, context) }
    }

    /// Nobody waits for a request any more: it is not sent if it has not been yet.
    func withdraw(_ correlationID: Int32) { held.removeAll { $0.correlationID == correlationID } }

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
        let (waiting, unsent) = (pending, held)
        pending.removeAll()
        held.removeAll()
        pauseEnd?.timer.cancel()
        pauseEnd = nil
        for (_, timer) in waiting { timer.cancel() }
        loop.assumeIsolated().execute {
            for (request, _) in waiting { request.complete(.failure(error)) }
            for outgoing in unsent { outgoing.fail(error) }
        }
        context?.close(promise: nil)
    }
}
