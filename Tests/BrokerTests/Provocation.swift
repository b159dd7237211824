import EventLog
import KafkaProtocol
import NIOCore
import Testing

/// A request that cannot be done, and what its answer must say. It comes upon a topic `readings` of two partitions,
/// where producer 7 of epoch 3 has appended one record, and a topic `a.b`.
struct Provocation: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let code: ErrorCode
    /// Parts of the message: the value that was wrong, what is allowed, what to do.
    let says: [String]
    var versions: ClosedRange<Int16>
    /// Of answers that have a message.
    let firstMessageVersion: Int16
    /// Asks in a version; with true, for the checks alone, where the API has that.
    let ask: @Sendable (WireClient, Int16, Bool) async throws -> Answer

    struct Answer: Equatable {
        var code: ErrorCode
        var message: String?
    }

    static func prepare(_ client: WireClient) async throws {
        try await client.create("readings", partitions: 2)
        try await client.create("a.b")
        let batch = try Batch([Record(value: "first")], producer: (7, 3, 0))
        #expect(try await client.produce(batch, to: "readings").errorCode == .none)
    }

    func of(versions: ClosedRange<Int16>) -> Provocation {
        var provocation = self
        provocation.versions = versions
        return provocation
    }
}

// MARK: Topics

extension Provocation {
    static func creating(
        _ what: String, _ code: ErrorCode, _ says: String...,
        change: @escaping @Sendable (inout CreateTopicsRequest) -> Void
    ) -> Provocation {
        Provocation(
            testDescription: "creating \(what)", code: code, says: says,
            versions: Wire.versions(CreateTopicsRequest.self), firstMessageVersion: 1
        ) { client, version, validatesOnly in
            var request = CreateTopicsRequest.creating("new")
            request.validateOnly = validatesOnly
            change(&request)
            let result = try #require(try await client.call(request, version: version).topics.last)
            return Answer(code: result.errorCode, message: result.errorMessage)
        }
    }

    private static func creating(named name: String, _ says: String...) -> Provocation {
        let provocation = creating("a topic '\(name.prefix(10))'", .invalidTopicException) { $0.topics[0].name = name }
        return provocation.saying(says)
    }

    private static func creating(with name: String, _ value: String?, _ says: String...) -> Provocation {
        creating("with \(name)=\(value ?? "null")", .invalidConfig) { request in
            request.topics[0].configs = [
                .init {
                    $0.name = name
                    $0.value = value
                }
            ]
        }.saying(says)
    }

    private func saying(_ says: [String]) -> Provocation {
        Provocation(
            testDescription: testDescription, code: code, says: says, versions: versions,
            firstMessageVersion: firstMessageVersion, ask: ask)
    }

    private static func assignments(
        _ partitions: [Int32], to node: Int32 = 1
    ) -> [CreateTopicsRequest.ReplicaAssignment] {
        partitions.map { partition in
            .init {
                $0.partitionIndex = partition
                $0.brokerIDs = [node]
            }
        }
    }

    static let creatingTopics: [Provocation] = [
        creating(named: "", "''", "1 to 249"),
        creating(named: "..", "'..'", "must not be"),
        creating(named: "a/b", "'a/b'", "only letters, digits, '.', '_' and '-'"),
        creating(named: String(repeating: "x", count: 250), "250 characters", "249"),
        creating(named: "a_b", "'a_b'", "'a.b'", "take another"),
        creating("one that is there", .topicAlreadyExists, "'readings'", "use it, or delete it first") {
            $0.topics[0].name = "readings"
        },
        creating("one twice", .invalidRequest, "more than once", "name it once") { $0.topics += $0.topics },
        creating("no partitions", .invalidPartitions, "0 partitions", "1 to 10000") { $0.topics[0].numPartitions = 0 },
        creating("too many partitions", .invalidPartitions, "10001 partitions", "1 to 10000") {
            $0.topics[0].numPartitions = 10_001
        },
        creating("no replicas", .invalidReplicationFactor, "factor of 0", "1 or more, or -1") {
            $0.topics[0].replicationFactor = 0
        },
        creating("partitions and assignments", .invalidRequest, "1 partitions", "factor of 1", "-1 for both") {
            $0.topics[0].assignments = assignments([0])
        },
        creating("on another node", .invalidReplicaAssignment, "no broker 7", "the only one is 1") {
            $0.topics[0].numPartitions = -1
            $0.topics[0].replicationFactor = -1
            $0.topics[0].assignments = assignments([0], to: 7)
        },
        creating("a gap in the assignments", .invalidReplicaAssignment, "2 assignments", "partition 1", "from 0 on") {
            $0.topics[0].numPartitions = -1
            $0.topics[0].replicationFactor = -1
            $0.topics[0].assignments = assignments([0, 2])
        },
        creating(with: "no.such", "1", "no.such=1", "martlet config list"),
        creating(with: "segment.bytes", "1", "segment.bytes=1", "a whole number from 1024 to 2147483647"),
        creating(with: "segment.bytes", "many", "segment.bytes=many", "a whole number from 1024 to 2147483647"),
        creating(with: "compression.type", "brotli", "compression.type=brotli", "one of producer, lz4"),
        creating(with: "message.format.version", "new", "message.format.version=new", "such as 3.0"),
        creating(with: "segment.bytes", nil, "'segment.bytes'", "give one, or leave it out"),
    ]

