import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import Storage
import TestSupport
import Testing

/// Every error that a client can cause: the code in all versions, the message in those that have one, and that nothing
/// is done. Codes of answers without a message are provoked where the API is tested: `FetchTests`, `FetchSessionTests`,
/// `OffsetTests`, `MetadataTests`, `IdempotenceTests`.
@Suite("Errors and their messages", .timeLimit(.minutes(10)))
struct ErrorCodeTests {
    static let administration =
        Provocation.creatingTopics + Provocation.addingPartitions + Provocation.deletingTopics
        + Provocation.alteringSettings + Provocation.replacingSettings + Provocation.describingSettings
        + Provocation.findingCoordinators

    @Test(
        "what cannot be done gets its code in every version, and a message that says why and what to do",
        arguments: administration + Provocation.producing)
    func provoked(provocation: Provocation) async throws {
        try await withSurvivor { broker in
            try await Provocation.prepare(broker.client)
            let before = Contents(of: broker.broker.log)
            for version in provocation.versions {
                let answer = try await provocation.ask(broker.client, version, false)
                #expect(answer.code == provocation.code, "version \(version): \(answer)")
                guard version >= provocation.firstMessageVersion else { continue }
                let message = try #require(answer.message)
                for part in provocation.says { #expect(message.contains(part), "\(message)") }
            }
            #expect(Contents(of: broker.broker.log) == before)
        }
    }

    /// What there is of topics, and how much in them.
    private struct Contents: Equatable {
        var topics: [String: [Offset]] = [:]
        var settings: [String: TopicSettings] = [:]

        init(of log: EventLog) {
            for topic in log.topics {
                topics[topic.name] = topic.partitions.map(\.end)
                settings[topic.name] = topic.settings
            }
        }
    }

    // MARK: Single records

    /// Records of 8 bytes: length 7, attributes, timestamp, offset, no key, value "x", no headers.
    private static func record(offset: UInt8, valueLength: UInt8 = 2) -> [UInt8] {
        [14, 0, 0, offset, 1, valueLength, 0x78, 0]
    }

    @Test(
        "the record that is at fault is named, by its place in the batch and with the reason, from version 8",
        arguments: [
            (1, [record(offset: 0), record(offset: 8), record(offset: 4)], "its offset does not follow"),
            (2, [record(offset: 0), record(offset: 2), record(offset: 4, valueLength: 90)], "does not fit"),
            (0, [record(offset: 0, valueLength: 90), record(offset: 2), record(offset: 4)], "does not fit"),
        ] as [(Int32, [[UInt8]], String)])
    func faultyRecord(index: Int32, records: [[UInt8]], reason: String) async throws {
        try await withSurvivor { broker in
            let batch = try Batch(payload: Array(records.joined()), codec: 0, recordCount: 3)
            for version in Wire.versions(ProduceRequest.self) where version >= ProduceRequest.firstBatchVersion {
                guard version < ProduceRequest.firstTopicIDVersion else { continue }
                let answer = try await broker.client.produce(batch, to: "kept", version: version)
                #expect(answer.errorCode == .invalidRecord)
                #expect(answer.recordErrors.map(\.batchIndex) == (version >= 8 ? [index] : []))
                guard version >= 8 else { continue }
                #expect(answer.recordErrors.first?.batchIndexErrorMessage?.contains(reason) == true, "\(answer)")
                #expect(answer.errorMessage?.contains("record \(index)") == true, "\(answer)")
            }
        }
    }

    @Test("where the batch is wrong as a whole no record is named")
    func faultyBatch() async throws {
        try await withSurvivor { broker in
            let good = try Batch("one", "two")
            let wrong = [
                try Batch(payload: good.payload + [0], codec: 0, recordCount: 2),
                good.setting(Int32(4), at: RecordBatchLayout.recordCount),
                good.setting(UInt16(1 << 5), at: RecordBatchLayout.attributes),
            ]
            for batch in wrong {
                let answer = try await broker.client.produce(batch, to: "kept")
                #expect(answer.errorCode == .invalidRecord && answer.recordErrors.isEmpty, "\(answer)")
            }
        }
    }

    // MARK: Messages

    @Test("a name that is one endless character is refused, with a message that fits and ends in what to do")
    func endlessCharacter() async throws {
        // An e with accents upon accents: to Swift one character, of as many bytes as a string may have.
        let name = "e" + String(repeating: "\u{301}", count: 16_383)
        try #require(name.count == 1 && name.utf8.count == Int(Int16.max))
        try await withSurvivor { broker in
            try await Provocation.prepare(broker.client)
            let provocations: [Provocation] = [
                .creating("it", .invalidTopicException, "the limit of 249") { $0.topics[0].name = name },
                .creating("with it", .invalidConfig, "martlet config list") {
                    $0.topics[0].configs = CreateTopicsRequest.creating("new", [name: name]).topics[0].configs
                },
                .addingPartitions("to it", to: 3, .unknownTopicOrPartition, "create it first") {
                    $0.topics[0].name = name
                },
                .deleting("it", .unknownTopicOrPartition, "create it first", topics: .init { $0.name = name }),
                .altering("it", .unknownTopicOrPartition, "create it first") { $0.resources[0].resourceName = name },
                .altering("its setting", .invalidConfig, "martlet config list") {
                    $0.resources[0].configs[0].name = name
                },
                .altering("to it", .invalidConfig, "a whole number") { $0.resources[0].configs[0].value = name },
                .altering("it twice", .invalidRequest, "name it once") {
                    $0.resources[0].configs[0].name = name
                    $0.resources[0].configs += $0.resources[0].configs
                },
                .altering("it to nothing", .invalidRequest, "give one, or delete it") {
                    $0.resources[0].configs[0].name = name
                    $0.resources[0].configs[0].value = nil
                },
                .creating("with it and no value", .invalidConfig, "give one, or leave it out") {
                    $0.topics[0].configs = CreateTopicsRequest.creating("new", [name: ""]).topics[0].configs
                    $0.topics[0].configs[0].value = nil
                },
                .producing("to it", .unknownTopicOrPartition, "create it first") { $0.topicData[0].name = name },
                .describing("a broker of that id", .invalidRequest, "ask for 1", type: .broker, name: name),
                .describing("it", .invalidTopicException, "the limit of 249", name: name),
            ]
            for provocation in provocations {
                for version in provocation.versions {
                    let answer = try await provocation.ask(broker.client, version, false)
                    #expect(answer.code == provocation.code, "\(provocation.testDescription)")
                    guard version >= provocation.firstMessageVersion else { continue }
                    let message = try #require(answer.message)
                    #expect(message.contains(provocation.says[0]) && message.utf8.count <= 4000)
                }
            }
        }
    }

    @Test("zstd in a version of Produce from before it was there leaves its reason in the log")
    func earlyZstd() async throws {
        try await withSurvivor { broker in
            let batch = try Batch(payload: [1, 2, 3], codec: Compression.zstd.rawValue, recordCount: 1)
            try await broker.client.create("readings")
            let answer = try await broker.client.produce(batch, to: "readings", version: 6)
            #expect(answer.errorCode == .unsupportedCompressionType)
            await broker.logs.line(with: "zstd came with Produce 7, and this is Produce 6: use a newer client")
            #expect(try await broker.client.produce(batch, to: "readings", version: 7).errorCode == .none)
        }
    }

    // MARK: Answers without a message

    @Test("a topic with neither name nor id is an invalid request", arguments: 10...13)
    func nameless(version: Int16) async throws {
        try await withSurvivor { broker in
            var request = MetadataRequest.about([""])
            request.topics?[0].name = nil
            let answer = try await broker.client.call(request, version: version)
            #expect(answer.topics.map(\.errorCode) == [.invalidRequest])
        }
    }

    @Test("an epoch that no leader has had is unknown where offsets are asked for, too", arguments: 4...7)
    func leaderEpoch(version: Int16) async throws {
        try await withSurvivor { broker in
            for time in [ListOffsetsRequest.latest, 0] {
                var request = ListOffsetsRequest.asking("kept", at: time)
                request.topics[0].partitions[0].currentLeaderEpoch = 1
                let answer = try await broker.client.call(request, version: version).topics[0].partitions[0]
                #expect(answer.errorCode == .unknownLeaderEpoch && answer.offset == -1)
            }
        }
    }

    // MARK: The broker's own troubles

    @Test("a broker whose log is closed says so to producers, readers and administrators")
    func closed() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            try broker.log.close()
            let produced = try await client.produce(Batch("x"), to: "readings")
            #expect(produced.errorCode == .notLeaderOrFollower && produced.baseOffset == -1)
            #expect(produced.errorMessage?.contains("stopping: send it again") == true)
            let fetched = try await client.call(FetchRequest.waiting(on: "readings"))
            #expect(fetched.responses[0].partitions.map(\.errorCode) == [.notLeaderOrFollower])
            let created = try await client.call(CreateTopicsRequest.creating("new")).topics
            #expect(created.map(\.errorCode) == [.notLeaderOrFollower])
            let added = try await client.call(CreatePartitionsRequest.adding("readings", to: 2)).results
            #expect(added.map(\.errorCode) == [.notLeaderOrFollower])
            let deleted = try await client.call(DeleteTopicsRequest.deleting("readings")).responses
            #expect(deleted.map(\.errorCode) == [.notLeaderOrFollower])
            let alters = IncrementalAlterConfigsRequest.changing("readings", [("segment.ms", .set, "5000")])
            let altered = try await client.call(alters).responses
            #expect(altered.map(\.errorCode) == [.notLeaderOrFollower])
        }
    }

    @Test("a full disk is a storage error to administrators, who are told what to do; then it works again")
    func diskFull() async throws {
        let disk = SimulatedDisk()
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.dataDirectory = "/data"
            configuration.log.environment.fileSystem = disk
        }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            let noSpace: Int32 = 28
            func expectFull(_ code: ErrorCode?, _ message: String?) {
                #expect(code == .kafkaStorageError && message?.contains("disk is full") == true)
                #expect(message?.contains("free some space") == true)
            }
            // The second one by the room that is kept for the catalogue.
            func fill() {
                for _ in 0..<2 { disk.add(.init(at: disk.operations + 1, .error(noSpace), operation: .write)) }
            }
            fill()
            let created = try await client.call(CreateTopicsRequest.creating("new")).topics.first
            expectFull(created?.errorCode, created?.errorMessage)
            fill()
            let added = try await client.call(CreatePartitionsRequest.adding("readings", to: 2)).results.first
            expectFull(added?.errorCode, added?.errorMessage)
            fill()
            let alters = IncrementalAlterConfigsRequest.changing("readings", [("segment.ms", .set, "5000")])
            let altered = try await client.call(alters).responses.first
            expectFull(altered?.errorCode, altered?.errorMessage)
            #expect(broker.log.topics.map(\.name) == ["readings"])
            // To delete a topic is a way out: it makes room for what says that it is gone.
            fill()
            let deleted = try await client.call(DeleteTopicsRequest.deleting("readings")).responses
            #expect(deleted.map(\.errorCode) == [.none])
            disk.clearFaults()
            #expect(broker.log.topics.isEmpty)
            #expect(try await client.call(CreateTopicsRequest.creating("new")).topics.map(\.errorCode) == [.none])
        }
    }
}
