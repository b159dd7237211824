/// Some partitions of one topic: what a member owns or is to own of it.
package struct TopicShare: Hashable, Sendable {
    package let topic: TopicKey
    package let partitions: [Int32]

    package init(topic: TopicKey, partitions: [Int32]) {
        self.topic = topic
        self.partitions = partitions
    }
}

extension Set<TopicPartition> {
    init(_ shares: [TopicShare]) {
        self.init()
        for share in shares {
            for partition in share.partitions { insert(TopicPartition(topic: share.topic, partition: partition)) }
        }
    }

    /// By topic, all in order.
    var shares: [TopicShare] {
        var partitions: [TopicKey: [Int32]] = [:]
        for one in self { partitions[one.topic, default: []].append(one.partition) }
        return partitions.sorted { $0.key < $1.key }
            .map { TopicShare(topic: $0.key, partitions: $0.value.sorted()) }
    }
}
