import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("Offsets by place and time", .timeLimit(.minutes(10)))
struct OffsetTests {
    private static let start: Int64 = 1_700_000_000_000

    private static func records(_ seconds: [Int64]) -> [Record] {
        seconds.map { Record(value: "at \($0)", timestamp: Timestamp(milliseconds: start + $0 * 1000)) }
    }

    /// Offsets 0–3 at seconds 0, 10, 20, 30 and 4–6 at 40, 60, 50, each three or four in a batch.
    private func withRecords(
        _ compression: Compression, _ body: (WireClient) async throws -> Void
    ) async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            for seconds in [[0, 10, 20, 30], [40, 60, 50]] as [[Int64]] {
                // Long enough for lz4 to be worth it.
                let padding = Record(value: String(repeating: "x", count: 500), timestamp: Timestamp(milliseconds: 0))
                var records = Self.records(seconds)
                if compression == .lz4 { records[records.count - 1].headers = [.init(name: "p", value: padding.value)] }
                let batch = try Batch(records, compression: compression)
                #expect(try batch.header.compression == compression)
                #expect(try await client.produce(batch, to: "readings").errorCode == .none)
            }
            try await body(client)
        }
    }

    @Test("the ends", arguments: 1...7)
    func ends(version: Int16) async throws {
        try await withRecords(.none) { client in
            let earliest = try await client.offset(in: "readings", at: ListOffsetsRequest.earliest, version: version)
            #expect(earliest.errorCode == .none && earliest.offset == 0 && earliest.timestamp == -1)
            let latest = try await client.offset(in: "readings", at: ListOffsetsRequest.latest, version: version)
            #expect(latest.errorCode == .none && latest.offset == 7 && latest.timestamp == -1)
        }
    }

    @Test("the first record of a time or later, also inside a compressed batch", arguments: [Compression.none, .lz4])
    func times(compression: Compression) async throws {
        try await withRecords(compression) { client in
            let expected: [(second: Int64, offset: Int64, found: Int64)] = [
                (-1_000_000_000, 0, 0), (0, 0, 0), (1, 1, 10), (10, 1, 10), (29, 3, 30), (31, 4, 40), (41, 5, 60),
                (55, 5, 60), (60, 5, 60),
            ]
            for (second, offset, found) in expected {
                let answer = try await client.offset(in: "readings", at: Self.start + second * 1000)
                #expect(answer.errorCode == .none && answer.offset == offset, "second \(second): \(answer)")
                #expect(answer.timestamp == Self.start + found * 1000)
            }
        }
    }

    @Test("later than every record there is none", arguments: [start + 60_001, Int64.max])
    func tooLate(time: Int64) async throws {
        try await withRecords(.none) { client in
            let answer = try await client.offset(in: "readings", at: time)
            #expect(answer.errorCode == .none && answer.offset == -1 && answer.timestamp == -1)
        }
    }

    @Test("the record with the newest timestamp, which need not be the last", arguments: [Compression.none, .lz4])
    func newest(compression: Compression) async throws {
        try await withRecords(compression) { client in
            let answer = try await client.offset(in: "readings", at: ListOffsetsRequest.maxTimestamp)
            #expect(answer.offset == 5 && answer.timestamp == Self.start + 60_000)
        }
    }

    @Test("an empty partition has ends and no times")
    func empty() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            for time in [ListOffsetsRequest.earliest, ListOffsetsRequest.latest] {
                #expect(try await client.offset(in: "readings", at: time).offset == 0)
            }
            for time in [ListOffsetsRequest.maxTimestamp, 0, Int64.max] {
                let answer = try await client.offset(in: "readings", at: time)
                #expect(answer.errorCode == .none && answer.offset == -1)
            }
        }
    }

    @Test("of a batch in a codec that is not read here, its first record: rather too early than too late")
    func foreignCodec() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            let batch = try Batch(payload: [1, 2, 3], codec: Compression.zstd.rawValue, recordCount: 5)
            for _ in 0..<2 { _ = try await client.produce(batch, to: "readings") }
            let answer = try await client.offset(in: "readings", at: try batch.header.maxTimestamp.milliseconds)
            #expect(answer.errorCode == .none && answer.offset == 0)
        }
    }

    @Test("an lz4 batch of something else than records is corrupt to who looks into it, and to nobody else")
    func unreadable() async throws {
        try await withSurvivor { broker in
            try await broker.client.create("readings", ["message.timestamp.after.max.ms": "\(Int64.max)"])
            let other = try Batch(String(repeating: "x", count: 1000), compression: .lz4)
            // A count that the frame has bytes for, and the records have not.
            let batch = other.setting(Int32(3), at: RecordBatchLayout.recordCount)
                .setting(Int32(2), at: RecordBatchLayout.lastOffsetDelta)
                .setting(Int64.max, at: RecordBatchLayout.maxTimestamp)
            #expect(try await broker.client.produce(batch, to: "readings").errorCode == .none)
            #expect(try await broker.client.produce(Batch("good"), to: "readings").baseOffset == 3)
            let answer = try await broker.client.offset(in: "readings", at: Int64.max)
            #expect(answer.errorCode == .corruptMessage)
            let data = try await broker.client.fetch("readings", from: 3)
            #expect(try data.records.bytes.storedRecords.map(\.valueText) == ["good"])
        }
    }

    @Test(
        "a negative time that this version knows no place for is refused",
        arguments: [(7, -4), (7, -5), (7, Int64.min), (6, -3), (1, -3), (1, -6)] as [(Int16, Int64)])
    func unknownPlace(version: Int16, time: Int64) async throws {
        try await withRecords(.none) { client in
            let answer = try await client.offset(in: "readings", at: time, version: version)
            #expect(answer.errorCode == .unsupportedVersion && answer.offset == -1)
        }
    }

    @Test("a partition that is asked for twice is answered once")
    func twice() async throws {
        try await withRecords(.none) { client in
            var request = ListOffsetsRequest.asking("readings", at: 0)
            request.topics += request.topics
            let codes = try await client.call(request).topics.flatMap(\.partitions).map(\.errorCode)
            #expect(codes == [.none, .invalidRequest])
        }
    }
}
