import RecordFormat

/// A record as one line of JSON. Keys and values that are UTF-8 are strings; others stand as base64 in `keyBase64` and
/// `valueBase64`.
enum RecordJSON {
    static func append(_ record: borrowing RecordView, topic: String?, partition: Int?, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "{"))
        if let topic {
            appendName("topic", to: &bytes)
            JSONText.append(topic, to: &bytes)
            bytes.append(UInt8(ascii: ","))
        }
        if let partition {
            appendNumber("partition", Int64(partition), to: &bytes)
            bytes.append(UInt8(ascii: ","))
        }
        appendNumber("offset", record.offset.value, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        appendNumber("timestamp", record.timestamp.milliseconds, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        append("key", record.key, to: &bytes)
        bytes.append(UInt8(ascii: ","))
        append("value", record.value, to: &bytes)
        if record.headerCount > 0 { append(record.makeHeaders(), to: &bytes) }
        bytes.append(contentsOf: "}\n".utf8)
    }

    private static func append(_ headers: [RecordHeader], to bytes: inout [UInt8]) {
        bytes.append(contentsOf: #","headers":["#.utf8)
        for (index, header) in headers.enumerated() {
            bytes.append(contentsOf: index > 0 ? ",{".utf8 : "{".utf8)
            appendName("name", to: &bytes)
            JSONText.append(header.name, to: &bytes)
            bytes.append(UInt8(ascii: ","))
            if let value = header.value {
                append("value", value.span.bytes, to: &bytes)
            } else {
                append("value", nil, to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: "]"))
    }

    private static func append(_ name: String, _ field: RawSpan?, to bytes: inout [UInt8]) {
        guard let field else {
            appendName(name, to: &bytes)
            bytes.append(contentsOf: "null".utf8)
            return
        }
        field.withUnsafeBytes { field in
            if UTF8Check.isValid(field) {
                appendName(name, to: &bytes)
                JSONText.append(utf8: field, to: &bytes)
            } else {
                appendName(name + "Base64", to: &bytes)
                JSONText.append(base64: field, to: &bytes)
            }
        }
    }

    private static func appendNumber(_ name: String, _ number: Int64, to bytes: inout [UInt8]) {
        appendName(name, to: &bytes)
        bytes.append(contentsOf: String(number).utf8)
    }

    private static func appendName(_ name: String, to bytes: inout [UInt8]) {
        JSONText.append(name, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
    }
}

enum UTF8Check {
    static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if bytes.allSatisfy({ $0 < 0x80 }) { return true }
        return String(validating: bytes, as: UTF8.self) != nil
    }
}
