internal import EventLog
internal import KafkaProtocol

/// Topics that are the broker's own: clients read them and change nothing about them.
enum InternalTopics {
    static func contains(_ name: String) -> Bool { name == ConsumerOffsets.topicName }
}

extension Refusal {
    /// - Parameter advice: what to do instead.
    static func internalTopic(_ name: String, _ advice: String) -> Refusal {
        Refusal(.invalidTopicException, "'\(name)' is the broker's own: \(advice)")
    }

    static func noPartition(_ index: Int32, of topic: Topic) -> Refusal {
        Refusal(
            .unknownTopicOrPartition,
            "topic '\(topic.name)' has no partition \(index): its \(topic.partitions.count) are numbered from 0 on")
    }
}
