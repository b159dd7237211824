import TestSupport
import Testing

@testable import GroupCoordination

/// Members with names of topics, and what they had.
private func problem(
    _ members: [(instance: String?, topics: [String], had: String)], _ counts: [String: Int32]
) -> AssignmentProblem {
    let keys = Dictionary(uniqueKeysWithValues: counts.map { (ConsumerGroupBench.key($0.key), $0.value) })
    return AssignmentProblem(
        members.map { member in
            (
                instanceID: member.instance.map { InstanceID($0) },
                topics: Set(member.topics.map { ConsumerGroupBench.key($0) }).filter { keys[$0] != nil },
                previous: Set(ConsumerGroupBench.shares(member.had))
            )
        }, partitionCounts: keys)
}

private func assign(
    _ assignor: ServerAssignor, _ members: [(instance: String?, topics: [String], had: String)],
    _ counts: [String: Int32]
) -> [String] {
    assignor.assign(problem(members, counts)).map { ConsumerGroupBench.text($0) }
}

@Suite("The uniform assignor")
struct UniformAssignorTests {
    @Test("nobody has two more than another, and everyone gets of each topic where there is enough")
    func even() {
        let members = (0..<3).map { _ in (instance: nil as String?, topics: ["a", "b"], had: "") }
        #expect(assign(.uniform, members, ["a": 4, "b": 3]) == ["a0 a3 b2", "a1 b0", "a2 b1"])
    }

    @Test("a newcomer gets its share, and nothing else moves")
    func newcomer() {
        let members = [
            (instance: nil as String?, topics: ["a"], had: "a0 a2 a4"), (nil, ["a"], "a1 a3 a5"), (nil, ["a"], ""),
        ]
        #expect(assign(.uniform, members, ["a": 6]) == ["a0 a2", "a1 a3", "a4 a5"])
    }

    @Test("who has one more than others keeps it")
    func keepsExtra() {
        let members = [(instance: nil as String?, topics: ["a"], had: "a0"), (nil, ["a"], "a1 a2")]
        #expect(assign(.uniform, members, ["a": 3]) == ["a0", "a1 a2"])
    }

    @Test("what is gone, not subscribed to, or had by two is nobody's")
    func strange() {
        let members = [(instance: nil as String?, topics: ["a"], had: "a0 a9 b0 z1"), (nil, ["a"], "a0 a1")]
        #expect(assign(.uniform, members, ["a": 2, "b": 1]) == ["a0", "a1"])
        #expect(assign(.uniform, [], ["a": 2]).isEmpty)
        #expect(assign(.uniform, [(nil, [], "")], [:]) == [""])
        #expect(assign(.uniform, [(nil, ["missing"], "")], [:]) == [""])
        #expect(assign(.uniform, [(nil, ["a"], "")], ["a": 0]) == [""])
    }

    @Test("with other subscriptions who may own little else comes first")
    func heterogeneous() {
        let members = [(instance: nil as String?, topics: ["a", "b"], had: ""), (nil, ["b"], "")]
        #expect(assign(.uniform, members, ["a": 2, "b": 2]) == ["a0 a1", "b0 b1"])
    }

    @Test("with other subscriptions what is uneven is moved until no move helps")
    func rebalances() {
        let members = [(instance: nil as String?, topics: ["a", "b"], had: "a0 a1 b0 b1 b2"), (nil, ["b"], "")]
        #expect(assign(.uniform, members, ["a": 2, "b": 3]) == ["a0 a1 b0", "b1 b2"])
    }

    @Test("random groups: whole, even, and stable when asked again", arguments: 0..<200)
    func random(seed: UInt64) {
        var chance = SeededRandom(seed: seed)
        let names = ["a", "b", "c", "d"]
        var counts: [String: Int32] = [:]
        for name in names { counts[name] = Int32.random(in: 0...9, using: &chance) }
        let isHomogeneous = Bool.random(using: &chance)
        let common = names.filter { _ in Bool.random(using: &chance) }
        var members = (0..<Int.random(in: 1...8, using: &chance)).map { _ in
            let own = isHomogeneous ? common : names.filter { _ in Bool.random(using: &chance) }
            return (instance: nil as String?, topics: own, had: "")
        }
        for _ in 0..<3 {
            let problem = problem(members, counts)
            let shares = ServerAssignor.uniform.assign(problem)
            checkWhole(problem, shares)
            checkEven(problem, shares)
            for (number, share) in shares.enumerated() { members[number].had = ConsumerGroupBench.text(share) }
            #expect(assign(.uniform, members, counts) == members.map(\.had))
            counts["a", default: 0] += 1
            if members.count > 1, Bool.random(using: &chance) { members.removeLast() }
        }
    }

    private func checkWhole(_ problem: AssignmentProblem, _ shares: [Set<TopicPartition>]) {
        var seen: Set<TopicPartition> = []
        for (member, share) in zip(problem.members, shares) {
            for partition in share {
                #expect(seen.insert(partition).inserted)
                #expect(member.topics.contains { problem.topics[$0].key == partition.topic })
            }
        }
        #expect(seen.count == problem.partitionCount)
    }

    /// No partition could go to another subscriber that has two fewer.
    private func checkEven(_ problem: AssignmentProblem, _ shares: [Set<TopicPartition>]) {
        for (number, topic) in problem.topics.enumerated() {
            let subscribers = problem.members.indices.filter { problem.members[$0].topics.contains(number) }
            let least = subscribers.map { shares[$0].count }.min() ?? 0
            for member in subscribers where shares[member].contains(where: { $0.topic == topic.key }) {
                #expect(shares[member].count - least <= 1)
            }
        }
    }

    @Test("500 members and 1,000 partitions: a newcomer moves two, one that leaves moves two")
    func large() {
        var members = (0..<500).map { _ in (instance: nil as String?, topics: ["a", "b"], had: "") }
        let counts: [String: Int32] = ["a": 600, "b": 400]
        let first = ServerAssignor.uniform.assign(problem(members, counts))
        #expect(first.allSatisfy { $0.count == 2 })
        for (number, share) in first.enumerated() { members[number].had = ConsumerGroupBench.text(share) }
        members.removeLast()
        let second = ServerAssignor.uniform.assign(problem(members, counts))
        #expect(zip(first, second).allSatisfy { $0.isSubset(of: $1) } && second.allSatisfy { $0.count <= 3 })
    }
}

@Suite("The range assignor")
struct RangeAssignorTests {
    @Test("neighbours go together, the first members get more, the same of all topics that have as many")
    func ranges() {
        let members = (0..<3).map { _ in (instance: nil as String?, topics: ["a", "b"], had: "") }
        #expect(assign(.range, members, ["a": 5, "b": 5]) == ["a0 a1 b0 b1", "a2 a3 b2 b3", "a4 b4"])
        #expect(assign(.range, members, ["a": 2, "b": 0]) == ["a0", "a1", ""])
    }

    @Test("only subscribers count")
    func subscribers() {
        let members = [(instance: nil as String?, topics: ["a"], had: ""), (nil, ["a", "b"], ""), (nil, [], "")]
        #expect(assign(.range, members, ["a": 3, "b": 2]) == ["a0 a1", "a2 b0 b1", ""])
    }

    @Test("static members come first, in the order of their instances")
    func fixed() {
        let members = [
            (instance: nil as String?, topics: ["a"], had: ""), ("z", ["a"], ""), ("y", ["a"], ""),
        ]
        #expect(assign(.range, members, ["a": 3]) == ["a2", "a1", "a0"])
    }
}
