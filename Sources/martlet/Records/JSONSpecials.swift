/// Looks for the bytes that mean something inside a string of JSON: quotes, backslashes, control characters. Eight bytes
/// at a time, as most of what goes through here is none of them.
enum JSONSpecials {
    private static let low: UInt64 = 0x0101_0101_0101_0101
    private static let high: UInt64 = 0x8080_8080_8080_8080

    /// The first of them from `start` on; `end` where there is none.
    static func first(in bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Int {
        var at = start
        while at + 8 <= end {
            let found = mark(bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            // The lowest mark is right; one above it may owe itself to a borrow.
            if found != 0 { return at + found.trailingZeroBitCount / 8 }
            at += 8
        }
        while at < end, !isSpecial(bytes[at]) { at += 1 }
        return at
    }

    /// The top bit of each byte that is one of them, in little-endian order.
    private static func mark(_ word: UInt64) -> UInt64 {
        let word = UInt64(littleEndian: word)
        let quotes = word ^ (low &* UInt64(UInt8(ascii: "\"")))
        let slashes = word ^ (low &* UInt64(UInt8(ascii: "\\")))
        let controls = (word &- low &* 0x20) & ~word
        return (controls | ((quotes &- low) & ~quotes) | ((slashes &- low) & ~slashes)) & high
    }

    static func isSpecial(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }
}
