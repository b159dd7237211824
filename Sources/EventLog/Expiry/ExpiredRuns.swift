/// Stretches of a partition in which every batch is expired: so that a reader goes over one in one step, however long.
/// A cache: what is forgotten is looked at again.
struct ExpiredRuns {
    private struct Run {
        var start: Offset
        /// The offset after its last.
        var end: Offset
        /// When the last of its batches expired: for an earlier moment, if the clock went back, it says nothing.
        var expiry: Timestamp
    }

    /// In order; they do not touch each other.
    private var runs: [Run] = []

    static let countMax = 1024

    var count: Int { runs.count }

    /// Where what follows `offset` and is expired at `now` ends, as far as is known; `offset` itself where it is not.
    func end(from offset: Offset, at now: Timestamp) -> Offset {
        let next = runs.partitionPoint { $0.start <= offset }
        guard next > 0, runs[next - 1].end > offset, runs[next - 1].expiry <= now else { return offset }
        return runs[next - 1].end
    }

    /// Every batch with a record from `start` to before `end` was found to be expired at `now`, the last at `expiry`.
    mutating func add(_ start: Offset, to end: Offset, expiry: Timestamp, at now: Timestamp) {
        guard start < end else { return }
        let first = runs.partitionPoint { $0.end < start }
        let behind = runs.partitionPoint { $0.start <= end }
        var run = Run(start: start, end: end, expiry: expiry)
        // Of one that is of the future, the clock went back, the reader at hand could not make use.
        for met in runs[first..<behind] where met.expiry <= now {
            run.start = min(run.start, met.start)
            run.end = max(run.end, met.end)
            run.expiry = max(run.expiry, met.expiry)
        }
        runs.replaceSubrange(first..<behind, with: [run])
        if runs.count > Self.countMax { forgetShortest(besides: first) }
    }

    /// Not the one that was just found: who found it goes on from there.
    private mutating func forgetShortest(besides kept: Int) {
        let shortest = runs.indices.filter { $0 != kept }.min {
            runs[$0].end.distance(from: runs[$0].start) < runs[$1].end.distance(from: runs[$1].start)
        }
        if let shortest { runs.remove(at: shortest) }
    }
}
