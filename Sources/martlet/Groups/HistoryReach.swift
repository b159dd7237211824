import RecordFormat

/// How far back the history of groups is whole: of what is older, compaction leaves of each partition only what was
/// committed last, and nothing where that was removed.
struct HistoryReach: Hashable, Sendable {
    /// Nothing that happened since then is gone.
    var wholeSince = Timestamp(milliseconds: .min)
    /// Something that happened before then is gone.
    var hasGap = false

    /// - Parameter milliseconds: for how long nothing is compacted.
    init(keeping milliseconds: Int64 = .max, before now: Timestamp = Timestamp(milliseconds: 0)) {
        let (since, overflow) = now.milliseconds.subtractingReportingOverflow(milliseconds)
        wholeSince = Timestamp(milliseconds: overflow ? .min : since)
    }

    /// Whether everything is known that happened from `time` on.
    func isWhole(from time: Timestamp) -> Bool { !hasGap || time >= wholeSince }

    var wholeSinceText: String { TimeText.format(wholeSince.milliseconds) }
}
