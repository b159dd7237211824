import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("Deleting records", .timeLimit(.minutes(10)))
struct DeleteRecordsTests {
    private func delete(
        _ client: WireClient, _ topic: String, _ partition: Int32 = 0, before offset: Int64, version: Int16? = nil
    ) async throws -> DeleteRecordsResponse.PartitionResult {
        let answer = try await client.call(
            DeleteRecordsRequest.deleting(topic, partition, before: offset), version: version)
        #expect(answer.topics.map(\.name) == [topic])
        return try #require(answer.topics.first?.partitions.first)
    }

    /// Ten records, "0" to "9", a batch each.
    private func withRecords(_ body: (WireClient) async throws -> Void) async throws {
        try await withSurvivor { broker in
            try await broker.client.create("readings", partitions: 2)
            for i in 0..<10 { _ = try await broker.client.produce(Batch("\(i)"), to: "readings") }
            try await body(broker.client)
        }
    }

    @Test("records before the offset are gone, in every version", arguments: 0...2)
    func deletes(version: Int16) async throws {
        try await withRecords { client in
            let result = try await delete(client, "readings", before: 4, version: version)
            #expect(result.errorCode == .none && result.lowWatermark == 4 && result.partitionIndex == 0)
            #expect(try await client.offset(in: "readings", at: ListOffsetsRequest.earliest).offset == 4)
            #expect(try await client.offset(in: "readings", at: 0).offset == 4)
            let below = try await client.fetch("readings", from: 3)
            #expect(below.errorCode == .offsetOutOfRange && below.logStartOffset == 4)
            let data = try await client.fetch("readings", from: 4)
            #expect(data.errorCode == .none && data.logStartOffset == 4)
            #expect(try data.records.bytes.storedRecords.map(\.valueText) == ["4", "5", "6", "7", "8", "9"])
        }
    }

    @Test("−1 is the high watermark, and the next record gets the next offset")
    func highWatermark() async throws {
        try await withRecords { client in
            let result = try await delete(client, "readings", before: DeleteRecordsRequest.highWatermark)
            #expect(result.errorCode == .none && result.lowWatermark == 10)
            #expect(try await client.fetch("readings", from: 10).errorCode == .none)
            #expect(try await client.produce(Batch("next"), to: "readings").baseOffset == 10)
            #expect(
                try await client.fetch("readings", from: 10).records.bytes.storedRecords.map(\.valueText) == ["next"])
        }
    }

    @Test("an offset below the start changes nothing, and is no error")
    func belowTheStart() async throws {
        try await withRecords { client in
            #expect(try await delete(client, "readings", before: 6).lowWatermark == 6)
            let result = try await delete(client, "readings", before: 2)
            #expect(result.errorCode == .none && result.lowWatermark == 6)
        }
    }

    @Test("an offset past the end or of nothing is out of range", arguments: [11, Int64.max, -2, Int64.min])
    func outOfRange(offset: Int64) async throws {
        try await withRecords { client in
            let result = try await delete(client, "readings", before: offset)
            #expect(result.errorCode == .offsetOutOfRange && result.lowWatermark == -1)
            #expect(try await client.values(in: "readings").count == 10)
        }
    }

    @Test("what there is not is unknown, and the rest is done")
    func unknown() async throws {
        try await withRecords { client in
            var request = DeleteRecordsRequest.deleting("readings", before: 3)
            request.topics[0].partitions += DeleteRecordsRequest.deleting("readings", 2, before: 1).topics[0].partitions
            request.topics[0].partitions +=
                DeleteRecordsRequest.deleting("readings", -1, before: 1).topics[0].partitions
            request.topics += DeleteRecordsRequest.deleting("other", before: 1).topics
            let answer = try await client.call(request)
            #expect(
                answer.topics.flatMap(\.partitions).map(\.errorCode)
                    == [.none, .unknownTopicOrPartition, .unknownTopicOrPartition, .unknownTopicOrPartition])
            #expect(answer.topics.flatMap(\.partitions).map(\.lowWatermark) == [3, -1, -1, -1])
        }
    }

    @Test("a partition that is named twice is done once")
    func twice() async throws {
        try await withRecords { client in
            var request = DeleteRecordsRequest.deleting("readings", before: 3)
            request.topics += DeleteRecordsRequest.deleting("readings", before: 5).topics
            let answer = try await client.call(request)
            #expect(answer.topics.flatMap(\.partitions).map(\.errorCode) == [.none, .invalidRequest])
            #expect(try await client.offset(in: "readings", at: ListOffsetsRequest.earliest).offset == 3)
        }
    }

    @Test("what is deleted is gone after a restart, too")
    func restart() async throws {
        let directory = TemporaryDirectory()
        for session in 0..<3 as Range<Int64> {
            try await withBroker(in: directory) { broker in
                let client = try await WireClient.connect(to: broker)
                if session == 0 { try await client.create("readings") }
                let start = try await client.offset(in: "readings", at: ListOffsetsRequest.earliest).offset
                #expect(start == session * 2)
                for _ in 0..<3 { _ = try await client.produce(Batch("x"), to: "readings") }
                #expect(try await delete(client, "readings", before: start + 2).lowWatermark == start + 2)
            }
        }
    }
}
