import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("Topics by their ids", .timeLimit(.minutes(10)))
struct TopicIDTests {
    private func withReadings(_ body: (WireClient, UUIDBytes, Broker) async throws -> Void) async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", partitions: 2, ["compression.type": "producer"])
            let id = try #require(try await client.metadata(of: ["readings"]).topics.first?.topicID)
            try await body(client, id, broker)
        }
    }

    private static let unknown = [UUIDBytes(high: 1, low: 2), UUIDBytes()]

    @Test("Fetch finds a topic by its id, and says so of it", arguments: 13...17)
    func fetch(version: Int16) async throws {
        try await withReadings { client, id, _ in
            _ = try await client.produce(Batch("one", "two"), to: "readings", 1)
            let answer = try await client.call(FetchRequest.reading(id, 1), version: version)
            #expect(answer.responses.map(\.topicID) == [id])
            let data = try #require(answer.responses.first?.partitions.first)
            #expect(data.errorCode == .none && data.highWatermark == 2)
            #expect(try data.records.bytes.storedRecords.map(\.valueText) == ["one", "two"])
        }
    }

    @Test("an id that no topic has is unknown to Fetch, as is a partition that the topic has not", arguments: 13...17)
    func fetchUnknown(version: Int16) async throws {
        try await withReadings { client, id, _ in
            for unknown in Self.unknown {
                // Told at once, however long the client would wait.
                var request = FetchRequest.reading(unknown)
                request.waitForAByte()
                let answer = try await client.call(request, version: version)
                #expect(answer.errorCode == .none && answer.responses.map(\.topicID) == [unknown])
                #expect(answer.responses.flatMap(\.partitions).map(\.errorCode) == [.unknownTopicID])
            }
            let answer = try await client.call(FetchRequest.reading(id, 2), version: version)
            #expect(answer.responses.flatMap(\.partitions).map(\.errorCode) == [.unknownTopicOrPartition])
        }
    }

    @Test("Produce finds a topic by its id from version 13 on, and an id that no topic has is unknown")
    func produce() async throws {
        try await withReadings { client, id, _ in
            func send(to id: UUIDBytes, _ partition: Int32) async throws -> ProduceResponse.TopicResponse {
                var request = ProduceRequest.sending(try Batch("x"), to: "", partition)
                request.topicData[0].topicID = id
                return try #require(try await client.call(request, version: 13).responses.first)
            }
            let answer = try await send(to: id, 1)
            #expect(answer.topicID == id && answer.partitionResponses.map(\.errorCode) == [.none])
            #expect(try await client.values(in: "readings", 1) == ["x"])
            for unknown in Self.unknown {
                let answer = try await send(to: unknown, 0)
                #expect(answer.topicID == unknown && answer.partitionResponses.map(\.errorCode) == [.unknownTopicID])
                #expect(answer.partitionResponses.first?.errorMessage?.contains("no topic of id") == true)
            }
            let other = try await send(to: id, 7)
            #expect(other.partitionResponses.map(\.errorCode) == [.unknownTopicOrPartition])
            #expect(other.partitionResponses.first?.errorMessage?.contains("has no partition") == true)
        }
    }

    @Test("a session by ids tells of changes, forgets, and waits", arguments: 13...17)
    func session(version: Int16) async throws {
        try await withReadings { client, id, broker in
            var request = FetchRequest.reading(id)
            request.topics[0].partitions.append(.place(1, 0))
            request.sessionEpoch = 0
            let begun = try await client.call(request, version: version)
            #expect(begun.sessionID > 0 && begun.responses.flatMap(\.partitions).count == 2)
            let quiet = try await client.call(FetchRequest.goingOn(begun.sessionID, epoch: 1), version: version)
            #expect(quiet.errorCode == .none && quiet.responses.isEmpty)
            let waiting = FetchRequest.goingOn(begun.sessionID, epoch: 2) {
                $0.waitForAByte()
                $0.forgottenTopicsData = [
                    .init {
                        $0.topicID = id
                        $0.partitions = [0]
                    }
                ]
            }
            let posted = try await client.post(waiting, version: version)
            let other = try await WireClient.connect(to: broker)
            for partition in [0, 1] as [Int32] { _ = try await other.produce(Batch("new"), to: "readings", partition) }
            let answer = try await client.receive(posted)
            #expect(answer.responses.map(\.topicID) == [id])
            #expect(answer.responses.flatMap(\.partitions).map(\.partitionIndex) == [1])
        }
    }

    @Test("a topic that is deleted is unknown to a session by its id, also when its name is given to another")
    func deletedInSession() async throws {
        try await withReadings { client, id, _ in
            var request = FetchRequest.reading(id)
            request.sessionEpoch = 0
            let session = try await client.call(request, version: 13).sessionID
            _ = try await client.call(DeleteTopicsRequest.deleting("readings"))
            for epoch in 1...3 as ClosedRange<Int32> {
                let answer = try await client.call(FetchRequest.goingOn(session, epoch: epoch), version: 13)
                #expect(answer.responses.map(\.topicID) == [id])
                #expect(answer.responses.flatMap(\.partitions).map(\.errorCode) == [.unknownTopicID])
                if epoch == 1 { try await client.create("readings") }
            }
        }
    }

    @Test("a session that names topics by name is not gone on with by ids, nor the other way round")
    func otherNaming() async throws {
        try await withReadings { client, id, _ in
            let byName = try await client.beginSession(of: "readings", [0])
            let refused = try await client.call(FetchRequest.goingOn(byName, epoch: 1), version: 13)
            #expect(refused.errorCode == .fetchSessionTopicIDError && refused.responses.isEmpty)
            #expect(try await client.goOn(byName, epoch: 1).errorCode == .none)
            var request = FetchRequest.reading(id)
            request.sessionEpoch = 0
            let byID = try await client.call(request, version: 13).sessionID
            #expect(try await client.goOn(byID, epoch: 1).errorCode == .fetchSessionTopicIDError)
            #expect(try await client.call(FetchRequest.goingOn(byID, epoch: 1), version: 17).errorCode == .none)
        }
    }

    @Test("where a partition cannot be appended to because the broker stops, the answer says who leads it")
    func leader() async throws {
        let directory = TemporaryDirectory.inMemory()
        try? await withBroker(in: directory) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            try broker.log.close()
            let versions = ProduceRequest.firstBatchVersion..<ProduceRequest.firstTopicIDVersion
            for version in versions {
                let request = ProduceRequest.sending(try Batch("x"), to: "readings")
                let answer = try await client.call(request, version: version)
                let data = try #require(answer.responses.first?.partitionResponses.first)
                #expect(data.errorCode == .notLeaderOrFollower && data.baseOffset == -1)
                if version >= 8 { #expect(data.errorMessage?.contains("stopping") == true) }
                #expect(data.currentLeader.leaderID == (version >= 10 ? 1 : -1))
                #expect(answer.nodeEndpoints.map(\.port) == (version >= 10 ? [Int32(broker.address.port)] : []))
            }
        }
    }
}

extension FetchRequest {
    static func reading(_ id: UUIDBytes, _ partition: Int32 = 0, from offset: Int64 = 0) -> FetchRequest {
        var request = FetchRequest.reading("", partition, from: offset)
        request.topics[0].topicID = id
        return request
    }
}
