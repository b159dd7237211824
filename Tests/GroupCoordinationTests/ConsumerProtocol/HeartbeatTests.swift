import Testing

@testable import GroupCoordination

@Suite("Heartbeats")
struct HeartbeatTests {
    @Test("the first member gets all partitions at once, with its epoch and when to come again")
    func first() throws {
        let bench = ConsumerGroupBench()
        let answer = try #require(bench.told(bench.join("m")))
        #expect(answer.memberID == MemberID("m") && answer.epoch == GroupEpoch(1))
        #expect(answer.heartbeatInterval == 5000)
        #expect(bench.assigned("m") == "a0 a1 a2 a3" && bench.group.phase == .stable)
    }

    @Test("nobody is told what is not stored; one batch has all of a change")
    func storedFirst() {
        let bench = ConsumerGroupBench()
        bench.holdsStores = true
        let join = bench.join("m")
        let again = bench.heartbeat("m", 1)
        #expect(bench.answers.isEmpty && bench.batches.count == 1)
        bench.store()
        #expect(bench.told(join) != nil && bench.told(again)?.assignment == nil)
        #expect(bench.stored.epoch == GroupEpoch(1) && bench.stored.targetEpoch == GroupEpoch(1))
        #expect(bench.stored.currents[MemberID("m")]?.assigned == ConsumerGroupBench.shares("a0 a1 a2 a3"))
    }

    @Test("a heartbeat that changes nothing stores nothing, and repeats no assignment")
    func nothingNew() {
        let bench = ConsumerGroupBench()
        bench.join("m")
        let request = bench.heartbeat("m", 1)
        #expect(bench.told(request)?.assignment == nil && bench.batches.count == 1)
    }

    @Test("a partition goes to another only after its owner has said that it gave it up")
    func handOver() {
        let bench = ConsumerGroupBench()
        bench.join("m")
        let join = bench.join("n")
        #expect(bench.assignment(join) == "" && bench.epoch("n") == 2)
        #expect(bench.told(join)?.heartbeatInterval == 500, "it waits for others")
        let told = bench.heartbeat("m", 1)
        #expect(bench.assignment(told) == "a0 a1" && bench.epoch("m") == 1)
        #expect(bench.assignment(bench.heartbeat("n", 2)) == nil && bench.assigned("n") == "")
        bench.heartbeat("m", 1, owned: ConsumerGroupBench.shares("a0 a1 a2"))
        #expect(bench.epoch("m") == 1 && bench.group.phase == .reconciling, "it still owns a2")
        let done = bench.heartbeat("m", 1, owned: ConsumerGroupBench.shares("a0 a1"))
        #expect(bench.told(done)?.epoch == GroupEpoch(2))
        #expect(bench.assignment(bench.heartbeat("n", 2)) == "a2 a3" && bench.group.phase == .stable)
    }

    @Test("who waits for partitions gets what is free meanwhile")
    func partly() {
        let bench = ConsumerGroupBench()
        bench.join("l")
        bench.join("m")
        bench.settle("l", "m")
        _ = bench.leave((id: "m", instance: nil))
        let join = bench.join("n")
        #expect(bench.assignment(join)?.isEmpty == false, "what m had is free")
    }

    @Test("who does not give up its partitions within its rebalance timeout is out")
    func revocationTimeout() {
        let bench = ConsumerGroupBench()
        bench.join("m")
        bench.join("n")
        bench.heartbeat("m", 1)
        for _ in 0..<5 {
            bench.advance(5999)
            bench.heartbeat("m", 1)
            bench.heartbeat("n", 2)
        }
        #expect(bench.expired.isEmpty)
        bench.advance(5)
        #expect(bench.expired == [MemberID("m"): .rebalance])
        #expect(bench.refusal(bench.heartbeat("m", 1)) == .unknownMemberID)
        #expect(bench.assignment(bench.heartbeat("n", 2)) == "a0 a1 a2 a3")
    }

    @Test("who is silent for the session timeout is out; heartbeats keep it")
    func sessionTimeout() {
        let bench = ConsumerGroupBench()
        bench.join("m")
        bench.advance(44_999)
        bench.heartbeat("m", 1)
        bench.advance(44_999)
        #expect(bench.expired.isEmpty)
        bench.advance(1)
        #expect(bench.expired == [MemberID("m"): .session] && bench.group.phase == .empty)
        #expect(bench.timer == nil && bench.stored.members.isEmpty && bench.stored.currents.isEmpty)
        #expect(bench.group.isForgettable)
    }

