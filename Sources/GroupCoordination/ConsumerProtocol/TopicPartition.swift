/// One partition of one topic.
struct TopicPartition: Hashable, Comparable, Sendable {
    let topic: TopicKey
    let partition: Int32

    static func < (a: TopicPartition, b: TopicPartition) -> Bool {
        (a.topic, a.partition) < (b.topic, b.partition)
    }
}
