import RecordFormat
import Testing

@testable import martlet

@Suite("JSONFieldScanner")
struct JSONFieldScannerTests {
    private func scan(_ line: String, _ field: String = "device") throws -> JSONFieldScanner.Value {
        try Array(line.utf8).withUnsafeBytes { try JSONFieldScanner(field: field).value(in: $0) }
    }

    @Test(
        "a field is found wherever it stands at the top of the object",
        arguments: [
            #"{"device":"a-1","ts":5}"#, #"{"ts":5,"device":"a-1"}"#, #"  { "ts" : 5 , "device" : "a-1" } "#,
            #"{"x":{"device":"no"},"y":["device",{"device":"no"}],"device":"a-1"}"#,
            #"{"x":"\"device\":\"no\"","device":"a-1"}"#, #"{"x":"}{][\\","device":"a-1"}"#,
            #"{"device":"a\u002d1"}"#, #"{"\u0064evice":"a-1"}"#, #"{"a":true,"b":null,"c":-1.5e3,"device":"a-1"}"#,
            #"{"devices":"no","Device":"no","device":"a-1","device":"second"}"#,
        ])
    func found(line: String) throws {
        #expect(try scan(line) == .string(Array("a-1".utf8)))
    }

    @Test("numbers and nested values stand as they are written; null is no value")
    func literals() throws {
        #expect(try scan(#"{"device": 17 }"#) == .literal(Array("17".utf8)))
        #expect(try scan(#"{"device":[1,{"a":"]"}]}"#) == .literal(Array(#"[1,{"a":"]"}]"#.utf8)))
        #expect(try scan(#"{"device":true}"#) == .literal(Array("true".utf8)))
        #expect(try scan(#"{"device":null}"#) == .null)
        #expect(try scan(#"{"device":""}"#) == .string([]))
    }

    @Test("escapes in a string become the characters that they stand for")
    func escapes() throws {
        #expect(try scan(#"{"device":"\"\\\/\b\f\n\r\t"}"#) == .string([0x22, 0x5C, 0x2F, 8, 12, 10, 13, 9]))
        #expect(try scan(#"{"device":"\u00e9\ud83d\ude80é"}"#) == .string(Array("é🚀é".utf8)))
        #expect(try scan(#"{"device":"\ud83dx"}"#) == .string(Array("\u{FFFD}x".utf8)))
    }

    @Test("a line without the field, or that is no object, says so")
    func absent() {
        #expect(throws: JSONFieldScanner.Problem.noField) { try scan(#"{"ts":5}"#) }
        #expect(throws: JSONFieldScanner.Problem.noField) { try scan("{}") }
        for line in ["", "  ", "17", "[1]", #""device""#] {
            #expect(throws: JSONFieldScanner.Problem.noObject) { try scan(line) }
        }
    }

    @Test("a line that is cut anywhere is refused, and never read past its end", arguments: 0..<56)
    func cut(length: Int) {
        let line = #"{"x":{"y":["\"",2]},"z":"\u00e9","device":"\ud83d\ude80"}"#
        #expect(throws: JSONFieldScanner.Problem.self) { try scan(String(line.prefix(length))) }
    }

    @Test("escapes that are none of JSON's are refused", arguments: [#"\x"#, #"\u12"#, #"\u12g4"#])
    func badEscape(escape: String) {
        #expect(throws: JSONFieldScanner.Problem.self) { try scan("{\"device\":\"\(escape)\"}") }
    }
}

@Suite("LineLayout")
struct LineLayoutTests {
    private struct Line: Equatable {
        var key: String?
        var value: String
        var time: Int64?
    }

    private func fields(_ layout: LineLayout, _ line: String) throws -> Line {
        let bytes = Array(line.utf8)
        let fields = try bytes.withUnsafeBytes { try layout.fields(of: $0, number: 3) }
        return Line(
            key: fields.key.map { String(decoding: $0, as: UTF8.self) },
            value: String(decoding: bytes[fields.value], as: UTF8.self), time: fields.timestamp?.milliseconds)
    }

    @Test("without a key, the whole line is the value")
    func plain() throws {
        #expect(try fields(LineLayout(), "a:b") == Line(value: "a:b"))
    }

    @Test("a separator splits at its first place")
    func separator() throws {
        #expect(try fields(LineLayout(keySeparator: "::"), "k:1::v::w") == Line(key: "k:1", value: "v::w"))
        #expect(try fields(LineLayout(keySeparator: ":"), ":") == Line(key: "", value: ""))
    }

    @Test("a key field leaves the line whole as the value")
    func keyField() throws {
        let line = #"{"id":7,"ts":"2026-01-01"}"#
        let fields = try fields(LineLayout(keyField: "id", timestampField: "ts"), line)
        #expect(fields == Line(key: "7", value: line, time: 1_767_225_600_000))
        #expect(try self.fields(LineLayout(keyField: "id"), #"{"id":null}"#) == Line(value: #"{"id":null}"#))
    }

    @Test("a line that does not fit is named by its number")
    func refused() {
        let layouts: [(LineLayout, String)] = [
            (LineLayout(keySeparator: ":"), "none"), (LineLayout(keyField: "id"), #"{"x":1}"#),
            (LineLayout(keyField: "id"), "text"), (LineLayout(keyField: "id"), #"{"x"}"#),
            (LineLayout(timestampField: "ts"), #"{"ts":"soon"}"#), (LineLayout(timestampField: "ts"), #"{"ts":-5}"#),
        ]
        for (layout, line) in layouts {
            let failure = #expect(throws: Failure.self) { try fields(layout, line) }
            #expect(failure?.message.hasPrefix("line 3") == true)
        }
    }
}
