// Heartbeats: members join, go on and leave.

extension ConsumerProtocolGroup {
    package mutating func heartbeat(_ request: ConsumerHeartbeat, at now: Instant) {
        do throws(GroupError) {
            guard !isDead else { throw .notCoordinator }
            try request.check()
            switch request.epoch {
            case .leaving: try leave(request, at: now)
            case .leavingForNow: try leaveForNow(request, at: now)
            case .joining where isFenced: heldJoins.append(request)
            default: try serve(request, at: now)
            }
        } catch {
            act(.refuse(request.request, error))
        }
        store()
    }

    private mutating func serve(_ request: ConsumerHeartbeat, at now: Instant) throws(GroupError) {
        // All that may be refused is before anything that changes the group.
        let compiled = try compile(request.topicPattern)
        let id = request.epoch == .joining ? try admit(request, compiled, at: now) : try validate(request)
        guard let before = members[id] else { throw .unknownMemberID }
        update(id, request, compiled)
        touch(id, at: now)
        assignIfNeeded(at: now)
        reconcile(id, owned: request.owned.map { Set($0) }, isJoining: request.epoch == .joining, at: now)
        guard let member = members[id] else { throw .unknownMemberID }
        let isNews = request.isFull || member.owesAssignment || member.assigned != before.assigned
        members[id]?.owesAssignment = false
        answer(request.request, answer(to: member, withAssignment: isNews))
    }

    private func compile(_ pattern: String?) throws(GroupError) -> TopicPattern? {
        guard let pattern, !pattern.isEmpty else { return nil }
        if let known = subscriptions.patterns[pattern] { return known.pattern }
        let compiled: TopicPattern
        do throws(PatternError) {
            compiled = try TopicPattern(pattern)
        } catch {
            throw .invalidRegularExpression(error.description)
        }
        try subscriptions.check(compiled, topics: topics)
        return compiled
    }

    private func answer(to member: ConsumerMember, withAssignment: Bool) -> ConsumerHeartbeatAnswer {
        let isWaiting = member.progress != .stable || targetEpoch < epoch
        let interval =
            isWaiting ? min(rules.heartbeatInterval, rules.waitingHeartbeatInterval) : rules.heartbeatInterval
        return ConsumerHeartbeatAnswer(
            memberID: member.id, epoch: member.epoch, heartbeatInterval: interval,
            assignment: withAssignment ? member.assigned.shares : nil)
    }

    /// What a member says of itself and its subscription counts from now on.
    private mutating func update(_ id: MemberID, _ request: ConsumerHeartbeat, _ compiled: TopicPattern?) {
        guard let old = members[id] else { return }
        var new = old
        new.update(request)
        guard new.record != old.record else { return }
        let assignor = preferredAssignor
        members[id] = new
        textBytes += new.nameBytes - old.nameBytes
        storing.changedMembers.insert(id)
        if new.topicNames != old.topicNames || new.topicPattern != old.topicPattern {
            subscriptions.add(new, compiled: compiled, topics: topics)
            subscriptions.remove(old)
            advanceEpoch()
        } else if preferredAssignor != assignor {
            advanceEpoch()
        }
    }
}

// MARK: Joining

extension ConsumerProtocolGroup {
    /// Who joins: a newcomer, or one that was here before. The member that it is has no partitions until it is
    /// reconciled but those that are kept for it.
    private mutating func admit(
        _ request: ConsumerHeartbeat, _ compiled: TopicPattern?, at now: Instant
    ) throws(GroupError) -> MemberID {
        let id = request.memberID.isNone ? request.freshMemberID : request.memberID
        let current = request.instanceID.flatMap { staticMembers[$0] }
        if let current, current != id {
            guard members[current]?.isAway == true else { throw .unreleasedInstanceID }
            replace(current, by: id)
            return id
        }
        if let member = members[id], request.instanceID == nil || request.instanceID == member.instanceID {
            rejoin(id)
            return id
        }
        guard members[id] != nil || members.count < rules.membersMax else { throw .groupMaxSizeReached }
        // Under another instance id it is another member: it says itself that the earlier one owns nothing.
        remove(id)
        add(ConsumerMember(request, id: id, sessionDeadline: now), compiled)
        return id
    }

    private mutating func add(_ member: ConsumerMember, _ compiled: TopicPattern?) {
        members[member.id] = member
        if let instanceID = member.instanceID { staticMembers[instanceID] = member.id }
        subscriptions.add(member, compiled: compiled, topics: topics)
        textBytes += member.nameBytes
        storing.changedMembers.insert(member.id)
        // There may be a target of an earlier member that was called the same.
        storing.changedTargets.insert(member.id)
        storing.changedCurrents.insert(member.id)
        advanceEpoch()
    }

