internal import KafkaProtocol

/// Creates, describes, changes and deletes topics, reads settings, and finds offsets. Has its own connections, those of the
/// `KafkaClient` it belongs to.
///
/// Where a leader or the controller moves, a call is tried again for up to `KafkaClientOptions.requestTimeout`; one that
/// changes something only if it certainly has not yet. A call ends with `cancelled` as soon as its task is, with `closed`
/// when the client is; what it had asked for may be done by the brokers all the same.
public struct Admin: Sendable {
    let cluster: Cluster

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
        try await change { () async throws(KafkaClientError) in
            let response = try await cluster.controller().call(request, leastVersion: least)
            guard let result = response.topics.first else { throw .invalidResponse("CreateTopics without a result") }
            try check(result.errorCode, name, result.errorMessage)
        }
        return TopicSummary(try await newRoute(of: name))
    }

    /// Of a topic that was created just now, which a broker may not have heard of yet.
    private func newRoute(of name: String) async throws(KafkaClientError) -> TopicRoute {
        let backoff = Backoff(first: .milliseconds(50))
        for failures in 1...10 {
            do throws(KafkaClientError) {
                return try await cluster.route(of: name, createMissing: false, isFresh: true)
            } catch {
                guard case .unknownTopic = error else { throw error }
            }
            try await cluster.pause(backoff.pause(afterFailures: failures))
        }
        throw .unknownTopic(name)
    }

    /// All topics, by name.
    public func listTopics() async throws(KafkaClientError) -> [TopicSummary] {
        let response = try await cluster.retrying { () async throws(KafkaClientError) in
            try await cluster.metadata(of: nil, createMissing: false)
        }
        return response.topics.filter { $0.errorCode == .none }.map { TopicSummary(TopicRoute($0)) }
            .sorted { $0.name < $1.name }
    }

    /// A topic with its partitions, their ends, and its settings.
    /// - Throws: `unknownTopic`.
    public func describeTopic(_ name: String) async throws(KafkaClientError) -> TopicDescription {
        var description = try await describePartitions(of: name)
        description.settings = try await settings(ofTopic: name)
        return description
    }

    /// The same without its settings, which not every broker tells, nor to everybody.
    package func describePartitions(of name: String) async throws(KafkaClientError) -> TopicDescription {
        let topic = try await cluster.retrying { () async throws(KafkaClientError) in
            let response = try await cluster.metadata(of: [name], createMissing: false)
            guard let topic = response.topics.first else { throw .invalidResponse("Metadata without a topic") }
            try check(topic.errorCode, name)
            return topic
        }
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
            partitions: partitions.sorted { $0.index < $1.index }, settings: [])
    }

    /// Changes settings of a topic and leaves the others as they are.
    /// - Parameters:
    ///   - reset: names of settings that go back to their defaults.
    ///   - validateOnly: only looks whether it could be done.
    /// - Throws: `unknownTopic`; `rejected` with the broker's reason.
    public func alterTopic(
        _ name: String, set: [String: String] = [:], reset: [String] = [], validateOnly: Bool = false
    ) async throws(KafkaClientError) {
        try await alter(.topic, name, set: set, reset: reset, validateOnly: validateOnly) {
            () async throws(KafkaClientError) in
            try await cluster.controller()
        }
    }

    /// Changes settings of a broker and leaves the others as they are.
    /// - Parameter id: nil: of all brokers that do not set them themselves.
    /// - Parameter reset: names of settings that go back to what they are otherwise.
    /// - Parameter validateOnly: nothing is changed; throws where it could not be.
    public func alterBroker(
        _ id: Int?, set: [String: String] = [:], reset: [String] = [], validateOnly: Bool = false
    ) async throws(KafkaClientError) {
        guard let node = id.map({ Int32(exactly: $0) }) ?? 0 else {
            throw .invalidArgument("\(id ?? 0) is no broker's id")
        }
        let name = id.map { "\($0)" } ?? ""
        try await alter(.broker, name, set: set, reset: reset, validateOnly: validateOnly) {
            () async throws(KafkaClientError) in
            guard id != nil else { return try await cluster.controller() }
            if await cluster.nodes[node] == nil { _ = try await cluster.metadata(of: [], createMissing: false) }
            return try await cluster.connection(to: node)
        }
    }

    private func alter(
        _ type: ConfigResourceType, _ name: String, set: [String: String], reset: [String], validateOnly: Bool,
        at connection: () async throws(KafkaClientError) -> BrokerConnection
    ) async throws(KafkaClientError) {
        var request = IncrementalAlterConfigsRequest()
        request.validateOnly = validateOnly
        request.resources = [
            IncrementalAlterConfigsRequest.Resource {
                $0.resourceType = type
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
        try await change { () async throws(KafkaClientError) in
            let response = try await connection().call(request)
            guard let result = response.responses.first else {
                throw .invalidResponse("IncrementalAlterConfigs without a result")
            }
            try check(result.errorCode, name, result.errorMessage)
        }
    }

    /// Deletes a topic with all its records.
    public func deleteTopic(_ name: String) async throws(KafkaClientError) {
        var request = DeleteTopicsRequest()
        request.topicNames = [name]
        request.topics = [DeleteTopicsRequest.Topic { $0.name = name }]
        request.timeoutMs = 30_000
        try await change { () async throws(KafkaClientError) in
            let response = try await cluster.controller().call(request)
            guard let result = response.responses.first else { throw .invalidResponse("DeleteTopics without a result") }
            try check(result.errorCode, name, result.errorMessage)
        }
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
        try await change { () async throws(KafkaClientError) in
            let response = try await cluster.controller().call(request)
            guard let result = response.results.first else {
                throw .invalidResponse("CreatePartitions without a result")
            }
            try check(result.errorCode, name, result.errorMessage)
        }
    }

    private func change(_ body: () async throws(KafkaClientError) -> Void) async throws(KafkaClientError) {
        try await cluster.retrying(.onlyIfUndone, body)
    }

    private func check(
        _ code: ErrorCode, _ topic: String, _ message: String? = nil
    ) throws(KafkaClientError) {
        if code != .none { throw KafkaClientError(code, topic: topic, message: message) }
    }
}

// MARK: Settings

extension Admin {
    /// A topic's settings, by name.
    /// - Throws: `unknownTopic`.
    public func settings(ofTopic name: String) async throws(KafkaClientError) -> [Setting] {
        try await cluster.retrying { () async throws(KafkaClientError) in
            try await settings(.topic, name, at: cluster.anyConnection())
        }
    }

    /// A broker's settings, by name. The broker itself is asked.
    /// - Throws: `rejected` where there is none with this id.
    public func settings(ofBroker id: Int) async throws(KafkaClientError) -> [Setting] {
        guard let node = Int32(exactly: id) else { throw .invalidArgument("\(id) is no broker's id") }
        return try await cluster.retrying { () async throws(KafkaClientError) in
            if await cluster.nodes[node] == nil { _ = try await cluster.metadata(of: [], createMissing: false) }
            return try await settings(.broker, "\(id)", at: cluster.connection(to: node))
        }
    }

    private func settings(
        _ type: ConfigResourceType, _ name: String, at connection: BrokerConnection
    ) async throws(KafkaClientError) -> [Setting] {
        var request = DescribeConfigsRequest()
        request.includeSynonyms = true
        request.includeDocumentation = true
        request.resources = [
            DescribeConfigsRequest.Resource {
                $0.resourceType = type
                $0.resourceName = name
                $0.configurationKeys = nil
            }
        ]
        let response = try await connection.call(request)
        guard let result = response.results.first else { throw .invalidResponse("DescribeConfigs without a result") }
        try check(result.errorCode, name, result.errorMessage)
        return result.configs.map { Setting($0, of: type) }.sorted { $0.name < $1.name }
    }
}

// MARK: Offsets and brokers

extension Admin {
    /// Looks up an offset in partitions of a topic, nil for all: the earliest, the latest, by time, or that of the newest
    /// time, which brokers before Kafka 3.0 do not know (`unsupportedByBroker`).
    /// - Throws: `unknownTopic`, `unknownPartition`.
    public func listOffsets(
        _ topic: String, partitions: [Int]? = nil, at query: OffsetQuery
    ) async throws(KafkaClientError) -> [PartitionOffset] {
        let route = try await cluster.retrying { () async throws(KafkaClientError) in
            try await cluster.route(of: topic, createMissing: false, isFresh: true)
        }
        let wanted = partitions ?? Array(route.leaders.indices)
        let found = try await cluster.offsets(wanted.map { (TopicPartition(topic: topic, partition: $0), query) })
        return zip(wanted, found).map { PartitionOffset(partition: $0, offset: $1?.offset, timestamp: $1?.timestamp) }
    }

    /// Deletes the records of partitions that are before an offset; nil: all that consumers see now. What is deleted is gone
    /// for all readers.
    /// - Parameter before: by partition; the first offset that stays.
    /// - Returns: by partition, the first offset that is left.
    /// - Throws: `unknownTopic`, `unknownPartition`; `offsetOutOfRange` for an offset past the end. Partitions of other
    ///   leaders than the one that refused may have been done.
    @discardableResult
    public func deleteRecords(
        of topic: String, before: [Int: Offset?]
    ) async throws(KafkaClientError) -> [Int: Offset] {
        guard before.values.allSatisfy({ ($0?.value ?? 0) >= 0 }) else {
            throw .invalidArgument("records are deleted before an offset of 0 or more")
        }
        guard !before.isEmpty else { return [:] }
        // Doing it twice deletes no more than doing it once, but where it is up to the end.
        return try await cluster.retrying { () async throws(KafkaClientError) in
            let route = try await cluster.route(of: topic, createMissing: false, isFresh: true)
            var byLeader: [Int32: [Int]] = [:]
            for partition in before.keys.sorted() {
                byLeader[try route.leader(of: partition).id, default: []].append(partition)
            }
            var starts: [Int: Offset] = [:]
            for (leader, partitions) in byLeader.sorted(by: { $0.key < $1.key }) {
                let deletions = partitions.map { (partition: $0, before: before[$0] ?? nil) }
                for (partition, start) in try await deleteRecords(of: topic, deletions, at: leader) {
                    starts[partition] = start
                }
            }
            return starts
        }
    }

    private func deleteRecords(
        of topic: String, _ deletions: [(partition: Int, before: Offset?)], at leader: Int32
    ) async throws(KafkaClientError) -> [(partition: Int, start: Offset)] {
        var request = DeleteRecordsRequest()
        request.timeoutMs = Int32(clamping: cluster.options.requestTimeout.milliseconds)
        request.topics = [
            DeleteRecordsRequest.Topic {
                $0.name = topic
                $0.partitions = deletions.map { deletion in
                    DeleteRecordsRequest.Partition {
                        $0.partitionIndex = Int32(clamping: deletion.partition)
                        $0.offset = deletion.before?.value ?? DeleteRecordsRequest.highWatermark
                    }
                }
            }
        ]
        let response = try await cluster.connection(to: leader).call(request)
        let results = response.topics.flatMap(\.partitions)
        var starts: [(partition: Int, start: Offset)] = []
        for (partition, before) in deletions {
            guard let result = results.first(where: { Int($0.partitionIndex) == partition }) else {
                throw .invalidResponse("DeleteRecords without \(topic)-\(partition)")
            }
            if result.errorCode == .offsetOutOfRange {
                throw .offsetOutOfRange(topic: topic, partition: partition, offset: before ?? -1)
            }
            try check(result.errorCode, topic)
            starts.append((partition, Offset(result.lowWatermark)))
        }
        return starts
    }

    private func offsets(
        of topic: String, _ partitions: [Int], at query: OffsetQuery
    ) async throws(KafkaClientError) -> [Int: Offset] {
        let found = try await cluster.offsets(
            partitions.map { (TopicPartition(topic: topic, partition: $0), query) })
        return zip(partitions, found).reduce(into: [:]) { offsets, pair in offsets[pair.0] = pair.1?.offset }
    }

    /// The cluster's id, its brokers, and which of them is the controller.
    public func describeCluster() async throws(KafkaClientError) -> ClusterDescription {
        let response = try await cluster.retrying { () async throws(KafkaClientError) in
            try await cluster.metadata(of: [], createMissing: false)
        }
        return ClusterDescription(
            id: response.clusterID, controller: response.controllerID >= 0 ? Int(response.controllerID) : nil,
            brokers: response.brokers.map {
                ClusterDescription.Node(
                    id: Int($0.nodeID), address: BrokerAddress(host: $0.host, port: Int($0.port)), rack: $0.rack)
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