    static func addingPartitions(
        _ what: String, to count: Int32, _ code: ErrorCode, _ says: String...,
        change: @escaping @Sendable (inout CreatePartitionsRequest) -> Void = { _ in }
    ) -> Provocation {
        Provocation(
            testDescription: "adding partitions: \(what)", code: code, says: says,
            versions: Wire.versions(CreatePartitionsRequest.self), firstMessageVersion: 0
        ) { client, version, validatesOnly in
            var request = CreatePartitionsRequest.adding("readings", to: count)
            request.validateOnly = validatesOnly
            change(&request)
            let result = try #require(try await client.call(request, version: version).results.last)
            return Answer(code: result.errorCode, message: result.errorMessage)
        }
    }

    static let addingPartitions: [Provocation] = [
        addingPartitions("to no topic", to: 3, .unknownTopicOrPartition, "'none'", "create it first") {
            $0.topics[0].name = "none"
        },
        addingPartitions("as many as there are", to: 2, .invalidPartitions, "2 partitions", "has 2", "in all"),
        addingPartitions("fewer", to: 1, .invalidPartitions, "1 partitions", "has 2", "only be added", "10000"),
        addingPartitions("less than none", to: -1, .invalidPartitions, "-1 partitions", "has 2"),
        addingPartitions("too many", to: 10_001, .invalidPartitions, "10001 partitions", "up to 10000"),
        addingPartitions(
            "more assignments than partitions", to: 3, .invalidReplicaAssignment, "1 new partitions",
            "2 assignments", "one for each, or none"
        ) {
            $0.topics[0].assignments = [.init { $0.brokerIDs = [1] }, .init { $0.brokerIDs = [1] }]
        },
        addingPartitions("twice", to: 3, .invalidRequest, "more than once", "name it once") { $0.topics += $0.topics },
    ]

    static func deleting(
        _ what: String, _ code: ErrorCode, _ says: String..., topics: DeleteTopicsRequest.Topic...
    ) -> Provocation {
        Provocation(
            testDescription: "deleting \(what)", code: code, says: says,
            versions: Wire.versions(DeleteTopicsRequest.self), firstMessageVersion: 5
        ) { client, version, _ in
            let request = DeleteTopicsRequest {
                $0.topics = topics
                $0.topicNames = topics.compactMap(\.name)
            }
            let result = try #require(try await client.call(request, version: version).responses.last)
            return Answer(code: result.errorCode, message: result.errorMessage)
        }
    }

    private static func named(_ name: String?, _ id: UUIDBytes = UUIDBytes()) -> DeleteTopicsRequest.Topic {
        DeleteTopicsRequest.Topic {
            $0.name = name
            $0.topicID = id
        }
    }

    static let deletingTopics: [Provocation] = [
        deleting("no topic", .unknownTopicOrPartition, "'none'", "list the topics", topics: named("none")),
        deleting("one twice", .invalidRequest, "name it once", topics: named("readings"), named("readings")),
        deleting(
            "an unknown id", .unknownTopicID, "00000000-0000-0001-0000-000000000002", "list the topics",
            topics: named(nil, UUIDBytes(high: 1, low: 2))
        ).of(versions: 6...6),
        deleting("neither name nor id", .invalidRequest, "neither", "give one", topics: named(nil)).of(versions: 6...6),
        deleting(
            "both name and id", .invalidRequest, "not by both",
            topics: named("readings", UUIDBytes(high: 1, low: 2))
        ).of(versions: 6...6),
    ]
}

