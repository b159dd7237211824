import Testing

@testable import KafkaClient

@Suite("Backoff")
struct BackoffTests {
    @Test("pauses double up to a second, give or take a fifth")
    func doubling() {
        let backoff = Backoff(first: .milliseconds(100))
        for (failures, expected) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1000), (6, 1000), (.max, 1000)] {
            let pauses = (0..<1000).map { _ in backoff.pause(afterFailures: failures) }
            #expect(backoff.pause(afterFailures: failures, chance: -1) == .milliseconds(expected) * 0.8)
            #expect(backoff.pause(afterFailures: failures, chance: 0) == .milliseconds(expected))
            let bounds = Duration.milliseconds(expected) * 0.8...Duration.milliseconds(expected) * 1.2
            #expect(pauses.allSatisfy(bounds.contains), "after \(failures) failures")
            // By chance, and over the whole range.
            let spread = (pauses.max() ?? .zero) - (pauses.min() ?? .zero)
            #expect(spread > .milliseconds(expected) * 0.35 && Set(pauses).count > 900)
        }
    }

    @Test("a first pause that is longer than a second stays as it is")
    func long() {
        let backoff = Backoff(first: .seconds(5))
        for failures in [0, 1, 2, 100] {
            let pause = backoff.pause(afterFailures: failures)
            #expect(pause >= .seconds(4) && pause <= .seconds(6))
        }
    }

    @Test("a first pause that nobody will live to see is no harm", arguments: [Int64.max, .min])
    func extreme(seconds: Int64) {
        for failures in [1, 2, 100] {
            let pause = Backoff(first: .seconds(seconds)).pause(afterFailures: failures)
            #expect(seconds < 0 ? pause == .zero : pause > .seconds(86_400))
            #expect(pause.milliseconds >= 0)
        }
    }

    @Test(
        "durations have as many milliseconds as there can be",
        arguments: [
            (Duration.seconds(Int64.max) * 2, Int64.max), (.seconds(Int64.min) * 2, .min),
            (.seconds(9_223_372_036_854_775) + .milliseconds(900), .max), (.seconds(2) + .milliseconds(5), 2005),
            (.milliseconds(-1500), -1500),
        ])
    func milliseconds(duration: Duration, expected: Int64) { #expect(duration.milliseconds == expected) }
}
