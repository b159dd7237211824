/// Records for one partition: a part of an append to many.
public struct PartitionAppend: Sendable {
    public let partition: Partition
    public let records: [Record]

    public init(to partition: Partition, _ records: [Record]) {
        self.partition = partition
        self.records = records
    }
}

extension EventLog {
    /// Appends to many partitions at once and returns each part's offsets when all are durable: they share the write
    /// that makes them so. Throws as `Partition.append` does; then a part of them may have been appended.
    @discardableResult
    public func append(_ appends: [PartitionAppend]) throws(LogError) -> [Range<Offset>] {
        var staged: [StagedAppend] = []
        staged.reserveCapacity(appends.count)
        for append in appends {
            let appender = BatchAppender(append.partition, now: options.environment.now())
            do { try append.partition.stage(append.records, with: appender) } catch {
                // What was staged so far counted on this thread to lead.
                committer.wake()
                throw error
            }
            staged.append(StagedAppend(appender))
        }
        if let round = staged.lazy.compactMap({ $0.ticket?.round }).max() { committer.waitLeading(for: round) }
        return try finish(staged)
    }

    /// The same, suspending the task.
    @discardableResult
    public func append(_ appends: [PartitionAppend]) async throws(LogError) -> [Range<Offset>] {
        var staged: [StagedAppend] = []
        for append in appends {
            let appender = BatchAppender(append.partition, now: options.environment.now())
            try await append.partition.stageSuspending(append.records, with: appender)
            staged.append(StagedAppend(appender))
        }
        if let round = staged.lazy.compactMap({ $0.ticket?.round }).max() { await rounds.reached(round) }
        return try finish(staged)
    }

    private func finish(_ staged: [StagedAppend]) throws(LogError) -> [Range<Offset>] {
        var ranges: [Range<Offset>] = []
        ranges.reserveCapacity(staged.count)
        for append in staged {
            if let ticket = append.ticket, let failure = append.partition.outcome(of: ticket) { throw failure }
            ranges.append(append.offsets)
        }
        return ranges
    }
}

/// What is left of an appender when its memory has gone back to the pool.
private struct StagedAppend {
    let partition: Partition
    let ticket: AppendTicket?
    let offsets: Range<Offset>

    init(_ appender: BatchAppender) {
        partition = appender.partition
        ticket = appender.lastTicket
        offsets = appender.offsets
    }
}
