import Foundation
import NIOCore
import TestSupport
import Testing

@testable import KafkaClient
@testable import KafkaProtocol

@Suite("How a group's partitions are divided", .timeLimit(.minutes(10)))
struct AssignorTests {
    private func member(_ id: String, _ topics: Set<String>, instance: String? = nil) -> AssignmentMember {
        AssignmentMember(id: id, instanceID: instance, topics: topics)
    }

    private func written(_ assignment: Assignment) -> [String: [String]] {
        assignment.mapValues { $0.map(\.description) }
    }

    // The examples of Kafka's own documentation of its assignors.

    @Test("range cuts each topic into pieces, the first one longer")
    func range() {
        let members = [member("c1", ["t0", "t1"]), member("c0", ["t0", "t1"])]
        let assignment = RangeAssignment.assign(members, partitionCounts: ["t0": 3, "t1": 3])
        #expect(
            written(assignment) == [
                "c0": ["t0-0", "t0-1", "t1-0", "t1-1"], "c1": ["t0-2", "t1-2"],
            ])
    }

    @Test("round robin deals partitions in turn, and passes over who does not want them")
    func roundRobin() {
        let same = [member("c0", ["t0", "t1"]), member("c1", ["t0", "t1"])]
        #expect(
            written(RoundRobinAssignment.assign(same, partitionCounts: ["t0": 3, "t1": 3])) == [
                "c0": ["t0-0", "t0-2", "t1-1"], "c1": ["t0-1", "t1-0", "t1-2"],
            ])
        let different = [member("c0", ["t0"]), member("c1", ["t0", "t1"]), member("c2", ["t0", "t1", "t2"])]
        #expect(
            written(RoundRobinAssignment.assign(different, partitionCounts: ["t0": 1, "t1": 2, "t2": 3])) == [
                "c0": ["t0-0"], "c1": ["t1-0"], "c2": ["t1-1", "t2-0", "t2-1", "t2-2"],
            ])
    }

    @Test("static members come first, by their names, whatever their member ids")
    func staticMembers() {
        let members = [
            member("a", ["t"]), member("z", ["t"], instance: "one"), member("b", ["t"], instance: "two"),
        ]
        #expect(
            written(RangeAssignment.assign(members, partitionCounts: ["t": 3])) == [
                "z": ["t-0"], "b": ["t-1"], "a": ["t-2"],
            ])
    }

    @Test("sticky members keep what they have; what is left goes to who has least")
    func sticky() {
        var members = [member("c0", ["t"]), member("c1", ["t"]), member("c2", ["t"])]
        members[0].owned = [1, 4].map { TopicPartition(topic: "t", partition: $0) }
        members[2].owned = [TopicPartition(topic: "t", partition: 0)]
        #expect(
            written(StickyAssignment.assign(members, partitionCounts: ["t": 6])) == [
                "c0": ["t-1", "t-4"], "c1": ["t-2", "t-3"], "c2": ["t-0", "t-5"],
            ])
    }

    @Test("of two that claim a partition the one of the later generation has it; of the same one, neither")
    func conflicts() {
        let partition = TopicPartition(topic: "t", partition: 0)
        var members = [member("c0", ["t"]), member("c1", ["t"])]
        members[0].owned = [partition]
        members[1].owned = [partition]
        (members[0].generation, members[1].generation) = (3, 4)
        let later = StickyAssignment.assign(members, partitionCounts: ["t": 1])
        #expect(written(later) == ["c0": [], "c1": ["t-0"]])
        #expect(StickyAssignment.withholding(later, members) == later)

        members[0].generation = 4
        let same = StickyAssignment.assign(members + [member("c2", ["t"])], partitionCounts: ["t": 1])
        #expect(same.values.reduce(0) { $0 + $1.count } == 1)
    }

    @Test("a partition that moves is given to nobody until its owner has let go of it")
    func withholding() {
        var members = [member("c0", ["t"]), member("c1", ["t"])]
        members[0].owned = (0..<4).map { TopicPartition(topic: "t", partition: $0) }
        members[0].generation = 1
        let first = GroupAssignor.cooperativeSticky.assign(members, partitionCounts: ["t": 4])
        #expect(written(first) == ["c0": ["t-0", "t-1"], "c1": []])
        members[0].owned = first["c0"] ?? []
        members[0].generation = 2
        let second = GroupAssignor.cooperativeSticky.assign(members, partitionCounts: ["t": 4])
        #expect(written(second) == ["c0": ["t-0", "t-1"], "c1": ["t-2", "t-3"]])
    }
}

