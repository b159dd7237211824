import TestSupport
import Testing

@testable import KafkaClient

@Suite("A membership of a group, as a state machine", .timeLimit(.minutes(10)))
struct GroupMembershipTests {
    private let fenced = KafkaClientError.fencedInstance(group: "g", instanceID: "i")

    private func membership(isCooperative: Bool = false, isStatic: Bool = false) -> GroupMembership {
        GroupMembership(isCooperative: isCooperative, isStatic: isStatic, fencedError: fenced)
    }

    private func partitions(_ numbers: Int...) -> [TopicPartition] {
        numbers.map { TopicPartition(topic: "t", partition: $0) }
    }

    /// A member of generation 1 that reads these.
    private func stable(
        isCooperative: Bool = false, isStatic: Bool = false, isLeader: Bool = false, _ owned: [TopicPartition]
    ) -> GroupMembership {
        var member = membership(isCooperative: isCooperative, isStatic: isStatic)
        #expect(member.handle(.start) == [.join(attempt: 1, owned: [])])
        #expect(member.handle(.joined(attempt: 1, .success(joined(1, isLeader: isLeader)))) == [.sync(attempt: 1)])
        #expect(member.handle(.synced(attempt: 1, .success(owned))) == [.assign(owned)])
        #expect(member.state == .stable)
        return member
    }

    private func joined(_ generation: Int32, isLeader: Bool = false) -> GroupMembership.Joined {
        GroupMembership.Joined(memberID: "m", generation: generation, isLeader: isLeader)
    }

