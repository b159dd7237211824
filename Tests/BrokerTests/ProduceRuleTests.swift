import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("What topics ask of records", .timeLimit(.minutes(10)))
struct ProduceRuleTests {
    /// What the broker's clock says.
    private static let now: Int64 = 1_800_000_000_000

    private func withTopic(
        _ configs: [String: String], _ body: (WireClient, Broker) async throws -> Void
    ) async throws {
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.log.environment.now = { Timestamp(milliseconds: Self.now) }
        }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", configs)
            try await body(client, broker)
        }
    }

    /// A batch of records, by how far from now their timestamps are.
    private func batch(_ ages: [Int64], _ compression: Compression, key: String? = nil) throws -> Batch {
        try batch(
            ages.map { Record(key: key, value: Self.value, timestamp: Timestamp(milliseconds: Self.now + $0)) },
            compression)
    }

    /// Long enough to become smaller by compression.
    private static let value = String(repeating: "x", count: 300)

    private func batch(_ records: [Record], _ compression: Compression) throws -> Batch {
        let batch = try Batch(records, compression: compression)
        #expect(try batch.header.compression == compression)
        return batch
    }

    /// A batch in a codec that is not opened here, with the header of one that is.
    private func closedBatch(like batch: Batch, _ codec: Compression = .gzip) throws -> Batch {
        var closed = batch
        closed.set(UInt16(codec.rawValue), at: RecordBatchLayout.attributes)
        return closed
    }

    // MARK: Timestamps

    @Test(
        "timestamps may lie on the bounds, and not beyond; an hour ahead is the default",
        arguments: [Compression.none, .lz4])
    func bounds(compression: Compression) async throws {
        try await withTopic(["message.timestamp.before.max.ms": "1000"]) { client, _ in
            let taken = try await client.produce(batch([-1000, 0, 3_600_000], compression), to: "readings")
            #expect(taken.errorCode == .none, "\(taken)")
            for (age, index) in [(-1001, 1), (3_600_001, 1)] as [(Int64, Int32)] {
                let refused = try await client.produce(batch([0, age, 5], compression), to: "readings")
                #expect(refused.errorCode == .invalidTimestamp && refused.baseOffset == -1, "\(refused)")
                #expect(refused.recordErrors.map(\.batchIndex) == [index])
                let says = "record 1 has timestamp \(Self.now + age)"
                #expect(refused.recordErrors.first?.batchIndexErrorMessage?.contains(says) == true)
                let range = "from \(Self.now - 1000) to \(Self.now + 3_600_000)"
                #expect(refused.errorMessage?.contains(says) == true && refused.errorMessage?.contains(range) == true)
            }
            #expect(try await client.values(in: "readings").count == 3)
        }
    }

    @Test("a record without a timestamp is taken whatever the bounds", arguments: [Compression.none, .lz4])
    func noTimestamp(compression: Compression) async throws {
        try await withTopic(["message.timestamp.before.max.ms": "0", "message.timestamp.after.max.ms": "0"]) {
            client, _ in
            let answer = try await client.produce(batch([-1 - Self.now, -1 - Self.now], compression), to: "readings")
            #expect(answer.errorCode == .none, "\(answer)")
        }
    }

    @Test("bounds of any size are no trouble at any time", arguments: ["0", "\(Int64.max)"])
    func extremes(bound: String) async throws {
        try await withTopic(["message.timestamp.before.max.ms": bound, "message.timestamp.after.max.ms": bound]) {
            client, _ in
            for time in [Int64.min, -2, 0, Int64.max] {
                let batch = try Batch([Record(key: nil, value: "x", timestamp: Timestamp(milliseconds: time))])
                let answer = try await client.produce(batch, to: "readings")
                #expect(answer.errorCode == (bound != "0" ? .none : .invalidTimestamp), "\(time): \(answer)")
            }
        }
    }

    @Test("bounds do not count where the time of the append does", arguments: [Compression.none, .lz4])
    func logAppendTime(compression: Compression) async throws {
        let configs = ["message.timestamp.type": "LogAppendTime", "message.timestamp.before.max.ms": "0"]
        try await withTopic(configs) { client, broker in
            let answer = try await client.produce(batch([-5, 1 << 40], compression), to: "readings")
            #expect(answer.errorCode == .none && answer.logAppendTimeMs == Self.now, "\(answer)")
            let partition = try #require(broker.log.topic("readings")?.partitions.first)
            #expect(try partition.read(from: .earliest).allSatisfy { $0.timestamp.milliseconds == Self.now })
        }
    }

    @Test(
        "of a batch that is not opened here the header decides",
        arguments: [(-1001, false), (-1000, true), (10, true), (11, false)])
    func closedBatches(age: Int64, isTaken: Bool) async throws {
        let configs = ["message.timestamp.before.max.ms": "1000", "message.timestamp.after.max.ms": "10"]
        try await withTopic(configs) { client, _ in
            let answer = try await client.produce(closedBatch(like: batch([age], .none)), to: "readings")
            #expect(answer.errorCode == (isTaken ? .none : .invalidTimestamp), "\(answer)")
            #expect(answer.recordErrors.isEmpty)
            if !isTaken { #expect(answer.errorMessage?.contains("\(Self.now + age)") == true, "\(answer)") }
        }
    }

    @Test("the bounds change while producers are at work, and are kept over a restart")
    func altered() async throws {
        let directory = TemporaryDirectory.inMemory()
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.log.environment.now = { Timestamp(milliseconds: Self.now) }
        }
        try await withBroker(in: directory, configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            #expect(try await client.produce(batch([-5000], .lz4), to: "readings").errorCode == .none)
            let change = IncrementalAlterConfigsRequest.changing(
                "readings", [("message.timestamp.before.max.ms", .set, "4999")])
            #expect(try await client.call(change).responses.map(\.errorCode) == [.none])
            #expect(try await client.produce(batch([-5000], .lz4), to: "readings").errorCode == .invalidTimestamp)
        }
        try await withBroker(in: directory, configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            #expect(try await client.produce(batch([-5000], .none), to: "readings").errorCode == .invalidTimestamp)
        }
    }

    @Test(
        "a batch that says another latest time than its records have is stored with theirs",
        arguments: [Compression.none, .lz4])
    func wrongMaxTimestamp(compression: Compression) async throws {
        try await withTopic(["message.timestamp.before.max.ms": "1000000", "compression.type": "producer"]) {
            client, broker in
            for said in [Self.now - 500, 0, Self.now + 7_200_000] {
                let lying = try batch([-3, -1, -2], compression).setting(said, at: RecordBatchLayout.maxTimestamp)
                #expect(try await client.produce(lying, to: "readings").errorCode == .none)
            }
            let stored = try await client.fetch("readings").records.bytes
            #expect(
                try stored.batchHeaders.map(\.maxTimestamp.milliseconds) == Array(repeating: Self.now - 1, count: 3))
            #expect(try stored.storedRecords.count == 9)
        }
    }

    // MARK: Keys

    @Test("a compacted topic takes no record without a key, and says which", arguments: [Compression.none, .lz4])
    func nullKeys(compression: Compression) async throws {
        try await withTopic(["cleanup.policy": "compact"]) { client, _ in
            let keyed = Record(key: "a", value: Self.value)
            let bare = Record(key: nil, value: Self.value)
            let refused = try await client.produce(batch([keyed, bare, keyed, bare], compression), to: "readings")
            #expect(refused.errorCode == .invalidRecord && refused.baseOffset == -1, "\(refused)")
            #expect(refused.recordErrors.map(\.batchIndex) == [1, 3])
            #expect(refused.recordErrors.allSatisfy { $0.batchIndexErrorMessage?.contains("has no key") == true })
            #expect(refused.errorMessage?.contains("record 1 has no key") == true)
            #expect(refused.errorMessage?.contains("1 more records are wrong") == true)
            let empty = try batch([Record(key: "", value: Self.value), keyed], compression)
            #expect(try await client.produce(empty, to: "readings").errorCode == .none)
            #expect(try await client.values(in: "readings").count == 2)
        }
    }

    @Test("a batch without keys in a codec that is not opened here is taken")
    func closedWithoutKeys() async throws {
        try await withTopic(["cleanup.policy": "compact"]) { client, _ in
            let batch = try closedBatch(like: batch([0], .none), .zstd)
            #expect(try await client.produce(batch, to: "readings").errorCode == .none)
        }
    }

    @Test("keys are asked for from the moment that the topic is compacted, and no more when it is not")
    func becomesCompacted() async throws {
        try await withTopic([:]) { client, _ in
            let batch = try batch([0], .lz4)
            #expect(try await client.produce(batch, to: "readings").errorCode == .none)
            let codes: [(String, ErrorCode)] = [("compact,delete", .invalidRecord), ("delete", .none)]
            for (policy, code) in codes {
                let change = IncrementalAlterConfigsRequest.changing("readings", [("cleanup.policy", .set, policy)])
                #expect(try await client.call(change).responses.map(\.errorCode) == [.none])
                #expect(try await client.produce(batch, to: "readings").errorCode == code)
            }
        }
    }

    @Test("of both faults in a batch all are named, up to a thousand, and the code is that of the time")
    func manyFaults() async throws {
        try await withTopic(["cleanup.policy": "compact"]) { client, _ in
            let late = Timestamp(milliseconds: Self.now + 4_000_000)
            let records = (0..<3000).map { Record(key: $0 < 5 ? nil : "a", value: "x", timestamp: late) }
            let refused = try await client.produce(Batch(records, compression: .lz4), to: "readings")
            #expect(refused.errorCode == .invalidTimestamp)
            #expect(refused.recordErrors.map(\.batchIndex) == Array(0..<1000))
            #expect(refused.errorMessage?.contains("2999 more records are wrong") == true, "\(refused)")
        }
    }

    @Test("an lz4 batch that holds no records is refused where it is opened")
    func openedAndBroken() async throws {
        try await withTopic(["cleanup.policy": "compact"]) { client, _ in
            let whole = try batch([0, 0], .lz4, key: "a")
            let more = whole.setting(Int32(3), at: RecordBatchLayout.recordCount)
                .setting(Int32(2), at: RecordBatchLayout.lastOffsetDelta)
            let refused = try await client.produce(more, to: "readings")
            #expect(refused.errorCode == .invalidRecord && refused.recordErrors.map(\.batchIndex) == [2], "\(refused)")
        }
    }

    // MARK: Deleting

    @Test(
        "records of a topic that is only compacted are not deleted by a client",
        arguments: [("compact", ErrorCode.policyViolation), ("compact,delete", .none), ("delete", .none)])
    func deleteRecords(policy: String, code: ErrorCode) async throws {
        try await withTopic(["cleanup.policy": policy]) { client, _ in
            _ = try await client.produce(batch([0, 0], .none, key: "a"), to: "readings")
            let answer = try await client.call(DeleteRecordsRequest.deleting("readings", before: 2))
            #expect(answer.topics.first?.partitions.map(\.errorCode) == [code])
            let earliest = try await client.offset(in: "readings", at: ListOffsetsRequest.earliest).offset
            #expect(earliest == (code == .none ? 2 : 0))
        }
    }
}