// MARK: As others do it

extension AssignorTests {
    /// A line of Tests/Vectors/assignors/assignments.jsonl.
    private struct Golden: Decodable {
        struct Member: Decodable {
            var id: String
            var instance: String?
            var topics: Set<String>
        }
        var assignor: String
        var partitions: [String: Int]
        var members: [Member]
        var assignment: [String: [String: [Int]]]
    }

    @Test("range and round robin give what kafka-python's give, to every member")
    func golden() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../Vectors/assignors/assignments.jsonl").standardized
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 120)
        for line in lines {
            let group = try JSONDecoder().decode(Golden.self, from: Data(line.utf8))
            let members = group.members.map {
                AssignmentMember(id: $0.id, instanceID: $0.instance, topics: $0.topics)
            }
            let assignor = try #require(GroupAssignor(rawValue: group.assignor))
            let ours = assignor.assign(members, partitionCounts: group.partitions)
                .mapValues { Dictionary(grouping: $0, by: \.topic).mapValues { $0.map(\.partition) } }
            // They name topics of which a member gets nothing, too.
            #expect(ours == group.assignment.mapValues { $0.filter { !$0.value.isEmpty } }, "\(line)")
        }
    }
}

// MARK: On random groups

extension AssignorTests {
    private struct RandomGroup {
        var members: [AssignmentMember]
        var partitionCounts: [String: Int]

        init(_ chance: inout SeededRandom, isUniform: Bool) {
            let topics = (0..<Int.random(in: 1...6, using: &chance)).map { "topic-\($0)" }
            // Some are wanted and not there.
            partitionCounts = topics.reduce(into: [:]) { $0[$1] = Int.random(in: 0...13, using: &chance) }
            let count = Int.random(in: 1...12, using: &chance)
            members = (0..<count).map { index in
                let wanted = isUniform ? Set(topics) : Set(topics.filter { _ in Bool.random(using: &chance) })
                let instance = Int.random(in: 0..<4, using: &chance) == 0 ? "instance-\(index)" : nil
                return AssignmentMember(
                    id: "member-\(UInt32.random(in: 0...(.max), using: &chance))", instanceID: instance, topics: wanted)
            }
        }

        /// A partition is given out where somebody wants its topic.
        var wanted: Set<TopicPartition> {
            Set(
                partitionCounts.flatMap { topic, count in
                    members.contains { $0.topics.contains(topic) }
                        ? (0..<count).map { TopicPartition(topic: topic, partition: $0) } : []
                })
        }

        /// What members say they own when they join after this.
        mutating func take(_ assignment: Assignment, generation: Int32) {
            for index in members.indices {
                members[index].owned = assignment[members[index].id] ?? []
                members[index].generation = generation
            }
        }
    }

    private func checkIsComplete(_ assignment: Assignment, _ group: RandomGroup, _ seed: UInt64) {
        let given = assignment.values.flatMap { $0 }
        #expect(given.count == Set(given).count, "a partition was given twice, seed \(seed)")
        #expect(Set(given) == group.wanted, "seed \(seed)")
        #expect(Set(assignment.keys) == Set(group.members.map(\.id)), "seed \(seed)")
        for member in group.members {
            #expect(Set((assignment[member.id] ?? []).map(\.topic)).isSubset(of: member.topics), "seed \(seed)")
        }
    }

