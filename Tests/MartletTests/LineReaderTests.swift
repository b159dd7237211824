import TestSupport
import Testing

@testable import martlet

@Suite("LineReader")
struct LineReaderTests {
    private func lines(_ bytes: [UInt8]) throws -> [String] {
        let directory = TemporaryDirectory()
        try directory.write(bytes, to: "lines")
        var reader = try LineReader(path: directory.path + "/lines")
        var lines: [String] = []
        while let line = try reader.next() { lines.append(String(decoding: line, as: UTF8.self)) }
        #expect(reader.bytesRead == bytes.count)
        #expect(reader.lineNumber == lines.count)
        return lines
    }

    @Test(
        "a line ends at a newline or at the end of the file",
        arguments: [
            ("", []), ("a", ["a"]), ("a\n", ["a"]), ("a\n\nb\n", ["a", "", "b"]), ("\n", [""]),
            ("a\r\nb", ["a\r", "b"]),
        ])
    func ends(text: String, expected: [String]) throws {
        #expect(try lines(Array(text.utf8)) == expected)
    }

    @Test("lines that cross the buffer's end, or are longer than it, come whole")
    func long() throws {
        let expected = [String(repeating: "a", count: 700_000), String(repeating: "b", count: 3_000_000), "c"]
        #expect(try lines(Array(expected.joined(separator: "\n").utf8)) == expected)
    }

    @Test("a line past the limit is refused by its number")
    func tooLong() {
        let bytes = Array("a\n".utf8) + [UInt8](repeating: 0x62, count: LineReader.lineBytesMax + 1)
        let failure = #expect(throws: Failure.self) { try lines(bytes) }
        #expect(failure?.message.hasPrefix("line 2 ") == true)
    }

    @Test("a file that cannot be read says which and why")
    func missing() {
        let failure = #expect(throws: Failure.self) { _ = try LineReader(path: "/nonexistent/lines").totalBytes }
        #expect(failure?.message.contains("/nonexistent/lines") == true)
    }
}
