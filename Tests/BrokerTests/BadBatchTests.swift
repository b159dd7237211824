import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("Bad batches", .timeLimit(.minutes(10)))
struct BadBatchTests {
    /// Sends the batch, expects the code, no offset, a reason, a line in the log, and that nothing was appended.
    private func expectRefused(
        _ bytes: [UInt8]?, _ code: ErrorCode, _ reason: String, _ configs: [String: String] = [:],
        limits: Limits = Limits(), _ location: SourceLocation = #_sourceLocation
    ) async throws {
        try await withSurvivor(limits: limits) { broker in
            try await broker.client.create("readings", configs)
            let records = bytes.map { ByteBuffer(bytes: $0) }
            let answer = try await broker.client.produce(records: records, to: "readings")
            #expect(answer.errorCode == code, "\(answer.errorCode.name)", sourceLocation: location)
            #expect(answer.baseOffset == -1, sourceLocation: location)
            #expect(answer.errorMessage?.contains(reason) == true, "\(answer)", sourceLocation: location)
            let line = await broker.logs.line(with: "a batch is refused")
            #expect(line.contains("error=\(code.name)") && line.contains("topic=readings"), "\(line)")
            // The same connection goes on, at offset 0.
            let next = try await broker.client.produce(Batch("good"), to: "readings")
            #expect(next.errorCode == .none && next.baseOffset == 0, sourceLocation: location)
            #expect(try await broker.client.values(in: "readings") == ["good"], sourceLocation: location)
        }
    }

    // MARK: The batch as a whole

    @Test("a batch of another message format is refused", arguments: [0, 1, 3, 0x7f, 0xff] as [UInt8])
    func magic(magic: UInt8) async throws {
        var batch = try Batch("old")
        batch.set(magic, at: RecordBatchLayout.magic)
        try await expectRefused(batch.bytes, .invalidRecord, "message format \(magic) is not served")
    }

    @Test("a batch whose bytes are not what its checksum says is refused, whichever byte it is")
    func checksum() async throws {
        try await withSurvivor { broker in
            let batch = try Batch("one", "two")
            for position in RecordBatchLayout.crc..<batch.bytes.count {
                let answer = try await broker.client.produce(batch.damaging(position), to: "kept")
                #expect(answer.errorCode == .corruptMessage, "byte \(position)")
                #expect(answer.baseOffset == -1)
            }
            await broker.logs.line(with: "the checksum is")
        }
    }

    @Test("a batch that is cut is refused, wherever it is cut")
    func cut() async throws {
        try await withSurvivor { broker in
            let bytes = try Batch("one", "two").bytes
            for count in 1..<bytes.count {
                let records = ByteBuffer(bytes: bytes[..<count])
                let answer = try await broker.client.produce(records: records, to: "kept")
                #expect(answer.errorCode == .corruptMessage, "\(count) bytes")
            }
            await broker.logs.line(with: "the batch is cut")
        }
    }

    @Test(
        "a batch whose length cannot be is refused",
        arguments: [
            (-1, ErrorCode.corruptMessage), (0, .corruptMessage), (48, .corruptMessage), (Int32.min, .corruptMessage),
            (Int32.max, .corruptMessage),
        ] as [(Int32, ErrorCode)])
    func length(length: Int32, code: ErrorCode) async throws {
        let batch = try Batch("one").setting(length, at: RecordBatchLayout.batchLength)
        try await expectRefused(batch.bytes, code, "batch")
    }

    @Test("no records at all are refused", arguments: [nil, []] as [[UInt8]?])
    func nothing(bytes: [UInt8]?) async throws {
        try await expectRefused(bytes, .invalidRecord, "there")
    }

    @Test("a second batch for the partition is refused, and the first with it")
    func twoBatches() async throws {
        let batches = try Batch("one").bytes + Batch("two").bytes
        try await expectRefused(batches, .invalidRecord, "one batch")
    }

    @Test("bytes after the batch are refused")
    func bytesAfter() async throws {
        try await expectRefused(try Batch("one").bytes + [0], .invalidRecord, "bytes follow")
    }

