// JoinGroup: who comes into a group, and who comes back.

extension ClassicGroup {
    package mutating func join(_ request: JoinRequest, at now: Instant) {
        do throws(GroupError) {
            guard state != .dead else { throw .notCoordinator }
            guard rules.sessionTimeouts.contains(request.sessionTimeout) else { throw .invalidSessionTimeout }
            if request.memberID.isNone {
                try joinUnnamed(request, at: now)
            } else if pendingMembers[request.memberID] != nil {
                try joinPending(request, at: now)
            } else {
                try rejoin(request, at: now)
            }
        } catch {
            act(.refuseJoin(request.request, error, error == .groupMaxSizeReached ? .none : request.memberID))
        }
        completeIfReady(at: now)
    }

    private mutating func joinUnnamed(_ request: JoinRequest, at now: Instant) throws(GroupError) {
        let id = request.freshMemberID
        precondition(!id.isNone && members[id] == nil && pendingMembers[id] == nil, "\(id) is not a fresh member id")
        if let instanceID = request.instanceID, let old = staticMembers[instanceID] {
            try checkProtocols(of: request, besides: old)
            return replace(old, by: request, at: now)
        }
        guard members.count < rules.membersMax else { throw .groupMaxSizeReached }
        try checkProtocols(of: request)
        guard request.requiresMemberID, request.instanceID == nil else { return add(request, as: id, at: now) }
        addPending(id, until: now.advanced(by: request.sessionTimeout))
        act(.refuseJoin(request.request, .memberIDRequired, id))
    }

    private mutating func addPending(_ id: MemberID, until deadline: Instant) {
        // Dropping is kinder than refusing: the next in line is told to begin anew, if it comes at all.
        if pendingMembers.count >= rules.pendingMembersMax,
            let oldest = pendingMembers.min(by: { ($0.value, $0.key.value) < ($1.value, $1.key.value) })?.key
        {
            dropPending(oldest)
        }
        pendingMembers[id] = deadline
        watch(deadline)
    }

    private mutating func joinPending(_ request: JoinRequest, at now: Instant) throws(GroupError) {
        // Static members need no id to begin with, so this one was given to someone else.
        guard request.instanceID == nil else { throw .unknownMemberID }
        try checkProtocols(of: request)
        pendingMembers[request.memberID] = nil
        guard members.count < rules.membersMax else { throw .groupMaxSizeReached }
        add(request, as: request.memberID, at: now)
    }

    private mutating func add(_ request: JoinRequest, as id: MemberID, at now: Instant) {
        if members.isEmpty { protocolType = request.protocolType }
        let deadline = now.advanced(by: rules.newMemberJoinTimeout)
        let member = GroupMember(request, id: id, arrival: nextArrival, deadline: deadline)
        nextArrival += 1
        members[id] = member
        if let instanceID = member.instanceID { staticMembers[instanceID] = id }
        count(member, by: 1)
        leader = leader ?? id
        initialDelay?.hasNewcomers = true
        prepareRebalance(at: now)
        parkJoin(request.request, of: id)
        watch(deadline)
    }

    private mutating func rejoin(_ request: JoinRequest, at now: Instant) throws(GroupError) {
        let id = request.memberID
        try validate(id, request.instanceID)
        try checkProtocols(of: request, besides: id)
        switch state {
        case .preparingRebalance:
            // Only where the limit was lowered can there be more members than places.
            if members[id]?.parkedJoin == nil, waitingJoins >= rules.membersMax {
                remove(id)
                throw .groupMaxSizeReached
            }
            joinAnew(request, at: now)
        case .completingRebalance where isUnchanged(request):
            answerCurrent(request, at: now)
        case .stable where isUnchanged(request) && leader != id:
            answerCurrent(request, at: now)
        case .completingRebalance, .stable:
            // A leader joins again when it sees that there are more partitions to assign.
            joinAnew(request, at: now)
        case .empty, .dead:
            throw .unknownMemberID
        }
    }

    private func isUnchanged(_ request: JoinRequest) -> Bool {
        members[request.memberID]?.protocols == request.distinctProtocols
    }

    private mutating func joinAnew(_ request: JoinRequest, at now: Instant) {
        updateMember(request.memberID, request)
        prepareRebalance(at: now)
        parkJoin(request.request, of: request.memberID)
    }

    private mutating func updateMember(_ id: MemberID, _ request: JoinRequest) {
        guard var member = members.removeValue(forKey: id) else { return }
        count(member, by: -1)
        member.update(request)
        count(member, by: 1)
        members[id] = member
    }

    private mutating func parkJoin(_ request: RequestID, of id: MemberID) {
        if let earlier = members[id]?.parkedJoin {
            act(.refuseJoin(earlier, .rebalanceInProgress, id))
        } else {
            waitingJoins += 1
        }
        members[id]?.parkedJoin = request
    }

