import Broker
import BrokerTestSupport
import CLZ4
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

/// What clients rely on without asking for it, and fail over where it is otherwise. Much of that is tested where it
/// belongs: what is offered in `VersionTests`, the answer to an unknown version in `FrameTests`, limits, waiting and
/// ranges in `FetchTests`, times in `OffsetTests`, what is stored in `StoredBatchTests`, silence in `PipelineTests`.
@Suite("What clients rely on", .timeLimit(.minutes(10)))
struct ClientTrapTests {
    private func withClient(_ body: (WireClient, Broker) async throws -> Void) async throws {
        try await withBroker { broker in try await body(WireClient.connect(to: broker), broker) }
    }

    // MARK: Lists

    @Test("the settings of a topic that is created are a list, never null, also where it is refused", arguments: 5...7)
    func settingsList(version: Int16) async throws {
        try await withClient { client, _ in
            for code in [ErrorCode.none, .topicAlreadyExists] {
                let answer = try await client.call(CreateTopicsRequest.creating("readings"), version: version)
                let topic = try #require(answer.topics.first)
                #expect(topic.errorCode == code && topic.configs != nil)
            }
            var request = CreateTopicsRequest.creating("a/b")
            request.topics += CreateTopicsRequest.creating("none", partitions: 0).topics
            let refused = try await client.call(request, version: version).topics
            #expect(refused.allSatisfy { $0.errorCode != .none && $0.configs != nil })
        }
    }

    // MARK: Transactions

    @Test(
        "a reader of committed records alone sees all there are: none is aborted, the last stable offset is the end",
        arguments: 4...12)
    func readCommitted(version: Int16) async throws {
        try await withClient { client, _ in
            try await client.create("readings")
            #expect(try await client.produce(Batch("one", "two"), to: "readings").errorCode == .none)
            for isolation in [0, 1] as [Int8] {
                for offset in [0, 2] as [Int64] {
                    let data = try await client.fetch("readings", from: offset, version: version) {
                        $0.isolationLevel = isolation
                    }
                    #expect(data.errorCode == .none && data.abortedTransactions == [])
                    #expect(data.highWatermark == 2 && data.lastStableOffset == 2)
                    #expect(try data.records.bytes.storedRecords.count == (offset == 0 ? 2 : 0))
                }
                var request = ListOffsetsRequest.asking("readings", at: ListOffsetsRequest.latest)
                request.isolationLevel = isolation
                #expect(try await client.call(request).topics[0].partitions[0].offset == 2)
            }
        }
    }

    // MARK: Where the log starts

    @Test("the answer to a producer says where the log starts, from version 5", arguments: 3...12)
    func logStart(version: Int16) async throws {
        try await withClient { client, _ in
            try await client.create("readings")
            let taken = try await client.produce(Batch("x"), to: "readings", version: version)
            #expect(taken.errorCode == .none && taken.logStartOffset == (version >= 5 ? 0 : -1))
            let refused = try await client.produce(records: nil, to: "readings", version: version)
            #expect(refused.errorCode == .invalidRecord && refused.logStartOffset == -1)
        }
    }

    // MARK: Compression

    /// What an LZ4 frame may say of itself.
    struct FrameFlags: Sendable, CustomTestStringConvertible {
        var isLinked = false
        var hasBlockChecksums = false
        var hasContentChecksum = false
        var hasContentSize = false

        static let all = (0..<16).map { bits in
            FrameFlags(
                isLinked: bits & 1 != 0, hasBlockChecksums: bits & 2 != 0, hasContentChecksum: bits & 4 != 0,
                hasContentSize: bits & 8 != 0)
        }

        var testDescription: String {
            let names = [
                (isLinked, "linked blocks"), (hasBlockChecksums, "block checksums"),
                (hasContentChecksum, "content checksum"), (hasContentSize, "content size"),
            ]
            return names.filter(\.0).map(\.1).joined(separator: ", ")
        }

