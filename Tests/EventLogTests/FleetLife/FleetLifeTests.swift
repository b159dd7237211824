import Foundation
import TestSupport
import Testing

@testable import EventLog

/// Months of a fleet's log: see `FleetLife`. `MARTLET_FLEET_LIVES` says how many, `MARTLET_FLEET_SEED` where the seeds
/// begin.
@Suite("A month of a fleet", .timeLimit(.minutes(10)))
struct FleetLifeTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let count = environment["MARTLET_FLEET_LIVES"].flatMap { Int($0) } ?? 2
    private static let firstSeed =
        environment["MARTLET_FLEET_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1_000_000_000)

    private static func clock() -> FleetClock { FleetClock(at: 20_000 * FleetClock.day) }

    @Test("a month of the event log is what the model says, whatever ends its lives")
    func aMonth() {
        print("\(Self.count) months of a fleet from seed \(Self.firstSeed)")
        for seed in Self.firstSeed..<Self.firstSeed + UInt64(Self.count) {
            let clock = Self.clock()
            let life = FleetLife(DiskLog(clock), clock, seed: seed)
            do { try life.run(days: 30, stepsADay: 16) } catch {
                Issue.record("seed \(seed): \(error)\n\(life.events.joined(separator: "\n"))")
                return
            }
            print("seed \(seed): \(life.counts)")
            #expect(life.counts.deletedByRetention > 0 && life.counts.compacted > 0)
        }
    }

    @Test("a log that does what it is told is what the model says")
    func theModelIsContent() {
        for seed in Self.firstSeed..<Self.firstSeed + UInt64(Self.count) {
            let clock = Self.clock()
            let life = FleetLife(ToyLog(clock), clock, seed: seed)
            do { try life.run(days: 30, stepsADay: 16) } catch {
                Issue.record("seed \(seed): \(error)\n\(life.events.joined(separator: "\n"))")
                return
            }
            #expect(life.counts.deletedByRetention > 0 && life.counts.compacted > 0)
        }
    }

    @Test("the model notices a fault", arguments: ToyLog.Fault.allCases)
    func theModelNotices(_ fault: ToyLog.Fault) {
        for seed in UInt64(0)..<6 {
            let clock = Self.clock()
            let life = FleetLife(ToyLog(clock, planting: fault), clock, seed: seed)
            do { try life.run(days: 30, stepsADay: 16) } catch { return }
        }
        Issue.record("nothing was noticed")
    }
}
