import TestSupport
import Testing

@testable import RecordFormat

@Suite("Batches at random")
struct BatchFuzzTests {
    private static let seeds: [UInt64] = [1, 2, 3, 4]

    private func batch(_ random: inout SeededRandom) throws -> (bytes: [UInt8], records: [Record]) {
        let records = (0..<Int.random(in: 1...12, using: &random)).map { _ in Record.random(&random) }
        let bytes = try build(
            records, Bool.random(using: &random) ? .lz4 : .none,
            baseOffset: Offset(Int64.random(in: 0..<1 << 40, using: &random)))
        return (bytes, records)
    }

    /// Changes a few bytes, with a liking for those that numbers are made of.
    private func mutate(_ bytes: inout [UInt8], _ random: inout SeededRandom) {
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            // The header and the first records more often than the rest.
            let end = Bool.random(using: &random) ? min(bytes.count, 100) : bytes.count
            let place = Int.random(in: 0..<end, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bytes[place] = [0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF].randomElement(using: &random) ?? 0
            case 2: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 3: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
            case 4: if bytes.count > 1 { bytes.remove(at: place) }
            default:
                bytes.replaceSubrange(place..<min(bytes.count, place + 10), with: [UInt8](repeating: 0xFF, count: 10))
            }
        }
    }

    private static let windowSizes = [Varint.sizeMax, 40, 1000, RecordWindow.defaultByteCount]

    /// Runs everything that takes foreign bytes. What is taken must come back from our own encoding.
    private func feed(_ bytes: [UInt8], _ scratch: inout DecompressionBuffer) throws -> Bool {
        var isValid = true
        do { try validate(bytes, decompressedBytesMax: scratch.limit) } catch { isValid = false }
        let outlined = Self.windowSizes.map { outlines(bytes, limit: scratch.limit, windowByteCount: $0) }
        let decoded: Decoded
        do {
            decoded = try decode(bytes, decompressedBytesMax: scratch.limit)
        } catch {
            #expect(outlined.allSatisfy { $0 == nil }, "\(error): \(bytes)")
            // An lz4 frame's blocks, and other codecs, are not decompressed by validation.
            let attributes = (try? header(of: bytes))?.attributes
            #expect(!isValid || attributes?.compression != Compression.none, "\(error): \(bytes)")
            return false
        }
        #expect(outlined.allSatisfy { $0 == decoded.outlines }, "\(bytes)")
        let first = decoded.records.first?.offset
        let isDense = decoded.records.enumerated().allSatisfy {
            $0.element.offset == first?.advanced(by: Int64($0.offset))
        }
        guard isDense, let first else { return isValid }
        let again = try decode(build(decoded.records.map(\.record), .lz4, baseOffset: first))
        #expect(again.records == decoded.records)
        return isValid
    }

    @Test("records of all kinds come back as they were, compressed or not", arguments: seeds)
    func roundTrip(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        for _ in 0..<100 {
            let (bytes, records) = try batch(&random)
            try validate(bytes)
            let decoded = try decode(bytes).records.map(\.record)
            let expected = records.map { record in
                var record = record
                record.timestamp = record.timestamp ?? Timestamp(milliseconds: 0)
                return record
            }
            #expect(decoded == expected, "seed \(seed)")
        }
    }

    @Test(
        "damaged batches with a true length and checksum are an error or other records; they never trap",
        arguments: seeds)
    func mutated(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var scratch = DecompressionBuffer(limit: 1 << 20)
        var validCount = 0
        for _ in 0..<1500 {
            var (bytes, _) = try batch(&random)
            mutate(&bytes, &random)
            if bytes.count >= RecordBatchLayout.headerSize {
                bytes[RecordBatchLayout.magic] = RecordBatchLayout.currentMagic
                bytes =
                    bytes.setting(
                        Int32(bytes.count - RecordBatchLayout.lengthPrefix), at: RecordBatchLayout.batchLength
                    ).withChecksum
            }
            if try feed(bytes, &scratch) { validCount += 1 }
        }
        // Damage to a value, say, is not seen once the checksum is true: so both ways were gone.
        #expect((10..<1490).contains(validCount), "seed \(seed): \(validCount)")
    }

    @Test("batches with any damage are an error", arguments: seeds)
    func mutatedWithoutChecksum(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var scratch = DecompressionBuffer(limit: 1 << 20)
        for _ in 0..<1000 {
            let (bytes, _) = try batch(&random)
            var damaged = bytes
            mutate(&damaged, &random)
            // What the checksum does not cover may change; and damage may undo itself.
            let isCovered = damaged.dropFirst(RecordBatchLayout.magic) != bytes.dropFirst(RecordBatchLayout.magic)
            let isTaken = try feed(damaged, &scratch)
            // Bytes that were put in before the end push others out of the batch.
            if isCovered, damaged.count == bytes.count { #expect(!isTaken, "seed \(seed)") }
        }
    }

    @Test("records of random bytes under a good header are an error or records; they never trap", arguments: seeds)
    func noise(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var scratch = DecompressionBuffer(limit: 1 << 20)
        let numbers: [Int32] = [0, 1, 2, -1, .min, .max, .max - 1]
        for _ in 0..<4000 {
            // Small numbers often, so that lengths fit now and then.
            let records = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                Bool.random(using: &random)
                    ? UInt8.random(in: 0...8, using: &random) : UInt8.random(in: 0...255, using: &random)
            }
            var batch = HandMadeBatch(records: records)
            batch.baseOffset = [0, 5, -1, .max, .min].randomElement(using: &random) ?? 0
            batch.attributes = [0, 0, 0, 3, 8, 11, 1, 0xFFFF].randomElement(using: &random) ?? 0
            batch.count = numbers.randomElement(using: &random) ?? 0
            batch.lastOffsetDelta = numbers.randomElement(using: &random) ?? 0
            batch.baseTimestamp = [0, .max, .min].randomElement(using: &random) ?? 0
            _ = try feed(batch.bytes, &scratch)
        }
    }

    @Test("bytes at random are no batch", arguments: seeds)
    func anything(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for _ in 0..<4000 {
            let bytes = (0..<Int.random(in: 0..<200, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            #expect(throws: BatchError.self) { try decode(bytes) }
        }
    }
}
