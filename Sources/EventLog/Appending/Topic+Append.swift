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
    public func append(contentsOf records: some Sequence<Record>) throws(LogError) {
        var appenders: [Int: BatchAppender] = [:]
        for record in records {
            let partition = partition(forKey: record.key)
            let appender = appenders[partition.index] ?? BatchAppender(partition, now: partition.environment.now())
            appenders[partition.index] = appender
            while !appender.add(record) { try partition.stage(appender, leadsItself: false) }
        }
        moveOn()
        // All are staged before any is waited for: they share a round.
        for appender in appenders.values { try appender.partition.stage(appender, leadsItself: true) }
        for appender in appenders.values {
            if let round = appender.lastTicket?.round { appender.partition.committer.waitLeading(for: round) }
            try appender.checkOutcome()
        }
    }

    /// The same, suspending the task.
    public func append(contentsOf records: some Sequence<Record>) async throws(LogError) {
        var appenders: [Int: BatchAppender] = [:]
        for record in records {
            let partition = partition(forKey: record.key)
            let appender = appenders[partition.index] ?? BatchAppender(partition, now: partition.environment.now())
            appenders[partition.index] = appender
            while !appender.add(record) { try await partition.stageSuspending(appender) }
        }
        moveOn()
        for appender in appenders.values { try await appender.partition.stageSuspending(appender) }
        for appender in appenders.values {
            if let round = appender.lastTicket?.round { await appender.partition.committer.rounds.reached(round) }
            try appender.checkOutcome()
        }
    }
}
