import Foundation
import TestSupport
import Testing

@testable import GroupCoordination

/// Groups on random schedules. `MARTLET_SEED` says which, where a failure is to be seen again; `MARTLET_SCHEDULES` how
/// many, for a longer run.
@Suite("Groups on random schedules", .timeLimit(.minutes(10)))
struct GroupModelTests {
    private static func number(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
    }

    @Test("no schedule of joins, crashes, lost answers, failing disks, killed brokers and fences breaks a group")
    func schedules() {
        let seed = Self.number("MARTLET_SEED") ?? UInt64.random(in: 0..<1_000_000_000)
        let schedules = Self.number("MARTLET_SCHEDULES") ?? 120
        print("Groups on random schedules from MARTLET_SEED=\(seed)")
        var seeds = SeededRandom(seed: seed)
        var steps = 0
        var checks = 0
        var counts: [String: Int] = [:]
        let start = ContinuousClock.now
        for schedule in 0..<schedules {
            let own = seeds.next()
            let simulation = GroupSimulation(seed: own)
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
        guard schedules >= 100 else { return }
        for event in ["fenced zombie", "moved", "restart", "store failed", "expired: sync", "commit refused"] {
            #expect(counts[event, default: 0] > 0, "\(event): never")
        }
    }

    /// What happened before it broke.
    private static func story(seed: UInt64) -> String {
        let simulation = GroupSimulation(seed: seed, keepsTrace: true)
        try? simulation.run(steps: 500)
        return simulation.trace.suffix(80).joined(separator: "\n")
    }
}
