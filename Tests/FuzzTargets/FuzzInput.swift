/// The bytes of an input, taken from the front. Past their end there are zeros.
struct FuzzInput {
    private var bytes: UnsafeRawBufferPointer.SubSequence

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes[...] }

    var isEmpty: Bool { bytes.isEmpty }

    mutating func byte() -> UInt8 { bytes.popFirst() ?? 0 }

    mutating func number(below limit: Int) -> Int { limit <= 256 ? Int(byte()) % limit : Int(int16()) % limit }

    mutating func int16() -> UInt16 { UInt16(byte()) << 8 | UInt16(byte()) }

    /// Up to `count` bytes, in memory of their own: AddressSanitizer sees a read past them.
    mutating func bytes(_ count: Int) -> [UInt8] {
        let taken = bytes.prefix(count)
        bytes = bytes.dropFirst(count)
        return Array(taken)
    }

    mutating func rest() -> [UInt8] { bytes(bytes.count) }

    mutating func text(_ count: Int) -> String { String(decoding: bytes(count), as: UTF8.self) }
}

extension [UInt8] {
    /// Writes a number where there is room for it, as a checksum that a fuzzer could not guess.
    mutating func patch<N: FixedWidthInteger>(_ value: N, at position: Int) {
        guard position >= 0, position + MemoryLayout<N>.size <= count else { return }
        Swift.withUnsafeBytes(of: value.bigEndian) { replaceSubrange(position..<position + $0.count, with: $0) }
    }

    func number<N: FixedWidthInteger>(at position: Int, as type: N.Type = N.self) -> N? {
        guard position >= 0, position + MemoryLayout<N>.size <= count else { return nil }
        return self[position..<position + MemoryLayout<N>.size].reduce(0) { $0 << 8 | N(truncatingIfNeeded: $1) }
    }
}
