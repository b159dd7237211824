import TestSupport
import Testing

@testable import martlet

@Suite("The language of configuration files")
struct TOMLReaderTests {
    private func read(_ text: String) throws(TOMLError) -> [TOMLReader.Entry] { try TOMLReader.read(Array(text.utf8)) }

    /// Of the first value that is refused.
    private func refusal(_ text: String) -> TOMLError? {
        do throws(TOMLError) {
            _ = try read(text)
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "what is taken, and as what",
        arguments: [
            (#"a = "x""#, ["a"], TOMLValue.text("x")), ("a='x\\n'", ["a"], .text("x\\n")),
            ("a\t=\t1", ["a"], .integer(1)),
            (#"a = "\b\t\n\f\r\"\\\u00e9\U0001F600""#, ["a"], .text("\u{8}\t\n\u{C}\r\"\\é😀")),
            ("a = ''", ["a"], .text("")),
            ("a = 0", ["a"], .integer(0)), ("a = -1", ["a"], .integer(-1)),
            ("a = +1_000_000", ["a"], .integer(1_000_000)),
            ("a = 9223372036854775807", ["a"], .integer(.max)), ("a = -9223372036854775808", ["a"], .integer(.min)),
            ("a = 0.5", ["a"], .decimal(0.5)), ("a = -1.5e3", ["a"], .decimal(-1500)),
            ("a = 1E-2", ["a"], .decimal(0.01)),
            ("a = 1_0.2_5", ["a"], .decimal(10.25)), ("a = true # yes", ["a"], .flag(true)),
            ("a = false\r\n", ["a"], .flag(false)), ("a . b.\tc = 1", ["a", "b", "c"], .integer(1)),
            (#""a.b".'c d' = 1"#, ["a.b", "c d"], .integer(1)), ("[t]\na = 1", ["t", "a"], .integer(1)),
            ("# first\n\n[ t . u ] # table\n\n a-b_1 = 1 ", ["t", "u", "a-b_1"], .integer(1)),
            ("\u{FEFF}a = 1", ["a"], .integer(1)), ("1 = 2", ["1"], .integer(2)),
        ] as [(String, [String], TOMLValue)])
    func taken(text: String, path: [String], value: TOMLValue) throws {
        let entries = try read(text)
        #expect(entries.map(\.path) == [path] && entries.map(\.value) == [value])
    }

    @Test("keys say where they stand, by characters")
    func places() throws {
        let entries = try read("é = 1".replacing("é", with: "\"é\"") + "\r\n[t]\n  a.b = 'x'\n\n\tc = 2")
        #expect(
            entries.map(\.place) == [.init(line: 1, column: 1), .init(line: 3, column: 3), .init(line: 5, column: 2)])
        #expect(entries.map(\.path) == [["é"], ["t", "a", "b"], ["t", "c"]])
    }

    @Test("nothing is a file, too", arguments: ["", "\n", "  # only a comment", "\r\n\r\n", "[t]", "[a]\n[b.c]\n"])
    func nothing(text: String) throws { #expect(try read(text).isEmpty) }

    @Test(
        "all else is refused at its place, with what to write",
        arguments: [
            ("a", 1, 2, "a '=' is missing after 'a'"), ("a b = 1", 1, 3, "a '=' is missing"),
            ("a =", 1, 4, "here must be a value"),
            ("= 1", 1, 1, "here must be a name"), ("a. = 1", 1, 4, "here must be a name"),
            ("[]", 1, 2, "here must be a name"),
            ("[a", 1, 3, "a ']' is missing"), ("[a] b = 1", 1, 5, "nothing may follow"),
            ("a = 1 2", 1, 7, "nothing may follow"),
            ("a = 'x' y", 1, 9, "nothing may follow"), ("[[a]]", 1, 1, "arrays of tables"),
            ("a = [1]", 1, 5, "a text with commas"),
            ("a = {b = 1}", 1, 5, "dotted keys"), ("a = \"\"\"x\"\"\"", 1, 5, "several lines"),
            ("a = '''x'''", 1, 5, "several lines"),
            ("a = \"x", 1, 5, "a \" is missing"), ("b = 1\na = 'x\ny'", 2, 5, "a ' is missing"),
            (#"a = "\x""#, 1, 6, "no escape"),
            (#"a = "\u12""#, 1, 6, "4 hexadecimal digits"), (#"a = "\ud800""#, 1, 6, "no such character"),
            (#"a = "\UFFFFFFFF""#, 1, 6, "no such character"), ("a = \"\u{1}\"", 1, 6, "U+0001"),
            ("# \u{7F}", 1, 3, "U+007F"),
            ("a = 1\rb = 2", 1, 6, "carriage return"), ("a = 012", 1, 5, "begins with a zero"),
            ("a = 1_", 1, 5, "underscore"),
            ("a = _1", 1, 5, "no number"), ("a = 1__0", 1, 5, "underscore"), ("a = 0x10", 1, 5, "decimal"),
            ("a = inf", 1, 5, "no number"),
            ("a = nan", 1, 5, "no number"), ("a = 1.", 1, 5, "no number"), ("a = .5", 1, 5, "no number"),
            ("a = 1e", 1, 5, "no number"),
            ("a = 1e999", 1, 5, "no number"), ("a = 1.2.3", 1, 5, "no number"), ("a = +-1", 1, 5, "no number"),
            ("a = -", 1, 5, "no number"),
            ("a = yes", 1, 5, "no number, true or false"), ("a = True", 1, 5, "no number"),
            ("a = 7d", 1, 5, "sizes with units"),
            ("a = 1979-05-27", 1, 5, "dates"), ("a = 07:32:00", 1, 5, "dates"),
            ("a = 9223372036854775808", 1, 5, "too large"),
            ("a = 1\na = 2", 2, 1, "in line 1 already"), ("a.b = 1\na . 'b' = 2", 2, 1, "in line 1 already"),
            ("[t]\n[t]", 2, 1, "in line 1 already: join the two"),
            ("a = 1\na.b = 2", 2, 1, "'a' is a value, in line 1"),
            ("a = 1\n[a]", 2, 1, "'a' is a value"), ("[a]\n[b]\n[a.c]\n[d]\nx=1\ny=1\nx=2", 7, 1, "in line 5 already"),
            ("ä = 1", 1, 1, "write others as"), ("a = ä", 1, 5, "here must be a value"),
            ("?", 1, 1, "here must be a name"),
        ] as [(String, Int, Int, String)])
    func refused(text: String, line: Int, column: Int, reason: String) throws {
        let error = try #require(refusal(text))
        #expect(error.place == .init(line: line, column: column), "\(error)")
        #expect(error.reason.contains(reason), "\(error)")
    }

    @Test("bytes that are not UTF-8 are refused at the first of them")
    func notUTF8() throws {
        for (bytes, place) in [
            ([0xFF], TextPlace(line: 1, column: 1)), (Array("a = 1\nb = 'é".utf8) + [0xC3], .init(line: 2, column: 7)),
            (Array("é".utf8) + [0x80, 0x0A], .init(line: 1, column: 2)),
        ] as [([UInt8], TextPlace)] {
            #expect { try TOMLReader.read(bytes) } throws: { error in
                (error as? TOMLError)?.place == place && (error as? TOMLError)?.reason.contains("UTF-8") == true
            }
        }
    }

    @Test("a path of very many names is refused, not followed")
    func long() {
        let text = Array(repeating: "a", count: 100_000).joined(separator: ".") + " = 1"
        #expect(refusal(text)?.reason.contains("more than 32 names") == true)
    }

    @Test("a file that was changed at random is read or refused, at a place that is in it")
    func changed() throws {
        let whole = """
            data = "/var/lib/martlet" # here
            listen = '0.0.0.0:9092'
            [broker]
            retention.total.bytes = "80GiB"
            "max.connections" = 1_000
            log.cleaner.min.cleanable.ratio = 0.25e0
            log.cleaner.enable = true
            [topic-defaults]
            retention.ms = "\\u0037d"

            """
        var random = SeededRandom(seed: 7)
        let alphabet = Array("\"'\\=.[]{}#\n\r\t _-+0123456789eExXuUabctrue\u{0}\u{FF}".utf8)
        for _ in 0..<20_000 {
            var bytes = Array(whole.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes.remove(at: at)
                case 1: bytes.insert(alphabet.randomElement(using: &random) ?? 0, at: at)
                case 2: bytes[at] = UInt8.random(in: 0...255, using: &random)
                default: bytes.removeSubrange(at...)
                }
                if bytes.isEmpty { break }
            }
            do throws(TOMLError) { _ = try TOMLReader.read(bytes) } catch {
                let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
                #expect(1...lines.count ~= error.place.line && !error.reason.isEmpty)
                #expect(1...(lines[error.place.line - 1].count + 1) ~= error.place.column, "\(error)")
            }
            // What stands in it is checked as far as it goes.
            _ = ConfigFile(bytes).warnings(diskBytes: 1000)
        }
    }
}
