import Testing

@testable import RecordFormat

@Suite("Batches through a window")
struct RecordWindowTests {
    /// Records of all sizes around that of the window, with and without keys and headers.
    private static func records(_ sizes: [Int] = [0, 1, 100, 65_000, 65_530, 65_536, 70_000, 300_000]) -> [Record] {
        sizes.flatMap { size in
            let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: size), count: size)
            return [
                Record(value: bytes), Record(key: bytes, value: nil),
                Record(key: [1], value: [2], headers: [RecordHeader(name: "n", value: bytes)]),
                Record(
                    key: bytes, value: bytes,
                    headers: (0..<3).map { RecordHeader(name: "\($0)", value: $0 == 1 ? nil : bytes) }),
            ]
        }
    }

    @Test("records are seen as a cursor sees them, however large they are", arguments: [.none, .lz4] as [Compression])
    func outlines(compression: Compression) throws {
        let bytes = try build(Self.records(), compression, baseOffset: 7)
        let expected = try decode(bytes).outlines
        for size in [Varint.sizeMax, 1000, RecordWindow.defaultByteCount, 1 << 20] {
            let limit = DecompressionBuffer.defaultLimit
            #expect(RecordFormatTests.outlines(bytes, limit: limit, windowByteCount: size) == expected, "\(size)")
        }
    }

    @Test("a scan ends where it is told to, and the next one begins anew")
    func stopping() throws {
        let bytes = try build(Self.records(), .lz4)
        let batch = try RecordBatchView(validating: bytes.span.bytes)
        var window = RecordWindow()
        for count in [1, 3, 20, Self.records().count] {
            var seen = 0
            try window.scan(batch) { _ in
                seen += 1
                return seen < count
            }
            #expect(seen == count)
        }
    }

    @Test("a record of many windows is a record, and no more is decompressed than may be")
    func limits() throws {
        let bytes = try build([Record(key: [1], value: [UInt8](repeating: 0, count: 20 << 20))], .lz4)
        let batch = try RecordBatchView(validating: bytes.span.bytes)
        var counted = DecompressionBuffer()
        let size = try counted.decompress(batch.payload).count
        var window = RecordWindow(limit: size)
        func scan() throws(BatchError) -> Int? {
            var keyByteCount: Int?
            try window.scan(batch) { record in
                keyByteCount = record.keyByteCount
                return true
            }
            return keyByteCount
        }
        #expect(try scan() == 1)
        window.ratioMax = 10
        let most = batch.payload.byteCount * 10
        #expect(throws: BatchError.decompressedTooLarge(limit: max(1 << 20, most))) { try scan() }
        window.ratioMax = .max
        #expect(try scan() == 1)
        window = RecordWindow(limit: size - 1)
        #expect(throws: BatchError.decompressedTooLarge(limit: size - 1)) { try scan() }
    }

    @Test("a large record that is cut, or lies about itself, is refused as by a cursor")
    func largeAndWrong() throws {
        let bytes = try build(Self.records([0, 1, 990, 1000, 3000]), .none)
        let header = RecordBatchLayout.headerSize
        let attributes = RecordBatchLayout.attributes
        // Where the numbers of the large records lie is as good a place as any.
        for place in stride(from: header, to: bytes.count, by: 41) {
            for value in [0, 1, 0x7F, 0xFF] as [UInt8] where bytes[place] != value {
                var wrong = Array(bytes[header...])
                wrong[place - header] = value
                let compressed = frame(wrong)
                var batch = Array(bytes[..<header]) + compressed
                batch[attributes + 1] = Compression.lz4.rawValue
                batch =
                    batch.setting(
                        Int32(batch.count - RecordBatchLayout.lengthPrefix), at: RecordBatchLayout.batchLength
                    ).withChecksum
                let expected = try? decode(batch).outlines
                let limit = DecompressionBuffer.defaultLimit
                #expect(RecordFormatTests.outlines(batch, limit: limit, windowByteCount: 1000) == expected)
            }
        }
    }

    private func frame(_ content: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: LZ4Frame.bound(content.count)) { place, count in
            count =
                content.withUnsafeBytes {
                    LZ4FrameCompressor().compress($0, into: UnsafeMutableRawBufferPointer(place))
                } ?? 0
        }
    }
}