    /// It begins anew where it was: its client has lost an answer, or has given up on its own.
    private mutating func rejoin(_ id: MemberID) {
        guard let member = members[id] else { return }
        if member.isAway { members[id]?.epoch = .joining }
        // What it knows is from before: it is told all.
        members[id]?.owesAssignment = true
    }

    /// A static member comes back under another id, to the partitions that are kept for it.
    private mutating func replace(_ old: MemberID, by id: MemberID) {
        // Who joins owns nothing, whoever it was before.
        if members[id] != nil {
            remove(id)
            advanceEpoch()
        }
        guard let member = members.removeValue(forKey: old) else { return }
        let returning = ConsumerMember(returning: member, as: id)
        members[id] = returning
        textBytes += returning.nameBytes - member.nameBytes
        if let instanceID = member.instanceID { staticMembers[instanceID] = id }
        for partition in member.assigned { owners[partition] = id }
        targets[id] = targets.removeValue(forKey: old)
        storing.noteRemoval(of: old)
        storing.changedMembers.insert(id)
        storing.changedTargets.insert(id)
        storing.changedCurrents.insert(id)
        refuseWaiting(of: old, .fencedInstanceID)
    }
}

// MARK: Going on

extension ConsumerProtocolGroup {
    /// Throws unless there is such a member, and it is where it says.
    private func validate(_ request: ConsumerHeartbeat) throws(GroupError) -> MemberID {
        let id = request.memberID
        try validateInstance(of: request)
        guard let member = members[id] else { throw .unknownMemberID }
        if request.epoch == member.epoch { return id }
        // The answer that told of the member's epoch may have been lost. Then it owns no more than it had before.
        guard request.epoch == member.previousEpoch, !member.isAway, request.epoch < member.epoch,
            let owned = request.owned, member.assigned.isSuperset(of: Set(owned))
        else { throw .fencedMemberEpoch }
        return id
    }

    private func validateInstance(of request: ConsumerHeartbeat) throws(GroupError) {
        guard let instanceID = request.instanceID else { return }
        guard let current = staticMembers[instanceID] else { throw .unknownMemberID }
        guard current == request.memberID else { throw .fencedInstanceID }
    }

    private mutating func touch(_ id: MemberID, at now: Instant) {
        let deadline = now.advanced(by: rules.sessionTimeout)
        members[id]?.sessionDeadline = deadline
        watch(deadline)
    }
}

// MARK: Leaving

extension ConsumerProtocolGroup {
    private mutating func leave(_ request: ConsumerHeartbeat, at now: Instant) throws(GroupError) {
        try validateInstance(of: request)
        guard members[request.memberID] != nil else { throw .unknownMemberID }
        remove(request.memberID)
        membersLeft(at: now)
        sayGoodbye(to: request)
    }

    /// A static member's partitions are kept until its session ends.
    private mutating func leaveForNow(_ request: ConsumerHeartbeat, at now: Instant) throws(GroupError) {
        try validateInstance(of: request)
        let id = request.memberID
        guard let member = members[id] else { throw .unknownMemberID }
        for partition in member.pendingRevocation { owners[partition] = nil }
        members[id]?.pendingRevocation = []
        members[id]?.revocationDeadline = nil
        members[id]?.progress = .stable
        members[id]?.epoch = .leavingForNow
        storing.changedCurrents.insert(id)
        touch(id, at: now)
        sayGoodbye(to: request)
    }

    private mutating func sayGoodbye(to request: ConsumerHeartbeat) {
        answer(
            request.request,
            ConsumerHeartbeatAnswer(
                memberID: request.memberID, epoch: request.epoch, heartbeatInterval: rules.heartbeatInterval,
                assignment: nil))
    }

    /// Members are sent away by an operator. Returns for each why it could not be, or nil.
    package mutating func leave(_ departures: [Departure], at now: Instant) throws(GroupError) -> [GroupError?] {
        guard !isDead else { throw .notCoordinator }
        let count = members.count
        let results = departures.map { departure -> GroupError? in
            let current = departure.instanceID.flatMap { staticMembers[$0] }
            if departure.instanceID != nil, current == nil { return .unknownMemberID }
            if let current, !departure.memberID.isNone, current != departure.memberID { return .fencedInstanceID }
            let id = current ?? departure.memberID
            guard members[id] != nil else { return .unknownMemberID }
            remove(id)
            return nil
        }
        if members.count < count { membersLeft(at: now) }
        store()
        return results
    }
}
