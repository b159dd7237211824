// What operators and the broker itself do with a group.

extension ConsumerProtocolGroup {
    package var phase: ConsumerGroupPhase {
        if isDead { return .dead }
        if members.isEmpty { return .empty }
        if targetEpoch < epoch { return .assigning }
        return isReconciled ? .stable : .reconciling
    }

    package var description: ConsumerGroupDescription {
        ConsumerGroupDescription(
            phase: phase, epoch: epoch, targetEpoch: targetEpoch, assignor: preferredAssignor,
            members: membersByID.map { member in
                ConsumerGroupDescription.Member(
                    id: member.id, epoch: member.epoch, instanceID: member.instanceID, rackID: member.rackID,
                    clientID: member.clientID, clientHost: member.clientHost, topicNames: member.topicNames,
                    topicPattern: member.topicPattern, assigned: member.assigned.shares,
                    target: (targets[member.id] ?? []).shares)
            })
    }

    /// Ends an empty group. Whoever calls removes its offsets and, by `removalRecords`, what is stored of it.
    package mutating func delete() throws(GroupError) {
        guard !isDead else { throw .groupIDNotFound }
        guard !isFenced else { throw .alreadyFenced }
        guard members.isEmpty else { throw .nonEmptyGroup }
        strangersDeadline = nil
        refuseWaiting(.notCoordinator)
        isDead = true
    }

    /// Removes all that may be stored of the group.
    package var removalRecords: [ConsumerGroupRecord] {
        let ids = storing.known.union(members.keys).sorted { $0.value < $1.value }
        let ofGroup: [ConsumerGroupRecord] = storing.isGroupKnown ? [.removeTargetEpoch, .removeGroup] : []
        return ids.flatMap { Self.removal(of: $0) } + ofGroup
    }

    /// The group is no longer coordinated here: everyone who waits is told to look elsewhere.
    package mutating func unload() {
        refuseWaiting(.notCoordinator)
        for join in heldJoins { act(.refuse(join.request, .notCoordinator)) }
        heldJoins = []
        clearMembers()
        storing = Storing()
        strangersDeadline = nil
        isFenced = false
        isDead = true
    }

    /// The connection of a request has gone: it needs no answer any more.
    package mutating func abandon(_ request: RequestID) {
        storing.waiting.removeAll { $0.request == request }
        heldJoins.removeAll { $0.request == request }
    }

    private mutating func clearMembers() {
        members = [:]
        staticMembers = [:]
        targets = [:]
        owners = [:]
        subscriptions = Subscriptions()
        textBytes = 0
    }
}

// MARK: Moving offsets under a live group

extension ConsumerProtocolGroup {
    /// Begins a change of the group's offsets: every member is removed, and told so by what it waits for or asks next.
    /// It then gives up its partitions and its position, joins anew, and reads the committed offsets. Joins are held
    /// until `lift`, so nobody reads the offsets before they are in place, and nothing overwrites them; commits without
    /// an epoch are refused until everyone is back, or has had the time to learn of it. Returns how many members were
    /// removed.
    package mutating func fence() throws(GroupError) -> Int {
        guard !isDead else { throw .groupIDNotFound }
        guard !isFenced else { throw .alreadyFenced }
        isFenced = true
        refuseWaiting(.unknownMemberID)
        let count = members.count
        awaitedReturns = count
        let slowest = members.values.reduce(rules.sessionTimeout) { max($0, $1.rebalanceTimeout) }
        evictedTimeout = min(slowest, rules.evictedTimeoutMax)
        returnDeadline = nil
        strangersDeadline = nil
        storing.known.formUnion(members.keys)
        clearMembers()
        storing.forgetChanges()
        guard count > 0 else { return 0 }
        epoch = epoch.next
        targetEpoch = epoch
        return count
    }

    /// To be stored with the moved offsets, as one: where the broker ends before the next change is stored, the members
    /// that were removed are unknown, and cannot overwrite the offsets either.
    package var fencedRecords: [ConsumerGroupRecord] {
        guard isFenced, !storing.known.isEmpty else { return [] }
        let ids = storing.known.sorted { $0.value < $1.value }
        return ids.flatMap { Self.removal(of: $0) } + [
            .group(epoch, topicsHash: topicsHash), .targetEpoch(targetEpoch),
        ]
    }

