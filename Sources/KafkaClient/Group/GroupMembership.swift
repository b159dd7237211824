/// A consumer's membership of a group by Kafka's classic protocol, as a state machine: it is told what happened and answers
/// what is to be done. It has no clock, no connection and no task; `GroupSession` acts for it.
///
/// A cycle is: join, learn the generation, get the assignment, be stable, until the group rebalances. An eager member
/// lets go of all it has before it joins. A cooperative one keeps it, tells the others what it has, lets go of what it is
/// to lose after it got its assignment, and joins once more so that it can be given to others.
struct GroupMembership {
    enum State: Equatable, Sendable {
        case idle
        /// The application is told what it loses, and is done with it; then the member joins, or whatever `next` says.
        case releasing(next: Next)
        case joining
        case syncing
        case stable
        /// Joins when `retryDue` comes.
        case waiting
        /// It has left, because the application did not ask for more.
        case away
        case closed
        case failed(KafkaClientError)
    }

    enum Next: Equatable, Sendable {
        case join
        case stayAway
        case fail(KafkaClientError)
    }

    enum Event: Sendable {
        case start
        /// `attempt`: of the `join` that is answered; an earlier one is of no interest any more.
        case joined(attempt: Int, Result<Joined, GroupFault>)
        case synced(attempt: Int, Result<[TopicPartition], GroupFault>)
        case heartbeatDue
        case heartbeatAnswered(generation: Int32, GroupFault?)
        case commitRefused(generation: Int32, GroupFault)
        /// What a `revoke` or `lose` names is let go of.
        case released
        case retryDue(attempt: Int)
        /// The topics have more partitions, or fewer, than the leader has given out.
        case partitionsChanged
        case applicationAway
        case applicationBack
        case close
    }

    struct Joined: Equatable, Sendable {
        var memberID: String
        var generation: Int32
        var isLeader: Bool
    }

    /// What is to be done, in this order.
    enum Action: Equatable, Sendable {
        /// Answered by `joined`.
        case join(attempt: Int, owned: [TopicPartition])
        /// Answered by `synced`.
        case sync(attempt: Int)
        /// Answered by `heartbeatAnswered`.
        case heartbeat
        /// The next request goes to a coordinator that is looked up.
        case forgetCoordinator
        /// A heartbeat is due again after a pause.
        case heartbeatSoon(failures: Int)
        /// Answered by `retryDue`.
        case retry(attempt: Int, failures: Int)
        /// Answered by `released`, when the application is done with what it took, it is committed, and it is told.
        case revoke([TopicPartition])
        /// Answered by `released`, when the application is told: there is nothing to commit.
        case lose([TopicPartition])
        /// Looks up where to go on in these, which are new.
        case assign([TopicPartition])
        /// Without waiting for an answer.
        case leave(memberID: String)
        case fail(KafkaClientError)
    }

    let isCooperative: Bool
    /// Static members do not leave: they are expected back.
    let isStatic: Bool
    /// What to say where another took a static member's name.
    let fencedError: KafkaClientError

    private(set) var state = State.idle
    private(set) var memberID = ""
    /// -1: none.
    private(set) var generation: Int32 = -1
    private(set) var isLeader = false
    /// In which it got what it owns, which is what the others are to know; -1: none.
    private(set) var ownedGeneration: Int32 = -1
    /// What is read, with what is being let go of.
    private(set) var owned: Set<TopicPartition> = []
    private(set) var releasing: Set<TopicPartition> = []
    private var attempt = 0
    private var failures = 0
    /// Of `revoke` and `lose` that have not been answered.
    private var pendingReleases = 0
    private var hasHeartbeatUnderWay = false
    private var heartbeatFailures = 0

    init(isCooperative: Bool, isStatic: Bool, fencedError: KafkaClientError) {
        self.isCooperative = isCooperative
        self.isStatic = isStatic
        self.fencedError = fencedError
    }

    /// Whether a partition is the member's, and is to stay so as far as it knows.
    func keeps(_ partition: TopicPartition) -> Bool { owned.contains(partition) && !releasing.contains(partition) }

