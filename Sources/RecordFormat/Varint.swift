/// Kafka's variable-length integers: zigzag, then seven bits a byte, lowest first.
public enum Varint {
    /// No 64-bit number takes more bytes.
    public static let sizeMax = 10

    @inlinable @inline(__always)
    public static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: (value << 1) ^ (value >> 63)) }

    @inlinable @inline(__always)
    public static func unzigzag(_ value: UInt64) -> Int64 {
        Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// How many bytes `value` takes.
    @inlinable @inline(__always)
    public static func size(_ value: Int64) -> Int {
        let bits = 64 - (zigzag(value) | 1).leadingZeroBitCount
        // A ninth for each bit, rounded: the same as (bits + 6) / 7 up to 64 bits, without a division.
        return (bits &* 9 &+ 64) >> 6
    }

    /// Writes `value` and returns how many bytes it took; there must be room for `size(value)`.
    @inlinable @inline(__always)
    static func encode(_ value: Int64, to place: UnsafeMutableRawPointer) -> Int {
        var rest = zigzag(value)
        if rest < 0x80 {
            place.storeBytes(of: UInt8(truncatingIfNeeded: rest), as: UInt8.self)
            return 1
        }
        if rest < 0x4000 {
            let pair = UInt16(truncatingIfNeeded: (rest & 0x7F) | 0x80 | (rest >> 7) << 8)
            place.storeBytes(of: pair.littleEndian, as: UInt16.self)
            return 2
        }
        var count = 0
        while rest >= 0x80 {
            place.storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, toByteOffset: count, as: UInt8.self)
            rest >>= 7
            count += 1
        }
        place.storeBytes(of: UInt8(truncatingIfNeeded: rest), toByteOffset: count, as: UInt8.self)
        return count + 1
    }

    @usableFromInline
    enum Problem: Error { case truncated, tooLong }

    /// Reads a number of up to 64 bits at `place`, not past `end`, and moves `place` on.
    @inlinable @inline(__always)
    static func decode(_ place: inout UnsafeRawPointer, end: UnsafeRawPointer) throws(Problem) -> Int64 {
        guard place < end else { throw .truncated }
        let first = UInt64(place.load(as: UInt8.self))
        if first < 0x80 {
            place += 1
            return unzigzag(first)
        }
        // Most lengths, offsets and times of a batch take no more than two bytes.
        guard end - place > 1 else { throw .truncated }
        let second = UInt64(place.load(fromByteOffset: 1, as: UInt8.self))
        if second < 0x80 {
            place += 2
            return unzigzag(first & 0x7F | second << 7)
        }
        let (value, next) = try decodeLong(place, end: end)
        place = next
        return value
    }

    /// Out of the way of the short ones, and by value: a place that is passed by reference must live in memory.
    @usableFromInline
    static func decodeLong(
        _ start: UnsafeRawPointer, end: UnsafeRawPointer
    ) throws(Problem) -> (value: Int64, next: UnsafeRawPointer) {
        var place = start
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while place < end {
            let byte = place.load(as: UInt8.self)
            place += 1
            // The tenth byte has room for one bit.
            if shift == 63 && byte > 1 { throw .tooLong }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return (unzigzag(value), place) }
            shift += 7
            if shift > 63 { throw .tooLong }
        }
        throw .truncated
    }
}
