/// What there is to know of a record besides its bytes.
package struct RecordOutline: Equatable {
    package let offset: Offset
    package let timestamp: Timestamp
    /// nil: it has no key, which is not the same as an empty one.
    package let keyByteCount: Int?
    package let headerCount: Int
    /// What the headers take in the record, with their number.
    package let headerByteCount: Int

    @inlinable @inline(__always)
    package init(
        offset: Offset, timestamp: Timestamp, keyByteCount: Int?, headerCount: Int, headerByteCount: Int
    ) {
        self.offset = offset
        self.timestamp = timestamp
        self.keyByteCount = keyByteCount
        self.headerCount = headerCount
        self.headerByteCount = headerByteCount
    }

    @inlinable @inline(__always)
    package init(_ record: borrowing RecordView) {
        self.init(
            offset: record.offset, timestamp: record.timestamp,
            keyByteCount: record.hasKey ? record.keyByteCount : nil, headerCount: record.headerCount,
            headerByteCount: record.headerByteCount)
    }
}
