import RecordFormat
import TestSupport
import Testing

@testable import martlet

@Suite("Records as lines of JSON")
struct RecordLineTests {
    /// What is hard about text, and what is none.
    private static let fields: [[UInt8]?] = [
        nil, [], Array("plain".utf8), Array("{\"a\":\"b\\\\c\"}".utf8),
        Array("é, 漢, 😀 and \u{0}\u{1F}\u{7F}\n\r\t\u{8}\u{C}".utf8),
        [0xFF], [0xC3], [0xFE, 0xED, 0x00, 0x01], Array(0...255), Array("\"\"\"\\\\\\".utf8),
        Array(String(repeating: "x", count: 70_000).utf8), Array(repeating: 0x80, count: 1001),
    ]

    private func read(_ text: String) throws -> StoredRecord {
        var line = RecordLine()
        var text = text
        return try text.withUTF8 { stored(try line.read(UnsafeRawBufferPointer($0))) }
    }

    private func stored(_ fields: RecordLine.Fields) -> StoredRecord {
        StoredRecord(
            offset: fields.offset ?? -1, timestamp: fields.timestamp ?? .none, key: fields.key.map { Array($0) },
            value: fields.value.map { Array($0) }, headers: fields.headers)
    }

    /// Lines of records, as they are printed.
    private func lines(of records: [Record]) throws -> [[UInt8]] {
        var builder = RecordBatchBuilder(compression: .none)
        for record in records { builder.append(record, defaultTimestamp: .none) }
        try builder.finish(baseOffset: 1000)
        var bytes: [[UInt8]] = []
        var scratch = DecompressionBuffer()
        var cursor = try RecordCursor(try RecordBatchView(validating: builder.bytes), into: &scratch)
        while let record = try cursor.next() {
            var line: [UInt8] = []
            RecordJSON.append(record, topic: nil, partition: 7, to: &line)
            bytes.append(line)
        }
        return bytes
    }

    @Test("a record that is printed as a line is read back as it was, whatever its bytes are")
    func roundTrip() throws {
        var records: [Record] = []
        for key in Self.fields {
            for value in Self.fields {
                let headers = [RecordHeader(name: "", value: key), RecordHeader(name: "ü\"\n", value: value)]
                records.append(
                    Record(key: key, value: value, headers: headers, timestamp: Timestamp(milliseconds: -1)))
                records.append(Record(key: value, value: key, timestamp: Timestamp(milliseconds: .max)))
            }
        }
        var line = RecordLine()
        for (index, (bytes, record)) in zip(try lines(of: records), records).enumerated() {
            // One memory for all: nothing of a line is left in the next.
            try bytes.withUnsafeBytes { bytes in
                let fields = try line.read(UnsafeRawBufferPointer(rebasing: bytes.dropLast()))
                #expect(fields.partition == 7)
                #expect(
                    stored(fields)
                        == StoredRecord(
                            offset: Offset(1000 + Int64(index)), timestamp: record.timestamp ?? .none, key: record.key,
                            value: record.value, headers: record.headers))
            }
        }
    }

    @Test("a line that was cut anywhere is no record")
    func cut() throws {
        let record = Record(
            key: Array("k\n".utf8), value: [0xFF, 1], headers: [RecordHeader(name: "n", value: nil)],
            timestamp: Timestamp(milliseconds: 5))
        let whole = try #require(try lines(of: [record]).first)
        var line = RecordLine()
        for count in 0..<whole.count - 1 {
            _ = whole.withUnsafeBytes { bytes in
                #expect(throws: JSONReader.Malformed.self) {
                    _ = try line.read(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
                }
            }
        }
    }

    @Test("fields may come in any order, with space between, and escapes as JSON has them")
    func lenient() throws {
        let text = #" { "value" : "\u0041\ud83d\uDE00\/\b\f" , "headers":[ ] ,"key":null,"topic":"t","timestamp":-1 } "#
        let record = try read(text + "\r")
        #expect(record.value == Array("A😀/\u{8}\u{C}".utf8))
        #expect(record.key == nil && record.timestamp == .none && record.headers.isEmpty)
        #expect(try read(#"{"value":null}"#).value == nil)
    }

    @Test(
        "what is no record is refused, with the byte where it ceases to be one",
        arguments: [
            ("", 0), ("[]", 0), ("{}", 1), (#"{"key":"a"}"#, 11), (#"{"value":1}"#, 9),
            (#"{"value":"a" "key":"b"}"#, 13),
            (#"{"value":"a"}x"#, 13), (#"{"value":"a","value":"b"}"#, 13), (#"{"value":"a","valueBase64":"AA=="}"#, 13),
            (#"{"valu":"a"}"#, 1), (#"{"value":"\x"}"#, 10), (#"{"value":"\ud83d"}"#, 10),
            (#"{"value":"\ud83dA"}"#, 10),
            (#"{"value":"\u12"}"#, 10), (#"{"valueBase64":"AA="}"#, 15), (#"{"valueBase64":"AB=="}"#, 15),
            (#"{"valueBase64":"A A="}"#, 15), (#"{"offset":-1,"value":""}"#, 10), (#"{"offset":1.5,"value":""}"#, 11),
            (#"{"offset":99999999999999999999,"value":""}"#, 10), (#"{"partition":2147483648,"value":""}"#, 13),
            (#"{"headers":[{"name":"a"}],"value":""}"#, 24), (#"{"headers":{},"value":""}"#, 11),
            (#"{"headers":[{"name":"a","value":"","x":1}],"value":""}"#, 35), ("{\"value\":\"a\tb\"}", 11),
        ])
    func refused(text: String, position: Int) {
        let error = #expect(throws: JSONReader.Malformed.self) { _ = try read(text) }
        #expect(error?.position == position, "\(error.map { "\($0)" } ?? "")")
    }

    @Test("any change of a byte gives a record or an error, never a trap")
    func noise() throws {
        var random = SeededRandom(seed: 7)
        let whole = try lines(of: [
            Record(key: "k\n", value: "{\"é\":\"😀\"}", headers: [RecordHeader(name: "n", value: [0xFF])])
        ])[0]
        var line = RecordLine()
        for _ in 0..<20_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = bytes.withUnsafeBytes { try? line.read($0) }
        }
    }

    @Test("the first byte that means something in a string is found, wherever it stands")
    func specials() {
        for length in 0..<40 {
            for byte in [UInt8(ascii: "\""), UInt8(ascii: "\\"), 0, 0x1F] {
                for place in 0..<length {
                    var bytes = [UInt8](repeating: 0x20, count: length)
                    for index in bytes.indices { bytes[index] = [0x20, 0x21, 0x7F, 0x80, 0xA2, 0xDC, 0xFF][index % 7] }
                    bytes[place] = byte
                    bytes.withUnsafeBytes { bytes in
                        #expect(JSONSpecials.first(in: bytes, from: 0, to: length) == place)
                        #expect(JSONSpecials.first(in: bytes, from: place + 1, to: length) == length)
                    }
                }
            }
        }
    }
}
