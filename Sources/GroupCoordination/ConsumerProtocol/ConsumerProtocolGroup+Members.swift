// Who is in a group, and who goes.

extension ConsumerProtocolGroup {
    package var memberCount: Int { members.count }

    /// Nothing of it needs to be kept, unless it has offsets.
    package var isForgettable: Bool {
        members.isEmpty && !isFenced && storing.inFlight.isEmpty && !storing.needsRewrite
    }

    /// Whether a group by another protocol may take its place.
    package var isReplaceable: Bool { !isDead && isForgettable }

    /// Whether a member subscribes to the topic.
    package func subscribes(to topic: String) -> Bool { subscriptions.contains(topic) }

    var membersByID: [ConsumerMember] { members.values.sorted { $0.id.value < $1.id.value } }

    /// What members say of themselves and are assigned, about, in bytes.
    package var memberBytes: Int {
        guard !members.isEmpty else { return 0 }
        return members.count * ClassicGroup.memberBytesMin + id.utf8.count + textBytes + subscriptions.byteCount
            + subscriptions.patternBytes + owners.count * Self.ownedBytes
    }

    /// A partition stands in `owners`, in what its member has, and in its target.
    private static let ownedBytes = 128

    /// By how much `memberBytes` grows, about, where the request is taken: what it will be assigned is not known yet.
    /// Not at all for one that no member may make.
    package func growth(by request: ConsumerHeartbeat) -> Int {
        guard request.epoch >= .joining else { return 0 }
        let current = request.instanceID.flatMap { staticMembers[$0] } ?? request.memberID
        guard let member = members[current] else {
            return request.epoch == .joining
                ? ClassicGroup.memberBytesMin + id.utf8.count + request.nameBytes + (request.topicBytes ?? 0)
                    + (request.topicPattern?.utf8.count ?? 0)
                : 0
        }
        let topics = request.topicBytes.map { $0 - member.topicBytes } ?? 0
        let pattern = request.topicPattern.map { $0.utf8.count - (member.topicPattern?.utf8.count ?? 0) } ?? 0
        return request.nameBytes - member.nameBytes + topics + pattern
    }

    /// Removes a member; whoever calls then calls `membersLeft`.
    mutating func remove(_ id: MemberID) {
        guard let member = members.removeValue(forKey: id) else { return }
        if let instanceID = member.instanceID { staticMembers[instanceID] = nil }
        for partition in member.assigned { owners[partition] = nil }
        for partition in member.pendingRevocation { owners[partition] = nil }
        targets[id] = nil
        subscriptions.remove(member)
        textBytes -= member.nameBytes
        storing.noteRemoval(of: id)
        refuseWaiting(of: id, .unknownMemberID)
    }

    mutating func membersLeft(at now: Instant) {
        advanceEpoch()
        assignIfNeeded(at: now)
    }

    mutating func expireMembers(at now: Instant) {
        let count = members.count
        for member in membersByID {
            let reason: GroupExpiry
            if member.sessionDeadline <= now {
                reason = .session
            } else if let deadline = member.revocationDeadline, deadline <= now {
                reason = .rebalance
            } else {
                continue
            }
            act(.expired(member.id, reason))
            remove(member.id)
        }
        if members.count < count { membersLeft(at: now) }
    }
}

// MARK: OffsetCommit, OffsetFetch

extension ConsumerProtocolGroup {
    /// Throws unless offsets may be committed by this member in this epoch.
    ///
    /// Clients that assign themselves their partitions commit without an epoch, where nobody else is in the group; not
    /// while others move its offsets.
    package func checkCommit(by id: MemberID, epoch: GroupEpoch) throws(GroupError) {
        guard !isDead else { throw .notCoordinator }
        if epoch < .joining, members.isEmpty {
            guard strangersDeadline == nil, !isFenced || awaitedReturns == 0 else { throw .unknownMemberID }
            guard !isFenced else { throw .coordinatorLoadInProgress }
            return
        }
        try validate(id, epoch)
    }

    /// Throws unless offsets may be fetched by this member in this epoch. Whoever is no member names none.
    package func checkFetch(by id: MemberID?, epoch: GroupEpoch) throws(GroupError) {
        guard !isDead else { throw .notCoordinator }
        guard let id, epoch >= .joining else { return }
        try validate(id, epoch)
    }

    private func validate(_ id: MemberID, _ epoch: GroupEpoch) throws(GroupError) {
        guard let member = members[id] else { throw .unknownMemberID }
        guard epoch == member.epoch else { throw .staleMemberEpoch }
    }
}
