// Raw memory as Kafka's formats lay it out.

extension UnsafeRawPointer {
    /// The value at `position`, which the caller has checked to be there.
    @inlinable @inline(__always)
    func bigEndian<N: FixedWidthInteger>(_ type: N.Type, at position: Int) -> N {
        N(bigEndian: loadUnaligned(fromByteOffset: position, as: N.self))
    }
    @inlinable @inline(__always)
    func littleEndian<N: FixedWidthInteger>(_ type: N.Type, at position: Int) -> N {
        N(littleEndian: loadUnaligned(fromByteOffset: position, as: N.self))
    }
}

extension UnsafeMutableRawPointer {
    @inlinable @inline(__always)
    func storeBigEndian<N: FixedWidthInteger>(_ value: N, at position: Int) {
        storeBytes(of: value.bigEndian, toByteOffset: position, as: N.self)
    }
}