// MARK: Settings

extension Provocation {
    static func altering(
        _ what: String, _ code: ErrorCode, _ says: String...,
        change: @escaping @Sendable (inout IncrementalAlterConfigsRequest) -> Void
    ) -> Provocation {
        Provocation(
            testDescription: "altering \(what)", code: code, says: says,
            versions: Wire.versions(IncrementalAlterConfigsRequest.self), firstMessageVersion: 0
        ) { client, version, validatesOnly in
            var request = IncrementalAlterConfigsRequest.changing("readings", [("segment.ms", .set, "5000")])
            request.validateOnly = validatesOnly
            change(&request)
            let result = try #require(try await client.call(request, version: version).responses.last)
            return Answer(code: result.errorCode, message: result.errorMessage)
        }
    }

    static let alteringSettings: [Provocation] = [
        altering("settings of no topic", .unknownTopicOrPartition, "'none'", "create it first") {
            $0.resources[0].resourceName = "none"
            // Who misses the topic should not be told about the setting.
            $0.resources[0].configs[0].name = "no.such"
        },
        altering("settings of another broker", .invalidRequest, "no broker 'readings'", "ask for 1") {
            $0.resources[0].resourceType = .broker
        },
        altering("where a broker listens", .invalidRequest, "'listeners'", "another --listen") {
            $0.resources[0].resourceType = .broker
            $0.resources[0].resourceName = "1"
            $0.resources[0].configs[0].name = "listeners"
        },
        altering("one topic twice", .invalidRequest, "more than once", "name it once") { $0.resources += $0.resources },
        altering("one setting twice", .invalidRequest, "'segment.ms'", "name it once") {
            $0.resources[0].configs += $0.resources[0].configs
        },
        altering("a setting without a value", .invalidRequest, "'segment.ms'", "give one, or delete it") {
            $0.resources[0].configs[0].value = nil
        },
        altering("by an unknown operation", .invalidRequest, "9 is no operation", "0 sets, 1 deletes") {
            $0.resources[0].configs[0].configOperation = 9
        },
        altering("an unknown setting", .invalidConfig, "no.such=5000", "martlet config list") {
            $0.resources[0].configs[0].name = "no.such"
        },
        altering("an unknown setting back", .invalidConfig, "no.such", "martlet config list") {
            $0.resources[0].configs[0].name = "no.such"
            $0.resources[0].configs[0].configOperation = AlterConfigOperation.delete.rawValue
        },
        altering("a value out of its range", .invalidConfig, "segment.ms=0", "from 1 to \(Int64.max)") {
            $0.resources[0].configs[0].value = "0"
        },
        altering("what is no list", .invalidConfig, "segment.ms=5000", "no list: set it, or delete it") {
            $0.resources[0].configs[0].configOperation = AlterConfigOperation.append.rawValue
        },
    ]

    static func replacing(
        _ what: String, _ code: ErrorCode, _ says: String...,
        change: @escaping @Sendable (inout AlterConfigsRequest) -> Void
    ) -> Provocation {
        Provocation(
            testDescription: "replacing \(what)", code: code, says: says,
            versions: Wire.versions(AlterConfigsRequest.self), firstMessageVersion: 0
        ) { client, version, validatesOnly in
            var request = AlterConfigsRequest.replacing("readings", [("segment.ms", "5000")])
            request.validateOnly = validatesOnly
            change(&request)
            let result = try #require(try await client.call(request, version: version).responses.last)
            return Answer(code: result.errorCode, message: result.errorMessage)
        }
    }

