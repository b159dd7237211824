internal import EventLog
internal import KafkaProtocol
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Storage
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
    /// What can change while the broker runs.
    let settings: SettingsInForce
    /// Held while the settings of a topic are changed, across writes to disk: on threads of `blocking` only.
    let settingsChanges = Mutex(())
    let connectionCount = ConnectionCount()
    let addresses = ConnectionsByAddress()
    /// What clients take of this process's memory.
    let memory: MemoryBudget
    /// For what clients do.
    let clientLog: ClientLog
    /// Held while topics and partitions are counted and made, across writes to disk: on threads of `blocking` only.
    let topicCreation = Mutex(())
    private let loops: [BrokerLoop]
    /// Of groups that have nothing left, and how often that is.
    private let cleaning = Mutex<(interval: Int64, task: RepeatedTask?)?>(nil)

    init(log: EventLog, configuration: BrokerConfiguration, loops: [any EventLoop]) throws(LogError) {
        let settings = try SettingsInForce(log, configuration)
        let inForce = settings.current
        let offsets = try log.consumerOffsets()
        self.settings = settings
        self.log = log
        self.configuration = configuration
        now = configuration.log.environment.now
        let memory = MemoryBudget(limit: inForce.limits.memoryBytes)
        self.memory = memory
        clientLog = ClientLog(configuration.logger)
        self.loops = loops.map { BrokerLoop($0, log, limits: inForce.limits, memory: memory) }
        fetchSessions = FetchSessionCache(inForce.limits)
        groups = GroupCoordinator(
            log, offsets, inForce.groups, inForce.limits, loops: self.loops, memory: memory,
            logger: configuration.logger, clientLog: clientLog)
        blocking = NIOThreadPool(numberOfThreads: 2)
        blocking.start()
        keepHistory(inForce.groups.offsetsHistory)
        for loop in self.loops {
            // Before the loop serves anybody.
            loop.trim = { [blocking] in
                blocking.submit { state in if case .active = state { ProcessMemory.trim() } }
            }
        }
        follow(inForce)
    }

    /// Goes by settings that have changed. Not on an event loop, one call at a time.
    func take(_ settings: BrokerSettings) {
        groups.apply(settings.groups, settings.limits)
        follow(settings)
    }

    private func follow(_ settings: BrokerSettings) {
        fetchSessions.take(settings.limits)
        memory.limit(to: settings.limits.memoryBytes)
        for loop in loops { loop.take(settings) }
        let interval = settings.groups.offsetsRetentionCheckInterval
        cleaning.withLock { cleaning in
            guard cleaning?.interval != interval else { return }
            cleaning?.task?.cancel()
            cleaning = (interval, cleanGroups(every: interval))
        }
    }

    /// Of a topic that a client asks for and is not there; nil: it is not created.
    var autoCreatePartitions: Int? {
        let current = settings.current
        return current.autoCreates ? current.partitionCount : nil
    }

    /// Where the disk takes no change, the history is kept as it was: groups are served all the same.
    private func keepHistory(_ milliseconds: Int64) {
        do { try groups.offsets.keepHistory(milliseconds: milliseconds) } catch {
            logger.error(
                "offsets.history.ms is not in force: the history of groups is kept as before; start again to try again",
                metadata: ["error": "\(error)"])
        }
    }

    /// As long as the loops run.
    private func cleanGroups(every milliseconds: Int64) -> RepeatedTask? {
        let interval = TimeAmount.milliseconds(milliseconds)
        let (groups, now, blocking) = (groups, now, blocking)
        return loops.first?.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            blocking.submit { state in
                guard case .active = state else { return }
                groups.clean(at: now())
            }
        }
    }

    var loopCount: Int { loops.count }
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
