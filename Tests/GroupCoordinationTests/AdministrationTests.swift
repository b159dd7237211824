import Testing

@testable import GroupCoordination

@Suite("Operators and restarts")
struct AdministrationTests {
    @Test("a stable group is described whole, a rebalancing one without what is about to change")
    func describe() {
        var bench = GroupBench()
        bench.makeStable("a", "i:b")
        let stable = bench.group.description
        #expect(stable.state == .stable && stable.protocolType == "consumer" && stable.protocolName == "range")
        #expect(stable.members.map(\.id) == [MemberID("a"), MemberID("b")])
        #expect(stable.members.map(\.assignment) == [[0], [1]] && stable.members.map(\.metadata) == [[1], [1]])
        #expect(stable.members[1].instanceID == InstanceID("i") && stable.members[0].clientID == "client")
        bench.join(fresh: "c")
        let preparing = bench.group.description
        #expect(preparing.state == .preparingRebalance && preparing.protocolName == "")
        #expect(preparing.members.count == 3 && preparing.members.allSatisfy { $0.assignment.isEmpty })
    }

    @Test("only an empty group is deleted; who comes then is told to look again")
    func delete() {
        var bench = GroupBench()
        bench.makeStable("a")
        #expect(bench.delete() == .nonEmptyGroup)
        _ = bench.leave((id: "a", instance: nil))
        bench.join(fresh: "p", requiresID: true)
        #expect(bench.delete() == nil && bench.timer == nil)
        #expect(bench.delete() == .groupIDNotFound && bench.fence() == .groupIDNotFound)
        let join = bench.join(fresh: "b")
        let sync = bench.sync("b", 1)
        #expect(bench.answers[join] == .joinRefused(.notCoordinator, .none))
        #expect(bench.answers[sync] == .syncRefused(.notCoordinator))
        #expect(bench.heartbeat("b", 1) == .notCoordinator && bench.commit("", -1) == .notCoordinator)
        #expect(bench.leave((id: "b", instance: nil)) == [.notCoordinator])
    }

    @Test("a group that is unloaded leaves nobody waiting, and no timer")
    func unload() {
        var bench = GroupBench()
        bench.makeStable("a", "b", "i:c")
        bench.holdsStores = true
        let returned = bench.join(fresh: "c2", instance: "i")
        let join = bench.join("b", protocols: ["range": [9]])
        bench.unload()
        #expect(bench.answers[returned] == .joinRefused(.notCoordinator, MemberID("c2")))
        #expect(bench.answers[join] == .joinRefused(.notCoordinator, MemberID("b")))
        #expect(bench.timer == nil && bench.group.state == .dead)
    }

