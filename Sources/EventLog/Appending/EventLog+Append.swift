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
            do { staged.append(try append.partition.stage(append.records)) } catch {
                // What was staged so far counted on this thread to lead.
                committer.wake()
                throw error
            }
        }
        if let round = staged.lazy.compactMap(\.round).max() { committer.waitLeading(for: round) }
        return try finish(staged)
    }

    /// The same, suspending the task.
    @discardableResult
    public func append(_ appends: [PartitionAppend]) async throws(LogError) -> [Range<Offset>] {
        var staged: [StagedAppend] = []
        staged.reserveCapacity(appends.count)
        for append in appends { staged.append(try await append.partition.stageSuspending(append.records)) }
        if let round = staged.lazy.compactMap(\.round).max() { await rounds.reached(round) }
        return try finish(staged)
    }

    /// Has a thread commit what has gathered; returns at once. For batches that were appended as `isCommittedByCaller`.
    package func commitGathered() { committer.commitGathered() }

    private func finish(_ staged: [StagedAppend]) throws(LogError) -> [Range<Offset>] {
        var ranges: [Range<Offset>] = []
        ranges.reserveCapacity(staged.count)
        for append in staged { ranges.append(try append.outcome()) }
        return ranges
    }
}
