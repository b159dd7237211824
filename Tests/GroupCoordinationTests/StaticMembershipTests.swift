import Testing

@testable import GroupCoordination

@Suite("Static members")
struct StaticMembershipTests {
    @Test("one that comes back asking for the same gets its assignment without a rebalance, once that is stored")
    func comesBack() throws {
        var bench = GroupBench()
        bench.makeStable("a", "i:b1")
        bench.holdsStores = true
        let request = bench.join(fresh: "b2", instance: "i")
        #expect(bench.joined(request) == nil && bench.group.state == .stable)
        bench.store()
        let answer = try #require(bench.joined(request))
        #expect(answer.memberID == MemberID("b2") && answer.generation == Generation(1))
        #expect(answer.leader == MemberID("a") && answer.members.isEmpty)
        #expect(bench.records.last?.members.map(\.id) == [MemberID("a"), MemberID("b2")])
        #expect(bench.records.last?.members.map(\.assignment) == [[0], [1]])
        let sync = bench.sync("b2", 1, instance: "i")
        #expect(bench.assignment(sync) == [1])
    }

    @Test("its earlier self is fenced, whatever it asks")
    func fencesEarlierSelf() {
        var bench = GroupBench()
        bench.makeStable("a", "i:b1")
        bench.join(fresh: "b2", instance: "i")
        #expect(bench.heartbeat("b1", 1, instance: "i") == .fencedInstanceID)
        #expect(bench.commit("b1", 1, instance: "i") == .fencedInstanceID)
        #expect(bench.leave((id: "b1", instance: "i")) == [.fencedInstanceID])
        let sync = bench.sync("b1", 1, instance: "i")
        #expect(bench.answers[sync] == .syncRefused(.fencedInstanceID))
        let join = bench.join("b1", instance: "i")
        #expect(bench.answers[join] == .joinRefused(.fencedInstanceID, MemberID("b1")))
        #expect(bench.heartbeat("b1", 1) == .unknownMemberID)
    }

    @Test("asking for something else, it causes a rebalance")
    func comesBackChanged() {
        var bench = GroupBench()
        bench.makeStable("a", "i:b1")
        let request = bench.join(fresh: "b2", instance: "i", protocols: ["range": [9]])
        #expect(bench.group.state == .preparingRebalance)
        bench.join("a")
        #expect(bench.joined(request)?.generation == Generation(2))
    }

    @Test("whether it asks for the same is for the protocol to say")
    func sameSubscription() {
        var bench = GroupBench { $0.isSameSubscription = { _, old, new in old.first == new.first } }
        bench.makeStable("a", "i:b1")
        let request = bench.join(fresh: "b2", instance: "i", protocols: ["range": [1, 7]])
        #expect(bench.joined(request)?.generation == Generation(1))
    }

    @Test("where its return would change the protocol, the group rebalances")
    func changesProtocol() {
        var bench = GroupBench()
        bench.join(fresh: "a1", instance: "a", protocols: ["x": [], "y": []])
        bench.advance(300)
        bench.syncAll()
        bench.join(fresh: "a2", instance: "a", protocols: ["y": [], "x": []])
        #expect(bench.group.state == .completingRebalance && bench.group.protocolName == "y")
    }

    @Test("a leader that comes back is told that another leads, or that there is nothing to assign")
    func leaderComesBack() throws {
        var bench = GroupBench()
        bench.makeStable("i:a1", "b")
        let old = bench.join(fresh: "a2", instance: "i")
        #expect(bench.joined(old)?.leader == MemberID("a1"))
        #expect(bench.joined(old)?.members.isEmpty == true && bench.joined(old)?.skipsAssignment == false)
        let again = bench.join(fresh: "a3", instance: "i", canSkip: true)
        let new = try #require(bench.joined(again))
        #expect(new.leader == MemberID("a3") && new.skipsAssignment)
        #expect(new.members.map(\.id) == [MemberID("a3"), MemberID("b")])
        #expect(bench.group.leader == MemberID("a3"))
    }

    @Test("one that comes back while the assignment is awaited begins the rebalance again")
    func whileCompleting() {
        var bench = GroupBench()
        bench.join(fresh: "a")
        bench.join(fresh: "b1", instance: "i")
        bench.advance(300)
        let sync = bench.sync("b1", 1, instance: "i")
        let request = bench.join(fresh: "b2", instance: "i")
        #expect(bench.answers[sync] == .syncRefused(.fencedInstanceID))
        bench.join("a")
        #expect(bench.joined(request)?.generation == Generation(2))
    }

