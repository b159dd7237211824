/// How far a group is behind in a partition.
public struct GroupLag: Hashable, Sendable {
    public let topicName: String
    public let partition: Int
    /// The offset of the next record that the group has yet to read.
    public let position: Offset
    /// The offset after the partition's last record.
    public let end: Offset
    /// How many offsets lie between the two.
    public let records: Int64
    /// How much of the log on disk lies before the group: from the batch that holds its position to the end.
    public let bytes: Int
    /// How long ago the next record that the group has yet to read was written, by its timestamp: exact, to the
    /// millisecond. Zero: there is none, or its timestamp is not past yet. nil: it has no timestamp.
    public let behind: Duration?

    init(of partition: Partition, _ place: PartitionPosition, now: Timestamp) {
        topicName = partition.topicName
        self.partition = partition.index
        position = place.offset
        end = place.end
        records = place.recordsToEnd
        bytes = place.bytesToEnd
        behind = place.behind(at: now)
    }
}

extension PartitionPosition {
    /// How long ago the next record was written; zero where there is none; nil where it does not say.
    package func behind(at now: Timestamp) -> Duration? {
        guard let nextTimestamp else { return .zero }
        guard nextTimestamp.milliseconds >= 0 else { return nil }
        let (age, overflow) = now.milliseconds.subtractingReportingOverflow(nextTimestamp.milliseconds)
        return .milliseconds(overflow ? Int64.max : max(0, age))
    }
}