    /// The offsets are in place, or could not be changed: the joins go on. `stored` tells whether `fencedRecords` are.
    package mutating func lift(stored: Bool, at now: Instant) {
        guard isFenced else { return }
        isFenced = false
        if stored {
            storing.isGroupKnown = storing.isGroupKnown || !storing.known.isEmpty
            storing.known = []
            storing.needsRewrite = false
        } else if !storing.known.isEmpty {
            storing.needsRewrite = true
        }
        if awaitedReturns > 0 {
            returnDeadline = now.advanced(by: rules.heartbeatInterval).advanced(by: rules.returnDelay)
            let deadline = now.advanced(by: evictedTimeout)
            strangersDeadline = deadline
            watch(deadline)
        }
        let joins = heldJoins
        heldJoins = []
        for join in joins { heartbeat(join, at: now) }
        store()
    }
}

// MARK: What was stored

extension ConsumerProtocolGroup {
    /// The group that was stored, at a start. Its members go on where they were; their sessions begin now.
    ///
    /// What does not fit together is from elsewhere, and is taken as far as it does. The members that this leaves out
    /// are unknown: they join again.
    package init(
        id: String, rules: ConsumerGroupRules, restoring stored: StoredConsumerGroup, topics: TopicsSnapshot,
        at now: Instant
    ) {
        self.init(id: id, rules: rules, topics: topics)
        storing.known = Set(stored.members.keys).union(stored.targets.keys).union(stored.currents.keys)
        storing.isGroupKnown = stored.epoch != nil || stored.targetEpoch != nil
        if let epoch = stored.epoch, epoch >= .joining, epoch <= .highestStored {
            restore(stored, epoch: epoch, at: now)
        } else {
            storing.needsRewrite = !storing.known.isEmpty
        }
        store()
    }

    private mutating func restore(_ stored: StoredConsumerGroup, epoch: GroupEpoch, at now: Instant) {
        self.epoch = epoch
        targetEpoch = min(max(stored.targetEpoch ?? .joining, .joining), epoch)
        for (id, member) in stored.members.sorted(by: { $0.key.value < $1.key.value }) {
            restore(id, member, stored.currents[id], stored.targets[id], at: now)
        }
        for id in storing.known where members[id] == nil { storing.removed.insert(id) }
        topicsHash = subscriptions.hash(of: topics)
        guard !members.isEmpty else { return targetEpoch = epoch }
        let isCurrent = storing.removed.isEmpty && stored.topicsHash == topicsHash && targetEpoch == epoch
        if !isCurrent || !isTargetWhole || !hasTargetsOfStable {
            advanceEpoch()
            assignIfNeeded(at: now)
        }
    }

    private mutating func restore(
        _ id: MemberID, _ stored: ConsumerGroupRecord.Member, _ current: ConsumerGroupRecord.Current?,
        _ target: [TopicShare]?, at now: Instant
    ) {
        let deadline = now.advanced(by: rules.sessionTimeout)
        guard let current, current.epoch <= epoch,
            var member = ConsumerMember(id: id, restoring: stored, current, sessionDeadline: deadline)
        else { return }
        if let instanceID = member.instanceID, staticMembers[instanceID] != nil { return }
        let partitions = member.assigned.union(member.pendingRevocation)
        guard partitions.allSatisfy({ owners[$0] == nil }) else { return }
        let compiled = member.topicPattern.flatMap { try? TopicPattern($0) }
        guard member.topicPattern == nil || compiled != nil else { return }
        if member.progress == .unrevoked {
            let deadline = now.advanced(by: member.rebalanceTimeout)
            member.revocationDeadline = deadline
            watch(deadline)
        }
        members[id] = member
        if let instanceID = member.instanceID { staticMembers[instanceID] = id }
        for partition in partitions { owners[partition] = id }
        targets[id] = target.map { Set($0) }
        subscriptions.add(member, compiled: compiled, topics: topics)
        textBytes += member.nameBytes
        watch(deadline)
    }

    /// Whether those that have come to the target's epoch have what it says: they would not come again for it.
    private var hasTargetsOfStable: Bool {
        members.values.allSatisfy { member in
            member.progress != .stable || member.epoch != targetEpoch || member.assigned == targets[member.id] ?? []
        }
    }

    /// Whether the targets give each partition of the topics that are subscribed to to one subscriber, and nothing
    /// else.
    var isTargetWhole: Bool {
        var seen: Set<TopicPartition> = []
        for member in members.values {
            let keys = Set(subscriptions.names(of: member).compactMap { topics.byName[$0]?.key })
            for partition in targets[member.id] ?? [] {
                guard keys.contains(partition.topic), seen.insert(partition).inserted else { return false }
            }
        }
        let wanted = subscriptions.allNames.compactMap { topics.byName[$0] }
        let count = wanted.reduce(0) { $0 + Int($1.partitionCount) }
        return seen.count == count
            && wanted.allSatisfy { topic in
                (0..<topic.partitionCount).allSatisfy {
                    seen.contains(TopicPartition(topic: topic.key, partition: $0))
                }
            }
    }
}
