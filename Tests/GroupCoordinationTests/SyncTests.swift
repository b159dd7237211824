import Testing

@testable import GroupCoordination

@Suite("Assignments")
struct SyncTests {
    /// Two members that have joined generation 1.
    private func completing() -> GroupBench {
        var bench = GroupBench()
        bench.join(fresh: "a")
        bench.join(fresh: "b")
        bench.advance(300)
        return bench
    }

    @Test("followers wait for the leader's assignment, which answers everyone once it is stored")
    func leaderAnswersAll() throws {
        var bench = completing()
        bench.holdsStores = true
        let follower = bench.sync("b", 1, assigning: ["b": [99]])
        #expect(bench.records.isEmpty, "a follower's assignment counts for nothing")
        let leader = bench.sync("a", 1, assigning: ["a": [1], "b": [2], "ghost": [3]])
        #expect(bench.assignment(follower) == nil && bench.group.state == .completingRebalance)
        bench.store()
        #expect(bench.assignment(follower) == [2] && bench.assignment(leader) == [1])
        #expect(bench.group.state == .stable)
        let record = try #require(bench.records.last)
        #expect(record.leader == MemberID("a") && record.generation == Generation(1))
        #expect(record.protocolName == "range" && record.members.map(\.assignment) == [[1], [2]])
    }

    @Test("whom the leader forgot has nothing to do")
    func forgottenMember() {
        var bench = completing()
        let follower = bench.sync("b", 1)
        bench.sync("a", 1, assigning: ["a": [1]])
        #expect(bench.assignment(follower) == [])
    }

    @Test("where the assignment cannot be stored everyone is told, and joins again")
    func storeFails() {
        var bench = completing()
        bench.holdsStores = true
        let follower = bench.sync("b", 1)
        let leader = bench.sync("a", 1, assigning: ["a": [1]])
        bench.store(succeeding: false)
        #expect(bench.answers[follower] == .syncRefused(.coordinatorNotAvailable))
        #expect(bench.answers[leader] == .syncRefused(.coordinatorNotAvailable))
        #expect(bench.group.state == .preparingRebalance)
        bench.join("a")
        let again = bench.join("b")
        #expect(bench.joined(again)?.generation == Generation(2))
    }

    @Test("an assignment that is stored after its generation has ended counts for nothing")
    func storedTooLate() {
        var bench = completing()
        bench.holdsStores = true
        let leader = bench.sync("a", 1, assigning: ["a": [1]])
        bench.join(fresh: "c")
        #expect(bench.answers[leader] == .syncRefused(.rebalanceInProgress))
        bench.store()
        #expect(bench.group.state == .preparingRebalance)
    }

    @Test("a leader's second assignment does not replace the first")
    func leaderTwice() {
        var bench = completing()
        bench.holdsStores = true
        let first = bench.sync("a", 1, assigning: ["a": [1]])
        let second = bench.sync("a", 1, assigning: ["a": [2]])
        bench.store()
        #expect(bench.answers[first] == .syncRefused(.rebalanceInProgress))
        #expect(bench.assignment(second) == [1] && bench.records.count == 1)
    }

    @Test("in a stable group a member may ask again")
    func askAgain() {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        let request = bench.sync("b", 1, type: "consumer", name: "range")
        #expect(bench.assignment(request) == [1])
    }

    @Test("while the group prepares, a sync is refused")
    func whilePreparing() {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        bench.join(fresh: "c")
        let request = bench.sync("b", 1)
        #expect(bench.answers[request] == .syncRefused(.rebalanceInProgress))
    }

    @Test("unknown members, other generations and other protocols are refused")
    func refusals() {
        var bench = GroupBench()
        bench.makeStable("a")
        let unknown = bench.sync("x", 1)
        let generation = bench.sync("a", 2)
        let type = bench.sync("a", 1, type: "connect")
        let name = bench.sync("a", 1, name: "roundrobin")
        #expect(bench.answers[unknown] == .syncRefused(.unknownMemberID))
        #expect(bench.answers[generation] == .syncRefused(.illegalGeneration))
        #expect(bench.answers[type] == .syncRefused(.inconsistentGroupProtocol))
        #expect(bench.answers[name] == .syncRefused(.inconsistentGroupProtocol))
    }

    @Test("who does not ask for its assignment within the rebalance timeout is out", arguments: [true, false])
    func syncTimeout(leaderSynced: Bool) {
        var bench = GroupBench()
        bench.join(fresh: "a", session: 60_000)
        bench.join(fresh: "b", session: 60_000)
        bench.advance(200)
        let synced = leaderSynced ? "a" : "b"
        let request = bench.sync(synced, 1, assigning: ["a": [1]])
        bench.advance(GroupBench.rebalanceTimeout - 1)
        #expect(bench.expired.isEmpty)
        bench.advance(1)
        #expect(bench.expired == [MemberID(leaderSynced ? "b" : "a"): .sync])
        #expect(bench.group.state == .preparingRebalance)
        if !leaderSynced { #expect(bench.answers[request] == .syncRefused(.rebalanceInProgress)) }
        let again = bench.join(synced)
        #expect(bench.joined(again)?.leader == MemberID(synced))
    }
}
