import Testing

@testable import GroupCoordination

@Suite("Members that live, leave and commit")
struct MembershipTests {
    @Test("a heartbeat keeps a member, and tells it of a rebalance")
    func heartbeat() {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        for _ in 0..<5 {
            bench.advance(GroupBench.sessionTimeout - 1)
            #expect(bench.heartbeat("a", 1) == nil)
            #expect(bench.heartbeat("b", 1) == nil)
        }
        bench.join(fresh: "c")
        #expect(bench.heartbeat("a", 1) == .rebalanceInProgress)
        #expect(bench.heartbeat("a", 2) == .illegalGeneration)
        #expect(bench.heartbeat("x", 1) == .unknownMemberID)
    }

    @Test("between join and sync a heartbeat is good")
    func heartbeatWhileCompleting() {
        var bench = GroupBench()
        bench.join(fresh: "a")
        bench.advance(300)
        #expect(bench.heartbeat("a", 1) == nil)
    }

    @Test("who is silent for its session timeout is out, and the others rebalance")
    func sessionExpires() {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        bench.advance(5000)
        #expect(bench.heartbeat("b", 1) == nil)
        bench.advance(GroupBench.sessionTimeout - 5000)
        #expect(bench.expired == [MemberID("a"): .session])
        #expect(bench.heartbeat("b", 1) == .rebalanceInProgress)
        let request = bench.join("b")
        #expect(bench.joined(request)?.leader == MemberID("b"))
    }

    @Test("when the last one expires the group is empty, stored as that, and has no timer")
    func lastExpires() {
        var bench = GroupBench()
        bench.makeStable("a")
        bench.advance(GroupBench.sessionTimeout)
        #expect(bench.group.state == .empty && bench.group.generation == Generation(2))
        #expect(bench.records.last?.members.isEmpty == true && bench.timer == nil)
        #expect(bench.group.isForgettable)
    }

    @Test("who waits for others does not expire")
    func waitingDoesNotExpire() {
        var bench = GroupBench()
        bench.join(fresh: "a")
        bench.join(fresh: "b", session: 60_000)
        bench.advance(200)
        bench.sync("a", 1)
        bench.sync("b", 1)
        bench.join("b", protocols: ["range": [9]], session: 60_000)
        let waiting = bench.join("a")
        bench.join(fresh: "c", requiresID: true)
        bench.advance(GroupBench.sessionTimeout - 1)
        #expect(bench.joined(waiting) != nil)
        bench.sync("b", 2)
        bench.advance(25_000)
        #expect(bench.expired[MemberID("b")] == nil)
    }

    @Test("one leaves, and the rest rebalances")
    func leave() {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        #expect(bench.leave((id: "a", instance: nil)) == [nil])
        #expect(bench.memberNames == ["b"] && bench.group.state == .preparingRebalance)
    }

    @Test("several leave at once, each with its own answer, and one rebalance follows")
    func leaveTogether() {
        var bench = GroupBench()
        bench.makeStable("i:a", "b", "c", "j:d")
        let waiting = bench.join("c", protocols: ["range": [9]])
        let results = bench.leave(
            (id: "", instance: "i"), (id: "b", instance: nil), (id: "x", instance: nil), (id: "", instance: "k"),
            (id: "old", instance: "j"), (id: "", instance: nil), (id: "b", instance: nil))
        #expect(
            results == [
                nil, nil, .unknownMemberID, .unknownMemberID, .fencedInstanceID, .unknownMemberID, .unknownMemberID,
            ])
        #expect(bench.joined(waiting) == nil && bench.memberNames == ["c", "d"])
        bench.join("d", instance: "j")
        #expect(bench.joined(waiting)?.generation == Generation(2))
    }

    @Test("who leaves is answered what it waited for")
    func leaveWhileWaiting() {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        let join = bench.join("b", protocols: ["range": [9]])
        _ = bench.leave((id: "b", instance: nil))
        #expect(bench.answers[join] == .joinRefused(.unknownMemberID, MemberID("b")))
        bench.join("a")
        bench.join(fresh: "c")
        bench.join("a")
        let sync = bench.sync("c", 3)
        _ = bench.leave((id: "c", instance: nil))
        #expect(bench.answers[sync] == .syncRefused(.unknownMemberID))
    }

    @Test("members commit in their generation, also while the group prepares the next, and that keeps them")
    func commit() {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        bench.advance(GroupBench.sessionTimeout - 1)
        #expect(bench.commit("a", 1) == nil)
        bench.advance(1)
        #expect(bench.memberNames == ["a"])
        #expect(bench.commit("a", 1) == nil)
        #expect(bench.commit("a", 0) == .illegalGeneration)
        #expect(bench.commit("b", 1) == .unknownMemberID)
        bench.join("a")
        #expect(bench.commit("a", 2) == .rebalanceInProgress, "it does not know its partitions yet")
        #expect(bench.commit("a", 1) == .illegalGeneration)
    }

    @Test("a client without a generation commits where nobody else is in the group")
    func simpleConsumer() {
        var bench = GroupBench()
        #expect(bench.commit("", -1) == nil)
        #expect(bench.commit("", 0) == .unknownMemberID)
        bench.makeStable("a")
        #expect(bench.commit("", -1) == .unknownMemberID)
        #expect(bench.commit("a", -1) == .illegalGeneration)
    }
}