    @Test("a batch over max.message.bytes is refused, one of just that size is not")
    func tooLarge() async throws {
        let batch = try Batch(String(repeating: "x", count: 1000))
        try await expectRefused(
            batch.bytes, .messageTooLarge, "over the limit of \(batch.bytes.count - 1)",
            ["max.message.bytes": "\(batch.bytes.count - 1)"])
        try await withSurvivor { broker in
            try await broker.client.create("readings", ["max.message.bytes": "\(batch.bytes.count)"])
            #expect(try await broker.client.produce(batch, to: "readings").errorCode == .none)
        }
    }

    @Test("a batch that compressing would bring under max.message.bytes is refused all the same")
    func tooLargeBeforeCompression() async throws {
        let batch = try Batch(String(repeating: "x", count: 10_000))
        try await expectRefused(
            batch.bytes, .messageTooLarge, "over the limit",
            ["max.message.bytes": "5000", "compression.type": "lz4"])
    }

    // MARK: Marks that only a broker sets

    @Test("a control batch is refused")
    func control() async throws {
        let batch = try Batch("one").setting(UInt16(1 << 5), at: RecordBatchLayout.attributes)
        try await expectRefused(batch.bytes, .invalidRecord, "control")
    }

    @Test("a transactional batch is refused")
    func transactional() async throws {
        let batch = try Batch("one").setting(UInt16(1 << 4), at: RecordBatchLayout.attributes)
        try await expectRefused(batch.bytes, .invalidTxnState, "transactions")
    }

    @Test("a batch that claims the time of the append is refused")
    func logAppendTime() async throws {
        let batch = try Batch("one").setting(UInt16(1 << 3), at: RecordBatchLayout.attributes)
        try await expectRefused(batch.bytes, .invalidTimestamp, "time of the append")
    }

    @Test("a batch of a producer id without a sequence number is refused", arguments: [-1, Int32.min])
    func noSequence(sequence: Int32) async throws {
        let batch = try Batch([Record(value: "one")], producer: (id: 7, epoch: 0, baseSequence: sequence))
        try await expectRefused(batch.bytes, .invalidRecord, "sequence number")
    }

    // MARK: Counts and records

    @Test(
        "a count of records that does not fit is refused",
        arguments: [
            // count, last offset delta
            (0, 2), (-1, 2), (1, 2), (4, 3), (4, 2), (3, 3), (3, 1), (Int32.max, Int32.max - 1), (3, -1),
            (Int32.min, Int32.min), (0, -1),
        ] as [(Int32, Int32)])
    func counts(count: Int32, lastOffsetDelta: Int32) async throws {
        var batch = try Batch("one", "two", "three")
        batch.set(count, at: RecordBatchLayout.recordCount)
        batch.set(lastOffsetDelta, at: RecordBatchLayout.lastOffsetDelta)
        try await expectRefused(batch.bytes, .invalidRecord, "re")
    }

    @Test("a count that an lz4 batch cannot hold is refused", arguments: [20_000, Int32.max])
    func compressedCount(count: Int32) async throws {
        var batch = try Batch(String(repeating: "x", count: 1000), compression: .lz4)
        batch.set(count, at: RecordBatchLayout.recordCount)
        batch.set(count - 1, at: RecordBatchLayout.lastOffsetDelta)
        try await expectRefused(batch.bytes, .invalidRecord, "count of \(count) records")
    }

    /// Payloads of one record that is wrong. A right one: length 7, attributes, timestamp, offset, no key, value "x",
    /// no headers.
    private static let right: [UInt8] = [14, 0, 0, 0, 1, 2, 0x78, 0]
    private static let tooManyBits = [UInt8](repeating: 0xff, count: 9) + [0x02]

