internal import EventLog
internal import KafkaProtocol
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// What all connections share.
final class BrokerContext: Sendable {
    let log: EventLog
    let configuration: BrokerConfiguration
    /// The time of day.
    let now: @Sendable () -> Timestamp
    /// Where work runs that waits for the disk or takes long: topics, lookups by time. Never on an event loop.
    let blocking: NIOThreadPool
    let fetchSessions: FetchSessionCache
    let groups: GroupCoordinator
    /// Held while the settings of a topic are changed, across writes to disk: on threads of `blocking` only.
    let settingsChanges = Mutex(())
    let connectionCount = Atomic<Int>(0)
    private let loops: [BrokerLoop]

    init(log: EventLog, configuration: BrokerConfiguration, loops: [any EventLoop]) throws(LogError) {
        let offsets = try log.consumerOffsets()
        Self.keepHistory(offsets, configuration)
        self.log = log
        self.configuration = configuration
        now = configuration.log.environment.now
        self.loops = loops.map { BrokerLoop($0, rounds: log.rounds, limits: configuration.limits) }
        fetchSessions = FetchSessionCache(configuration.limits)
        groups = GroupCoordinator(
            log, offsets, configuration.groups, loops: self.loops, logger: configuration.logger)
        blocking = NIOThreadPool(numberOfThreads: 2)
        blocking.start()
        for loop in self.loops { loop.watchIdle() }
        cleanGroups(every: configuration.groups.offsetsRetentionCheckInterval)
    }

    /// Where the disk takes no change, the history is kept as it was: groups are served all the same.
    private static func keepHistory(_ offsets: ConsumerOffsets, _ configuration: BrokerConfiguration) {
        do { try offsets.keepHistory(milliseconds: configuration.groups.offsetsHistory) } catch {
            configuration.logger.error(
                "offsets.history.ms is not in force: the history of groups is kept as before; start again to try again",
                metadata: ["error": "\(error)"])
        }
    }

    /// As long as the loops run.
    private func cleanGroups(every milliseconds: Int64) {
        let interval = TimeAmount.milliseconds(milliseconds)
        loops.first?.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { [weak self] _ in
            guard let self else { return }
            let (groups, now) = (groups, now)
            blocking.submit { state in
                guard case .active = state else { return }
                groups.clean(at: now())
            }
        }
    }

    var loopCount: Int { loops.count }
    var limits: Limits { configuration.limits }
    var logger: Logger { configuration.logger }

    /// The only node there is.
    static let nodeID: Int32 = 1

    func loop(of eventLoop: any EventLoop) -> BrokerLoop {
        guard let loop = loops.first(where: { $0.eventLoop === eventLoop }) else {
            preconditionFailure("a channel of a foreign event loop")
        }
        return loop
    }

    /// Lets every connection answer what is under way, then closes it.
    func drain() async {
        groups.stop()
        await withTaskGroup(of: Void.self) { group in
            for loop in loops { group.addTask { await loop.drain() } }
        }
    }

    func shutdown() async {
        try? await blocking.shutdownGracefully()
        groups.clear()
    }
}

extension NodeEndpoint {
    /// The one node, where a client reaches it.
    init(_ address: HostPort) {
        self.init {
            $0.nodeID = BrokerContext.nodeID
            $0.host = address.host
            $0.port = Int32(clamping: address.port)
        }
    }
}
