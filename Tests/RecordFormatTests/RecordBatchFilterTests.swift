import Foundation
import RecordFormat
import TestSupport
import Testing

/// What is left of a batch when records are taken out of it.
@Suite("Batches with records taken out")
struct RecordBatchFilterTests {
    private static let horizon = Timestamp(milliseconds: 1_800_000_000_000)

    /// The batch that is left, by which of its records stay; nil where none does.
    private func filter(
        _ bytes: [UInt8], horizon: Timestamp? = nil, _ filter: inout RecordBatchFilter, keeping isKept: (Int) -> Bool
    ) throws(BatchError) -> [UInt8]? {
        var index = -1
        let batch = try RecordBatchView(validating: bytes.span.bytes)
        switch try filter.filter(
            batch, horizon: horizon,
            keeps: { _ in
                index += 1
                return isKept(index)
            })
        {
        case .unchanged: return bytes
        case .changed: return filter.withUnsafeBytes { Array($0) }
        case .empty: return nil
        }
    }

    /// For each of a few dozen choices of records, all of them where those are few.
    private func forEachChoice(_ count: Int, _ body: ((Int) -> Bool) throws -> Void) rethrows {
        if count <= 5 {
            for bits in 0..<1 << count { try body { bits >> $0 & 1 == 1 } }
            return
        }
        try body { _ in true }
        try body { _ in false }
        try body { $0 == 0 }
        try body { $0 == count - 1 }
        try body { $0 != 0 }
        try body { $0 != count - 1 }
        for seed in 0..<6 {
            var random = SeededRandom(seed: UInt64(seed))
            let kept = (0..<count).map { _ in Int.random(in: 0..<6, using: &random) <= seed }
            try body { kept[$0] }
        }
    }

    @Test(
        "records that stay are what they were, and the header still says whose they are",
        arguments: BatchVectors.readable)
    func everyChoice(vector: BatchVector) throws {
        var filter = RecordBatchFilter()
        let before = try header(of: vector.bytes)
        try forEachChoice(vector.records.count) { isKept in
            let expected = vector.records.enumerated().filter { isKept($0.offset) }.map(\.element)
            for horizon in [nil, Self.horizon] {
                guard let bytes = try self.filter(vector.bytes, horizon: horizon, &filter, keeping: isKept) else {
                    #expect(expected.isEmpty)
                    continue
                }
                let left = try decode(bytes)
                #expect(left.records == expected)
                check(left.header, before, expected, getsHorizon: horizon != nil)
                if expected.count == vector.records.count && !left.header.attributes.hasDeleteHorizon {
                    #expect(bytes == vector.bytes)
                }
            }
        }
    }

    private func check(
        _ header: RecordBatchHeader, _ before: RecordBatchHeader, _ records: [StoredRecord], getsHorizon: Bool
    ) {
        let hasTombstone = records.contains { $0.key != nil && $0.value == nil }
        #expect(header.deleteHorizon == (getsHorizon && hasTombstone ? Self.horizon : nil))
        #expect(header.baseOffset == before.baseOffset)
        #expect(header.lastOffset == before.lastOffset)
        #expect(header.partitionLeaderEpoch == before.partitionLeaderEpoch)
        #expect(header.producerID == before.producerID)
        #expect(header.producerEpoch == before.producerEpoch)
        #expect(header.baseSequence == before.baseSequence)
        #expect(header.recordCount == Int32(records.count))
        #expect(header.maxTimestamp == records.map(\.timestamp).max())
        #expect(header.attributes.isTransactional == before.attributes.isTransactional)
        if header.deleteHorizon == nil { #expect(header.baseTimestamp == before.baseTimestamp) }
        // What lz4 makes no smaller is not compressed; nothing that was not is.
        #expect(header.compression == before.compression || header.compression == Compression.none)
    }

    @Test("what is left of a large lz4 batch is lz4")
    func staysCompressed() throws {
        var filter = RecordBatchFilter()
        for vector in BatchVectors.readable where vector.name == "many-lz4" {
            let bytes = try #require(try self.filter(vector.bytes, &filter) { $0 % 3 == 0 })
            #expect(try header(of: bytes).compression == .lz4)
            #expect(bytes.count < vector.bytes.count / 2)
        }
    }

    @Test("a tombstone keeps the horizon that it has")
    func keepsHorizon() throws {
        var filter = RecordBatchFilter()
        let records = (0..<6).map {
            Record(
                key: Array("k\($0)".utf8), value: $0 % 2 == 0 ? nil : [1], timestamp: Timestamp(milliseconds: Int64($0))
            )
        }
        let first = try #require(
            try self.filter(build(records, baseOffset: 40), horizon: Self.horizon, &filter) { $0 > 1 })
        #expect(try header(of: first).deleteHorizon == Self.horizon)
        let later = Timestamp(milliseconds: Self.horizon.milliseconds + 5)
        let second = try #require(try self.filter(first, horizon: later, &filter) { $0 > 0 })
        let left = try decode(second)
        #expect(left.header.deleteHorizon == Self.horizon)
        #expect(left.records.map(\.offset.value) == [43, 44, 45])
        #expect(left.records.map(\.timestamp.milliseconds) == [3, 4, 5])
        // All stay, and the horizon is there: nothing to write.
        #expect(try self.filter(second, horizon: later, &filter) { _ in true } == second)
    }