    @Test("an epoch ahead, or one long past, is fenced; the one before is good with no more than was owned")
    func epochs() {
        let bench = ConsumerGroupBench()
        bench.join("m")
        bench.join("n")
        bench.settle("m", "n")
        #expect(bench.epoch("m") == 2)
        #expect(bench.refusal(bench.heartbeat("m", 3)) == .fencedMemberEpoch)
        #expect(bench.refusal(bench.heartbeat("m", 1)) == .fencedMemberEpoch, "it does not say what it owns")
        let more = bench.heartbeat("m", 1, owned: ConsumerGroupBench.shares("a0 a1 a2"))
        #expect(bench.refusal(more) == .fencedMemberEpoch)
        let lost = bench.heartbeat(
            "m", 1, timeout: 30_000, names: ["a"], owned: ConsumerGroupBench.shares("a0"))
        #expect(bench.told(lost)?.epoch == GroupEpoch(2) && bench.assignment(lost) == "a0 a1")
        #expect(bench.refusal(bench.heartbeat("x", 1)) == .unknownMemberID)
    }

    @Test("who joins again under its own id owns nothing, and goes on where it was")
    func rejoin() {
        let bench = ConsumerGroupBench()
        bench.join("m")
        bench.join("n")
        bench.heartbeat("m", 1)
        let again = bench.join("m")
        #expect(bench.told(again)?.epoch == GroupEpoch(2) && bench.assignment(again) == "a0 a1")
        #expect(bench.assignment(bench.heartbeat("n", 2)) == "a2 a3", "what it was to give up is free")
        let epoch = bench.group.epoch
        bench.join("m")
        #expect(bench.group.epoch == epoch, "nothing has changed")
    }

    @Test("one leaves, and its partitions are free at once")
    func leave() {
        let bench = ConsumerGroupBench()
        bench.join("m")
        bench.join("n")
        let left = bench.heartbeat("m", -1)
        #expect(bench.told(left)?.epoch == .leaving)
        #expect(bench.assignment(bench.heartbeat("n", 2)) == "a0 a1 a2 a3")
        #expect(bench.refusal(bench.heartbeat("m", -1)) == .unknownMemberID)
    }

    @Test("members that subscribe to something else get that, and lose the other")
    func resubscribe() {
        let bench = ConsumerGroupBench()
        bench.join("m")
        let told = bench.heartbeat("m", 1, names: ["b", "b", "missing"])
        #expect(bench.assignment(told) == "" && bench.target("m") == "b0 b1")
        let done = bench.heartbeat("m", 1, owned: [])
        #expect(bench.assignment(done) == "b0 b1" && bench.epoch("m") == 2)
        #expect(bench.group.subscribes(to: "missing") && !bench.group.subscribes(to: "a"))
    }

    @Test("members may subscribe to nothing")
    func nothing() {
        let bench = ConsumerGroupBench()
        #expect(bench.assignment(bench.join("m", names: [])) == "" && bench.group.phase == .stable)
        #expect(bench.assignment(bench.join("n", names: nil, pattern: "")) == "")
    }

    @Test("patterns match topics that are there, and those that come; not the broker's own")
    func patterns() {
        let bench = ConsumerGroupBench()
        let join = bench.join("m", names: nil, pattern: "a|c.*")
        #expect(bench.assignment(join) == "a0 a1 a2 a3" && bench.group.subscribes(to: "a"))
        let hidden = TopicsSnapshot.Topic(
            key: ConsumerGroupBench.key("ci"), partitionCount: 1, isInternal: true)
        var topics = ConsumerGroupBench.topics(["a": 4, "cd": 1]).byName
        topics["ci"] = hidden
        bench.group.topicsChanged(TopicsSnapshot(topics), at: bench.now)
        bench.carryOut()
        #expect(bench.assignment(bench.heartbeat("m", 1)) == "a0 a1 a2 a3 cd0")
        let none = bench.heartbeat("m", 2, pattern: "")
        #expect(bench.assignment(none) == "")
        let both = bench.heartbeat("m", 2, names: ["b"], pattern: "cd", owned: [])
        #expect(bench.assignment(both) == "b0 b1 cd0" || bench.target("m") == "cd0")
    }

    @Test("a bad pattern is refused, and changes nothing")
    func badPattern() {
        let bench = ConsumerGroupBench()
        bench.join("m")
        let bad = bench.heartbeat("m", 1, names: ["b"], pattern: "(")
        #expect(isBadPattern(bench.refusal(bad)))
        #expect(bench.target("m") == "a0 a1 a2 a3" && bench.group.epoch == GroupEpoch(1))
        let join = bench.join("n", names: nil, pattern: "[")
        #expect(isBadPattern(bench.refusal(join)))
        #expect(bench.group.memberCount == 1)
    }

    private func isBadPattern(_ error: GroupError?) -> Bool {
        if case .invalidRegularExpression = error { true } else { false }
    }