        func frame(_ content: [UInt8]) -> [UInt8] {
            var preferences = LZ4F_preferences_t()
            preferences.frameInfo.blockSizeID = LZ4F_max64KB
            preferences.frameInfo.blockMode = isLinked ? LZ4F_blockLinked : LZ4F_blockIndependent
            preferences.frameInfo.blockChecksumFlag =
                hasBlockChecksums ? LZ4F_blockChecksumEnabled : LZ4F_noBlockChecksum
            preferences.frameInfo.contentChecksumFlag =
                hasContentChecksum ? LZ4F_contentChecksumEnabled : LZ4F_noContentChecksum
            preferences.frameInfo.contentSize = hasContentSize ? UInt64(content.count) : 0
            let bound = LZ4F_compressFrameBound(content.count, &preferences)
            return [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
                count = LZ4F_compressFrame(buffer.baseAddress, bound, content, content.count, &preferences)
                #expect(LZ4F_isError(count) == 0)
            }
        }
    }

    private static let start: Int64 = 1_700_000_000_000

    /// A batch of records of some blocks' length, one each second, by the frame that `compress` makes of them.
    private static func batch(codec: Compression, _ compress: ([UInt8]) -> [UInt8]) throws -> Batch {
        let records = (0..<200).map { index in
            Record(
                value: String(repeating: "reading \(index) ", count: 100),
                timestamp: Timestamp(milliseconds: start + Int64(index) * 1000))
        }
        let plain = try Batch(records)
        let header = try plain.header
        let batch = try Batch(payload: compress(plain.payload), codec: codec.rawValue, recordCount: 200)
        return batch.setting(header.baseTimestamp.milliseconds, at: RecordBatchLayout.baseTimestamp)
            .setting(header.maxTimestamp.milliseconds, at: RecordBatchLayout.maxTimestamp)
    }

    /// The batch is served as it came, but for its offset and leader epoch, which the checksum does not cover.
    private func expectUntouched(_ batch: Batch, _ client: WireClient) async throws {
        #expect(try await client.produce(batch, to: "readings").errorCode == .none)
        let bytes = try await client.fetch("readings").records.bytes
        #expect(bytes.count == batch.bytes.count)
        #expect(bytes[RecordBatchLayout.magic...] == batch.bytes[RecordBatchLayout.magic...])
    }

    @Test(
        "an lz4 frame of any flags is served as it came, and times are found in it to the record",
        arguments: FrameFlags.all, ["lz4", "producer"])
    func lz4Frames(flags: FrameFlags, type: String) async throws {
        try await withClient { client, _ in
            try await client.create("readings", ["compression.type": type])
            try await expectUntouched(try Self.batch(codec: .lz4, flags.frame), client)
            for (time, offset) in [(Self.start, 0), (Self.start + 76_500, 77), (Self.start + 199_000, 199)] {
                #expect(try await client.offset(in: "readings", at: time).offset == Int64(offset))
            }
            let newest = try await client.offset(in: "readings", at: ListOffsetsRequest.maxTimestamp)
            #expect(newest.offset == 199 && newest.timestamp == Self.start + 199_000)
            #expect(try await client.values(in: "readings").count == 200)
        }
    }

    @Test("a frame of LZ4's legacy format is refused: no reader of batches knows it")
    func legacyFrame() async throws {
        try await withSurvivor { broker in
            let batch = try Batch(payload: [0x02, 0x21, 0x4c, 0x18, 1, 0, 0, 0, 0], codec: 3, recordCount: 1)
            let answer = try await broker.client.produce(batch, to: "kept")
            #expect(answer.errorCode == .invalidRecord)
            #expect(answer.errorMessage?.contains("not an LZ4 frame") == true)
        }
    }

