// Everything on disk is big-endian, as Kafka's files are.

extension UnsafeRawBufferPointer {
    /// The value at `position`, which the caller has checked to lie inside.
    @inline(__always)
    func bigEndian<N: FixedWidthInteger>(at position: Int, as type: N.Type = N.self) -> N {
        precondition(position >= 0 && position + MemoryLayout<N>.size <= count, "a read past the end")
        return N(bigEndian: baseAddress.unsafelyUnwrapped.loadUnaligned(fromByteOffset: position, as: N.self))
    }
    @inline(__always)
    func bigEndianUInt32(at position: Int) -> UInt32 { bigEndian(at: position) }
    @inline(__always)
    func bigEndianInt64(at position: Int) -> Int64 { bigEndian(at: position) }
}

extension UnsafeMutableRawBufferPointer {
    @inline(__always)
    func storeBigEndian<N: FixedWidthInteger>(_ value: N, at position: Int) {
        precondition(position >= 0 && position + MemoryLayout<N>.size <= count, "a write past the end")
        baseAddress.unsafelyUnwrapped.storeBytes(of: value.bigEndian, toByteOffset: position, as: N.self)
    }
}

/// What numbers in files can be. A checksum says only that a number is the one that was written: past these a decoder
/// says that there is nothing whole, so that whoever counts on from it or adds to it need not fear an overflow.
enum FieldLimits {
    /// Places in files.
    static let positions = 0...(1 << 48)
    /// Numbers that go up by one.
    static let numbers = 0...(1 << 62 as UInt64)
}

/// Writes fields one after the other.
struct FieldWriter {
    private(set) var bytes: [UInt8] = []

    mutating func add<N: FixedWidthInteger>(_ value: N) {
        Swift.withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }
    mutating func add(_ text: String) {
        add(UInt16(clamping: text.utf8.count))
        bytes.append(contentsOf: text.utf8.prefix(Int(UInt16.max)))
    }
    mutating func add(_ field: [UInt8]) { bytes += field }
    mutating func patch<N: FixedWidthInteger>(_ value: N, at position: Int) {
        Swift.withUnsafeBytes(of: value.bigEndian) { bytes.replaceSubrange(position..<position + $0.count, with: $0) }
    }
}

/// Reads fields one after the other; a read past the end throws, whatever the bytes say.
struct FieldReader {
    struct EndedEarly: Error {}

    private let bytes: ArraySlice<UInt8>
    private var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    var remaining: Int { bytes.endIndex - position }

    mutating func next<N: FixedWidthInteger>(_ type: N.Type = N.self) throws(EndedEarly) -> N {
        guard MemoryLayout<N>.size <= remaining else { throw EndedEarly() }
        defer { position += MemoryLayout<N>.size }
        return bytes.withUnsafeBytes { $0.bigEndian(at: position - bytes.startIndex) }
    }
    mutating func nextText() throws(EndedEarly) -> String {
        let count = Int(try next(UInt16.self))
        return String(decoding: try next(count: count), as: UTF8.self)
    }
    mutating func next(count: Int) throws(EndedEarly) -> ArraySlice<UInt8> {
        guard count >= 0, count <= remaining else { throw EndedEarly() }
        defer { position += count }
        return bytes[position..<position + count]
    }
}
