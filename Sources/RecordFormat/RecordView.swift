/// A record in borrowed bytes: nothing is copied until it is asked for.
public struct RecordView: ~Escapable {
    public let offset: Offset
    public let timestamp: Timestamp
    public let headerCount: Int
    @usableFromInline let keyField: RecordDecoder.Field
    @usableFromInline let valueField: RecordDecoder.Field
    /// Where the header count and the headers lie, up to the record's end.
    @usableFromInline let headers: UnsafeRawPointer
    @usableFromInline let end: UnsafeRawPointer

    /// The fields were checked by the cursor, whose bytes these are.
    @inlinable @inline(__always)
    @_lifetime(copy lifetime)
    init(
        offset: Offset, timestamp: Timestamp, key: RecordDecoder.Field, value: RecordDecoder.Field,
        headers: UnsafeRawPointer, end: UnsafeRawPointer, headerCount: Int, lifetime: borrowing RecordCursor
    ) {
        self.offset = offset
        self.timestamp = timestamp
        keyField = key
        valueField = value
        self.headers = headers
        self.end = end
        self.headerCount = headerCount
    }

    /// nil: the record has no key, which is not the same as an empty one.
    @inlinable
    public var key: RawSpan? {
        @_lifetime(copy self)
        get { span(keyField) }
    }

    /// 0: it has none, or an empty one.
    @inlinable package var keyByteCount: Int { keyField.count }

    /// What the headers take in the record, with their number.
    @inlinable package var headerByteCount: Int { end - headers }

    @inlinable public var hasKey: Bool { keyField.start != nil }

    /// nil: the record has no value; in a compacted topic it deletes its key.
    @inlinable
    public var value: RawSpan? {
        @_lifetime(copy self)
        get { span(valueField) }
    }

    /// True: it deletes its key where the topic is compacted.
    @inlinable
    public var isTombstone: Bool { valueField.start == nil && keyField.start != nil }

    @inlinable @inline(__always)
    @_lifetime(copy self)
    func span(_ field: RecordDecoder.Field) -> RawSpan? {
        guard let start = field.start else { return nil }
        let span = RawSpan(_unsafeStart: start, byteCount: field.count)
        return _overrideLifetime(span, copying: self)
    }

    /// The headers, in order, copied. Bytes of a name that are not UTF-8 are replaced.
    public func makeHeaders() -> [RecordHeader] {
        guard headerCount > 0 else { return [] }
        var fields = RecordDecoder(headers, end: end)
        var result: [RecordHeader] = []
        // The cursor has been over these bytes: reading them again does not fail.
        guard (try? fields.number()) != nil else { return [] }
        for _ in 0..<headerCount {
            guard let name = try? fields.field(), let value = try? fields.field() else { return result }
            let nameBytes = UnsafeRawBufferPointer(start: name.start, count: name.count)
            result.append(RecordHeader(name: String(decoding: nameBytes, as: UTF8.self), value: copy(value)))
        }
        return result
    }

    /// The value of the last header of this name, in place; nil: there is none, or it has no value.
    @_lifetime(copy self)
    package func value(ofHeader name: StaticString) -> RawSpan? {
        guard headerCount > 0 else { return nil }
        let wanted = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        var fields = RecordDecoder(headers, end: end)
        var found: RecordDecoder.Field = (nil, 0)
        // The cursor has been over these bytes: reading them again does not fail.
        guard (try? fields.number()) != nil else { return nil }
        for _ in 0..<headerCount {
            guard let key = try? fields.field(), let value = try? fields.field() else { break }
            guard key.count == wanted.count else { continue }
            if UnsafeRawBufferPointer(start: key.start, count: key.count).elementsEqual(wanted) { found = value }
        }
        return span(found)
    }

    /// The record with copies of its bytes.
    public func makeStoredRecord() -> StoredRecord {
        StoredRecord(
            offset: offset, timestamp: timestamp, key: copy(keyField), value: copy(valueField), headers: makeHeaders())
    }

    private func copy(_ field: RecordDecoder.Field) -> [UInt8]? {
        field.start.map { Array(UnsafeRawBufferPointer(start: $0, count: field.count)) }
    }
}
