/// A record in borrowed bytes: nothing is copied until it is asked for.
public struct RecordView: ~Escapable {
    public let offset: Offset
    public let timestamp: Timestamp
    public let headerCount: Int
    @usableFromInline let bytes: UnsafeRawPointer
    @usableFromInline let keyRange: Range<Int>?
    @usableFromInline let valueRange: Range<Int>?
    /// The header count and the headers.
    @usableFromInline let headerRange: Range<Int>

    /// The ranges were checked by the cursor, whose bytes these are.
    @inlinable @inline(__always)
    @_lifetime(copy lifetime)
    init(
        bytes: UnsafeRawPointer, offset: Offset, timestamp: Timestamp, key: Range<Int>?, value: Range<Int>?,
        headers: Range<Int>, headerCount: Int, lifetime: borrowing RecordCursor
    ) {
        self.bytes = bytes
        self.offset = offset
        self.timestamp = timestamp
        keyRange = key
        valueRange = value
        headerRange = headers
        self.headerCount = headerCount
    }

    /// nil: the record has no key, which is not the same as an empty one.
    @inlinable
    public var key: RawSpan? {
        @_lifetime(copy self)
        get { span(keyRange) }
    }

    /// nil: the record has no value; in a compacted topic it deletes its key.
    @inlinable
    public var value: RawSpan? {
        @_lifetime(copy self)
        get { span(valueRange) }
    }

    @inlinable @inline(__always)
    @_lifetime(copy self)
    func span(_ range: Range<Int>?) -> RawSpan? {
        guard let range else { return nil }
        let span = RawSpan(_unsafeStart: bytes + range.lowerBound, byteCount: range.count)
        return _overrideLifetime(span, copying: self)
    }

    /// The headers, in order, copied. Bytes of a name that are not UTF-8 are replaced.
    public func makeHeaders() -> [RecordHeader] {
        guard headerCount > 0 else { return [] }
        var position = headerRange.lowerBound
        var headers: [RecordHeader] = []
        // The cursor has been over these bytes: reading them again does not fail.
        guard (try? Varint.decode(bytes, &position, end: headerRange.upperBound)) != nil else { return [] }
        for _ in 0..<headerCount {
            guard let name = field(&position) else { return headers }
            let value = field(&position)
            headers.append(
                RecordHeader(
                    name: String(
                        decoding: UnsafeRawBufferPointer(start: bytes + name.lowerBound, count: name.count),
                        as: UTF8.self),
                    value: value.map { Array(UnsafeRawBufferPointer(start: bytes + $0.lowerBound, count: $0.count)) }))
        }
        return headers
    }

    private func field(_ position: inout Int) -> Range<Int>? {
        guard let length = try? Varint.decode(bytes, &position, end: headerRange.upperBound), length >= 0,
            length <= Int64(headerRange.upperBound - position)
        else { return nil }
        defer { position += Int(length) }
        return position..<position + Int(length)
    }

    /// The record with copies of its bytes.
    public func makeStoredRecord() -> StoredRecord {
        StoredRecord(
            offset: offset, timestamp: timestamp, key: copy(keyRange), value: copy(valueRange), headers: makeHeaders())
    }

    private func copy(_ range: Range<Int>?) -> [UInt8]? {
        range.map { Array(UnsafeRawBufferPointer(start: bytes + $0.lowerBound, count: $0.count)) }
    }
}