    static let replacingSettings: [Provocation] = [
        replacing("settings of no topic", .unknownTopicOrPartition, "'none'", "create it first") {
            $0.resources[0].resourceName = "none"
            $0.resources[0].configs[0].name = "no.such"
        },
        replacing("settings of another broker", .invalidRequest, "no broker 'readings'", "ask for 1") {
            $0.resources[0].resourceType = ConfigResourceType.broker.rawValue
        },
        replacing("settings of a logger", .invalidRequest, "type 8", "topics (2) and brokers (4)") {
            $0.resources[0].resourceType = 8
        },
        replacing("one topic twice", .invalidRequest, "more than once", "name it once") {
            $0.resources += $0.resources
        },
        replacing("a setting without a value", .invalidRequest, "'segment.ms'", "give one, or delete it") {
            $0.resources[0].configs[0].value = nil
        },
        replacing("an unknown setting", .invalidConfig, "no.such=5000", "martlet config list") {
            $0.resources[0].configs[0].name = "no.such"
        },
        replacing("a value out of its range", .invalidConfig, "segment.ms=0", "from 1 to \(Int64.max)") {
            $0.resources[0].configs[0].value = "0"
        },
    ]

    static func describing(
        _ what: String, _ code: ErrorCode, _ says: String..., type: ConfigResourceType = .topic, name: String
    ) -> Provocation {
        Provocation(
            testDescription: "settings of \(what)", code: code, says: says,
            versions: Wire.versions(DescribeConfigsRequest.self), firstMessageVersion: 1
        ) { client, version, _ in
            let request = DescribeConfigsRequest.asking(type, name)
            let result = try #require(try await client.call(request, version: version).results.first)
            return Answer(code: result.errorCode, message: result.errorMessage)
        }
    }

    static let describingSettings: [Provocation] = [
        describing("no topic", .unknownTopicOrPartition, "'none'", "list the topics", name: "none"),
        describing("what cannot be a topic", .invalidTopicException, "'a/b'", "only letters", name: "a/b"),
        describing("another broker", .invalidRequest, "no broker '7'", "ask for 1", type: .broker, name: "7"),
        describing(
            "a logger", .invalidRequest, "type 8", "topics (2) and brokers (4)", type: .init(rawValue: 8), name: "1"),
    ]
}

// MARK: Coordinators

extension Provocation {
    static func findingCoordinator(_ what: String, type: Int8, _ code: ErrorCode, _ says: String...) -> Provocation {
        Provocation(
            testDescription: "the coordinator of \(what)", code: code, says: says,
            versions: Wire.versions(FindCoordinatorRequest.self), firstMessageVersion: 1
        ) { client, version, _ in
            let request = FindCoordinatorRequest {
                $0.key = "mine"
                $0.keyType = type
                $0.coordinatorKeys = ["mine"]
            }
            let answer = try await client.call(request, version: version)
            if let coordinator = answer.coordinators.first {
                return Answer(code: coordinator.errorCode, message: coordinator.errorMessage)
            }
            return Answer(code: answer.errorCode, message: answer.errorMessage)
        }
    }

    static let findingCoordinators: [Provocation] = [
        findingCoordinator(
            "a transaction", type: 1, .coordinatorNotAvailable, "not served", "leave out the transactional id"
        ).of(versions: 1...6),
        findingCoordinator("a share group", type: 2, .invalidRequest, "not served", "consumer group").of(
            versions: 1...6),
        findingCoordinator("something else", type: 7, .invalidRequest, "type 7", "0 for a group").of(versions: 1...6),
    ]
}

// MARK: Producing

extension Provocation {
    static func producing(
        _ what: String, _ code: ErrorCode, _ says: String...,
        change: @escaping @Sendable (inout ProduceRequest) throws -> Void
    ) -> Provocation {
        Provocation(
            testDescription: "producing \(what)", code: code, says: says,
            versions: ProduceRequest.firstBatchVersion...Wire.newest(ProduceRequest.self), firstMessageVersion: 8
        ) { client, version, _ in
            var request = ProduceRequest.sending(try Batch("one", "two"), to: "readings")
            try change(&request)
            let answer = try await client.call(request, version: version).responses[0].partitionResponses[0]
            #expect(answer.baseOffset == -1)
            return Answer(code: answer.errorCode, message: answer.errorMessage)
        }
    }

    static func producing(
        _ what: String, _ code: ErrorCode, _ says: String...,
        bytes: @escaping @Sendable () throws -> [UInt8]
    ) -> Provocation {
        let provocation = producing(what, code) { (request: inout ProduceRequest) in
            request.topicData[0].partitionData[0].records = ByteBuffer(bytes: try bytes())
        }
        return provocation.saying(says)
    }

