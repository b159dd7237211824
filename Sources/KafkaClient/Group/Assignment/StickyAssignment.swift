/// Kafka's `cooperative-sticky`: as even as what members want allows, and members keep what they have as far as that is
/// possible. Even means as in Kafka: no partition could go to a member that has two fewer than the one that has it.
///
/// Other members need not come to the same result: only the leader assigns. What they count on is `withholding`.
struct StickyAssignment {
    private let members: [AssignmentMember]
    private let topics: [String]
    private let partitionCounts: [String: Int]
    /// By topic: the members that want it, as indices.
    private let readers: [String: [Int]]
    /// By member: what it has.
    private var held: [[TopicPartition]]
    /// Who had it before, and nobody else may say the same.
    private let owners: [TopicPartition: Int]

    /// - Parameter partitionCounts: by topic; those that are missing have none.
    static func assign(_ members: [AssignmentMember], partitionCounts: [String: Int]) -> Assignment {
        guard !members.isEmpty else { return [:] }
        var sticky = StickyAssignment(members, partitionCounts)
        sticky.keepWhatIsOwned()
        sticky.giveOutTheRest()
        sticky.balance()
        return zip(sticky.members, sticky.held).reduce(into: [:]) { $0[$1.0.id] = $1.1.sorted() }
    }

    /// Without the partitions that somebody else still reads: he is to let go of them first, and they are given out when he
    /// joins again for it.
    static func withholding(_ assignment: Assignment, _ members: [AssignmentMember]) -> Assignment {
        var claims: [TopicPartition: Set<String>] = [:]
        for member in members {
            for partition in member.owned { claims[partition, default: []].insert(member.id) }
        }
        return assignment.reduce(into: [:]) { kept, entry in
            kept[entry.key] = entry.value.filter { partition in
                claims[partition].map { $0.contains(entry.key) } ?? true
            }
        }
    }

    private init(_ members: [AssignmentMember], _ partitionCounts: [String: Int]) {
        let members = members.sorted(by: AssignmentMember.precedes)
        self.members = members
        self.partitionCounts = partitionCounts
        let wanted = partitionCounts.keys.filter { topic in members.contains { $0.topics.contains(topic) } }
        topics = wanted.sorted { $0.precedesInJava($1) }
        readers = wanted.reduce(into: [:]) { readers, topic in
            readers[topic] = members.indices.filter { members[$0].topics.contains(topic) }
        }
        held = Array(repeating: [], count: members.count)
        owners = Self.owners(members, partitionCounts)
    }

    /// Of two that claim a partition, the one of the later generation has it; of the same one, neither: one of them has
    /// missed that it was taken away.
    private static func owners(
        _ members: [AssignmentMember], _ partitionCounts: [String: Int]
    ) -> [TopicPartition: Int] {
        var claims: [TopicPartition: (member: Int?, generation: Int32)] = [:]
        for (index, member) in members.enumerated() {
            for partition in Set(member.owned) {
                let count = partitionCounts[partition.topic] ?? 0
                guard partition.partition >= 0, partition.partition < count, member.topics.contains(partition.topic)
                else { continue }
                if let claim = claims[partition] {
                    if claim.generation > member.generation { continue }
                    if claim.generation == member.generation {
                        claims[partition] = (nil, member.generation)
                        continue
                    }
                }
                claims[partition] = (index, member.generation)
            }
        }
        return claims.compactMapValues(\.member)
    }
}

// MARK: Steps

extension StickyAssignment {
    private mutating func keepWhatIsOwned() {
        for (partition, owner) in owners.sorted(by: { $0.key < $1.key }) { held[owner].append(partition) }
    }

    /// Topics that few want first, while those few still have little.
    private mutating func giveOutTheRest() {
        let fewestReadersFirst = topics.enumerated().sorted {
            ((readers[$0.element] ?? []).count, $0.offset) < ((readers[$1.element] ?? []).count, $1.offset)
        }
        for (_, topic) in fewestReadersFirst {
            for index in 0..<(partitionCounts[topic] ?? 0) {
                let partition = TopicPartition(topic: topic, partition: index)
                if owners[partition] == nil, let least = leastLoaded(topic) { held[least].append(partition) }
            }
        }
    }

    private func leastLoaded(_ topic: String) -> Int? {
        readers[topic]?.min { (held[$0].count, $0) < (held[$1].count, $1) }
    }

    /// Moves one partition at a time, from the member that has most of those that can give.
    private mutating func balance() {
        while let (giver, receiver, topic) = nextMove() {
            // Rather one that it did not have before.
            let candidates = held[giver].indices.filter { held[giver][$0].topic == topic }
            let fresh = candidates.last { owners[held[giver][$0]] != giver }
            guard let index = fresh ?? candidates.last else { return }
            held[receiver].append(held[giver].remove(at: index))
        }
    }

    private func nextMove() -> (giver: Int, receiver: Int, topic: String)? {
        let fewest = held.lazy.map(\.count).min() ?? 0
        let mostFirst = held.indices.filter { held[$0].count >= fewest + 2 }.sorted {
            (held[$1].count, $0) < (held[$0].count, $1)
        }
        for giver in mostFirst {
            let given = Set(held[giver].map(\.topic)).compactMap { topic in leastLoaded(topic).map { ($0, topic) } }
            let best = given.min { (held[$0.0].count, $0.0, $0.1) < (held[$1.0].count, $1.0, $1.1) }
            if let (receiver, topic) = best, held[giver].count >= held[receiver].count + 2 {
                return (giver, receiver, topic)
            }
        }
        return nil
    }
}
