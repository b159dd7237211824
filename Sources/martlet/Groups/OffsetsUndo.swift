import KafkaClient
import RecordFormat

/// Finds in a group's history what was committed at a time, or before a change.
struct OffsetsUndo {
    let group: String
    private(set) var reach: HistoryReach
    private var timeline: OffsetsTimeline
    /// All partitions that ever had an offset.
    private var partitions: Set<TopicPartition> = []
    private var first: Timestamp?

    init(group: String, _ reach: HistoryReach = HistoryReach()) {
        self.group = group
        self.reach = reach
        timeline = OffsetsTimeline(reach)
    }

    /// - Parameter time: what happened later counts only for which partitions there are.
    mutating func take(_ event: GroupEvent, until time: Timestamp?) {
        guard case .offset(let partition, _, _, _) = event.what else { return }
        partitions.insert(partition)
        if first == nil { first = event.time }
        if let time, event.time > time { return }
        _ = timeline.take(event)
    }

    /// All events were taken. `hasGap`: there were others between them, or before.
    mutating func end(hasGap: Bool) { reach.hasGap = hasGap }

    /// nil: nothing was committed of a partition then.
    func offsets(at time: Timestamp) throws -> [TopicPartition: GroupOffset?] {
        guard let first else { throw nothingKept }
        guard reach.isWhole(from: time) else {
            throw Failure(
                "what group '\(group)' had committed at \(TimeText.format(time.milliseconds)) is not known any more: its "
                    + "history is whole since \(reach.wholeSinceText) (offsets.history.ms): give that or a later time")
        }
        guard first <= time else {
            throw Failure(
                "the history of group '\(group)' begins at \(TimeText.format(first.milliseconds)): give that or a later "
                    + "time")
        }
        return partitions.reduce(into: [:]) { $0[$1] = .some(timeline.offsets[$1]) }
    }

    /// - Parameter id: of the change, or how it begins; nil: the last one.
    func offsets(beforeChange id: String?) throws -> [TopicPartition: GroupOffset?] {
        let change = try change(id)
        guard reach.isWhole(from: change.time) else {
            throw Failure(
                "what was committed before change '\(change.id)' is not known any more: the history of group '\(group)' is "
                    + "whole since \(reach.wholeSinceText) (offsets.history.ms), and it is older: give --at with a time "
                    + "since then")
        }
        return try change.before.reduce(into: [:]) { targets, pair in
            switch pair.value {
            case .offset(let offset): targets[pair.key] = .some(GroupOffset(offset: offset))
            case .nothing: targets[pair.key] = .some(nil)
            case .unknown:
                throw Failure("what was committed of \(pair.key) before is not written down: give --at with a time")
            }
        }
    }

    private func change(_ id: String?) throws -> OffsetsTimeline.Change {
        guard let id else {
            guard let last = timeline.lastChange else {
                throw partitions.isEmpty
                    ? nothingKept
                    : Failure("group '\(group)' was \(notReset): give --at with a time to go back to")
            }
            return last
        }
        let matches = timeline.changes.values.filter { $0.id.hasPrefix(id) }
        guard let match = matches.first(where: { $0.id == id }) ?? matches.first, !id.isEmpty else {
            throw Failure("group '\(group)' has no change '\(id)': see 'martlet group history \(group) --changes-only'")
        }
        guard match.id == id || matches.count == 1 else {
            throw Failure("'\(id)' begins the ids of \(matches.count.grouped) changes: give more of it")
        }
        return match
    }

    private var notReset: String { reach.hasGap ? "not reset since \(reach.wholeSinceText)" : "never reset" }

    private var nothingKept: Failure {
        Failure("nothing is written down of group '\(group)': check its spelling, or list the groups there are")
    }
}
