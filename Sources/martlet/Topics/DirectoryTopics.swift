import EventLog
import KafkaClient

/// Topics in the data directory of a broker that does not run: what it would answer.
struct DirectoryTopics: TopicBackend {
    private let log: EventLog
    /// The only broker there is, as it calls itself.
    private static let broker = 1

    init(at path: String) throws { log = try DataDirectory.open(at: path) }

    func close() throws { try log.close() }

    func topics() async throws -> [TopicSummary] {
        log.topics.map { topic in
            TopicSummary(
                name: topic.name, id: topic.id.description, partitionCount: topic.partitions.count,
                isInternal: topic.name == ConsumerOffsets.topicName)
        }
    }

    func describe(_ name: String) async throws -> TopicDescription {
        let topic = try existing(name)
        return TopicDescription(
            name: name, id: topic.id.description, isInternal: name == ConsumerOffsets.topicName,
            partitions: topic.partitions.map { partition in
                PartitionDescription(
                    index: partition.index, leader: Self.broker, replicas: [Self.broker],
                    inSyncReplicas: [Self.broker], logStart: partition.logStart, end: partition.end)
            },
            settings: Self.settings(of: topic))
    }

    func settings(ofTopic name: String) async throws -> [Setting] { Self.settings(of: try existing(name)) }

    func retentionTotal() async throws -> Int64? { try limit("retention.total.bytes") }

    func minFree() async throws -> Int64? { try limit("min.free.bytes") }

    /// What was set while a broker ran: for that one, or for all. What it was started with, the directory does not know.
    private func limit(_ name: String) throws -> Int64? {
        let stored = try log.storedSettings()
        let value = ["broker:", "brokers:"].lazy.compactMap { layer in
            stored.first { $0.name == "\(layer)\(name)" }?.value
        }.first
        return value.flatMap { Int64($0) }.flatMap { $0 < 0 ? nil : $0 }
    }

    func directories() async throws -> [LogDirectory] {
        let space = try log.space()
        var sizes: [TopicPartition: Int64] = [:]
        for topic in log.topics {
            for partition in topic.partitions {
                sizes[TopicPartition(topic: topic.name, partition: partition.index)] = Int64(partition.byteCount)
            }
        }
        return [
            LogDirectory(
                broker: Self.broker, path: log.absolutePath, totalBytes: Int64(space.total),
                usableBytes: Int64(space.usable), sizes: sizes)
        ]
    }

    func positions(at offsets: [TopicPartition: Offset]) async throws -> [TopicPartition: DescribedPosition] {
        var found: [TopicPartition: DescribedPosition] = [:]
        for (partition, offset) in offsets {
            found[partition] = try stored(partition)?.described(at: offset)
        }
        return found
    }

    func firstOffsets(at time: Timestamp, in partitions: [TopicPartition]) async throws -> [TopicPartition: Offset] {
        var found: [TopicPartition: Offset] = [:]
        for partition in partitions {
            // As a broker takes it: before 1970 there is nothing.
            let time = max(time, Timestamp(milliseconds: 0))
            found[partition] = try stored(partition)?.offset(at: time)?.offset
        }
        return found
    }

    func segments(of name: String, partitions: [Int]) async throws -> [Int: DescribedSegments]? {
        let topic = try existing(name)
        var found: [Int: DescribedSegments] = [:]
        for partition in partitions.compactMap(topic.partition) {
            found[partition.index] = DescribedSegments(
                logStart: partition.logStart, end: partition.end,
                cleanedTo: partition.cleanedTo > partition.logStart ? partition.cleanedTo : nil,
                segments: try partition.segmentSummaries().map { segment in
                    let time = segment.maxTimestamp
                    return DescribedSegments.Segment(
                        base: segment.baseOffset, next: segment.endOffset, bytes: Int64(segment.byteCount),
                        maxTimestamp: time < Timestamp(milliseconds: 0) ? nil : time)
                })
        }
        return found
    }

    private func existing(_ name: String) throws -> Topic {
        guard let topic = log.topic(name) else { throw KafkaClientError.unknownTopic(name) }
        return topic
    }

    private func stored(_ partition: TopicPartition) -> Partition? {
        log.topic(partition.topic)?.partition(partition.partition)
    }

    private static func settings(of topic: Topic) -> [Setting] {
        let settings = topic.settings
        return TopicSettings.all.map { definition in
            let value = definition.value(settings)
            let isSet = settings.overrides.contains { $0.name == definition.name }
            let inherited = settings.defaults.first { $0.name == definition.name }?.value
            return Setting(
                name: definition.name, value: value,
                defaultValue: inherited ?? definition.value(TopicSettings()),
                source: isSet ? .topic : inherited == nil ? .default : .dynamicBroker,
                type: nil, isReadOnly: false, isSensitive: false, documentation: definition.documentation)
        }
    }
}