    @Test(
        "a record that cannot be is refused, with the reason",
        arguments: [
            ("a length past the end", [126] + right.dropFirst(), "cut"),
            ("a length of less than nothing", [1] + right.dropFirst(), "length"),
            ("a length that is too short", [12] + right.dropFirst(), "cut"),
            ("a length of 0", [0] + right.dropFirst(), "cut"),
            ("a varint of more than 64 bits", tooManyBits + right.dropFirst(), "number"),
            ("a varint without an end", [UInt8](repeating: 0x80, count: 12), "number"),
            ("a timestamp of more than 64 bits", [32, 0] + tooManyBits + right.dropFirst(3), "number"),
            ("an offset that is not the next", [14, 0, 0, 2, 1, 2, 0x78, 0], "offset"),
            ("an offset below the first", [14, 0, 0, 1, 1, 2, 0x78, 0], "offset"),
            ("a key past the end", [14, 0, 0, 0, 100, 2, 0x78, 0], "length"),
            ("a key of less than -1", [14, 0, 0, 0, 3, 2, 0x78, 0], "length"),
            ("a value past the end", [14, 0, 0, 0, 1, 100, 0x78, 0], "length"),
            ("more headers than bytes", [14, 0, 0, 0, 1, 2, 0x78, 2], "length"),
            ("headers of less than nothing", [14, 0, 0, 0, 1, 2, 0x78, 1], "length"),
            ("a header without a name", [18, 0, 0, 0, 1, 2, 0x78, 2, 1, 1], "length"),
            ("a second record", right + right, "after the last record"),
            ("a byte after the end", right + [0], "after the last record"),
            ("nothing", [], "count of 1"),
        ] as [(String, [UInt8], String)])
    func record(_: String, payload: [UInt8], reason: String) async throws {
        let batch = try Batch(payload: payload, codec: 0, recordCount: 1)
        try await expectRefused(batch.bytes, .invalidRecord, reason)
    }

    @Test("the record that the wrong ones are made from is right")
    func rightRecord() async throws {
        try await withSurvivor { broker in
            try await broker.client.create("readings")
            let batch = try Batch(payload: Self.right, codec: 0, recordCount: 1)
            #expect(try await broker.client.produce(batch, to: "readings").errorCode == .none)
            #expect(try await broker.client.values(in: "readings") == ["x"])
        }
    }

    // MARK: Timestamps

    @Test("a timestamp that leaves 64 bits wraps, as it does when it is written", arguments: [Int64.max, Int64.min])
    func timestampOverflow(base: Int64) async throws {
        let delta: Int64 = base > 0 ? 1000 : -1000
        let records = [0, delta].map { Record(value: "\($0)", timestamp: Timestamp(milliseconds: $0)) }
        let batch = try Batch(records).setting(base, at: RecordBatchLayout.baseTimestamp)
        try await withSurvivor { broker in
            try await broker.client.create("readings", ["message.timestamp.after.max.ms": "\(Int64.max)"])
            #expect(try await broker.client.produce(batch, to: "readings").errorCode == .none)
            #expect(try await broker.client.values(in: "readings") == ["0", "\(delta)"])
        }
    }

