import Simulation
import Testing

/// Histories that break one promise each, made by hand: the checker must name it. And some that look odd and break none.
@Suite struct HistoryCheckerTests {
    private typealias Event = HistoryEvent
    private typealias Rule = HistoryChecker.Violation.Rule

    private static func sent(_ value: Int, _ count: Int = 1, to partition: Int = 0, time: Int64 = 0) -> Event {
        .sent(HistoryEvent.Attempt(partition: partition, value: value, count: count, time: time))
    }

    /// Everything that partition 0 has, from `start` on: values by offset.
    private static func read(_ values: [Int], from start: Int64 = 0, isFirst: Bool = false, end: Int64? = nil) -> Event
    {
        .read(
            partition: 0, isFirst: isFirst, start: start, end: end ?? start + Int64(values.count), first: start,
            values.enumerated().map { HistoryEvent.Seen(start + Int64($0), $1) })
    }

    private func expect(_ rule: Rule?, _ events: [Event], sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(HistoryChecker.violation(in: events)?.rule == rule, sourceLocation: sourceLocation)
    }

    /// Two attempts, of two records and of one, that were acknowledged.
    private let two: [Event] = [
        sent(0, 2), .acknowledged(attempt: 0, baseOffset: 0), sent(2), .acknowledged(attempt: 1, baseOffset: 2),
    ]

    @Test func whatWasAcknowledgedIsThere() {
        expect(nil, two + [Self.read([0, 1, 2])])
        expect(.lost, two + [Self.read([0, 1])])
        expect(.lost, two + [.ended(.killed), Self.read([], isFirst: true)])
        expect(.lost, two + [.ended(.lostPower), Self.read([0, 1], isFirst: true)])
        expect(.lost, two + [Self.read([0, 1], end: 3)])
    }

    @Test func nothingIsThereThatWasNotSent() {
        expect(.invented, two + [Self.read([0, 1, 2, 3])])
        expect(.invented, two + [Self.read([0, 1, -1])])
        expect(.invented, two + [Self.sent(3, to: 1), Self.read([0, 1, 2, 3])])
    }

    @Test func anOffsetHasOneValue() {
        expect(.changed, two + [Self.sent(3), Self.read([0, 1, 3])])
        expect(.changed, two + [Self.sent(3), .acknowledged(attempt: 2, baseOffset: 2)])
    }

    @Test func aRecordIsThereOnce() {
        expect(.twice, two + [Self.read([0, 1, 2, 2])])
        expect(
            .twice, [Self.sent(0), .acknowledged(attempt: 0, baseOffset: 0), .acknowledged(attempt: 0, baseOffset: 1)])
    }

    @Test func whatWasSentInOrderIsInOrder() {
        expect(.disorder, [Self.sent(0), Self.sent(1), Self.read([1, 0])])
        expect(nil, [Self.sent(0), Self.sent(1), Self.read([1])])
    }

    @Test func aBatchIsThereAsAWhole() {
        expect(.torn, [Self.sent(0, 3), Self.read([0, 1])])
        expect(.lost, [Self.sent(0, 3), .acknowledged(attempt: 0, baseOffset: 0), Self.read([0, 2])])
    }

    @Test func whatWasReadStays() {
        expect(
            nil,
            [
                Self.sent(0), .ended(.killed), Self.read([0], isFirst: true), .ended(.lostPower),
                Self.read([0], isFirst: true),
            ])
        expect(
            .lost,
            [
                Self.sent(0), .ended(.killed), Self.read([0], isFirst: true), .ended(.lostPower),
                Self.read([], isFirst: true),
            ])
    }

    @Test func whatAnOpenedLogDoesNotHaveIsGone() {
        expect(
            .cameBack,
            [
                Self.sent(0), .ended(.killed), Self.read([], isFirst: true), .ended(.killed),
                Self.read([0], isFirst: true),
            ])
        expect(nil, [Self.sent(0), Self.read([]), .ended(.killed), Self.read([0], isFirst: true)])
    }

