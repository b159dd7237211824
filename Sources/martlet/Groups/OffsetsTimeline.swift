import KafkaClient
import RecordFormat

/// Goes through a group's events in order, and knows what was committed at each moment.
struct OffsetsTimeline {
    private(set) var offsets: [TopicPartition: GroupOffset] = [:]
    /// The last change that was no plain commit.
    private(set) var lastChange: Change?
    private(set) var changes: [String: Change] = [:]
    private let reach: HistoryReach
    /// Partitions that the events so far are about.
    private var seen: Set<TopicPartition> = []

    init(_ reach: HistoryReach = HistoryReach()) { self.reach = reach }

    /// Offsets that were set together by something other than a plain commit.
    struct Change: Hashable {
        var id: String
        var kind: String
        var author: String?
        var time: Timestamp
        var before: [TopicPartition: GroupEvent.Prior]
    }

    /// The event with what was committed before it, where that is known from the events before and it does not say so itself.
    mutating func take(_ event: GroupEvent) -> GroupEvent {
        var event = event
        guard case .offset(let partition, var before, let after, let metadata) = event.what else { return event }
        let isFirst = seen.insert(partition).inserted
        if before == .unknown, !(isFirst && event.followsGap && event.time < reach.wholeSince) {
            before = offsets[partition].map { .offset($0.offset) } ?? .nothing
            event.what = .offset(partition, before: before, after: after, metadata: metadata)
        }
        offsets[partition] = after.map { GroupOffset(offset: $0, metadata: metadata) }
        if !event.isCommit, event.kind != GroupEvent.topicDeleted { note(event, partition, before) }
        return event
    }

    private mutating func note(_ event: GroupEvent, _ partition: TopicPartition, _ before: GroupEvent.Prior) {
        // A change without an id is one of its kind and time.
        let id = event.change ?? "\(event.kind)@\(event.time)"
        var change =
            changes[id] ?? Change(id: id, kind: event.kind, author: event.author, time: event.time, before: [:])
        if change.before[partition] == nil { change.before[partition] = before }
        changes[id] = change
        lastChange = change
    }
}
