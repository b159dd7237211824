import KafkaClient
import RecordFormat

/// Where two sets of committed offsets are not the same.
struct OffsetsDiff {
    struct Row: Hashable {
        var partition: TopicPartition
        /// nil: it has none.
        var first: Offset?
        var second: Offset?

        /// How many records the second is further; nil: one of them is nowhere.
        var difference: Int64? {
            guard let first, let second else { return nil }
            return second.distance(from: first)
        }
    }

    var rows: [Row]
    /// Partitions in which the two are the same.
    var same: Int

    init(
        _ first: [TopicPartition: GroupOffset], _ second: [TopicPartition: GroupOffset], _ selection: PartitionSelection
    ) {
        let partitions = Set(first.keys).union(second.keys).filter(selection.contains).sorted()
        let all = partitions.map { Row(partition: $0, first: first[$0]?.offset, second: second[$0]?.offset) }
        rows = all.filter { $0.first != $0.second }
        same = all.count - rows.count
    }

    var isEmpty: Bool { rows.isEmpty }
    /// Partitions that were compared.
    var count: Int { rows.count + same }
}
