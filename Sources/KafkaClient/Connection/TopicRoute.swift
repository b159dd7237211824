internal import KafkaProtocol
internal import NIOCore

/// Where the partitions of a topic are led, as a broker said.
struct TopicRoute: Sendable {
    let name: String
    let id: UUIDBytes
    let isInternal: Bool
    /// By partition; nil: it has no leader at the moment.
    let leaders: [Leader?]
    private let learned = NIODeadline.now()

    /// A partition's leader.
    struct Leader: Hashable, Sendable {
        /// Of the broker.
        let id: Int32
        /// Counts the partition's leaders. -1: the broker does not say.
        let epoch: Int32
    }

    var age: TimeAmount { NIODeadline.now() - learned }

    init(_ topic: MetadataResponse.Topic) {
        name = topic.name ?? ""
        id = topic.topicID
        isInternal = topic.isInternal
        // Brokers give partitions in any order; those that a broken answer leaves out have no leader.
        var leaders = [Leader?](repeating: nil, count: topic.partitions.count)
        for partition in topic.partitions {
            let index = Int(partition.partitionIndex)
            guard leaders.indices.contains(index), partition.leaderID >= 0 else { continue }
            leaders[index] = Leader(id: partition.leaderID, epoch: partition.leaderEpoch)
        }
        self.leaders = leaders
    }

    /// Throws `unknownPartition` for one that the topic does not have.
    func check(_ partition: Int) throws(KafkaClientError) {
        guard leaders.indices.contains(partition) else {
            throw .unknownPartition(topic: name, partition: partition, count: leaders.count)
        }
    }

    /// Throws where the partition has no leader, or is none.
    func leader(of partition: Int) throws(KafkaClientError) -> Leader {
        try check(partition)
        guard let leader = leaders[partition] else { throw KafkaClientError(.leaderNotAvailable, topic: name) }
        return leader
    }
}
