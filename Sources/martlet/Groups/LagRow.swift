import KafkaClient

/// How lag is gathered into rows.
enum LagLevel: String, CaseIterable {
    case group, topic, member, partition
}

/// What rows are sorted by: the largest first, but for names.
enum LagOrder: String, CaseIterable {
    case name, records, seconds, bytes
}

/// One row of `group lag`.
struct LagRow: Hashable {
    var group: String
    /// nil: of several.
    var topic: String?
    var partition: Int?
    var member: String?
    var total: LagTotal
    var note: String?

    static func rows(_ lags: [PartitionLag], level: LagLevel, order: LagOrder) -> [LagRow] {
        var rows: [LagRow]
        switch level {
        case .partition:
            rows = lags.map { lag in
                LagRow(
                    group: lag.group, topic: lag.partition.topic, partition: lag.partition.partition,
                    member: lag.member, total: LagTotal(CollectionOfOne(lag)), note: lag.note)
            }
        case .topic:
            rows = gathered(lags) { LagRow(group: $0.group, topic: $0.partition.topic, total: LagTotal([])) }
        case .member:
            rows = gathered(lags) { LagRow(group: $0.group, member: $0.member, total: LagTotal([])) }
        case .group:
            rows = gathered(lags) { LagRow(group: $0.group, total: LagTotal([])) }
        }
        rows.sort { a, b in
            let (first, second) = (order.value(a.total), order.value(b.total))
            return first == second ? a.key < b.key : first > second
        }
        return rows
    }

    private static func gathered(_ lags: [PartitionLag], _ row: (PartitionLag) -> LagRow) -> [LagRow] {
        Dictionary(grouping: lags, by: row).map { row, lags in
            var row = row
            row.total = LagTotal(lags)
            row.note = lags.contains { $0.note != nil } ? lags.lazy.compactMap(\.note).first : nil
            return row
        }
    }

    private var key: (String, String, Int, String) { (group, topic ?? "", partition ?? -1, member ?? "") }
}

extension LagOrder {
    /// All the same where names decide.
    fileprivate func value(_ total: LagTotal) -> Int64 {
        switch self {
        case .name: 0
        case .records: total.records ?? -1
        case .seconds: total.milliseconds ?? -1
        case .bytes: total.bytes ?? -1
        }
    }
}
