import KafkaClient
import RecordFormat

/// What a partition takes on disk, and where that goes.
struct PartitionUse: Hashable {
    var partition: TopicPartition
    /// Of record batches as they are stored; nil: not known.
    var bytes: Int64?
    /// Offsets from the first record to the end: fewer records where the topic is compacted. nil: not known.
    var records: Int64?
    /// Of the first record; nil: there is none, or it is not known.
    var oldest: Timestamp?
    /// nil: no rate can be told.
    var growth: Growth?
    var bound = HoldBound.unknown
    /// Bytes that the last compaction has left; nil: there was none, or it is not known.
    var compacted: Int64?
    /// Why something is not known.
    var note: String?
}

/// Several partitions together.
struct DiskUse: Hashable {
    var partitions = 0
    /// nil: of one at least it is not known.
    var bytes: Int64? = 0
    var records: Int64? = 0
    var oldest: Timestamp?
    var growth: Growth?
    var bound = HoldBound.bytes(0)
    /// Of those that have been compacted; nil: none has.
    var compacted: Int64?
    var note: String?

    init(_ uses: some Collection<PartitionUse>) {
        partitions = uses.count
        growth = Growth.sum(uses.lazy.map(\.growth))
        for use in uses {
            bytes = Self.sum(bytes, use.bytes)
            records = Self.sum(records, use.records)
            if let time = use.oldest { oldest = min(oldest ?? time, time) }
            bound = bound + use.bound
            if let bytes = use.compacted { compacted = (compacted ?? 0).addingClamped(bytes) }
            note = note ?? use.note
        }
        note = note ?? growth?.note
    }

    private static func sum(_ a: Int64?, _ b: Int64?) -> Int64? {
        guard let a, let b else { return nil }
        return a.addingClamped(b)
    }
}
