import Testing

@testable import GroupCoordination

@Suite("Joining a group")
struct JoinTests {
    @Test("the first member leads, and is told of everyone; others are told who leads")
    func leader() throws {
        var bench = GroupBench()
        let first = bench.join(fresh: "a", protocols: ["range": [1]])
        let second = bench.join(fresh: "b", protocols: ["range": [2]])
        bench.advance(300)
        let leader = try #require(bench.joined(first))
        #expect(leader.leader == MemberID("a") && leader.memberID == MemberID("a"))
        #expect(leader.generation == Generation(1) && leader.protocolName == "range")
        #expect(leader.protocolType == "consumer" && !leader.skipsAssignment)
        #expect(leader.members.map(\.id) == [MemberID("a"), MemberID("b")])
        #expect(leader.members.map(\.metadata) == [[1], [2]])
        let follower = try #require(bench.joined(second))
        #expect(follower.leader == MemberID("a") && follower.members.isEmpty)
    }

    @Test("an empty group gathers members for the initial delay, longer where more come, to the rebalance timeout")
    func initialDelay() {
        var bench = GroupBench { $0.initialRebalanceDelay = 3000 }
        let first = bench.join(fresh: "a", rebalance: 8000)
        bench.advance(2999)
        bench.join(fresh: "b", rebalance: 8000)
        bench.advance(2000)
        #expect(bench.group.state == .preparingRebalance)
        bench.join(fresh: "c", rebalance: 8000)
        bench.advance(3000)
        #expect(bench.joined(first) == nil)
        bench.join(fresh: "d", rebalance: 8000)
        bench.advance(1)
        #expect(bench.joined(first)?.members.count == 4, "8 s after the first: no longer, whoever comes")
    }

    @Test("without newcomers the initial delay ends after its time")
    func initialDelayAlone() {
        var bench = GroupBench { $0.initialRebalanceDelay = 3000 }
        let first = bench.join(fresh: "a")
        bench.advance(2999)
        #expect(bench.joined(first) == nil)
        bench.advance(1)
        #expect(bench.joined(first) != nil)
    }

    @Test("an initial delay of 0 is none")
    func noInitialDelay() {
        var bench = GroupBench { $0.initialRebalanceDelay = 0 }
        let first = bench.join(fresh: "a")
        #expect(bench.joined(first)?.generation == Generation(1))
    }

    @Test("where an id is required, a join without one is told it, and is no member yet")
    func memberIDRequired() {
        var bench = GroupBench { $0.initialRebalanceDelay = 0 }
        let first = bench.join(fresh: "a", requiresID: true)
        #expect(bench.answers[first] == .joinRefused(.memberIDRequired, MemberID("a")))
        #expect(bench.group.memberCount == 0 && bench.group.state == .empty)
        let second = bench.join("a", requiresID: true)
        #expect(bench.joined(second)?.memberID == MemberID("a"))
    }

    @Test("an id that nobody joins with is forgotten after its session timeout")
    func pendingExpires() {
        var bench = GroupBench()
        bench.join(fresh: "a", requiresID: true)
        bench.advance(GroupBench.sessionTimeout)
        #expect(bench.expired[MemberID("a")] == .pendingJoin && bench.timer == nil)
        let late = bench.join("a", requiresID: true)
        #expect(bench.answers[late] == .joinRefused(.unknownMemberID, MemberID("a")))
    }

    @Test("of too many ids that nobody joins with, the oldest is forgotten")
    func pendingBound() {
        var bench = GroupBench { $0.pendingMembersMax = 2 }
        for name in ["a", "b", "c"] {
            bench.join(fresh: name, requiresID: true)
            bench.advance(1)
        }
        #expect(bench.group.pendingMembers.keys.sorted { $0.value < $1.value } == [MemberID("b"), MemberID("c")])
    }

