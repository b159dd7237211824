import RecordFormat

/// How far back the history of groups is whole: of what is older, compaction leaves of each partition only what was
/// committed last, and nothing where that was removed.
struct HistoryReach: Hashable, Sendable {
    /// Nothing that happened since then is gone.
    var wholeSince: Timestamp
    /// Something that happened before then is gone.
    var hasGap = false

    init(wholeSince: Timestamp = Timestamp(milliseconds: .min)) { self.wholeSince = wholeSince }

    /// Whether everything is known that happened from `time` on.
    func isWhole(from time: Timestamp) -> Bool { !hasGap || time >= wholeSince }

    var wholeSinceText: String { TimeText.format(wholeSince.milliseconds) }
}