    /// Snappy without anything to repeat: the length as a varint, then literals.
    private static func rawSnappy(_ content: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        var length = content.count
        while length >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: length) | 0x80)
            length >>= 7
        }
        bytes.append(UInt8(length))
        for start in stride(from: 0, to: content.count, by: 256) {
            let literal = content[start..<min(start + 256, content.count)]
            // Tag 60: a literal whose length less one is the next byte.
            bytes += [60 << 2, UInt8(literal.count - 1)] + literal
        }
        return bytes
    }

    /// The framing of xerial's library, which Java's clients use: magic, two versions, then blocks with their lengths.
    private static func xerialSnappy(_ content: [UInt8]) -> [UInt8] {
        let header: [UInt8] = [0x82] + Array("SNAPPY".utf8) + [0] + Wire.bytes(Int32(1)) + Wire.bytes(Int32(1))
        return stride(from: 0, to: content.count, by: 32_768).reduce(into: header) { frame, start in
            let block = rawSnappy(Array(content[start..<min(start + 32_768, content.count)]))
            frame += Wire.bytes(Int32(block.count)) + block
        }
    }

    @Test("snappy is served as it came, framed as Java's clients do or raw", arguments: [true, false])
    func snappy(isFramed: Bool) async throws {
        try await withClient { client, _ in
            try await client.create("readings")
            let batch = try Self.batch(codec: .snappy, isFramed ? Self.xerialSnappy : Self.rawSnappy)
            try await expectUntouched(batch, client)
        }
    }

    @Test(
        "of batches in a codec that is not read here, a time finds the one that may hold it: nothing later is missed",
        arguments: [Compression.gzip, .snappy, .zstd])
    func foreignTimes(codec: Compression) async throws {
        try await withClient { client, _ in
            try await client.create("readings")
            // The second has the newest record.
            for second in [10, 30, 20] as [Int64] {
                let batch = try Batch(payload: [1, 2, 3], codec: codec.rawValue, recordCount: 5)
                    .setting(Self.start + second * 1000, at: RecordBatchLayout.maxTimestamp)
                #expect(try await client.produce(batch, to: "readings").errorCode == .none)
            }
            let expected: [(second: Int64, offset: Int64, batch: Int64)] = [(0, 0, 10), (10, 0, 10), (11, 5, 30)]
            for (second, offset, batch) in expected + [(25, 5, 30), (30, 5, 30)] {
                let answer = try await client.offset(in: "readings", at: Self.start + second * 1000)
                #expect(answer.offset == offset && answer.timestamp == Self.start + batch * 1000, "second \(second)")
            }
            #expect(try await client.offset(in: "readings", at: Self.start + 30_001).offset == -1)
            let newest = try await client.offset(in: "readings", at: ListOffsetsRequest.maxTimestamp)
            #expect(newest.offset == 5 && newest.timestamp == Self.start + 30_000)
        }
    }

    // MARK: The time of the append

    @Test(
        "LogAppendTime rewrites attributes, time and checksum of a batch that is not read here, and nothing else",
        arguments: [Compression.gzip, .snappy, .zstd])
    func appendTime(codec: Compression) async throws {
        let now: Int64 = 1_800_000_000_000
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.log.environment.now = { Timestamp(milliseconds: now) }
        }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", ["message.timestamp.type": "LogAppendTime"])
            let batch = try Batch(payload: Array(0...255), codec: codec.rawValue, recordCount: 5)
            #expect(try await client.produce(batch, to: "readings").logAppendTimeMs == now)
            let bytes = try await client.fetch("readings").records.bytes
            // Checks the checksum.
            let header = try RecordBatchView(validating: bytes.span.bytes).header
            #expect(header.attributes.usesLogAppendTime && header.maxTimestamp.milliseconds == now)
            var restored = Batch(bytes: bytes)
            restored.set(UInt16(codec.rawValue), at: RecordBatchLayout.attributes)
            restored.set(try batch.header.maxTimestamp.milliseconds, at: RecordBatchLayout.maxTimestamp)
            #expect(restored.bytes[RecordBatchLayout.magic...] == batch.bytes[RecordBatchLayout.magic...])
            // All its records have that time, so the first is the first of it.
            let found = try await client.offset(in: "readings", at: now)
            #expect(found.offset == 0 && found.timestamp == now)
        }
    }
}
