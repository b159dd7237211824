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

    /// Reads a number of up to 64 bits at `position`, not past `end`, and moves `position` on.
    @inlinable @inline(__always)
    static func decode(
        _ bytes: UnsafeRawPointer, _ position: inout Int, end: Int
    ) throws(Problem) -> Int64 {
        guard position < end else { throw .truncated }
        let first = bytes.load(fromByteOffset: position, as: UInt8.self)
        if first < 0x80 {
            position += 1
            return unzigzag(UInt64(first))
        }
        return try decodeLong(bytes, &position, end: end)
    }

    @usableFromInline
    static func decodeLong(
        _ bytes: UnsafeRawPointer, _ position: inout Int, end: Int
    ) throws(Problem) -> Int64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < end {
            let byte = bytes.load(fromByteOffset: position, as: UInt8.self)
            position += 1
            // The tenth byte has room for one bit.
            if shift == 63 && byte > 1 { throw .tooLong }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return unzigzag(value) }
            shift += 7
            if shift > 63 { throw .tooLong }
        }
        throw .truncated
    }
}
