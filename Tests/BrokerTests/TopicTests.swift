import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("Creating and deleting topics", .timeLimit(.minutes(10)))
struct TopicTests {
    private func withTopicClient(_ body: (WireClient, Broker) async throws -> Void) async throws {
        try await withBroker { broker in try await body(WireClient.connect(to: broker), broker) }
    }

    @Test("a topic is created with what was asked for, in every version", arguments: 0...7)
    func create(version: Int16) async throws {
        try await withTopicClient { client, broker in
            let request = CreateTopicsRequest.creating("readings", partitions: 3, ["compression.type": "producer"])
            let result = try #require(try await client.call(request, version: version).topics.first)
            #expect(result.errorCode == .none && result.name == "readings")
            if version >= 5 {
                #expect(result.numPartitions == 3 && result.replicationFactor == 1)
                #expect(result.configs?.first { $0.name == "compression.type" }?.value == "producer")
            }
            if version >= 7 { #expect(!result.topicID.isZero) }
            let topic = try #require(broker.log.topic("readings"))
            #expect(topic.partitions.count == 3 && topic.settings.compression == .producer)
        }
    }

    @Test("validating alone creates nothing and says the same", arguments: 1...7)
    func validateOnly(version: Int16) async throws {
        try await withTopicClient { client, broker in
            var request = CreateTopicsRequest.creating("readings", partitions: 3)
            request.validateOnly = true
            #expect(try await client.call(request, version: version).topics.map(\.errorCode) == [.none])
            request.topics[0].numPartitions = 0
            #expect(try await client.call(request, version: version).topics.map(\.errorCode) == [.invalidPartitions])
            #expect(broker.log.topics.isEmpty)
            try await client.create("readings")
            request.topics[0].numPartitions = 3
            #expect(try await client.call(request, version: version).topics.map(\.errorCode) == [.topicAlreadyExists])
        }
    }

    @Test("a topic that exists is said to, and stays as it is")
    func exists() async throws {
        try await withTopicClient { client, broker in
            try await client.create("readings", partitions: 2)
            let answer = try await client.call(CreateTopicsRequest.creating("readings", partitions: 5))
            #expect(answer.topics.map(\.errorCode) == [.topicAlreadyExists])
            #expect(broker.log.topic("readings")?.partitions.count == 2)
        }
    }

    @Test("a topic that is twice in a request is refused twice, and its neighbour created")
    func duplicate() async throws {
        try await withTopicClient { client, broker in
            var request = CreateTopicsRequest.creating("twice")
            request.topics += CreateTopicsRequest.creating("once").topics + request.topics
            let codes = try await client.call(request).topics.map(\.errorCode)
            #expect(codes == [.invalidRequest, .none, .invalidRequest])
            #expect(broker.log.topics.map(\.name) == ["once"])
        }
    }

    @Test("a count of partitions that cannot be is refused", arguments: [0, -2, 10_001, Int32.max, Int32.min])
    func partitionCount(count: Int32) async throws {
        try await withTopicClient { client, broker in
            let answer = try await client.call(CreateTopicsRequest.creating("readings", partitions: count))
            #expect(answer.topics.map(\.errorCode) == [.invalidPartitions])
            #expect(broker.log.topics.isEmpty)
        }
    }

    @Test("-1 partitions and replicas are the broker's default")
    func defaults() async throws {
        try await withTopicClient { client, broker in
            var request = CreateTopicsRequest.creating("readings", partitions: -1)
            request.topics[0].replicationFactor = -1
            let created = try await client.call(request).topics
            #expect(created.map(\.numPartitions) == [4])
            #expect(broker.log.topic("readings")?.partitions.count == 4)
        }
    }

    @Test(
        "any number of replicas is taken, and answered as one; none is refused",
        arguments: [
            (1, ErrorCode.none), (3, .none), (Int16.max, .none), (0, .invalidReplicationFactor),
            (-2, .invalidReplicationFactor), (Int16.min, .invalidReplicationFactor),
        ] as [(Int16, ErrorCode)])
    func replicationFactor(factor: Int16, code: ErrorCode) async throws {
        try await withTopicClient { client, _ in
            var request = CreateTopicsRequest.creating("readings")
            request.topics[0].replicationFactor = factor
            let result = try #require(try await client.call(request).topics.first)
            #expect(result.errorCode == code && (code != .none || result.replicationFactor == 1))
        }
    }

    private static func assignment(_ partition: Int32) -> CreateTopicsRequest.ReplicaAssignment {
        CreateTopicsRequest.ReplicaAssignment {
            $0.partitionIndex = partition
            $0.brokerIDs = [1]
        }
    }

    @Test("assignments say how many partitions there are")
    func assignments() async throws {
        try await withTopicClient { client, broker in
            var request = CreateTopicsRequest.creating("readings", partitions: -1)
            request.topics[0].replicationFactor = -1
            request.topics[0].assignments = [0, 2, 1].map(Self.assignment)
            let created = try await client.call(request).topics
            #expect(created.map(\.numPartitions) == [3])
            request.topics[0].name = "gap"
            request.topics[0].assignments = [0, 2, 7].map(Self.assignment)
            let withGap = try await client.call(request).topics
            #expect(withGap.map(\.errorCode) == [.invalidReplicaAssignment])
            request.topics[0].numPartitions = 3
            let withCount = try await client.call(request).topics
            #expect(withCount.map(\.errorCode) == [.invalidRequest])
            #expect(broker.log.topics.map(\.name) == ["readings"])
        }
    }

    @Test(
        "a setting that is not served, or a value out of its range, is refused with the reason",
        arguments: [
            ("no.such.setting", "1"), ("segment.bytes", "1"), ("segment.bytes", "many"), ("compression.type", "brotli"),
            ("max.message.bytes", "-1"), ("max.message.bytes", "99999999999999999999"), ("flush.messages", "0"),
            ("message.timestamp.type", ""), ("", ""), ("delete.retention.ms", "-1"), ("message.format.version", "new"),
            ("cleanup.policy", "shrink"), ("min.insync.replicas", "2"), ("retention.ms", "-2"),
            ("retention.bytes", "-2"), ("message.format.version", "1" + String(repeating: ".0", count: 40)),
        ])
    func settings(name: String, value: String) async throws {
        try await withTopicClient { client, broker in
            let request = CreateTopicsRequest.creating("readings", [name: value])
            let result = try #require(try await client.call(request).topics.first)
            #expect(result.errorCode == .invalidConfig && result.errorMessage?.contains(name) == true)
            #expect(broker.log.topics.isEmpty)
        }
    }

    @Test(
        "an assignment to another node than the one there is, to none, or to that twice is refused, with the reason",
        arguments: [
            ([2], "there is no broker 2"), ([1, 3], "there is no broker 3"), ([], "names no broker"),
            ([1, 1], "more than once"),
        ]
            as [([Int32], String)])
    func assignedElsewhere(nodes: [Int32], reason: String) async throws {
        try await withTopicClient { client, broker in
            var request = CreateTopicsRequest.creating("readings", partitions: -1)
            request.topics[0].replicationFactor = -1
            request.topics[0].assignments = [0, 1].map(Self.assignment)
            request.topics[0].assignments[1].brokerIDs = nodes
            for validateOnly in [true, false] {
                request.validateOnly = validateOnly
                let result = try #require(try await client.call(request).topics.first)
                #expect(result.errorCode == .invalidReplicaAssignment)
                #expect(result.errorMessage?.contains(reason) == true, "\(result)")
            }
            #expect(broker.log.topics.isEmpty)
            try await client.create("other")
            let adding = CreatePartitionsRequest.adding("other", to: 3, assignments: [[1], nodes])
            let added = try #require(try await client.call(adding).results.first)
            #expect(added.errorCode == .invalidReplicaAssignment)
            #expect(added.errorMessage?.contains(reason) == true, "\(added)")
            #expect(broker.log.topic("other")?.partitions.count == 1)
        }
    }

    @Test("a setting without a value is refused")
    func nullSetting() async throws {
        try await withTopicClient { client, broker in
            var request = CreateTopicsRequest.creating("readings", ["segment.bytes": "20000"])
            request.topics[0].configs[0].value = nil
            let result = try #require(try await client.call(request).topics.first)
            #expect(result.errorCode == .invalidConfig)
            #expect(result.errorMessage?.contains("'segment.bytes' has no value") == true, "\(result)")
            #expect(broker.log.topics.isEmpty)
        }
    }

    // MARK: Adding partitions

    @Test("partitions are added, with or without assignments, in every version", arguments: 0...3)
    func addPartitions(version: Int16) async throws {
        try await withTopicClient { client, broker in
            try await client.create("readings")
            for (count, assignments) in [(2, nil), (4, [[1], [1]])] as [(Int32, [[Int32]]?)] {
                let request = CreatePartitionsRequest.adding("readings", to: count, assignments: assignments)
                let results = try await client.call(request, version: version).results
                #expect(results.map(\.errorCode) == [.none] && results.map(\.errorMessage) == [nil])
                #expect(broker.log.topic("readings")?.partitions.count == Int(count))
            }
            #expect(try await client.produce(Batch("x"), to: "readings", 3).errorCode == .none)
        }
    }

    @Test(
        "partitions that cannot be added are refused with the reason, also when it is only to be validated",
        arguments: [
            ("readings", 2, nil, ErrorCode.invalidPartitions, "can only be added"),
            ("readings", 1, nil, .invalidPartitions, "can only be added"),
            ("readings", 0, nil, .invalidPartitions, "can only be added"),
            ("readings", -1, nil, .invalidPartitions, "can only be added"),
            ("readings", 10_001, nil, .invalidPartitions, "up to 10000"),
            ("readings", .max, nil, .invalidPartitions, "up to 10000"),
            ("readings", 4, [[1]], .invalidReplicaAssignment, "one for each"),
            ("readings", 4, [], .invalidReplicaAssignment, "one for each"),
            ("none", 4, nil, .unknownTopicOrPartition, "create it first"),
        ] as [(String, Int32, [[Int32]]?, ErrorCode, String)])
    func partitionsRefused(
        topic: String, count: Int32, assignments: [[Int32]]?, code: ErrorCode, reason: String
    ) async throws {
        try await withTopicClient { client, broker in
            try await client.create("readings", partitions: 2)
            var request = CreatePartitionsRequest.adding(topic, to: count, assignments: assignments)
            for validateOnly in [true, false] {
                request.validateOnly = validateOnly
                let result = try #require(try await client.call(request).results.first)
                #expect(result.errorCode == code && result.name == topic)
                #expect(result.errorMessage?.contains(reason) == true, "\(result)")
            }
            #expect(broker.log.topic("readings")?.partitions.count == 2)
        }
    }

    @Test("validating that partitions could be added adds none")
    func validatePartitions() async throws {
        try await withTopicClient { client, broker in
            try await client.create("readings")
            var request = CreatePartitionsRequest.adding("readings", to: 3)
            request.validateOnly = true
            #expect(try await client.call(request).results.map(\.errorCode) == [.none])
            #expect(broker.log.topic("readings")?.partitions.count == 1)
        }
    }

    @Test("a topic that is twice in a request for partitions is refused twice, and its neighbour gets them")
    func repeatedPartitions() async throws {
        try await withTopicClient { client, broker in
            for name in ["once", "twice"] { try await client.create(name) }
            var request = CreatePartitionsRequest.adding("twice", to: 2)
            request.topics += CreatePartitionsRequest.adding("once", to: 2).topics + request.topics
            let results = try await client.call(request).results
            #expect(results.map(\.errorCode) == [.invalidRequest, .none, .invalidRequest])
            #expect(results[0].errorMessage?.contains("more than once") == true)
            #expect(broker.log.topic("twice")?.partitions.count == 1 && broker.log.topic("once")?.partitions.count == 2)
        }
    }

    // MARK: Deleting

    @Test("a topic that is twice in a request, named in two ways or in none, is refused with the reason, and stays")
    func deleteRefused() async throws {
        try await withTopicClient { client, broker in
            try await client.create("readings")
            try await client.create("other")
            let id = try #require(try await client.metadata(of: ["readings"]).topics.first?.topicID)
            var request = DeleteTopicsRequest()
            request.topics = [
                .init { $0.name = "readings" },
                .init { $0.name = "other" },
                .init { $0.name = "readings" },
                .init {
                    $0.name = "readings"
                    $0.topicID = id
                },
                .init { $0.name = nil },
            ]
            let results = try await client.call(request).responses
            let invalid = ErrorCode.invalidRequest
            #expect(results.map(\.errorCode) == [invalid, .none, invalid, invalid, invalid])
            let reasons = ["more than once", nil, "more than once", "not by both", "neither name nor id"]
            for (result, reason) in zip(results, reasons) {
                if let reason { #expect(result.errorMessage?.contains(reason) == true, "\(result)") }
            }
            #expect(broker.log.topics.map(\.name) == ["readings"])
        }
    }

    @Test("a topic is deleted by its name, in every version", arguments: 0...6)
    func deleteByName(version: Int16) async throws {
        try await withTopicClient { client, broker in
            try await client.create("readings", partitions: 2)
            _ = try await client.produce(Batch("x"), to: "readings")
            let request = DeleteTopicsRequest.deleting("readings")
            #expect(try await client.call(request, version: version).responses.map(\.errorCode) == [.none])
            #expect(broker.log.topics.isEmpty)
            let again = try await client.call(request, version: version).responses
            #expect(again.map(\.errorCode) == [.unknownTopicOrPartition] && again.map(\.name) == ["readings"])
            #expect(try await client.produce(Batch("x"), to: "readings").errorCode == .unknownTopicOrPartition)
            #expect(try await client.fetch("readings").errorCode == .unknownTopicOrPartition)
        }
    }

    @Test("a topic is deleted by its id")
    func deleteByID() async throws {
        try await withTopicClient { client, broker in
            let id = try #require(try await client.call(CreateTopicsRequest.creating("readings")).topics.first?.topicID)
            let request = DeleteTopicsRequest {
                $0.topics = [UUIDBytes(high: 1, low: 2), id].map { id in .init { $0.topicID = id } }
            }
            let answer = try await client.call(request).responses
            #expect(answer.map(\.errorCode) == [.unknownTopicID, .none])
            #expect(answer.map(\.name) == [nil, "readings"])
            #expect(broker.log.topics.isEmpty)
        }
    }

    @Test("a topic made anew under an old name begins at offset 0, without the old records")
    func createdAgain() async throws {
        try await withTopicClient { client, _ in
            for round in 0..<3 {
                try await client.create("readings")
                #expect(try await client.produce(Batch("\(round)"), to: "readings").baseOffset == 0)
                #expect(try await client.values(in: "readings") == ["\(round)"])
                _ = try await client.call(DeleteTopicsRequest.deleting("readings"))
            }
        }
    }

    @Test("a fetch that waits on a topic is answered when that is deleted")
    func fetchOfDeleted() async throws {
        try await withTopicClient { client, broker in
            try await client.create("readings")
            let fetch = try await client.post(FetchRequest.waiting(on: "readings"))
            let other = try await WireClient.connect(to: broker)
            _ = try await other.call(DeleteTopicsRequest.deleting("readings"))
            let answer = try await client.receive(fetch)
            #expect(answer.responses[0].partitions[0].errorCode == .unknownTopicOrPartition)
        }
    }
}

extension CreatePartitionsRequest {
    static func adding(_ topic: String, to count: Int32, assignments: [[Int32]]? = nil) -> CreatePartitionsRequest {
        CreatePartitionsRequest {
            $0.topics = [
                .init {
                    $0.name = topic
                    $0.count = count
                    $0.assignments = assignments?.map { nodes in .init { $0.brokerIDs = nodes } }
                }
            ]
        }
    }
}
