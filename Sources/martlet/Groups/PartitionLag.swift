import KafkaClient
import RecordFormat

/// How far a group is behind in a partition.
struct PartitionLag: Hashable {
    var group: String
    var partition: TopicPartition
    /// nil: nothing is committed; where a consumer would begin is its own affair.
    var committed: Offset?
    /// nil: the partition is not there any more.
    var end: Offset?
    /// Records that are there and have not been consumed; nil: not known.
    var records: Int64?
    /// Record batches as they are stored, from the one with the first record that has not been consumed; nil: not known.
    var bytes: Int64?
    /// Now minus the timestamp of the first record that has not been consumed; 0: all have been.
    var milliseconds: Int64?
    /// Records that were deleted before they were consumed.
    var lost: Int64 = 0
    /// Who reads it, by the name that `MemberNames` has; nil: nobody.
    var member: String?

    init(
        group: String, partition: TopicPartition, committed: Offset?, position: DescribedPosition?, now: Timestamp,
        member: String? = nil
    ) {
        self.group = group
        self.partition = partition
        self.committed = committed
        self.member = member
        end = position?.end
        guard let committed, let position else { return }
        let first = max(committed, position.logStart)
        records = max(0, position.end.distance(from: first))
        lost = max(0, position.logStart.distance(from: committed))
        guard records != 0 else {
            (bytes, milliseconds) = (0, 0)
            return
        }
        bytes = position.bytesToEnd.map(Int64.init)
        milliseconds = position.nextTimestamp.map(now.milliseconds(since:))
    }

    /// What an operator should know of it.
    var note: String? {
        if end == nil { return "the partition is not there any more" }
        if lost > 0 { return "\(lost.grouped) records were deleted before they were consumed" }
        if let committed, let end, committed > end { return "committed past the end" }
        return nil
    }
}