    @Test("every partition that somebody wants is given to one who wants it", arguments: [true, false])
    func complete(isUniform: Bool) {
        for seed in 0..<400 as Range<UInt64> {
            var chance = SeededRandom(seed: seed)
            let group = RandomGroup(&chance, isUniform: isUniform)
            for assignor in GroupAssignor.allCases {
                let assignment = assignor.assign(group.members, partitionCounts: group.partitionCounts)
                checkIsComplete(assignment, group, seed)
                #expect(
                    assignor.assign(group.members.shuffled(using: &chance), partitionCounts: group.partitionCounts)
                        == assignment, "the order of the members matters, seed \(seed)")
            }
        }
    }

    @Test("where all want the same, round robin and sticky give nobody two more than another")
    func even() {
        for seed in 0..<400 as Range<UInt64> {
            var chance = SeededRandom(seed: seed)
            let group = RandomGroup(&chance, isUniform: true)
            for assignor in [GroupAssignor.roundRobin, .cooperativeSticky] {
                let counts = assignor.assign(group.members, partitionCounts: group.partitionCounts).values.map(\.count)
                #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 1, "\(assignor), seed \(seed)")
            }
        }
    }

    @Test("members that come, go and want other topics: sticky stays complete and even, and comes to rest at once")
    func stickyOverTime() {
        for seed in 0..<200 as Range<UInt64> {
            var chance = SeededRandom(seed: seed)
            let isUniform = Bool.random(using: &chance)
            var group = RandomGroup(&chance, isUniform: isUniform)
            for generation in 1...8 as ClosedRange<Int32> {
                let assignment = StickyAssignment.assign(group.members, partitionCounts: group.partitionCounts)
                checkIsComplete(assignment, group, seed)
                checkIsBalanced(assignment, group, seed)
                group.take(assignment, generation: generation)
                #expect(
                    StickyAssignment.assign(group.members, partitionCounts: group.partitionCounts) == assignment,
                    "moves without a reason, seed \(seed)")
                change(&group, isUniform, &chance)
            }
        }
    }

    /// No partition could go to a member that has two fewer.
    private func checkIsBalanced(_ assignment: Assignment, _ group: RandomGroup, _ seed: UInt64) {
        for (giver, partitions) in assignment {
            for topic in Set(partitions.map(\.topic)) {
                for other in group.members where other.id != giver && other.topics.contains(topic) {
                    #expect((assignment[other.id] ?? []).count + 1 >= partitions.count, "seed \(seed)")
                }
            }
        }
    }

    private func change(_ group: inout RandomGroup, _ isUniform: Bool, _ chance: inout SeededRandom) {
        switch Int.random(in: 0..<4, using: &chance) {
        case 0 where group.members.count > 1:
            group.members.remove(at: Int.random(in: 0..<group.members.count, using: &chance))
        case 1:
            let topics = isUniform ? group.members[0].topics : group.members[0].topics.union(["topic-0"])
            group.members.append(
                AssignmentMember(id: "new-\(UInt32.random(in: 0...(.max), using: &chance))", topics: topics))
        case 2:
            for topic in group.partitionCounts.keys.sorted() {
                group.partitionCounts[topic, default: 0] += Int.random(in: 0...3, using: &chance)
            }
        default:
            // It was away for a while, and claims what others have by now.
            let index = Int.random(in: 0..<group.members.count, using: &chance)
            group.members[index].generation -= 1
            group.members[index].owned += group.members.randomElement(using: &chance)?.owned ?? []
        }
    }

    @Test("where a member joins or leaves, no more partitions move than have to")
    func fewestMoves() {
        for seed in 0..<200 as Range<UInt64> {
            var chance = SeededRandom(seed: seed)
            var group = RandomGroup(&chance, isUniform: true)
            let before = StickyAssignment.assign(group.members, partitionCounts: group.partitionCounts)
            group.take(before, generation: 1)
            let joins = Bool.random(using: &chance) || group.members.count == 1
            if joins {
                group.members.append(AssignmentMember(id: "new", topics: group.members[0].topics))
            } else {
                group.members.removeLast()
            }
            let after = StickyAssignment.assign(group.members, partitionCounts: group.partitionCounts)
            let moved = group.members.reduce(0) { $0 + Set($1.owned).subtracting(after[$1.id] ?? []).count }
            // Who joins gets its share from the others; where one leaves, the others keep all they have.
            #expect(moved == (joins ? after["new"]?.count : 0), "seed \(seed)")
        }
    }

    @Test("cooperative rounds end with the sticky assignment, and nobody is given what another still has")
    func rounds() {
        for seed in 0..<200 as Range<UInt64> {
            var chance = SeededRandom(seed: seed)
            let isUniform = Bool.random(using: &chance)
            var group = RandomGroup(&chance, isUniform: isUniform)
            for generation in 1...6 as ClosedRange<Int32> {
                var rounds = 0
                var isAtRest = false
                while !isAtRest {
                    let assignment = GroupAssignor.cooperativeSticky.assign(
                        group.members, partitionCounts: group.partitionCounts)
                    for member in group.members {
                        let others = group.members.filter { $0.id != member.id }.flatMap(\.owned)
                        let added = Set(assignment[member.id] ?? []).subtracting(member.owned)
                        #expect(added.isDisjoint(with: others), "seed \(seed)")
                    }
                    isAtRest = group.members.allSatisfy { Set($0.owned).isSubset(of: assignment[$0.id] ?? []) }
                    group.take(assignment, generation: generation * 10 + Int32(rounds))
                    rounds += 1
                }
                #expect(rounds <= 3, "seed \(seed)")
                let given = group.members.reduce(into: Assignment()) { $0[$1.id] = $1.owned }
                checkIsComplete(given, group, seed)
                checkIsBalanced(given, group, seed)
                change(&group, isUniform, &chance)
            }
        }
    }

    @Test("a group of 500 members over 1,000 partitions is assigned, and assigned again")
    func large() {
        var members = (0..<500).map { AssignmentMember(id: "member-\($0)", topics: ["t"]) }
        for assignor in GroupAssignor.allCases {
            let assignment = assignor.assign(members, partitionCounts: ["t": 1000])
            #expect(assignment.values.allSatisfy { $0.count == 2 })
            for index in members.indices { members[index].owned = assignment[members[index].id] ?? [] }
            let again = assignor.assign(Array(members.dropLast(100)), partitionCounts: ["t": 1000])
            #expect(again.values.allSatisfy { (2...3).contains($0.count) })
        }
    }
}

