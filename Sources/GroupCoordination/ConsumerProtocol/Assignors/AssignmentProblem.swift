/// Who is to own what: members with what they subscribe to and what they were to own before.
struct AssignmentProblem {
    struct Member {
        let instanceID: InstanceID?
        /// Numbers of topics, in order.
        let topics: [Int]
        let previous: Set<TopicPartition>
    }

    struct Topic {
        let key: TopicKey
        let partitionCount: Int32
        /// The number of its first partition, where those of all topics are numbered through.
        let base: Int
    }

    /// In the order of their ids: so the same members with the same past get the same.
    let members: [Member]
    /// Those that anyone subscribes to.
    let topics: [Topic]
    let partitionCount: Int
    private let topicNumbers: [TopicKey: Int]

    /// `subscriptions` are the members' topics, by key.
    init(
        _ members: [(instanceID: InstanceID?, topics: Set<TopicKey>, previous: Set<TopicPartition>)],
        partitionCounts: [TopicKey: Int32]
    ) {
        let keys = Set(members.flatMap(\.topics)).filter { partitionCounts[$0] != nil }.sorted()
        var base = 0
        topics = keys.map { key in
            let count = partitionCounts[key] ?? 0
            defer { base += Int(count) }
            return Topic(key: key, partitionCount: count, base: base)
        }
        partitionCount = base
        let numbers = Dictionary(uniqueKeysWithValues: keys.enumerated().map { ($1, $0) })
        topicNumbers = numbers
        self.members = members.map { member in
            Member(
                instanceID: member.instanceID, topics: member.topics.compactMap { numbers[$0] }.sorted(),
                previous: member.previous)
        }
    }

    /// Whether all subscribe to the same.
    var isHomogeneous: Bool { members.allSatisfy { $0.topics == members[0].topics } }

    /// The number of a partition, where there is such a one.
    func number(of partition: TopicPartition) -> Int? {
        guard let topic = topicNumbers[partition.topic].map({ topics[$0] }) else { return nil }
        guard partition.partition >= 0, partition.partition < topic.partitionCount else { return nil }
        return topic.base + Int(partition.partition)
    }

    /// To which topic a partition belongs: one entry a partition.
    var topicOfPartition: [Int] {
        var result: [Int] = []
        result.reserveCapacity(partitionCount)
        for (number, topic) in topics.enumerated() {
            result.append(contentsOf: repeatElement(number, count: Int(topic.partitionCount)))
        }
        return result
    }

    /// The members' partitions, by the numbers of their owners.
    func shares(owners: [Int]) -> [Set<TopicPartition>] {
        var result = [Set<TopicPartition>](repeating: [], count: members.count)
        for topic in topics {
            for partition in 0..<topic.partitionCount {
                let owner = owners[topic.base + Int(partition)]
                if owner >= 0 { result[owner].insert(TopicPartition(topic: topic.key, partition: partition)) }
            }
        }
        return result
    }
}
