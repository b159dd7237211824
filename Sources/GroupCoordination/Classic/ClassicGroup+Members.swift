// Who is in a group, and who goes.

extension ClassicGroup {
    package var memberCount: Int { members.count }

    /// So much a member takes at least, with what it is called.
    static let memberBytesMin = 1024
    /// What members say of themselves and are assigned, about, in bytes.
    package var memberBytes: Int {
        let count = members.count + pendingMembers.count
        guard count > 0 else { return 0 }
        return count * Self.memberBytesMin + groupTextBytes + protocolBytes + textBytes + assignmentBytes
    }

    private var groupTextBytes: Int { id.utf8.count + (protocolType?.utf8.count ?? 0) }

    /// By how much `memberBytes` grows where the request is taken. Not at all for one that no member may make.
    package func growth(by request: JoinRequest) -> Int {
        let id = request.memberID.isNone ? request.instanceID.flatMap { staticMembers[$0] } : request.memberID
        let said = request.distinctProtocols.byteCount + request.textBytes(as: id ?? request.freshMemberID)
        if let id, let member = members[id] { return said - member.protocols.byteCount - member.textBytes }
        guard let id else { return Self.memberBytesMin + said + self.id.utf8.count + request.protocolType.utf8.count }
        return pendingMembers[id] == nil ? 0 : said
    }

    /// The same of the leader's assignments.
    package func growth(by request: SyncRequest) -> Int {
        guard leader == request.memberID else { return 0 }
        return request.assignments.values.reduce(0) { $0 + $1.count } - assignmentBytes
    }

    /// Nothing of it needs to be kept, unless it has offsets.
    package var isForgettable: Bool { state == .empty && pendingMembers.isEmpty && !isFenced && waitingStores.isEmpty }

    /// Whether a group by another protocol may take its place.
    package var isReplaceable: Bool { isForgettable }

    var membersByArrival: [GroupMember] { members.values.sorted { $0.arrival < $1.arrival } }

    /// The largest of the members', in milliseconds.
    var rebalanceTimeout: Int64 { members.values.reduce(0) { max($0, $1.rebalanceTimeout) } }

    /// Throws unless there is such a member, and no other has taken its place.
    func validate(_ id: MemberID, _ instanceID: InstanceID?) throws(GroupError) {
        if let instanceID {
            guard let current = staticMembers[instanceID] else { throw .unknownMemberID }
            guard current == id else { throw .fencedInstanceID }
        }
        guard members[id] != nil else { throw .unknownMemberID }
    }

    /// The member was heard of: its session begins anew. While it waits for an answer, its session rests.
    mutating func touch(_ id: MemberID, at now: Instant) {
        guard let member = members[id], !member.isWaiting else { return }
        let deadline = now.advanced(by: member.sessionTimeout)
        members[id]?.deadline = deadline
        watch(deadline)
    }

    /// Counts what a member says of itself: 1 when it comes, -1 when it goes.
    mutating func count(_ member: GroupMember, by change: Int) {
        protocolBytes += change * member.protocols.byteCount
        textBytes += change * member.textBytes
        for offered in member.protocols {
            let count = supporters[offered.name, default: 0] + change
            supporters[offered.name] = count == 0 ? nil : count
        }
    }

    /// Removes a member; whoever calls then calls `membersLeft`.
    mutating func remove(_ id: MemberID, refusing error: GroupError = .unknownMemberID) {
        guard let member = members.removeValue(forKey: id) else { return }
        if let instanceID = member.instanceID { staticMembers[instanceID] = nil }
        count(member, by: -1)
        assignmentBytes -= member.assignment.count
        refuseParked(of: member, error)
        if leader == id { leader = members.values.min { $0.arrival < $1.arrival }?.id }
    }

