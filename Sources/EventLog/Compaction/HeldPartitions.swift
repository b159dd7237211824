internal import RecordFormat

/// Partitions that are not compacted for now, as a pass over them has failed.
struct HeldPartitions: Sendable {
    private var damaged: [Name: DamagedSegment] = [:]
    private var failed: [Name: Retry] = [:]

    private struct Name: Hashable {
        let topic: TopicID
        let index: Int

        init(_ partition: Partition) {
            topic = partition.topicID
            index = partition.index
        }
    }

    /// The partition is left alone until this segment is another.
    private struct DamagedSegment {
        let base: Offset
        let byteCount: Int
    }

    private struct Retry {
        var at: Timestamp
        /// Until the one after it, should this one fail too.
        var milliseconds: Int64
    }

    private static let retryMilliseconds: Int64 = 60_000, retryMillisecondsMax: Int64 = 3_600_000

    mutating func holds(_ partition: Partition, at now: Timestamp) -> Bool {
        let name = Name(partition)
        if let segment = damaged[name] {
            let isThere = partition.segments.contains {
                $0.baseOffset == segment.base && $0.byteCount == segment.byteCount
            }
            if isThere { return true }
            damaged[name] = nil
        }
        guard let retry = failed[name] else { return false }
        // A clock that was set back must not hold it for longer than that.
        let wait = retry.at.milliseconds.subtractingReportingOverflow(now.milliseconds)
        return wait.overflow || (wait.partialValue > 0 && wait.partialValue <= Self.retryMillisecondsMax)
    }

    mutating func add(damaged segment: Segment, of partition: Partition) {
        damaged[Name(partition)] = DamagedSegment(base: segment.baseOffset, byteCount: segment.byteCount)
    }

    /// Returns whether it is the first failure in a row.
    mutating func addFailure(of partition: Partition, at now: Timestamp) -> Bool {
        let name = Name(partition)
        let milliseconds = failed[name]?.milliseconds ?? Self.retryMilliseconds
        defer {
            failed[name] = Retry(
                at: now.advanced(by: milliseconds), milliseconds: min(milliseconds * 2, Self.retryMillisecondsMax))
        }
        return failed[name] == nil
    }

    mutating func forget(_ partition: Partition) { failed[Name(partition)] = nil }
}
