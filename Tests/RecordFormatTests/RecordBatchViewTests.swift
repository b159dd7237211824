import Testing

@testable import RecordFormat

@Suite("Checks of a record batch")
struct RecordBatchViewTests {
    private let good = HandMadeBatch(records: HandMadeRecord().bytes)

    private func bytes(_ change: (inout HandMadeBatch) -> Void) -> [UInt8] {
        var batch = good
        change(&batch)
        return batch.bytes
    }

    @Test("a batch put together by hand is one")
    func byHand() throws {
        try validate(good.bytes)
        #expect(try decode(good.bytes).records.map(\.valueText) == ["v"])
    }

    @Test("a batch cut at any byte says how much is missing", arguments: BatchVectors.small)
    func truncated(vector: BatchVector) {
        for count in 0..<vector.bytes.count {
            let needed = count < RecordBatchLayout.headerSize ? RecordBatchLayout.headerSize : vector.bytes.count
            #expect(throws: BatchError.truncated(needed: needed, have: count)) {
                try decode(Array(vector.bytes[..<count]))
            }
        }
    }

    @Test("what follows a batch is no part of it")
    func followed() throws {
        let next = bytes { $0.baseOffset = 1 }
        for rest in [[0], [0xFF, 0xFF], next] {
            #expect(try decode(good.bytes + rest) == decode(good.bytes))
        }
        let both = good.bytes + next
        let second = Array(both[try header(of: both).sizeInBytes...])
        #expect(try header(of: second).baseOffset == 1)
    }

    @Test("each flipped bit is an error, but for the fields that a broker sets", arguments: BatchVectors.small)
    func damaged(vector: BatchVector) throws {
        let whole = try decode(vector.bytes)
        for bit in 0..<vector.bytes.count * 8 {
            var bytes = vector.bytes
            bytes[bit / 8] ^= 1 << (bit % 8)
            switch bit / 8 {
            case RecordBatchLayout.baseOffset..<RecordBatchLayout.batchLength:
                let found = try decode(bytes)
                #expect(found.header.baseOffset != whole.header.baseOffset)
                #expect(found.records.map(\.record) == whole.records.map(\.record))
            case RecordBatchLayout.partitionLeaderEpoch..<RecordBatchLayout.magic:
                let found = try decode(bytes)
                #expect(found.header.partitionLeaderEpoch != whole.header.partitionLeaderEpoch)
                #expect(found.records == whole.records)
            case RecordBatchLayout.batchLength..<RecordBatchLayout.partitionLeaderEpoch:
                let error = #expect(throws: BatchError.self) { try decode(bytes) }
                switch error {
                case .truncated, .badLength, .checksumMismatch: break
                default: Issue.record("bit \(bit): \(error as Any)")
                }
            case RecordBatchLayout.magic:
                #expect(throws: BatchError.unsupportedMagic(bytes[RecordBatchLayout.magic])) { try decode(bytes) }
            default:
                let error = #expect(throws: BatchError.self) { try decode(bytes) }
                guard case .checksumMismatch(let stored, let computed)? = error else {
                    Issue.record("bit \(bit): \(error as Any)")
                    continue
                }
                // A checksum tells one from all single bits.
                #expect(stored != computed)
            }
        }
    }

    @Test(
        "the formats before, and one to come, are refused by their number", arguments: [0, 1, 3, 127, 255] as [UInt8])
    func magic(magic: UInt8) {
        var bytes = good.bytes
        bytes[RecordBatchLayout.magic] = magic
        #expect(throws: BatchError.unsupportedMagic(magic)) { try decode(bytes.withChecksum) }
        // Messages of the old formats are shorter than a header of this one.
        for count in [17, 34, 60] {
            #expect(throws: BatchError.unsupportedMagic(magic)) { try decode(Array(bytes[..<count])) }
        }
        #expect(throws: BatchError.truncated(needed: 61, have: 16)) { try decode(Array(bytes[..<16])) }
        #expect(BatchError.unsupportedMagic(magic).description.contains("format \(magic) is not served"))
    }

    @Test("a length that is less than a header is impossible", arguments: [0, 48, -1, -12, -13, .min] as [Int32])
    func shortLength(length: Int32) {
        let bytes = good.bytes.setting(length, at: RecordBatchLayout.batchLength)
        #expect(throws: BatchError.badLength(Int(length))) { try decode(bytes) }
    }

    @Test("a length that goes past the end is cut", arguments: [1, 1000, .max] as [Int32])
    func longLength(more: Int32) throws {
        let size = Int32(good.bytes.count - RecordBatchLayout.lengthPrefix)
        let length = size.addingReportingOverflow(more).overflow ? Int32.max : size + more
        let bytes = good.bytes.setting(length, at: RecordBatchLayout.batchLength)
        #expect(throws: BatchError.truncated(needed: Int(length) + 12, have: bytes.count)) { try decode(bytes) }
    }

    @Test(
        "counts that do not fit each other are refused",
        arguments: [(-1, 0), (.min, 0), (1, -1), (0, -1), (2, 0), (.max, 0), (.max, 1), (1, .min), (.max, .max - 2)]
            as [(Int32, Int32)])
    func counts(count: Int32, lastOffsetDelta: Int32) {
        let bytes = bytes { ($0.count, $0.lastOffsetDelta) = (count, lastOffsetDelta) }
        #expect(throws: BatchError.badRecordCount(count)) { try decode(bytes) }
    }

    @Test(
        "counts that fit each other but not the bytes are refused of a producer, and end a reader at once",
        arguments: [(.max, .max - 1), (.max, .max), (1000, 999), (2, 1)] as [(Int32, Int32)])
    func countsThatLie(count: Int32, lastOffsetDelta: Int32) throws {
        for attributes in [0, 3] as [UInt16] {
            var batch = good
            (batch.count, batch.lastOffsetDelta, batch.attributes) = (count, lastOffsetDelta, attributes)
            // One stored block, put together by hand.
            if attributes == 3 {
                batch.records =
                    [0x04, 0x22, 0x4D, 0x18, 0x60, 0x40, 0x82, UInt8(good.records.count), 0, 0, 0x80] + good.records
                    + [0, 0, 0, 0]
            }
            if attributes == 0 {
                #expect(throws: BatchError.badRecordCount(count)) { try validate(batch.bytes) }
            }
            #expect(throws: BatchError.badRecord(index: 1, .truncated)) { try decode(batch.bytes) }
        }
    }

    @Test("a producer's batch has a record for each offset, at least one")
    func producersCounts() throws {
        for (count, delta) in [(0, 0), (1, 1), (1, 5)] as [(Int32, Int32)] {
            #expect(throws: BatchError.badRecordCount(count)) {
                try validate(bytes { ($0.count, $0.lastOffsetDelta) = (count, delta) })
            }
            // For the other codecs too, whose records are not looked at.
            #expect(throws: BatchError.badRecordCount(count)) {
                try validate(
                    bytes {
                        ($0.count, $0.lastOffsetDelta) = (count, delta)
                        $0.attributes = 4
                    })
            }
        }
        // Compaction leaves such batches in a log.
        let emptied = bytes { ($0.count, $0.lastOffsetDelta, $0.records) = (0, 7, []) }
        #expect(try decode(emptied).records == [])
        #expect(try header(of: emptied).lastOffset == 7)
    }

    @Test("offsets at the end of their range do not trap")
    func offsetsAtTheEnd() throws {
        let records = (0..<3).flatMap { HandMadeRecord(offset: $0).bytes }
        for (base, last) in [(.max, .max), (.max - 1, .max), (.max - 2, .max), (.min, .min + 2)] as [(Int64, Int64)] {
            let batch = HandMadeBatch(baseOffset: base, lastOffsetDelta: 2, count: 3, records: records).bytes
            try validate(batch)
            let decoded = try decode(batch)
            #expect(decoded.header.lastOffset.value == last)
            #expect(decoded.records.last?.offset.value == last)
            #expect(decoded.records.count == 3)
        }
    }

    @Test("a codec that Kafka has no name for is refused", arguments: [5, 6, 7] as [UInt16])
    func unknownCodec(codec: UInt16) {
        let batch = bytes { $0.attributes = codec }
        #expect(throws: BatchError.unsupportedCompression(UInt8(codec))) { try validate(batch) }
        #expect(throws: BatchError.unsupportedCompression(UInt8(codec))) { try decode(batch) }
        #expect(BatchError.unsupportedCompression(UInt8(codec)).description.contains("codec \(codec)"))
    }

    @Test("records that say lz4 and are not, or take too much, are refused of a producer")
    func badLZ4() throws {
        #expect(throws: BatchError.badCompressedData(.notAFrame)) { try validate(bytes { $0.attributes = 3 }) }
        let large = try build([Record(value: [UInt8](repeating: 0, count: 500_000))], .lz4)
        try validate(large, decompressedBytesMax: 600_000)
        #expect(throws: BatchError.decompressedTooLarge(limit: 400_000)) {
            try validate(large, decompressedBytesMax: 400_000)
        }
        #expect(throws: BatchError.decompressedTooLarge(limit: 400_000)) {
            try decode(large, decompressedBytesMax: 400_000)
        }
    }

    @Test("trusting skips the checksum and nothing that could lead past the end")
    func trusting() throws {
        var bytes = good.bytes
        bytes[RecordBatchLayout.crc] ^= 1
        #expect(throws: BatchError.self) { try header(of: bytes) }
        #expect(try RecordBatchView(trusting: bytes.span.bytes).header.recordCount == 1)
        bytes.removeLast()
        #expect(throws: BatchError.truncated(needed: bytes.count + 1, have: bytes.count)) {
            _ = try RecordBatchView(trusting: bytes.span.bytes).header
        }
    }

    @Test("bits of the attributes say what they say")
    func attributes() throws {
        let attributes = try header(of: bytes { $0.attributes = 0b111000 | 2 }).attributes
        #expect(attributes.compression == .snappy)
        #expect(attributes.usesLogAppendTime && attributes.isTransactional && attributes.isControl)
        // Bits without a meaning change nothing.
        let others = try header(of: bytes { $0.attributes = 0xFFC0 }).attributes
        #expect(others.compression == Compression.none)
        #expect(!others.usesLogAppendTime && !others.isTransactional && !others.isControl)
        #expect(RecordAttributes(compression: .zstd, usesLogAppendTime: true).rawValue == 12)
        #expect(Compression.allCases.map(\.name) == ["none", "gzip", "snappy", "lz4", "zstd"])
    }
}

@Suite("Offsets")
struct OffsetTests {
    @Test("sums and differences that no offset can have stop at the end")
    func saturation() {
        #expect(Offset(5).advanced(by: 3) == 8)
        #expect(Offset(.max).advanced(by: 1) == Offset(.max))
        #expect(Offset(.max).advanced(by: -1) == Offset(.max - 1))
        #expect(Offset(.min).advanced(by: -1) == Offset(.min))
        #expect(Offset(8).distance(from: 5) == 3)
        #expect(Offset(5).distance(from: 8) == -3)
        #expect(Offset(.min).distance(from: 1) == .min)
        #expect(Offset(.max).distance(from: -1) == .max)
        #expect(Offset(.max).distance(from: Offset(.max)) == 0)
        #expect(Offset(.min).distance(from: Offset(.max)) == .min)
    }
}
