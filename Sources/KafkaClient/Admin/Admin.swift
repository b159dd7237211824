internal import KafkaProtocol

/// Creates, describes, changes and deletes topics. Has its own connections, those of the `KafkaClient` it belongs to.
public struct Admin: Sendable {
    private let cluster: Cluster

    init(_ cluster: Cluster) { self.cluster = cluster }
}

// MARK: Topics

extension Admin {
    /// Creates a topic.
    /// - Parameters:
    ///   - partitions: nil for the broker's default.
    ///   - replicationFactor: nil for the broker's default.
    ///   - settings: by Kafka's names.
    /// - Throws: `topicExists`, `invalidTopic`; `rejected` with the broker's reason for a setting or a count.
    @discardableResult
    public func createTopic(
        _ name: String, partitions: Int? = nil, replicationFactor: Int? = nil, settings: [String: String] = [:]
    ) async throws(KafkaClientError) -> TopicSummary {
        guard let count = Int32(exactly: partitions ?? -1), let replicas = Int16(exactly: replicationFactor ?? -1),
            count != 0, replicas != 0, count >= -1, replicas >= -1
        else { throw .invalidArgument("a topic has one partition and one replica at least") }
        var request = CreateTopicsRequest()
        request.topics = [
            CreateTopicsRequest.Topic {
                $0.name = name
                $0.numPartitions = count
                $0.replicationFactor = replicas
                $0.configs = settings.sorted { $0.key < $1.key }.map { setting in
                    CreateTopicsRequest.Config {
                        $0.name = setting.key
                        $0.value = setting.value
                    }
                }
            }
        ]
        // Before version 4 there is no asking for defaults.
        let least: Int16 = partitions == nil || replicationFactor == nil ? 4 : 0
        let response = try await cluster.controller().call(request, leastVersion: least)
        guard let result = response.topics.first else { throw .invalidResponse("CreateTopics without a result") }
        try check(result.errorCode, name, result.errorMessage)
        let route = try await cluster.route(of: name, createMissing: false, isFresh: true)
        return TopicSummary(route)
    }

    /// All topics, by name.
    public func listTopics() async throws(KafkaClientError) -> [TopicSummary] {
        let response = try await cluster.metadata(of: nil, createMissing: false)
        return response.topics.filter { $0.errorCode == .none }.map { TopicSummary(TopicRoute($0)) }
            .sorted { $0.name < $1.name }
    }

    /// A topic with its partitions, their ends, and its settings.
    /// - Throws: `unknownTopic`.
    public func describeTopic(_ name: String) async throws(KafkaClientError) -> TopicDescription {
        let response = try await cluster.metadata(of: [name], createMissing: false)
        guard let topic = response.topics.first else { throw .invalidResponse("Metadata without a topic") }
        try check(topic.errorCode, name)
        let summary = TopicSummary(TopicRoute(topic))
        let led = topic.partitions.filter { $0.leaderID >= 0 }.map { Int($0.partitionIndex) }
        let starts = try await offsets(of: name, led, at: .earliest)
        let ends = try await offsets(of: name, led, at: .latest)
        let partitions = topic.partitions.map { partition in
            let index = Int(partition.partitionIndex)
            return PartitionDescription(
                index: index, leader: partition.leaderID >= 0 ? Int(partition.leaderID) : nil,
                replicas: partition.replicaNodes.map { Int($0) }, inSyncReplicas: partition.isrNodes.map { Int($0) },
                logStart: starts[index] ?? 0, end: ends[index] ?? 0)
        }
        return TopicDescription(
            name: name, id: summary.id, isInternal: topic.isInternal,
            partitions: partitions.sorted { $0.index < $1.index }, settings: try await settings(of: name))
    }

    /// Changes settings of a topic and leaves the others as they are.
    /// - Parameter reset: names of settings that go back to their defaults.
    public func alterTopic(
        _ name: String, set: [String: String] = [:], reset: [String] = []
    ) async throws(KafkaClientError) {
        var request = IncrementalAlterConfigsRequest()
        request.resources = [
            IncrementalAlterConfigsRequest.Resource {
                $0.resourceType = .topic
                $0.resourceName = name
                $0.configs = set.sorted { $0.key < $1.key }.map { setting in
                    IncrementalAlterConfigsRequest.Config {
                        $0.name = setting.key
                        $0.configOperation = AlterConfigOperation.set.rawValue
                        $0.value = setting.value
                    }
                }
                $0.configs += reset.map { setting in
                    IncrementalAlterConfigsRequest.Config {
                        $0.name = setting
                        $0.configOperation = AlterConfigOperation.delete.rawValue
                        $0.value = nil
                    }
                }
            }
        ]
        let response = try await cluster.controller().call(request)
        guard let result = response.responses.first else {
            throw .invalidResponse("IncrementalAlterConfigs without a result")
        }
        try check(result.errorCode, name, result.errorMessage)
    }

