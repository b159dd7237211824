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
                        ResponseHandler(address: address, frameBytesMax: options.responseBytesMax))
                }
            }
        do {
            let channel = try await bootstrap.connect(host: address.host, port: address.port).get()
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
    /// Sends a request and waits for its answer's body.
    /// - Parameter byteCount: about how long the request is.
    nonisolated(nonsending) func call<Request: RequestMessage>(
        _ request: Request, version: Int16, timeout: Duration, byteCount: Int
    ) async throws(KafkaClientError) -> ByteBuffer {
        let (frame, correlationID) = try encode(request, version: version, byteCount: byteCount)
        var answer = try await withCheckedContinuation { continuation in
            onLoop { handler in
                handler.send(
                    frame,
                    ResponseHandler.Pending(
                        correlationID: correlationID, api: Request.apiKey.name, timeout: TimeAmount(timeout)
                    ) { continuation.resume(returning: $0) })
            }
        }.get()
        answer.moveReaderIndex(forwardBy: MemoryLayout<Int32>.size)
        return answer
    }

    /// Sends a request that gets no answer; returns when it is written.
    nonisolated(nonsending) func tell<Request: RequestMessage>(
        _ request: Request, version: Int16, byteCount: Int
    ) async throws(KafkaClientError) {
        let (frame, _) = try encode(request, version: version, byteCount: byteCount)
        try await withCheckedContinuation { continuation in
            onLoop { handler in handler.send(frame) { continuation.resume(returning: $0) } }
        }.get()
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