    @Test func aLossOfPowerCostsNoMoreThanWasSaid() {
        let relaxed: [Event] =
            [.mayLose(partition: 0, records: 2)]
            + (0..<4).flatMap { [Self.sent($0), .acknowledged(attempt: $0, baseOffset: Int64($0))] }
        expect(nil, relaxed + [.ended(.lostPower), Self.read([0, 1], isFirst: true)])
        expect(.lost, relaxed + [.ended(.lostPower), Self.read([0], isFirst: true)])
        expect(.lost, relaxed + [.ended(.killed), Self.read([0, 1], isFirst: true)])
        expect(.lost, relaxed + [.synchronized(partition: 0), .ended(.lostPower), Self.read([0, 1], isFirst: true)])
        // The offset is given again, and the value that had it does not come back.
        let again =
            relaxed + [
                .ended(.lostPower), Self.read([0, 1], isFirst: true), Self.sent(4),
                .acknowledged(attempt: 4, baseOffset: 2),
            ]
        expect(nil, again + [Self.read([0, 1, 4])])
        expect(.cameBack, again + [Self.read([0, 1, 4, 3])])
    }

    private static let damaged = HistoryEvent.Seen.damaged

    /// The first of two attempts has rotten, and the journal does not have it any more.
    private var rotten: [Event] { two + [.released, .ended(.killed), .rotten(partition: 0, 0..<2)] }

    @Test func whatHasRottenIsRefusedOrThere() {
        let damaged = Self.damaged
        expect(nil, rotten + [Self.read([0, 1, 2], isFirst: true)])
        let refused = rotten + [Self.read([damaged, damaged, 2], isFirst: true)]
        // Also from the middle of it on.
        let seen = [HistoryEvent.Seen(1, damaged), HistoryEvent.Seen(2, 2)]
        expect(nil, refused + [.read(partition: 0, isFirst: false, start: 0, end: 3, first: 1, seen)])
        expect(.invented, rotten + [Self.read([-1, -1, 2], isFirst: true)])
        expect(.twice, rotten + [Self.read([damaged, damaged, 1], isFirst: true)])
        expect(.changed, rotten + [Self.sent(3, 2), Self.read([3, 4, 2], isFirst: true)])
        // As a whole, and what was served once is served on.
        expect(.torn, rotten + [Self.read([damaged, 1, 2], isFirst: true)])
        expect(.torn, rotten + [Self.read([0, damaged, 2], isFirst: true)])
        expect(.refused, rotten + [Self.read([0, 1, 2], isFirst: true), Self.read([damaged, damaged, 2])])
    }

    @Test func nothingElseIsMissingForIt() {
        let damaged = Self.damaged
        expect(.refused, two + [Self.read([damaged, damaged, 2])])
        expect(.refused, rotten + [Self.read([damaged, damaged, damaged], isFirst: true)])
        expect(.lost, rotten + [Self.read([damaged, damaged], isFirst: true)])
        expect(.lost, rotten + [Self.read([damaged, damaged], isFirst: true, end: 3)])
        expect(.lost, rotten + [Self.read([], isFirst: true)])
    }

    @Test func whatTheJournalHasIsRepaired() {
        let damaged = Self.damaged
        let rotten: [Event] = [.ended(.killed), .rotten(partition: 0, 0..<3)]
        expect(nil, two + rotten + [Self.read([0, 1, 2], isFirst: true)])
        expect(.refused, two + rotten + [Self.read([damaged, damaged, 2], isFirst: true)])
        let later: [Event] = [.released, Self.sent(3), .acknowledged(attempt: 2, baseOffset: 3)]
        expect(nil, two + later + rotten + [Self.read([damaged, damaged, damaged, 3], isFirst: true)])
        expect(
            .refused,
            two + later + [.ended(.killed), .rotten(partition: 0, 3..<4)] + [
                Self.read([0, 1, 2, damaged], isFirst: true)
            ])
    }

    @Test func appendsGoOnBehindWhatHasRotten() {
        let refused = rotten + [Self.read([Self.damaged, Self.damaged, 2], isFirst: true), Self.sent(3)]
        expect(nil, refused + [.acknowledged(attempt: 2, baseOffset: 3)])
        expect(.changed, refused + [.acknowledged(attempt: 2, baseOffset: 0)])
        let unknown: [Event] = [
            Self.sent(0), .ended(.killed), .rotten(partition: 0, 0..<1), Self.read([Self.damaged], isFirst: true),
            Self.sent(1),
        ]
        expect(nil, unknown + [.acknowledged(attempt: 1, baseOffset: 1)])
        expect(.wentBack, unknown + [.acknowledged(attempt: 1, baseOffset: 0)])
    }

