/// One flat object of JSON on one line: texts, whole numbers and null. All that an audit header needs.
struct JSONLine {
    enum Value: Hashable, Sendable {
        case text(String)
        case number(Int64)
        case null
    }

    private var bytes: [UInt8] = [UInt8(ascii: "{")]

    init() {}

    mutating func add(_ name: String, _ text: String) {
        begin(name)
        addQuoted(text)
    }

    mutating func add(_ name: String, _ number: Int64?) {
        begin(name)
        bytes += Array((number.map { String($0) } ?? "null").utf8)
    }

    func finish() -> [UInt8] { bytes + [UInt8(ascii: "}")] }

    private mutating func begin(_ name: String) {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
        addQuoted(name)
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func addQuoted(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                bytes += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// The fields of such a line; nil where it is none. Of a name that comes twice, the last.
    static func parse(_ bytes: [UInt8]) -> [String: Value]? {
        var parser = Parser(rest: bytes[...])
        return parser.object()
    }

    private struct Parser {
        var rest: ArraySlice<UInt8>

        mutating func object() -> [String: Value]? {
            var fields: [String: Value] = [:]
            guard take("{") else { return nil }
            if take("}") { return isAtEnd ? fields : nil }
            repeat {
                guard let name = text(), take(":"), let value = value() else { return nil }
                fields[name] = value
            } while take(",")
            return take("}") && isAtEnd ? fields : nil
        }

        private var isAtEnd: Bool { rest.allSatisfy(Self.isSpace) }
        private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || 0x09...0x0A ~= byte || byte == 0x0D }
        private mutating func skipSpace() { rest = rest.drop(while: Self.isSpace) }

        private mutating func take(_ wanted: Unicode.Scalar) -> Bool {
            skipSpace()
            guard rest.first == UInt8(ascii: wanted) else { return false }
            rest.removeFirst()
            return true
        }

        private mutating func value() -> Value? {
            skipSpace()
            if rest.first == UInt8(ascii: "\"") { return text().map { .text($0) } }
            let word = rest.prefix { !Self.isSpace($0) && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "}") }
            rest = rest.dropFirst(word.count)
            let text = String(decoding: word, as: UTF8.self)
            if text == "null" { return .null }
            return Int64(text).map { .number($0) }
        }

        private mutating func text() -> String? {
            guard take("\"") else { return nil }
            var text: [UInt8] = []
            while let byte = rest.popFirst() {
                switch byte {
                case UInt8(ascii: "\""): return String(validating: text, as: UTF8.self)
                case UInt8(ascii: "\\"):
                    guard let escaped = escape() else { return nil }
                    text += escaped
                default: text.append(byte)
                }
            }
            return nil
        }

        /// What follows a backslash. Halves of a pair are refused: this writes none.
        private mutating func escape() -> [UInt8]? {
            switch rest.popFirst() {
            case UInt8(ascii: "n"): return [0x0A]
            case UInt8(ascii: "t"): return [0x09]
            case UInt8(ascii: "r"): return [0x0D]
            case UInt8(ascii: "b"): return [0x08]
            case UInt8(ascii: "f"): return [0x0C]
            case UInt8(ascii: "u"):
                guard rest.count >= 4, let code = UInt32(String(decoding: rest.prefix(4), as: UTF8.self), radix: 16),
                    let scalar = Unicode.Scalar(code)
                else { return nil }
                rest = rest.dropFirst(4)
                return Array(String(Character(scalar)).utf8)
            case .some(let byte) where "\"\\/".utf8.contains(byte): return [byte]
            default: return nil
            }
        }
    }
}
