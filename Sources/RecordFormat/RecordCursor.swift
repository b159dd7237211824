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
    @inlinable
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

    @inlinable @inline(__always)
    @_lifetime(copy self)
    mutating func decode() throws(BatchError.RecordProblem) -> RecordView {
        let length = try number(end: end)
        guard length >= 0, length <= Int64(end - position) else {
            throw length < 0 ? .badLength : .truncated
        }
        let recordEnd = position + Int(truncatingIfNeeded: length)
        // One byte of attributes, which mean nothing.
        guard position < recordEnd else { throw .truncated }
        position += 1
        let timestampDelta = try number(end: recordEnd)
        let offsetDelta = try number(end: recordEnd)
        guard offsetDelta > lastDelta, offsetDelta <= Int64(header.lastOffsetDelta) else { throw .badOffset }
        lastDelta = offsetDelta
        // Wraps around, as the difference does when it is encoded: so any two timestamps fit into one batch.
        let time = header.baseTimestamp.milliseconds &+ timestampDelta
        let key = try field(end: recordEnd)
        let value = try field(end: recordEnd)
        let headersStart = position
        let headerCount = try skipHeaders(end: recordEnd)
        guard position == recordEnd else { throw .badLength }
        return RecordView(
            bytes: bytes, offset: header.baseOffset.advanced(by: offsetDelta),
            timestamp: header.attributes.usesLogAppendTime ? header.maxTimestamp : Timestamp(milliseconds: time),
            key: key, value: value, headers: headersStart..<recordEnd, headerCount: headerCount, lifetime: self)
    }

    @inlinable @inline(__always)
    mutating func number(end: Int) throws(BatchError.RecordProblem) -> Int64 {
        do { return try Varint.decode(bytes, &position, end: end) } catch {
            throw error == .truncated ? .truncated : .badVarint
        }
    }

    /// A length and that many bytes; a length of -1 means that there is none.
    @inlinable @inline(__always)
    mutating func field(end: Int) throws(BatchError.RecordProblem) -> Range<Int>? {
        let length = try number(end: end)
        if length < 0 {
            guard length == -1 else { throw .badLength }
            return nil
        }
        guard length <= Int64(end - position) else { throw .badLength }
        let start = position
        position += Int(truncatingIfNeeded: length)
        return start..<position
    }

    @inlinable @inline(__always)
    mutating func skipHeaders(end: Int) throws(BatchError.RecordProblem) -> Int {
        let count = try number(end: end)
        if count == 0 { return 0 }
        // Each takes two bytes or more.
        guard count > 0, count <= Int64((end - position) / 2) else { throw .badLength }
        try skipEachHeader(Int(truncatingIfNeeded: count), end: end)
        return Int(truncatingIfNeeded: count)
    }

    @usableFromInline
    mutating func skipEachHeader(_ count: Int, end: Int) throws(BatchError.RecordProblem) {
        for _ in 0..<count {
            guard try field(end: end) != nil else { throw .badLength }
            _ = try field(end: end)
        }
    }
}
