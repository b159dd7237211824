import Testing

@testable import GroupCoordination

@Suite("Static members of the consumer protocol")
struct ConsumerStaticMembershipTests {
    @Test("one that left for now comes back under another id to its partitions, and nobody else moves")
    func comesBack() {
        let bench = ConsumerGroupBench()
        bench.join("m")
        bench.join("n", instance: "i")
        bench.settle("m", "n")
        let epoch = bench.group.epoch
        let left = bench.heartbeat("n", -2, instance: "i")
        #expect(bench.told(left)?.epoch == .leavingForNow && bench.group.phase == .stable)
        #expect(bench.assignment(bench.heartbeat("m", 2)) == nil)
        let back = bench.join("n2", instance: "i")
        #expect(bench.assignment(back) == "a2 a3" && bench.told(back)?.epoch == GroupEpoch(2))
        #expect(bench.group.epoch == epoch && bench.group.memberCount == 2)
        #expect(bench.stored.members[MemberID("n")] == nil && bench.stored.targets[MemberID("n")] == nil)
        #expect(bench.stored.currents[MemberID("n2")]?.assigned == ConsumerGroupBench.shares("a2 a3"))
        #expect(bench.refusal(bench.heartbeat("n", 2, instance: "i")) == .fencedInstanceID)
        #expect(bench.refusal(bench.heartbeat("n", 2)) == .unknownMemberID)
        #expect(bench.refusal(bench.heartbeat("n", -1, instance: "i")) == .fencedInstanceID)
        #expect(bench.commit("n", 2) == .unknownMemberID)
    }

    @Test("while it is here, no other process takes its place; the same one may begin anew")
    func unreleased() {
        let bench = ConsumerGroupBench()
        bench.join("m", instance: "i")
        #expect(bench.refusal(bench.join("n", instance: "i")) == .unreleasedInstanceID)
        #expect(bench.assignment(bench.join("m", instance: "i")) == "a0 a1 a2 a3")
        #expect(bench.refusal(bench.heartbeat("m", 1, instance: "j")) == .unknownMemberID)
    }

    @Test("one that is away knows no epoch, and may come back under its own id")
    func away() {
        let bench = ConsumerGroupBench()
        bench.join("m", instance: "i")
        bench.heartbeat("m", -2, instance: "i")
        #expect(bench.refusal(bench.heartbeat("m", 1, instance: "i")) == .fencedMemberEpoch)
        #expect(bench.commit("m", 1) == .staleMemberEpoch)
        #expect(bench.assignment(bench.join("m", instance: "i")) == "a0 a1 a2 a3" && bench.epoch("m") == 1)
    }

    @Test("one that does not come back within its session is out")
    func staysAway() {
        let bench = ConsumerGroupBench()
        bench.join("m", instance: "i")
        bench.heartbeat("m", -2, instance: "i")
        bench.advance(44_999)
        #expect(bench.group.memberCount == 1)
        bench.advance(1)
        #expect(bench.expired == [MemberID("m"): .session] && bench.group.phase == .empty)
    }

    @Test("what the target takes from one that is away goes to others at once; what it leaves is kept")
    func takenWhileAway() {
        let bench = ConsumerGroupBench()
        bench.join("m", instance: "i")
        bench.heartbeat("m", -2, instance: "i")
        #expect(bench.assignment(bench.join("n")) == "a2 a3")
        #expect(bench.stored.currents[MemberID("m")]?.assigned == ConsumerGroupBench.shares("a0 a1"))
        #expect(bench.assignment(bench.join("m2", instance: "i")) == "a0 a1" && bench.epoch("m2") == 2)
    }

    @Test("what it was to give up when it left is free")
    func leavesWhileRevoking() {
        let bench = ConsumerGroupBench()
        bench.join("m", instance: "i")
        bench.join("n")
        bench.heartbeat("m", 1)
        bench.heartbeat("m", -2, instance: "i")
        #expect(bench.assignment(bench.heartbeat("n", 2)) == "a2 a3" && bench.group.phase == .stable)
    }