    @Test("one that comes back during a rebalance takes the place of its earlier self")
    func whilePreparing() {
        var bench = GroupBench()
        bench.makeStable("a", "i:b1")
        let old = bench.join("b1", instance: "i", protocols: ["range": [9]])
        let new = bench.join(fresh: "b2", instance: "i")
        #expect(bench.answers[old] == .joinRefused(.fencedInstanceID, MemberID("b1")))
        bench.join("a")
        #expect(bench.joined(new)?.generation == Generation(2) && bench.memberNames == ["a", "b2"])
    }

    @Test("two returns in a row: the first is fenced, even if its answer was on its way")
    func returnsTwice() {
        var bench = GroupBench()
        bench.makeStable("a", "i:b1")
        bench.holdsStores = true
        let first = bench.join(fresh: "b2", instance: "i")
        let second = bench.join(fresh: "b3", instance: "i")
        #expect(bench.answers[first] == .joinRefused(.fencedInstanceID, MemberID("b2")))
        bench.store()
        #expect(bench.joined(second)?.memberID == MemberID("b3") && bench.answeredTwice.isEmpty)
    }

    @Test("where its return cannot be stored, it is told to come again, and may")
    func returnNotStored() {
        var bench = GroupBench()
        bench.makeStable("a", "i:b1")
        bench.holdsStores = true
        let first = bench.join(fresh: "b2", instance: "i")
        bench.store(succeeding: false)
        #expect(bench.answers[first] == .joinRefused(.coordinatorNotAvailable, .none))
        bench.holdsStores = false
        let second = bench.join(fresh: "b3", instance: "i")
        #expect(bench.joined(second)?.generation == Generation(1))
    }

    @Test("one that does not rejoin stays until its session ends")
    func absent() {
        var bench = GroupBench()
        bench.join(fresh: "a", session: 200_000)
        bench.join(fresh: "b1", instance: "i", session: 200_000)
        bench.advance(200)
        bench.syncAll()
        let rejoined = bench.join("a", session: 200_000)
        bench.advance(GroupBench.rebalanceTimeout)
        #expect(bench.joined(rejoined)?.members.map(\.id) == [MemberID("a"), MemberID("b1")])
        bench.sync("a", 2, assigning: ["a": [1], "b1": [2]])
        bench.advance(GroupBench.rebalanceTimeout)
        #expect(bench.memberNames == ["a", "b1"], "it was not asked to sync")
        let back = bench.join("b1", instance: "i", session: 200_000)
        #expect(bench.joined(back)?.generation == Generation(2))
        let sync = bench.sync("b1", 2, instance: "i")
        #expect(bench.assignment(sync) == [2])
    }

    @Test("one that owes a sync of an earlier generation owes none of this one")
    func absentAfterJoin() {
        var bench = GroupBench()
        bench.join(fresh: "a", session: 200_000)
        bench.join(fresh: "b1", instance: "i", session: 200_000)
        bench.advance(200)
        bench.join("a", protocols: ["range": [9]], session: 200_000)
        bench.advance(GroupBench.rebalanceTimeout)
        #expect(bench.group.generation == Generation(2))
        bench.sync("a", 2)
        bench.advance(GroupBench.rebalanceTimeout)
        #expect(bench.memberNames == ["a", "b1"] && bench.group.state == .stable)
    }

    @Test("where only static members are left and none rejoins, the group waits for their sessions")
    func allAbsent() {
        var bench = GroupBench()
        bench.join(fresh: "a1", instance: "a", session: 100_000)
        bench.join(fresh: "b")
        bench.advance(200)
        bench.syncAll()
        _ = bench.leave((id: "b", instance: nil))
        bench.advance(60_000)
        #expect(bench.group.state == .preparingRebalance && bench.memberNames == ["a1"])
        bench.advance(40_000)
        #expect(bench.group.state == .empty)
    }

    @Test("and does not spin, whatever time they say that a rebalance may take", arguments: [0, -1])
    func allAbsentWithoutTime(rebalance: Int64) {
        var bench = GroupBench()
        bench.join(fresh: "a1", instance: "a", session: 100_000, rebalance: rebalance)
        bench.join(fresh: "b", rebalance: rebalance)
        bench.syncAll()
        _ = bench.leave((id: "b", instance: nil))
        bench.advance(60_000)
        #expect(bench.group.state == .preparingRebalance && bench.memberNames == ["a1"])
        bench.advance(40_000)
        #expect(bench.group.state == .empty)
    }
}
