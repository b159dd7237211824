import RecordFormat

/// What a line of input is: where its key, value and time are.
struct LineLayout {
    struct Fields {
        var key: [UInt8]?
        var value: Range<Int>
        var timestamp: Timestamp?
    }

    private let keyField: JSONFieldScanner?
    private let keySeparator: [UInt8]?
    private let timestampField: JSONFieldScanner?

    init(keyField: String? = nil, keySeparator: String? = nil, timestampField: String? = nil) {
        self.keyField = keyField.map(JSONFieldScanner.init)
        self.keySeparator = keySeparator.map { Array($0.utf8) }
        self.timestampField = timestampField.map(JSONFieldScanner.init)
    }

    /// `number`: of the line, for the message.
    func fields(of line: UnsafeRawBufferPointer, number: Int) throws(Failure) -> Fields {
        var fields = Fields(key: nil, value: 0..<line.count, timestamp: nil)
        if let keyField {
            switch try value(keyField, line, number) {
            case .string(let text), .literal(let text): fields.key = text
            case .null: break
            }
        } else if let keySeparator {
            guard let at = Self.first(keySeparator, in: line) else {
                let separator = String(decoding: keySeparator, as: UTF8.self)
                throw Failure("line \(number) has no '\(separator)': each line is KEY\(separator)VALUE")
            }
            fields.key = Array(line[..<at])
            fields.value = at + keySeparator.count..<line.count
        }
        if let timestampField { fields.timestamp = try timestamp(timestampField, line, number) }
        return fields
    }

    private func timestamp(
        _ field: JSONFieldScanner, _ line: UnsafeRawBufferPointer, _ number: Int
    ) throws(Failure) -> Timestamp? {
        let text: String
        switch try value(field, line, number) {
        case .string(let bytes), .literal(let bytes): text = String(decoding: bytes, as: UTF8.self)
        case .null: return nil
        }
        guard let milliseconds = Int64(text) ?? TimeText.parse(text), milliseconds >= 0 else {
            throw Failure(
                "line \(number): '\(text)' in field '\(field.field)' is no time: "
                    + "give milliseconds since 1970 or a time such as 2026-01-31T12:30:00Z")
        }
        return Timestamp(milliseconds: milliseconds)
    }

    private func value(
        _ field: JSONFieldScanner, _ line: UnsafeRawBufferPointer, _ number: Int
    ) throws(Failure) -> JSONFieldScanner.Value {
        do { return try field.value(in: line) } catch {
            switch error {
            case .noObject:
                throw Failure("line \(number) is no JSON object, which --key-field and --timestamp-field need")
            case .noField: throw Failure("line \(number) has no field '\(field.field)'")
            case .malformed(let position): throw Failure("line \(number) is broken JSON at byte \(position + 1)")
            }
        }
    }

    private static func first(_ wanted: [UInt8], in line: UnsafeRawBufferPointer) -> Int? {
        guard let first = wanted.first, line.count >= wanted.count else { return nil }
        return (0...line.count - wanted.count).first { at in
            line[at] == first && line[at..<at + wanted.count].elementsEqual(wanted)
        }
    }
}
