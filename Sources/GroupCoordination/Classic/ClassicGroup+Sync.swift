// SyncGroup: how the leader's assignment reaches everyone.

extension ClassicGroup {
    package mutating func sync(_ request: SyncRequest, at now: Instant) {
        do throws(GroupError) {
            guard state != .dead else { throw .notCoordinator }
            try validate(request.memberID, request.instanceID)
            guard request.generation == generation else { throw .illegalGeneration }
            // Of a generation that ends there is nothing to compare with.
            guard state != .preparingRebalance else { throw .rebalanceInProgress }
            guard request.protocolType.map({ $0 == protocolType }) ?? true,
                request.protocolName.map({ $0 == protocolName }) ?? true
            else { throw .inconsistentGroupProtocol }
            take(request, at: now)
        } catch {
            act(.refuseSync(request.request, error))
        }
    }

    private mutating func take(_ request: SyncRequest, at now: Instant) {
        let id = request.memberID
        members[id]?.owesSync = false
        guard state == .completingRebalance else {
            touch(id, at: now)
            return act(.answerSync(request.request, syncAnswer(to: id)))
        }
        if let earlier = members[id]?.parkedSync { act(.refuseSync(earlier, .rebalanceInProgress)) }
        members[id]?.parkedSync = request.request
        guard leader == id, assignmentStore == nil else { return }
        // A leader may name whom the group does not know.
        let assignments = request.assignments.filter { members[$0.key] != nil }
        assignmentStore = store(assigning: assignments, for: .assignments(assignments))
    }

    private func syncAnswer(to id: MemberID) -> SyncAnswer {
        SyncAnswer(
            protocolType: protocolType ?? "", protocolName: protocolName ?? "",
            assignment: members[id]?.assignment ?? [])
    }

    /// A record is stored, or could not be.
    package mutating func stored(_ number: StoreID, succeeded: Bool, at now: Instant) {
        switch waitingStores.removeValue(forKey: number) {
        case nil: return
        case .assignments(let assignments):
            assignmentStore = nil
            if succeeded {
                becomeStable(assignments, at: now)
            } else {
                prepareRebalance(at: now, refusingSyncs: .coordinatorNotAvailable)
                completeIfReady(at: now)
            }
        case .returned(let request, let answer):
            touch(answer.memberID, at: now)
            // The member stays under its new id. Nobody knows it by that: its client comes once more without one.
            act(
                succeeded
                    ? .answerJoin(request, answer) : .refuseJoin(request, .coordinatorNotAvailable, .none))
        }
    }

    private mutating func becomeStable(_ assignments: [MemberID: [UInt8]], at now: Instant) {
        state = .stable
        for member in membersByArrival {
            let assignment = assignments[member.id] ?? []
            assignmentBytes += assignment.count - member.assignment.count
            members[member.id]?.assignment = assignment
            guard let request = member.parkedSync else { continue }
            unparkSync(of: member.id, at: now)
            act(.answerSync(request, syncAnswer(to: member.id)))
        }
    }

    mutating func expireSyncs(at now: Instant) {
        guard let syncDeadline, syncDeadline <= now else { return }
        self.syncDeadline = nil
        let late = members.values.filter(\.owesSync)
        // Who owes a sync of an unfinished generation may be its leader: then everyone waits for it.
        for member in late.sorted(by: { $0.arrival < $1.arrival }) {
            act(.expired(member.id, .sync))
            remove(member.id)
        }
        if !late.isEmpty { membersLeft(at: now) }
    }
}
