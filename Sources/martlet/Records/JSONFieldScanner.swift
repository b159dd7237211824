/// Finds one field of an object in a line of JSON without decoding the rest of it.
struct JSONFieldScanner {
    let field: String
    private let name: [UInt8]

    enum Value: Equatable {
        case string([UInt8])
        /// A number, true, false, an object or an array, as it stands there.
        case literal([UInt8])
        case null
    }

    enum Problem: Error, Equatable {
        case noObject
        case noField
        /// The JSON is broken at this byte of the line.
        case malformed(at: Int)
    }

    init(field: String) {
        self.field = field
        name = Array(field.utf8)
    }

    /// The value of the first field of that name at the top level of the object.
    func value(in line: UnsafeRawBufferPointer) throws(Problem) -> Value {
        var cursor = Cursor(bytes: line)
        cursor.skipSpace()
        guard cursor.take("{") else { throw .noObject }
        cursor.skipSpace()
        if cursor.take("}") { throw .noField }
        while true {
            cursor.skipSpace()
            let key = try cursor.string()
            cursor.skipSpace()
            guard cursor.take(":") else { throw cursor.malformed }
            cursor.skipSpace()
            if isName(key, in: line) { return try cursor.value() }
            try cursor.skipValue()
            cursor.skipSpace()
            if cursor.take("}") { throw .noField }
            guard cursor.take(",") else { throw cursor.malformed }
        }
    }

    private func isName(_ key: Cursor.StringRange, in line: UnsafeRawBufferPointer) -> Bool {
        if key.hasEscapes { return key.text(of: line).map { $0 == name } ?? false }
        return key.range.count == name.count && line[key.range].elementsEqual(name)
    }
}

/// Goes through JSON byte by byte.
private struct Cursor {
    let bytes: UnsafeRawBufferPointer
    var position = 0

    /// What lies between a string's quotes.
    struct StringRange {
        var range: Range<Int>
        var hasEscapes: Bool

        /// nil: an escape in it is none of JSON's.
        func text(of line: UnsafeRawBufferPointer) -> [UInt8]? {
            hasEscapes ? JSONEscapes.decode(Array(line[range])[...]) : Array(line[range])
        }
    }

    var malformed: JSONFieldScanner.Problem { .malformed(at: position) }
    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard current == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    mutating func string() throws(JSONFieldScanner.Problem) -> StringRange {
        guard take("\"") else { throw malformed }
        let start = position
        var hasEscapes = false
        while let byte = current {
            if byte == UInt8(ascii: "\"") {
                position += 1
                return StringRange(range: start..<position - 1, hasEscapes: hasEscapes)
            }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                position += 1
            }
            position += 1
        }
        position = bytes.count
        throw malformed
    }

    mutating func value() throws(JSONFieldScanner.Problem) -> JSONFieldScanner.Value {
        let start = position
        if current == UInt8(ascii: "\"") {
            guard let text = try string().text(of: bytes) else { throw .malformed(at: start) }
            return .string(text)
        }
        try skipValue()
        let literal = Array(bytes[start..<position])
        return literal.elementsEqual("null".utf8) ? .null : .literal(literal)
    }

    mutating func skipValue() throws(JSONFieldScanner.Problem) {
        switch current {
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "{"), UInt8(ascii: "["): try skipNested()
        default:
            let start = position
            while let byte = current, !isEndOfLiteral(byte) { position += 1 }
            guard position > start else { throw malformed }
        }
    }

    private func isEndOfLiteral(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), 0x20, 0x09, 0x0A, 0x0D: true
        default: false
        }
    }

    /// Brackets are counted, not matched by kind: what lies inside is the consumer's business.
    private mutating func skipNested() throws(JSONFieldScanner.Problem) {
        var depth = 0
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                _ = try string()
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            position += 1
            if depth == 0 { return }
        }
        throw malformed
    }
}

/// JSON's backslash escapes.
enum JSONEscapes {
    /// nil: an escape is none of JSON's. A surrogate without its other half becomes U+FFFD.
    static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var units: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                units.append(byte)
                continue
            }
            guard let kind = rest.popFirst() else { return nil }
            if kind == UInt8(ascii: "u") {
                guard let scalar = scalar(&rest) else { return nil }
                units.append(contentsOf: String(scalar).utf8)
            } else {
                guard let plain = plain[kind] else { return nil }
                units.append(plain)
            }
        }
        return units
    }

    private static let plain: [UInt8: UInt8] = [
        UInt8(ascii: "\""): UInt8(ascii: "\""), UInt8(ascii: "\\"): UInt8(ascii: "\\"),
        UInt8(ascii: "/"): UInt8(ascii: "/"),
        UInt8(ascii: "b"): 0x08, UInt8(ascii: "f"): 0x0C, UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D,
        UInt8(ascii: "t"): 0x09,
    ]

    private static func scalar(_ rest: inout ArraySlice<UInt8>) -> Unicode.Scalar? {
        guard let unit = unit(&rest) else { return nil }
        guard UTF16.isLeadSurrogate(unit) else { return Unicode.Scalar(unit) ?? "\u{FFFD}" }
        var ahead = rest
        guard ahead.popFirst() == UInt8(ascii: "\\"), ahead.popFirst() == UInt8(ascii: "u"),
            let low = Self.unit(&ahead),
            UTF16.isTrailSurrogate(low)
        else { return "\u{FFFD}" }
        rest = ahead
        return UTF16.decode(UTF16.EncodedScalar([unit, low]))
    }

    private static func unit(_ rest: inout ArraySlice<UInt8>) -> UInt16? {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = rest.popFirst(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                return nil
            }
            value = value << 4 | UInt16(digit)
        }
        return value
    }
}
