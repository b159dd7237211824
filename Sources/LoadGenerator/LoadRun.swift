/// One run of producers and what goes with them, on the calling thread.
enum LoadRun {
    /// What is under way at the end has so many nanoseconds to be answered.
    static let patience: Int64 = 10 * LoadClock.second
    /// From when all is set up until the first record is due.
    static let lead: Int64 = 5_000_000
    /// Of batches that are made in advance.
    static let (poolBytesMax, poolBatchesMax) = (16 << 20, 64)

    /// A connection for each share of the partitions.
    static func connect(_ shares: [[LoadTarget.Partition]], made: Int = 0) throws(LoadError) -> [LoadConnection] {
        var connections: [LoadConnection] = []
        for share in shares {
            connections.append(try LoadConnection(to: share[0].leader, made: made + connections.count))
        }
        return connections
    }

    static func part(_ now: Int64, from start: Int64, until end: Int64) -> Double? {
        guard end != .max, end > start else { return nil }
        return min(max(Double(now - start) / Double(end - start), 0), 1)
    }
}