    @Test("a rebalance waits for who was given an id, until it joins, leaves, or its id expires")
    func pendingHoldsRebalance() {
        var bench = GroupBench()
        bench.makeStable("a", "b")
        bench.join(fresh: "c", requiresID: true)
        #expect(bench.group.state == .stable, "an id alone moves nobody")
        let first = bench.join("a")
        let second = bench.join("b")
        #expect(bench.joined(first) == nil)
        #expect(bench.leave((id: "c", instance: nil)) == [nil])
        #expect(bench.joined(first)?.generation == Generation(2) && bench.joined(second) != nil)
    }

    @Test("who has an id and leaves without having joined disturbs nobody")
    func pendingLeaves() {
        var bench = GroupBench()
        bench.makeStable("a")
        bench.join(fresh: "b", requiresID: true)
        #expect(bench.leave((id: "b", instance: nil)) == [nil])
        #expect(bench.group.state == .stable)
    }

    @Test("a static member needs no id first")
    func staticNeedsNoID() {
        var bench = GroupBench { $0.initialRebalanceDelay = 0 }
        let first = bench.join(fresh: "a1", instance: "a", requiresID: true)
        #expect(bench.joined(first)?.memberID == MemberID("a1"))
    }

    @Test("the protocol is that which most like best among those that all support")
    func protocolVotes() {
        var bench = GroupBench()
        let first = bench.join(fresh: "a", protocols: ["sticky": [], "range": [], "roundrobin": []])
        bench.join(fresh: "b", protocols: ["roundrobin": [], "range": []])
        bench.join(fresh: "c", protocols: ["own": [], "range": [], "roundrobin": []])
        bench.advance(300)
        #expect(bench.joined(first)?.protocolName == "range")
    }

    @Test("of protocols with as many votes, that of the earliest member")
    func protocolTie() {
        var bench = GroupBench()
        let first = bench.join(fresh: "a", protocols: ["x": [], "y": []])
        bench.join(fresh: "b", protocols: ["y": [], "x": []])
        bench.advance(300)
        #expect(bench.joined(first)?.protocolName == "x")
    }

    @Test("who shares no protocol or type with the group is refused, as is who offers none")
    func inconsistentProtocol() {
        var bench = GroupBench()
        let none = bench.join(fresh: "a", protocols: [:])
        let untyped = bench.join(fresh: "a", type: "")
        bench.makeStable("a")
        let other = bench.join(fresh: "b", protocols: ["roundrobin": []])
        let otherType = bench.join(fresh: "b", type: "connect")
        for request in [none, untyped, other, otherType] {
            #expect(bench.answers[request] == .joinRefused(.inconsistentGroupProtocol, .none))
        }
        #expect(bench.group.state == .stable)
    }

    @Test("the only member may change its protocol")
    func changeAlone() {
        var bench = GroupBench()
        bench.makeStable("a")
        let request = bench.join("a", protocols: ["roundrobin": []])
        #expect(bench.joined(request)?.protocolName == "roundrobin")
    }

    @Test("a protocol that is offered twice counts once")
    func sameProtocolTwice() {
        var bench = GroupBench()
        let first = bench.join(fresh: "a", protocols: ["range": [1], "range": [2]])
        let other = bench.join(fresh: "b", protocols: ["roundrobin": []])
        bench.advance(300)
        #expect(bench.joined(first)?.members.map(\.metadata) == [[1]])
        #expect(bench.answers[other] == .joinRefused(.inconsistentGroupProtocol, .none))
    }

    @Test("a session timeout outside the limits is refused", arguments: [5999, 1_800_001, -1] as [Int64])
    func sessionTimeout(timeout: Int64) {
        var bench = GroupBench()
        let request = bench.join(fresh: "a", session: timeout)
        #expect(bench.answers[request] == .joinRefused(.invalidSessionTimeout, .none))
    }

