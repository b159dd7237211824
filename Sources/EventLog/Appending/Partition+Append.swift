/// Appending records. Each function exists twice: one blocks the thread until the records are durable, the other
/// suspends the task.
extension Partition {
    /// Appends one record and returns its offset when it is durable.
    ///
    /// Throws `batchTooLarge` past `max.message.bytes`; `diskFull`, `storage` where the disk refuses: nothing was
    /// acknowledged then, and it can be tried again, unless a sync has failed, or the journal: then the log has to be opened
    /// again.
    @discardableResult
    public func append(_ record: Record) throws(LogError) -> Offset {
        try append(contentsOf: [record]).lowerBound
    }

    @discardableResult
    public func append(_ record: Record) async throws(LogError) -> Offset {
        try await append(contentsOf: [record]).lowerBound
    }

    /// Appends records, in order, and returns their offsets when all are durable. Other appends may come between
    /// batches of a long list, so the range may hold offsets of others.
    ///
    /// Throws as `append(_:)` does; then a part of a long list may have been appended.
    @discardableResult
    public func append(contentsOf records: [Record]) throws(LogError) -> Range<Offset> {
        let staged = try stage(records)
        if let round = staged.round { committer.waitLeading(for: round) }
        return try staged.outcome()
    }

    @discardableResult
    public func append(contentsOf records: [Record]) async throws(LogError) -> Range<Offset> {
        let staged = try await stageSuspending(records)
        if let round = staged.round { await committer.rounds.reached(round) }
        return try staged.outcome()
    }

    /// Gives all records to rounds, waiting for room.
    func stage(_ records: [Record]) throws(LogError) -> StagedAppend {
        let appender = BatchAppender(self, now: environment.now())
        var next = 0
        while next < records.count {
            next += appender.add(records, from: next)
            // The committer's thread writes while this one goes on building; only a lone batch is worth leading for.
            try stage(appender, isCommittedByCaller: next == records.count && appender.firstOffset == nil)
        }
        return appender.staged
    }

    func stageSuspending(_ records: [Record]) async throws(LogError) -> StagedAppend {
        let appender = BatchAppender(self, now: environment.now())
        var next = 0
        while next < records.count {
            next += appender.add(records, from: next)
            try await stageSuspending(appender)
        }
        return appender.staged
    }

    /// Gives the batch to a round, waiting for room.
    func stage(_ appender: BatchAppender, isCommittedByCaller: Bool) throws(LogError) {
        while let round = try appender.stage(isCommittedByCaller: isCommittedByCaller) {
            committer.waitLeading(for: round)
        }
    }

    func stageSuspending(_ appender: BatchAppender) async throws(LogError) {
        while let round = try appender.stage(isCommittedByCaller: false) { await committer.rounds.reached(round) }
    }
}
