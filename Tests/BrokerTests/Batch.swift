import EventLog
import KafkaProtocol
import NIOCore

/// A record batch as bytes, which a test may change before it sends it.
struct Batch {
    private(set) var bytes: [UInt8]

    init(
        _ records: [Record], compression: Compression = .none,
        producer: (id: Int64, epoch: Int16, baseSequence: Int32)? = nil
    ) throws {
        var builder = RecordBatchBuilder(compression: compression)
        for record in records { builder.append(record, defaultTimestamp: Timestamp(milliseconds: 1_700_000_000_000)) }
        try builder.finish(producer: producer)
        bytes = builder.withUnsafeBytes { Array($0) }
    }

    init(_ values: String..., compression: Compression = .none) throws {
        try self.init(values.map { Record(value: $0) }, compression: compression)
    }

    /// A batch as it was served.
    init(bytes: [UInt8]) { self.bytes = bytes }

    /// A header for bytes of any kind.
    init(payload: [UInt8], codec: UInt8, recordCount: Int32) throws {
        try self.init("x")
        bytes = bytes[..<RecordBatchLayout.headerSize] + payload
        set(Int32(bytes.count - RecordBatchLayout.lengthPrefix), at: RecordBatchLayout.batchLength)
        set(UInt16(codec), at: RecordBatchLayout.attributes)
        set(recordCount, at: RecordBatchLayout.recordCount)
        set(recordCount - 1, at: RecordBatchLayout.lastOffsetDelta)
    }

    /// Changes a field and sets the checksum anew, so that only the field itself is wrong.
    mutating func set<T: FixedWidthInteger>(_ value: T, at position: Int) {
        bytes.replaceSubrange(position..<position + MemoryLayout<T>.size, with: Wire.bytes(value))
        seal()
    }

    func setting<T: FixedWidthInteger>(_ value: T, at position: Int) -> Batch {
        var batch = self
        batch.set(value, at: position)
        return batch
    }

    /// Changes a field and leaves the checksum as it was.
    func damaging(_ position: Int) -> Batch {
        var batch = self
        batch.bytes[position] ^= 0x01
        return batch
    }

    mutating func seal() {
        let checksum = bytes.withUnsafeBytes {
            crc32c(UnsafeRawBufferPointer(rebasing: $0[RecordBatchLayout.attributes...]))
        }
        bytes.replaceSubrange(RecordBatchLayout.crc..<RecordBatchLayout.crc + 4, with: Wire.bytes(checksum))
    }

    var payload: [UInt8] { Array(bytes[RecordBatchLayout.headerSize...]) }
    var header: RecordBatchHeader { get throws { try RecordBatchHeader(parsing: bytes.span.bytes) } }
}

extension FetchRecords {
    var bytes: [UInt8] {
        if case .buffer(let buffer) = self { Array(buffer.readableBytesView) } else { [] }
    }
}

extension [UInt8] {
    /// The headers of the batches that follow each other here; the last may be cut.
    var batchHeaders: [RecordBatchHeader] {
        get throws {
            var headers: [RecordBatchHeader] = []
            var position = 0
            while count - position >= RecordBatchLayout.headerSize {
                let header = try RecordBatchHeader(parsing: Array(self[position...]).span.bytes)
                headers.append(header)
                position += header.sizeInBytes
            }
            return headers
        }
    }

    /// The records of whole batches.
    var storedRecords: [StoredRecord] {
        get throws {
            var records: [StoredRecord] = []
            var scratch = DecompressionBuffer()
            var position = 0
            while position < count {
                let rest = Array(self[position...])
                let view = try RecordBatchView(validating: rest.span.bytes)
                var cursor = try RecordCursor(view, into: &scratch)
                while let record = try cursor.next() { records.append(record.makeStoredRecord()) }
                position += view.header.sizeInBytes
            }
            return records
        }
    }
}
