/// Writes JSON, a piece at a time, without a tree in between.
enum JSONText {
    /// A string with its quotes. Bytes that are not UTF-8 become U+FFFD.
    static func append(_ text: String, to bytes: inout [UInt8]) {
        var text = text
        text.withUTF8 { append(utf8: UnsafeRawBufferPointer($0), to: &bytes) }
    }

    static func append(utf8 text: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        var copied = 0
        while true {
            let special = JSONSpecials.first(in: text, from: copied, to: text.count)
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[copied..<special]))
            guard special < text.count else { break }
            appendEscape(text[special], to: &bytes)
            copied = special + 1
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func appendEscape(_ byte: UInt8, to bytes: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""): bytes.append(contentsOf: #"\""#.utf8)
        case UInt8(ascii: "\\"): bytes.append(contentsOf: #"\\"#.utf8)
        case UInt8(ascii: "\n"): bytes.append(contentsOf: #"\n"#.utf8)
        case UInt8(ascii: "\r"): bytes.append(contentsOf: #"\r"#.utf8)
        case UInt8(ascii: "\t"): bytes.append(contentsOf: #"\t"#.utf8)
        default:
            let digits = String(byte, radix: 16)
            bytes.append(contentsOf: #"\u00"#.utf8)
            if digits.utf8.count == 1 { bytes.append(UInt8(ascii: "0")) }
            bytes.append(contentsOf: digits.utf8)
        }
    }

    /// Base64, for bytes that are no text.
    static func append(base64 data: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        bytes.append(UInt8(ascii: "\""))
        for start in stride(from: 0, to: data.count, by: 3) {
            let group = data[start..<min(start + 3, data.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for digit in 0..<4 {
                bytes.append(digit <= group.count ? digits[bits >> (18 - 6 * digit) & 63] : UInt8(ascii: "="))
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

extension JSONText {
    /// The text of a string with its quotes; nil: it is no whole JSON string.
    static func unquoted(_ text: some StringProtocol) -> String? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 2, bytes.first == UInt8(ascii: "\""), bytes.last == UInt8(ascii: "\"") else { return nil }
        var units: [UInt16] = []
        var plain: [UInt8] = []
        var result = ""
        func isWhole(_ units: [UInt16]) -> String? { String(validating: units, as: UTF16.self) }
        var index = 1
        while index < bytes.count - 1 {
            let byte = bytes[index]
            index += 1
            guard byte == UInt8(ascii: "\\") else {
                if byte == UInt8(ascii: "\"") { return nil }
                if !units.isEmpty {
                    guard let escaped = isWhole(units) else { return nil }
                    result += escaped
                    units = []
                }
                plain.append(byte)
                continue
            }
            guard index < bytes.count - 1 else { return nil }
            result += String(decoding: plain, as: UTF8.self)
            plain = []
            let escape = bytes[index]
            index += 1
            if escape == UInt8(ascii: "u") {
                guard index + 4 <= bytes.count - 1,
                    let unit = UInt16(String(decoding: bytes[index..<index + 4], as: UTF8.self), radix: 16)
                else { return nil }
                units.append(unit)
                index += 4
            } else if let unit = escapes[escape] {
                units.append(unit)
            } else {
                return nil
            }
        }
        guard let escaped = isWhole(units) else { return nil }
        return result + escaped + String(decoding: plain, as: UTF8.self)
    }

    private static let escapes: [UInt8: UInt16] = [
        UInt8(ascii: "\""): 0x22, UInt8(ascii: "\\"): 0x5c, UInt8(ascii: "/"): 0x2f, UInt8(ascii: "b"): 8,
        UInt8(ascii: "f"): 12, UInt8(ascii: "n"): 10, UInt8(ascii: "r"): 13, UInt8(ascii: "t"): 9,
    ]
}