    @Test("a record without key and value is no tombstone")
    func neitherKeyNorValue() throws {
        var filter = RecordBatchFilter()
        let bytes = try build([Record(key: nil as [UInt8]?, value: nil, timestamp: Timestamp(milliseconds: 1))])
        #expect(try self.filter(bytes, horizon: Self.horizon, &filter) { _ in true } == bytes)
    }

    @Test("any horizon goes with any timestamp", arguments: [Int64.min, -1, 0, 1_700_000_000_000, .max])
    func extremeTimes(time: Int64) throws {
        var filter = RecordBatchFilter()
        let times: [Int64] = [time, 0, .max, .min, -1]
        let records = times.map { Record(key: [1], value: nil, timestamp: Timestamp(milliseconds: $0)) }
        for horizon: Int64 in [.min, -1, 0, .max] {
            let bytes = try #require(
                try self.filter(build(records), horizon: Timestamp(milliseconds: horizon), &filter) { $0 < 4 })
            let left = try decode(bytes)
            #expect(left.header.deleteHorizon?.milliseconds == horizon)
            #expect(left.records.map(\.timestamp.milliseconds) == Array(times.prefix(4)))
        }
    }

    @Test("what goes is gone also where a horizon would make the batch larger than is read again")
    func horizonWithoutRoom() throws {
        var filter = RecordBatchFilter()
        let time = Timestamp(milliseconds: 1_700_000_000_000)
        var builder = RecordBatchBuilder(compression: .lz4)
        for _ in 0..<63 {
            let key = [UInt8](repeating: 7, count: 1 << 20)
            builder.append(Record(key: key, value: nil, timestamp: time), defaultTimestamp: time)
        }
        builder.append(Record(key: [8], value: [9], timestamp: time), defaultTimestamp: time)
        let room = DecompressionBuffer.defaultLimit + RecordBatchLayout.headerSize - builder.estimatedByteCount
        let last = [UInt8](repeating: 7, count: room - 60)
        builder.append(Record(key: last, value: nil, timestamp: time), defaultTimestamp: time)
        try builder.finish(baseOffset: 0)
        let bytes = builder.withUnsafeBytes { Array($0) }
        let kept = try #require(try self.filter(bytes, horizon: Self.horizon, &filter) { $0 != 63 })
        let left = try header(of: kept)
        #expect(left.recordCount == 64 && left.deleteHorizon == nil && left.compression == .lz4)
        // Where nothing goes, it stays as it is.
        #expect(try self.filter(kept, horizon: Self.horizon, &filter) { _ in true } == kept)
    }

    @Test("the time of the append stays every record's", arguments: [Compression.none, .lz4])
    func logAppendTime(compression: Compression) throws {
        var filter = RecordBatchFilter()
        let records = (0..<50).map {
            Record(key: [1], value: $0 == 7 ? nil : [2, 3], timestamp: Timestamp(milliseconds: Int64($0)))
        }
        var bytes = try build(records, compression)
        bytes.withUnsafeMutableBytes { RecordBatchPatch.setLogAppendTime($0, Timestamp(milliseconds: 77)) }
        let left = try decode(
            try #require(try self.filter(bytes, horizon: Self.horizon, &filter) { $0 == 7 || $0 == 9 }))
        #expect(left.header.attributes.usesLogAppendTime)
        #expect(left.header.maxTimestamp.milliseconds == 77)
        #expect(left.records.map(\.timestamp.milliseconds) == [77, 77])
        #expect(left.records.map(\.offset.value) == [7, 9])
    }

    @Test("the empty batch says what its producer's last number was")
    func empty() throws {
        var filter = RecordBatchFilter()
        let records = (0..<3).map { Record(key: [1], value: [2], timestamp: Timestamp(milliseconds: 500 + Int64($0))) }
        let bytes = try build(records, .lz4, baseOffset: 40, leaderEpoch: 6, producer: (4711, 3, 2_000_000_000))
        filter.makeEmpty(try header(of: bytes))
        let empty = filter.withUnsafeBytes { Array($0) }
        #expect(
            empty
                == ([0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0, 49, 0, 0, 0, 6, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]
                + [UInt8](repeating: 0xFF, count: 16)
                + [0, 0, 0, 0, 0, 0, 0x12, 0x67, 0, 3, 0x77, 0x35, 0x94, 0, 0, 0, 0, 0] as [UInt8]).withChecksum)
        let left = try decode(empty)
        #expect(left.records.isEmpty)
        #expect(left.header.lastOffset == 42)
        // Of a batch without records nothing is left, whatever is to be kept.
        #expect(try self.filter(empty, horizon: Self.horizon, &filter) { _ in true } == nil)
    }

    @Test("a filler stands for offsets alone")
    func filler() throws {
        for (first, last) in [(0, 0), (7, 9), (1 << 40, 1 << 40 + Int64(Int32.max))] as [(Int64, Int64)] {
            let bytes = EmptyRecordBatch.withBytes(from: Offset(first), through: Offset(last), leaderEpoch: 4) {
                Array($0)
            }
            let left = try decode(bytes)
            #expect(left.records.isEmpty && left.header.producerID == -1 && left.header.baseSequence == -1)
            #expect(left.header.baseOffset == Offset(first) && left.header.lastOffset == Offset(last))
            #expect(left.header.maxTimestamp == .none && left.header.partitionLeaderEpoch == 4)
        }
    }

    @Test("damage is said, not kept", arguments: BatchVectors.small.filter { $0.compression == Compression.none })
    func damage(vector: BatchVector) throws {
        var filter = RecordBatchFilter()
        for position in RecordBatchLayout.headerSize..<vector.bytes.count {
            var bytes = vector.bytes
            bytes[position] ^= 0x55
            bytes = bytes.withChecksum
            // Whatever the change came to: what is written decodes, or an error was thrown.
            guard let left = try? self.filter(bytes, horizon: Self.horizon, &filter, keeping: { $0 % 2 == 0 }) else {
                continue
            }
            #expect(throws: Never.self) { try decode(left) }
        }
        let short = Array(vector.bytes.dropLast()).setting(Int32(vector.bytes.count - 13), at: 8).withChecksum
        #expect(throws: BatchError.self) { try self.filter(short, &filter) { _ in true } }
    }

    @Test("batches of codecs that are not decoded here are refused")
    func otherCodecs() throws {
        var filter = RecordBatchFilter()
        for vector in BatchVectors.all where vector.compression == .zstd {
            #expect(throws: BatchError.unsupportedCompression(4)) {
                try self.filter(vector.bytes, &filter) { _ in true }
            }
        }
    }

    @Test(
        "kafka-python reads what is left",
        .enabled(if: KafkaPython.interpreter != nil, "\(KafkaPython.missing)"))
    func readByKafkaPython() throws {
        var filter = RecordBatchFilter()
        var stored: [UInt8] = []
        var expected: [String] = []
        func store(_ batch: [UInt8], at base: Int64) throws {
            var placed = batch
            placed.withUnsafeMutableBytes { RecordBatchPatch.place($0, baseOffset: Offset(base), leaderEpoch: 2) }
            stored += placed
            let left = try decode(placed)
            expected.append(line(left.header))
            expected += left.records.map(line)
        }
        for (number, vector) in BatchVectors.readable.enumerated() {
            try forEachChoice(vector.records.count) { isKept in
                let base = Int64(number) << 32 + Int64(expected.count)
                guard let left = try self.filter(vector.bytes, horizon: Self.horizon, &filter, keeping: isKept) else {
                    filter.makeEmpty(try header(of: vector.bytes))
                    return try store(filter.withUnsafeBytes { Array($0) }, at: base)
                }
                try store(left, at: base)
            }
        }
        try store(EmptyRecordBatch.withBytes(from: 5, through: 12, leaderEpoch: 0) { Array($0) }, at: 5)
        let folder = TemporaryDirectory()
        try folder.write(stored, to: "filtered")
        let script = vectorFolder.appending(path: "batches/read_filtered.py").path
        let (status, output) = try KafkaPython.run([script, "\(folder.path)/filtered"])
        #expect(status == 0, "\(output.suffix(2000))")
        let found = output.split(separator: "\n").map { String($0) }
        #expect(found.count == expected.count)
        for (found, expected) in zip(found, expected) where found != expected {
            Issue.record("kafka-python reads \(found), not \(expected)")
            break
        }
    }

    private func line(_ header: RecordBatchHeader) -> String {
        "batch \(header.baseOffset) \(header.lastOffset) \(header.attributes.rawValue) \(header.producerID) "
            + "\(header.producerEpoch) \(header.baseSequence) \(header.maxTimestamp) \(header.recordCount)"
    }

    private func line(_ record: StoredRecord) -> String {
        func text(_ bytes: [UInt8]?) -> String {
            guard let bytes else { return "-" }
            return "'" + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        let headers = record.headers.map { "\(text(Array($0.name.utf8)))=\(text($0.value))" }.joined(separator: ",")
        return "\(record.offset) \(record.timestamp) \(text(record.key)) \(text(record.value)) \(headers)"
    }
}
