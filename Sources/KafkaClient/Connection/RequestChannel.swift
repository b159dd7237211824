internal import Glibc
internal import KafkaProtocol
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// A TCP connection that carries requests and their answers; it knows nothing of what the broker offers. Closes when it
/// is let go of.
final class RequestChannel: Sendable {
    let address: BrokerAddress
    let options: KafkaClientOptions
    private let channel: any Channel
    private let handler: NIOLoopBound<ResponseHandler>
    private let lastCorrelationID = Atomic<Int32>(0)

    private init(
        _ address: BrokerAddress, _ options: KafkaClientOptions, _ channel: any Channel,
        _ handler: NIOLoopBound<ResponseHandler>
    ) {
        self.address = address
        self.options = options
        self.channel = channel
        self.handler = handler
    }

    deinit { channel.close(promise: nil) }

    nonisolated(nonsending) static func open(
        to address: BrokerAddress, on loop: any EventLoop, _ options: KafkaClientOptions
    ) async throws(KafkaClientError) -> RequestChannel {
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(TimeAmount(options.connectTimeout))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 256 << 10))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        ResponseHandler(
                            address: address, on: channel.eventLoop, frameBytesMax: options.responseBytesMax))
                }
            }
        do {
            let channel = try await bootstrap.connect(to: address).get()
            let handler = try await channel.eventLoop.submit {
                NIOLoopBound(
                    try channel.pipeline.syncOperations.handler(type: ResponseHandler.self),
                    eventLoop: channel.eventLoop)
            }.get()
            return RequestChannel(address, options, channel, handler)
        } catch {
            throw KafkaClientError(connecting: address, error, after: options.connectTimeout)
        }
    }

    /// False: it has broken or was closed.
    var isOpen: Bool { channel.isActive }

    func close() { onLoop { $0.close(.closed) } }

    /// Holds back what is sent from now on, for a time.
    func pause(for duration: Duration) { onLoop { $0.pause(for: TimeAmount(duration)) } }

    private func onLoop(_ body: @escaping @Sendable (ResponseHandler) -> Void) {
        if channel.eventLoop.inEventLoop {
            body(handler.value)
        } else {
            channel.eventLoop.execute { [handler] in body(handler.value) }
        }
    }
}

// MARK: Requests

extension RequestChannel {
    /// Sends a request and waits for its answer's body. Throws `cancelled` when the task is.
    /// - Parameter byteCount: about how long the request is.
    nonisolated(nonsending) func call<Request: RequestMessage>(
        _ request: Request, version: Int16, timeout: Duration, byteCount: Int
    ) async throws(KafkaClientError) -> ByteBuffer {
        let (frame, correlationID) = try encode(request, version: version, byteCount: byteCount)
        let answer = Pending<ByteBuffer>()
        onLoop { handler in
            handler.send(frame, .init(correlationID, Request.self, timeout) { answer.complete($0) })
        }
        do throws(KafkaClientError) {
            return try await answer.wait()
        } catch {
            // The answer of what is on its way comes, and is dropped: the connection is as good as before.
            if error == .cancelled { onLoop { $0.withdraw(correlationID) } }
            throw error
        }
    }

    /// The same without a task: `complete` gets the answer's body, on the event loop, in the order of the requests. Call
    /// it on the event loop.
    func start<Request: RequestMessage>(
        _ request: Request, version: Int16, timeout: Duration, byteCount: Int,
        complete: @escaping (Result<ByteBuffer, KafkaClientError>) -> Void
    ) throws(KafkaClientError) {
        let (frame, correlationID) = try encode(request, version: version, byteCount: byteCount)
        handler.value.send(frame, .init(correlationID, Request.self, timeout, complete))
    }

    /// Sends a request that gets no answer; `complete` is called when it is written. Call it on the event loop.
    func startTelling<Request: RequestMessage>(
        _ request: Request, version: Int16, byteCount: Int,
        complete: @escaping (Result<Void, KafkaClientError>) -> Void
    ) throws(KafkaClientError) {
        let (frame, _) = try encode(request, version: version, byteCount: byteCount)
        handler.value.send(frame, whenWritten: complete)
    }

    private func encode<Request: RequestMessage>(
        _ request: Request, version: Int16, byteCount: Int
    ) throws(KafkaClientError) -> (frame: ByteBuffer, correlationID: Int32) {
        let correlationID = lastCorrelationID.wrappingAdd(1, ordering: .relaxed).newValue
        var frame = channel.allocator.buffer(capacity: byteCount)
        do throws(ProtocolError) {
            try Frame.append(
                request: request, version: version, correlationID: correlationID, clientID: options.clientID,
                to: &frame)
        } catch {
            throw .invalidArgument("a \(Request.apiKey.name) request cannot be written: \(error)")
        }
        return (frame, correlationID)
    }
}

extension ClientBootstrap {
    fileprivate func connect(to address: BrokerAddress) -> EventLoopFuture<any Channel> {
        // Nothing has to be looked up for a number.
        if let number = try? SocketAddress(ipAddress: address.host, port: address.port) { return connect(to: number) }
        return connect(host: address.host, port: address.port)
    }
}

extension ResponseHandler.Request {
    fileprivate init<Request: RequestMessage>(
        _ correlationID: Int32, _ request: Request.Type, _ timeout: Duration,
        _ complete: @escaping (Result<ByteBuffer, KafkaClientError>) -> Void
    ) {
        // A time and what is added to it may be more seconds than a `TimeAmount` can be made of.
        let timeout = TimeAmount(min(timeout, .seconds(1 << 32)))
        self.init(correlationID: correlationID, api: Request.apiKey.name, timeout: timeout) { frame in
            complete(
                frame.map { frame in
                    var body = frame
                    body.moveReaderIndex(forwardBy: MemoryLayout<Int32>.size)
                    return body
                })
        }
    }
}

extension KafkaClientError {
    init(connecting address: BrokerAddress, _ error: any Error, after timeout: Duration) {
        switch error {
        case let error as NIOConnectionError:
            if let failure = error.connectionErrors.first {
                self.init(connecting: address, failure.error, after: timeout)
            } else {
                self = .unknownHost(address.host)
            }
        case let error as IOError where error.errnoCode == ECONNREFUSED:
            self = .connectionRefused(address)
        case ChannelError.connectTimeout:
            self = .connectionTimedOut(address, after: timeout)
        case ChannelPipelineError.notFound:
            // What answers requests left the pipeline again before it could be used.
            self = .connectionLost(address, reason: "it ended as soon as it was made: is it a Kafka broker?")
        case SocketAddressError.unknown:
            self = .unknownHost(address.host)
        default:
            self = .connectionFailed(address, reason: "\(error)")
        }
    }
}
