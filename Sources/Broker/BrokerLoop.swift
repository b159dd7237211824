internal import EventLog
internal import NIOCore

/// What the connections of one event loop share: the waiting for rounds, and memory that is used again.
final class BrokerLoop: @unchecked Sendable {
    // Unchecked: everything but `eventLoop` is used on that loop alone. So is exclusive access to what each batch uses:
    // nothing that is called meanwhile comes back to it.
    let eventLoop: any EventLoop
    private let log: EventLog
    private var isCommitDue = false
    let written: RoundWaitList
    let committed: RoundWaitList
    @exclusivity(unchecked) var compressor = BatchCompressor()
    /// For batches whose records are looked at.
    @exclusivity(unchecked) var records: RecordWindow
    private var connections: [ObjectIdentifier: Connection] = [:]
    private var drained: EventLoopPromise<Void>?
    private var nextWatch: Scheduled<Void>?
    /// What is in force.
    @exclusivity(unchecked) private(set) var limits: Limits
    /// Of the text that is committed with an offset, in bytes.
    private(set) var offsetMetadataBytes = 0
    let memory: MemoryBudget
    /// Those that are not read for want of memory.
    private var waiting: [ObjectIdentifier: Connection] = [:]
    private var retry: Scheduled<Void>?
    /// Gives free memory back to the system, elsewhere than here.
    var trim: () -> Void = {}

    init(_ eventLoop: any EventLoop, _ log: EventLog, limits: Limits, memory: MemoryBudget) {
        self.eventLoop = eventLoop
        self.log = log
        self.limits = limits
        self.memory = memory
        records = RecordWindow(limit: limits.decompressedBytes)
        written = RoundWaitList(eventLoop, log.rounds, .written)
        committed = RoundWaitList(eventLoop, log.rounds, .committed)
    }

    /// Has what was appended committed, when all that has come is handled: the round is the larger, and where the loop shares
    /// a processor with the committer's thread they do not take turns with each request.
    func commitSoon() {
        guard !isCommitDue else { return }
        isCommitDue = true
        eventLoop.execute {
            self.isCommitDue = false
            self.log.commitGathered()
        }
    }

    /// Goes by settings that have changed. Returns when that is so; from any thread but that of an event loop.
    func take(_ settings: BrokerSettings) {
        // A loop that has ended serves nobody.
        try? eventLoop.submit { self.follow(settings) }.wait()
    }

    private func follow(_ settings: BrokerSettings) {
        if settings.limits.decompressedBytes != records.limit {
            records = RecordWindow(limit: settings.limits.decompressedBytes)
        }
        records.ratioMax = settings.limits.decompressedRatio
        limits = settings.limits
        offsetMetadataBytes = Int(settings.groups.offsetMetadataBytesMax)
        beginWatch()
    }

    // MARK: What clients may not

    /// Often enough for the shortest of the times that a connection has.
    private func beginWatch() {
        let shortest = [
            limits.idleMilliseconds, limits.firstRequestMilliseconds, limits.receiveMilliseconds,
            limits.memoryWaitMilliseconds,
        ].min()
        let interval = TimeAmount.nanoseconds(max(1_000_000, TimeAmount.limit(shortest ?? 0).nanoseconds / 10))
        nextWatch?.cancel()
        watch(every: interval)
    }

    /// Until the event loop ends, which lets go of this object then. Not by a weak reference: references to an object that was
    /// ever referred to weakly are counted slower, and every request counts some to this one.
    private func watch(every interval: TimeAmount) {
        nextWatch = eventLoop.scheduleTask(in: interval) {
            self.watchConnections()
            self.watch(every: interval)
        }
    }

    private func watchConnections() {
        let now = NIODeadline.now()
        for connection in Array(connections.values) { connection.checkTimes(at: now) }
        makeRoom(at: now)
        if memory.takesTrim(at: now) { trim() }
    }

    /// Where connections wait for memory, here or elsewhere, those go that hold much of it and do nothing with it, until
    /// a sixteenth is free, besides the one that is kept back. One that has all of it would wait for itself otherwise, or
    /// that needs more than there is.
    private func makeRoom(at now: NIODeadline) {
        let patience = TimeAmount.limit(limits.memoryWaitMilliseconds)
        let own = connections.values.reduce(into: MemoryHolds()) { $0.add($1.memoryHold(at: now), patience) }
        let all = memory.holds.tell(own, self)
        guard memory.isWaitedFor else { return }
        let mustGo = connections.values.filter { !$0.isClosed && all.mustGo($0.memoryHold(at: now)) }
        if let largest = mustGo.max(by: { $0.heldBytes < $1.heldBytes }) { return largest.closeForMemory() }
        var missing = memory.byteCountMax / 16 - memory.freeByteCount
        guard missing > 0 else { return }
        let givenUp = connections.values.filter {
            all.giveUp($0.memoryHold(at: now), limit: memory.byteCountMax, patience)
        }
        for connection in givenUp.sorted(by: { $0.heldBytes > $1.heldBytes }) where missing > 0 {
            missing -= connection.heldBytes
            connection.closeForMemory()
        }
    }

    // MARK: Waiting for memory

    private static let retryInterval = TimeAmount.milliseconds(10)

    func waitForMemory(_ connection: Connection) {
        waiting[ObjectIdentifier(connection)] = connection
        memory.beginWait()
        scheduleRetry()
    }

    func stopWaitingForMemory(_ connection: Connection) {
        guard waiting.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        memory.endWait()
    }

    private func scheduleRetry() {
        guard retry == nil, !waiting.isEmpty else { return }
        retry = eventLoop.scheduleTask(in: Self.retryInterval) {
            self.retry = nil
            // Those that hold little need little: they are not to wait until those that hold much have taken what came free.
            let served = self.waiting.values.filter(\.hasMemory).sorted { $0.heldBytes < $1.heldBytes }
            for connection in served { connection.retryForMemory() }
            self.scheduleRetry()
        }
    }

    /// Runs `body` on the loop once the round is committed. From any thread.
    func afterRound(_ round: UInt64, _ body: @escaping @Sendable () -> Void) {
        eventLoop.execute {
            if self.committed.hasReached(round) { return body() }
            self.committed.add(RoundCallback(body), round: round)
        }
    }

    private final class RoundCallback: RoundWaiter {
        private let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
        func roundReached() { body() }
    }

    func add(_ connection: Connection) {
        connections[ObjectIdentifier(connection)] = connection
        if drained != nil { connection.drainAndClose() }
    }

    func remove(_ connection: Connection) {
        connections[ObjectIdentifier(connection)] = nil
        if connections.isEmpty { drained?.succeed() }
    }

    /// Answers what is under way and closes all connections; those that take too long are cut.
    func drain() async {
        try? await eventLoop.flatSubmit {
            let promise = self.eventLoop.makePromise(of: Void.self)
            self.drained = promise
            for connection in Array(self.connections.values) { connection.drainAndClose() }
            if self.connections.isEmpty { promise.succeed() }
            self.eventLoop.scheduleTask(in: .milliseconds(Int64(self.limits.drainMilliseconds))) {
                for connection in Array(self.connections.values) { connection.closeNow() }
            }
            return promise.futureResult
        }.get()
    }
}
