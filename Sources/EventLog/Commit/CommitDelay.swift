/// How long the committer's thread waits after a round for those who were told of it: most of them append again at once, but
/// one after the other. A round that begins with the first leaves the rest to the next one, so that each waits for two.
///
/// Where they do not come back in time, as clients behind a socket do not, it is tried ever more rarely.
struct CommitDelay {
    private static let nanosecondsMax: Int64 = 1_000_000
    /// To be told, to append, and to have a processor for it.
    private static let nanosecondsPerCaller: Int64 = 2_000
    private static let skippedMax = 1 << 10

    private var skipped = 0
    private var skippedAfterFailure = 1

    /// Nanoseconds to wait for `callers`; nil: not now.
    mutating func next(callers: Int, roundNanoseconds: Int64) -> Int64? {
        guard callers > 1 else { return nil }
        guard skipped == 0 else {
            skipped -= 1
            return nil
        }
        return min(Self.nanosecondsMax, roundNanoseconds / 2 + Int64(callers) * Self.nanosecondsPerCaller)
    }

    mutating func note(allCame: Bool) {
        if allCame {
            skippedAfterFailure = 1
        } else {
            skipped = skippedAfterFailure
            skippedAfterFailure = min(skippedAfterFailure * 2, Self.skippedMax)
        }
    }
}