    /// Whether the group still counts on the member at its generation.
    var isInGeneration: Bool { generation >= 0 }

    /// Whether it joins: the group may be at the next generation already, with the member in it, before that is told.
    var isBetweenGenerations: Bool {
        switch state {
        case .joining, .syncing, .waiting: true
        case .idle, .releasing, .stable, .away, .closed, .failed: false
        }
    }

    /// Whether what a coordinator says of a member of that generation goes for this one.
    private func isOfInterest(_ generation: Int32) -> Bool {
        generation == self.generation && !isBetweenGenerations
    }
}

// MARK: Events

extension GroupMembership {
    mutating func handle(_ event: Event) -> [Action] {
        switch state {
        case .closed, .failed: return []
        case .idle, .releasing, .joining, .syncing, .stable, .waiting, .away: break
        }
        switch event {
        case .start: return state == .idle ? join() : []
        case .joined(let attempt, let result):
            guard state == .joining, attempt == self.attempt else { return [] }
            return joined(result)
        case .synced(let attempt, let result):
            guard state == .syncing, attempt == self.attempt else { return [] }
            return synced(result)
        case .heartbeatDue: return heartbeatDue()
        case .heartbeatAnswered(let generation, let fault):
            hasHeartbeatUnderWay = false
            return isOfInterest(generation) ? heartbeatAnswered(fault) : []
        case .commitRefused(let generation, let fault):
            guard isOfInterest(generation) else { return [] }
            // It may be the rebalance that has just come to its end: commits and the others' answers come by different
            // connections. A heartbeat knows.
            return fault == .rebalanceInProgress ? heartbeatDue() : refused(fault)
        case .released: return released()
        case .retryDue(let attempt): return state == .waiting && attempt == self.attempt ? join() : []
        case .partitionsChanged: return state == .stable && isLeader ? rebalance() : []
        case .applicationAway: return goAway()
        case .applicationBack: return comeBack()
        case .close: return close()
        }
    }

    private mutating func join() -> [Action] {
        attempt += 1
        state = .joining
        return [.join(attempt: attempt, owned: owned.sorted())]
    }

    private mutating func joined(_ result: Result<Joined, GroupFault>) -> [Action] {
        switch result {
        case .success(let joined):
            failures = 0
            memberID = joined.memberID
            generation = joined.generation
            isLeader = joined.isLeader
            state = .syncing
            return [.sync(attempt: attempt)]
        case .failure(let fault): return joinFailed(fault)
        }
    }

    private mutating func synced(_ result: Result<[TopicPartition], GroupFault>) -> [Action] {
        switch result {
        case .success(let partitions):
            let assigned = Set(partitions)
            let revoked = owned.subtracting(assigned)
            let added = assigned.subtracting(owned)
            owned.formUnion(added)
            ownedGeneration = generation
            var actions: [Action] = []
            if revoked.isEmpty {
                state = .stable
            } else {
                precondition(isCooperative, "an eager member has let go of everything before it joins")
                actions = release(revoked, next: .join)
            }
            return actions + [.assign(added.sorted())]
        case .failure(.rebalanceInProgress): return join()
        case .failure(let fault): return joinFailed(fault)
        }
    }

    /// A round of joining came to nothing.
    private mutating func joinFailed(_ fault: GroupFault) -> [Action] {
        switch fault {
        case .memberIDRequired(let id):
            let isFirst = memberID.isEmpty
            memberID = id
            return isFirst ? join() : retry()
        // Without an id that it could not know: it is not to be asked without a pause.
        case .unknownMember where memberID.isEmpty && owned.isEmpty: return retry()
        case .unknownMember: return lose(forgettingMemberID: true)
        case .illegalGeneration: return lose(forgettingMemberID: false)
        case .coordinatorLost: return [.forgetCoordinator] + retry()
        case .notNow, .rebalanceInProgress: return retry()
        case .fenced: return fail(fencedError)
        case .fatal(let error): return fail(error)
        }
    }

    private mutating func retry() -> [Action] {
        failures += 1
        state = .waiting
        return [.retry(attempt: attempt, failures: failures)]
    }
}

// MARK: Being a member

