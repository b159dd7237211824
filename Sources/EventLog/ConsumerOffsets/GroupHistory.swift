internal import Synchronization

/// What happened to one group, record by record. Fed with its records in order it says what each changed, and what the
/// group's offsets were after it.
package struct GroupHistory: Sendable {
    /// What the group has committed by the records so far: by topic and partition.
    package private(set) var offsets: [String: [Int32: CommittedOffset]] = [:]

    package init() {}

    package mutating func add(_ record: DecodedGroupRecord) -> GroupEvent {
        guard case .offset(let topic, let partition) = record.entry.key else {
            return GroupEvent(record, .state(record.entry))
        }
        let after: CommittedOffset? =
            if case .offset(_, _, let committed) = record.entry { committed } else { nil }
        var before = offsets[topic]?[partition]
        // A change says what was there, also where the log does not begin with the group.
        if let note = record.note, note.before != before?.offset { before = note.before.map { CommittedOffset($0) } }
        offsets[topic, default: [:]][partition] = after
        if offsets[topic]?.isEmpty == true { offsets[topic] = nil }
        return GroupEvent(record, .offset(topic: topic, partition: partition, before: before, after: after))
    }
}

/// Whether records that are read one after the other are all that there ever were: a compacted log has gaps.
package struct OffsetContinuity: Sendable {
    package private(set) var next: Offset
    package private(set) var hasGap = false

    /// - Parameter start: where the log starts.
    package init(from start: Offset) { next = start }

    package mutating func take(_ offset: Offset) {
        if offset > next { hasGap = true }
        next = offset.advanced(by: 1)
    }

    /// The log was read up to here.
    package mutating func end(at end: Offset) { if end > next { hasGap = true } }
}

/// One thing that happened to a group.
package struct GroupEvent: Hashable, Sendable {
    package var timestamp: Timestamp
    /// nil: the record does not say.
    package var author: ChangeAuthor?
    /// nil: a consumer's own commit, or a step of the group's protocol.
    package var note: ChangeNote?
    package var subject: Subject

    package enum Subject: Hashable, Sendable {
        /// nil before: nothing was committed, or the log does not say. nil after: the offset was removed.
        case offset(topic: String, partition: Int32, before: CommittedOffset?, after: CommittedOffset?)
        /// Members came or went, or the group was removed.
        case state(GroupEntry)
    }

    init(_ record: DecodedGroupRecord, _ subject: Subject) {
        timestamp = record.timestamp
        author = record.author
        note = record.note
        self.subject = subject
    }
}

extension ConsumerOffsets {
    /// Calls `body` with each record of a group that the log still has, the oldest first, until it returns false.
    /// Records that are not by Kafka's schemas are passed over. Throws as `Partition.scan` does.
    package func forEachRecord(
        of group: String, _ body: (DecodedGroupRecord) -> Bool
    ) throws(LogError) {
        try forEachRecord(of: group) { record, _ in body(record) }
    }

    /// The same, with whether records before it are gone. Returns whether any are.
    @discardableResult
    package func forEachRecord(
        of group: String, _ body: (_ record: DecodedGroupRecord, _ followsGap: Bool) -> Bool
    ) throws(LogError) -> Bool {
        guard let partition = partition(of: group) else { return false }
        var offsets = OffsetContinuity(from: partition.logStart)
        let end = try partition.scan(from: .offset(offsets.next)) { record in
            offsets.take(record.offset)
            // The key alone tells most records of other groups.
            guard let key = record.key, let found = try? GroupKey.decode(key), found.group == group else { return true }
            let stored = record.makeStoredRecord()
            let decoded = try? DecodedGroupRecord.decode(
                key: stored.key, value: stored.value, headers: stored.headers, timestamp: stored.timestamp)
            guard let decoded = decoded ?? nil else { return true }
            return body(decoded, offsets.hasGap)
        }
        offsets.end(at: end)
        return offsets.hasGap
    }

    /// For how long nothing that happens to groups is compacted, in milliseconds: nil where there is no history yet.
    var historyMilliseconds: Int64? { offsetsTopic?.settings.compactionLagMilliseconds }

    /// Since when nothing is gone that happened to groups; nil: nothing ever was.
    package func historyStart(now: Timestamp) -> Timestamp? {
        guard let kept = historyMilliseconds, let log else { return nil }
        let (since, overflow) = now.milliseconds.subtractingReportingOverflow(kept)
        let start = max(log.historyStart.load(ordering: .acquiring), overflow ? .min : since)
        return start == .min ? nil : Timestamp(milliseconds: start)
    }

    /// What happened to a group, the oldest first, until `body` returns false.
    package func forEachEvent(of group: String, _ body: (GroupEvent) -> Bool) throws(LogError) {
        var history = GroupHistory()
        try forEachRecord(of: group) { body(history.add($0)) }
    }
}
