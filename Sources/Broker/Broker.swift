package import EventLog
internal import Glibc
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Storage
internal import Synchronization

/// Serves an event log to Kafka clients over TCP.
package final class Broker: Sendable {
    package let log: EventLog
    /// Where it listens, with the port that the system gave.
    package let address: HostPort
    private let group: MultiThreadedEventLoopGroup
    private let server: any Channel
    let context: BrokerContext
    private let stopped = Mutex(false)

    /// Opens the log and starts to listen. Throws `LogError` where the directory cannot be opened, and `BrokerError`
    /// where the address cannot be bound.
    package static func start(_ configuration: BrokerConfiguration) async throws -> Broker {
        // Nothing is deleted before the settings are in force that are stored in the directory.
        var options = configuration.log
        options.runsHousekeeping = false
        let log = try EventLog.open(at: configuration.dataDirectory, options: options)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.loopCount ?? usableCoreCount)
        do {
            let context = try BrokerContext(log: log, configuration: configuration, loops: Array(group.makeIterator()))
            if configuration.log.runsHousekeeping { log.startHousekeeping() }
            let server = try await bind(configuration, group, context)
            return try Broker(log, group, server, context)
        } catch {
            try await group.shutdownGracefully()
            try log.close()
            throw error
        }
    }

    /// One loop for each processor that there is for this process: more would only take turns.
    private static var usableCoreCount: Int {
        // NIO knows the limits of a container, not those of `taskset`.
        min(System.coreCount, Processors.usableCount ?? .max)
    }

    private static func bind(
        _ configuration: BrokerConfiguration, _ group: MultiThreadedEventLoopGroup, _ context: BrokerContext
    ) async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(
                .recvAllocator,
                value: ReceiveAllocator(context.connectionCount, context.memory)
            )
            // More reads at once are more buffers that a connection keeps.
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let loop = context.loop(of: channel.eventLoop)
                    let most = loop.limits.outboundBytes
                    try channel.syncOptions?.setOption(
                        .writeBufferWaterMark, value: .init(low: max(1, most / 2), high: most))
                    try channel.pipeline.syncOperations.addHandler(Connection(context, loop: loop, channel))
                }
            }
        do {
            return try await bootstrap.bind(host: configuration.listen.host, port: configuration.listen.port).get()
        } catch {
            throw BrokerError.cannotListen(configuration.listen, reason: reason(error))
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as IOError: "\(String(cString: strerror(error.errnoCode))): \(advice(error.errnoCode))"
        case is SocketAddressError.UnknownHost: "the host is not known: give an address of this machine with --listen"
        default: "\(error)"
        }
    }

    private static func advice(_ code: CInt) -> String {
        switch code {
        case EADDRINUSE: "stop what uses that address, or give another with --listen"
        case EACCES: "a port below 1024 needs a privilege: give a higher one with --listen"
        default: "give an address of this machine with --listen"
        }
    }

    private init(
        _ log: EventLog, _ group: MultiThreadedEventLoopGroup, _ server: any Channel, _ context: BrokerContext
    ) throws {
        self.log = log
        self.group = group
        self.server = server
        self.context = context
        guard let local = server.localAddress, let port = local.port else {
            throw BrokerError.cannotListen(context.configuration.listen, reason: "the system gave no address")
        }
        address = HostPort(host: context.configuration.listen.host, port: port)
    }

    /// Stops cleanly: takes no more connections or requests, answers those under way, makes everything durable and
    /// writes a checkpoint.
    package func stop() async throws {
        let isFirst = stopped.withLock { stopped in
            defer { stopped = true }
            return !stopped
        }
        guard isFirst else { return }
        try? await server.close()
        await context.drain()
        // The workers first: they answer on the loops.
        await context.shutdown()
        try await group.shutdownGracefully()
        try log.close()
    }
}

/// What keeps a broker from starting.
package enum BrokerError: Error, CustomStringConvertible {
    case cannotListen(HostPort, reason: String)

    package var description: String {
        switch self {
        case .cannotListen(let address, let reason):
            "cannot listen on \(address): \(reason)"
        }
    }
}
