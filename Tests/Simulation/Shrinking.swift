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
                var shorter = plan
                shorter.steps.removeSubrange(at..<min(at + size, plan.steps.count))
                if shorter.violation(lies: lies)?.rule == rule { plan = shorter } else { at += size }
            }
            if size == 1 && plan.steps.count == before { return plan }
            size = max(1, size / 2)
        }
    }
}
