import RecordFormat
import Testing

@testable import martlet

@Suite("RecordTemplate")
struct RecordTemplateTests {
    /// Prints one record, at offset 41 of partition 3.
    private func print(_ record: Record, _ append: (borrowing RecordView, inout [UInt8]) -> Void) throws -> String {
        var builder = RecordBatchBuilder(compression: .none)
        builder.append(record, defaultTimestamp: Timestamp(milliseconds: 1_767_225_600_123))
        try builder.finish(baseOffset: 41)
        var bytes: [UInt8] = []
        var scratch = DecompressionBuffer()
        let batch = try RecordBatchView(validating: builder.bytes)
        var cursor = try RecordCursor(batch, into: &scratch)
        while let record = try cursor.next() { append(record, &bytes) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func format(_ template: String, _ record: Record) throws -> String {
        let template = try RecordTemplate(parsing: template)
        return try print(record) { template.append($0, topic: "readings", partition: 3, to: &$1) }
    }

    private let record = Record(
        key: "k-1", value: "21.5",
        headers: [RecordHeader(name: "site", value: Array("north".utf8)), RecordHeader(name: "none", value: nil)])

    @Test(
        "each token prints its part of the record",
        arguments: [
            ("%s", "21.5"), ("%k", "k-1"), ("%o", "41"), ("%p", "3"), ("%t", "readings"), ("%T", "1767225600123"),
            ("%D", "2026-01-01T00:00:00.123Z"), ("%h", "site=north,none="), ("%S", "4"), ("%K", "3"),
            (#"%%s %k\t%s\n\\"#, "%s k-1\t21.5\n\\"), ("", ""), ("é", "é"),
        ])
    func tokens(template: String, text: String) throws {
        #expect(try format(template, record) == text)
    }

    @Test("a key or value that is not there prints as nothing, of length -1")
    func absent() throws {
        #expect(try format("[%k|%s|%K|%S]", Record(key: nil, value: nil as [UInt8]?)) == "[||-1|-1]")
        #expect(try format("[%k|%s|%K|%S]", Record(key: [], value: [])) == "[||0|0]")
    }

    @Test("a token or escape that does not exist is refused", arguments: ["%x", "%", "a%", #"\q"#, #"\"#])
    func refused(template: String) {
        #expect(throws: (any Error).self) { try RecordTemplate(parsing: template) }
    }

    @Test("as JSON, text is text, other bytes are base64, and what is not there is null")
    func json() throws {
        let text = try print(record) { RecordJSON.append($0, topic: "t", partition: 3, to: &$1) }
        #expect(
            text == #"{"topic":"t","partition":3,"offset":41,"timestamp":1767225600123,"key":"k-1","value":"21.5","#
                + #""headers":[{"name":"site","value":"north"},{"name":"none","value":null}]}"# + "\n")
        let bytes = try print(Record(key: [0xFF], value: Array("a\"\\\n\u{1}é".utf8))) {
            RecordJSON.append($0, topic: nil, partition: nil, to: &$1)
        }
        #expect(
            bytes == #"{"offset":41,"timestamp":1767225600123,"keyBase64":"/w==","value":"a\"\\\n\u0001é"}"# + "\n")
    }

    @Test(
        "base64 pads what is no multiple of three",
        arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")])
    func base64(text: String, encoded: String) {
        var bytes: [UInt8] = []
        Array(text.utf8).withUnsafeBytes { JSONText.append(base64: $0, to: &bytes) }
        #expect(String(decoding: bytes, as: UTF8.self) == "\"\(encoded)\"")
    }
}
