/// Goes through a text character by character, and knows where it is.
struct TOMLScanner {
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private(set) var place = TextPlace()

    init(_ bytes: [UInt8]) throws(TOMLError) {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Self.notUTF8(bytes) }
        scalars = Array(text.unicodeScalars)
        // A byte order mark, as editors leave it.
        if scalars.first == "\u{FEFF}" { position = 1 }
    }

    private static func notUTF8(_ bytes: [UInt8]) -> TOMLError {
        var place = TextPlace()
        var start = 0
        // The line that is wrong; a line feed is never a part of another character.
        for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
            guard String(validating: line, as: UTF8.self) != nil else { break }
            place.line += 1
            start += line.count + 1
        }
        let line = bytes[min(start, bytes.count)...].prefix { $0 != 0x0A }
        var valid = 0
        while valid < line.count,
            String(validating: line.prefix(valid + 1), as: UTF8.self) != nil
                || String(validating: line.prefix(valid + 2), as: UTF8.self) != nil
                || String(validating: line.prefix(valid + 3), as: UTF8.self) != nil
                || String(validating: line.prefix(valid + 4), as: UTF8.self) != nil
        { valid += 1 }
        place.column = String(decoding: line.prefix(valid), as: UTF8.self).unicodeScalars.count + 1
        return TOMLError(place: place, reason: "this is not UTF-8: save the file as UTF-8")
    }

    /// nil: the end.
    var peek: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    func peek(_ distance: Int) -> Unicode.Scalar? {
        position + distance < scalars.count ? scalars[position + distance] : nil
    }

    mutating func advance() {
        guard position < scalars.count else { return }
        if scalars[position] == "\n" {
            place.line += 1
            place.column = 1
        } else {
            place.column += 1
        }
        position += 1
    }

    /// False: the next character is another.
    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard peek == scalar else { return false }
        advance()
        return true
    }

    func error(_ reason: String, at other: TextPlace? = nil) -> TOMLError {
        TOMLError(place: other ?? place, reason: reason)
    }

    static func isBare(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "-", "_": true
        default: false
        }
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar != "\t" && (scalar.value < 0x20 || scalar.value == 0x7F)
    }

    // MARK: What means nothing

    mutating func skipSpaces() {
        while peek == " " || peek == "\t" { advance() }
    }

    /// Spaces, ends of lines and comments.
    mutating func skipBlank() throws(TOMLError) {
        while true {
            skipSpaces()
            if peek == "#" { try skipComment() }
            guard try takeEnd() else { return }
        }
    }

    /// A value has ended: nothing but a comment may follow in its line.
    mutating func endLine() throws(TOMLError) {
        skipSpaces()
        if peek == "#" { try skipComment() }
        guard try takeEnd() || peek == nil else {
            throw error("nothing may follow here: begin a new line, or write '#' before a comment")
        }
    }

    private mutating func skipComment() throws(TOMLError) {
        while let next = peek, next != "\n", !(next == "\r" && peek(1) == "\n") {
            if Self.isControl(next) { throw controlCharacter(next) }
            advance()
        }
    }

    /// False: there is no end of a line.
    private mutating func takeEnd() throws(TOMLError) -> Bool {
        if peek == "\r" {
            guard peek(1) == "\n" else {
                throw error("a carriage return alone ends no line: end lines with a line feed")
            }
            advance()
        }
        return take("\n")
    }

    private func controlCharacter(_ scalar: Unicode.Scalar) -> TOMLError {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        let code = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        return error("a control character (U+\(code)) cannot stand here: write it as \\u\(code) in a text")
    }

    // MARK: Texts

    /// `"with \\n escapes"` or `'as it stands'`
    mutating func readString() throws(TOMLError) -> String {
        let start = place
        guard let quote = peek else { throw error("here must be a text") }
        if peek(1) == quote, peek(2) == quote {
            throw error("texts of several lines are not taken: write it in one line, with \\n where a line ends")
        }
        advance()
        var result = String.UnicodeScalarView()
        while let next = peek, next != "\n", next != "\r" {
            if next == quote {
                advance()
                return String(result)
            }
            if Self.isControl(next) { throw controlCharacter(next) }
            if next == "\\", quote == "\"" {
                result.append(try readEscape())
            } else {
                result.append(next)
                advance()
            }
        }
        throw error("the text that begins here does not end in its line: a \(quote) is missing", at: start)
    }

    private mutating func readEscape() throws(TOMLError) -> Unicode.Scalar {
        let start = place
        advance()
        guard let kind = peek else { throw error("a text ends after a backslash", at: start) }
        advance()
        switch kind {
        case "b": return "\u{8}"
        case "t": return "\t"
        case "n": return "\n"
        case "f": return "\u{C}"
        case "r": return "\r"
        case "\"": return "\""
        case "\\": return "\\"
        case "u": return try readCode(4, start)
        case "U": return try readCode(8, start)
        default:
            throw error("\\\(kind) is no escape: write \\\\ for a backslash, or the text between '…'", at: start)
        }
    }

    private mutating func readCode(_ count: Int, _ start: TextPlace) throws(TOMLError) -> Unicode.Scalar {
        var code: UInt32 = 0
        for _ in 0..<count {
            guard let next = peek, next.isASCII, let digit = Character(next).hexDigitValue else {
                throw error("\(count) hexadecimal digits must follow", at: start)
            }
            code = code << 4 | UInt32(digit)
            advance()
        }
        guard let scalar = Unicode.Scalar(code) else { throw error("there is no such character", at: start) }
        return scalar
    }
}
