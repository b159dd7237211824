import KafkaClient
import RecordFormat

/// Topics of a broker that runs: of Martlet's with all that there is, of another as far as Kafka's protocol goes.
struct BrokerTopics: TopicBackend {
    let client: KafkaClient
    private var admin: Admin { client.admin }
    private var offsets: BrokerGroups { BrokerGroups(client: client) }

    func topics() async throws -> [TopicSummary] { try await admin.listTopics() }

    func describe(_ topic: String) async throws -> TopicDescription { try await admin.describeTopic(topic) }

    func settings(ofTopic topic: String) async throws -> [Setting] { try await admin.settings(ofTopic: topic) }

    func retentionTotal() async throws -> Int64? { try await limit("retention.total.bytes") }

    func minFree() async throws -> Int64? { try await limit("min.free.bytes") }

    /// A setting of the broker; nil: it has none, or it is off.
    private func limit(_ name: String) async throws -> Int64? {
        guard let broker = try await admin.describeCluster().brokers.first else { return nil }
        let setting = try await admin.settings(ofBroker: broker.id).first { $0.name == name }
        return setting?.value.flatMap { Int64($0) }.flatMap { $0 < 0 ? nil : $0 }
    }

    func directories() async throws -> [LogDirectory] { try await admin.logDirectories() }

    func positions(at offsets: [TopicPartition: Offset]) async throws -> [TopicPartition: DescribedPosition] {
        try await self.offsets.positions(at: offsets)
    }

    func firstOffsets(at time: Timestamp, in partitions: [TopicPartition]) async throws -> [TopicPartition: Offset] {
        try await offsets.firstOffsets(at: time, in: partitions)
    }

    func segments(of topic: String, partitions: [Int]) async throws -> [Int: DescribedSegments]? {
        do {
            return try await admin.segments(of: topic, partitions: partitions)
        } catch KafkaClientError.unsupportedByBroker {
            return nil
        }
    }
}
