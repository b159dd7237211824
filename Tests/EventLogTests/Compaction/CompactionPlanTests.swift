import RecordFormat
import Testing

@testable import EventLog

/// What is to be compacted, and when.
@Suite struct CompactionPlanTests {
    private typealias Summary = CompactionPlan.SegmentSummary

    private static let now = Timestamp(milliseconds: 1_000_000)

    /// Segments of ten offsets and 100 bytes, a second apart, the last one made now.
    private func sealed(_ count: Int) -> [Summary] {
        (0..<count).map { index in
            Summary(
                base: Offset(Int64(index) * 10), nextBase: Offset(Int64(index) * 10 + 10), byteCount: 100,
                maxTimestamp: Timestamp(milliseconds: Self.now.milliseconds - Int64(count - 1 - index) * 1000))
        }
    }

    private func plan(
        _ sealed: [Summary], logStart: Offset = 0, cleanedTo: Offset = 0, nextHorizon: Timestamp = .none,
        oldest: Int64 = 0, _ pairs: [String: String] = [:]
    ) throws -> CompactionPlan {
        let settings = try TopicSettings(["cleanup.policy": "compact"].merging(pairs) { $1 })
        return CompactionPlan(
            sealed, logStart: logStart, cleanedTo: cleanedTo, nextHorizon: nextHorizon, settings: settings,
            now: Self.now, oldestDirty: { _ in Timestamp(milliseconds: oldest) })
    }

    @Test func whatWasNeverCompactedIsDirty() throws {
        let plan = try plan(sealed(4))
        #expect(plan.dirtyStart == 0 && plan.end == 40 && plan.dirtyBytes == 400 && plan.cleanBytes == 0)
        #expect(plan.reason == .ratio)
    }

    @Test(
        "due when enough is new",
        arguments: [("0.5", 20, true), ("0.51", 20, false), ("0", 30, true), ("0.25", 30, true)])
    func ratio(ratio: String, cleanedTo: Int64, isDue: Bool) throws {
        let plan = try plan(sealed(4), cleanedTo: Offset(cleanedTo), ["min.cleanable.dirty.ratio": ratio])
        #expect((plan.reason == .ratio) == isDue)
    }

    @Test func nothingIsDueWhereNothingIsNew() throws {
        #expect(try plan(sealed(4), cleanedTo: 40, ["min.cleanable.dirty.ratio": "0"]).reason == nil)
        #expect(try plan([]).reason == nil)
        #expect(try plan(sealed(4), ["cleanup.policy": "delete"]).reason == nil)
    }

    @Test func aSegmentThatIsCleanInPartIsDirty() throws {
        let plan = try plan(sealed(4), cleanedTo: 25)
        #expect(plan.dirtyStart == 25 && plan.cleanBytes == 200 && plan.dirtyBytes == 200)
    }

    @Test func recordsYoungerThanTheLagWait() throws {
        let plan = try plan(sealed(4), ["min.compaction.lag.ms": "1000"])
        #expect(plan.end == 30)
        #expect(try self.plan(sealed(4), ["min.compaction.lag.ms": "5000"]).segments.isEmpty)
        // The first that is too young stops those behind it, which may bear any time.
        var mixed = sealed(4)
        mixed[1].maxTimestamp = Timestamp(milliseconds: .max)
        #expect(try self.plan(mixed, ["min.compaction.lag.ms": "1000"]).end == 10)
        mixed[1].maxTimestamp = .none
        #expect(try self.plan(mixed, ["min.compaction.lag.ms": "1000"]).end == 30)
    }

