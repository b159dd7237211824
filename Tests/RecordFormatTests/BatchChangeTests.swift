import TestSupport
import Testing

@testable import RecordFormat

@Suite("What a broker does to a batch")
struct BatchChangeTests {
    private func compress(_ bytes: [UInt8], _ compressor: inout BatchCompressor) throws -> [UInt8]? {
        guard compressor.compress(try RecordBatchView(validating: bytes.span.bytes)) else { return nil }
        return compressor.withUnsafeBytes { Array($0) }
    }

    private func readings(_ count: Int, _ compression: Compression = .none) throws -> [UInt8] {
        try build(
            (0..<count).map {
                Record(key: "device-\($0 % 5)", value: "reading \($0)", timestamp: Timestamp(milliseconds: Int64($0)))
            },
            compression, baseOffset: 40, leaderEpoch: 3, producer: (id: 11, epoch: 2, baseSequence: 6))
    }

    @Test("a compressed batch has the same records, numbers and places, and is what the builder would have made")
    func compressor() throws {
        var compressor = BatchCompressor()
        for count in [50, 3000, 20] {
            let plain = try readings(count)
            let compressed = try #require(try compress(plain, &compressor))
            #expect(compressed == (try readings(count, .lz4)))
            #expect(compressor.bytes.byteCount == compressed.count)
            #expect(try decode(compressed).records == decode(plain).records)
            try validate(compressed)
        }
    }

    @Test("only what gets smaller is compressed, and only what was not")
    func notCompressed() throws {
        var compressor = BatchCompressor()
        #expect(try compress(build([Record(value: "short")]), &compressor) == nil)
        #expect(try compress(readings(100, .lz4), &compressor) == nil)
        for vector in BatchVectors.all where vector.compression != Compression.none {
            #expect(try compress(vector.bytes, &compressor) == nil, "\(vector.testDescription)")
        }
        for attributes in 1...7 as ClosedRange<UInt16> {
            let records = [UInt8](repeating: 0, count: 500)
            #expect(try compress(HandMadeBatch(attributes: attributes, records: records).bytes, &compressor) == nil)
        }
    }

    @Test("the other attributes stay")
    func attributes() throws {
        var compressor = BatchCompressor()
        var batch = HandMadeBatch(
            records: HandMadeRecord([1, 0xD0, 0x0F] + [UInt8](repeating: 7, count: 1000) + [0]).bytes)
        batch.attributes = 0b11_1000
        batch.maxTimestamp = 99
        let compressed = try decode(try #require(try compress(batch.bytes, &compressor)))
        #expect(compressed.header.attributes.rawValue == 0b11_1011)
        #expect(compressed.records == (try decode(batch.bytes).records))
    }

    @Test("a batch whose records take more than is decompressed by default stays as it is")
    func tooLargeToDecompress() throws {
        var compressor = BatchCompressor()
        let record = Record(value: [UInt8](repeating: 0, count: DecompressionBuffer.defaultLimit))
        #expect(try compress(build([record]), &compressor) == nil)
    }

    @Test("a batch gets its place without a new checksum", arguments: [Compression.none, .lz4])
    func place(compression: Compression) throws {
        let original = try readings(100, compression)
        var bytes = original
        bytes.withUnsafeMutableBytes { RecordBatchPatch.place($0, baseOffset: 4_000_000_000, leaderEpoch: 8) }
        let batch = try decode(bytes)
        #expect(batch.header.baseOffset == 4_000_000_000 && batch.header.partitionLeaderEpoch == 8)
        #expect(batch.records.map(\.offset.value) == Array(4_000_000_000..<4_000_000_100))
        #expect(batch.records.map(\.record) == (try decode(original).records.map(\.record)))
        let changed = zip(bytes, original).enumerated().filter { $0.element.0 != $0.element.1 }.map(\.offset)
        #expect(changed.allSatisfy { $0 < 8 || (12..<16).contains($0) })
        // All the way around: where it was before.
        bytes.withUnsafeMutableBytes { RecordBatchPatch.place($0, baseOffset: 40, leaderEpoch: 3) }
        #expect(bytes == original)
    }

    @Test("the time of the append is every record's, and the checksum is true", arguments: [Compression.none, .lz4])
    func logAppendTime(compression: Compression) throws {
        let original = try readings(100, compression)
        for time in [0, -1, 1_800_000_000_000, .max, .min] as [Int64] {
            var bytes = original
            bytes.withUnsafeMutableBytes {
                RecordBatchPatch.setLogAppendTime($0, Timestamp(milliseconds: time))
            }
            let (batch, before) = (try decode(bytes), try decode(original))
            #expect(batch.header.attributes.usesLogAppendTime)
            #expect(batch.header.compression == compression)
            #expect(batch.header.maxTimestamp.milliseconds == time)
            #expect(batch.header.baseTimestamp == before.header.baseTimestamp)
            #expect(batch.header.producerID == 11 && batch.header.baseSequence == 6)
            #expect(batch.records.allSatisfy { $0.timestamp.milliseconds == time })
            #expect(batch.records.map(\.value) == before.records.map(\.value))
        }
    }
}
