import TestSupport
import Testing

@testable import EventLog

/// Which segments are past their retention, and who gives way where the directory is too large.
@Suite struct RetentionRuleTests {
    private static let now = Timestamp(milliseconds: 1_000_000)

    /// Segments of ten records each: bytes, and the latest time; −1: none.
    private func segments(_ contents: [(bytes: Int, time: Int64)]) -> [SegmentSummary] {
        contents.enumerated().map { i, content in
            SegmentSummary(
                baseOffset: Offset(Int64(i) * 10), endOffset: Offset(Int64(i + 1) * 10), byteCount: content.bytes,
                maxTimestamp: Timestamp(milliseconds: content.time))
        }
    }

    private func newStart(
        _ pairs: [String: String], _ contents: [(bytes: Int, time: Int64)], now: Timestamp = now
    ) throws -> Int64? {
        try Retention(settings(pairs), now: now)?.newStart(of: segments(contents))?.value
    }

    private static let old: (bytes: Int, time: Int64) = (100, 100_000)
    private static let young: (bytes: Int, time: Int64) = (100, 950_000)
    private static let untimed: (bytes: Int, time: Int64) = (100, -1)

    @Test func nothingGoesWhereNothingIsSaid() throws {
        #expect(try Retention(settings([:]), now: Self.now) == nil)
        #expect(try Retention(settings(["retention.ms": "-1", "retention.bytes": "-1"]), now: Self.now) == nil)
        #expect(try Retention(settings(["cleanup.policy": "compact", "retention.ms": "1"]), now: Self.now) == nil)
        let both = try settings(["cleanup.policy": "compact,delete", "retention.ms": "1"])
        #expect(Retention(both, now: Self.now) != nil)
    }

    @Test func theOldestGoWhileAllOfThemIsTooOld() throws {
        let age = ["retention.ms": "100000"]
        #expect(try newStart(age, [Self.old, Self.old, Self.young]) == 20)
        #expect(try newStart(age, [Self.young, Self.old, Self.old]) == nil)
        #expect(try newStart(age, [Self.old, Self.young, Self.old, Self.young]) == 10)
        // Also the one that is written to.
        #expect(try newStart(age, [Self.old, Self.old]) == 20)
        #expect(try newStart(age, [Self.old, Self.old, (0, -1)]) == 20)
        #expect(try newStart(age, []) == nil)
    }

    @Test(arguments: [(899_999 as Int64, true), (900_000, false), (900_001, false)])
    func aRecordIsKeptForAsLongAsTheSettingSays(time: Int64, goes: Bool) throws {
        #expect(try newStart(["retention.ms": "100000"], [(100, time), Self.young]) == (goes ? 10 : nil))
    }

    @Test func whatHasNoTimeGoesWithWhatFollowsAndNeverByItself() throws {
        let age = ["retention.ms": "100000"]
        #expect(try newStart(age, [Self.untimed, Self.untimed, Self.young]) == nil)
        #expect(try newStart(age, [Self.untimed, Self.old, Self.untimed, Self.young]) == 20)
        #expect(try newStart(age, [(0, -1), Self.old, Self.young]) == 20)
        #expect(try newStart(age, [(0, -1), Self.young]) == nil)
    }

