import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import TestSupport
import Testing

/// Requests that ask for the checks alone: all that the real one does but the change, and the same answer.
@Suite("Validating alone", .timeLimit(.minutes(10)))
struct ValidateOnlyTests {
    @Test(
        "what would be refused is refused by the same code and message",
        arguments: Provocation.creatingTopics + Provocation.addingPartitions + Provocation.alteringSettings
            + Provocation.replacingSettings)
    func refused(provocation: Provocation) async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await Provocation.prepare(client)
            for version in provocation.versions {
                let validated = try await provocation.ask(client, version, true)
                let done = try await provocation.ask(client, version, false)
                #expect(validated == done && validated.code == provocation.code, "version \(version)")
            }
        }
    }

    /// Runs `body` on topic `readings` of two partitions, and expects what there is to be the same afterwards, also when
    /// the directory is opened again.
    private func withUnchanged(_ body: (WireClient) async throws -> Void) async throws {
        let directory = TemporaryDirectory.inMemory()
        try await withBroker(in: directory) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", partitions: 2, ["segment.ms": "7000"])
            try await body(client)
            try expectUnchanged(broker.log)
        }
        let log = try EventLog.open(at: directory.path, options: .quiet)
        try expectUnchanged(log)
        try log.close()
    }

    private func expectUnchanged(_ log: EventLog) throws {
        #expect(log.topics.map(\.name) == ["readings"])
        let topic = try #require(log.topic("readings"))
        #expect(topic.partitions.count == 2)
        #expect(topic.settings == (try TopicSettings(["segment.ms": "7000"])))
    }

    @Test("a topic is said to be what it would be, but for its id, and is not created", arguments: 1...7)
    func topics(version: Int16) async throws {
        try await withUnchanged { client in
            var request = CreateTopicsRequest.creating("new", partitions: 3, ["segment.bytes": "20000"])
            request.validateOnly = true
            let validated = try #require(try await client.call(request, version: version).topics.first)
            #expect(validated.errorCode == .none && validated.errorMessage == nil && validated.topicID.isZero)
            request.validateOnly = false
            var created = try #require(try await client.call(request, version: version).topics.first)
            created.topicID = UUIDBytes()
            #expect(validated == created)
            _ = try await client.call(DeleteTopicsRequest.deleting("new"))
        }
    }

    @Test("partitions are not added", arguments: 0...3)
    func partitions(version: Int16) async throws {
        try await withUnchanged { client in
            var request = CreatePartitionsRequest.adding("readings", to: 5)
            request.validateOnly = true
            let answer = try await client.call(request, version: version).results
            #expect(answer.map(\.errorCode) == [.none] && answer.map(\.errorMessage) == [nil])
        }
    }

    @Test("settings are neither set nor unset", arguments: 0...1)
    func settings(version: Int16) async throws {
        try await withUnchanged { client in
            var request = IncrementalAlterConfigsRequest.changing("readings", [("segment.ms", .set, "5000")])
            request.validateOnly = true
            for operation in [AlterConfigOperation.set, .delete] {
                request.resources[0].configs[0].configOperation = operation.rawValue
                let answer = try await client.call(request, version: version).responses
                #expect(answer.map(\.errorCode) == [.none] && answer.map(\.errorMessage) == [nil])
            }
        }
    }

    @Test("settings are not replaced", arguments: 0...2)
    func replacedSettings(version: Int16) async throws {
        try await withUnchanged { client in
            for configs in [[("segment.ms", "5000")], []] as [[(String, String?)]] {
                var request = AlterConfigsRequest.replacing("readings", configs)
                request.validateOnly = true
                let answer = try await client.call(request, version: version).responses
                #expect(answer.map(\.errorCode) == [.none] && answer.map(\.errorMessage) == [nil])
            }
        }
    }

    @Test("one that is refused does not keep its neighbours from being judged, or changed")
    func neighbours() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", partitions: 2)
            for validatesOnly in [true, false] {
                var creates = CreateTopicsRequest.creating("a/b")
                creates.topics += CreateTopicsRequest.creating("new").topics
                creates.validateOnly = validatesOnly
                let created = try await client.call(creates).topics
                #expect(created.map(\.errorCode) == [.invalidTopicException, .none])
                var adds = CreatePartitionsRequest.adding("none", to: 3)
                adds.topics += CreatePartitionsRequest.adding("readings", to: 3).topics
                adds.validateOnly = validatesOnly
                let added = try await client.call(adds).results
                #expect(added.map(\.errorCode) == [.unknownTopicOrPartition, .none])
                var alters = IncrementalAlterConfigsRequest.changing("none", [("segment.ms", .set, "5000")])
                alters.resources +=
                    IncrementalAlterConfigsRequest.changing("readings", [("segment.ms", .set, "5000")]).resources
                alters.validateOnly = validatesOnly
                let altered = try await client.call(alters).responses
                #expect(altered.map(\.errorCode) == [.unknownTopicOrPartition, .none])
            }
            #expect(broker.log.topics.map(\.name) == ["new", "readings"])
            #expect(broker.log.topic("readings")?.partitions.count == 3)
            #expect(broker.log.topic("readings")?.settings.segmentMilliseconds == 5000)
        }
    }

    @Test("a setting that is refused leaves those before it as they were")
    func wholly() async throws {
        try await withUnchanged { client in
            var request = IncrementalAlterConfigsRequest.changing("readings", [("segment.ms", .set, "5000")])
            request.resources[0].configs +=
                IncrementalAlterConfigsRequest.changing("readings", [("segment.bytes", .set, "1")]).resources[0].configs
            let answer = try await client.call(request).responses
            #expect(answer.map(\.errorCode) == [.invalidConfig])
        }
    }
}
