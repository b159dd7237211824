/// The lag of several partitions together: records and bytes are their sums, the time is that of the one furthest behind.
struct LagTotal: Hashable {
    var records: Int64?
    var bytes: Int64?
    var milliseconds: Int64?
    var partitions = 0

    init(_ lags: some Sequence<PartitionLag>) {
        for lag in lags {
            partitions += 1
            records = Self.sum(records, lag.records)
            bytes = Self.sum(bytes, lag.bytes)
            if let span = lag.milliseconds { milliseconds = max(milliseconds ?? 0, span) }
        }
        // A sum that leaves a partition out would be taken for all of it.
        if lags.contains(where: { $0.bytes == nil && $0.records ?? 0 > 0 }) { bytes = nil }
    }

    private static func sum(_ a: Int64?, _ b: Int64?) -> Int64? {
        guard let a, let b else { return a ?? b }
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? .max : sum
    }
}
