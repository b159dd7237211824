import Glibc
import Simulation

/// The arguments, and what they ask for.
struct Command {
    private var seconds = 0.0
    private var histories = Int.max
    private var seed = UInt64.random(in: 0..<1_000_000_000)
    private var mode = Mode.histories
    private var steps: String?
    private var problem: String?

    private enum Mode { case histories, positions, bugs, steps }

    init(_ arguments: [String]) {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            switch name {
            case "--seconds": seconds = rest.popFirst().flatMap(Double.init) ?? 0
            case "--histories": histories = rest.popFirst().flatMap { Int($0) } ?? 0
            case "--seed": seed = rest.popFirst().flatMap { UInt64($0) } ?? 0
            case "--positions": mode = .positions
            case "--planted-bugs": mode = .bugs
            case "--steps":
                mode = .steps
                steps = rest.popFirst()
            default: problem = "there is no \(name)"
            }
        }
        if histories == .max && seconds == 0 { seconds = 10 }
    }

    func run() -> Int32 {
        if let problem {
            print("error: \(problem)")
            return 64
        }
        return switch mode {
        case .histories: runHistories()
        case .positions: runPositions()
        case .bugs: findPlantedBugs()
        case .steps: runSteps()
        }
    }

    private func runHistories() -> Int32 {
        let start = ContinuousClock.now
        var count = 0
        var events = 0
        print("seed \(seed)")
        while count < histories {
            let plan = Plan(seed: seed + UInt64(count))
            let life = SimulatedLife(plan)
            life.run()
            count += 1
            events += life.events.count
            if let violation = HistoryChecker.violation(in: life.events) { return report(plan, violation) }
            if seconds > 0, count % 64 == 0, ContinuousClock.now - start > .seconds(seconds) { break }
        }
        let took = (ContinuousClock.now - start) / .seconds(1)
        print("\(count) histories, \(events) events, in \(took) s: every promise was kept")
        return 0
    }

    private func report(_ plan: Plan, _ violation: HistoryChecker.Violation) -> Int32 {
        print("seed \(plan.seed): \(violation.rule): \(violation)")
        let shrunk = plan.shrunk(violation.rule)
        print("with fewer steps, again by:\n    tools/simulate --steps \"\(shrunk.text)\"")
        _ = show(shrunk)
        return 1
    }

    private func runSteps() -> Int32 {
        guard let steps, let plan = Plan(steps) else {
            print("error: these are no steps")
            return 64
        }
        return show(plan)
    }

    private func show(_ plan: Plan) -> Int32 {
        let life = SimulatedLife(plan)
        life.run()
        for (i, event) in life.events.enumerated() { print("\(i): \(event)") }
        guard let violation = HistoryChecker.violation(in: life.events) else {
            print("every promise was kept")
            return 0
        }
        print("event \(violation.event): \(violation.rule): \(violation)")
        return 1
    }

    private func runPositions() -> Int32 {
        FaultPositions.all.map(run).max() ?? 0
    }

    private func run(_ positions: FaultPositions) -> Int32 {
        let counts = positions.callCounts()
        print("\(positions.name): \(counts.reduce(0, +)) calls to the disk, in lives of \(counts)")
        for kind in FaultKind.allCases {
            for (life, count) in counts.enumerated() {
                for call in 1...max(1, count) {
                    let plan = positions.plan(kind, life: life, call: call)
                    guard let violation = plan.violation() else { continue }
                    print("\(kind) at call \(call) of life \(life)")
                    return report(plan, violation)
                }
            }
            print("\(kind): at every one every promise was kept")
        }
        return 0
    }

    /// A bug that no history shows is one that the histories are too tame for.
    private func findPlantedBugs() -> Int32 {
        let max = histories == .max ? 20_000 : histories
        var bugs = PlantedBugs.ofTheDisk
        if let ofTheEngine = PlantedBugs.ofTheEngine {
            bugs += ofTheEngine
        } else {
            print("error: this build has no bugs planted in the engine: tools/simulate --planted-bugs makes one")
            return 1
        }
        print("seed \(seed)")
        var missed = 0
        for bug in bugs {
            guard let found = PlantedBugs.find(bug, seed: seed, max: max) else {
                print("NOT FOUND in \(max) histories: \(bug.name)")
                missed += 1
                continue
            }
            print("found in history \(found.histories): \(bug.name): \(found.violation.rule): \(found.violation)")
            print("    \(found.plan.text)")
        }
        print("\(bugs.count - missed) of \(bugs.count) planted bugs were found")
        return missed == 0 ? 0 : 1
    }
}