// MARK: What goes over the wire

extension AssignorTests {
    @Test("what a member says of itself is read as it was", arguments: GroupAssignor.allCases)
    func subscription(assignor: GroupAssignor) throws {
        let owned = [("b", 2), ("a", 1), ("b", 0)].map { TopicPartition(topic: $0, partition: $1) }
        let bytes = try assignor.subscription(topics: ["b", "a"], owned: owned, generation: 7)
        let member = AssignmentMember("m", instanceID: "i", metadata: bytes)
        #expect(member.topics == ["a", "b"] && member.generation == 7 && member.instanceID == "i")
        #expect(member.owned == (assignor.isCooperative ? owned.sorted() : []))
    }

    @Test("the generation of Kafka's clients before 3.2 is found where they write it")
    func olderSubscription() throws {
        var subscription = ConsumerProtocolSubscription()
        subscription.topics = ["t"]
        subscription.userData = ByteBuffer(integer: 9 as Int32)
        let member = AssignmentMember("m", instanceID: nil, metadata: try subscription.encoded(version: 1))
        #expect(member.generation == 9)
    }

    @Test("a member whose bytes cannot be read wants nothing, and the others are assigned")
    func unreadable() {
        let members = [
            AssignmentMember("a", instanceID: nil, metadata: ByteBuffer(bytes: [0, 1, 0xff])), member("b", ["t"]),
        ]
        for assignor in GroupAssignor.allCases {
            #expect(written(assignor.assign(members, partitionCounts: ["t": 1])) == ["a": [], "b": ["t-0"]])
        }
    }
}
