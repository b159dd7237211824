internal import EventLog
internal import TestSupport

/// Bugs that the histories must catch: promises that the disk breaks, and mistakes of the engine.
package enum PlantedBugs {
    package struct Bug: Sendable {
        package let name: String
        fileprivate let lies: SimulatedDisk.Lies
        fileprivate let engine: String?
    }

    /// What breaks what the engine relies on, as if the engine did not do it.
    package static let ofTheDisk = [
        Bug(name: "acknowledged before the journal is durable", lies: .durableWrites, engine: nil),
        Bug(name: "no directory is synced", lies: .directorySyncs, engine: nil),
        Bug(name: "a sync that failed is tried again", lies: .retriedSyncs, engine: nil),
        Bug(name: "renamed without a sync", lies: .temporarySyncs, engine: nil),
        Bug(name: "segments are not synced before the journal lets go", lies: .segmentSyncs, engine: nil),
        Bug(name: "a write that failed counts as done", lies: .segmentWrites, engine: nil),
    ]

    /// nil: this build has no bugs planted in the engine.
    package static var ofTheEngine: [Bug]? {
        #if PLANTED_BUGS
        PlantedBug.allCases.map { Bug(name: $0.rawValue, lies: [], engine: $0.rawValue) }
        #else
        nil
        #endif
    }

    /// Histories from `seed` on with the bug in them, until one shows it.
    /// - Returns: how many that took, and what was found; nil: none of `max` shows it.
    package static func find(
        _ bug: Bug, seed: UInt64, max: Int
    ) -> (histories: Int, plan: Plan, violation: HistoryChecker.Violation)? {
        #if PLANTED_BUGS
        PlantedBug.planted = bug.engine.flatMap(PlantedBug.init(rawValue:))
        defer { PlantedBug.planted = nil }
        #endif
        for i in 0..<max {
            let plan = Plan(seed: seed + UInt64(i))
            guard let violation = plan.violation(lies: bug.lies) else { continue }
            // Without the bug it must not show: else it is another one.
            #if PLANTED_BUGS
            PlantedBug.planted = nil
            defer { PlantedBug.planted = bug.engine.flatMap(PlantedBug.init(rawValue:)) }
            #endif
            guard plan.violation() == nil else { continue }
            #if PLANTED_BUGS
            PlantedBug.planted = bug.engine.flatMap(PlantedBug.init(rawValue:))
            #endif
            return (i + 1, plan.shrunk(violation.rule, lies: bug.lies), violation)
        }
        return nil
    }
}
