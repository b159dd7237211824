@testable import EventLog
@testable import RecordFormat

enum BatchesTarget {
    /// What is done to the bytes first: a checksum cannot be guessed.
    private struct Repairs: OptionSet {
        let rawValue: UInt8
        static let header = Repairs(rawValue: 1)
        static let frameOnly = Repairs(rawValue: 2)
    }

    // Kept, as a connection keeps them. A fuzzer has one thread.
    nonisolated(unsafe) private static var scratch = DecompressionBuffer(limit: limit)
    nonisolated(unsafe) private static var window = RecordWindow(limit: limit)
    /// So small that most records are larger.
    nonisolated(unsafe) private static var smallWindow = RecordWindow(limit: limit, byteCount: 16)
    nonisolated(unsafe) private static var recordFilter = RecordBatchFilter()
    nonisolated(unsafe) private static var compressor = BatchCompressor()

    private static let limit = 1 << 20

    static func run(_ input: inout FuzzInput) {
        let repairs = Repairs(rawValue: input.byte())
        let choice = input.byte()
        var bytes = input.rest()
        if repairs.contains(.frameOnly) {
            bytes.withUnsafeBytes { _ = try? LZ4Frame.check($0.bytes, decompressedBytesMax: limit) }
            return
        }
        if repairs.contains(.header) { repair(&bytes) }
        bytes.withUnsafeBytes { run($0, choice) }
        // The rules for what a producer sends.
        let settings = choice & 1 == 0 ? compacted : TopicSettings()
        let rules = RecordRules(AppendSettings(settings), now: Timestamp(milliseconds: 1_700_000_000_000), Limits())
        bytes.withUnsafeBytes { bytes in
            var survey = RecordSurvey()
            guard
                let batch = try? ProducedBatch.check(
                    bytes, version: Int16(choice >> 4), bytesMax: limit, decompressedBytesMax: limit, rules, &survey)
            else { return }
            if (try? rules.check(batch, &survey, &window)) != nil {
                _ = rules.correction(batch.header, survey)
            }
        }
    }

    private static let compacted = (try? TopicSettings(["cleanup.policy": "compact"])) ?? TopicSettings()

    static func repair(_ batch: inout [UInt8]) {
        guard batch.count >= RecordBatchLayout.headerSize else { return }
        batch[RecordBatchLayout.magic] = UInt8(RecordBatchLayout.currentMagic)
        batch.patch(Int32(batch.count - RecordBatchLayout.lengthPrefix), at: RecordBatchLayout.batchLength)
        batch.patch(
            batch.withUnsafeBytes { crc32c(UnsafeRawBufferPointer(rebasing: $0[RecordBatchLayout.attributes...])) },
            at: RecordBatchLayout.crc)
    }

    private static func run(_ bytes: UnsafeRawBufferPointer, _ choice: UInt8) {
        guard let batch = try? RecordBatchView(validating: bytes.bytes) else { return }
        _ = try? batch.validateRecords(decompressedBytesMax: limit)
        let count = read(batch)
        for outlined in [outline(batch, &window), outline(batch, &smallWindow)] {
            precondition(outlined == count, "of \(count ?? -1) records \(outlined ?? -1) are seen through a window")
        }
        guard let count else { return }
        filter(batch, choice, count)
        if compressor.compress(batch) {
            compressor.withUnsafeBytes { bytes in
                guard let smaller = try? RecordBatchView(validating: bytes.bytes) else {
                    preconditionFailure("a batch that was compressed is none")
                }
                let left = read(smaller)
                precondition(left == count, "of \(count) records \(left ?? -1) are left when they are compressed")
            }
        }
    }

    /// How many records it has; nil: they are not whole.
    private static func read(_ batch: RecordBatchView) -> Int? {
        guard var cursor = try? RecordCursor(batch, into: &scratch) else { return nil }
        var count = 0
        do {
            while let record = try cursor.next() {
                count += 1
                _ = record.makeStoredRecord()
                _ = record.value(ofHeader: "martlet-ttl-ms")
                precondition(record.offset <= batch.header.lastOffset, "a record past the last offset")
            }
        } catch { return nil }
        return count
    }

    /// The same without having all of it decompressed.
    private static func outline(_ batch: RecordBatchView, _ window: inout RecordWindow) -> Int? {
        var count = 0
        let isWhole: Void? = try? window.scan(batch) { record in
            count += 1
            precondition(record.offset <= batch.header.lastOffset, "a record past the last offset")
            return true
        }
        return isWhole.map { count }
    }

    private static func filter(_ batch: RecordBatchView, _ choice: UInt8, _ count: Int) {
        var kept = 0
        let horizon = choice & 0x80 == 0 ? nil : Timestamp(milliseconds: Int64(choice))
        let outcome = try? recordFilter.filter(batch, horizon: horizon) { record in
            let keeps = record.offset.value & Int64(choice & 3) == 0
            if keeps { kept += 1 }
            return keeps
        }
        guard outcome == .changed else { return }
        recordFilter.withUnsafeBytes { bytes in
            guard let left = try? RecordBatchView(validating: bytes.bytes) else {
                preconditionFailure("a batch that was filtered is none")
            }
            let found = read(left)
            precondition(found == kept, "of \(count) records \(kept) were to stay, and \(found ?? -1) did")
            precondition(left.header.lastOffset == batch.header.lastOffset, "the last offset is another")
        }
    }

    static func seeds() throws -> [[UInt8]] {
        var seeds: [[UInt8]] = []
        for batch in try Vectors.batches() where batch.count < 2000 {
            seeds.append([Repairs.header.rawValue, 0] + batch)
            seeds.append([Repairs.header.rawValue, 0x81] + batch)
            if batch.count > RecordBatchLayout.headerSize, batch[RecordBatchLayout.attributes + 1] & 7 == 3 {
                seeds.append([Repairs.frameOnly.rawValue, 0] + batch[RecordBatchLayout.headerSize...])
            }
        }
        return seeds
    }
}