    @Test("one that comes back asking for something else is a new epoch")
    func comesBackChanged() {
        let bench = ConsumerGroupBench()
        bench.join("m", instance: "i")
        bench.heartbeat("m", -2, instance: "i")
        #expect(bench.assignment(bench.join("n", instance: "i", names: ["b"])) == "b0 b1")
        #expect(bench.group.epoch == GroupEpoch(2) && bench.group.owners.count == 2)
    }

    @Test("its last words are answered as those of a stranger where another has come")
    func leavesForGood() {
        let bench = ConsumerGroupBench()
        bench.join("m", instance: "i")
        bench.heartbeat("m", -1, instance: "i")
        #expect(bench.group.memberCount == 0 && bench.group.staticMembers.isEmpty)
        #expect(bench.refusal(bench.heartbeat("m", -2, instance: "i")) == .unknownMemberID)
    }

    @Test("operators send members away, by either of their names")
    func sentAway() {
        let bench = ConsumerGroupBench()
        bench.join("m", instance: "i")
        bench.join("n")
        bench.join("o", instance: "j")
        let results = bench.leave(
            (id: "", instance: "i"), (id: "n", instance: nil), (id: "x", instance: nil), (id: "x", instance: "j"),
            (id: "", instance: "k"))
        #expect(results == [nil, nil, .unknownMemberID, .fencedInstanceID, .unknownMemberID])
        #expect(bench.group.memberCount == 1)
    }
}

@Suite("Operators and restarts in the consumer protocol")
struct ConsumerAdministrationTests {
    @Test("a group is described with what each member owns, and is to own")
    func describe() throws {
        let bench = ConsumerGroupBench()
        #expect(bench.group.description.phase == .empty)
        bench.join("m", assignor: "range")
        bench.join("n", instance: "i", names: nil, pattern: "a")
        let description = bench.group.description
        #expect(description.phase == .reconciling && description.phase.name == "Reconciling")
        #expect(description.epoch == GroupEpoch(2) && description.targetEpoch == GroupEpoch(2))
        #expect(description.assignor == .range)
        #expect(description.members.map(\.id) == [MemberID("m"), MemberID("n")])
        #expect(description.members[0].epoch == GroupEpoch(1) && description.members[1].epoch == GroupEpoch(2))
        #expect(description.members[0].assigned == ConsumerGroupBench.shares("a0 a1 a2 a3"))
        #expect(description.members[0].target.flatMap(\.partitions).count == 2)
        #expect(description.members[1].topicPattern == "a" && description.members[1].instanceID != nil)
    }

    @Test("only an empty group is deleted; its records are removed")
    func delete() throws {
        let bench = ConsumerGroupBench()
        bench.join("m")
        #expect(throws: GroupError.nonEmptyGroup) { try bench.group.delete() }
        bench.heartbeat("m", -1)
        for record in bench.group.removalRecords { bench.apply(record) }
        #expect(bench.stored == StoredConsumerGroup())
        try bench.group.delete()
        bench.carryOut()
        #expect(throws: GroupError.groupIDNotFound) { try bench.group.delete() }
        #expect(throws: GroupError.groupIDNotFound) { try bench.group.fence() }
        #expect(bench.refusal(bench.join("n")) == .notCoordinator && bench.commit("", -1) == .notCoordinator)
        #expect(bench.timer == nil && bench.group.phase == .dead)
    }

    @Test("a group that is unloaded leaves nobody waiting, and no timer")
    func unload() {
        let bench = ConsumerGroupBench()
        bench.holdsStores = true
        let join = bench.join("m")
        bench.unload()
        #expect(bench.refusal(join) == .notCoordinator && bench.timer == nil)
        bench.store()
        #expect(bench.answeredTwice.isEmpty)
    }

    @Test("who has gone is not answered")
    func abandon() {
        let bench = ConsumerGroupBench()
        bench.holdsStores = true
        let join = bench.join("m")
        bench.abandon(join)
        bench.store()
        #expect(bench.answers.isEmpty && bench.group.memberCount == 1)
    }

    @Test("who waits for an answer when it is given up is told so")
    func waitingMemberGoes() {
        let bench = ConsumerGroupBench()
        bench.holdsStores = true
        let join = bench.join("m")
        _ = bench.leave((id: "m", instance: nil))
        #expect(bench.refusal(join) == .unknownMemberID)
        bench.store()
        #expect(bench.answeredTwice.isEmpty && bench.stored.members.isEmpty)
    }

