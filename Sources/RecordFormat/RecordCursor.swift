/// Decodes a batch's records one after the other, in place.
public struct RecordCursor: ~Escapable {
    @usableFromInline let header: RecordBatchHeader
    @usableFromInline let bytes: UnsafeRawPointer
    @usableFromInline let end: Int
    @usableFromInline var position = 0
    /// How many records have been decoded.
    @usableFromInline var decodedCount = 0
    public var index: Int { decodedCount }
    @usableFromInline var lastDelta: Int64 = -1

    /// Starts at the batch's first record. An lz4 batch is decompressed into `scratch`, which must stay as it is while
    /// the cursor lives. Throws `unsupportedCompression` for the other codecs.
    @_lifetime(copy batch, &scratch)
    public init(_ batch: RecordBatchView, into scratch: inout DecompressionBuffer) throws(BatchError) {
        switch batch.header.compression {
        case .some(.none):
            self.init(uncompressed: batch)
        case .lz4:
            let decompressed = try scratch.decompress(batch.payload)
            self.init(batch.header, UnsafeRawBufferPointer(decompressed), lifetime: batch.bytes)
        default:
            throw .unsupportedCompression(UInt8(batch.header.attributes.rawValue & 0b111))
        }
    }

    @usableFromInline
    @_lifetime(copy batch)
    init(uncompressed batch: RecordBatchView) {
        let payload = batch.payload.withUnsafeBytes { $0 }
        self.init(batch.header, payload, lifetime: batch.bytes)
    }

    @_lifetime(copy lifetime)
    init(_ header: RecordBatchHeader, _ records: UnsafeRawBufferPointer, lifetime: RawSpan) {
        self.header = header
        // An empty payload may have no address; nothing is read from it then.
        bytes = records.baseAddress ?? UnsafeRawPointer(bitPattern: 1).unsafelyUnwrapped
        end = records.count
    }

    /// The next record; nil after the last. Throws where the bytes are no record, or go on after the last one.
    @inlinable @inline(__always)
    @_lifetime(copy self)
    public mutating func next() throws(BatchError) -> RecordView? {
        guard decodedCount < Int(header.recordCount) else {
            guard position == end else { throw .badRecord(index: decodedCount, .bytesAfterEnd) }
            return nil
        }
        do {
            let view = try decode()
            decodedCount += 1
            return _overrideLifetime(view, copying: self)
        } catch {
            throw .badRecord(index: decodedCount, error)
        }
    }

    /// Calls `body` with each record that is left, until it returns false. The fast way through a batch: a record that is
    /// returned goes through memory twice, one that is passed stays where it was made. Throws as `next` does.
    @inlinable @inline(__always)
    public mutating func scan(_ body: (borrowing RecordView) -> Bool) throws(BatchError) {
        while decodedCount < Int(header.recordCount) {
            do {
                let record = try decode()
                decodedCount += 1
                if !body(record) { return }
            } catch {
                throw .badRecord(index: decodedCount, error)
            }
        }
        guard position == end else { throw .badRecord(index: decodedCount, .bytesAfterEnd) }
    }

    @inlinable @inline(__always)
    @_lifetime(copy self)
    mutating func decode() throws(BatchError.RecordProblem) -> RecordView {
        // In a local: to the compiler, what is read could be this cursor itself.
        var fields = RecordDecoder(bytes + position, end: bytes + end)
        let length = try fields.number()
        guard length >= 0, length <= Int64(fields.byteCount) else { throw length < 0 ? .badLength : .truncated }
        fields.end = fields.place + Int(truncatingIfNeeded: length)
        try fields.skipAttributes()
        let timestampDelta = try fields.number()
        let offsetDelta = try fields.number()
        guard offsetDelta > lastDelta, offsetDelta <= Int64(header.lastOffsetDelta) else { throw .badOffset }
        // Wraps around, as the difference does when it is encoded: so any two timestamps fit into one batch.
        let time = header.baseTimestamp.milliseconds &+ timestampDelta
        let key = try fields.field()
        let value = try fields.field()
        let headers = fields.place
        let headerCount = try fields.skipHeaders()
        guard fields.place == fields.end else { throw .badLength }
        position = fields.end - bytes
        lastDelta = offsetDelta
        return RecordView(
            offset: header.baseOffset.advanced(by: offsetDelta),
            timestamp: header.attributes.usesLogAppendTime ? header.maxTimestamp : Timestamp(milliseconds: time),
            key: key, value: value, headers: headers, end: fields.end, headerCount: headerCount, lifetime: self)
    }
}
