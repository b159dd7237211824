import RecordFormat
import Testing

@testable import martlet

@Suite("Growth and room on a disk")
struct DiskTests {
    private let now = Timestamp(milliseconds: 1_793_527_200_000)
    private func ago(_ milliseconds: Int64) -> Timestamp { Timestamp(milliseconds: now.milliseconds - milliseconds) }

    @Test("growth is what the last day has brought; of a shorter history it is taken for a day, and said so")
    func growth() {
        let long = Growth(bytes: 5000, oldest: ago(3 * Growth.day), now: now)
        #expect(long?.perDay == 5000 && long?.note == nil)
        let short = Growth(bytes: 5000, oldest: ago(Growth.day / 4), now: now)
        #expect(short?.perDay == 20_000 && short?.note == "rate of 6 h 0 min")
        // Nothing in the last day is a rate, too.
        #expect(Growth(bytes: 0, oldest: ago(3 * Growth.day), now: now)?.perDay == 0)
    }

    @Test(
        "from nothing, from less than a minute and from the future no rate is told",
        arguments: [nil, 0, 59_999, -5000] as [Int64?])
    func noRate(age: Int64?) {
        #expect(Growth(bytes: 100, oldest: age.map(ago), now: now) == nil)
    }

    @Test("growths add up, those that are not known count as none, and the shortest history is named")
    func growthSum() {
        let day = Growth(bytes: 100, oldest: ago(2 * Growth.day), now: now)
        let hour = Growth(bytes: 10, oldest: ago(3_600_000), now: now)
        let sum = Growth.sum([day, nil, hour])
        #expect(sum?.perDay == 340 && sum?.window == 3_600_000)
        #expect(Growth.sum([nil, nil]) == nil)
        let huge = Growth(bytes: .max, oldest: ago(60_000), now: now)
        #expect(huge?.perDay == .max && Growth.sum([huge, huge])?.perDay == .max)
    }

    // MARK: What a retention holds

    private func rules(_ settings: [String: String]) -> KeepingRules { KeepingRules(settings) }

    @Test(
        "by age a partition is held at the retention, and a segment more, which goes when its newest record is too old")
    func boundByAge() {
        // A segment ends by time before it is full: a day's.
        let byTime = rules(["retention.ms": "604800000", "segment.ms": "86400000"])
        #expect(byTime.bound(perDay: 1000, compacted: nil) == .bytes(8000))
        // And by size.
        let bySize = rules(["retention.ms": "604800000", "segment.bytes": "500"])
        #expect(bySize.bound(perDay: 1000, compacted: nil) == .bytes(7500))
        #expect(byTime.bound(perDay: nil, compacted: nil) == .unknown)
        #expect(byTime.bound(perDay: 0, compacted: nil) == .bytes(0))
    }

    @Test("by size it is held at the size and a segment more; of two limits the smaller one counts")
    func boundBySize() {
        let bySize = rules(["retention.bytes": "10000", "segment.bytes": "1000"])
        #expect(bySize.bound(perDay: nil, compacted: nil) == .bytes(11_000))
        let both = rules(["retention.bytes": "10000", "segment.bytes": "1000", "retention.ms": "86400000"])
        #expect(both.bound(perDay: 50, compacted: nil) == .bytes(400))
        #expect(both.bound(perDay: 50_000, compacted: nil) == .bytes(11_000))
        #expect(both.bound(perDay: nil, compacted: nil) == .bytes(11_000))
    }

    @Test("without a limit it grows, a time to live is an age, and what never deletes has no limits")
    func unbounded() {
        #expect(rules([:]).bound(perDay: 1, compacted: nil) == .unbounded)
        #expect(rules(["retention.ms": "-1", "retention.bytes": "-1"]).bound(perDay: 1, compacted: nil) == .unbounded)
        let ttl = rules(["record.ttl.ms": "86400000", "retention.ms": "604800000", "segment.ms": "86400000"])
        #expect(ttl.bound(perDay: 1000, compacted: nil) == .bytes(2000))
        // Where records say it themselves, no batch can be known to be over.
        let headers = rules([
            "record.ttl.ms": "86400000", "record.ttl.headers": "true", "retention.ms": "604800000",
            "segment.ms": "86400000",
        ])
        #expect(headers.bound(perDay: 1000, compacted: nil) == .bytes(8000))
        let compact = rules(["cleanup.policy": "compact", "retention.ms": "1", "retention.bytes": "1"])
        #expect(compact.bound(perDay: 1000, compacted: nil) == .unknown)
    }

