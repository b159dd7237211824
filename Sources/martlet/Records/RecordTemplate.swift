import ArgumentParser
import RecordFormat

/// What is printed of a record: the tokens that kcat has, and two more.
struct RecordTemplate {
    enum Token: Hashable {
        case text([UInt8])
        case topic, partition, offset, key, value, headers, timestamp, time, keyLength, valueLength
    }

    static let list = """
        %s  value                      %S  bytes of the value, -1: none
        %k  key                        %K  bytes of the key, -1: none
        %t  topic                      %T  timestamp, milliseconds since 1970
        %p  partition                  %D  timestamp, 2026-01-31T12:30:00.000Z
        %o  offset                     %h  headers, name=value,name=value
        %%  a percent sign             \\n \\t \\r \\0 \\\\  as in C
        """

    static let valueLine = RecordTemplate(tokens: [.value, .text([0x0A])])

    private(set) var tokens: [Token]

    private init(tokens: [Token]) { self.tokens = tokens }

    init(parsing text: String) throws {
        tokens = []
        var literal: [UInt8] = []
        var rest = Substring(text)
        while let character = rest.popFirst() {
            switch character {
            case "%":
                guard let kind = rest.popFirst() else {
                    throw ValidationError("'\(text)' ends with a lone %: write %%")
                }
                if kind == "%" {
                    literal.append(UInt8(ascii: "%"))
                    continue
                }
                guard let token = Self.tokens[kind] else {
                    throw ValidationError("there is no token %\(kind): there are %s %k %o %p %t %T %D %h %S %K %%")
                }
                if !literal.isEmpty { tokens.append(.text(literal)) }
                literal = []
                tokens.append(token)
            case "\\":
                guard let kind = rest.popFirst(), let byte = Self.escapes[kind] else {
                    throw ValidationError("'\(text)' has a backslash before something else than n, t, r, 0 or \\")
                }
                literal.append(byte)
            default: literal.append(contentsOf: String(character).utf8)
            }
        }
        if !literal.isEmpty { tokens.append(.text(literal)) }
    }

    private static let tokens: [Character: Token] = [
        "t": .topic, "p": .partition, "o": .offset, "k": .key, "s": .value, "h": .headers, "T": .timestamp,
        "D": .time, "K": .keyLength, "S": .valueLength,
    ]

    private static let escapes: [Character: UInt8] = ["n": 0x0A, "t": 0x09, "r": 0x0D, "0": 0, "\\": 0x5C]

    func append(_ record: borrowing RecordView, topic: String, partition: Int, to bytes: inout [UInt8]) {
        for token in tokens {
            switch token {
            case .text(let text): bytes.append(contentsOf: text)
            case .topic: bytes.append(contentsOf: topic.utf8)
            case .partition: bytes.append(contentsOf: String(partition).utf8)
            case .offset: bytes.append(contentsOf: String(record.offset.value).utf8)
            case .timestamp: bytes.append(contentsOf: String(record.timestamp.milliseconds).utf8)
            case .time: bytes.append(contentsOf: TimeText.format(record.timestamp.milliseconds).utf8)
            case .key: if let key = record.key { bytes.append(key) }
            case .value: if let value = record.value { bytes.append(value) }
            case .keyLength: bytes.append(contentsOf: String(length(record.key)).utf8)
            case .valueLength: bytes.append(contentsOf: String(length(record.value)).utf8)
            case .headers: appendHeaders(record.makeHeaders(), to: &bytes)
            }
        }
    }

    private func length(_ field: RawSpan?) -> Int {
        guard let field else { return -1 }
        return field.byteCount
    }

    /// As kcat does: `name=value,name=value`.
    private func appendHeaders(_ headers: [RecordHeader], to bytes: inout [UInt8]) {
        for (index, header) in headers.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes.append(contentsOf: header.name.utf8)
            bytes.append(UInt8(ascii: "="))
            bytes.append(contentsOf: header.value ?? [])
        }
    }
}

extension [UInt8] {
    mutating func append(_ span: RawSpan) { span.withUnsafeBytes { append(contentsOf: $0) } }
}