    @Test("a member without an id asks twice")
    func memberID() {
        var member = membership()
        _ = member.handle(.start)
        let again = member.handle(.joined(attempt: 1, .failure(.memberIDRequired("m"))))
        #expect(again == [.join(attempt: 2, owned: [])] && member.memberID == "m")
        // A coordinator that goes on asking is not asked without a pause.
        #expect(
            member.handle(.joined(attempt: 2, .failure(.memberIDRequired("n")))) == [.retry(attempt: 2, failures: 1)])
    }

    @Test("an eager member lets go of all it has, then joins")
    func eager() {
        var member = stable(partitions(0, 1))
        #expect(member.handle(.heartbeatDue) == [.heartbeat])
        #expect(
            member.handle(.heartbeatAnswered(generation: 1, .rebalanceInProgress)) == [.revoke(partitions(0, 1))])
        // While the application is still at it, the coordinator hears of the member.
        #expect(member.handle(.heartbeatDue) == [.heartbeat])
        #expect(member.handle(.heartbeatAnswered(generation: 1, .rebalanceInProgress)) == [])
        #expect(!member.keeps(partitions(0)[0]) && member.owned.count == 2)
        #expect(member.handle(.released) == [.join(attempt: 2, owned: [])])
        #expect(member.owned.isEmpty)
    }

    @Test("a cooperative member keeps what it has, and joins again when it has let go of what it loses")
    func cooperative() {
        var member = stable(isCooperative: true, partitions(0, 1))
        _ = member.handle(.heartbeatDue)
        let rejoins = member.handle(.heartbeatAnswered(generation: 1, .rebalanceInProgress))
        #expect(rejoins == [.join(attempt: 2, owned: partitions(0, 1))] && member.ownedGeneration == 1)
        #expect(member.handle(.joined(attempt: 2, .success(joined(2)))) == [.sync(attempt: 2)])
        // It says in which generation it got what it has, however often a round comes to nothing.
        #expect(member.ownedGeneration == 1)
        #expect(
            member.handle(.synced(attempt: 2, .success(partitions(0, 2))))
                == [.revoke(partitions(1)), .assign(partitions(2))])
        #expect(member.keeps(partitions(0)[0]) && !member.keeps(partitions(1)[0]) && member.ownedGeneration == 2)
        #expect(member.handle(.released) == [.join(attempt: 3, owned: partitions(0, 2))])
    }

    @Test("the coordinator does not know the member: all is lost, and it joins as a new one")
    func unknownMember() {
        for isCooperative in [true, false] {
            var member = stable(isCooperative: isCooperative, partitions(0))
            #expect(member.handle(.heartbeatAnswered(generation: 1, .unknownMember)) == [.lose(partitions(0))])
            #expect(!member.isInGeneration && member.memberID.isEmpty)
            #expect(member.handle(.heartbeatDue) == [])
            #expect(member.handle(.released) == [.join(attempt: 2, owned: [])])
        }
    }

    @Test("the group is at another generation: all is lost, but not the member's id")
    func illegalGeneration() {
        var member = stable(isCooperative: true, partitions(0))
        #expect(member.handle(.commitRefused(generation: 1, .illegalGeneration)) == [.lose(partitions(0))])
        #expect(member.memberID == "m")
        #expect(member.handle(.released) == [.join(attempt: 2, owned: [])])
    }

    @Test("what is said of an earlier generation is of no interest")
    func earlierGeneration() {
        var member = stable(partitions(0))
        for fault in [GroupFault.unknownMember, .illegalGeneration, .fenced, .rebalanceInProgress] {
            #expect(member.handle(.heartbeatAnswered(generation: 0, fault)) == [])
            #expect(member.handle(.commitRefused(generation: 0, fault)) == [])
        }
        #expect(member.handle(.joined(attempt: 0, .failure(.unknownMember))) == [])
        #expect(member.state == .stable)
    }

    @Test("while it joins, the group may be a generation ahead: what is refused at the old one costs it nothing")
    func refusedWhileJoining() {
        var member = stable(isCooperative: true, partitions(0))
        // A commit that is refused for a rebalance is none: it may be over.
        #expect(member.handle(.commitRefused(generation: 1, .rebalanceInProgress)) == [.heartbeat])
        #expect(member.state == .stable)
        #expect(member.handle(.heartbeatAnswered(generation: 1, .rebalanceInProgress)).count == 1)
        #expect(member.state == .joining)
        for fault in [GroupFault.illegalGeneration, .unknownMember, .rebalanceInProgress, .coordinatorLost] {
            #expect(member.handle(.commitRefused(generation: 1, fault)) == [])
            #expect(member.handle(.heartbeatAnswered(generation: 1, fault)) == [])
        }
        #expect(member.keeps(partitions(0)[0]))
        #expect(member.handle(.joined(attempt: 2, .success(joined(2)))) == [.sync(attempt: 2)])
        #expect(member.handle(.commitRefused(generation: 2, .rebalanceInProgress)) == [])
        #expect(member.handle(.synced(attempt: 2, .success(partitions(0)))) == [.assign([])])
    }

    @Test("lost while it lets go of something: it joins when all is let go of")
    func lostWhileReleasing() {
        var member = stable(isCooperative: true, partitions(0, 1))
        _ = member.handle(.heartbeatAnswered(generation: 1, .rebalanceInProgress))
        _ = member.handle(.joined(attempt: 2, .success(joined(2))))
        #expect(
            member.handle(.synced(attempt: 2, .success(partitions(0)))) == [.revoke(partitions(1)), .assign([])])
        #expect(member.handle(.heartbeatAnswered(generation: 2, .unknownMember)) == [.lose(partitions(0))])
        #expect(member.handle(.released) == [])
        #expect(member.handle(.released) == [.join(attempt: 3, owned: [])])
    }

    @Test("another took the static member's name: that is the end, after the application was told what it lost")
    func fencedInstance() {
        var member = stable(isStatic: true, partitions(0))
        #expect(member.handle(.heartbeatAnswered(generation: 1, .fenced)) == [.lose(partitions(0))])
        #expect(member.handle(.released) == [.fail(fenced)])
        #expect(member.state == .failed(fenced))
        #expect(member.handle(.heartbeatDue) == [] && member.handle(.close) == [])
    }

    @Test("a coordinator that is gone costs the membership nothing: the next one is asked")
    func coordinatorLost() {
        var member = stable(partitions(0))
        _ = member.handle(.heartbeatDue)
        #expect(
            member.handle(.heartbeatAnswered(generation: 1, .coordinatorLost))
                == [.forgetCoordinator, .heartbeatSoon(failures: 1)])
        #expect(member.handle(.heartbeatDue) == [.heartbeat])
        #expect(
            member.handle(.heartbeatAnswered(generation: 1, .coordinatorLost))
                == [.forgetCoordinator, .heartbeatSoon(failures: 2)])
        _ = member.handle(.heartbeatDue)
        #expect(member.handle(.heartbeatAnswered(generation: 1, nil)) == [])
        #expect(member.state == .stable && member.keeps(partitions(0)[0]))
    }

    @Test("joining where the coordinator is gone or not ready is tried again after pauses")
    func joinFails() {
        var member = membership()
        _ = member.handle(.start)
        #expect(
            member.handle(.joined(attempt: 1, .failure(.coordinatorLost)))
                == [.forgetCoordinator, .retry(attempt: 1, failures: 1)])
        #expect(member.handle(.retryDue(attempt: 1)) == [.join(attempt: 2, owned: [])])
        #expect(member.handle(.retryDue(attempt: 1)) == [])
        #expect(member.handle(.joined(attempt: 2, .failure(.notNow))) == [.retry(attempt: 2, failures: 2)])
    }

    @Test("only the leader joins again because a topic has more partitions")
    func partitionsChanged() {
        var leader = stable(isLeader: true, partitions(0))
        #expect(leader.handle(.partitionsChanged) == [.revoke(partitions(0))])
        var other = stable(partitions(0))
        #expect(other.handle(.partitionsChanged) == [])
    }

    @Test("an application that stays away gives up what it has, and joins when it is back")
    func away() {
        var member = stable(partitions(0))
        #expect(member.handle(.applicationAway) == [.leave(memberID: "m"), .lose(partitions(0))])
        #expect(member.handle(.released) == [])
        #expect(member.state == .away && member.handle(.heartbeatDue) == [])
        #expect(member.handle(.applicationBack) == [.join(attempt: 2, owned: [])])

        var early = stable(partitions(0))
        _ = early.handle(.applicationAway)
        #expect(early.handle(.applicationBack) == [])
        #expect(early.handle(.released) == [.join(attempt: 2, owned: [])])

        var named = stable(isStatic: true, partitions(0))
        #expect(named.handle(.applicationAway) == [.lose(partitions(0))])
        #expect(named.memberID == "m")
    }

    @Test("who closes leaves, but for a static member")
    func close() {
        var member = stable(partitions(0))
        #expect(member.handle(.close) == [.leave(memberID: "m")])
        #expect(member.handle(.released) == [] && member.handle(.start) == [])
        var named = stable(isStatic: true, partitions(0))
        #expect(named.handle(.close) == [])
        var early = membership()
        #expect(early.handle(.close) == [])
    }
}