    @Test("topics that come, grow and go are a new epoch, others are not")
    func topics() {
        let bench = ConsumerGroupBench()
        bench.join("m", names: ["a", "c"])
        bench.setTopics(["a": 4, "b": 3])
        #expect(bench.group.epoch == GroupEpoch(1), "nobody subscribes to b")
        bench.setTopics(["a": 5, "b": 3, "c": 1])
        #expect(bench.assignment(bench.heartbeat("m", 1)) == "a0 a1 a2 a3 a4 c0" && bench.epoch("m") == 2)
        bench.setTopics(["c": 1])
        #expect(bench.assignment(bench.heartbeat("m", 2)) == "c0")
        bench.heartbeat("m", 2, owned: ConsumerGroupBench.shares("c0"))
        #expect(bench.epoch("m") == 3 && bench.group.phase == .stable)
        bench.setTopics([:])
        bench.heartbeat("m", 3)
        #expect(bench.target("m") == "")
    }

    @Test("requests that no group can make sense of are refused")
    func invalid() {
        let bench = ConsumerGroupBench()
        bench.join("m")
        let requests = [
            bench.heartbeat("", 0, timeout: 1, names: ["a"], owned: []),
            bench.heartbeat("", 1, requiresID: false),
            bench.heartbeat("", -1, requiresID: false),
            bench.heartbeat("x", 0, timeout: 1, names: ["a"]),
            bench.heartbeat("x", 0, timeout: 1, names: ["a"], owned: ConsumerGroupBench.shares("a0")),
            bench.heartbeat("x", 0, names: ["a"], owned: []),
            bench.heartbeat("x", 0, timeout: 1, owned: []),
            bench.heartbeat("x", 0, timeout: -5, names: ["a"], owned: []),
            bench.heartbeat("x", 0, instance: "", timeout: 1, names: ["a"], owned: []),
            bench.heartbeat("x", 0, rack: "", timeout: 1, names: ["a"], owned: []),
            bench.heartbeat("m", -2),
            bench.heartbeat("m", 1, names: [String(repeating: "x", count: 1 << 20)]),
            bench.heartbeat("m", -3),
        ]
        for request in requests {
            guard case .invalidRequest = bench.refusal(request) else {
                Issue.record("\(request): \(String(describing: bench.answers[request]))")
                continue
            }
        }
        let assignor = bench.heartbeat("m", 1, assignor: "magic")
        #expect(bench.refusal(assignor) == .unsupportedAssignor && bench.group.memberCount == 1)
    }

    @Test("in version 0 the coordinator names the member")
    func serverNames() {
        let bench = ConsumerGroupBench()
        let join = bench.heartbeat(
            "", 0, timeout: 1000, names: ["a"], owned: [], fresh: "given", requiresID: false)
        #expect(bench.told(join)?.memberID == MemberID("given") && bench.epoch("given") == 1)
    }

    @Test("a full group takes nobody new, but members that join again")
    func full() {
        let bench = ConsumerGroupBench { $0.membersMax = 2 }
        bench.join("m")
        bench.join("n", instance: "i")
        #expect(bench.refusal(bench.join("o")) == .groupMaxSizeReached)
        #expect(bench.told(bench.join("m")) != nil)
        bench.heartbeat("n", -2, instance: "i")
        #expect(bench.told(bench.join("n2", instance: "i")) != nil)
    }

    @Test("most members' assignor decides, of equals the default")
    func assignors() {
        let bench = ConsumerGroupBench()
        bench.join("m", assignor: "range")
        #expect(bench.group.preferredAssignor == .range)
        bench.join("n", assignor: "uniform")
        #expect(bench.group.preferredAssignor == .uniform)
        bench.join("o")
        let epoch = bench.group.epoch
        bench.heartbeat("o", 3, assignor: "range")
        #expect(bench.group.preferredAssignor == .range && bench.group.epoch == epoch.next)
        bench.heartbeat("o", 4, assignor: "range")
        #expect(bench.group.epoch == epoch.next)
    }

    @Test("members commit and fetch in their epoch alone; others where the group has no members")
    func commits() throws {
        let bench = ConsumerGroupBench()
        #expect(bench.commit("", -1) == nil)
        bench.join("m")
        bench.join("n")
        bench.settle("m", "n")
        #expect(bench.commit("m", 2) == nil && bench.commit("m", 1) == .staleMemberEpoch)
        #expect(bench.commit("m", 3) == .staleMemberEpoch && bench.commit("x", 1) == .unknownMemberID)
        #expect(bench.commit("", -1) == .unknownMemberID && bench.commit("m", -1) == .staleMemberEpoch)
        try bench.group.checkFetch(by: nil, epoch: .leaving)
        try bench.group.checkFetch(by: MemberID("m"), epoch: GroupEpoch(2))
        #expect(throws: GroupError.staleMemberEpoch) {
            try bench.group.checkFetch(by: MemberID("m"), epoch: GroupEpoch(1))
        }
        #expect(throws: GroupError.unknownMemberID) {
            try bench.group.checkFetch(by: MemberID("x"), epoch: GroupEpoch(1))
        }
    }
}
