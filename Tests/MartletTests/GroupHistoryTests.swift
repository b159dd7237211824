import KafkaClient
import Testing

@testable import martlet

@Suite("Group history", .timeLimit(.minutes(10)))
struct GroupHistoryTests {
    private let readings = TopicPartition(topic: "readings", partition: 0)
    private let other = TopicPartition(topic: "other", partition: 1)

    private func event(
        _ time: Int64, _ partition: TopicPartition, _ after: Offset?, kind: String = "commit", change: String? = nil,
        before: GroupEvent.Prior = .unknown
    ) -> GroupEvent {
        GroupEvent(
            time: Timestamp(milliseconds: time), kind: kind, author: "User:A c@h", change: change,
            what: .offset(partition, before: before, after: after, metadata: ""))
    }

    private var events: [GroupEvent] {
        [
            event(10, readings, 5), event(20, other, 7), event(30, readings, 9),
            event(40, readings, 2, kind: "reset", change: "aa1", before: .offset(9)),
            event(40, other, 3, kind: "reset", change: "aa1", before: .offset(7)),
            event(50, readings, 4),
            event(60, other, 1, kind: "restore", change: "ab2", before: .offset(3)),
        ]
    }

    private func undo(_ events: [GroupEvent], until time: Int64? = nil) -> OffsetsUndo {
        var undo = OffsetsUndo(group: "g")
        for event in events { undo.take(event, until: time.map { Timestamp(milliseconds: $0) }) }
        return undo
    }

    private func offsets(_ targets: [TopicPartition: GroupOffset?]) -> [TopicPartition: Offset?] {
        targets.mapValues { $0?.offset }
    }