    @Test("what cannot be stored is told to nobody, and is stored whole with the next change")
    func storeFails() {
        let bench = ConsumerGroupBench()
        bench.join("m")
        bench.holdsStores = true
        let join = bench.join("n")
        let revoke = bench.heartbeat("m", 1)
        bench.store(succeeding: false)
        #expect(bench.refusal(join) == .coordinatorNotAvailable)
        #expect(bench.refusal(revoke) == .coordinatorNotAvailable)
        bench.holdsStores = false
        let again = bench.heartbeat("m", 1)
        #expect(bench.assignment(again) == "a0 a1", "it was never told")
        #expect(bench.stored.epoch == GroupEpoch(2) && bench.stored.members.count == 2)
        #expect(bench.stored.currents[MemberID("m")]?.pendingRevocation == ConsumerGroupBench.shares("a2 a3"))
    }

    @Test("a member whose removal could not be stored is not there after a restart either, once anything was stored")
    func removalFails() {
        let bench = ConsumerGroupBench()
        bench.join("m")
        bench.join("n")
        bench.holdsStores = true
        bench.heartbeat("n", -1)
        bench.store(succeeding: false)
        #expect(bench.stored.members.count == 2)
        bench.holdsStores = false
        bench.heartbeat("m", 1)
        #expect(Array(bench.stored.members.keys) == [MemberID("m")])
    }

    @Test("records that are stored after others that failed let nobody know")
    func laterStore() {
        let bench = ConsumerGroupBench()
        bench.holdsStores = true
        let first = bench.join("m")
        let second = bench.join("n")
        let stores = bench.heldStores
        bench.group.stored(stores[0].0, succeeded: false, at: bench.now)
        bench.group.stored(stores[1].0, succeeded: true, at: bench.now)
        bench.carryOut()
        #expect(bench.refusal(first) == .coordinatorNotAvailable)
        #expect(bench.refusal(second) == .coordinatorNotAvailable)
    }

    @Test("a group that is too large for one batch is stored in several, and answers wait for all")
    func batches() {
        let bench = ConsumerGroupBench()
        let names = (0..<30).map { "\($0)".padded(to: 30_000) }
        for number in 0..<12 { bench.join("m\(number)", names: names) }
        bench.holdsStores = true
        bench.heartbeat("m0", -1)
        bench.store(succeeding: false)
        let before = bench.batches.count
        let request = bench.heartbeat("m1", 2)
        #expect(bench.batches.count == before + 2)
        for store in bench.heldStores.dropLast() { bench.group.stored(store.0, succeeded: true, at: bench.now) }
        bench.carryOut()
        #expect(bench.answers[request] == nil)
        bench.store()
        #expect(bench.told(request) != nil)
    }

    @Test("after a restart members go on in their epochs, with what they own and have to give up")
    func restore() {
        let first = ConsumerGroupBench()
        first.join("m")
        first.join("n", instance: "i", names: nil, pattern: "a.*")
        first.heartbeat("m", 1)
        let bench = ConsumerGroupBench(restoring: first.stored)
        #expect(bench.group.phase == .reconciling && bench.batches.isEmpty)
        #expect(bench.commit("m", 1) == nil && bench.assigned("m") == "a0 a1")
        #expect(bench.assignment(bench.heartbeat("n", 2)) == nil && bench.assigned("n") == "")
        bench.heartbeat("m", 1, owned: ConsumerGroupBench.shares("a0 a1"))
        #expect(bench.assignment(bench.heartbeat("n", 2)) == "a2 a3" && bench.group.phase == .stable)
        bench.advance(45_000)
        #expect(bench.expired.count == 2 && bench.stored.members.isEmpty)
    }

    @Test("topics that have changed meanwhile are a new epoch")
    func restoreWithOtherTopics() {
        let first = ConsumerGroupBench()
        first.join("m", names: nil, pattern: "a.*")
        let bench = ConsumerGroupBench(restoring: first.stored, ConsumerGroupBench.topics(["a": 4, "ab": 1]))
        #expect(bench.group.epoch == GroupEpoch(2) && bench.target("m") == "a0 a1 a2 a3 ab0")
        #expect(bench.stored.epoch == GroupEpoch(2))
    }

