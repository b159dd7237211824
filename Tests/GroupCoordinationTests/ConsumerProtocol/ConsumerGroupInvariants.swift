@testable import GroupCoordination

/// What holds of a group by the consumer protocol after each call, whatever was asked of it.
struct ConsumerGroupInvariants {
    /// How many were looked at.
    private(set) var checks = 0
    var lastEpoch = GroupEpoch.joining

    mutating func check(_ group: ConsumerProtocolGroup, timer: Instant?) throws(Violation) {
        try checkOwners(group)
        try checkEpochs(group)
        try checkSubscriptions(group)
        try checkBytes(group)
        try checkTimer(group, timer)
    }

    private mutating func verify(_ condition: Bool, _ description: @autoclosure () -> String) throws(Violation) {
        checks += 1
        try Violation.unless(condition, description())
    }

    /// No partition has two owners, in the group's books.
    private mutating func checkOwners(_ group: ConsumerProtocolGroup) throws(Violation) {
        var owners: [TopicPartition: MemberID] = [:]
        for (id, member) in group.members {
            try verify(id == member.id, "\(member.id) is called \(id)")
            try verify(
                member.pendingRevocation.isEmpty == (member.progress != .unrevoked), "\(id) is \(member.progress)")
            for partition in member.assigned.union(member.pendingRevocation) {
                let other = owners.updateValue(id, forKey: partition)
                try verify(other == nil, "\(id) and \(other?.value ?? "") own \(partition)")
            }
        }
        try verify(owners == group.owners, "the owners are not those that members have")
        if !group.isFenced, group.returnDeadline == nil {
            try verify(group.targetEpoch == group.epoch, "there is no target for \(group.epoch)")
            try verify(group.isTargetWhole, "the target is not whole")
        }
        try verify(Set(group.targets.keys).isSubset(of: group.members.keys), "a target of nobody")
    }

    private mutating func checkEpochs(_ group: ConsumerProtocolGroup) throws(Violation) {
        let before = lastEpoch
        try verify(group.epoch >= before, "the epoch went back from \(before) to \(group.epoch)")
        lastEpoch = group.epoch
        try verify(group.targetEpoch <= group.epoch, "the target is of a later epoch")
        for member in group.members.values where !member.isAway {
            try verify(
                member.epoch > .joining && member.epoch <= group.targetEpoch && member.previousEpoch <= member.epoch,
                "\(member.id) is in \(member.epoch)")
            if member.progress == .stable, member.epoch == group.targetEpoch {
                let target = group.targets[member.id] ?? []
                try verify(member.assigned == target, "\(member.id) is stable without its target")
            }
            try verify((member.revocationDeadline != nil) == (member.progress == .unrevoked), "a deadline for nothing")
        }
        try verify(group.members.count <= group.rules.membersMax, "\(group.members.count) members")
        let statics = group.members.values.filter { $0.instanceID != nil }
        try verify(group.staticMembers.count == statics.count, "static members are counted wrongly")
        for member in statics {
            try verify(member.instanceID.map { group.staticMembers[$0] } == member.id, "\(member.id) is not found")
        }
    }

    private mutating func checkSubscriptions(_ group: ConsumerProtocolGroup) throws(Violation) {
        var names: [String: Int] = [:]
        var patterns: [String: Int] = [:]
        for member in group.members.values {
            for name in member.topicNames { names[name, default: 0] += 1 }
            if let pattern = member.topicPattern { patterns[pattern, default: 0] += 1 }
        }
        try verify(group.subscriptions.names == names, "names are counted wrongly")
        try verify(group.subscriptions.patterns.mapValues(\.users) == patterns, "patterns are counted wrongly")
        for pattern in group.subscriptions.patterns.values {
            let matched = Set(
                group.topics.byName.filter { !$0.value.isInternal && pattern.pattern.matches($0.key) }.keys)
            try verify(pattern.matched == matched, "a pattern matches \(pattern.matched)")
        }
    }

    private mutating func checkBytes(_ group: ConsumerProtocolGroup) throws(Violation) {
        let members = group.members.values
        let said = members.map { member in
            [member.id.value, member.instanceID?.value, member.rackID, member.clientID, member.clientHost]
                .reduce(0) { $0 + ($1?.utf8.count ?? 0) } + member.topicNames.reduce(0) { $0 + $1.utf8.count }
                + (member.topicPattern?.utf8.count ?? 0)
        }
        let patterns = group.subscriptions.patterns.values
        let ofPatterns = patterns.reduce(0) { $0 + 64 * $1.pattern.stateCount + 32 * $1.matched.count }
        let bytes =
            members.isEmpty
            ? 0
            : members.count * ClassicGroup.memberBytesMin + group.id.utf8.count + said.reduce(0, +) + ofPatterns
                + group.owners.count * 128
        try verify(group.memberBytes == bytes, "\(group.memberBytes) bytes are counted of \(bytes)")
    }

    private mutating func checkTimer(_ group: ConsumerProtocolGroup, _ timer: Instant?) throws(Violation) {
        if let deadline = group.earliestDeadline {
            try verify(
                timer.map { $0 <= deadline } ?? false,
                "deadline \(deadline.milliseconds), timer \(timer?.milliseconds ?? -1)")
        }
        if group.members.isEmpty, group.strangersDeadline == nil { try verify(timer == nil, "a timer for nobody") }
    }
}
