/// Every call to the disk of a workload, each with every kind of fault.
package struct FaultPositions: Sendable {
    package let name: String
    private let seed: UInt64
    private let workload: [Step]

    package static let all = [keeping, compacting]

    /// A directory that is made, filled, kept in bounds, closed and opened again.
    static let keeping = FaultPositions(
        name: "keeping", seed: 300,
        workload: [
            Step(.create, 0, 2, 0), Step(.append, 0, 0, 3, 400), Step(.number, 0, 1, 2, 300), Step(.spread, 0, 2, 900),
            Step(.commit, 0, 0, 0), Step(.append, 0, 0, 1, 2500), Step(.number, 0, 1, 2, 300), Step(.checkpoint),
            Step(.create, 1, 1, 5), Step(.append, 1, 0, 6, 300), Step(.append, 1, 0, 6, 300),
            Step(.append, 0, 0, 4, 700),
            Step(.work, 15_000), Step(.again, 0, 1), Step(.trim, 0, 0, 600), Step(.commit, 0, 0, 1),
            Step(.append, 0, 0, 2, 900),
            Step(.roll, 0, 0), Step(.spread, 0, 1, 100), Step(.alter, 0, 3), Step(.retain), Step(.commit, 1, 1, 0),
            Step(.append, 0, 1, 1, 3000), Step(.close),
            Step(.append, 0, 0, 2, 500), Step(.alter, 1, 0), Step(.append, 1, 0, 3, 300), Step(.number, 0, 1, 1, 50),
            Step(.grow, 0, 3), Step(.spread, 0, 1, 200), Step(.snapshot), Step(.checkpoint), Step(.append, 0, 0, 1, 60),
            Step(.delete, 1), Step(.create, 1, 1, 1), Step(.append, 1, 0, 2, 100), Step(.kill),
            Step(.append, 0, 0, 1, 300), Step(.commit, 0, 0, 2), Step(.trim, 0, 0, 500), Step(.work, 15_000),
            Step(.verify),
        ])

    /// A topic that is compacted: after a close, a kill, a deletion, beside records without keys, in several passes.
    static let compacting = FaultPositions(
        name: "compacting", seed: 301,
        workload: [
            Step(.create, 0, 2, 7), Step(.number, 0, 0, 2, 300), Step(.append, 0, 0, 4, 200),
            Step(.append, 0, 0, 2, 400),
            Step(.checkpoint), Step(.append, 0, 0, 4, 250), Step(.spread, 0, 4, 300), Step(.number, 0, 0, 1, 300),
            Step(.append, 0, 1, 4, 350), Step(.roll, 0, 1), Step(.compact, 0), Step(.append, 0, 0, 4, 300),
            Step(.again, 0, 0), Step(.roll, 0, 0), Step(.compact, 1), Step(.find, 0, 0, 500), Step(.close),
            Step(.append, 0, 0, 4, 300), Step(.trim, 0, 0, 300), Step(.roll, 0, 0), Step(.compact, 0),
            Step(.alter, 0, 0),
            Step(.append, 0, 0, 2, 300), Step(.alter, 0, 8), Step(.append, 0, 0, 5, 300), Step(.roll, 0, 0),
            Step(.compact, 0), Step(.retain), Step(.append, 0, 0, 1, 60), Step(.kill),
            Step(.append, 0, 0, 4, 300), Step(.again, 0, 0), Step(.roll, 0, 0), Step(.compact, 2), Step(.work, 15_000),
            Step(.verify),
        ])

    /// How many calls each life of the workload has, but for the one that only looks at what is left.
    package func callCounts() -> [Int] {
        let life = SimulatedLife(Plan(seed: seed, steps: workload))
        life.run()
        return Array(life.callsOfLives.prefix(ends.count + 1))
    }

    /// The workload with a fault at a call of a life, which is counted from 1 and from its opening on.
    package func plan(_ kind: FaultKind, life: Int, call: Int) -> Plan {
        var steps = workload
        // Before the step that ends the life before: opening is a part of the life.
        steps.insert(Step(.fault, kind.rawValue, call, 1), at: life == 0 ? 0 : ends[life - 1])
        return Plan(seed: seed, steps: steps)
    }

    /// The steps that end a life.
    private var ends: [Int] {
        workload.indices.filter { workload[$0].action == .close || workload[$0].action == .kill }
    }
}