    @Test("timeouts as large or as small as numbers go do no harm", arguments: [Int64.max, .min, -1, 0])
    func extremeTimeouts(timeout: Int64) {
        var bench = GroupBench { $0.sessionTimeouts = .min ... .max }
        bench.join(fresh: "a", session: timeout, rebalance: timeout)
        bench.join(fresh: "b", requiresID: true)
        bench.advance(1000)
        bench.advance(.max)
        #expect(bench.answeredTwice.isEmpty)
    }

    @Test("an id that the group does not know is refused")
    func unknownMember() {
        var bench = GroupBench()
        let empty = bench.join("x")
        bench.makeStable("a")
        let stable = bench.join("x")
        let instance = bench.join("a", instance: "i")
        #expect(bench.answers[empty] == .joinRefused(.unknownMemberID, MemberID("x")))
        #expect(bench.answers[stable] == .joinRefused(.unknownMemberID, MemberID("x")))
        #expect(bench.answers[instance] == .joinRefused(.unknownMemberID, MemberID("a")))
    }

    @Test("a full group refuses newcomers, whatever they come with, and keeps its members through rebalances")
    func maxSize() {
        var bench = GroupBench { $0.membersMax = 2 }
        bench.join(fresh: "p", requiresID: true)
        bench.makeStable("a", "b")
        let unnamed = bench.join(fresh: "c")
        let pending = bench.join("p")
        let first = bench.join("a")
        let during = bench.join(fresh: "c")
        bench.join("b")
        for request in [unnamed, pending, during] {
            #expect(bench.answers[request] == .joinRefused(.groupMaxSizeReached, .none))
        }
        #expect(bench.joined(first)?.members.count == 2)
    }

    @Test("where the limit was lowered, those who rejoin last lose their place")
    func loweredMaxSize() {
        var bench = GroupBench()
        bench.makeStable("a", "b", "c")
        var rules = GroupRules()
        rules.membersMax = 2
        bench.group = ClassicGroup(id: "g", rules: rules, restoring: bench.records[0], at: bench.now)
        let first = bench.join("a")
        bench.join("c")
        let last = bench.join("b")
        #expect(bench.answers[last] == .joinRefused(.groupMaxSizeReached, .none))
        #expect(bench.joined(first)?.members.map(\.id) == [MemberID("a"), MemberID("c")])
    }

    @Test("a member offers a handful of protocols, not as many as a request has room for")
    func protocolsMax() {
        var bench = GroupBench { $0.protocolsMax = 2 }
        let many = bench.join(fresh: "a", protocols: ["x": [], "y": [], "z": []])
        #expect(bench.answers[many] == .joinRefused(.inconsistentGroupProtocol, .none))
        let few = bench.join(fresh: "a", protocols: ["x": [], "y": []])
        bench.advance(200)
        #expect(bench.joined(few) != nil)
    }

    @Test("what all members say together has a bound; it counts what they say now, and nothing of who has left")
    func metadataMax() {
        var bench = GroupBench { $0.metadataBytesMax = 100 }
        func saying(_ bytes: Int) -> KeyValuePairs<String, [UInt8]> { ["range": Array(repeating: 1, count: bytes)] }
        bench.join(fresh: "a", protocols: saying(40))
        bench.join(fresh: "b", protocols: saying(40))
        bench.advance(200)
        let newcomer = bench.join(fresh: "c", protocols: saying(10))
        #expect(bench.answers[newcomer] == .joinRefused(.groupMaxSizeReached, .none))
        let larger = bench.join("a", protocols: saying(60))
        #expect(bench.answers[larger] == .joinRefused(.groupMaxSizeReached, .none))
        bench.join("a", protocols: saying(10))
        bench.join("b", protocols: saying(40))
        _ = bench.leave((id: "b", instance: nil))
        let last = bench.join(fresh: "c", protocols: saying(80))
        bench.join("a", protocols: saying(10))
        #expect(bench.joined(last)?.generation == Generation(3) && bench.memberNames == ["a", "c"])
    }
}