    @Test func withoutTheJournalALogEndsAtRotThatNoCheckpointCovers() {
        let relaxed: [Event] =
            [.mayLose(partition: 0, records: 2)]
            + (0..<4).flatMap { [Self.sent($0), .acknowledged(attempt: $0, baseOffset: Int64($0))] }
        let rotten: [Event] = [.ended(.killed), .rotten(partition: 0, 1..<2)]
        expect(nil, relaxed + rotten + [Self.read([0], isFirst: true)])
        expect(nil, relaxed + rotten + [Self.read([0, Self.damaged, 2, 3], isFirst: true)])
        expect(.lost, relaxed + rotten + [Self.read([], isFirst: true)])
        // Until one covers it.
        let refused = relaxed + rotten + [Self.read([0, Self.damaged, 2, 3], isFirst: true)]
        expect(nil, refused + [.ended(.lostPower), Self.read([0], isFirst: true)])
        expect(.lost, refused + [.synchronized(partition: 0), .ended(.lostPower), Self.read([0], isFirst: true)])
        let covered = relaxed + [.synchronized(partition: 0)] + rotten
        expect(nil, covered + [Self.read([0, Self.damaged, 2, 3], isFirst: true)])
        expect(.lost, covered + [Self.read([0], isFirst: true)])
    }

    @Test func whatHasRottenHasNoTime() {
        let aged: [Event] =
            (0..<4).flatMap {
                [Self.sent($0, time: 10 * Int64($0)), .acknowledged(attempt: $0, baseOffset: Int64($0))]
            } + [
                .released, .ended(.killed), .rotten(partition: 0, 2..<3),
                Self.read([0, 1, Self.damaged, 3], isFirst: true),
            ]
        expect(nil, aged + [.found(partition: 0, time: 11, offset: 3)])
        expect(.time, aged + [.found(partition: 0, time: 11, offset: 2)])
        expect(.time, aged + [.found(partition: 0, time: 11, offset: nil)])
        // How old it is nobody knows, of what lies behind it everybody does.
        expect(nil, aged + [.retaining(partition: 0, before: 11), Self.read([3], from: 3)])
        expect(.deletedTooMuch, aged + [.retaining(partition: 0, before: 11), Self.read([], from: 4)])
    }

    @Test func deletingTakesWhatComesBefore() {
        let deleted = two + [.deleting(partition: 0, before: 2), .deleted(partition: 0, start: 2)]
        expect(nil, deleted + [Self.read([2], from: 2)])
        expect(.wentBack, deleted + [Self.read([1, 2], from: 1)])
        expect(.deletedTooMuch, two + [Self.read([2], from: 2)])
        // One that failed may have come to pass, but not later than at the next opening.
        let open = two + [.deleting(partition: 0, before: 2), .ended(.killed)]
        expect(nil, open + [Self.read([2], from: 2, isFirst: true)])
        expect(nil, open + [Self.read([0, 1, 2], isFirst: true)])
        expect(
            .deletedTooMuch,
            open + [Self.read([0, 1, 2], isFirst: true), .ended(.killed), Self.read([2], from: 2, isFirst: true)])
    }

    @Test func retentionTakesWhatIsPastIt() {
        let aged: [Event] = (0..<4).flatMap {
            [Self.sent($0, time: Int64($0)), .acknowledged(attempt: $0, baseOffset: Int64($0))]
        }
        expect(nil, aged + [.retaining(partition: 0, before: 2), Self.read([2, 3], from: 2)])
        expect(nil, aged + [.retaining(partition: 0, before: 2), Self.read([1, 2, 3], from: 1)])
        expect(.deletedTooMuch, aged + [.retaining(partition: 0, before: 2), Self.read([3], from: 3)])
        expect(nil, aged + [.retaining(partition: 0, before: nil), Self.read([3], from: 3)])
    }

    // MARK: Compaction

    /// Records by offset; nil: a reader passes over it.
    private static func read(passing values: [Int?], isFirst: Bool = false) -> Event {
        .read(
            partition: 0, isFirst: isFirst, start: 0, end: Int64(values.count), first: 0,
            values.enumerated().compactMap { offset, value in value.map { HistoryEvent.Seen(Int64(offset), $0) } })
    }

    /// Records with two keys in turn, in attempts of so many, which were acknowledged.
    private static func keyed(_ counts: [Int]) -> [Event] {
        var (value, events): (Int, [Event]) = (0, [])
        for (attempt, count) in counts.enumerated() {
            let sent = HistoryEvent.Attempt(
                partition: 0, value: value, count: count, time: 10 * Int64(value), keyCount: 2)
            events += [.sent(sent), .acknowledged(attempt: attempt, baseOffset: Int64(value))]
            value += count
        }
        return events
    }

