/// Reads the fields of a record, none of them past its end.
@usableFromInline
struct RecordDecoder {
    @usableFromInline var place: UnsafeRawPointer
    @usableFromInline var end: UnsafeRawPointer

    /// A field's bytes; a start of nil: the field is absent.
    @usableFromInline typealias Field = (start: UnsafeRawPointer?, count: Int)

    @inlinable @inline(__always)
    init(_ place: UnsafeRawPointer, end: UnsafeRawPointer) {
        self.place = place
        self.end = end
    }

    @inlinable @inline(__always)
    var byteCount: Int { end - place }

    /// One byte, which means nothing.
    @inlinable @inline(__always)
    mutating func skipAttributes() throws(BatchError.RecordProblem) {
        guard place < end else { throw .truncated }
        place += 1
    }

    @inlinable @inline(__always)
    mutating func number() throws(BatchError.RecordProblem) -> Int64 {
        do { return try Varint.decode(&place, end: end) } catch {
            throw error == .truncated ? .truncated : .badVarint
        }
    }

    /// A length and that many bytes; a length of -1 means that there is none.
    @inlinable @inline(__always)
    mutating func field() throws(BatchError.RecordProblem) -> Field {
        let length = try number()
        if length < 0 {
            guard length == -1 else { throw .badLength }
            return (nil, 0)
        }
        guard length <= Int64(byteCount) else { throw .badLength }
        let start = place
        place += Int(truncatingIfNeeded: length)
        return (start, Int(truncatingIfNeeded: length))
    }

    @inlinable @inline(__always)
    mutating func skipHeaders() throws(BatchError.RecordProblem) -> Int {
        let count = try number()
        if count == 0 { return 0 }
        // Each takes two bytes or more.
        guard count > 0, count <= Int64(byteCount / 2) else { throw .badLength }
        place = try Self.end(ofHeaders: Int(truncatingIfNeeded: count), at: place, end: end)
        return Int(truncatingIfNeeded: count)
    }

    /// Out of the way of records that have none.
    @usableFromInline
    static func end(
        ofHeaders count: Int, at place: UnsafeRawPointer, end: UnsafeRawPointer
    ) throws(BatchError.RecordProblem) -> UnsafeRawPointer {
        var fields = RecordDecoder(place, end: end)
        for _ in 0..<count {
            guard try fields.field().start != nil else { throw .badLength }
            _ = try fields.field()
        }
        return fields.place
    }
}
