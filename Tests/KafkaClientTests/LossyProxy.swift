import KafkaClient
import NIOCore
import NIOPosix
import Synchronization

/// Stands between clients and a broker, and breaks connections while answers are on their way: what the broker did, the
/// client does not hear.
final class LossyProxy: Sendable {
    let port: Int
    private let server: any Channel
    private let state: State

    final class State: Sendable {
        let brokerPort = Mutex(0)
        /// So many of a hundred pieces from the broker are lost, each with its connection.
        let lossPercent = Mutex(0)
        let lossCount = Mutex(0)
        private let chance = Mutex(UInt64(1))

        func losesNext() -> Bool {
            let percent = lossPercent.withLock { $0 }
            let number = chance.withLock { state in
                // A linear congruential generator, whose upper bits are good enough.
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Int(state >> 33) % 100
            }
            guard number < percent else { return false }
            lossCount.withLock { $0 += 1 }
            return true
        }
    }

    private init(_ server: any Channel, _ state: State, port: Int) {
        self.server = server
        self.state = state
        self.port = port
    }

    static func start() async throws -> LossyProxy {
        let state = State()
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { client in
                client.eventLoop.makeCompletedFuture {
                    try client.pipeline.syncOperations.addHandler(ClientSide(state))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return LossyProxy(server, state, port: server.localAddress?.port ?? 0)
    }

    func forward(to brokerPort: Int) { state.brokerPort.withLock { $0 = brokerPort } }
    func lose(percent: Int) { state.lossPercent.withLock { $0 = percent } }
    var lossCount: Int { state.lossCount.withLock { $0 } }
    func stop() async throws { try await server.close() }

    /// Carries what a client sends to the broker, in order.
    private final class ClientSide: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let state: State
        private var broker: EventLoopFuture<any Channel>?

        init(_ state: State) { self.state = state }

        func channelActive(context: ChannelHandlerContext) {
            let client = context.channel
            let state = state
            broker = ClientBootstrap(group: context.eventLoop)
                .channelInitializer { broker in
                    broker.eventLoop.makeCompletedFuture {
                        try broker.pipeline.syncOperations.addHandler(BrokerSide(client, state))
                    }
                }
                .connect(host: "127.0.0.1", port: state.brokerPort.withLock { $0 })
            broker?.whenFailure { _ in client.close(promise: nil) }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            broker?.whenSuccess { $0.writeAndFlush(bytes, promise: nil) }
        }

        func channelInactive(context: ChannelHandlerContext) { broker?.whenSuccess { $0.close(promise: nil) } }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    private final class BrokerSide: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let client: any Channel
        private let state: State

        init(_ client: any Channel, _ state: State) {
            self.client = client
            self.state = state
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if state.losesNext() {
                client.close(promise: nil)
                context.close(promise: nil)
            } else {
                client.writeAndFlush(unwrapInboundIn(data), promise: nil)
            }
        }

        func channelInactive(context: ChannelHandlerContext) { client.close(promise: nil) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