    private let four = keyed([1, 1, 1, 1])
    private let compacting = Event.compacting(partition: 0, before: 4)

    @Test func whatALaterRecordOfItsKeyReplacesMayGo() {
        for values in [[0, 1, 2, 3], [nil, 1, 2, 3], [0, nil, 2, 3], [nil, nil, 2, 3]] as [[Int?]] {
            expect(nil, four + [compacting, Self.read(passing: values)])
            expect(nil, four + [compacting, .ended(.lostPower), Self.read(passing: values, isFirst: true)])
        }
        // Also when a reader begins there.
        let seen = [HistoryEvent.Seen(2, 2), HistoryEvent.Seen(3, 3)]
        expect(nil, four + [compacting, .read(partition: 0, isFirst: false, start: 0, end: 4, first: 1, seen)])
    }

    @Test func theNewestOfAKeyStays() {
        expect(.lost, four + [compacting, Self.read(passing: [0, 1, nil, 3])])
        expect(.lost, four + [compacting, Self.read(passing: [nil, 1, nil, 3])])
        expect(.lost, four + [compacting, Self.read(passing: [0, 1, 2, nil])])
        expect(.lost, four + [compacting, Self.read(passing: [nil, nil, 2])])
    }

    @Test func nothingGoesWithoutACompactionThatKnewALaterOne() {
        let gap = Self.read(passing: [nil, 1, 2, 3])
        expect(.lost, four + [gap])
        expect(.lost, Self.keyed([1, 1]) + [compacting] + four.suffix(4) + [gap])
        // The segment that is written to is not compacted, nor looked at.
        expect(.lost, four + [.compacting(partition: 0, before: 2), gap])
        expect(nil, four + [.compacting(partition: 0, before: 3), gap])
        // Records without a key stay.
        expect(.lost, two + [.compacting(partition: 0, before: 3), Self.read(passing: [nil, 1, 2])])
    }

    @Test func whatNobodyKnewToBeThereReplacesNothing() {
        let open = Array(four.dropLast(3)) + Array(four.suffix(2).prefix(1))
        expect(nil, open + [compacting, Self.read(passing: [0, 1, 2, 3])])
        expect(.lost, open + [compacting, Self.read(passing: [nil, 1, 2, 3])])
        expect(nil, open + [Self.read(passing: [0, 1, 2, 3]), compacting, Self.read(passing: [nil, 1, 2, 3])])
    }

    @Test func whatWasLostWithThePowerReplacesNothing() {
        let relaxed = [.mayLose(partition: 0, records: 2)] + four + [compacting, .ended(.lostPower)]
        expect(nil, relaxed + [Self.read(passing: [0, 1], isFirst: true)])
        expect(nil, relaxed + [Self.read(passing: [nil, 1, 2], isFirst: true)])
        expect(.lost, relaxed + [Self.read(passing: [nil, 1], isFirst: true)])
    }

    @Test func whatIsCompactedAwayDoesNotComeBack() {
        let gone = four + [compacting, Self.read(passing: [nil, 1, 2, 3])]
        expect(nil, gone + [.ended(.lostPower), Self.read(passing: [nil, nil, 2, 3], isFirst: true)])
        expect(.cameBack, gone + [Self.read(passing: [0, 1, 2, 3])])
        expect(.cameBack, gone + [.ended(.lostPower), Self.read(passing: [0, 1, 2, 3], isFirst: true)])
    }

    @Test func whatIsLeftIsWhatItWas() {
        expect(.changed, four + [compacting, Self.sent(4), Self.read(passing: [nil, 1, 4, 3])])
        expect(.twice, four + [compacting, Self.read(passing: [nil, 1, 3, 3])])
        expect(.invented, four + [compacting, Self.read(passing: [nil, 1, -1, 3])])
        expect(.refused, four + [compacting, Self.read(passing: [nil, 1, Self.damaged, 3])])
    }

    /// The seventh record deletes the key of the first, the third and the fifth.
    @Test func aTombstoneGoesAfterItsTimeAndWhatItDeletes() {
        let seven = Self.keyed([1, 1, 1, 1, 1, 1, 1])
        func compacting(at time: Int64) -> Event {
            .compacting(partition: 0, before: 7, time: time, deleteRetention: 50)
        }
        let met = seven + [compacting(at: 100)]
        expect(nil, met + [Self.read(passing: [nil, 1, nil, 3, nil, 5, 6])])
        let gone = Self.read(passing: [nil, 1, nil, 3, nil, 5, nil])
        expect(.lost, met + [gone])
        expect(.lost, met + [compacting(at: 149), gone])
        expect(nil, met + [compacting(at: 150), gone])
        expect(.cameBack, met + [compacting(at: 150), Self.read(passing: [nil, 1, nil, 3, 4, 5, nil])])
        expect(.lost, met + [compacting(at: 150), Self.read(passing: [nil, 1, nil, 3, nil, nil, nil])])
    }