    static let producing: [Provocation] = [
        // The whole.
        producing("nothing", .invalidRecord, "no records", "send a batch") {
            $0.topicData[0].partitionData[0].records = nil
        },
        producing("no bytes", .invalidRecord, "no batch", "send one") { [] },
        producing("two batches", .invalidRecord, "one batch", "leave them out") {
            try Batch("one").bytes + Batch("two").bytes
        },
        producing("a damaged batch", .corruptMessage, "the checksum is 0x", "send it again") {
            try Batch("one").damaging(60).bytes
        },
        producing("a cut batch", .corruptMessage, "there are 30", "send it again") {
            Array(try Batch("one").bytes[..<30])
        },
        producing("a short length", .corruptMessage, "length of 48", "send it again") {
            try Batch("one").setting(Int32(48), at: RecordBatchLayout.batchLength).bytes
        },
        producing("message format 1", .invalidRecord, "message format 1", "Kafka 0.11 or later") {
            try Batch("one").setting(UInt8(1), at: RecordBatchLayout.magic).bytes
        },
        producing("too much", .messageTooLarge, "over the limit of 1048588", "raise max.message.bytes") {
            try Batch(String(repeating: "x", count: 1_050_000)).bytes
        },
        // Its records.
        producing("a wrong count", .invalidRecord, "count of 4", "without a gap") {
            try Batch("one", "two").setting(Int32(4), at: RecordBatchLayout.recordCount).bytes
        },
        producing("a wrong record", .invalidRecord, "record 0", "it is cut", "message format 2") {
            try Batch(payload: [126, 0, 0, 0, 1, 2, 0x78, 0], codec: 0, recordCount: 1).bytes
        },
        producing("a cut frame", .invalidRecord, "the frame is cut", "one whole LZ4 frame") {
            let payload = try Batch(String(repeating: "x", count: 1000), compression: .lz4).payload
            return try Batch(payload: payload.dropLast(), codec: 3, recordCount: 1).bytes
        },
        producing("an unknown codec", .unsupportedCompressionType, "codec 5", "none, gzip, snappy, lz4 or zstd") {
            try Batch(payload: [1, 2, 3], codec: 5, recordCount: 1).bytes
        },
        producing("zstd before it was there", .unsupportedCompressionType) {
            try Batch(payload: [1, 2, 3], codec: 4, recordCount: 1).bytes
        }.of(versions: 3...6),
        // Marks.
        producing("a control batch", .invalidRecord, "control batches", "send records") {
            try Batch("one").setting(UInt16(1 << 5), at: RecordBatchLayout.attributes).bytes
        },
        producing("a transactional batch", .invalidTxnState, "not served", "leave out the transactional id") {
            try Batch("one").setting(UInt16(1 << 4), at: RecordBatchLayout.attributes).bytes
        },
        producing("in a transaction", .invalidTxnState, "not served", "leave out the transactional id") {
            $0.transactionalID = "mine"
        },
        producing("the time of the append", .invalidTimestamp, "message.timestamp.type=LogAppendTime") {
            try Batch("one").setting(UInt16(1 << 3), at: RecordBatchLayout.attributes).bytes
        },
        // The producer.
        producing("by other acks", .invalidRequiredAcks, "acks=2", "0, 1 or -1") { $0.acks = 2 },
        producing("without a sequence number", .invalidRecord, "producer 7", "-5", "from 0 on") {
            try Batch([Record(value: "x")], producer: (7, 3, -5)).bytes
        },
        producing("after a gap", .outOfOrderSequenceNumber, "sequence 5 where 1 was due", "send that first") {
            try Batch([Record(value: "x")], producer: (7, 3, 5)).bytes
        },
        producing("by an old epoch", .invalidProducerEpoch, "epoch 2", "epoch 3", "stop this one") {
            try Batch([Record(value: "x")], producer: (7, 2, 0)).bytes
        },
        // The place.
        producing("to no topic", .unknownTopicOrPartition, "'none'", "create it first") {
            $0.topicData[0].name = "none"
        },
        producing("to an unknown id", .unknownTopicID, "00000000-0000-0001-0000-000000000002", "list the topics") {
            $0.topicData[0].topicID = UUIDBytes(high: 1, low: 2)
        }.of(versions: 13...13),
        producing("to no partition", .unknownTopicOrPartition, "'readings' has no partition 2", "its 2 are") {
            $0.topicData[0].partitionData[0].index = 2
        },
    ]
}
