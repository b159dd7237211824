// How a member comes to its target.

extension ConsumerProtocolGroup {
    /// Lets a member go as far as it can. `owned` is what it says that it owns; nil: the same as before, and it may be
    /// about to take what it was given. Who joins owns nothing.
    mutating func reconcile(_ id: MemberID, owned: Set<TopicPartition>?, isJoining: Bool, at now: Instant) {
        guard let member = members[id] else { return }
        switch member.progress {
        case .stable:
            guard member.epoch != targetEpoch else { return }
        case .unrevoked:
            let isReleased = owned.map { $0.isDisjoint(with: member.pendingRevocation) } ?? member.hasDisowned
            guard isReleased else { return }
            release(member.pendingRevocation, by: id)
            members[id]?.pendingRevocation = []
        case .unreleased:
            break
        }
        advance(id, owned: owned, isJoining: isJoining, at: now)
        if members[id]?.isAsFar(as: member) != true { storing.changedCurrents.insert(id) }
    }

    private mutating func advance(_ id: MemberID, owned: Set<TopicPartition>?, isJoining: Bool, at now: Instant) {
        guard var member = members[id] else { return }
        let target = targets[id] ?? []
        let surplus = member.assigned.subtracting(target)
        member.assigned.formIntersection(target)
        // What it does not say to own it may have been given, and be about to take: it must first be told otherwise.
        guard surplus.isEmpty || isJoining else {
            member.hasDisowned = owned?.isDisjoint(with: surplus) ?? false
            member.pendingRevocation = surplus
            member.progress = .unrevoked
            let deadline = now.advanced(by: member.rebalanceTimeout)
            member.revocationDeadline = deadline
            members[id] = member
            return watch(deadline)
        }
        release(surplus, by: id)
        let missing = target.subtracting(member.assigned)
        let free = missing.filter { isFree($0) }
        for partition in free { take(partition, for: id) }
        member.assigned.formUnion(free)
        member.progress = free.count == missing.count ? .stable : .unreleased
        member.revocationDeadline = nil
        member.advance(to: targetEpoch)
        members[id] = member
    }

    private mutating func release(_ partitions: Set<TopicPartition>, by id: MemberID) {
        for partition in partitions where owners[partition] == id { owners[partition] = nil }
    }

    /// Nobody owns it. What is kept for a static member that is away is kept only while the target gives it that.
    private func isFree(_ partition: TopicPartition) -> Bool {
        guard let owner = owners[partition] else { return true }
        return members[owner]?.isAway == true && targets[owner]?.contains(partition) != true
    }

    private mutating func take(_ partition: TopicPartition, for id: MemberID) {
        if let owner = owners[partition] {
            members[owner]?.assigned.remove(partition)
            storing.changedCurrents.insert(owner)
        }
        owners[partition] = id
    }

    /// Whether each member has what it is to have.
    var isReconciled: Bool {
        members.values.allSatisfy { $0.isAway || ($0.progress == .stable && $0.epoch == targetEpoch) }
    }
}
