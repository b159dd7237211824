import EventLog
import KafkaClient
import RecordFormat

extension KeepingRules {
    /// The first offset that stays in a partition: where a segment begins, or where the partition ends. By the very rule
    /// that the log deletes by.
    func start(of partition: DescribedSegments, now: Timestamp) -> Offset {
        guard let retention = Retention(topicSettings, now: now) else { return partition.logStart }
        let start = retention.newStart(
            of: partition.segments.map { segment in
                SegmentSummary(
                    baseOffset: segment.base, endOffset: segment.next, byteCount: Int(clamping: max(0, segment.bytes)),
                    maxTimestamp: segment.maxTimestamp ?? .none)
            })
        return min(max(partition.logStart, start ?? partition.logStart), partition.end)
    }

    /// What they are to the log, as far as something is deleted by them.
    private var topicSettings: TopicSettings {
        var settings = TopicSettings()
        func set(_ name: String, _ value: Int64?) {
            // Every number that is no less than 0 is one that it takes.
            if let value { try? settings.set(name, to: String(value)) }
        }
        try? settings.set("cleanup.policy", to: deletes ? "delete" : "compact")
        set("retention.ms", retentionMilliseconds)
        set("retention.bytes", retentionBytes)
        set("record.ttl.ms", recordTTLMilliseconds)
        try? settings.set("record.ttl.headers", to: String(readsTTLHeaders))
        return settings
    }
}

/// What a change of a topic's settings deletes now that was to stay before.
struct DeletionPlan: Hashable {
    struct Part: Hashable {
        var partition: Int
        var records: Int64
        /// nil: not known.
        var bytes: Int64?
        /// nil: not known.
        var segments: Int?
        /// Of what goes; nil: not known.
        var newest: Timestamp?
        /// Nothing of the partition stays.
        var isEverything: Bool
    }

    /// Of partitions that lose something.
    var parts: [Part]
    /// Of all partitions; nil: not known.
    var bytesBefore: Int64?
    /// Less may go: the broker does not say where segments end.
    var isUpperBound = false

    var isEmpty: Bool { parts.isEmpty }
    var records: Int64 { parts.reduce(0) { $0.addingClamped($1.records) } }
    var emptied: Int { parts.count(where: \.isEverything) }
    var newest: Timestamp? { parts.compactMap(\.newest).max() }
    var bytes: Int64? { Self.sum(parts.map(\.bytes)) }
    var segments: Int64? { Self.sum(parts.map { $0.segments.map(Int64.init) }) }

    private static func sum(_ numbers: [Int64?]) -> Int64? {
        numbers.reduce(0) { sum, number in
            guard let sum, let number else { return nil }
            return sum.addingClamped(number)
        }
    }

    /// From the segments that there are: exact.
    init(of partitions: [Int: DescribedSegments], from before: KeepingRules, to after: KeepingRules, now: Timestamp) {
        parts = []
        bytesBefore = Self.sum(partitions.values.flatMap(\.segments).map { $0.bytes })
        for (index, partition) in partitions.sorted(by: { $0.key < $1.key }) {
            let kept = before.start(of: partition, now: now)
            let start = after.start(of: partition, now: now)
            guard start > kept else { continue }
            let gone = partition.segments.filter { $0.base < start && $0.next > kept }
            parts.append(
                Part(
                    partition: index, records: start.distance(from: kept),
                    bytes: Self.sum(gone.map(\.bytes)), segments: gone.count,
                    newest: gone.compactMap(\.maxTimestamp).max(), isEverything: start == partition.end))
        }
    }

    /// By the records' times and the sizes of partitions alone: at most so much.
    /// - Parameters:
    ///   - firstKept: by partition, the first record that is young enough; where there is none, all are too old.
    init(
        of uses: [PartitionUse], _ positions: [TopicPartition: DescribedPosition],
        firstKept: [TopicPartition: Offset]?, to after: KeepingRules
    ) {
        (parts, isUpperBound) = ([], true)
        bytesBefore = Self.sum(uses.map(\.bytes))
        for use in uses {
            guard let position = positions[use.partition], position.end > position.logStart else { continue }
            let all = position.end.distance(from: position.logStart)
            let byAge = firstKept.map { max(0, ($0[use.partition] ?? position.end).distance(from: position.logStart)) }
            var part = min(1, Double(byAge ?? 0) / Double(all))
            if let bytes = use.bytes, let bytesMax = after.bytesMax, bytes > bytesMax {
                part = max(part, 1 - Double(bytesMax) / Double(bytes))
            }
            guard part > 0 else { continue }
            parts.append(
                Part(
                    partition: use.partition.partition, records: Int64(clamping: Double(all) * part),
                    bytes: use.bytes.map { Int64(clamping: Double($0) * part) }, segments: nil, newest: nil,
                    isEverything: part == 1))
        }
    }

    /// `delete 3.1 GiB of 3.4 GiB: 41 segments, 12,345,678 records up to 2026-11-28 10:04Z; everything of 4 partitions`.
    var text: String {
        var text = "delete " + (isUpperBound ? "up to " : "")
        if let bytes { text += BinarySize.text(bytes) } else { text += "an unknown number of bytes" }
        if let bytesBefore { text += " of \(BinarySize.text(bytesBefore))" }
        var details: [String] = []
        if let segments { details.append(segments.counted("segment")) }
        var counted = records.counted("record")
        if let newest { counted += " up to \(TimeText.minute(newest.milliseconds))" }
        details.append(counted)
        text += ": " + details.joined(separator: ", ")
        if emptied > 0 { text += "; everything of \(emptied.counted("partition"))" }
        return text
    }
}