    /// Deletes a topic with all its records.
    public func deleteTopic(_ name: String) async throws(KafkaClientError) {
        var request = DeleteTopicsRequest()
        request.topicNames = [name]
        request.topics = [DeleteTopicsRequest.Topic { $0.name = name }]
        request.timeoutMs = 30_000
        let response = try await cluster.controller().call(request)
        guard let result = response.responses.first else { throw .invalidResponse("DeleteTopics without a result") }
        try check(result.errorCode, name, result.errorMessage)
    }

    /// Adds partitions until there are `count`. Keys go to other partitions from then on.
    public func addPartitions(_ name: String, to count: Int) async throws(KafkaClientError) {
        guard let count = Int32(exactly: count), count > 0 else {
            throw .invalidArgument("a topic has one partition at least")
        }
        var request = CreatePartitionsRequest()
        request.timeoutMs = 30_000
        request.topics = [
            CreatePartitionsRequest.Topic {
                $0.name = name
                $0.count = count
                $0.assignments = nil
            }
        ]
        let response = try await cluster.controller().call(request)
        guard let result = response.results.first else { throw .invalidResponse("CreatePartitions without a result") }
        try check(result.errorCode, name, result.errorMessage)
    }

    private func settings(of topic: String) async throws(KafkaClientError) -> [TopicSetting] {
        var request = DescribeConfigsRequest()
        request.includeDocumentation = true
        request.resources = [
            DescribeConfigsRequest.Resource {
                $0.resourceType = .topic
                $0.resourceName = topic
                $0.configurationKeys = nil
            }
        ]
        let response = try await cluster.anyConnection().call(request)
        guard let result = response.results.first else { throw .invalidResponse("DescribeConfigs without a result") }
        try check(result.errorCode, topic, result.errorMessage)
        return result.configs.map { config in
            TopicSetting(
                name: config.name, value: config.value, isDefault: config.configSource != ConfigSource.topic.rawValue,
                isReadOnly: config.readOnly, isSensitive: config.isSensitive,
                documentation: config.documentation.flatMap { $0.isEmpty ? nil : $0 })
        }.sorted { $0.name < $1.name }
    }

    private func check(
        _ code: ErrorCode, _ topic: String, _ message: String? = nil
    ) throws(KafkaClientError) {
        if code != .none { throw KafkaClientError(code, topic: topic, message: message) }
    }
}

// MARK: Offsets and brokers

extension Admin {
    /// Looks up an offset in partitions of a topic, nil for all.
    /// - Throws: `unknownTopic`, `unknownPartition`.
    public func listOffsets(
        _ topic: String, partitions: [Int]? = nil, at query: OffsetQuery
    ) async throws(KafkaClientError) -> [PartitionOffset] {
        let route = try await cluster.route(of: topic, createMissing: false, isFresh: true)
        let wanted = partitions ?? Array(route.leaders.indices)
        let found = try await cluster.offsets(wanted.map { (TopicPartition(topic: topic, partition: $0), query) })
        return zip(wanted, found).map { PartitionOffset(partition: $0, offset: $1?.offset, timestamp: $1?.timestamp) }
    }

    private func offsets(
        of topic: String, _ partitions: [Int], at query: OffsetQuery
    ) async throws(KafkaClientError) -> [Int: Offset] {
        let found = try await cluster.offsets(
            partitions.map { (TopicPartition(topic: topic, partition: $0), query) })
        return zip(partitions, found).reduce(into: [:]) { offsets, pair in offsets[pair.0] = pair.1?.offset }
    }

    public func describeCluster() async throws(KafkaClientError) -> ClusterDescription {
        let response = try await cluster.metadata(of: [], createMissing: false)
        return ClusterDescription(
            id: response.clusterID, controller: response.controllerID >= 0 ? Int(response.controllerID) : nil,
            brokers: response.brokers.map {
                ClusterDescription.Node(
                    id: Int($0.nodeID), address: BrokerAddress(host: $0.host, port: Int($0.port)))
            }.sorted { $0.id < $1.id })
    }
}

extension TopicSummary {
    init(_ route: TopicRoute) {
        self.init(
            name: route.name, id: route.id.isZero ? nil : route.id.text, partitionCount: route.leaders.count,
            isInternal: route.isInternal)
    }
}

extension UUIDBytes {
    /// 8-4-4-4-12 hexadecimal digits.
    fileprivate var text: String {
        func digits(_ value: UInt64, _ count: Int) -> String {
            let text = String(value, radix: 16)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        return [
            digits(high >> 32, 8), digits(high >> 16 & 0xffff, 4), digits(high & 0xffff, 4), digits(low >> 48, 4),
            digits(low & 0xffff_ffff_ffff, 12),
        ].joined(separator: "-")
    }
}