    @Test(
        "timestamps from end to end of 64 bits are taken and found, and harm nothing",
        arguments: ["CreateTime", "LogAppendTime"])
    func extremeTimestamps(type: String) async throws {
        try await withSurvivor { broker in
            let configs = ["message.timestamp.type": type, "message.timestamp.after.max.ms": "\(Int64.max)"]
            try await broker.client.create("readings", configs)
            let times = [Int64.max, Int64.min, -1, 0, Int64.max, 1, Int64.min + 1, -1]
            for (index, time) in times.enumerated() {
                let batch = try Batch([Record(value: "\(index)", timestamp: Timestamp(milliseconds: time))])
                #expect(try await broker.client.produce(batch, to: "readings").errorCode == .none)
            }
            #expect(try await broker.client.values(in: "readings") == times.indices.map { "\($0)" })
            for time in [Int64.min, -4, 0, 1, 2, Int64.max - 1, Int64.max] where time >= 0 {
                let answer = try await broker.client.offset(in: "readings", at: time)
                #expect(answer.errorCode == .none)
                if type == "CreateTime" { #expect(answer.offset == 0 && answer.timestamp == Int64.max) }
            }
            let newest = try await broker.client.offset(in: "readings", at: ListOffsetsRequest.maxTimestamp)
            if type == "CreateTime" { #expect(newest.offset == 0 && newest.timestamp == Int64.max) }
        }
    }

    @Test(
        "a largest timestamp that is not the records' harms nobody",
        arguments: [Int64.max, Int64.min, 0, -1])
    func wrongMaxTimestamp(time: Int64) async throws {
        try await withSurvivor { broker in
            try await broker.client.create("readings")
            let batch = try Batch("one", "two").setting(time, at: RecordBatchLayout.maxTimestamp)
            _ = try await broker.client.produce(batch, to: "readings")
            _ = try await broker.client.produce(Batch("three"), to: "readings")
            #expect(try await broker.client.values(in: "readings") == ["one", "two", "three"])
            for at in [0, 1_700_000_000_000, 1_700_000_000_001, Int64.max, ListOffsetsRequest.maxTimestamp] {
                #expect(try await broker.client.offset(in: "readings", at: at).errorCode == .none)
            }
        }
    }

    // MARK: Compression

    @Test("a codec that is none of Kafka's is refused", arguments: [5, 6, 7] as [UInt8])
    func unknownCodec(codec: UInt8) async throws {
        let batch = try Batch(payload: [1, 2, 3], codec: codec, recordCount: 1)
        try await expectRefused(batch.bytes, .unsupportedCompressionType, "codec \(codec)")
    }

    @Test(
        "a batch of gzip, snappy or zstd is stored and served as it came",
        arguments: [Compression.gzip, .snappy, .zstd], ["lz4", "producer"])
    func foreignCodec(codec: Compression, type: String) async throws {
        try await withSurvivor { broker in
            try await broker.client.create("readings", ["compression.type": type])
            let batch = try Batch(payload: Array(0...255), codec: codec.rawValue, recordCount: 5)
            #expect(try await broker.client.produce(batch, to: "readings").baseOffset == 0)
            #expect(try await broker.client.produce(batch, to: "readings").baseOffset == 5)
            let bytes = try await broker.client.fetch("readings").records.bytes
            // But for its offset and leader epoch, which the checksum does not cover.
            let size = batch.bytes.count
            #expect(Array(bytes[RecordBatchLayout.magic..<size]) == Array(batch.bytes[RecordBatchLayout.magic...]))
            #expect(bytes.count == size * 2)
            #expect(try bytes.batchHeaders.map(\.baseOffset) == [0, 5])
        }
    }

    @Test("an lz4 frame that is cut is refused, wherever it is cut")
    func cutFrame() async throws {
        try await withSurvivor { broker in
            let payload = try Batch(String(repeating: "abc", count: 1000), compression: .lz4).payload
            for count in 0..<payload.count {
                let batch = try Batch(payload: Array(payload[..<count]), codec: 3, recordCount: 1)
                let answer = try await broker.client.produce(batch, to: "kept")
                #expect(answer.errorCode == .invalidRecord, "\(count) bytes")
            }
            await broker.logs.line(with: "the frame is cut")
        }
    }

    @Test("an lz4 frame that may expand past the limit is refused")
    func expandingFrame() async throws {
        let batch = try Batch(String(repeating: "x", count: (1 << 20) + 1), compression: .lz4)
        try #require(batch.bytes.count < 8192)
        try await expectRefused(
            batch.bytes, .messageTooLarge, "when decompressed", limits: .with { $0.decompressedBytes = 1 << 20 })
    }

    @Test("bytes after an lz4 frame, or another one, are refused")
    func afterFrame() async throws {
        let payload = try Batch(String(repeating: "x", count: 1000), compression: .lz4).payload
        for rest in [[0], payload] {
            let batch = try Batch(payload: payload + rest, codec: 3, recordCount: 1)
            try await expectRefused(batch.bytes, .invalidRecord, "after the frame")
        }
    }

    @Test("what is no lz4 frame is refused", arguments: [[], [1, 2, 3], [UInt8](repeating: 0, count: 100)])
    func noFrame(payload: [UInt8]) async throws {
        let batch = try Batch(payload: payload, codec: 3, recordCount: 1)
        try await expectRefused(batch.bytes, .invalidRecord, "LZ4")
    }

    // MARK: Nobody to tell

    @Test("an error with acks=0 closes the connection, with the reason in the log")
    func silentError() async throws {
        try await withSurvivor { broker in
            let request = ProduceRequest.sending(try Batch("one").damaging(60), to: "kept", acks: 0)
            await broker.client.send(try Wire.frame(request))
            let line = await broker.expectClosed(because: "the checksum is")
            #expect(line.contains("api=Produce "), "\(line)")
        }
    }
}