    @Test func ofABatchAPartMayStay() {
        let batches = Self.keyed([3, 2])
        let compacting = Event.compacting(partition: 0, before: 5)
        expect(nil, batches + [compacting, Self.read(passing: [nil, 1, nil, 3, 4])])
        expect(nil, batches + [compacting, Self.read(passing: [nil, nil, nil, 3, 4])])
        expect(.lost, batches + [compacting, Self.read(passing: [nil, 1, 2, nil, 4])])
        // It is still the same one, which is known by its number.
        expect(
            nil,
            batches + [compacting, Self.read(passing: [nil, 1, nil, 3, 4]), .sentAgain(attempt: 0, baseOffset: 0)])
        expect(.sequence, batches + [compacting, .sentAgain(attempt: 0, baseOffset: 5)])
    }

    @Test func whatIsCompactedAwayHasNoTime() {
        let gone = four + [compacting, Self.read(passing: [nil, nil, 2, 3])]
        expect(nil, gone + [.found(partition: 0, time: 0, offset: 2)])
        expect(.time, gone + [.found(partition: 0, time: 0, offset: 0)])
        expect(
            .time, four + [compacting, Self.read(passing: [0, nil, 2, 3]), .found(partition: 0, time: 0, offset: 2)])
    }

    @Test func timesAreFound() {
        let aged: [Event] = (0..<4).flatMap {
            [Self.sent($0, time: 10 * Int64($0)), .acknowledged(attempt: $0, baseOffset: Int64($0))]
        }
        expect(nil, aged + [.found(partition: 0, time: 11, offset: 2), .found(partition: 0, time: 31, offset: nil)])
        expect(.time, aged + [.found(partition: 0, time: 11, offset: 3)])
        expect(.time, aged + [.found(partition: 0, time: 11, offset: nil)])
    }

    @Test func aBatchThatIsSentAgainIsKnown() {
        expect(nil, two + [.sentAgain(attempt: 0, baseOffset: 0)])
        expect(.sequence, two + [.sentAgain(attempt: 0, baseOffset: 3)])
    }

    @Test func aCommittedOffsetIsTheLastAcknowledgedOrALaterOne() {
        let committed: [Event] = [
            .committing(group: 0, partition: 0, offset: 1), .committed(group: 0, partition: 0, offset: 1),
            .committing(group: 0, partition: 0, offset: 2), .committing(group: 0, partition: 0, offset: 3),
        ]
        func fetched(_ offset: Int64, isFirst: Bool = false) -> Event {
            .fetched(group: 0, partition: 0, isFirst: isFirst, offset: offset)
        }
        for offset in 1...3 as ClosedRange<Int64> { expect(nil, committed + [fetched(offset)]) }
        expect(.offset, committed + [fetched(-1)])
        expect(.offset, committed + [fetched(4)])
        expect(.offset, committed + [fetched(3), fetched(2)])
        expect(.offset, committed + [fetched(1, isFirst: true), fetched(2)])
        expect(.offset, committed + [.committed(group: 0, partition: 0, offset: 3), fetched(1)])
        expect(.offset, [fetched(7)])
    }

    @Test func topicsComeAndGo() {
        expect(nil, [.creating(topic: 0), .created(topic: 0), .listed(topic: 0, isThere: true)])
        expect(.topic, [.creating(topic: 0), .created(topic: 0), .listed(topic: 0, isThere: false)])
        let deleting: [Event] = [.creating(topic: 0), .created(topic: 0), .deletingTopic(topic: 0)]
        expect(nil, deleting + [.listed(topic: 0, isThere: true)])
        expect(nil, deleting + [.listed(topic: 0, isThere: false)])
        expect(.topic, deleting + [.listed(topic: 0, isThere: false), .listed(topic: 0, isThere: true)])
        expect(.topic, deleting + [.deletedTopic(topic: 0), .listed(topic: 0, isThere: true)])
    }

    @Test func aFailureWithoutACauseIsOne() {
        expect(.broke, [.broke("it does not open")])
    }
}