    @Test("records that do not fit together are taken as far as they do")
    func restoreDamaged() {
        let first = ConsumerGroupBench()
        first.join("m")
        first.join("n", instance: "i")
        first.settle("m", "n")
        let m = MemberID("m")
        let n = MemberID("n")
        func restored(_ change: (inout StoredConsumerGroup) -> Void) -> ConsumerGroupBench {
            var stored = first.stored
            change(&stored)
            return ConsumerGroupBench(restoring: stored)
        }
        func left(_ change: (inout StoredConsumerGroup) -> Void) -> [String] {
            restored(change).group.membersByID.map(\.id.value)
        }
        #expect(left { _ in } == ["m", "n"])
        #expect(left { $0.currents[n] = nil } == ["m"])
        #expect(left { $0.members[n] = nil } == ["m"])
        #expect(left { $0.currents[n]?.epoch = GroupEpoch(3) } == ["m"])
        #expect(left { $0.currents[m]?.epoch = .leavingForNow } == ["n"])
        #expect(left { $0.currents[n]?.assigned = ConsumerGroupBench.shares("a0") } == ["m"])
        #expect(left { $0.currents[n]?.progress = .unrevoked } == ["m"])
        #expect(left { $0.members[m]?.topicPattern = "(" } == ["n"])
        #expect(left { $0.members[m]?.instanceID = InstanceID("i") } == ["m"])
        #expect(left { $0.epoch = GroupEpoch(.max) } == [])
        #expect(left { $0.epoch = nil } == [])
        let gone = restored { $0.epoch = nil }
        #expect(gone.stored.members.isEmpty && gone.stored.currents.isEmpty && gone.stored.targets.isEmpty)
        for bench in [
            restored { $0.targets[n] = nil }, restored { $0.targets[m] = ConsumerGroupBench.shares("a0 a1 a2") },
            restored { $0.targets[m] = ConsumerGroupBench.shares("a0 a1 b0") }, restored { $0.targetEpoch = nil },
            restored { $0.topicsHash = 0 }, restored { $0.targets[m] = ConsumerGroupBench.shares("a0 a77") },
        ] {
            #expect(bench.group.epoch == GroupEpoch(3) && bench.group.isTargetWhole)
        }
        let fewer = restored { $0.currents[n] = nil }
        #expect(fewer.target("m") == "a0 a1 a2 a3" && fewer.stored.members[n] == nil)
    }
}

@Suite("Moving the offsets of a live group of the consumer protocol")
struct ConsumerFenceTests {
    @Test("everyone is evicted, and knows by its next request; who joins waits until the fence is lifted")
    func fence() throws {
        let bench = ConsumerGroupBench()
        bench.join("m")
        bench.join("n")
        bench.settle("m", "n")
        #expect(bench.fence() == nil)
        #expect(bench.group.phase == .empty && bench.timer == nil && !bench.group.isForgettable)
        #expect(bench.refusal(bench.heartbeat("m", 2)) == .unknownMemberID)
        #expect(bench.commit("m", 2) == .unknownMemberID && bench.commit("", -1) == .unknownMemberID)
        let first = bench.join("m")
        #expect(bench.answers[first] == nil)
        bench.lift()
        #expect(bench.assignment(first) == "" && bench.told(first)?.epoch == GroupEpoch(3))
        #expect(bench.told(first)?.heartbeatInterval == 500 && bench.group.phase == .assigning)
        let second = bench.join("n")
        #expect(bench.assignment(second)?.count == 5, "both are back: partitions are assigned")
        let next = bench.heartbeat("m", 3)
        #expect(bench.assignment(next)?.count == 5 && bench.told(next)?.epoch == GroupEpoch(5))
        #expect(bench.commit("m", 2) == .staleMemberEpoch && bench.commit("m", 5) == nil)
    }

