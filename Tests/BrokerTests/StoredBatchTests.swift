import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("What becomes of a batch", .timeLimit(.minutes(10)))
struct StoredBatchTests {
    private func stored(_ batch: Batch, _ configs: [String: String]) async throws -> [UInt8] {
        let directory = TemporaryDirectory()
        return try await withBroker(in: directory) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", configs)
            #expect(try await client.produce(batch, to: "readings").errorCode == .none)
            let bytes = try await client.fetch("readings").records.bytes
            #expect(bytes == (try directory.contents(of: "readings-0/00000000000000000000.log")))
            return bytes
        }
    }

    private static let repetitive = (0..<100).map { Record(key: "device-\($0 % 3)", value: "reading 21.5 of \($0)") }

    @Test("producer stores every batch as it came", arguments: [Compression.none, .lz4])
    func producer(compression: Compression) async throws {
        let batch = try Batch(Self.repetitive, compression: compression)
        let bytes = try await stored(batch, ["compression.type": "producer"])
        // But for the leader's epoch, which the broker sets and the checksum does not cover.
        #expect(bytes.count == batch.bytes.count)
        #expect(bytes[RecordBatchLayout.magic...] == batch.bytes[RecordBatchLayout.magic...])
    }

    @Test("lz4 compresses what came uncompressed, and changes none of its records")
    func compresses() async throws {
        let batch = try Batch(Self.repetitive, producer: (7, 3, 40))
        let bytes = try await stored(batch, ["compression.type": "lz4"])
        #expect(bytes.count < batch.bytes.count / 2)
        let header = try #require(try bytes.batchHeaders.first)
        #expect(header.compression == .lz4 && header.recordCount == 100 && header.lastOffsetDelta == 99)
        #expect(header.producerID == 7 && header.producerEpoch == 3 && header.baseSequence == 40)
        #expect(try bytes.storedRecords == batch.bytes.storedRecords)
    }

    @Test("lz4 leaves alone what it makes no smaller")
    func incompressible() async throws {
        var random = SeededRandom(seed: 2)
        let value = (0..<100).flatMap { _ in Wire.bytes(random.next()) }
        let batch = try Batch([Record(key: nil, value: value)])
        let bytes = try await stored(batch, ["compression.type": "lz4"])
        #expect(bytes[RecordBatchLayout.magic...] == batch.bytes[RecordBatchLayout.magic...])
    }

    @Test("lz4 leaves alone what came as lz4")
    func alreadyCompressed() async throws {
        let batch = try Batch(Self.repetitive, compression: .lz4)
        let bytes = try await stored(batch, ["compression.type": "lz4"])
        #expect(bytes[RecordBatchLayout.magic...] == batch.bytes[RecordBatchLayout.magic...])
    }

    @Test("offsets and the leader's epoch are the broker's, whatever the producer wrote there")
    func placement() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            for base in [5, -1, Int64.max, Int64.min] {
                let batch = try Batch("x").setting(base, at: RecordBatchLayout.baseOffset)
                    .setting(Int32(99), at: RecordBatchLayout.partitionLeaderEpoch)
                #expect(try await client.produce(batch, to: "readings").errorCode == .none)
            }
            let headers = try await client.fetch("readings").records.bytes.batchHeaders
            #expect(headers.map(\.baseOffset) == [0, 1, 2, 3])
            #expect(headers.allSatisfy { $0.partitionLeaderEpoch == 0 })
        }
    }

    @Test("LogAppendTime stamps the batch with the broker's clock, and says so", arguments: ["lz4", "producer"])
    func logAppendTime(compression: String) async throws {
        let directory = TemporaryDirectory()
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.log.environment.now = { Timestamp(milliseconds: 1_800_000_000_000) }
        }
        try await withBroker(in: directory, configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create(
                "readings", ["message.timestamp.type": "LogAppendTime", "compression.type": compression])
            let answer = try await client.produce(Batch(Self.repetitive), to: "readings")
            #expect(answer.logAppendTimeMs == 1_800_000_000_000)
            let bytes = try await client.fetch("readings").records.bytes
            // `storedRecords` checks the checksum, which covers the time.
            let records = try bytes.storedRecords
            #expect(records.count == 100)
            #expect(records.allSatisfy { $0.timestamp.milliseconds == 1_800_000_000_000 })
            #expect(try bytes.batchHeaders.first?.attributes.usesLogAppendTime == true)
            let found = try await client.offset(in: "readings", at: 1_800_000_000_000)
            #expect(found.offset == 0)
        }
    }

    @Test("CreateTime keeps the producer's times, and the answer has none")
    func createTime() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            let batch = try Batch([Record(value: "x", timestamp: Timestamp(milliseconds: 12345))])
            #expect(try await client.produce(batch, to: "readings").logAppendTimeMs == -1)
            let records = try await client.fetch("readings").records.bytes.storedRecords
            #expect(records.map(\.timestamp.milliseconds) == [12345])
        }
    }
}
