/// Appending records. Each function exists twice: one blocks the thread until the records are durable, the other
/// suspends the task.
extension Partition {
    /// Appends one record and returns its offset when it is durable.
    ///
    /// Throws `batchTooLarge` past `max.message.bytes`; `diskFull`, `storage` where the disk refuses: nothing was
    /// acknowledged then, and the partition takes no more until the log is opened again.
    @discardableResult
    public func append(_ record: Record) throws(LogError) -> Offset {
        try append(contentsOf: CollectionOfOne(record)).lowerBound
    }

    @discardableResult
    public func append(_ record: Record) async throws(LogError) -> Offset {
        try await append(contentsOf: CollectionOfOne(record)).lowerBound
    }

    /// Appends records, in order, and returns their offsets when all are durable. Other appends may come between
    /// batches of a long list, so the range may hold offsets of others.
    ///
    /// Throws as `append(_:)` does; then a part of a long list may have been appended.
    @discardableResult
    public func append(contentsOf records: some Sequence<Record>) throws(LogError) -> Range<Offset> {
        let appender = BatchAppender(self, now: environment.now())
        for record in records {
            while !appender.add(record) { try stage(appender, leadsItself: false) }
        }
        // The committer's thread writes while this one goes on building; only a lone batch is worth leading for.
        try stage(appender, leadsItself: appender.firstOffset == nil)
        if let round = appender.lastTicket?.round { committer.waitLeading(for: round) }
        try appender.checkOutcome()
        return (appender.firstOffset ?? end)..<max(appender.firstOffset ?? end, appender.endOffset)
    }

    @discardableResult
    public func append(contentsOf records: some Sequence<Record>) async throws(LogError) -> Range<Offset> {
        let appender = BatchAppender(self, now: environment.now())
        for record in records {
            while !appender.add(record) { try await stageSuspending(appender) }
        }
        try await stageSuspending(appender)
        if let round = appender.lastTicket?.round { await committer.rounds.reached(round) }
        try appender.checkOutcome()
        return (appender.firstOffset ?? end)..<max(appender.firstOffset ?? end, appender.endOffset)
    }

    /// Gives the batch to a round, waiting for room.
    func stage(_ appender: BatchAppender, leadsItself: Bool) throws(LogError) {
        while let round = try appender.stage(leadsItself: leadsItself) { committer.waitLeading(for: round) }
    }

    func stageSuspending(_ appender: BatchAppender) async throws(LogError) {
        while let round = try appender.stage(leadsItself: false) { await committer.rounds.reached(round) }
    }
}

extension CommitRounds {
    /// Suspends until `round` is committed.
    func reached(_ round: UInt64) async {
        await withCheckedContinuation { continuation in
            let watcher = ContinuationWatcher(continuation)
            if !notify(after: round, .committed, watcher) { watcher.roundReached() }
        }
    }
}

private final class ContinuationWatcher: RoundWatcher {
    private let continuation: CheckedContinuation<Void, Never>
    init(_ continuation: CheckedContinuation<Void, Never>) { self.continuation = continuation }
    func roundReached() { continuation.resume() }
}
