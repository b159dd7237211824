import Foundation
import TestSupport
import Testing

@testable import GroupCoordination

/// Groups by the consumer protocol on random schedules. `MARTLET_SEED` says which, where a failure is to be seen again;
/// `MARTLET_SCHEDULES` how many, for a longer run.
@Suite("Groups by the consumer protocol on random schedules", .timeLimit(.minutes(10)))
struct ConsumerGroupModelTests {
    private static func number(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
    }

    @Test(
        "no schedule of joins, late revocations, crashes, lost answers, topics, failing disks and fences breaks a group"
    )
    func schedules() {
        let seed = Self.number("MARTLET_SEED") ?? UInt64.random(in: 0..<1_000_000_000)
        let schedules = Self.number("MARTLET_SCHEDULES") ?? 60
        print("Groups by the consumer protocol on random schedules from MARTLET_SEED=\(seed)")
        var seeds = SeededRandom(seed: seed)
        var steps = 0
        var checks = 0
        var counts: [String: Int] = [:]
        let start = ContinuousClock.now
        for schedule in 0..<schedules {
            let own = seeds.next()
            let simulation = ConsumerGroupSimulation(seed: own)
            do throws(Violation) {
                try simulation.run(steps: 500)
            } catch {
                Issue.record("MARTLET_SEED=\(seed), schedule \(schedule): \(error)\n\(Self.story(seed: own))")
                return
            }
            steps += simulation.steps
            checks += simulation.checks
            counts.merge(simulation.counts, uniquingKeysWith: +)
        }
        let spent = ContinuousClock.now - start
        print("\(schedules) schedules, \(steps) steps, \(checks) invariants held, in \(spent): ", terminator: "")
        print(counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
        guard schedules >= 60 else { return }
        for event in [
            "zombie", "moved", "restart", "store failed", "expired: session", "expired: rebalance",
            "commit refused", "leave for now", "topic goes", "begins anew",
        ] {
            #expect(counts[event, default: 0] > 0, "\(event): never")
        }
    }

    /// What happened before it broke.
    private static func story(seed: UInt64) -> String {
        let simulation = ConsumerGroupSimulation(seed: seed, keepsTrace: true)
        try? simulation.run(steps: 500)
        return simulation.trace.suffix(60).joined(separator: "\n")
    }
}
