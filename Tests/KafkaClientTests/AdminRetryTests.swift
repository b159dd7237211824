import KafkaProtocol
import Synchronization
import Testing

@testable import KafkaClient

@Suite("An admin whose brokers move and fail")
struct AdminRetryTests {
    /// The first requests of an API get other answers than those after them.
    private func failing(
        _ api: ApiKey, times: Int, _ failure: @escaping @Sendable () throws -> any Message,
        then answer: @escaping @Sendable () -> (any Message)?
    ) -> ScriptedBroker.Script {
        let left = Counter(times)
        return { request in
            guard request.api == api else { return nil }
            return left.takesOne() ? try failure() : answer()
        }
    }

    private final class Counter: Sendable {
        private let left: Mutex<Int>
        init(_ count: Int) { left = Mutex(count) }

        func takesOne() -> Bool {
            left.withLock { left in
                left -= 1
                return left >= 0
            }
        }
    }

    private static func created(_ code: ErrorCode) -> CreateTopicsResponse {
        CreateTopicsResponse {
            $0.topics = [
                .init {
                    $0.name = "readings"
                    $0.errorCode = code
                }
            ]
        }
    }

    @Test("a controller that has moved is looked for again")
    func controller() async throws {
        let script = failing(.createTopics, times: 2) {
            Self.created(.notController)
        } then: {
            Self.created(.none)
        }
        try await withScriptedBroker(script: script) { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            #expect(try await client.admin.createTopic("readings").partitionCount == 1)
            #expect(broker.requests(.createTopics).count == 3 && broker.requests(.metadata).count >= 4)
            await client.close()
        }
    }

    @Test("a change that may have been made is not made twice")
    func change() async throws {
        let script = failing(.createTopics, times: 1) {
            throw ScriptedBroker.Disconnect()
        } then: {
            Self.created(.none)
        }
        try await withScriptedBroker(script: script) { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            let error = await #expect(throws: KafkaClientError.self) { try await client.admin.createTopic("readings") }
            guard case .connectionLost? = error else { return #expect(Bool(false), "\(error as Any)") }
            #expect(broker.requests(.createTopics).count == 1)
            // The client is as good as before.
            #expect(try await client.admin.createTopic("readings").name == "readings")
            await client.close()
        }
    }

    @Test("a question is asked again where its connection breaks or a leader moves")
    func question() async throws {
        let script = failing(.listOffsets, times: 1) {
            throw ScriptedBroker.Disconnect()
        } then: {
            nil
        }
        try await withScriptedBroker(script: script) { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            #expect(try await client.admin.listOffsets("readings", at: .latest).map(\.offset) == [0])
            await client.close()
        }
        let moved = ListOffsetsResponse {
            $0.topics = [
                .init {
                    $0.name = "readings"
                    $0.partitions = [.init { $0.errorCode = .notLeaderOrFollower }]
                }
            ]
        }
        try await withScriptedBroker(
            script: failing(.listOffsets, times: 2) {
                moved
            } then: {
                nil
            }
        ) { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            #expect(try await client.admin.listOffsets("readings", at: .latest).map(\.offset) == [0])
            #expect(broker.requests(.listOffsets).count == 3)
            await client.close()
        }
    }

    @Test("a topic that was created is waited for where a broker has not heard of it yet")
    func news() async throws {
        let left = Counter(2)
        let script: ScriptedBroker.Script = { request in
            if request.api == .createTopics { return Self.created(.none) }
            guard request.api == .metadata, try request.read(MetadataRequest.self).topics?.isEmpty == false,
                left.takesOne()
            else { return nil }
            return MetadataResponse {
                $0.topics = [
                    .init {
                        $0.name = "readings"
                        $0.errorCode = .unknownTopicOrPartition
                    }
                ]
            }
        }
        try await withScriptedBroker(script: script) { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            #expect(try await client.admin.createTopic("readings").partitionCount == 1)
            await client.close()
        }
    }

    @Test("records are deleted by their leader, partition by partition; what it refuses is said")
    func deleteRecords() async throws {
        let script: ScriptedBroker.Script = { request in
            guard request.api == .deleteRecords else { return nil }
            let asked = try request.read(DeleteRecordsRequest.self).topics[0].partitions
            return DeleteRecordsResponse {
                $0.topics = [
                    .init {
                        $0.name = "readings"
                        $0.partitions = asked.map { partition in
                            .init {
                                $0.partitionIndex = partition.partitionIndex
                                $0.lowWatermark = partition.offset == -1 ? 100 : partition.offset
                                $0.errorCode = partition.offset > 100 ? .offsetOutOfRange : .none
                            }
                        }
                    }
                ]
            }
        }
        try await withScriptedBroker(topics: ["readings": 3], script: script) { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            let admin = client.admin
            #expect(try await admin.deleteRecords(of: "readings", before: [0: 40, 2: nil]) == [0: 40, 2: 100])
            #expect(try await admin.deleteRecords(of: "readings", before: [:]) == [:])
            await #expect(throws: KafkaClientError.offsetOutOfRange(topic: "readings", partition: 1, offset: 101)) {
                try await admin.deleteRecords(of: "readings", before: [1: 101])
            }
            await #expect(throws: KafkaClientError.unknownPartition(topic: "readings", partition: 3, count: 3)) {
                try await admin.deleteRecords(of: "readings", before: [3: 0])
            }
            // -1 is not an offset, though the protocol has a meaning for it.
            await #expect(throws: KafkaClientError.self) {
                try await admin.deleteRecords(of: "readings", before: [0: -1])
            }
            #expect(broker.requests(.deleteRecords).count == 2)
            await client.close()
        }
    }

    @Test("what a broker does not offer is said with its name")
    func unsupported() async throws {
        try await withScriptedBroker { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            let error = await #expect(throws: KafkaClientError.self) {
                try await client.admin.addPartitions("readings", to: 2)
            }
            #expect(error?.description.contains("does not offer CreatePartitions") == true, "\(error as Any)")
            await client.close()
        }
    }
}
