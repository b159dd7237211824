import Foundation
import Simulation
import TestSupport
import Testing

/// A few of the histories that `tools/simulate` runs by the hundred thousand, so that they do not rot.
/// `MARTLET_HISTORY_SEED` says where the seeds begin.
@Suite struct SimulationTests {
    private static let firstSeed =
        ProcessInfo.processInfo.environment["MARTLET_HISTORY_SEED"].flatMap { UInt64($0) }
        ?? UInt64.random(in: 0..<1_000_000_000)

    @Test func everyPromiseIsKeptInEveryHistory() {
        print("histories from seed \(Self.firstSeed)")
        var acknowledged = 0
        for seed in Self.firstSeed..<Self.firstSeed + 150 {
            let plan = Plan(seed: seed)
            let life = SimulatedLife(plan)
            life.run()
            acknowledged += life.events.count { if case .acknowledged = $0 { true } else { false } }
            guard let violation = HistoryChecker.violation(in: life.events) else { continue }
            Issue.record(
                "seed \(seed): \(violation.rule): \(violation)\ntools/simulate --steps \"\(plan.shrunk(violation.rule).text)\""
            )
            return
        }
        #expect(acknowledged > 500)
    }

    @Test func aPlanRunsTheSameEachTime() {
        for seed in 0..<20 as Range<UInt64> {
            let runs = (0..<2).map { _ in
                let life = SimulatedLife(Plan(seed: seed))
                life.run()
                return life.events
            }
            #expect(runs[0] == runs[1], "seed \(seed)")
        }
    }

    @Test func aPlanIsReadBackFromItsText() throws {
        for seed in 0..<50 as Range<UInt64> {
            let plan = Plan(seed: seed)
            #expect(Plan(plan.text) == plan)
        }
        #expect(Plan("7: append 0 x") == nil)
        #expect(Plan("7: jump 0") == nil)
    }

    /// One that breaks a promise, by a disk that does, is found, and shrinks to what is needed for it.
    @Test func promisesOfTheDiskThatAreBrokenAreFound() throws {
        for bug in PlantedBugs.ofTheDisk {
            let found = PlantedBugs.find(bug, seed: 1, max: 3000)
            #expect(found != nil, "\(bug.name)")
            if let found { #expect(found.plan.steps.count <= 12, "\(bug.name): \(found.plan.text)") }
        }
    }

    /// Every 53rd call; `tools/simulate --positions` takes them all.
    @Test(arguments: FaultKind.allCases) func aFaultAnywhereBreaksNoPromise(_ kind: FaultKind) {
        for positions in FaultPositions.all {
            let counts = positions.callCounts()
            #expect(counts.reduce(0, +) > 300)
            for (life, count) in counts.enumerated() {
                for call in stride(from: 1 + kind.rawValue, through: count, by: 53) {
                    let violation = positions.plan(kind, life: life, call: call).violation()
                    #expect(violation == nil, "\(positions.name): \(kind) at call \(call) of life \(life)")
                }
            }
        }
    }
}