    @Test("after a restart members go on without a rebalance, and expire as before")
    func restore() throws {
        var first = GroupBench()
        first.makeStable("a", "i:b")
        var bench = GroupBench(restoring: try #require(first.records.last))
        #expect(bench.group.state == .stable && bench.group.leader == MemberID("a"))
        #expect(bench.heartbeat("a", 1) == nil && bench.commit("b", 1, instance: "i") == nil)
        let sync = bench.sync("b", 1, instance: "i")
        #expect(bench.assignment(sync) == [1])
        bench.advance(GroupBench.sessionTimeout)
        #expect(bench.group.state == .empty && bench.expired.count == 2)
    }

    @Test("a record of an empty group keeps its generation")
    func restoreEmpty() throws {
        var first = GroupBench()
        first.makeStable("a")
        _ = first.leave((id: "a", instance: nil))
        let bench = GroupBench(restoring: try #require(first.records.last))
        #expect(bench.group.state == .empty && bench.group.generation == Generation(2) && bench.timer == nil)
        #expect(bench.group.protocolType == "consumer")
    }

    @Test("a record that does not fit together is taken as far as it does")
    func restoreDamaged() throws {
        var first = GroupBench()
        first.makeStable("a", "i:b")
        var record = try #require(first.records.last)
        record.members += record.members
        record.members.append(record.members[1])
        record.members[4].id = MemberID("c")
        record.leader = MemberID("x")
        let bench = GroupBench(restoring: record)
        #expect(bench.memberNames == ["a", "b"] && bench.group.leader == MemberID("a"))
        record.protocolName = nil
        #expect(GroupBench(restoring: record).group.state == .empty)
    }
}

@Suite("Moving the offsets of a live group")
struct FenceTests {
    @Test("everyone is evicted, and knows by its next request; who joins waits until the fence is lifted")
    func fence() throws {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        #expect(bench.commit("a", 1) == nil)
        #expect(bench.fence() == nil)
        #expect(bench.group.state == .empty && bench.group.generation == Generation(2) && bench.timer == nil)
        #expect(bench.commit("a", 1) == .unknownMemberID && bench.heartbeat("b", 1) == .unknownMemberID)
        let sync = bench.sync("a", 1)
        let rejoin = bench.join("a")
        #expect(bench.answers[sync] == .syncRefused(.unknownMemberID))
        #expect(bench.answers[rejoin] == .joinRefused(.unknownMemberID, MemberID("a")))
        let first = bench.join(fresh: "a2")
        bench.join(fresh: "b2", requiresID: true)
        bench.advance(5000)
        let second = bench.join("b2")
        #expect(bench.joined(first) == nil && bench.joined(second) == nil)
        bench.lift()
        #expect(bench.joined(first)?.generation == Generation(3) && bench.joined(second) != nil)
        bench.syncAll()
        #expect(bench.commit("a2", 3) == nil && bench.commit("a", 1) == .unknownMemberID)
    }

    @Test("as soon as as many have joined as were evicted the first round is complete, without the initial delay")
    func returns() {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        #expect(bench.fence() == nil)
        bench.lift()
        let first = bench.join(fresh: "a2")
        #expect(bench.joined(first) == nil)
        bench.join(fresh: "b2")
        #expect(bench.joined(first)?.members.count == 2)
        bench.syncAll()
        bench.join(fresh: "c")
        #expect(bench.group.state == .preparingRebalance, "that counts for the first round only")
    }

    @Test("where fewer come back, the round ends with the initial delay")
    func fewerReturn() {
        var bench = GroupBench()
        bench.makeStable("a", "b", "c")
        #expect(bench.fence() == nil)
        bench.lift()
        let first = bench.join(fresh: "a2")
        bench.advance(99)
        #expect(bench.joined(first) == nil)
        bench.advance(1)
        #expect(bench.joined(first)?.members.count == 1)
    }

    @Test("a group that everyone left after the fence begins as any empty one")
    func emptyAfterFence() {
        var bench = GroupBench()
        bench.makeStable("a")
        #expect(bench.fence() == nil)
        bench.lift()
        bench.join(fresh: "a2", requiresID: true)
        bench.join("a2")
        _ = bench.leave((id: "a2", instance: nil))
        let next = bench.join(fresh: "b")
        #expect(bench.group.state == .preparingRebalance || bench.joined(next) != nil)
        bench.advance(100)
        #expect(bench.joined(next) != nil && bench.memberNames == ["b"])
    }

    @Test("who waits in a join when the fence comes is told that it is unknown, newcomers, too")
    func fenceWhilePreparing() {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        let new = bench.join(fresh: "c")
        let old = bench.join("b")
        #expect(bench.fence() == nil)
        #expect(bench.answers[new] == .joinRefused(.unknownMemberID, MemberID("c")))
        #expect(bench.answers[old] == .joinRefused(.unknownMemberID, MemberID("b")))
        #expect(bench.group.state == .empty)
    }

    @Test("who waits for an assignment, too, and what its leader has decided counts for nothing")
    func fenceWhileCompleting() {
        var bench = GroupBench()
        bench.join(fresh: "a")
        bench.join(fresh: "b")
        bench.advance(300)
        bench.holdsStores = true
        let follower = bench.sync("b", 1)
        let leader = bench.sync("a", 1, assigning: ["a": [1]])
        #expect(bench.fence() == nil)
        bench.store()
        #expect(bench.answers[follower] == .syncRefused(.unknownMemberID))
        #expect(bench.answers[leader] == .syncRefused(.unknownMemberID))
        #expect(bench.group.state == .empty && bench.answeredTwice.isEmpty)
    }

    @Test("a static member that came back when the fence comes is told, too; it may come again")
    func fenceStatic() {
        var bench = GroupBench()
        bench.makeStable("a", "i:b1")
        bench.holdsStores = true
        let returned = bench.join(fresh: "b2", instance: "i")
        #expect(bench.fence() == nil)
        bench.store()
        bench.holdsStores = false
        #expect(bench.answers[returned] == .joinRefused(.unknownMemberID, MemberID("b2")))
        #expect(bench.heartbeat("b2", 1, instance: "i") == .unknownMemberID)
        #expect(bench.commit("b1", 1, instance: "i") == .unknownMemberID)
        let again = bench.join(fresh: "b3", instance: "i")
        let other = bench.join(fresh: "a2")
        bench.lift()
        #expect(bench.joined(again)?.generation == Generation(3) && bench.joined(other) != nil)
        #expect(bench.memberNames == ["b3", "a2"] && bench.answeredTwice.isEmpty)
    }

    @Test("who was evicted and forgets its name commits nothing, until everyone is back or has had the time")
    func strangers() {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        #expect(bench.fence() == nil)
        #expect(bench.commit("", -1) == .unknownMemberID)
        bench.lift()
        #expect(bench.commit("", -1) == .unknownMemberID)
        bench.advance(GroupBench.rebalanceTimeout - 1)
        #expect(bench.commit("", -1) == .unknownMemberID)
        bench.advance(1)
        #expect(bench.commit("", -1) == nil)
    }

    @Test("a member that may take days between two polls keeps others from committing for a while, not for days")
    func patientStrangers() {
        var bench = GroupBench()
        bench.join(fresh: "a", rebalance: Int64(Int32.max))
        bench.advance(200)
        bench.syncAll()
        #expect(bench.fence() == nil)
        bench.lift()
        bench.advance(599_999)
        #expect(bench.commit("", -1) == .unknownMemberID)
        bench.advance(1)
        #expect(bench.commit("", -1) == nil)
    }

    @Test("once everyone is back and gone again, others commit as before")
    func strangersAfterReturn() {
        for names in [["a2"], ["a2", "b2"]] {
            var bench = GroupBench()
            bench.makeStable("a", "b")
            #expect(bench.fence() == nil)
            bench.lift()
            for name in names { bench.join(fresh: name) }
            bench.advance(200)
            bench.syncAll()
            for name in names { _ = bench.leave((id: name, instance: nil)) }
            #expect(bench.group.state == .empty)
            #expect(bench.commit("", -1) == (names.count == 2 ? nil : .unknownMemberID))
        }
    }

    @Test("newcomers of an empty group wait for the fence, and nobody commits without a generation meanwhile")
    func fenceEmpty() {
        var bench = GroupBench()
        #expect(bench.fence() == nil)
        #expect(bench.group.fencedRecord == nil && bench.group.generation == .initial)
        #expect(bench.delete() == .alreadyFenced && !bench.group.isForgettable)
        #expect(bench.commit("", -1) == .coordinatorLoadInProgress)
        let join = bench.join(fresh: "a")
        bench.advance(5000)
        #expect(bench.joined(join) == nil)
        bench.lift()
        #expect(bench.joined(join)?.generation == Generation(1))
    }

    @Test("a fence that outlasts the sessions of those who joined behind it loses none of them, and does not spin")
    func longFence() {
        var bench = GroupBench()
        bench.makeStable("a")
        #expect(bench.fence() == nil)
        let join = bench.join(fresh: "a2")
        bench.advance(GroupBench.rebalanceTimeout * 2)
        #expect(bench.joined(join) == nil && bench.expired.isEmpty)
        bench.lift()
        #expect(bench.joined(join)?.members.count == 1)
    }

    @Test("one fence at a time, which says how many it evicted; lifting none does nothing")
    func oneFence() throws {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        bench.lift()
        #expect(bench.group.state == .stable && bench.group.fencedRecord == nil)
        #expect(try bench.group.fence() == 2)
        #expect(bench.fence() == .alreadyFenced)
    }

    @Test("a restart with the fence's record knows nobody who was evicted")
    func restart() throws {
        var first = GroupBench()
        first.makeStable("a")
        #expect(first.fence() == nil)
        var bench = GroupBench(restoring: try #require(first.group.fencedRecord))
        #expect(bench.commit("a", 1) == .unknownMemberID && bench.heartbeat("a", 1) == .unknownMemberID)
        #expect(bench.group.generation == Generation(2))
    }
}
