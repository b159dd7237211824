import KafkaClient
import RecordFormat

/// Which events `group history` shows.
struct HistoryFilter {
    var since: Timestamp?
    var until: Timestamp?
    var selection = PartitionSelection.all
    /// Leaves out plain commits.
    var changesOnly = false

    func shows(_ event: GroupEvent) -> Bool {
        if let since, event.time < since { return false }
        if let until, event.time >= until { return false }
        if changesOnly, event.isCommit { return false }
        if case .offset(let partition, _, _, _) = event.what { return selection.contains(partition) }
        return selection.isAll
    }
}

/// The events of a group that are shown, each with what was committed before it.
struct SelectedEvents {
    private let filter: HistoryFilter
    /// nil: all.
    private let last: Int?
    private var timeline: OffsetsTimeline
    private var kept: [GroupEvent] = []
    /// Nothing has ever happened to the group.
    private(set) var isEmpty = true

    init(_ filter: HistoryFilter, last: Int? = nil, _ reach: HistoryReach = HistoryReach()) {
        self.filter = filter
        timeline = OffsetsTimeline(reach)
        self.last = last
    }

    mutating func take(_ event: GroupEvent) {
        isEmpty = false
        let event = timeline.take(event)
        guard filter.shows(event) else { return }
        kept.append(event)
        // As many again are kept, so that dropping them costs little.
        if let last, kept.count >= 2 * last { kept.removeFirst(kept.count - last) }
    }

    var shown: [GroupEvent] { last.map { kept.suffix($0) } ?? kept }
}
