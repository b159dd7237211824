// How a group gets from one generation to the next.

extension ClassicGroup {
    /// Everyone is to join again. Nothing where that is so already.
    mutating func prepareRebalance(at now: Instant, refusingSyncs error: GroupError = .rebalanceInProgress) {
        switch state {
        case .preparingRebalance, .dead: return
        case .empty where members.isEmpty: return
        case .empty:
            let limit = now.advanced(by: rebalanceTimeout)
            let until = min(now.advanced(by: rules.initialRebalanceDelay), limit)
            initialDelay = InitialDelay(until: until, limit: limit)
            watch(until)
        case .completingRebalance, .stable:
            endSyncs(at: now, refusing: error)
            let deadline = now.advanced(by: rebalanceTimeout)
            joinDeadline = deadline
            watch(deadline)
        }
        state = .preparingRebalance
    }

    private mutating func endSyncs(at now: Instant, refusing error: GroupError) {
        if let assignmentStore { waitingStores[assignmentStore] = nil }
        assignmentStore = nil
        syncDeadline = nil
        for index in members.values.indices { members.values[index].owesSync = false }
        let parked = members.values.filter { $0.parkedSync != nil }
        for member in parked.sorted(by: { $0.arrival < $1.arrival }) {
            unparkSync(of: member.id, at: now)
            if let request = member.parkedSync { act(.refuseSync(request, error)) }
        }
    }

    mutating func unparkSync(of id: MemberID, at now: Instant) {
        members[id]?.parkedSync = nil
        touch(id, at: now)
    }

    /// Ends the joining where everyone is there, or the time for it is up.
    mutating func completeIfReady(at now: Instant) {
        guard state == .preparingRebalance else { return }
        guard !members.isEmpty else { return becomeEmpty() }
        guard !isFenced else { return }
        if let delay = initialDelay {
            if haveReturned { return completeJoin(at: now) }
            if delay.until <= now { endInitialDelay(delay, at: now) }
            return
        }
        let isTimeUp = joinDeadline.map { $0 <= now } ?? false
        if isTimeUp || (waitingJoins == members.count && pendingMembers.isEmpty) { completeJoin(at: now) }
    }

    /// Whether as many wait as a fence evicted: nobody else is expected.
    private var haveReturned: Bool {
        awaitedReturns > 0 && waitingJoins >= awaitedReturns && pendingMembers.isEmpty
    }

    private mutating func endInitialDelay(_ delay: InitialDelay, at now: Instant) {
        guard delay.hasNewcomers, delay.until < delay.limit else { return completeJoin(at: now) }
        let until = min(now.advanced(by: rules.initialRebalanceDelay), delay.limit)
        initialDelay = InitialDelay(until: until, limit: delay.limit)
        watch(until)
    }

    private mutating func becomeEmpty() {
        empty()
        if !isFenced { awaitedReturns = 0 }
        // Nobody waits for it: where it is lost, the members that it lacks expire once more.
        _ = store()
    }

    /// Nobody is left, and what was agreed on counts no more.
    mutating func empty() {
        state = .empty
        generation = generation.next
        protocolName = nil
        leader = nil
        initialDelay = nil
        joinDeadline = nil
        syncDeadline = nil
        assignmentStore = nil
        waitingStores = [:]
    }

    private mutating func completeJoin(at now: Instant) {
        initialDelay = nil
        let absent = members.values.filter { $0.parkedJoin == nil && $0.instanceID == nil }
        for member in absent.sorted(by: { $0.arrival < $1.arrival }) {
            act(.expired(member.id, .rebalance))
            remove(member.id)
        }
        guard !members.isEmpty else { return becomeEmpty() }
        let joined = membersByArrival.filter { $0.parkedJoin != nil }
        let deadline = now.advanced(by: rebalanceTimeout)
        guard let first = joined.first else {
            // Only static members are left, and their sessions run: one of them may come back before.
            let until = max(deadline, now.advanced(by: rules.absentDelayMin))
            joinDeadline = until
            return watch(until)
        }
        watch(deadline)
        joinDeadline = nil
        syncDeadline = deadline
        begin(joined, ledBy: joined.contains { $0.id == leader } ? leader : first.id, at: now)
    }

    private mutating func begin(_ joined: [GroupMember], ledBy leader: MemberID?, at now: Instant) {
        self.leader = leader
        generation = generation.next
        if joined.count >= awaitedReturns { strangersDeadline = nil }
        awaitedReturns = 0
        protocolName = selectProtocol()
        state = .completingRebalance
        let everyone = joinedMembers
        for member in joined {
            guard let request = member.parkedJoin else { continue }
            members[member.id]?.parkedJoin = nil
            members[member.id]?.isNew = false
            members[member.id]?.owesSync = true
            waitingJoins -= 1
            touch(member.id, at: now)
            act(.answerJoin(request, joinAnswer(to: member.id, members: member.id == leader ? everyone : [])))
        }
    }
}
