internal import KafkaProtocol
internal import NIOCore

/// How the partitions of a group's topics are divided among its members. All members of a group need one in common, be
/// they of this client or of others.
public enum GroupAssignor: String, CaseIterable, Sendable {
    /// Each topic's partitions in a row, a piece for each member.
    case range
    /// All partitions dealt in turn.
    case roundRobin = "roundrobin"
    /// As even as possible with as few moves as possible. What stays with a member is read on while the group rebalances.
    case cooperativeSticky = "cooperative-sticky"

    /// Kafka's name of it.
    public var name: String { rawValue }

    /// Whether its members keep what they have while the group rebalances. A consumer does so where all assignors it
    /// names are.
    var isCooperative: Bool {
        switch self {
        case .range, .roundRobin: false
        case .cooperativeSticky: true
        }
    }

    /// - Parameter partitionCounts: by topic; those that are missing have none.
    func assign(_ members: [AssignmentMember], partitionCounts: [String: Int]) -> Assignment {
        switch self {
        case .range: RangeAssignment.assign(members, partitionCounts: partitionCounts)
        case .roundRobin: RoundRobinAssignment.assign(members, partitionCounts: partitionCounts)
        case .cooperativeSticky:
            StickyAssignment.withholding(
                StickyAssignment.assign(members, partitionCounts: partitionCounts), members)
        }
    }
}

// MARK: What goes over the wire

extension GroupAssignor {
    /// What a member tells the others of itself.
    func subscription(
        topics: [String], owned: [TopicPartition], generation: Int32
    ) throws(ProtocolError) -> ByteBuffer {
        var subscription = ConsumerProtocolSubscription()
        subscription.topics = topics.sorted { $0.precedesInJava($1) }
        subscription.generationID = generation
        if isCooperative {
            subscription.ownedPartitions = .init(owned)
            // Where Kafka's clients before 3.2 look for it.
            subscription.userData = ByteBuffer(integer: generation)
        }
        return try subscription.encoded()
    }
}

extension AssignmentMember {
    /// Reads what a member has told. What cannot be read is a member that wants nothing.
    init(_ id: String, instanceID: String?, metadata: ByteBuffer) {
        self.id = id
        self.instanceID = instanceID
        guard let subscription = try? ConsumerProtocolSubscription(reading: metadata) else {
            topics = []
            return
        }
        topics = Set(subscription.topics)
        owned = subscription.ownedPartitions.topicPartitions
        generation = subscription.generationID
        // Kafka's clients before 3.2 write the generation, and it alone, as the assignor's own data.
        if generation < 0, let data = subscription.userData, data.readableBytes == MemoryLayout<Int32>.size {
            generation = data.getInteger(at: data.readerIndex) ?? -1
        }
    }
}

extension [ConsumerProtocolTopicPartitions] {
    init(_ partitions: [TopicPartition]) {
        let byTopic = Dictionary(grouping: partitions, by: \.topic)
        self = byTopic.sorted { $0.key < $1.key }.map { topic, partitions in
            ConsumerProtocolTopicPartitions {
                $0.topic = topic
                $0.partitions = partitions.map { Int32(clamping: $0.partition) }.sorted()
            }
        }
    }

    var topicPartitions: [TopicPartition] {
        flatMap { topic in topic.partitions.map { TopicPartition(topic: topic.topic, partition: Int($0)) } }
    }
}
