internal import NIOCore

/// Records of one partition, in order, as they were fetched: not yet decompressed or decoded.
public struct ConsumedBatch: Sendable {
    public let topic: String
    public let partition: Int
    /// The offset after the last record that consumers see, when this was fetched.
    public let highWatermark: Offset
    /// The offset of the first record in the partition, when this was fetched.
    public let logStart: Offset
    /// Where the consumer goes on after this.
    public let nextOffset: Offset
    /// Of the leader that wrote the last record.
    let leaderEpoch: Int32
    /// Whole record batches.
    let bytes: ByteBuffer
    /// Records outside are in the first or last batch, and are passed over.
    let wanted: Range<Int64>
    let verifiesChecksums: Bool
    let decompressedBytesMax: Int

    /// Bytes as they went over the wire.
    public var byteCount: Int { bytes.readableBytes }

    /// Decodes the records in place and gives each to `body`, without a copy. A record is gone when `body` returns.
    /// - Throws: `KafkaClientError.unreadableBatch` where a batch is damaged or compressed with a codec other than LZ4;
    ///   what `body` throws.
    public func forEachRecord(_ body: (borrowing RecordView) throws -> Void) throws {
        var scratch = DecompressionBuffer(limit: decompressedBytesMax)
        try forEachRecord(scratch: &scratch, body)
    }

    /// The same with memory that is used again from batch to batch.
    public func forEachRecord(
        scratch: inout DecompressionBuffer, _ body: (borrowing RecordView) throws -> Void
    ) throws {
        var offset = wanted.lowerBound
        do {
            try bytes.withUnsafeReadableBytes { bytes in
                try forEachRecord(in: RawSpan(_unsafeBytes: bytes), &offset, &scratch, body)
            }
        } catch let error as BatchError {
            throw KafkaClientError.unreadableBatch(
                topic: topic, partition: partition, offset: Offset(offset), error)
        }
    }

    private func forEachRecord(
        in bytes: RawSpan, _ offset: inout Int64, _ scratch: inout DecompressionBuffer,
        _ body: (borrowing RecordView) throws -> Void
    ) throws {
        var position = 0
        while position < bytes.byteCount {
            let rest = bytes.extracting(position..<bytes.byteCount)
            let batch = try verifiesChecksums ? RecordBatchView(validating: rest) : RecordBatchView(trusting: rest)
            offset = max(offset, batch.header.baseOffset.value)
            position += batch.header.sizeInBytes
            // The marks of transactions are not records.
            if batch.header.attributes.isControl { continue }
            var cursor = try RecordCursor(batch, into: &scratch)
            while let record = try cursor.next() {
                if wanted.contains(record.offset.value) { try body(record) }
            }
            offset = batch.header.lastOffset.advanced(by: 1).value
        }
    }

    /// Calls `body` with each batch as it was stored, whole; the first may hold records from before where the consumer is, the
    /// last some from past its stop. Their checksums are not looked at.
    package func forEachBatch(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try bytes.withUnsafeReadableBytes { bytes in
            var position = 0
            // The fetcher has been over the headers.
            while position < bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
                let size = try RecordBatchView(trusting: rest.bytes).header.sizeInBytes
                try body(UnsafeRawBufferPointer(rebasing: rest[..<size]))
                position += size
            }
        }
    }

    /// The records with copies of their bytes. Throws `unreadableBatch`.
    public func records() throws(KafkaClientError) -> [StoredRecord] {
        var records: [StoredRecord] = []
        do {
            try forEachRecord { records.append($0.makeStoredRecord()) }
        } catch let error as KafkaClientError {
            throw error
        } catch {
            throw .invalidResponse("\(error)")
        }
        return records
    }
}
