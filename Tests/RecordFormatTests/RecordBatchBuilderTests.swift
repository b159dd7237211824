import TestSupport
import Testing

@testable import RecordFormat

@Suite("Building batches")
struct RecordBatchBuilderTests {
    private let now = Timestamp(milliseconds: 1_700_000_000_000)

    /// Records of all kinds: some with headers, some without key or value, some long.
    private func records(_ count: Int, seed: UInt64 = 1) -> [Record] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in .random(&random) }
    }

    private func decoded(_ builder: borrowing RecordBatchBuilder) throws -> Decoded {
        try decode(builder.withUnsafeBytes { Array($0) })
    }

    @Test("a record without a time gets the one that is given, and one with a time keeps it")
    func timestamps() throws {
        var builder = RecordBatchBuilder(compression: .none)
        builder.append(Record(value: "a"), defaultTimestamp: now)
        builder.append(Record(value: "b", timestamp: Timestamp(milliseconds: 5)), defaultTimestamp: now)
        builder.append(Record(value: "c"), defaultTimestamp: Timestamp(milliseconds: now.milliseconds + 1))
        try builder.finish()
        let batch = try decoded(builder)
        #expect(batch.records.map(\.timestamp.milliseconds) == [now.milliseconds, 5, now.milliseconds + 1])
        #expect(batch.header.baseTimestamp == now)
        #expect(batch.header.maxTimestamp.milliseconds == now.milliseconds + 1)
    }

    @Test("any timestamps fit into one batch", arguments: [Compression.none, .lz4])
    func extremeTimestamps(compression: Compression) throws {
        let times: [Int64] = [0, .max, .min, -1, 1, .max - 1, .min + 1]
        for first in times {
            let all = [first] + times
            let batch = try decode(
                build(all.map { Record(value: "v", timestamp: Timestamp(milliseconds: $0)) }, compression))
            #expect(batch.records.map(\.timestamp.milliseconds) == all)
            #expect(batch.header.baseTimestamp.milliseconds == first)
            #expect(batch.header.maxTimestamp.milliseconds == .max)
        }
        // All before 1970: the largest is not zero.
        let early = try build([-9, -5, -7].map { Record(value: "v", timestamp: Timestamp(milliseconds: $0)) })
        #expect(try header(of: early).maxTimestamp.milliseconds == -5)
    }

    @Test("what is added at once is what is added one by one", arguments: [1, 2, 3, 4] as [UInt64])
    func bulk(seed: UInt64) throws {
        let records = records(500, seed: seed)
        var bulk = RecordBatchBuilder(compression: .none)
        #expect(bulk.append(contentsOf: records, from: 0, defaultTimestamp: now, bytesMax: .max) == records.count)
        var single = RecordBatchBuilder(compression: .none)
        for record in records { single.append(record, defaultTimestamp: now) }
        #expect(bulk.count == single.count)
        #expect(bulk.estimatedByteCount == single.estimatedByteCount)
        try bulk.finish()
        try single.finish()
        #expect(bulk.withUnsafeBytes { Array($0) } == single.withUnsafeBytes { Array($0) })
        let batch = try decoded(bulk)
        #expect(batch.records.map(\.record) == records.map { $0.at(now) })
        #expect(batch.records.map(\.offset.value) == Array(0..<500))
    }

    @Test("keys and values are taken from borrowed bytes too")
    func spans() throws {
        let (key, value) = (Array("key".utf8), Array("value".utf8))
        var builder = RecordBatchBuilder(compression: .none)
        builder.append(key: key.span.bytes, value: value.span.bytes, timestamp: now)
        builder.append(key: nil, value: nil, headers: [RecordHeader(name: "n", value: nil)], timestamp: now)
        builder.append(key: key.span.bytes.extracting(1..<1), value: nil, timestamp: now)
        try builder.finish()
        #expect(
            try decoded(builder).records.map(\.record) == [
                Record(key: key, value: value, timestamp: now),
                Record(key: nil, value: nil, headers: [RecordHeader(name: "n", value: nil)], timestamp: now),
                Record(key: [], value: nil, timestamp: now),
            ])
    }

    @Test(
        "a long list is split where the next record finds no room, and nothing is left out",
        arguments: [0, 100, 200, 1000, 4096, 20_000, 1 << 20])
    func splitting(bytesMax: Int) throws {
        let records = records(400, seed: UInt64(bytesMax))
        var builder = RecordBatchBuilder(compression: .none)
        var found: [Record] = []
        var next = 0
        while next < records.count {
            let added = builder.append(contentsOf: records, from: next, defaultTimestamp: now, bytesMax: bytesMax)
            try #require(added > 0)
            #expect(builder.count == added)
            // Only a record that is too large on its own goes past.
            #expect(builder.estimatedByteCount <= bytesMax || added == 1)
            try builder.finish()
            #expect(builder.withUnsafeBytes { $0.count } == builder.estimatedByteCount)
            found += try decoded(builder).records.map(\.record)
            next += added
            // A batch that is full takes no more, and says so.
            if next < records.count {
                #expect(
                    builder.append(contentsOf: records, from: next, defaultTimestamp: now, bytesMax: bytesMax) == 0)
            }
            builder.reset()
        }
        #expect(found == records.map { $0.at(now) })
        #expect(builder.append(contentsOf: records, from: records.count, defaultTimestamp: now, bytesMax: 1000) == 0)
    }

    @Test("a batch goes on from list to list", arguments: [11, 12] as [UInt64])
    func severalLists(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let records = records(300, seed: seed)
        var builder = RecordBatchBuilder(compression: .none)
        var next = 0
        while next < records.count {
            let end = min(records.count, next + Int.random(in: 1...40, using: &random))
            let list = Array(records[..<end])
            #expect(builder.append(contentsOf: list, from: next, defaultTimestamp: now, bytesMax: .max) == end - next)
            next = end
        }
        try builder.finish()
        #expect(try decoded(builder).records.map(\.record) == records.map { $0.at(now) })
    }

    @Test("a builder that is reset is as good as new", arguments: [Compression.none, .lz4])
    func reset(compression: Compression) throws {
        var builder = RecordBatchBuilder(compression: compression)
        for seed in [1, 2, 3] as [UInt64] {
            let records = records(Int(100 / seed), seed: seed)
            for record in records { builder.append(record, defaultTimestamp: now) }
            try builder.finish(
                baseOffset: Offset(Int64(seed)), leaderEpoch: 7, producer: (id: 9, epoch: 1, baseSequence: 4))
            var fresh = RecordBatchBuilder(compression: compression)
            for record in records { fresh.append(record, defaultTimestamp: now) }
            try fresh.finish(
                baseOffset: Offset(Int64(seed)), leaderEpoch: 7, producer: (id: 9, epoch: 1, baseSequence: 4))
            #expect(builder.withUnsafeBytes { Array($0) } == fresh.withUnsafeBytes { Array($0) })
            builder.reset()
            #expect(builder.count == 0)
            #expect(builder.estimatedByteCount == RecordBatchLayout.headerSize)
        }
        // Earlier than all before: the largest timestamp is not theirs.
        builder.append(Record(value: "v", timestamp: Timestamp(milliseconds: -8)), defaultTimestamp: now)
        try builder.finish()
        #expect(try decoded(builder).header.maxTimestamp.milliseconds == -8)
    }

    @Test("a batch can be finished, added to and finished again")
    func finishedTwice() throws {
        let records = records(60)
        var builder = RecordBatchBuilder(compression: .lz4)
        for record in records[..<40] { builder.append(record, defaultTimestamp: now) }
        try builder.finish()
        #expect(try decoded(builder).records.count == 40)
        for record in records[40...] { builder.append(record, defaultTimestamp: now) }
        try builder.finish(baseOffset: 100)
        let batch = try decoded(builder)
        #expect(batch.records.map(\.record) == records.map { $0.at(now) })
        #expect(batch.records.first?.offset == 100)
    }

    @Test("a batch of no records is refused", arguments: [Compression.none, .lz4])
    func empty(compression: Compression) throws {
        var builder = RecordBatchBuilder(compression: compression)
        #expect(throws: BatchError.badRecordCount(0)) { try builder.finish() }
        builder.append(Record(value: "v"), defaultTimestamp: now)
        try builder.finish()
        builder.reset()
        #expect(throws: BatchError.badRecordCount(0)) { try builder.finish() }
    }

    @Test("the header has what was asked for")
    func headerFields() throws {
        let bytes = try build(
            records(3), baseOffset: 77, leaderEpoch: 5, producer: (id: .max, epoch: .max, baseSequence: .max))
        let header = try RecordBatchHeader(parsing: bytes.span.bytes)
        #expect(header.baseOffset == 77 && header.lastOffset == 79 && header.partitionLeaderEpoch == 5)
        #expect(header.producerID == .max && header.producerEpoch == .max && header.baseSequence == .max)
        #expect(header.sizeInBytes == bytes.count && header.recordCount == 3)
    }

    @Test("what lz4 makes no smaller stays as it is")
    func incompressible() throws {
        var random = SeededRandom(seed: 3)
        let noise = (0..<1000).map { _ in UInt8.random(in: 0...255, using: &random) }
        let records = [Record(key: nil, value: noise, timestamp: now)]
        #expect(try build(records, .lz4) == build(records, .none))
        let repeated = [Record(key: nil, value: noise + noise, timestamp: now)]
        #expect(try header(of: build(repeated, .lz4)).compression == .lz4)
    }

    /// So that whatever is stored can be read back with the limit that every reader has by default.
    @Test("records that take more than is decompressed by default are not compressed")
    func largerThanReaders() throws {
        let most = DecompressionBuffer.defaultLimit - 20
        for (count, isCompressed) in [(most, true), (most + 20, false)] {
            let record = Record(key: nil, value: [UInt8](repeating: 0, count: count), timestamp: now)
            var builder = RecordBatchBuilder()
            builder.append(record, defaultTimestamp: now)
            try builder.finish()
            let batch = try decoded(builder)
            #expect((batch.header.compression == .lz4) == isCompressed)
            #expect(batch.records.first?.value?.count == count)
        }
    }
}

