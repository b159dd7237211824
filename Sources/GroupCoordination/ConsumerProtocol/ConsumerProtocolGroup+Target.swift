// What members are to own.

extension ConsumerProtocolGroup {
    /// The group is not what it was.
    mutating func advanceEpoch() {
        if !members.isEmpty { topicsHash = subscriptions.hash(of: topics) }
        epoch = epoch.next
        storing.isGroupChanged = true
    }

    /// That which most members ask for; where that is not one, the default of those.
    var preferredAssignor: ServerAssignor {
        var votes: [ServerAssignor: Int] = [:]
        for member in members.values { if let assignor = member.assignor { votes[assignor, default: 0] += 1 } }
        let most = votes.values.max()
        let favourites = ServerAssignor.allCases.filter { votes[$0] == most }
        return favourites.contains(rules.defaultAssignor) ? rules.defaultAssignor : favourites[0]
    }

    /// Makes a target for the group's epoch, where it has none yet.
    mutating func assignIfNeeded(at now: Instant) {
        guard !isFenced else { return }
        if let deadline = returnDeadline, deadline <= now || members.count >= awaitedReturns { returnDeadline = nil }
        if members.count >= awaitedReturns { strangersDeadline = nil }
        guard targetEpoch < epoch else { return }
        if let deadline = returnDeadline, !members.isEmpty { return watch(deadline) }
        assign()
        targetEpoch = epoch
        storing.isTargetEpochChanged = true
    }

    private mutating func assign() {
        let members = membersByID
        let targets = preferredAssignor.assign(assignmentProblem(of: members))
        for (member, target) in zip(members, targets) where self.targets[member.id] != target {
            self.targets[member.id] = target
            storing.changedTargets.insert(member.id)
        }
    }

    private func assignmentProblem(of members: [ConsumerMember]) -> AssignmentProblem {
        var counts: [TopicKey: Int32] = [:]
        // Most members of a group subscribe to the same.
        var known: [[String]: [String?: Set<TopicKey>]] = [:]
        let specs = members.map { member in
            let topics: Set<TopicKey>
            if let earlier = known[member.topicNames]?[member.topicPattern] {
                topics = earlier
            } else {
                let found = subscriptions.names(of: member).compactMap { self.topics.byName[$0] }
                for topic in found { counts[topic.key] = topic.partitionCount }
                topics = Set(found.map(\.key))
                known[member.topicNames, default: [:]][member.topicPattern] = topics
            }
            return (instanceID: member.instanceID, topics: topics, previous: targets[member.id] ?? [])
        }
        return AssignmentProblem(specs, partitionCounts: counts)
    }

    /// Topics were created or deleted, or have more partitions.
    package mutating func topicsChanged(_ topics: TopicsSnapshot, at now: Instant) {
        subscriptions.topicsChanged(from: self.topics, to: topics)
        self.topics = topics
        guard !isDead, !members.isEmpty, subscriptions.hash(of: topics) != topicsHash else { return }
        advanceEpoch()
        assignIfNeeded(at: now)
        store()
    }
}
