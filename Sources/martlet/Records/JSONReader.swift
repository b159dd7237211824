/// Reads JSON from front to back, strictly, a token at a time, without a tree. Strings without an escape are read where
/// they stand.
struct JSONReader {
    /// The JSON is broken at this byte, from 0.
    struct Malformed: Error, Hashable {
        var position: Int
        var reason: String
    }

    let bytes: UnsafeRawBufferPointer
    private(set) var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    func malformed(_ reason: String) -> Malformed { Malformed(position: position, reason: reason) }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    var isAtEnd: Bool { position >= bytes.count }

    /// Takes a character of punctuation, with space before it; false: something else stands there.
    mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    mutating func expect(_ character: Unicode.Scalar) throws(Malformed) {
        guard take(character) else { throw malformed("'\(character)' was due") }
    }

    mutating func takeNull() -> Bool { take(literal: "null") }

    private mutating func take(literal: StaticString) -> Bool {
        skipSpace()
        let count = literal.utf8CodeUnitCount
        guard position + count <= bytes.count else { return false }
        for index in 0..<count where bytes[position + index] != literal.utf8Start[index] { return false }
        position += count
        return true
    }

    mutating func boolean() throws(Malformed) -> Bool {
        if take(literal: "true") { return true }
        guard take(literal: "false") else { throw malformed("true or false was due") }
        return false
    }

    /// A whole number.
    mutating func integer() throws(Malformed) -> Int64 {
        skipSpace()
        let start = position
        let isNegative = current == UInt8(ascii: "-")
        if isNegative { position += 1 }
        var value: Int64 = 0
        let firstDigit = position
        while let byte = current, byte >= 0x30, byte <= 0x39 {
            let digit = Int64(byte - 0x30)
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            // Towards the sign, so that the least number fits.
            let (next, overflows) =
                isNegative ? scaled.subtractingReportingOverflow(digit) : scaled.addingReportingOverflow(digit)
            if overflow || overflows {
                position = start
                throw malformed("the number is too large")
            }
            value = next
            position += 1
        }
        guard position > firstDigit else {
            position = start
            throw malformed("a number was due")
        }
        if let byte = current, byte == UInt8(ascii: ".") || byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            throw malformed("the number has to be a whole one")
        }
        return value
    }

    /// A string as it stands between its quotes, and whether it has escapes.
    mutating func rawString() throws(Malformed) -> (range: Range<Int>, hasEscapes: Bool) {
        try expect("\"")
        let start = position
        var hasEscapes = false
        while true {
            position = JSONSpecials.first(in: bytes, from: position, to: bytes.count)
            guard position < bytes.count else { throw malformed("a string has no end") }
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                return (start..<position - 1, hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                position = min(position + 2, bytes.count)
            default: throw malformed("a control character stands in a string")
            }
        }
    }

    /// The text of a string.
    mutating func string() throws(Malformed) -> String {
        let (range, hasEscapes) = try rawString()
        let raw = UnsafeRawBufferPointer(rebasing: bytes[range])
        guard hasEscapes else { return String(decoding: raw, as: UTF8.self) }
        let text = UnsafeMutableRawBufferPointer.allocate(byteCount: raw.count, alignment: 1)
        defer { text.deallocate() }
        let count = try decode(range, into: text)
        return String(decoding: text[..<count], as: UTF8.self)
    }

    /// Decodes what stands between a string's quotes; the text is never longer than it. Returns how many bytes it has.
    func decode(_ range: Range<Int>, into text: UnsafeMutableRawBufferPointer) throws(Malformed) -> Int {
        guard let source = bytes.baseAddress, let target = text.baseAddress else { return 0 }
        var (at, count) = (range.lowerBound, 0)
        while at < range.upperBound {
            let special = JSONSpecials.first(in: bytes, from: at, to: range.upperBound)
            if special > at {
                (target + count).copyMemory(from: source + at, byteCount: special - at)
                count += special - at
                at = special
            }
            guard at < range.upperBound else { break }
            guard at + 1 < range.upperBound else { throw Malformed(position: at, reason: "an escape is cut") }
            if bytes[at + 1] == UInt8(ascii: "u") {
                let scalar = try scalar(&at, end: range.upperBound)
                for unit in UTF8.encode(scalar).unsafelyUnwrapped {
                    target.storeBytes(of: unit, toByteOffset: count, as: UInt8.self)
                    count += 1
                }
            } else {
                let plain = Self.plain(bytes[at + 1])
                guard plain != 0 else { throw Malformed(position: at, reason: "an escape is none of JSON's") }
                target.storeBytes(of: plain, toByteOffset: count, as: UInt8.self)
                count += 1
                at += 2
            }
        }
        return count
    }

    /// What an escape stands for; 0: it is none.
    private static func plain(_ escape: UInt8) -> UInt8 {
        switch escape {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): escape
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: 0
        }
    }

    /// `\uXXXX`, or two of them that make one character.
    private func scalar(_ at: inout Int, end: Int) throws(Malformed) -> Unicode.Scalar {
        let start = at
        let first = try unit(&at, end: end)
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard UTF16.isLeadSurrogate(first), at < end, bytes[at] == UInt8(ascii: "\\") else {
            throw Malformed(position: start, reason: "half a character: a surrogate without its other half")
        }
        let second = try unit(&at, end: end)
        guard UTF16.isTrailSurrogate(second) else {
            throw Malformed(position: start, reason: "half a character: a surrogate without its other half")
        }
        return UTF16.decode(UTF16.EncodedScalar([first, second]))
    }

    private func unit(_ at: inout Int, end: Int) throws(Malformed) -> UInt16 {
        guard at + 6 <= end, bytes[at + 1] == UInt8(ascii: "u") else {
            throw Malformed(position: at, reason: "an escape is cut")
        }
        var value: UInt16 = 0
        for digit in bytes[at + 2..<at + 6] {
            switch digit {
            case 0x30...0x39: value = value << 4 | UInt16(digit - 0x30)
            case 0x41...0x46: value = value << 4 | UInt16(digit - 0x37)
            case 0x61...0x66: value = value << 4 | UInt16(digit - 0x57)
            default: throw Malformed(position: at, reason: "an escape is none of JSON's")
            }
        }
        at += 6
        return value
    }

    /// Goes through an object: `field` is called with each name, and reads the value.
    mutating func object(_ field: (inout JSONReader, String) throws -> Void) throws {
        try expect("{")
        if take("}") { return }
        repeat {
            let name = try string()
            try expect(":")
            try field(&self, name)
        } while take(",")
        try expect("}")
    }

    /// Goes through an array: `element` is called where each stands, and reads it.
    mutating func array(_ element: (inout JSONReader) throws -> Void) throws {
        try expect("[")
        if take("]") { return }
        repeat { try element(&self) } while take(",")
        try expect("]")
    }
}