extension GroupMembership {
    private mutating func heartbeatDue() -> [Action] {
        // While it joins and waits for its assignment the coordinator knows that it is there.
        switch state {
        case .stable, .releasing(next: .join): break
        case .idle, .joining, .syncing, .waiting, .away, .releasing, .closed, .failed: return []
        }
        guard isInGeneration, !hasHeartbeatUnderWay else { return [] }
        hasHeartbeatUnderWay = true
        return [.heartbeat]
    }

    private mutating func heartbeatAnswered(_ fault: GroupFault?) -> [Action] {
        guard let fault else {
            heartbeatFailures = 0
            return []
        }
        return refused(fault)
    }

    /// What the coordinator says of the member at its generation.
    private mutating func refused(_ fault: GroupFault) -> [Action] {
        switch fault {
        case .rebalanceInProgress: return state == .stable ? rebalance() : []
        case .unknownMember: return isInGeneration ? lose(forgettingMemberID: true) : []
        case .illegalGeneration: return isInGeneration ? lose(forgettingMemberID: false) : []
        case .fenced: return fail(fencedError)
        case .coordinatorLost:
            // It may be back before anybody takes the member for dead.
            heartbeatFailures += 1
            return [.forgetCoordinator, .heartbeatSoon(failures: heartbeatFailures)]
        case .notNow, .memberIDRequired: return []
        case .fatal(let error): return fail(error)
        }
    }

    private mutating func rebalance() -> [Action] {
        if isCooperative || owned.isEmpty { return join() }
        return release(owned, next: .join)
    }

    private mutating func release(_ partitions: Set<TopicPartition>, next: Next) -> [Action] {
        releasing.formUnion(partitions)
        pendingReleases += 1
        state = .releasing(next: next)
        return [.revoke(partitions.sorted())]
    }

    private mutating func released() -> [Action] {
        precondition(pendingReleases > 0, "nothing was to be let go of")
        pendingReleases -= 1
        guard pendingReleases == 0 else { return [] }
        owned.subtract(releasing)
        releasing = []
        guard case .releasing(let next) = state else { return [] }
        switch next {
        case .join: return join()
        case .stayAway:
            state = .away
            return []
        case .fail(let error):
            state = .failed(error)
            return [.fail(error)]
        }
    }
}

// MARK: Ends

extension GroupMembership {
    /// The group goes on without the member: what it reads may be others' by now.
    private mutating func lose(forgettingMemberID: Bool, next: Next = .join) -> [Action] {
        generation = -1
        ownedGeneration = -1
        isLeader = false
        if forgettingMemberID { memberID = "" }
        let lost = owned.subtracting(releasing)
        releasing.formUnion(lost)
        if !lost.isEmpty { pendingReleases += 1 }
        state = .releasing(next: next)
        if lost.isEmpty && pendingReleases == 0 {
            pendingReleases = 1
            return released()
        }
        return lost.isEmpty ? [] : [.lose(lost.sorted())]
    }

    private mutating func fail(_ error: KafkaClientError) -> [Action] {
        lose(forgettingMemberID: false, next: .fail(error))
    }

    /// Not while it joins: the others do not wait for it then, and it is asked again when it has.
    var canGoAway: Bool {
        switch state {
        case .stable, .releasing(next: .join): true
        case .idle, .joining, .syncing, .waiting, .away, .releasing, .closed, .failed: false
        }
    }

    private mutating func goAway() -> [Action] {
        guard canGoAway else { return [] }
        let leaving: [Action] = isStatic || memberID.isEmpty ? [] : [.leave(memberID: memberID)]
        return leaving + lose(forgettingMemberID: !isStatic, next: .stayAway)
    }

    private mutating func comeBack() -> [Action] {
        switch state {
        case .away: return join()
        case .releasing(next: .stayAway):
            state = .releasing(next: .join)
            return []
        case .idle, .joining, .syncing, .waiting, .stable, .releasing, .closed, .failed: return []
        }
    }

    private mutating func close() -> [Action] {
        let leaves = !isStatic && !memberID.isEmpty
        state = .closed
        generation = -1
        isLeader = false
        return leaves ? [.leave(memberID: memberID)] : []
    }
}
