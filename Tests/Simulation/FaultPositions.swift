/// Every call to the disk of one workload, each with every kind of fault.
package enum FaultPositions {
    /// A directory that is made, filled, kept in bounds, closed and opened again.
    package static let workload: [Step] = [
        Step(.create, 0, 2, 0), Step(.append, 0, 0, 3, 400), Step(.number, 0, 1, 2, 300), Step(.spread, 0, 2, 900),
        Step(.commit, 0, 0, 0), Step(.append, 0, 0, 1, 2500), Step(.number, 0, 1, 2, 300), Step(.checkpoint),
        Step(.create, 1, 1, 5), Step(.append, 1, 0, 6, 300), Step(.append, 1, 0, 6, 300), Step(.append, 0, 0, 4, 700),
        Step(.work, 15_000), Step(.again, 0, 1), Step(.trim, 0, 0, 600), Step(.commit, 0, 0, 1),
        Step(.append, 0, 0, 2, 900),
        Step(.roll, 0, 0), Step(.spread, 0, 1, 100), Step(.alter, 0, 3), Step(.retain), Step(.commit, 1, 1, 0),
        Step(.append, 0, 1, 1, 3000), Step(.close),
        Step(.append, 0, 0, 2, 500), Step(.alter, 1, 0), Step(.append, 1, 0, 3, 300), Step(.number, 0, 1, 1, 50),
        Step(.grow, 0, 3), Step(.spread, 0, 1, 200), Step(.snapshot), Step(.checkpoint), Step(.append, 0, 0, 1, 60),
        Step(.delete, 1), Step(.create, 1, 1, 1), Step(.append, 1, 0, 2, 100), Step(.kill),
        Step(.append, 0, 0, 1, 300), Step(.commit, 0, 0, 2), Step(.trim, 0, 0, 500), Step(.work, 15_000), Step(.verify),
    ]

    package static let seed: UInt64 = 300

    /// How many calls each life of the workload has, but for the one that only looks at what is left.
    package static func callCounts() -> [Int] {
        let life = SimulatedLife(Plan(seed: seed, steps: workload))
        life.run()
        return Array(life.callsOfLives.prefix(3))
    }

    /// The workload with a fault at a call of a life, which is counted from 1 and from its opening on.
    package static func plan(_ kind: FaultKind, life: Int, call: Int) -> Plan {
        var steps = workload
        let ends = workload.indices.filter { workload[$0].action == .close || workload[$0].action == .kill }
        // Before the step that ends the life before: opening is a part of the life.
        steps.insert(Step(.fault, kind.rawValue, call, 1), at: life == 0 ? 0 : ends[life - 1])
        return Plan(seed: seed, steps: steps)
    }
}