    @Test("what was there before a plain commit is what was committed before it")
    func before() {
        var timeline = OffsetsTimeline()
        let priors = events.map { event -> GroupEvent.Prior in
            guard case .offset(_, let before, _, _) = timeline.take(event).what else { return .unknown }
            return before
        }
        #expect(
            priors == [
                .nothing, .nothing, .offset(5), .offset(9), .offset(7), .offset(2), .offset(3),
            ])
    }

    @Test("undo is about the last change that was no plain commit, and only its partitions")
    func lastChange() throws {
        #expect(offsets(try undo(events).offsets(beforeChange: nil)) == [other: 3])
        #expect(offsets(try undo(events.dropLast()).offsets(beforeChange: nil)) == [readings: 9, other: 7])
    }

    @Test("an undo is a change as well: undoing it does the first again")
    func redo() throws {
        let undone = event(70, other, 3, kind: "undo", change: "ac3", before: .offset(1))
        #expect(offsets(try undo(events + [undone]).offsets(beforeChange: nil)) == [other: 1])
    }

    @Test("a partition that had no offset before the change has none after the undo")
    func nothingBefore() throws {
        let made = event(10, readings, 5, kind: "copy", change: "c", before: .nothing)
        #expect(offsets(try undo([made]).offsets(beforeChange: nil)) == [readings: nil])
    }

    @Test("a change is named by its id, or by how that begins")
    func named() throws {
        #expect(offsets(try undo(events).offsets(beforeChange: "aa1")) == [readings: 9, other: 7])
        #expect(offsets(try undo(events).offsets(beforeChange: "ab")) == [other: 3])
        for id in ["a", "", "x"] {
            #expect(throws: Failure.self) { try undo(events).offsets(beforeChange: id) }
        }
    }

    @Test(
        "undo at a time is what was committed then",
        arguments: [
            (Int64(10), [5, nil]), (25, [5, 7]), (39, [9, 7]), (40, [2, 3]), (55, [4, 3]), (1000, [4, 1]),
        ] as [(Int64, [Int64?])])
    func at(time: Int64, expected: [Int64?]) throws {
        let found = try undo(events, until: time).offsets(at: Timestamp(milliseconds: time))
        #expect(found[readings]??.offset.value == expected[0] && found[other]??.offset.value == expected[1])
        #expect(found.count == 2)
    }

    @Test("before the history begins, without a reset, and of an unknown group, there is nothing to take back")
    func nothing() {
        #expect(throws: Failure.self) { try undo(events, until: 9).offsets(at: Timestamp(milliseconds: 9)) }
        #expect(throws: Failure.self) { try undo([event(10, readings, 5)]).offsets(beforeChange: nil) }
        #expect(throws: Failure.self) { try undo([]).offsets(beforeChange: nil) }
        #expect(throws: Failure.self) { try undo([]).offsets(at: Timestamp(milliseconds: 9)) }
    }

    @Test("that a topic was deleted is no change that anybody takes back")
    func topicDeleted() throws {
        let gone = event(70, other, nil, kind: "topic-deleted", change: "d", before: .offset(1))
        #expect(offsets(try undo(events + [gone]).offsets(beforeChange: nil)) == [other: 3])
    }

    @Test("events are shown by time, partition and kind, and only the last ones where that is asked for")
    func filter() throws {
        func shown(_ filter: HistoryFilter, last: Int? = nil) -> [Int64] {
            var selected = SelectedEvents(filter, last: last)
            for event in events { selected.take(event) }
            return selected.shown.map(\.time.milliseconds)
        }
        #expect(shown(HistoryFilter()).count == 7)
        #expect(shown(HistoryFilter(), last: 2) == [50, 60])
        #expect(shown(HistoryFilter(), last: 100).count == 7)
        let span = HistoryFilter(since: Timestamp(milliseconds: 30), until: Timestamp(milliseconds: 50))
        #expect(shown(span) == [30, 40, 40])
        #expect(shown(HistoryFilter(changesOnly: true)) == [40, 40, 60])
        let selection = PartitionSelection(terms: [try .init(parsing: "oth*:1")])
        #expect(shown(HistoryFilter(selection: selection)) == [20, 40, 60])
    }

    @Test("what is shown as before is right, however little is shown")
    func beforeOfLast() {
        var selected = SelectedEvents(HistoryFilter(since: Timestamp(milliseconds: 50)), last: 2)
        for event in events { selected.take(event) }
        let first = selected.shown.first?.what
        #expect(first == .offset(readings, before: .offset(2), after: 4, metadata: ""))
    }

    // MARK: What compaction has taken

    /// Whole since `time`, in a log with gaps.
    private func compacted(
        _ events: [GroupEvent], wholeSince time: Int64, until: Int64? = nil
    ) -> OffsetsUndo {
        let reach = HistoryReach(wholeSince: Timestamp(milliseconds: time))
        var undo = OffsetsUndo(group: "g", reach)
        for event in events { undo.take(event, until: until.map { Timestamp(milliseconds: $0) }) }
        undo.end(hasGap: true)
        return undo
    }

    @Test("undo at a time of which the history is not whole is refused, and says since when it is")
    func notKnownAnyMore() throws {
        for time in [10, 39, 49] as [Int64] {
            let undo = compacted(events, wholeSince: 50, until: time)
            let error = #expect(throws: Failure.self) { try undo.offsets(at: Timestamp(milliseconds: time)) }
            #expect(error?.message.contains("not known any more") == true)
            #expect(error?.message.contains("1970-01-01T00:00:00.050Z") == true)
        }
        let found = try compacted(events, wholeSince: 50, until: 50).offsets(at: Timestamp(milliseconds: 50))
        #expect(offsets(found) == [readings: 4, other: 3])
    }

    @Test("a change older than what the history is whole of is not taken back: a part of it may be gone")
    func changeTooOld() throws {
        #expect(throws: Failure.self) { try compacted(events, wholeSince: 50).offsets(beforeChange: "aa1") }
        #expect(offsets(try compacted(events, wholeSince: 50).offsets(beforeChange: nil)) == [other: 3])
        #expect(offsets(try compacted(events, wholeSince: 40).offsets(beforeChange: "aa1")) == [readings: 9, other: 7])
        #expect(throws: Failure.self) { try compacted(events, wholeSince: 61).offsets(beforeChange: nil) }
    }

    @Test("a log without a gap is whole, however old it is")
    func noGap() throws {
        var undo = OffsetsUndo(group: "g", HistoryReach(wholeSince: Timestamp(milliseconds: 1000)))
        for event in events { undo.take(event, until: Timestamp(milliseconds: 25)) }
        undo.end(hasGap: false)
        #expect(offsets(try undo.offsets(at: Timestamp(milliseconds: 25))) == [readings: 5, other: 7])
    }

    @Test("what was there before the first event that is left is unknown where compaction may have taken it")
    func unknownBefore() {
        func priors(wholeSince time: Int64, gap: Bool) -> [GroupEvent.Prior] {
            let reach = HistoryReach(wholeSince: Timestamp(milliseconds: time))
            var timeline = OffsetsTimeline(reach)
            let events = [event(10, readings, 5), event(20, other, nil), event(30, other, 9), event(40, readings, 2)]
            return events.map { event in
                var event = event
                event.followsGap = gap
                guard case .offset(_, let before, _, _) = timeline.take(event).what else { return .unknown }
                return before
            }
        }
        #expect(priors(wholeSince: 35, gap: true) == [.unknown, .unknown, .nothing, .offset(5)])
        #expect(priors(wholeSince: 15, gap: true) == [.unknown, .nothing, .nothing, .offset(5)])
        #expect(priors(wholeSince: 35, gap: false) == [.nothing, .nothing, .nothing, .offset(5)])
    }

    @Test("a history of which nothing was compacted is whole")
    func reach() {
        var reach = HistoryReach()
        reach.hasGap = true
        #expect(reach.isWhole(from: Timestamp(milliseconds: -5)))
        #expect(reach.wholeSince.milliseconds == .min)
    }

    @Test("two groups differ where their offsets do, or only one has one")
    func diff() throws {
        let first = [readings: GroupOffset(offset: 5), other: GroupOffset(offset: 7)]
        let third = TopicPartition(topic: "readings", partition: 1)
        let second = [readings: GroupOffset(offset: 9), other: GroupOffset(offset: 7), third: GroupOffset(offset: 1)]
        let diff = OffsetsDiff(first, second, .all)
        #expect(diff.rows.map(\.partition) == [readings, third] && diff.same == 1)
        #expect(diff.rows.map(\.difference) == [4, nil])
        let selection = PartitionSelection(terms: [try .init(parsing: "other")])
        #expect(OffsetsDiff(first, second, selection).isEmpty)
    }
}
