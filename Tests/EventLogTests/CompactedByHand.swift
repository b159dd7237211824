import TestSupport

@testable import EventLog

/// Compacts the sealed segments of a partition in a directory that is closed, batch by batch: one of which no record is
/// the last of its key goes, or is left without records where a segment has to end with it.
enum CompactedByHand {
    /// Returns how many batches went.
    static func compact(_ directory: TemporaryDirectory, _ partition: String) throws -> Int {
        let names = try directory.names(in: partition).filter { $0.hasSuffix(".log") }.sorted().dropLast()
        let segments = try names.map { try batches(in: try directory.contents(of: "\(partition)/\($0)")) }
        var latest: [[UInt8]: Offset] = [:]
        for batch in segments.joined() { for (key, offset) in try records(of: batch) { latest[key] = offset } }
        var removed = 0
        for (name, batches) in zip(names, segments) {
            var bytes: [UInt8] = []
            for (index, batch) in batches.enumerated() {
                let isLive = try records(of: batch).contains { latest[$0.key] == $0.offset }
                if isLive {
                    bytes += batch
                } else if index == batches.count - 1 {
                    bytes += try emptied(batch)
                    removed += 1
                } else {
                    removed += 1
                }
            }
            try directory.write(bytes, to: "\(partition)/\(name)")
            for kind in ["index", "timeindex"] {
                try? directory.remove("\(partition)/\(name.dropLast(3))\(kind)")
            }
        }
        return removed
    }

    private static func batches(in bytes: [UInt8]) throws -> [[UInt8]] {
        var (found, position) = ([[UInt8]](), 0)
        while position < bytes.count {
            let header = try RecordBatchHeader(parsing: Array(bytes[position...]).span.bytes)
            found.append(Array(bytes[position..<position + header.sizeInBytes]))
            position += header.sizeInBytes
        }
        return found
    }

    private static func records(of batch: [UInt8]) throws -> [(key: [UInt8], offset: Offset)] {
        var scratch = DecompressionBuffer()
        var cursor = try RecordCursor(try RecordBatchView(validating: batch.span.bytes), into: &scratch)
        var found: [(key: [UInt8], offset: Offset)] = []
        try cursor.scan {
            let record = $0.makeStoredRecord()
            found.append((record.key ?? [], record.offset))
            return true
        }
        return found
    }

    /// The batch without its records: what is left says which offsets there were.
    private static func emptied(_ batch: [UInt8]) throws -> [UInt8] {
        var bytes = Array(batch[..<RecordBatchLayout.headerSize])
        func set<T: FixedWidthInteger>(_ value: T, at position: Int) {
            withUnsafeBytes(of: value.bigEndian) { bytes.replaceSubrange(position..<position + $0.count, with: $0) }
        }
        set(Int32(RecordBatchLayout.headerSize - RecordBatchLayout.lengthPrefix), at: RecordBatchLayout.batchLength)
        set(UInt16(0), at: RecordBatchLayout.attributes)
        set(Int64(-1), at: RecordBatchLayout.baseTimestamp)
        set(Int64(-1), at: RecordBatchLayout.maxTimestamp)
        set(Int32(0), at: RecordBatchLayout.recordCount)
        let checksum = bytes.withUnsafeBytes {
            crc32c(UnsafeRawBufferPointer(rebasing: $0[RecordBatchLayout.attributes...]))
        }
        set(checksum, at: RecordBatchLayout.crc)
        return bytes
    }
}
