import Testing

@testable import RecordFormat

@Suite("Records inside a batch")
struct RecordCursorTests {
    private typealias Problem = BatchError.RecordProblem

    /// A batch of these records, whose count and last offset are as many unless given.
    private func batch(
        _ records: [HandMadeRecord], count: Int32? = nil, lastOffsetDelta: Int32? = nil, extra: [UInt8] = []
    ) -> [UInt8] {
        let number = Int32(records.count)
        return HandMadeBatch(
            lastOffsetDelta: lastOffsetDelta ?? max(0, number - 1), count: count ?? number,
            records: records.flatMap(\.bytes) + extra
        ).bytes
    }

    /// What is wrong with a batch of one record whose part after the offset is `bytes`.
    private func problem(_ bytes: [UInt8]) -> BatchError? {
        do {
            _ = try decode(batch([HandMadeRecord(bytes)]))
            return nil
        } catch { return error }
    }

    @Test("bytes after the last record are an error, for a producer too")
    func bytesAfterEnd() {
        let one = HandMadeRecord()
        for extra in [[0], one.bytes] as [[UInt8]] {
            let bytes = batch([one], extra: extra)
            #expect(throws: BatchError.badRecord(index: 1, .bytesAfterEnd)) { try decode(bytes) }
            #expect(throws: BatchError.badRecord(index: 1, .bytesAfterEnd)) { try validate(bytes) }
        }
        #expect(throws: BatchError.badRecord(index: 0, .bytesAfterEnd)) {
            try decode(batch([one], count: 0))
        }
    }

    @Test("offsets with gaps are read as they are, and refused of a producer")
    func gaps() throws {
        let records = [3, 4, 9].map { HandMadeRecord(offset: $0) }
        let bytes = batch(records, lastOffsetDelta: 12)
        #expect(try decode(bytes).records.map(\.offset.value) == [3, 4, 9])
        #expect(throws: BatchError.badRecordCount(3)) { try validate(bytes) }
    }

    @Test(
        "offsets that do not rise, or pass the last, are an error",
        arguments: [
            ([0, 0], 1), ([1, 0], 1), ([0, 2], 1), ([-1, 0], 0), ([0, -1], 1), ([.min, 0], 0), ([.max, 0], 0),
            ([0, 1 << 32], 1),
        ] as [([Int64], Int)])
    func badOffsets(offsets: [Int64], index: Int) {
        let bytes = batch(offsets.map { HandMadeRecord(offset: $0) })
        #expect(throws: BatchError.badRecord(index: index, .badOffset)) { try decode(bytes) }
        #expect(throws: BatchError.badRecord(index: index, .badOffset)) { try validate(bytes) }
    }

    @Test("a record's length must be there, and be its own")
    func recordLength() {
        for (length, problem) in [
            (-1, .badLength), (.min, .badLength), (0, .truncated), (.max, .truncated), (8, .truncated),
            // Less than it takes: at each place something else is missing.
            (1, .truncated), (2, .truncated), (3, .truncated), (4, .truncated), (5, .badLength), (6, .truncated),
        ] as [(Int64, Problem)] {
            #expect(throws: BatchError.badRecord(index: 0, problem), "\(length)") {
                try decode(batch([HandMadeRecord(length: length)]))
            }
        }
        // More than it takes: something is left over.
        #expect(problem([1, 2, 0x76, 0, 0]) == .badRecord(index: 0, .badLength))
    }

    @Test("a number of more than ten bytes is an error wherever it stands")
    func badVarints() {
        let long = [UInt8](repeating: 0xFF, count: 11) + [0]
        let wrong = BatchError.badRecord(index: 0, .badVarint)
        // The record's length.
        #expect(throws: wrong) { try decode(HandMadeBatch(records: long).bytes) }
        let numbers: [[UInt8]] = [
            [0] + long,  // timestamp
            [0, 0] + long,  // offset
            [0, 0, 0] + long,  // length of the key
            [0, 0, 0, 1] + long,  // of the value
            [0, 0, 0, 1, 1] + long,  // count of headers
            [0, 0, 0, 1, 1, 2] + long,  // length of a name
            [0, 0, 0, 1, 1, 2, 2, 0x6E] + long,  // of a header's value
        ]
        for body in numbers {
            #expect(throws: wrong, "\(body)") {
                try decode(HandMadeBatch(records: varint(Int64(body.count)) + body).bytes)
            }
        }
    }

    @Test("lengths below -1, or past the record's end, are an error", arguments: [-2, 4, 1000, .max, .min] as [Int64])
    func badLengths(length: Int64) {
        let wrong = BatchError.badRecord(index: 0, .badLength)
        #expect(problem(varint(length) + [1, 0, 0]) == wrong)
        #expect(problem([1] + varint(length) + [0, 0]) == wrong)
        #expect(problem([1, 1, 2] + varint(length) + [0, 0]) == wrong)
        #expect(problem([1, 1, 2, 2, 0x6E] + varint(length) + [0]) == wrong)
    }

    @Test("a count of headers that is not true is an error", arguments: [-1, 2, 3, 1000, .max, .min] as [Int64])
    func lyingHeaderCount(count: Int64) {
        // One header, "n" of "v".
        let header: [UInt8] = [2, 0x6E, 2, 0x76]
        #expect(problem([1, 1] + varint(1) + header) == nil)
        let found = problem([1, 1] + varint(count) + header)
        #expect(found == .badRecord(index: 0, count == 2 ? .truncated : .badLength))
        #expect(problem([1, 1] + varint(0) + header) == .badRecord(index: 0, .badLength))
    }

    @Test("a header has a name, though it may be empty; its value may be null")
    func headerNames() throws {
        #expect(problem([1, 1, 2, 1, 1]) == .badRecord(index: 0, .badLength))
        let records = try decode(batch([HandMadeRecord([1, 1, 4, 0, 1, 0, 0])])).records
        #expect(records[0].headers == [RecordHeader(name: "", value: nil), RecordHeader(name: "", value: [])])
    }

    @Test("bytes of a header's name that are not UTF-8 are replaced")
    func headerNamesThatAreNotText() throws {
        let records = try decode(batch([HandMadeRecord([1, 1, 2, 4, 0x6E, 0xFF, 1])])).records
        #expect(records[0].headers == [RecordHeader(name: "n\u{FFFD}", value: nil)])
    }

    @Test("records cut at any byte are an error, whatever the header says", arguments: BatchVectors.small)
    func truncated(vector: BatchVector) {
        for count in RecordBatchLayout.headerSize..<vector.bytes.count {
            let bytes = Array(vector.bytes[..<count])
                .setting(Int32(count - RecordBatchLayout.lengthPrefix), at: RecordBatchLayout.batchLength).withChecksum
            #expect(throws: BatchError.self, "\(count)") { try decode(bytes) }
            #expect(throws: BatchError.self, "\(count)") { try validate(bytes) }
        }
    }

    @Test("a timestamp is the base's and the record's together, and wraps as the difference does")
    func timestamps() throws {
        let cases: [(base: Int64, delta: Int64, expected: Int64)] = [
            (1000, 5, 1005), (1000, -5, 995), (0, .max, .max), (.max, 1, .min), (.min, -1, .max), (-1, .min, .max),
        ]
        for (base, delta, expected) in cases {
            let bytes = HandMadeBatch(baseTimestamp: base, records: HandMadeRecord(time: delta).bytes).bytes
            #expect(try decode(bytes).records.map(\.timestamp.milliseconds) == [expected])
        }
    }

    @Test("with the time of the append, it is every record's")
    func logAppendTime() throws {
        let records = [HandMadeRecord(offset: 0, time: 5), HandMadeRecord(offset: 1, time: .max)].flatMap(\.bytes)
        let bytes = HandMadeBatch(
            attributes: 8, lastOffsetDelta: 1, baseTimestamp: 1000, maxTimestamp: 77, count: 2, records: records
        ).bytes
        #expect(try decode(bytes).records.map(\.timestamp.milliseconds) == [77, 77])
    }

    @Test("a record's attributes mean nothing")
    func recordAttributes() throws {
        for attributes in [0, 1, 0x7F, 0xFF] as [UInt8] {
            let body: [UInt8] = [attributes, 0, 0, 1, 2, 0x76, 0]
            #expect(try decode(HandMadeBatch(records: [14] + body).bytes).records.map(\.valueText) == ["v"])
        }
    }

    @Test("a cursor that has met damage can be asked again and does not trap")
    func afterDamage() throws {
        let bytes = batch([HandMadeRecord(), HandMadeRecord(offset: 9), HandMadeRecord(offset: 2)])
        var scratch = DecompressionBuffer()
        var cursor = try RecordCursor(RecordBatchView(validating: bytes.span.bytes), into: &scratch)
        #expect(try cursor.next()?.offset == 0)
        #expect(cursor.index == 1)
        var problems = 0
        for _ in 0..<10 {
            do { _ = try cursor.next()?.offset } catch { problems += 1 }
        }
        #expect(problems > 0)
    }

    @Test("a record is looked at in place: null, empty and full stay apart")
    func views() throws {
        let bytes = try build([
            Record(key: nil as [UInt8]?, value: []), Record(key: [], value: nil), Record(key: "k", value: "v"),
        ])
        var scratch = DecompressionBuffer()
        var cursor = try RecordCursor(RecordBatchView(validating: bytes.span.bytes), into: &scratch)
        var sizes: [[Int?]] = []
        while let record = try cursor.next() {
            sizes.append([record.key?.byteCount, record.value?.byteCount, record.headerCount])
        }
        #expect(sizes == [[nil, 0, 0], [0, nil, 0], [1, 1, 0]])
    }

    @Test("each problem is said in words")
    func words() {
        let errors: [BatchError] = [
            .truncated(needed: 61, have: 7), .badLength(-3), .checksumMismatch(stored: 1, computed: 0xABCD),
            .badRecordCount(-4), .badRecord(index: 12, .badOffset), .badCompressedData(.truncated),
            .decompressedTooLarge(limit: 99), .tooLarge(bytes: 1 << 32),
        ]
        let words = [
            ["61", "7"], ["-3"], ["0xabcd", "0x1"], ["-4"], ["record 12", "offset"], ["the frame is cut"], ["99"],
            ["4294967296", "fewer records"],
        ]
        for (error, expected) in zip(errors, words) {
            for word in expected { #expect(error.description.contains(word)) }
        }
    }
}
