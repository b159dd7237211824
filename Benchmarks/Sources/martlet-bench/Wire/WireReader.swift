/// Reads values as Kafka's protocol has them. The broker that is measured is trusted: what does not fit, traps.
struct WireReader {
    private let source: UnsafeRawBufferPointer
    private var position = 0

    init(_ source: UnsafeRawBufferPointer) { self.source = source }

    /// Bytes that were not read yet.
    var remaining: Int { source.count - position }

    mutating func integer<I: FixedWidthInteger>(_: I.Type = I.self) -> I {
        defer { position += MemoryLayout<I>.size }
        return I(bigEndian: source.loadUnaligned(fromByteOffset: position, as: I.self))
    }

    mutating func raw(_ count: Int) -> [UInt8] {
        defer { position += count }
        return Array(UnsafeRawBufferPointer(rebasing: source[position..<(position + count)]))
    }

    mutating func string() -> String { String(decoding: raw(max(0, Int(integer(Int16.self)))), as: UTF8.self) }
    mutating func bytes() -> [UInt8] { raw(max(0, Int(integer(Int32.self)))) }

    mutating func array<T>(_ read: (inout WireReader) -> T) -> [T] {
        let count = Int(integer(Int32.self))
        var elements: [T] = []
        for _ in 0..<max(0, count) { elements.append(read(&self)) }
        return elements
    }

    // MARK: Flexible versions

    mutating func varint() -> Int {
        var (value, shift) = (0, 0)
        while true {
            let byte = integer(UInt8.self)
            value |= Int(byte & 127) << shift
            if byte < 128 { return value }
            shift += 7
        }
    }

    mutating func compactString() -> String { String(decoding: raw(max(0, varint() - 1)), as: UTF8.self) }

    mutating func compactArray<T>(_ read: (inout WireReader) -> T) -> [T] {
        let count = varint() - 1
        var elements: [T] = []
        for _ in 0..<max(0, count) { elements.append(read(&self)) }
        return elements
    }

    mutating func skipTags() {
        for _ in 0..<varint() {
            _ = varint()
            position += varint()
        }
    }
}

extension WireReader {
    /// Reads what stands in an array of bytes.
    static func read<T>(_ bytes: [UInt8], _ body: (inout WireReader) -> T) -> T {
        bytes.withUnsafeBytes {
            var reader = WireReader($0)
            return body(&reader)
        }
    }
}