    /// The member missed the answer, or asks to be sure: the generation stands.
    private mutating func answerCurrent(_ request: JoinRequest, at now: Instant) {
        touch(request.memberID, at: now)
        let listed = state == .completingRebalance && leader == request.memberID ? joinedMembers : []
        act(.answerJoin(request.request, joinAnswer(to: request.memberID, members: listed)))
    }
}

// MARK: Static members

extension ClassicGroup {
    /// A static member was started again. Its earlier self is fenced.
    private mutating func replace(_ old: MemberID, by request: JoinRequest, at now: Instant) {
        guard var member = members.removeValue(forKey: old), let instanceID = member.instanceID else { return }
        let id = request.freshMemberID
        let formerLeader = leader
        let asksForTheSame = asksForTheSame(member, as: request)
        refuseParked(of: member, .fencedInstanceID)
        count(member, by: -1)
        member.id = id
        member.parkedJoin = nil
        member.parkedSync = nil
        member.owesSync = false
        member.isNew = false
        members[id] = member
        count(member, by: 1)
        staticMembers[instanceID] = id
        if leader == old { leader = id }
        updateMember(id, request)
        touch(id, at: now)

        if state == .stable, asksForTheSame, selectProtocol() == protocolName {
            let answer = answer(toReturned: id, formerLeader: formerLeader, request)
            _ = store(for: .returned(request.request, answer))
            return
        }
        // In a generation that is not complete the leader may know only the earlier self, and assign to that.
        prepareRebalance(at: now)
        parkJoin(request.request, of: id)
    }

    private func asksForTheSame(_ member: GroupMember, as request: JoinRequest) -> Bool {
        guard let old = member.metadata(of: protocolName),
            let new = request.protocols.first(where: { $0.name == protocolName })?.metadata
        else { return false }
        return rules.isSameSubscription(request.protocolType, old, new)
    }

    private func answer(toReturned id: MemberID, formerLeader: MemberID?, _ request: JoinRequest) -> JoinAnswer {
        guard leader == id else { return joinAnswer(to: id, members: []) }
        // A leader that knows no better would assign anew, to nobody's knowledge: it is told that another leads.
        guard request.canSkipAssignment else { return joinAnswer(to: id, leader: formerLeader, members: []) }
        return joinAnswer(to: id, skipsAssignment: true, members: joinedMembers)
    }
}

// MARK: Protocols and answers

extension ClassicGroup {
    /// Throws unless the group, besides the member that asks again, could agree on a protocol of the request.
    private func checkProtocols(of request: JoinRequest, besides id: MemberID? = nil) throws(GroupError) {
        guard !request.protocolType.isEmpty, !request.protocols.isEmpty, request.protocols.count <= rules.protocolsMax
        else { throw .inconsistentGroupProtocol }
        let before = id.flatMap { members[$0] }?.protocols.byteCount ?? 0
        guard protocolBytes - before + request.protocols.byteCount <= rules.metadataBytesMax else {
            throw .groupMaxSizeReached
        }
        guard !members.isEmpty else { return }
        let own = id.flatMap { members[$0] }
        let others = members.count - (own == nil ? 0 : 1)
        let isCommon = request.protocols.contains { offered in
            let supportsItself = own?.metadata(of: offered.name) != nil
            return supporters[offered.name, default: 0] - (supportsItself ? 1 : 0) == others
        }
        guard request.protocolType == protocolType, isCommon else { throw .inconsistentGroupProtocol }
    }

    /// The protocol that most members like best among those that all support; of equals, that of the earliest member.
    /// There is one: `checkProtocols` lets nobody in, and no member change its own, without one in common.
    func selectProtocol() -> String? {
        var votes: [String: Int] = [:]
        var order: [String] = []
        for member in membersByArrival {
            guard let choice = member.protocols.first(where: { supporters[$0.name] == members.count })?.name else {
                continue
            }
            if votes[choice] == nil { order.append(choice) }
            votes[choice, default: 0] += 1
        }
        let most = votes.values.max()
        return order.first { votes[$0] == most }
    }

    var joinedMembers: [JoinAnswer.Member] {
        membersByArrival.map { member in
            JoinAnswer.Member(
                id: member.id, instanceID: member.instanceID, metadata: member.metadata(of: protocolName) ?? [])
        }
    }

    func joinAnswer(
        to id: MemberID, leader: MemberID? = nil, skipsAssignment: Bool = false, members: [JoinAnswer.Member]
    ) -> JoinAnswer {
        JoinAnswer(
            memberID: id, generation: generation, protocolType: protocolType ?? "", protocolName: protocolName ?? "",
            leader: leader ?? self.leader ?? .none, skipsAssignment: skipsAssignment, members: members)
    }
}