    @Test("who was evicted and forgets its name commits nothing, until everyone is back or has had the time")
    func strangers() {
        let bench = ConsumerGroupBench()
        bench.join("m")
        bench.join("n")
        #expect(bench.fence() == nil)
        bench.lift()
        #expect(bench.commit("", -1) == .unknownMemberID && bench.timer != nil)
        bench.advance(44_999)
        #expect(bench.commit("", -1) == .unknownMemberID)
        bench.advance(1)
        #expect(bench.commit("", -1) == nil && bench.timer == nil)
        #expect(bench.fence() == nil)
        #expect(bench.commit("", -1) == .coordinatorLoadInProgress, "nobody was evicted")
        bench.lift()
        bench.join("m")
        #expect(bench.fence() == nil)
        bench.lift()
        bench.join("m")
        bench.heartbeat("m", -1)
        #expect(bench.commit("", -1) == nil, "everyone was back")
    }

    @Test("a member that may take days between two polls keeps others from committing for a while, not for days")
    func patientStrangers() {
        let bench = ConsumerGroupBench()
        bench.heartbeat("m", 0, timeout: Int64(Int32.max), names: ["a"], owned: [])
        #expect(bench.fence() == nil)
        bench.lift()
        bench.advance(599_999)
        #expect(bench.commit("", -1) == .unknownMemberID)
        bench.advance(1)
        #expect(bench.commit("", -1) == nil)
    }

    @Test("where fewer come back, partitions are assigned after a while")
    func fewerReturn() {
        let bench = ConsumerGroupBench()
        bench.join("m")
        bench.join("n")
        #expect(bench.fence() == nil)
        bench.lift()
        bench.join("m")
        bench.advance(5999)
        #expect(bench.assignment(bench.heartbeat("m", 3)) == nil && bench.group.phase == .assigning)
        bench.advance(1)
        #expect(bench.assignment(bench.heartbeat("m", 3)) == "a0 a1 a2 a3")
        bench.advance(10_000)
        #expect(bench.group.phase == .stable)
    }

    @Test("who waits for an answer when the fence comes is told that it is unknown")
    func waiting() {
        let bench = ConsumerGroupBench()
        bench.join("m")
        bench.holdsStores = true
        let join = bench.join("n")
        #expect(bench.fence() == nil)
        #expect(bench.refusal(join) == .unknownMemberID)
        bench.store()
        bench.holdsStores = false
        bench.lift()
        #expect(bench.stored.members.isEmpty && bench.stored.currents.isEmpty && bench.stored.targets.isEmpty)
        #expect(bench.answeredTwice.isEmpty)
    }

    @Test("a restart with the fence's records knows nobody who was evicted")
    func restart() {
        let first = ConsumerGroupBench()
        first.join("m")
        #expect(first.fence() == nil)
        for record in first.group.fencedRecords { first.apply(record) }
        let bench = ConsumerGroupBench(restoring: first.stored)
        #expect(bench.commit("m", 1) == .unknownMemberID && bench.group.epoch == GroupEpoch(2))
        #expect(bench.group.memberCount == 0)
    }

    @Test("where the fence's records could not be stored, the group is stored anew")
    func notStored() {
        let bench = ConsumerGroupBench()
        bench.join("m")
        #expect(bench.fence() == nil)
        bench.lift(stored: false)
        #expect(bench.stored.members.isEmpty && bench.stored.epoch == GroupEpoch(2))
    }

    @Test("joins that wait behind a fence are refused where the group is unloaded, and forgotten where they have gone")
    func heldJoins() {
        let bench = ConsumerGroupBench()
        #expect(bench.fence() == nil)
        #expect(bench.fence() == .alreadyFenced && bench.group.fencedRecords.isEmpty)
        let first = bench.join("m")
        let second = bench.join("n")
        bench.abandon(first)
        bench.unload()
        #expect(bench.answers[first] == nil && bench.refusal(second) == .notCoordinator)
    }

    @Test("an empty group is fenced, too; lifting no fence does nothing")
    func empty() {
        let bench = ConsumerGroupBench()
        bench.lift()
        #expect(bench.fence() == nil)
        let join = bench.join("m")
        bench.lift()
        #expect(bench.assignment(join) == "a0 a1 a2 a3")
    }
}

extension String {
    fileprivate func padded(to count: Int) -> String {
        self + String(repeating: "x", count: max(0, count - self.count))
    }
}
