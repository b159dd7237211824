import Storage
import TestSupport
import Testing

@testable import EventLog

/// How a compaction gives way to others.
@Suite struct CompactionThrottleTests {
    @Test("bytes pass at the rate that is set, whatever the pieces")
    func rate() {
        for piece in [1000, 30_000, 1_000_000] {
            var bucket = TokenBucket()
            let start = ContinuousClock.now
            var now = start
            for _ in 0..<200 { now += bucket.take(piece, rate: 100_000, at: now) }
            let expected = Double(200 * piece) / 100_000
            // A tenth of a second may come at once.
            let took = (now - start) / .seconds(1)
            #expect(took <= expected + 0.001 && took >= expected - 0.101)
        }
    }

    @Test("what was not used in a pause does not come at once after it")
    func noSavings() {
        var bucket = TokenBucket()
        let now = ContinuousClock.now
        _ = bucket.take(0, rate: 1000, at: now)
        #expect(bucket.take(100, rate: 1000, at: now + .seconds(100)) == .zero)
        #expect(bucket.take(100, rate: 1000, at: now + .seconds(100)) == .milliseconds(100))
    }

    @Test("rounds that take long are seen while they are under way, and forgotten when none comes after them")
    func latency() {
        let latency = RoundLatency()
        // The moment that it counts from is that of its first use.
        #expect(latency.current() == .zero)
        let now = ContinuousClock.now
        latency.begin(at: now)
        #expect(isAbout(latency.current(at: now + .milliseconds(30)), .milliseconds(30)))
        latency.end(at: now + .milliseconds(40))
        #expect(isAbout(latency.current(at: now + .milliseconds(41)), .milliseconds(5)))
        for round in 1...40 {
            latency.begin(at: now + .milliseconds(round * 100))
            latency.end(at: now + .milliseconds(round * 100 + 40))
        }
        let end = now + .milliseconds(4040)
        #expect(latency.current(at: end) > .milliseconds(39))
        #expect(latency.current(at: end + .milliseconds(999)) > .milliseconds(39))
        #expect(latency.current(at: end + .seconds(1)) == .zero)
    }

    /// It counts in whole nanoseconds from a moment of its own.
    private func isAbout(_ time: Duration, _ expected: Duration) -> Bool {
        time >= expected - .microseconds(1) && time <= expected + .microseconds(1)
    }

    @Test("appends that are always slow hold it up, but not for ever")
    func alwaysSlow() throws {
        var asked = 0
        var control = CompactionControl(
            CompactionStop(), isClosing: { false }, settings: { LogSettings() },
            appendLatency: {
                asked += 1
                return asked <= 3 ? .milliseconds(21) : .milliseconds(20)
            })
        // It looks each 256 KiB.
        try control.pass(200 << 10)
        #expect(asked == 0)
        try control.pass(56 << 10)
        #expect(asked == 4)
        try control.pass(256 << 10)
        #expect(asked == 5)
        asked = 0
        var stubborn = CompactionControl(
            CompactionStop(), isClosing: { false }, settings: { LogSettings() },
            appendLatency: {
                asked += 1
                return .seconds(1)
            })
        try stubborn.pass(256 << 10)
        #expect(asked == 40)
        for _ in 0..<15 { try stubborn.pass(256 << 10) }
        #expect(asked == 40)
    }

    @Test("told to stop, or with a log that closes, nothing passes")
    func stops() {
        let stop = CompactionStop()
        var control = CompactionControl(
            stop, isClosing: { false }, settings: { LogSettings() }, appendLatency: { .zero })
        #expect(throws: Never.self) { try control.pass(1) }
        stop.stop()
        #expect(throws: CompactionInterruption.stopped) { try control.pass(1) }
        var closing = CompactionControl(
            CompactionStop(), isClosing: { true }, settings: { LogSettings() }, appendLatency: { .zero })
        #expect(throws: CompactionInterruption.stopped) { try closing.pass(1) }
    }
}
