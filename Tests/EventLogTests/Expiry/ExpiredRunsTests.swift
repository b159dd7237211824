import TestSupport
import Testing

@testable import EventLog

@Suite("Runs of expired batches")
struct ExpiredRunsTests {
    @Test("runs say what a model says, whatever is added in whatever order; they stay few", arguments: 1...20)
    func model(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        var runs = ExpiredRuns()
        let now = Timestamp(milliseconds: 1000)
        var expired = [Bool](repeating: false, count: 300)
        for _ in 0..<60 {
            let start = Int.random(in: 0..<290, using: &random)
            let end = start + Int.random(in: 0...10, using: &random)
            runs.add(Offset(Int64(start)), to: Offset(Int64(end)), expiry: now, at: now)
            for offset in start..<end { expired[offset] = true }
            for offset in expired.indices {
                let live = expired[offset...].firstIndex(of: false) ?? expired.count
                #expect(runs.end(from: Offset(Int64(offset)), at: now) == Offset(Int64(live)))
            }
        }
        #expect(runs.count <= zip([false] + expired, expired).count { !$0 && $1 })
    }

    @Test("where the clock goes back, what expired later does not count, and what is found then does")
    func clockGoesBack() {
        var runs = ExpiredRuns()
        let (late, early) = (Timestamp(milliseconds: 1000), Timestamp(milliseconds: 900))
        runs.add(0, to: 100, expiry: late, at: late)
        #expect(runs.end(from: 10, at: late) == 100)
        #expect(runs.end(from: 10, at: early) == 10)
        runs.add(0, to: 50, expiry: Timestamp(milliseconds: 800), at: early)
        #expect(runs.end(from: 10, at: early) == 50)
    }

    @Test("there are so many at most, and the one that was found last is among them")
    func bounded() {
        var runs = ExpiredRuns()
        let now = Timestamp(milliseconds: 1)
        for index in 0..<Int64(ExpiredRuns.countMax * 2) {
            let start = Offset(index * 10)
            runs.add(start, to: start.advanced(by: 5), expiry: now, at: now)
            #expect(runs.end(from: start, at: now) == start.advanced(by: 5))
        }
        #expect(runs.count == ExpiredRuns.countMax)
    }
}
