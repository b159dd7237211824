import Testing

@testable import GroupCoordination

@Suite("Rebalances")
struct RebalanceTests {
    @Test("a newcomer waits until everyone has rejoined")
    func waitsForAll() {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        let new = bench.join(fresh: "c")
        #expect(bench.group.state == .preparingRebalance)
        let first = bench.join("a")
        #expect(bench.joined(new) == nil && bench.joined(first) == nil)
        bench.join("b")
        #expect(bench.joined(new)?.generation == Generation(2))
        #expect(bench.joined(first)?.members.count == 3)
    }

    @Test("after the largest rebalance timeout those who have not rejoined are out")
    func rebalanceTimeout() {
        var bench = GroupBench()
        bench.join(fresh: "a", session: 60_000, rebalance: 20_000)
        bench.join(fresh: "b", session: 60_000, rebalance: 40_000)
        bench.advance(300)
        bench.syncAll()
        let rejoined = bench.join("a", session: 60_000, rebalance: 20_000)
        bench.advance(39_999)
        #expect(bench.joined(rejoined) == nil)
        bench.advance(1)
        #expect(bench.joined(rejoined)?.members.map(\.id) == [MemberID("a")])
        #expect(bench.expired == [MemberID("b"): .rebalance])
    }

    @Test("where the leader did not rejoin, the earliest that did leads")
    func newLeader() {
        var bench = GroupBench()
        bench.makeStable("a", "b", "c")
        let third = bench.join(fresh: "d")
        let second = bench.join("b")
        bench.join("c")
        bench.advance(GroupBench.rebalanceTimeout)
        #expect(bench.joined(second)?.leader == MemberID("b") && bench.joined(second)?.members.count == 3)
        #expect(bench.joined(third)?.leader == MemberID("b"))
    }

    @Test("a follower that rejoins a stable group unchanged is answered with the generation as it is")
    func unchangedRejoin() {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        let request = bench.join("b")
        #expect(bench.joined(request)?.generation == Generation(1) && bench.group.state == .stable)
        let sync = bench.sync("b", 1)
        #expect(bench.assignment(sync) == [1])
    }

    @Test("a follower with other metadata causes a rebalance")
    func changedRejoin() {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        let request = bench.join("b", protocols: ["range": [9]])
        #expect(bench.joined(request) == nil && bench.group.state == .preparingRebalance)
    }

    @Test("the leader that rejoins causes a rebalance, changed or not")
    func leaderRejoin() {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        bench.join("a")
        #expect(bench.group.state == .preparingRebalance)
    }

    @Test("who missed the answer to its join gets it once more, the leader with everyone in it")
    func missedAnswer() {
        var bench = GroupBench()
        bench.join(fresh: "a")
        bench.join(fresh: "b")
        bench.advance(300)
        let leader = bench.join("a")
        let follower = bench.join("b")
        #expect(bench.joined(leader)?.members.count == 2 && bench.joined(leader)?.generation == Generation(1))
        #expect(bench.joined(follower)?.members.isEmpty == true)
        #expect(bench.group.state == .completingRebalance)
    }

    @Test("a change before the assignment is there begins the rebalance again, and refuses who waits for it")
    func changedWhileCompleting() {
        var bench = GroupBench()
        bench.join(fresh: "a")
        bench.join(fresh: "b")
        bench.advance(300)
        let waiting = bench.sync("b", 1)
        bench.join("a", protocols: ["range": [9]])
        #expect(bench.answers[waiting] == .syncRefused(.rebalanceInProgress))
        let again = bench.join("b")
        #expect(bench.joined(again)?.generation == Generation(2))
    }

    @Test("a join that its member repeats is answered, too")
    func repeatedJoin() {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        let first = bench.join("b", protocols: ["range": [9]])
        let second = bench.join("b", protocols: ["range": [9]])
        #expect(bench.answers[first] == .joinRefused(.rebalanceInProgress, MemberID("b")))
        bench.join("a")
        #expect(bench.joined(second)?.generation == Generation(2) && bench.answeredTwice.isEmpty)
    }

    @Test("a join whose connection has gone counts as not come; its member expires like any other")
    func abandonedJoin() {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        let lost = bench.join("b", protocols: ["range": [9]])
        bench.abandon(lost)
        let first = bench.join("a")
        #expect(bench.joined(first) == nil)
        bench.advance(GroupBench.sessionTimeout)
        #expect(bench.expired == [MemberID("b"): .session])
        #expect(bench.joined(first)?.members.count == 1 && bench.answers[lost] == nil)
    }

    @Test("a member that nobody ever answered does not wait for ever")
    func newMemberTimeout() {
        var bench = GroupBench { $0.newMemberJoinTimeout = 5000 }
        bench.makeStable("a")
        let new = bench.join(fresh: "b")
        for _ in 0..<5 {
            bench.advance(1000)
            _ = bench.heartbeat("a", 1)
        }
        #expect(bench.answers[new] == .joinRefused(.unknownMemberID, MemberID("b")))
    }

    @Test("500 members rebalance as two do")
    func manyMembers() {
        var bench = GroupBench()
        let names = (0..<500).map { "m\($0)" }
        for name in names { bench.join(fresh: name) }
        bench.advance(300)
        bench.syncAll()
        #expect(bench.group.state == .stable && bench.records.count == 1)
        let requests = names.map { bench.join($0) }
        #expect(requests.allSatisfy { bench.joined($0)?.generation == Generation(2) })
        #expect(bench.joined(requests[0])?.members.map(\.id) == names.map { MemberID($0) })
        bench.syncAll()
        #expect(bench.group.state == .stable && bench.answeredTwice.isEmpty)
    }

    @Test("generations go on from 1 after the largest number")
    func generationWraps() {
        #expect(Generation(.max).next == Generation(1) && Generation(4).next == Generation(5))
    }
}
