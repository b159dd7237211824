/// A value of a configuration file.
enum TOMLValue: Equatable {
    case text(String)
    case integer(Int64)
    case decimal(Double)
    case flag(Bool)

    /// Reads the value that begins here, and stops behind it.
    init(_ text: inout TOMLScanner) throws(TOMLError) {
        switch text.peek {
        case "\"", "'": self = .text(try text.readString())
        case "[": throw text.error("arrays are not taken: write a text with commas, \"a,b\"")
        case "{": throw text.error("tables in a line are not taken: write a table, [name], or dotted keys")
        default: self = try Self.bare(&text)
        }
    }

    private static func bare(_ text: inout TOMLScanner) throws(TOMLError) -> TOMLValue {
        let start = text.place
        var word = ""
        while let next = text.peek, TOMLScanner.isBare(next) || next == "+" || next == "." || next == ":" {
            word.unicodeScalars.append(next)
            text.advance()
        }
        switch word {
        case "": throw text.error("here must be a value: a text in \"…\", a number, true or false")
        case "true": return .flag(true)
        case "false": return .flag(false)
        default: break
        }
        do throws(Problem) { return try number(word) } catch { throw text.error(error.reason, at: start) }
    }

    private struct Problem: Error {
        let reason: String
    }

    private static func number(_ word: String) throws(Problem) -> TOMLValue {
        guard let first = word.utf8.first, (0x30...0x39).contains(first) || first == 0x2B || first == 0x2D,
            word.utf8.dropFirst().first.map({
                (0x30...0x39).contains($0) || $0 == 0x5F || $0 == 0x2E || $0 == 0x65 || $0 == 0x45
            }) ?? true
        else { throw Problem(reason: notANumber(word)) }
        guard word.utf8.allSatisfy({ "0123456789+-._eE".utf8.contains($0) }) else {
            throw Problem(reason: notANumber(word))
        }
        let digits = word.utf8.filter { $0 != 0x5F }
        try checkUnderscores(word)
        let plain = String(decoding: digits, as: UTF8.self)
        let unsigned = plain.drop { $0 == "+" || $0 == "-" }
        if unsigned.count > 1, unsigned.first == "0", unsigned.dropFirst().first?.isNumber == true {
            throw Problem(reason: "'\(word)' begins with a zero: leave it out, or write a text in \"…\"")
        }
        if unsigned.allSatisfy(\.isNumber) {
            guard !unsigned.isEmpty else { throw Problem(reason: notANumber(word)) }
            guard let value = Int64(plain) else {
                throw Problem(reason: "'\(word)' is too large: whole numbers go from \(Int64.min) to \(Int64.max)")
            }
            return .integer(value)
        }
        // "1." and ".5" are numbers in other places.
        let parts = unsigned.split(separator: ".", omittingEmptySubsequences: false)
        let hasDigits = parts.allSatisfy { $0.first?.isNumber == true }
        guard hasDigits, parts.count <= 2, let value = Double(plain), value.isFinite else {
            throw Problem(reason: notANumber(word))
        }
        return .decimal(value)
    }

    private static func checkUnderscores(_ word: String) throws(Problem) {
        let bytes = Array(word.utf8)
        for (index, byte) in bytes.enumerated() where byte == 0x5F {
            let isBetween =
                index > 0 && index + 1 < bytes.count && (0x30...0x39).contains(bytes[index - 1])
                && (0x30...0x39).contains(bytes[index + 1])
            if !isBetween { throw Problem(reason: "in '\(word)' an underscore does not stand between digits") }
        }
    }

    private static func notANumber(_ word: String) -> String {
        "'\(word.prefix(40))' is no number, true or false: write texts, dates and sizes with units in \"…\", and numbers in decimal"
    }
}
