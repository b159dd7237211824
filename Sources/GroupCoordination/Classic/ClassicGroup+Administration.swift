// What operators and the broker itself do with a group.

extension ClassicGroup {
    package var description: GroupDescription {
        let isStable = state == .stable
        return GroupDescription(
            state: state, protocolType: protocolType ?? "", protocolName: isStable ? protocolName ?? "" : "",
            members: membersByArrival.map { member in
                GroupDescription.Member(
                    id: member.id, instanceID: member.instanceID, clientID: member.clientID,
                    clientHost: member.clientHost,
                    metadata: isStable ? member.metadata(of: protocolName) ?? [] : [],
                    assignment: isStable ? member.assignment : [])
            })
    }

    /// Ends an empty group. Whoever calls removes its offsets and what is stored of it.
    package mutating func delete() throws(GroupError) {
        guard state != .dead else { throw .groupIDNotFound }
        guard !isFenced else { throw .alreadyFenced }
        guard state == .empty else { throw .nonEmptyGroup }
        pendingMembers = [:]
        state = .dead
    }

    /// The group is no longer coordinated here: everyone who waits is told to look elsewhere.
    package mutating func unload() {
        for member in membersByArrival { remove(member.id, refusing: .notCoordinator) }
        waitingStores = [:]
        pendingMembers = [:]
        initialDelay = nil
        joinDeadline = nil
        syncDeadline = nil
        assignmentStore = nil
        isFenced = false
        state = .dead
    }

    /// The connection of a request has gone: it needs no answer any more. Its member has a session's time to come back.
    package mutating func abandon(_ request: RequestID, at now: Instant) {
        for (number, waiting) in waitingStores {
            if case .returned(request, _) = waiting { waitingStores[number] = nil }
        }
        guard let member = members.values.first(where: { $0.parkedJoin == request || $0.parkedSync == request }) else {
            return
        }
        if member.parkedJoin == request {
            members[member.id]?.parkedJoin = nil
            members[member.id]?.isNew = false
            waitingJoins -= 1
            touch(member.id, at: now)
        } else {
            unparkSync(of: member.id, at: now)
        }
    }
}

// MARK: Moving offsets under a live group

extension ClassicGroup {
    /// Begins a change of the group's offsets: every member is removed, and told so by what it waits for or asks next.
    /// It then gives up its partitions and its position, joins anew, and reads the committed offsets; a mere rebalance
    /// would let cooperative members keep both. Joins are held until `lift`, so nobody reads the offsets before they
    /// are in place, and nothing overwrites them: there are clients that forget who they are first, and commit what they
    /// had then, so commits without a generation are refused until everyone is back, or has had the time to learn of it.
    /// Returns how many members were removed.
    package mutating func fence() throws(GroupError) -> Int {
        guard state != .dead else { throw .groupIDNotFound }
        guard !isFenced else { throw .alreadyFenced }
        isFenced = true
        awaitedReturns = members.count
        let slowest = members.values.reduce(0) { max($0, $1.sessionTimeout, $1.rebalanceTimeout) }
        evictedTimeout = min(slowest, rules.evictedTimeoutMax)
        for member in membersByArrival { remove(member.id) }
        if awaitedReturns > 0 { empty() }
        return awaitedReturns
    }

    /// To be stored with the moved offsets, as one: where the broker ends before the next generation is stored, the
    /// members that were removed are unknown, and cannot overwrite the offsets either. Nil where there were none.
    package var fencedRecord: GroupRecord? { isFenced && awaitedReturns > 0 ? record(assigning: nil) : nil }

    /// The offsets are in place, or could not be changed: the joins go on.
    package mutating func lift(at now: Instant) {
        guard isFenced else { return }
        isFenced = false
        if awaitedReturns > 0 { strangersDeadline = now.advanced(by: evictedTimeout) }
        if let deadline = joinDeadline ?? initialDelay?.until { watch(deadline) }
        completeIfReady(at: now)
    }
}

// MARK: What is stored

extension ClassicGroup {
    /// The group as it is, or as it will be with these assignments.
    func record(assigning assignments: [MemberID: [UInt8]]?) -> GroupRecord {
        GroupRecord(
            protocolType: protocolType, generation: generation, protocolName: protocolName, leader: leader,
            members: membersByArrival.map { member in
                GroupRecord.Member(
                    id: member.id, instanceID: member.instanceID, clientID: member.clientID,
                    clientHost: member.clientHost, sessionTimeout: member.sessionTimeout,
                    rebalanceTimeout: member.rebalanceTimeout, metadata: member.metadata(of: protocolName) ?? [],
                    assignment: assignments.map { $0[member.id] ?? [] } ?? member.assignment)
            })
    }

    /// The group that was stored, at a start. Its members go on where they were; their sessions begin now.
    ///
    /// A record with members but without the protocol that they agreed on comes from elsewhere, and is taken as that of
    /// an empty group: its members join again.
    package init(id: String, rules: GroupRules, restoring record: GroupRecord, at now: Instant) {
        self.init(id: id, rules: rules)
        protocolType = record.protocolType
        generation = record.generation
        guard let name = record.protocolName, record.protocolType != nil else { return }
        for stored in record.members { restore(stored, protocolName: name, at: now) }
        guard !members.isEmpty else { return }
        state = .stable
        protocolName = name
        leader = record.leader.flatMap { members[$0]?.id } ?? membersByArrival.first?.id
    }

    private mutating func restore(_ stored: GroupRecord.Member, protocolName: String, at now: Instant) {
        guard !stored.id.isNone, members[stored.id] == nil else { return }
        if let instanceID = stored.instanceID {
            guard staticMembers[instanceID] == nil else { return }
            staticMembers[instanceID] = stored.id
        }
        let deadline = now.advanced(by: stored.sessionTimeout)
        let member = GroupMember(stored, protocolName: protocolName, arrival: nextArrival, deadline: deadline)
        nextArrival += 1
        members[stored.id] = member
        assignmentBytes += member.assignment.count
        count(member, by: 1)
        watch(deadline)
    }
}
