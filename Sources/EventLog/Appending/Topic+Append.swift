/// Where a record went.
public struct RecordPosition: Hashable, Sendable {
    /// Numbered from 0.
    public let partition: Int
    public let offset: Offset
}

/// Appending to whichever partition a record's key names, as Kafka's Java client chooses it. Records without a key go
/// to one partition a call, to the next with the next call.
extension Topic {
    /// Appends one record and returns where it went, when it is durable. Throws as `Partition.append` does.
    @discardableResult
    public func append(_ record: Record) throws(LogError) -> RecordPosition {
        let partition = partition(forKey: record.key)
        if record.key == nil { moveOn() }
        return RecordPosition(partition: partition.index, offset: try partition.append(record))
    }

    @discardableResult
    public func append(_ record: Record) async throws(LogError) -> RecordPosition {
        let partition = partition(forKey: record.key)
        if record.key == nil { moveOn() }
        return RecordPosition(partition: partition.index, offset: try await partition.append(record))
    }

    /// Appends records, each partition's in order, and returns when all are durable.
    /// Throws as `Partition.append` does; then a part of them may have been appended.
    public func append(contentsOf records: [Record]) throws(LogError) {
        guard let log else { throw .closed }
        try log.append(shares(of: records))
    }

    /// The same, suspending the task.
    public func append(contentsOf records: [Record]) async throws(LogError) {
        guard let log else { throw .closed }
        try await log.append(shares(of: records))
    }

    private func shares(of records: [Record]) -> [PartitionAppend] {
        let partitions = partitions
        var shares = [[Record]](repeating: [], count: partitions.count)
        for record in records { shares[index(forKey: record.key, of: partitions.count)].append(record) }
        moveOn()
        return zip(partitions, shares).filter { !$1.isEmpty }.map { PartitionAppend(to: $0, $1) }
    }
}