    /// Refuses what is parked of a member that is no longer in `members`.
    mutating func refuseParked(of member: GroupMember, _ error: GroupError) {
        if let request = member.parkedJoin {
            waitingJoins -= 1
            act(.refuseJoin(request, error, member.id))
        }
        if let request = member.parkedSync { act(.refuseSync(request, error)) }
        for (number, waiting) in waitingStores {
            guard case .returned(let request, let answer) = waiting, answer.memberID == member.id else { continue }
            waitingStores[number] = nil
            act(.refuseJoin(request, error, member.id))
        }
    }

    mutating func membersLeft(at now: Instant) {
        prepareRebalance(at: now)
        completeIfReady(at: now)
    }

    mutating func expireSessions(at now: Instant) {
        let expired = members.values.filter { member in member.expiry.map { $0 <= now } ?? false }
        guard !expired.isEmpty else { return }
        for member in expired.sorted(by: { $0.arrival < $1.arrival }) {
            act(.expired(member.id, .session))
            remove(member.id)
        }
        membersLeft(at: now)
    }

    mutating func expirePendingMembers(at now: Instant) {
        let expired = pendingMembers.filter { $0.value <= now }.keys
        for id in expired.sorted(by: { $0.value < $1.value }) { dropPending(id) }
    }

    mutating func dropPending(_ id: MemberID) {
        pendingMembers[id] = nil
        act(.expired(id, .pendingJoin))
    }
}

// MARK: Heartbeat, LeaveGroup, OffsetCommit

extension ClassicGroup {
    /// A member says that it lives. Throws what it must know instead.
    package mutating func heartbeat(
        of id: MemberID, instanceID: InstanceID?, generation: Generation, at now: Instant
    ) throws(GroupError) {
        guard state != .dead else { throw .notCoordinator }
        try validate(id, instanceID)
        guard generation == self.generation else { throw .illegalGeneration }
        touch(id, at: now)
        if state == .preparingRebalance { throw .rebalanceInProgress }
    }

    /// Members leave, or are sent away. Returns for each why it could not, or nil.
    package mutating func leave(_ departures: [Departure], at now: Instant) throws(GroupError) -> [GroupError?] {
        guard state != .dead else { throw .notCoordinator }
        let count = members.count
        let results = departures.map { departure in
            do throws(GroupError) {
                try leave(departure)
                return nil as GroupError?
            } catch {
                return error
            }
        }
        // Who has an id, but has not joined with it, is nobody's loss; a rebalance may have waited for it.
        if members.count < count { prepareRebalance(at: now) }
        completeIfReady(at: now)
        return results
    }

    private mutating func leave(_ departure: Departure) throws(GroupError) {
        if departure.memberID.isNone {
            guard let instanceID = departure.instanceID, let id = staticMembers[instanceID] else {
                throw .unknownMemberID
            }
            return remove(id)
        }
        if departure.instanceID == nil, pendingMembers.removeValue(forKey: departure.memberID) != nil { return }
        try validate(departure.memberID, departure.instanceID)
        remove(departure.memberID)
    }

    /// Throws unless offsets may be committed by this member in this generation. A commit is a sign of life.
    ///
    /// Clients that assign themselves their partitions commit without a generation, where nobody else is in the group;
    /// not while others move its offsets.
    package mutating func checkCommit(
        by id: MemberID, instanceID: InstanceID?, generation: Generation, at now: Instant
    ) throws(GroupError) {
        guard state != .dead else { throw .notCoordinator }
        if generation.value < 0, members.isEmpty { return try checkStranger(at: now) }
        try validate(id, instanceID)
        guard generation == self.generation else { throw .illegalGeneration }
        touch(id, at: now)
        guard !isFenced else { throw .coordinatorLoadInProgress }
        // The member knows of this generation, so it is told gently to come again with its assignment.
        guard state != .completingRebalance else { throw .rebalanceInProgress }
    }

    private func checkStranger(at now: Instant) throws(GroupError) {
        if isFenced { throw awaitedReturns > 0 ? .unknownMemberID : .coordinatorLoadInProgress }
        if let strangersDeadline, now < strangersDeadline { throw .unknownMemberID }
    }
}
