import Testing

@testable import LoadGenerator

@Suite("The schedule of a load")
struct ScheduleTests {
    @Test(
        "what is due by a time is what is due at it or before, to the nanosecond",
        arguments: [0.5, 1, 3, 7, 1000, 9_999, 10_000, 333_333, 1_000_000, 99_999_999])
    func countAgreesWithDue(rate: Double) {
        let schedule = Schedule(start: 1_000_000_007, rate: rate, warmup: 0, records: .max)
        for number in Array(0..<2000) + [1_000_000, 12_345_678] {
            let due = schedule.due(number)
            #expect(schedule.count(dueBy: due) > number)
            #expect(schedule.count(dueBy: due - 1) <= number)
        }
        #expect(schedule.count(dueBy: schedule.start - 1) == 0)
    }

    @Test("the times of a schedule do not drift: the millionth is due after a million intervals")
    func noDrift() {
        let schedule = Schedule(start: 0, rate: 3, warmup: 0, records: 10)
        #expect(schedule.due(3_000_000) == 1_000_000_000_000_000)
    }

    @Test("what is due before the warm-up ends is not measured, and as many as were asked for are")
    func warmup() {
        let schedule = Schedule(start: 0, rate: 1000, LoadAmount(warmup: 0.5, .records(250)))
        #expect(schedule.first == 500 && schedule.end == 750)
        #expect((0..<1000).count { schedule.isMeasured($0) } == 250)
        #expect(schedule.measuredFrom == 500_000_000)
        #expect(Schedule(start: 0, rate: 1000, LoadAmount(warmup: 0, .seconds(2))).end == 2000)
        #expect(Schedule(start: 0, rate: 0.01, LoadAmount(warmup: 0, .seconds(1))).end == 1)
    }

    @Test("the shares of a schedule are all of it, each record once", arguments: [1, 2, 3, 7, 64])
    func shares(count: Int) {
        let schedule = Schedule(start: 100, rate: 1_000_000, warmup: 0, records: 100)
        var shares = (0..<count).map { ScheduleShare(of: schedule, place: $0, of: count) }
        #expect(shares.map(\.total).reduce(0, +) == 100)
        var seen: [Int] = []
        for time in stride(from: Int64(0), through: 100_200, by: 900) {
            for place in shares.indices {
                let waiting = shares[place].waiting(at: time)
                #expect(waiting >= 0)
                for index in shares[place].take(waiting) {
                    #expect(shares[place].due(index) <= time)
                    seen.append(shares[place].number(index))
                }
            }
        }
        #expect(shares.allSatisfy { $0.isAtEnd })
        #expect(seen.sorted() == Array(0..<100))
    }

    @Test("records that were due while a broker stood still have the time that they waited")
    func stall() {
        // A record a millisecond for two seconds. The broker answers at once, but for one second in which it does not: a
        // load that waits for answers would have one slow record.
        let schedule = Schedule(start: 0, rate: 1000, warmup: 0, records: 2000)
        var latency = LatencyHistogram()
        for number in 0..<2000 {
            let due = schedule.due(number)
            let answered = due < 500_000_000 || due >= 1_500_000_000 ? due : 1_500_000_000
            latency.record(answered - due)
        }
        // Half of all waited, from a second down to a millisecond.
        let expected = [(50.0, 0.0), (75, 500), (99, 980), (100, 1000)]
        for (percentile, milliseconds) in expected {
            let found = latency.percentile(percentile) ?? -1
            #expect(abs(found - milliseconds) <= 2, "p\(percentile) is \(found)")
        }
    }
}