    @Test func timesAtTheEdgesOfNumbersAreTaken() throws {
        #expect(try newStart(["retention.ms": "\(Int64.max)"], [(1, 0), Self.young]) == nil)
        #expect(try newStart(["retention.ms": "1"], [(1, .max), (1, .max)]) == nil)
        #expect(try newStart(["retention.ms": "0"], [Self.old, Self.young]) == 20)
        #expect(
            try newStart(["retention.ms": "\(Int64.max)"], [(1, 0)], now: Timestamp(milliseconds: .min)) == nil)
        #expect(try newStart(["retention.bytes": "\(Int64.max)"], [Self.old, Self.young]) == nil)
    }

    @Test(arguments: [
        (0, 30 as Int64?), (99, 30), (100, 30), (101, 20), (200, 20), (201, 10), (300, 10), (301, nil), (400, nil),
    ])
    func theOldestGoWhileTheRestIsNoSmallerThanTheLimit(limit: Int, start: Int64?) throws {
        let contents = [Self.young, Self.young, Self.young, Self.young]
        #expect(try newStart(["retention.bytes": "\(limit)"], contents) == start)
    }

    @Test func theLastSegmentNeverGoesBySize() throws {
        #expect(try newStart(["retention.bytes": "0"], [Self.old]) == nil)
        #expect(try newStart(["retention.bytes": "0"], [Self.old, (0, -1)]) == 10)
    }

    @Test func whicheverRuleTakesMoreHolds() throws {
        let contents = [Self.old, Self.young, Self.young, Self.young]
        #expect(try newStart(["retention.ms": "100000", "retention.bytes": "200"], contents) == 20)
        #expect(try newStart(["retention.ms": "100000", "retention.bytes": "390"], contents) == 10)
    }

    @Test func aTimeToLiveIsAnAgeTooUnlessRecordsSayTheirOwn() throws {
        let contents = [Self.old, Self.young]
        #expect(try newStart(["record.ttl.ms": "100000"], contents) == 10)
        #expect(try newStart(["record.ttl.ms": "100000", "retention.ms": "990000"], contents) == 10)
        #expect(try newStart(["record.ttl.ms": "990000", "retention.ms": "100000"], contents) == 10)
        #expect(try newStart(["record.ttl.ms": "100000", "record.ttl.headers": "true"], contents) == nil)
        #expect(
            try newStart(
                ["record.ttl.ms": "1", "record.ttl.headers": "true", "retention.ms": "100000"], contents) == 10)
    }

    @Test func timesAreAskedForNoMoreThanItTakes() throws {
        let retention = try #require(try Retention(settings(["retention.ms": "100000"]), now: Self.now))
        var asked: [Int] = []
        let times: [Int64] = [1, 2, 950_000, 3, 4]
        let newest = { (i: Int) in
            asked.append(i)
            return Timestamp(milliseconds: times[i])
        }
        let count = retention.goingCount(of: 5, bytes: { _ in 1 }, newest: newest)
        #expect(count == 2)
        #expect(asked == [0, 1, 2])
    }

    // MARK: The whole directory

    @Test func whatSmallTopicsLeaveOthersHave() {
        #expect(SpaceBudget.share(of: 900, among: [100, 1000, 1000]) == 400)
        #expect(SpaceBudget.share(of: 900, among: [1000, 1000, 1000]) == 300)
        #expect(SpaceBudget.share(of: 900, among: [200, 300, 400]) == .max)
        #expect(SpaceBudget.share(of: 0, among: [1, 2]) == 0)
        #expect(SpaceBudget.share(of: 10, among: []) == .max)
    }

    /// Topics by their partitions' segments, as (bytes, time).
    private func budget(_ limit: Int, fixed: Int = 0, _ topics: [[[(Int, Int64)]]]) -> SpaceBudget {
        SpaceBudget(
            limit: limit, fixed: fixed,
            topics: topics.map { partitions in
                SpaceBudget.Topic(
                    bytes: partitions.joined().reduce(0) { $0 + $1.0 },
                    partitions: partitions.map { segments in
                        SpaceBudget.Queue(segments.map(\.0)) { Timestamp(milliseconds: segments[$0].1) }
                    })
            })
    }

    private func order(_ budget: SpaceBudget) -> [String] {
        var budget = budget
        var order: [String] = []
        while let next = budget.next() { order.append("\(next.topic)-\(next.partition)") }
        return order + ["\(budget.surplus)"]
    }

    @Test func theTopicFurthestOverItsShareGoesFirstWithItsOldestSegment() {
        let large = [[(100, 5 as Int64), (100, 7)], [(100, 4), (100, 6)]]
        let middle = [[(100, 1 as Int64), (100, 2), (100, 3)]]
        let small = [[(50, 0 as Int64)]]
        // 750 of 450: 50 for the small one, 200 for each of the others.
        #expect(order(budget(450, [large, middle, small])) == ["0-1", "0-0", "1-0", "0"])
        #expect(order(budget(700, [large, middle, small])) == ["0-1", "0"])
        #expect(order(budget(750, [large, middle, small])) == ["0"])
    }

    @Test func whoIsUnderTheShareGivesNothing() {
        // The large one has nothing to give: the directory stays too large, and the small one whole.
        var topics = budget(300, [[[(100, 1)]], [[(100, 1)]]]).topics
        topics[0].bytes = 500
        #expect(order(SpaceBudget(limit: 300, fixed: 0, topics: topics)) == ["0-0", "200"])
        #expect(order(budget(1000, fixed: 2000, [[[(10, 1)], [(10, 2)]]])) == ["0-0", "0-1", "1000"])
    }

    @Test func whatNobodyCanAddUpIsNotTooMuch() {
        var topic = budget(0, [[[(1, 1)]]]).topics[0]
        topic.bytes = .max
        #expect(order(SpaceBudget(limit: 10, fixed: .max, topics: [topic, topic])).first == "0-0")
    }
}
