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
    @Test("the fenced generation commits no more; everyone rejoins, and goes on when the fence is lifted")
    func fence() {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        #expect(bench.commit("a", 1) == nil)
        #expect(bench.fence() == nil)
        #expect(bench.commit("a", 1) == .rebalanceInProgress)
        #expect(bench.heartbeat("a", 1) == .rebalanceInProgress)
        let first = bench.join("a")
        let second = bench.join("b")
        #expect(bench.joined(first) == nil)
        bench.lift()
        #expect(bench.joined(first)?.generation == Generation(2) && bench.joined(second) != nil)
        bench.syncAll()
        #expect(bench.commit("a", 2) == nil)
    }

    @Test("also where the group was rebalancing, and after the fence is lifted, until the next generation")
    func fenceWhilePreparing() {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        bench.join(fresh: "c")
        #expect(bench.commit("a", 1) == nil)
        #expect(bench.fence() == nil)
        bench.lift()
        #expect(bench.commit("a", 1) == .rebalanceInProgress)
    }

    @Test("who waits for an assignment when the fence comes is told to join again")
    func fenceWhileCompleting() {
        var bench = GroupBench()
        bench.join(fresh: "a")
        bench.join(fresh: "b")
        bench.advance(300)
        let sync = bench.sync("b", 1)
        #expect(bench.fence() == nil)
        #expect(bench.answers[sync] == .syncRefused(.rebalanceInProgress))
    }

    @Test("newcomers of an empty group wait for the fence, too")
    func fenceEmpty() {
        var bench = GroupBench()
        #expect(bench.fence() == nil)
        #expect(bench.delete() == .alreadyFenced)
        let join = bench.join(fresh: "a")
        bench.advance(5000)
        #expect(bench.joined(join) == nil)
        bench.lift()
        #expect(bench.joined(join)?.generation == Generation(1))
    }

    @Test("a fence that outlasts the rebalance timeout does not spin, and lets go on who has rejoined")
    func longFence() {
        var bench = GroupBench()
        bench.join(fresh: "a", session: 600_000)
        bench.join(fresh: "b", session: 600_000)
        bench.advance(200)
        bench.syncAll()
        #expect(bench.fence() == nil)
        let first = bench.join("a", session: 600_000)
        bench.advance(GroupBench.rebalanceTimeout * 2)
        #expect(bench.joined(first) == nil)
        bench.lift()
        #expect(bench.joined(first)?.members.count == 1 && bench.expired == [MemberID("b"): .rebalance])
    }

    @Test("one fence at a time; lifting none does nothing")
    func oneFence() {
        var bench = GroupBench()
        bench.makeStable("a")
        bench.lift()
        #expect(bench.group.state == .stable)
        #expect(bench.fence() == nil)
        #expect(bench.fence() == .alreadyFenced)
    }

    @Test("a restart with the fence's record knows nobody of the fenced generation")
    func restart() {
        var first = GroupBench()
        first.makeStable("a")
        #expect(first.fence() == nil)
        var bench = GroupBench(restoring: first.group.fencedRecord)
        #expect(bench.commit("a", 1) == .unknownMemberID && bench.heartbeat("a", 1) == .unknownMemberID)
        #expect(bench.group.generation == Generation(2))
    }
}