extension Record {
    /// With the time that it gets where it has none.
    fileprivate func at(_ time: Timestamp) -> Record {
        var record = self
        record.timestamp = timestamp ?? time
        return record
    }

    /// A record of any kind.
    static func random(_ random: inout SeededRandom) -> Record {
        func bytes(_ max: Int, _ random: inout SeededRandom) -> [UInt8]? {
            switch Int.random(in: 0..<6, using: &random) {
            case 0: return nil
            case 1: return []
            case 2:
                return (0..<Int.random(in: 0...max, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
            default:
                return Array(
                    repeating: UInt8.random(in: 97...122, using: &random),
                    count: Int.random(in: 0...max, using: &random))
            }
        }
        let headerCount = Int.random(in: 0..<4, using: &random) == 0 ? Int.random(in: 1...4, using: &random) : 0
        let headers = (0..<headerCount).map { _ in
            RecordHeader(
                name: ["", "n", "unit", "größe", "n"].randomElement(using: &random) ?? "",
                value: bytes(70, &random))
        }
        let times: [Int64?] = [nil, nil, 0, -1, .max, .min, Int64.random(in: 0..<1 << 41, using: &random)]
        return Record(
            key: bytes(20, &random), value: bytes(Bool.random(using: &random) ? 100 : 3000, &random), headers: headers,
            timestamp: (times.randomElement(using: &random) ?? nil).map(Timestamp.init(milliseconds:)))
    }
}
