import KafkaClient
import RecordFormat

/// What a change will do to a group, before it is done: a row a partition.
struct GroupPlan {
    struct Row: Hashable {
        var partition: TopicPartition
        /// nil: nothing is committed.
        var from: Offset?
        /// nil: what is committed is removed.
        var to: Offset?
        /// Records that will be consumed again.
        var replayed: Int64 = 0
        /// Records that will not be consumed.
        var skipped: Int64 = 0
        /// The time between the first record not yet consumed before and after, in milliseconds; of an end, it is now.
        /// nil: unknown.
        var milliseconds: Int64?
        var note: String?

        var isChange: Bool { from != to }
    }

    var group: String
    var rows: [Row]

    var changes: [Row] { rows.filter(\.isChange) }
    var replayed: Int64 { rows.reduce(0) { $0 + $1.replayed } }
    var skipped: Int64 { rows.reduce(0) { $0 + $1.skipped } }
    /// Of the partition that goes back furthest.
    var millisecondsReplayed: Int64? { rows.filter { $0.replayed > 0 }.compactMap(\.milliseconds).max() }
    var millisecondsSkipped: Int64? { rows.filter { $0.skipped > 0 }.compactMap(\.milliseconds).max() }
}

extension GroupPlan.Row {
    /// - Parameters:
    ///   - times: of the first record at or after an offset; nil for an end.
    ///   - positions: where the partition begins and ends; nil: it is not there any more.
    init(
        _ partition: TopicPartition, from: Offset?, to: Offset?, start: Offset?, end: Offset?,
        timeFrom: Timestamp?, timeTo: Timestamp?, now: Timestamp, note: String? = nil
    ) {
        self.init(partition: partition, from: from, to: to, note: note)
        guard let from, let to, let start, let end, from != to else { return }
        // What was deleted is not replayed, and what is not there is not skipped.
        let (low, high) = (max(min(from, to), start), min(max(from, to), end))
        let count = max(0, high.distance(from: low))
        if to < from { replayed = count } else { skipped = count }
        let earlier = to < from ? timeTo : timeFrom
        let later = to < from ? timeFrom : timeTo
        if count > 0, let earlier { milliseconds = (later ?? now).milliseconds(since: earlier) }
    }
}

/// The plan as it is printed.
extension GroupPlan {
    var table: Table {
        var table = Table([
            .init("topic", "Topic"), .init("partition", "Partition", isNumber: true),
            .init("from", "From", isNumber: true), .init("to", "To", isNumber: true),
            .init("replayed", "Replayed", isNumber: true), .init("skipped", "Skipped", isNumber: true),
            .init("seconds", "Time", isNumber: true), .init("note", "Note"),
        ])
        for row in rows {
            let isKnown = row.from != nil && row.to != nil
            table.add(
                .text(row.partition.topic), .init(row.partition.partition), .init(row.from),
                row.to == nil && row.from != nil ? .figure("removed", json: "null") : .init(row.to),
                isKnown ? .number(row.replayed) : .none, isKnown ? .number(row.skipped) : .none,
                .span(row.milliseconds), .init(row.note))
        }
        return table
    }

    /// `replays 1,200 records (2 h 0 min), skips 3 records (4.2 s)`.
    var summary: String {
        var parts: [String] = []
        if replayed > 0 { parts.append("replays \(Self.count(replayed))\(Self.span(millisecondsReplayed))") }
        if skipped > 0 { parts.append("skips \(Self.count(skipped))\(Self.span(millisecondsSkipped))") }
        let removed = rows.count { $0.to == nil && $0.from != nil }
        if removed > 0 { parts.append("removes \(removed.counted("committed offset"))") }
        let first = rows.count { $0.from == nil && $0.to != nil }
        if first > 0 { parts.append("gives \(first.counted("partition")) a first offset") }
        return parts.isEmpty ? "leaves every partition where it is" : parts.joined(separator: ", ")
    }

    private static func count(_ records: Int64) -> String { records.counted("record") }
    private static func span(_ milliseconds: Int64?) -> String {
        milliseconds.map { " (\(SpanText.forPeople($0)))" } ?? ""
    }
}