    @Test("a compacted partition is held at its keys' last records, what may be new, and a segment")
    func boundByCompaction() {
        let settings = ["cleanup.policy": "compact", "segment.bytes": "100"]
        #expect(rules(settings).bound(perDay: 1000, compacted: 5000) == .bytes(10_100))
        let eager = settings.merging(["min.cleanable.dirty.ratio": "0.2"]) { $1 }
        #expect(rules(eager).bound(perDay: 1000, compacted: 4000) == .bytes(5100))
        let never = settings.merging(["min.cleanable.dirty.ratio": "1.0"]) { $1 }
        #expect(rules(never).bound(perDay: 1000, compacted: 4000) == .unknown)
    }

    @Test("nothing that a broker may say overflows")
    func extremes() {
        let most = String(Int64.max)
        let all = rules([
            "retention.ms": most, "retention.bytes": most, "segment.ms": most, "segment.bytes": most,
            "cleanup.policy": "compact,delete",
        ])
        #expect(all.bound(perDay: .max, compacted: .max) == .bytes(.max))
        let odd = rules([
            "retention.ms": "x", "segment.bytes": "-5", "min.cleanable.dirty.ratio": "nan", "cleanup.policy": "",
        ])
        #expect(odd.bound(perDay: 5, compacted: 5) == .unbounded && !odd.deletes && !odd.compacts)
        #expect(Int64(clamping: Double.nan) == 0 && Int64(clamping: Double.infinity) == .max)
        #expect(Int64(clamping: -1e300) == .min)
    }

    // MARK: When there is no more room

    private func forecast(_ items: [(Int64, Int64, Int64?)], room: Int64, total: Int64? = nil) -> DiskForecast.Outcome {
        DiskForecast(
            items: items.map { DiskForecast.Item(bytes: $0.0, growth: $0.1, bound: $0.2) }, usable: room + 10,
            reserve: 10, totalBound: total
        ).outcome
    }

    @Test("the reserve is reached when what grows has taken the room")
    func reached() {
        #expect(forecast([(50, 10, nil), (5, 10, nil)], room: 100) == .inDays(5))
        #expect(forecast([(50, 10, nil)], room: 0) == .now && forecast([(50, 0, nil)], room: -1) == .now)
    }

    @Test("what is held grows up to its bound, and what else grows goes on")
    func reachedInTurns() {
        // The first takes 20 in two days, the second the other 80 at 10 a day.
        #expect(forecast([(50, 10, 70), (5, 10, nil)], room: 100) == .inDays(8))
        // What is larger than its bound already does not grow, and is not counted on to shrink.
        #expect(forecast([(500, 10, 70), (5, 10, nil)], room: 100) == .inDays(10))
    }

    @Test("where everything is held, or nothing grows, it never is")
    func never() {
        #expect(forecast([(50, 10, 70), (5, 10, 10)], room: 100) == .never(heldAt: 80))
        #expect(forecast([(50, 0, nil)], room: 100) == .never(heldAt: 50))
        #expect(forecast([], room: 100) == .never(heldAt: 0))
        // Exactly the room is the reserve.
        #expect(forecast([(50, 10, 150)], room: 100) == .inDays(10))
    }

    @Test("a bound of all of it holds it, unless there is less room than that")
    func totalBound() {
        #expect(forecast([(50, 10, nil)], room: 100, total: 149) == .never(heldAt: 149))
        #expect(forecast([(50, 10, nil)], room: 100, total: 151) == .inDays(10))
        #expect(forecast([(50, 10, 60)], room: 100, total: 149) == .never(heldAt: 60))
        // It is over it already: the log will shrink, not grow.
        #expect(forecast([(50, 10, nil)], room: 100, total: 40) == .never(heldAt: 50))
    }

    @Test("a rate of today says nothing of a hundred years, and the largest numbers do not overflow")
    func longTimes() {
        #expect(forecast([(0, 1, nil)], room: 1_000_000) == .notForLong)
        #expect(forecast([(0, 1, 900_000)], room: 1_000_000) == .notForLong)
        guard case .inDays(let days) = forecast([(.max, .max, .max), (.max, .max, nil)], room: 1 << 40) else {
            return #expect(Bool(false))
        }
        #expect(days >= 0 && days < 1)
    }

    @Test(
        "a reserve is a size or a part of the volume; by default 5 %, but no more than 1 GiB",
        arguments: [("5GiB", 5 << 30), ("10%", 109_951_162_778), ("0", 0)] as [(String, Int64)])
    func reserve(text: String, bytes: Int64) {
        #expect(DiskReserve(text)?.bytes(of: 1 << 40) == bytes)
        #expect(DiskReserve.usual.bytes(of: 1 << 40) == 1 << 30 && DiskReserve.usual.bytes(of: 2000) == 100)
        #expect(["", "%", "101%", "-1%", "x", "nan%"].allSatisfy { DiskReserve($0) == nil })
    }
}