    @Test func aSegmentWithoutTimesDoesNotKeepTheNextOneWaiting() throws {
        let settings = try TopicSettings([
            "cleanup.policy": "compact", "max.compaction.lag.ms": "5000", "min.cleanable.dirty.ratio": "1",
        ])
        func plan(_ times: [Int64]) -> CompactionPlan {
            CompactionPlan(
                sealed(4), logStart: 0, cleanedTo: 10, nextHorizon: .none, settings: settings, now: Self.now,
                oldestDirty: { Timestamp(milliseconds: times[Int($0.base.value / 10)]) })
        }
        #expect(plan([0, -1, 995_000, 999_000]).reason == .lag)
        #expect(plan([0, -1, 995_001, 0]).reason == nil)
        #expect(plan([0, -1, -1, -1]).reason == nil)
    }

    @Test func aRecordThatHasWaitedTooLongIsDue() throws {
        let settings = ["max.compaction.lag.ms": "5000", "min.cleanable.dirty.ratio": "1"]
        #expect(try plan(sealed(4), cleanedTo: 30, oldest: 995_000, settings).reason == .lag)
        #expect(try plan(sealed(4), cleanedTo: 30, oldest: 995_001, settings).reason == nil)
        #expect(try plan(sealed(4), cleanedTo: 30, oldest: -1, settings).reason == nil)
        #expect(try plan(sealed(4), cleanedTo: 30, oldest: .max, settings).reason == nil)
        #expect(try plan(sealed(4), cleanedTo: 40, oldest: 0, settings).reason == nil)
    }

    @Test func aTombstoneWhoseTimeHasComeIsDue() throws {
        let settings = ["min.cleanable.dirty.ratio": "1"]
        #expect(try plan(sealed(4), cleanedTo: 30, nextHorizon: Self.now, settings).reason == .horizon)
        let later = Self.now.advanced(by: 1)
        #expect(try plan(sealed(4), cleanedTo: 30, nextHorizon: later, settings).reason == nil)
    }

    @Test func deletedRecordsAreNoPartOfIt() throws {
        let plan = try plan(Array(sealed(4).dropFirst()), logStart: 17, cleanedTo: 0)
        #expect(plan.dirtyStart == 17 && plan.dirtyBytes == 300)
        #expect(try self.plan(Array(sealed(4).dropFirst(3)), logStart: 35, cleanedTo: 12).dirtyStart == 35)
    }

    @Test func whatHasWaitedComesFirst() throws {
        let lag = try plan(sealed(4), cleanedTo: 30, oldest: 1, ["max.compaction.lag.ms": "10"])
        let all = try plan(sealed(4), oldest: .max)
        let half = try plan(sealed(4), cleanedTo: 20, oldest: .max)
        #expect(lag.isDueBefore(all) && all.isDueBefore(half) && !half.isDueBefore(lag))
    }

    @Test func neighboursThatFitBecomeOne() throws {
        func groups(_ segments: [Summary], expected: Int, segmentBytes: Int) -> [Range<Int>] {
            CompactionPlan.groups(segments, expectedBytes: { _ in expected }, segmentBytes: segmentBytes)
        }
        #expect(groups(sealed(4), expected: 100, segmentBytes: 100) == [0..<1, 1..<2, 2..<3, 3..<4])
        #expect(groups(sealed(4), expected: 100, segmentBytes: 250) == [0..<2, 2..<4])
        #expect(groups(sealed(4), expected: 10, segmentBytes: 250) == [0..<4])
        #expect(groups(sealed(4), expected: 300, segmentBytes: 250) == [0..<1, 1..<2, 2..<3, 3..<4])
        #expect(groups([], expected: 1, segmentBytes: 1).isEmpty)
        #expect(groups(sealed(100), expected: 0, segmentBytes: 1) == [0..<64, 64..<100])
        var far = sealed(3)
        far[2] = Summary(base: 20, nextBase: Offset(Int64(Int32.max) + 1), byteCount: 1, maxTimestamp: .none)
        #expect(groups(far, expected: 0, segmentBytes: 1) == [0..<2, 2..<3])
        far[2].nextBase = Offset(Int64(Int32.max))
        #expect(groups(far, expected: 0, segmentBytes: 1) == [0..<3])
    }
}
