import TestSupport
import Testing

@testable import GroupCoordination

@Suite("Patterns of topics")
struct TopicPatternTests {
    private static let cases: [(pattern: String, name: String, matches: Bool)] = [
        ("telemetry", "telemetry", true), ("telemetry", "telemetry-2", false), ("telemetry.*", "telemetry-2", true),
        ("^telemetry", "telemetry-2", false), ("^telemetry$", "telemetry", true), ("emetry", "telemetry", false),
        ("", "", true), ("", "a", false), ("a|b|", "", true), ("a|b|", "b", true), ("a|b", "ab", false),
        ("a*", "", true), ("a*", "aaa", true), ("a+", "", false), ("a?b", "b", true), ("a??b", "ab", true),
        ("a{2}", "aa", true), ("a{2}", "a", false), ("a{2,}", "aaaaa", true), ("a{2,3}", "aaaa", false),
        ("a{0}", "", true), ("a{,3}", "a{,3}", true), ("a{", "a{", true), ("(ab){2}", "abab", true),
        ("(?:ab)+", "ababab", true), ("(?P<x>a)(?<y>b)", "ab", true), ("a.c", "abc", true), ("a.c", "ac", false),
        ("a\\.c", "abc", false), ("a\\.c", "a.c", true), ("[a-c]x", "bx", true), ("[^a-c]x", "bx", false),
        ("[]a]", "]", true), ("[a-]", "-", true), ("[\\d_]+", "4_2", true), ("[[:alpha:]]+", "aZ", true),
        ("[[:^alpha:]]+", "a", false), ("\\d+", "42", true), ("\\D", "4", false), ("\\w+", "a_1", true),
        ("\\W", "-", true), ("\\s", "a", false), ("\\S+", "a-b", true), ("(?i)abc", "aBC", true),
        ("(?i)ABC", "abC", true), ("(?i)[A-C@]", "c", true),
        ("(?i:a)bc", "Abc", true), ("(?i:a)bc", "ABc", false), ("(?i)[a-c]", "B", true), ("a(?i)b|c", "C", true),
        ("(a(?i)b)c", "aBC", false), ("(?i-i)a", "A", false), ("\\Aa\\z", "a", true), ("a\\bb", "ab", false),
        ("a\\b-b", "a-b", true), ("a\\Bb", "ab", true), ("a$b", "ab", false), ("a^b", "ab", false),
        ("\\Qa.b\\E+", "a.bb", true), ("\\Qa.b", "a.b", true), ("\\x61\\x{62}", "ab", true), ("[\\x61-c]", "b", true),
        ("(a*)*b", "aaab", true), ("(a|aa)+$", "aaaa", true), ("((((a))))", "a", true), ("é", "e", false),
        ("[^x]", "é", true), (".", "é", true), ("(?s).", "a", true), ("(?m)^a$", "a", true), ("()", "", true),
        ("a{1000}", "a", false), ("[\\-a]+", "-a", true), ("[a\\]]", "]", true), ("(?U)a+", "aa", true),
    ]

    @Test("a name matches as a whole", arguments: cases)
    func matches(_ one: (pattern: String, name: String, matches: Bool)) throws {
        #expect(try TopicPattern(one.pattern).matches(one.name) == one.matches)
    }

    @Test(
        "what is no expression is refused, with where and why",
        arguments: [
            "(", ")", "a)", "(?", "(?P<", "(?P<>a)", "(?=a)", "(?!a)", "(?<=a)", "(?z)", "[", "[a", "[]", "[^]",
            "[b-a]",
            "[[:none:]]", "[[:alpha", "[\\d-z", "*", "+a", "?", "a**", "a+*", "a{2}{3}", "a{3,2}", "a{1001}", "(?i",
            "\\", "\\1", "\\p{L}", "\\8", "\\x", "\\x{", "\\x{110000}", "\\x4", "a|*", "(*)", "\\Z", "\\k", "[\\",
        ])
    func malformed(_ pattern: String) {
        #expect { try TopicPattern(pattern) } throws: { error in
            if case .syntax? = error as? PatternError { true } else { false }
        }
    }

    @Test("what would need too much is refused")
    func tooLarge() {
        #expect(throws: PatternError.tooLong) { try TopicPattern(String(repeating: "a", count: 1001)) }
        for pattern in [
            "(a{100}){100}", "((a{1000}){1000}){1000}", "(((){1000}){1000}){1000}", "([a-z]{10}|b){200}",
            String(repeating: "(", count: 101) + String(repeating: ")", count: 101), "(a?){1000}",
        ] {
            #expect(throws: PatternError.tooLarge) { try TopicPattern(pattern) }
        }
    }

    @Test("expressions that take others for ever take their time as any")
    func hostile() throws {
        let name = String(repeating: "a", count: 249)
        #expect(try !TopicPattern("(a*)*(a*)*(a|aa)*(a?){100}a{100}b").matches(name))
        #expect(try TopicPattern("(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)").matches(name))
    }

    @Test("random expressions match as Swift's own do", arguments: 0..<300)
    func random(seed: UInt64) throws {
        var writer = PatternWriter(chance: SeededRandom(seed: seed))
        let pattern = writer.alternatives(depth: 3)
        let ours = try TopicPattern(pattern)
        let theirs = try Regex(pattern).wordBoundaryKind(.simple)
        for _ in 0..<40 {
            let name = writer.name()
            let expected = try theirs.wholeMatch(in: name) != nil
            #expect(ours.matches(name) == expected, "\(pattern) and \(name)")
        }
    }

    @Test("random texts are expressions or not, but never trap", arguments: 0..<50)
    func noise(seed: UInt64) {
        var chance = SeededRandom(seed: seed)
        let characters = Array("ab01()[]{}|*+?\\^$.-:,?iPQE<>=!xdwé\n")
        for _ in 0..<200 {
            let length = Int.random(in: 0...12, using: &chance)
            let text = String((0..<length).map { _ in characters.randomElement(using: &chance)! })
            _ = (try? TopicPattern(text))?.matches("ab01")
        }
    }
}

/// Writes random expressions, of what ours and Swift's read alike.
private struct PatternWriter {
    var chance: SeededRandom

    mutating func alternatives(depth: Int) -> String {
        let count = [1, 1, 1, 2, 3].randomElement(using: &chance)!
        return (0..<count).map { _ in sequence(depth: depth) }.joined(separator: "|")
    }

    private mutating func sequence(depth: Int) -> String {
        (0..<Int.random(in: 1...3, using: &chance)).map { _ in part(depth: depth) }.joined()
    }

    private mutating func part(depth: Int) -> String {
        let atom: String
        switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &chance) {
        case 0, 1: atom = ["a", "b", "B", "-", "1"].randomElement(using: &chance)!
        case 2: atom = "."
        case 3: atom = ["[ab]", "[^a]", "[a-c1]", "[^0-9-]", "[\\d-]"].randomElement(using: &chance)!
        case 4: atom = ["\\d", "\\D", "\\w", "\\W", "\\."].randomElement(using: &chance)!
        case 5: return ["^", "$", "\\b", "(?i)"].randomElement(using: &chance)!
        case 6: atom = "(" + alternatives(depth: depth - 1) + ")"
        default: atom = "(?:" + alternatives(depth: depth - 1) + ")"
        }
        return atom + ["", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,1}", "{1,}"].randomElement(using: &chance)!
    }

    mutating func name() -> String {
        String((0..<Int.random(in: 0...6, using: &chance)).map { _ in "abAB1-.".randomElement(using: &chance)! })
    }
}
