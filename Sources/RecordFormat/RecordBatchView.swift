/// A record batch in borrowed bytes. One that was made by `validating` proves that length, format, checksum and counts
/// are right; the records inside are checked as they are decoded.
public struct RecordBatchView: ~Escapable {
    public let header: RecordBatchHeader
    /// The whole batch, header included.
    public let bytes: RawSpan

    /// Checks the batch at the start of `bytes`, which may go on after it.
    @inlinable
    @_lifetime(copy bytes)
    public init(validating bytes: RawSpan) throws(BatchError) {
        try self.init(trusting: bytes)
        let computed = crc32c(self.bytes.extracting(RecordBatchLayout.attributes..<self.bytes.byteCount))
        guard computed == header.crc else { throw .checksumMismatch(stored: header.crc, computed: computed) }
        // Compaction removes records and keeps the last offset, so there may be fewer records than offsets.
        guard header.recordCount >= 0, header.lastOffsetDelta >= 0,
            Int64(header.recordCount) <= Int64(header.lastOffsetDelta) + 1
        else { throw .badRecordCount(header.recordCount) }
    }

    /// Only sees to it that the batch is all there: for bytes that this process has checked before.
    @inlinable
    @_lifetime(copy bytes)
    public init(trusting bytes: RawSpan) throws(BatchError) {
        header = try RecordBatchHeader(parsing: bytes)
        guard header.sizeInBytes <= bytes.byteCount else {
            throw .truncated(needed: header.sizeInBytes, have: bytes.byteCount)
        }
        self.bytes = bytes.extracting(0..<header.sizeInBytes)
    }

    /// The records, compressed as the header says.
    @inlinable
    public var payload: RawSpan {
        @_lifetime(copy self)
        get { bytes.extracting(RecordBatchLayout.headerSize..<bytes.byteCount) }
    }

    /// Checks what a producer sends, record by record where they are not compressed: offsets from 0 without a gap,
    /// lengths that fit, nothing after the end. An lz4 frame is followed from block to block without decompressing it,
    /// and must not be able to take more than `decompressedBytesMax`. Other codecs are taken as they are.
    ///
    /// - Parameter visit: called with each record of an uncompressed batch, on the way.
    @inlinable
    public func validateRecords(
        decompressedBytesMax: Int = DecompressionBuffer.defaultLimit, _ visit: (borrowing RecordView) -> Void = { _ in }
    ) throws(BatchError) {
        guard header.recordCount > 0, Int64(header.recordCount) == Int64(header.lastOffsetDelta) + 1 else {
            throw .badRecordCount(header.recordCount)
        }
        switch header.compression {
        case .some(.none):
            // Each record takes seven bytes or more.
            guard Int(header.recordCount) <= payload.byteCount / Record.encodedSizeMin else {
                throw .badRecordCount(header.recordCount)
            }
            // The cursor sees to it that offsets rise up to the last: with as many records as offsets, none is left out.
            var cursor = RecordCursor(uncompressed: self)
            try cursor.scan { record in
                visit(record)
                return true
            }
        case .lz4:
            let bound = try LZ4Frame.check(payload, decompressedBytesMax: decompressedBytesMax)
            guard Int(header.recordCount) <= bound / Record.encodedSizeMin else {
                throw .badRecordCount(header.recordCount)
            }
        case .gzip, .snappy, .zstd: return
        case nil: throw .unsupportedCompression(UInt8(header.attributes.rawValue & 0b111))
        }
    }
}

extension Record {
    /// Length, attributes, timestamp, offset, key length, value length, header count: a byte each at least.
    @usableFromInline static let encodedSizeMin = 7
}
