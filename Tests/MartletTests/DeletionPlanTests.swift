import KafkaClient
import RecordFormat
import Testing

@testable import martlet

@Suite("What a change deletes")
struct DeletionPlanTests {
    private let now = Timestamp(milliseconds: 1_000_000)

    /// Ten records and 100 bytes a segment; `ages` of their newest records, nil: without timestamps. The last one is written
    /// to.
    private func partition(_ ages: [Int64?], logStart: Offset = 0) -> DescribedSegments {
        let segments = ages.enumerated().map { index, age in
            DescribedSegments.Segment(
                base: Offset(Int64(index) * 10), next: Offset(Int64(index + 1) * 10), bytes: 100,
                maxTimestamp: age.map { Timestamp(milliseconds: now.milliseconds - $0) })
        }
        return DescribedSegments(
            logStart: logStart, end: Offset(Int64(ages.count) * 10), cleanedTo: nil, segments: segments)
    }

    private func start(_ settings: [String: String], _ ages: [Int64?], logStart: Offset = 0) -> Offset {
        KeepingRules(settings).start(of: partition(ages, logStart: logStart), now: now)
    }

    @Test(
        "by age go the oldest segments whose newest record is too old, also the one that is written to",
        arguments: [
            ([500, 400, 300, 200], 301, 20), ([500, 400, 300, 200], 300, 20), ([500, 400, 300, 200], 299, 30),
            ([500, 400, 300, 200], 100, 40), ([500, 400, 300, 200], 500, 0),
            // One that is young keeps what comes after it.
            ([500, 100, 500, 500], 300, 10), ([100, 500], 300, 0),
            // Without timestamps it goes with a later one, but not for itself.
            ([nil, 500, 100], 300, 20), ([nil, 100], 300, 0), ([500, nil], 300, 10), ([nil, nil], 0, 0),
            // From the future.
            ([-500, 400], 0, 0),
        ] as [([Int64?], Int64, Int64)])
    func byAge(ages: [Int64?], ageMax: Int64, start: Int64) {
        #expect(self.start(["retention.ms": String(ageMax)], ages) == Offset(start))
    }

    @Test(
        "by size go the oldest while the rest is still as large as is allowed, never the one that is written to",
        arguments: [(400, 0), (301, 0), (300, 10), (299, 10), (200, 20), (199, 20), (100, 30), (0, 30)]
            as [(Int64, Int64)])
    func bySize(bytesMax: Int64, start: Int64) {
        #expect(self.start(["retention.bytes": String(bytesMax)], [4, 3, 2, 1]) == Offset(start))
    }

    @Test("age and size both delete, nothing goes where neither is set, and what never deletes keeps it")
    func both() {
        let ages: [Int64?] = [500, 400, 3, 2, 1]
        #expect(start(["retention.ms": "100", "retention.bytes": "200"], ages) == 30)
        #expect(start(["retention.ms": "100", "retention.bytes": "400"], ages) == 20)
        #expect(start([:], ages) == 0)
        #expect(start(["cleanup.policy": "compact", "retention.ms": "0", "retention.bytes": "0"], ages) == 0)
        #expect(start(["record.ttl.ms": "100"], ages) == 20)
        #expect(start(["record.ttl.ms": "100", "record.ttl.headers": "true"], ages) == 0)
        #expect(start(["retention.ms": String(Int64.max)], ages) == 0)
    }

    @Test("what was deleted within a segment stays deleted")
    func startWithin() {
        #expect(start([:], [500, 400], logStart: 15) == 15)
        #expect(start(["retention.ms": "450"], [500, 400], logStart: 15) == 15)
        #expect(start(["retention.ms": "1"], [500, 400], logStart: 15) == 20)
        #expect(start(["retention.ms": "1"], []) == 0)
    }

    @Test("only what a change adds to what goes anyway is its deletion")
    func difference() {
        let partitions = [0: partition([500, 400, 300, 200]), 1: partition([900, 800]), 2: partition([10])]
        let before = KeepingRules(["retention.ms": "450"])
        let plan = DeletionPlan(of: partitions, from: before, to: KeepingRules(["retention.ms": "250"]), now: now)
        #expect(plan.parts.map(\.partition) == [0] && plan.emptied == 0)
        #expect(plan.records == 20 && plan.bytes == 200 && plan.segments == 2 && plan.bytesBefore == 700)
        #expect(plan.newest == Timestamp(milliseconds: now.milliseconds - 300))
        #expect(plan.text == "delete 200 B of 700 B: 2 segments, 20 records up to 1970-01-01 00:16Z")
        let all = DeletionPlan(of: partitions, from: KeepingRules(), to: KeepingRules(["retention.ms": "0"]), now: now)
        #expect(all.records == 70 && all.emptied == 3 && all.text.hasSuffix("; everything of 3 partitions"))
        #expect(DeletionPlan(of: partitions, from: before, to: KeepingRules(), now: now).isEmpty)
    }

    @Test("where a broker does not say where segments end, it is said how much goes at most")
    func estimate() {
        let (first, second) = (TopicPartition(topic: "t", partition: 0), TopicPartition(topic: "t", partition: 1))
        let uses = [PartitionUse(partition: first, bytes: 1000), PartitionUse(partition: second, bytes: 200)]
        let positions = [
            first: DescribedPosition(logStart: 100, end: 200), second: DescribedPosition(logStart: 0, end: 10),
        ]
        let plan = DeletionPlan(
            of: uses, positions, firstKept: [first: 150], to: KeepingRules(["retention.bytes": "800"]))
        #expect(plan.isUpperBound && plan.parts.map(\.records) == [50, 10] && plan.parts.map(\.bytes) == [500, 200])
        #expect(plan.parts.map(\.isEverything) == [false, true])
        #expect(plan.text == "delete up to 700 B of 1.2 KiB: 60 records; everything of 1 partition")
        let bySize = DeletionPlan(of: uses, positions, firstKept: nil, to: KeepingRules(["retention.bytes": "800"]))
        #expect(bySize.parts.map(\.records) == [20] && bySize.bytes == 200)
    }
}
