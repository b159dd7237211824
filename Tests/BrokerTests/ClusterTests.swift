import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("The cluster of one node", .timeLimit(.minutes(10)))
struct ClusterTests {
    /// Topics `a` with 3, `b` with 1 and `c` with 2 partitions.
    private func withTopics(
        limits: Limits = Limits(), _ body: (WireClient, Broker) async throws -> Void
    ) async throws {
        func configure(_ configuration: inout BrokerConfiguration) { configuration.limits = limits }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            for (name, count) in [("b", 1), ("c", 2), ("a", 3)] as [(String, Int32)] {
                try await client.create(name, partitions: count)
            }
            try await body(client, broker)
        }
    }

    // MARK: DescribeCluster

    @Test("DescribeCluster names the node and the cluster as Metadata does", arguments: 0...2)
    func cluster(version: Int16) async throws {
        try await withTopics { client, broker in
            let answer = try await client.call(DescribeClusterRequest(), version: version)
            let metadata = try await client.metadata(of: [])
            #expect(answer.errorCode == .none && answer.errorMessage == nil)
            #expect(answer.clusterID == metadata.clusterID && answer.controllerID == metadata.controllerID)
            #expect(answer.brokers.map(\.brokerID) == metadata.brokers.map(\.nodeID))
            #expect(answer.brokers.map(\.port) == [Int32(broker.address.port)])
            #expect(answer.brokers.map(\.host) == ["127.0.0.1"] && answer.brokers.allSatisfy { !$0.isFenced })
            #expect(answer.clusterAuthorizedOperations == Int32.min)
        }
    }

    @Test(
        "of other endpoints than brokers' there are none",
        arguments: [
            (2, ErrorCode.mismatchedEndpointType), (0, .unsupportedEndpointType), (3, .unsupportedEndpointType),
            (-1, .unsupportedEndpointType), (127, .unsupportedEndpointType),
        ] as [(Int8, ErrorCode)])
    func endpointType(type: Int8, code: ErrorCode) async throws {
        try await withTopics { client, _ in
            let request = DescribeClusterRequest { $0.endpointType = type }
            let answer = try await client.call(request)
            #expect(answer.errorCode == code && answer.endpointType == type && answer.brokers.isEmpty)
            #expect(answer.errorMessage?.contains("ask for brokers (1)") == true)
        }
    }

    @Test("what a client may do is said when it is asked for, and is everything")
    func operations() async throws {
        // The bits of Kafka's ACL operations: read 3 to describe 8, cluster action 9, settings 10 and 11, then
        // idempotent writing.
        let ofTopic: Int32 = 0b1101_1111_1000
        let ofCluster: Int32 = 0b1_1111_1010_0000
        try await withTopics { client, _ in
            let described = try await client.call(
                DescribeClusterRequest { $0.includeClusterAuthorizedOperations = true })
            #expect(described.clusterAuthorizedOperations == ofCluster)
            var request = MetadataRequest.about(["a", "none"], autoCreates: false)
            request.includeTopicAuthorizedOperations = true
            request.includeClusterAuthorizedOperations = true
            for version in 8...13 as ClosedRange<Int16> {
                let answer = try await client.call(request, version: version)
                #expect(answer.topics.map(\.topicAuthorizedOperations) == [ofTopic, Int32.min])
                #expect(answer.clusterAuthorizedOperations == (version <= 10 ? ofCluster : Int32.min))
            }
            let unasked = try await client.metadata(of: ["a"])
            #expect(unasked.topics.map(\.topicAuthorizedOperations) == [Int32.min])
            let partitions = try await client.call(DescribeTopicPartitionsRequest())
            #expect(partitions.topics.allSatisfy { $0.topicAuthorizedOperations == ofTopic })
        }
    }

    // MARK: DescribeTopicPartitions

    @Test("topics come in order of name with all that Metadata says of them")
    func topicPartitions() async throws {
        try await withTopics { client, _ in
            let answer = try await client.call(DescribeTopicPartitionsRequest())
            let metadata = try await client.metadata(of: nil)
            #expect(answer.topics.map(\.name) == ["a", "b", "c"] && answer.nextCursor == nil)
            #expect(answer.topics.map(\.topicID) == metadata.topics.map(\.topicID))
            #expect(answer.topics.map { $0.partitions.map(\.partitionIndex) } == [[0, 1, 2], [0], [0, 1]])
            for partition in answer.topics.flatMap(\.partitions) {
                #expect(partition.leaderID == 1 && partition.replicaNodes == [1] && partition.isrNodes == [1])
                #expect(partition.eligibleLeaderReplicas == [] && partition.lastKnownELR == [])
            }
        }
    }

    @Test("pages hold so many partitions, and begin where the cursor says", arguments: 1...7)
    func pages(limit: Int32) async throws {
        try await withTopics { client, _ in
            var request = DescribeTopicPartitionsRequest { $0.responsePartitionLimit = limit }
            var seen: [String] = []
            var pages = 0
            repeat {
                let answer = try await client.call(request)
                let partitions = answer.topics.flatMap { topic in
                    topic.partitions.map { "\(topic.name ?? "")-\($0.partitionIndex)" }
                }
                #expect(partitions.count == Int(limit) || answer.nextCursor == nil)
                seen += partitions
                pages += 1
                request.cursor = answer.nextCursor
            } while request.cursor != nil
            #expect(seen == ["a-0", "a-1", "a-2", "b-0", "c-0", "c-1"])
            #expect(pages == (6 + Int(limit) - 1) / Int(limit))
        }
    }

    @Test(
        "a page holds one partition at least, and no more than the broker gives", arguments: [0, -1, Int32.min, .max])
    func pageLimit(limit: Int32) async throws {
        try await withTopics(limits: .with { $0.describedPartitions = 4 }) { client, _ in
            let answer = try await client.call(DescribeTopicPartitionsRequest { $0.responsePartitionLimit = limit })
            #expect(answer.topics.flatMap(\.partitions).count == (limit > 0 ? 4 : 1))
        }
    }

    @Test("topics that are asked for come once and in order, those that are not there with an error")
    func namedTopics() async throws {
        try await withTopics { client, _ in
            var request = DescribeTopicPartitionsRequest()
            request.topics = ["none", "c", "a", "c", "a/b"].map { name in .init { $0.name = name } }
            let answer = try await client.call(request)
            #expect(answer.topics.map(\.name) == ["a", "a/b", "c", "none"])
            let codes = answer.topics.map(\.errorCode)
            #expect(codes == [.none, .invalidTopicException, .none, .unknownTopicOrPartition])
            request.responsePartitionLimit = 3
            let first = try await client.call(request)
            #expect(first.topics.map(\.name) == ["a"] && first.nextCursor?.topicName == "a/b")
            request.cursor = first.nextCursor
            let second = try await client.call(request)
            #expect(second.topics.map(\.name) == ["a/b", "c", "none"] && second.nextCursor == nil)
        }
    }

    @Test("a cursor at a topic that is gone, or past a topic's partitions, goes on behind it")
    func cursor() async throws {
        try await withTopics { client, _ in
            let expected: [(String, Int32, [String])] = [
                ("aa", 5, ["b", "c", "c"]), ("c", 1, ["c"]), ("b", .max, ["c", "c"]), ("d", 0, []),
            ]
            for (topic, partition, names) in expected {
                let found = try await self.names(client, at: topic, partition)
                #expect(found == names)
            }
        }
    }

    /// The topics of the partitions on the page that begins there.
    private func names(_ client: WireClient, at topic: String, _ partition: Int32) async throws -> [String] {
        let request = DescribeTopicPartitionsRequest {
            $0.cursor = .init {
                $0.topicName = topic
                $0.partitionIndex = partition
            }
        }
        let answer = try await client.call(request)
        return answer.topics.flatMap { topic in topic.partitions.map { _ in topic.name ?? "" } }
    }

    @Test("a cursor below the first partition is refused for each topic", arguments: [-1, Int32.min])
    func wrongCursor(partition: Int32) async throws {
        try await withTopics { client, _ in
            let request = DescribeTopicPartitionsRequest {
                $0.topics = [.init { $0.name = "a" }, .init { $0.name = "b" }]
                $0.cursor = .init {
                    $0.topicName = "a"
                    $0.partitionIndex = partition
                }
            }
            let answer = try await client.call(request)
            #expect(answer.topics.map(\.errorCode) == [.invalidRequest, .invalidRequest])
        }
    }

    // MARK: Replicas

    @Test("no partition needs an election, and one that is not there has none", arguments: 0...2)
    func elections(version: Int16) async throws {
        let wanted: [(String, [Int32])] = [("a", [0, 2, 3, -1]), ("none", [0])]
        try await withTopics { client, _ in
            let request = ElectLeadersRequest {
                $0.topicPartitions = wanted.map { name, partitions in
                    .init {
                        $0.topic = name
                        $0.partitions = partitions
                    }
                }
            }
            let answer = try await client.call(request, version: version)
            #expect(answer.errorCode == .none && answer.replicaElectionResults.map(\.topic) == ["a", "none"])
            let results = answer.replicaElectionResults.flatMap(\.partitionResult)
            let unknown = ErrorCode.unknownTopicOrPartition
            #expect(results.map(\.errorCode) == [.electionNotNeeded, .electionNotNeeded, unknown, unknown, unknown])
            #expect(results.map(\.partitionID) == [0, 2, 3, -1, 0])
            #expect(results.allSatisfy { $0.errorMessage?.isEmpty == false })
            let all = try await client.call(ElectLeadersRequest { $0.topicPartitions = nil }, version: version)
            #expect(all.errorCode == .none && all.replicaElectionResults.isEmpty)
        }
    }

    @Test("a type of election that there is not is refused", arguments: [2, -1, Int8.max])
    func electionType(type: Int8) async throws {
        try await withTopics { client, _ in
            let request = ElectLeadersRequest {
                $0.electionType = type
                $0.topicPartitions = [
                    .init {
                        $0.topic = "a"
                        $0.partitions = [0]
                    }
                ]
            }
            let answer = try await client.call(request)
            #expect(answer.errorCode == .invalidRequest)
            let results = answer.replicaElectionResults.flatMap(\.partitionResult)
            #expect(results.map(\.errorCode) == [.invalidRequest])
            #expect(results.first?.errorMessage?.contains("0 is for the preferred leader") == true)
        }
    }

    @Test("no partition is being reassigned, of all topics or of those that are asked for")
    func reassignments() async throws {
        try await withTopics { client, _ in
            for topics in [nil, ["a", "none"]] as [[String]?] {
                let request = ListPartitionReassignmentsRequest {
                    $0.topics = topics?.map { name in
                        .init {
                            $0.name = name
                            $0.partitionIndexes = [0, 9]
                        }
                    }
                }
                let answer = try await client.call(request)
                #expect(answer.errorCode == .none && answer.errorMessage == nil && answer.topics.isEmpty)
            }
        }
    }
}
