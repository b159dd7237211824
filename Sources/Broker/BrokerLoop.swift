internal import EventLog
internal import NIOCore

/// What the connections of one event loop share: the waiting for rounds, and memory that is used again.
final class BrokerLoop: @unchecked Sendable {
    // Unchecked: everything but `eventLoop` is used on that loop alone.
    let eventLoop: any EventLoop
    let written: RoundWaitList
    let committed: RoundWaitList
    var compressor = BatchCompressor()
    /// For batches whose records are looked at.
    var scratch: DecompressionBuffer
    private var connections: [ObjectIdentifier: Connection] = [:]
    private var drained: EventLoopPromise<Void>?
    private var idleWatch: RepeatedTask?
    private let limits: Limits

    init(_ eventLoop: any EventLoop, rounds: CommitRounds, limits: Limits) {
        self.eventLoop = eventLoop
        self.limits = limits
        scratch = DecompressionBuffer(limit: limits.decompressedBytes)
        written = RoundWaitList(eventLoop, rounds, .written)
        committed = RoundWaitList(eventLoop, rounds, .committed)
    }

    /// Has connections closed that nobody has used for so long, as long as the loop runs. From any thread; another call
    /// takes the place of the last.
    func watchIdle(milliseconds: Int) {
        // A year is as good as never, and can be counted in nanoseconds.
        let idle = TimeAmount.milliseconds(Int64(min(milliseconds, 31_536_000_000)))
        eventLoop.execute { self.watch(idle) }
    }

    private func watch(_ idle: TimeAmount) {
        let interval = TimeAmount.nanoseconds(max(1_000_000, idle.nanoseconds / 10))
        idleWatch?.cancel()
        idleWatch = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { [weak self] _ in
            guard let self else { return }
            let deadline = NIODeadline.now() - idle
            for connection in Array(connections.values) where connection.isIdle(since: deadline) {
                connection.closeIdle()
            }
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
