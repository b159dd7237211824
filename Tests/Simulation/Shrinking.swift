package import TestSupport

/// What came of a plan.
package struct Finding: Sendable {
    package let plan: Plan
    package let violation: HistoryChecker.Violation
}

extension Plan {
    /// nil: the log kept its promises.
    package func violation(lies: SimulatedDisk.Lies = []) -> HistoryChecker.Violation? {
        let life = SimulatedLife(self, lies: lies)
        life.run()
        return HistoryChecker.violation(in: life.events)
    }

    /// As few steps as still break the same promise: parts are left out, first large ones, then single steps, until
    /// none can be.
    package func shrunk(_ rule: HistoryChecker.Violation.Rule, lies: SimulatedDisk.Lies = []) -> Plan {
        var plan = self
        var size = max(1, plan.steps.count / 2)
        while true {
            let before = plan.steps.count
            var at = 0
            while at < plan.steps.count {
                let shorter = plan.without(at..<min(at + size, plan.steps.count), lies)
                if let shorter = shorter.first(where: { $0.violation(lies: lies)?.rule == rule }) {
                    plan = shorter
                } else {
                    at += size
                }
            }
            if size == 1 && plan.steps.count == before { return plan }
            size = max(1, size / 2)
        }
    }

    /// Without these steps: as it is then, and where a fault comes before a single one, with that fault sooner, by about as many
    /// calls of the disk as the step made, so that it strikes where it did; the last one alone, and all.
    private func without(_ left: Range<Int>, _ lies: SimulatedDisk.Lies) -> [Plan] {
        var shorter = self
        shorter.steps.removeSubrange(left)
        let faults = steps[..<left.lowerBound].indices.filter { steps[$0].action == .fault }
        guard left.count == 1, let last = faults.last else { return [shorter] }
        let life = SimulatedLife(self, lies: lies)
        life.run()
        let calls = life.calls[left.lowerBound]
        // What comes after the step may make some more, or less, without it.
        let sooner = [0, 1, -1, 2, -2, 3, -3, 4, -4].map { calls + $0 }
        return [[last], faults].flatMap { moved in
            sooner.map { count in
                var plan = shorter
                for i in moved { plan.steps[i] = steps[i].sooner(by: count) ?? steps[i] }
                return plan
            }
        }.reduce(into: [shorter]) { plans, plan in if !plans.contains(plan) { plans.append(plan) } }
    }
}