// MARK: Schedules of chance

extension GroupMembershipTests {
    /// Does what the machine asks for, with answers of chance, and checks what must hold whatever they are.
    private struct Schedule {
        var member: GroupMembership
        var chance: SeededRandom
        /// What the application has been given and not been told to be gone.
        var held: Set<TopicPartition> = []
        var generation: Int32 = 0
        var joins: [Int] = []
        var syncs: [Int] = []
        var retries: [Int] = []
        var heartbeats: [Int32] = []
        var releases: [Set<TopicPartition>] = []
        var released: Set<TopicPartition> = []
        var isKind = false

        mutating func step(_ event: GroupMembership.Event) {
            for action in member.handle(event) { take(action) }
            check()
        }

        private mutating func take(_ action: GroupMembership.Action) {
            switch action {
            case .join(let attempt, let owned):
                #expect(releases.isEmpty, "it joins with something to let go of")
                #expect(member.isCooperative || owned.isEmpty, "an eager member joins with partitions")
                #expect(Set(owned) == held)
                joins.append(attempt)
            case .sync(let attempt): syncs.append(attempt)
            case .heartbeat:
                #expect(member.isInGeneration)
                heartbeats.append(member.generation)
            case .retry(let attempt, _): retries.append(attempt)
            case .revoke(let partitions), .lose(let partitions):
                #expect(!partitions.isEmpty && held.isSuperset(of: partitions))
                #expect(releases.allSatisfy { $0.isDisjoint(with: partitions) }, "it is let go of twice")
                releases.append(Set(partitions))
            case .assign(let partitions):
                #expect(held.isDisjoint(with: partitions), "it is given what it has")
                held.formUnion(partitions)
            case .leave(let id): #expect(!id.isEmpty)
            case .fail: #expect(held.isEmpty && releases.isEmpty)
            case .forgetCoordinator, .heartbeatSoon: break
            }
        }

        private func check() {
            if case .failed = member.state { return }
            #expect(member.owned == held)
            let releasing = releases.reduce(into: released) { $0.formUnion($1) }
            #expect(member.releasing == releasing)
            for partition in held { #expect(member.keeps(partition) == !releasing.contains(partition)) }
        }

        /// Something that happens, or an answer to something that was asked.
        mutating func next() {
            switch Int.random(in: 0..<12, using: &chance) {
            case 0: step(.heartbeatDue)
            case 1 where !isKind: step(.partitionsChanged)
            case 2 where !isKind: step(.applicationAway)
            case 3: step(.applicationBack)
            case 4 where !isKind: step(.commitRefused(generation: member.generation, fault()))
            case 5, 6: if let attempt = joins.popLast() { step(.joined(attempt: attempt, joinResult())) }
            case 7, 8: if let attempt = syncs.popLast() { step(.synced(attempt: attempt, syncResult())) }
            case 9: if let attempt = retries.popLast() { step(.retryDue(attempt: attempt)) }
            case 10:
                if let generation = heartbeats.popLast() {
                    step(.heartbeatAnswered(generation: generation, isKind || chance.next() & 1 == 0 ? nil : fault()))
                }
            default:
                guard !releases.isEmpty else { return }
                // What is let go of together counts as such when the last of it is.
                released.formUnion(releases.removeFirst())
                if releases.isEmpty {
                    held.subtract(released)
                    released = []
                }
                step(.released)
            }
        }

        private mutating func joinResult() -> Result<GroupMembership.Joined, GroupFault> {
            guard isKind || Int.random(in: 0..<3, using: &chance) > 0 else { return .failure(fault()) }
            generation += 1
            return .success(
                .init(memberID: "m", generation: generation, isLeader: Bool.random(using: &chance)))
        }

        private mutating func syncResult() -> Result<[TopicPartition], GroupFault> {
            guard isKind || Int.random(in: 0..<3, using: &chance) > 0 else { return .failure(fault()) }
            return .success(
                (0..<5).filter { _ in Bool.random(using: &chance) }.map { TopicPartition(topic: "t", partition: $0) })
        }

        private mutating func fault() -> GroupFault {
            let faults: [GroupFault] = [
                .memberIDRequired("n"), .rebalanceInProgress, .illegalGeneration, .unknownMember, .coordinatorLost,
                .notNow,
            ]
            return faults[Int.random(in: 0..<faults.count, using: &chance)]
        }
    }

    @Test(
        "whatever is answered, it has what it was given, joins without what it lets go of, and gets to rest again",
        arguments: [true, false])
    func schedules(isCooperative: Bool) {
        for seed in 0..<300 as Range<UInt64> {
            var schedule = Schedule(
                member: membership(isCooperative: isCooperative, isStatic: seed % 3 == 0),
                chance: SeededRandom(seed: seed))
            schedule.step(.start)
            for _ in 0..<400 { schedule.next() }
            schedule.isKind = true
            var steps = 0
            while schedule.member.state != .stable || !schedule.releases.isEmpty, steps < 2000 {
                schedule.next()
                steps += 1
            }
            #expect(schedule.member.state == .stable, "seed \(seed)")
        }
    }
}
