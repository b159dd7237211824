import KafkaClient
import Testing

@testable import martlet

@Suite("Partition selection", .timeLimit(.minutes(10)))
struct PartitionSelectionTests {
    private let counts = ["readings": 4, "sensor-1": 2, "sensor-2": 1, "other": 1]
    private let known: Set<String> = ["readings", "sensor-1", "sensor-2"]

    private func text(_ terms: String...) throws -> String {
        let selection = PartitionSelection(terms: try terms.map(PartitionSelection.Term.init(parsing:)))
        return PartitionListText.text(try selection.partitions(of: "g", known: known, counts: counts))
    }

    @Test(
        "a topic is named with all or some of its partitions, or by a glob",
        arguments: [
            ("readings", "readings:0-3"), ("readings:2", "readings:2"), ("readings:0,2-3", "readings:0,2-3"),
            ("sensor-*", "sensor-1:0-1 sensor-2:0"), ("sensor-?:0", "sensor-1:0 sensor-2:0"), ("other", "other:0"),
            ("*", "readings:0-3 sensor-1:0-1 sensor-2:0"), ("readings:1,1,0-1", "readings:0-1"),
        ])
    func terms(term: String, partitions: String) throws { #expect(try text(term) == partitions) }

    @Test("several terms are one selection, and none is all that the group has")
    func several() throws {
        #expect(try text("readings:3", "sensor-2", "readings:0") == "readings:0,3 sensor-2:0")
        #expect(try text() == "readings:0-3 sensor-1:0-1 sensor-2:0")
    }

    @Test(
        "a term that is none is refused with an example of one",
        arguments: ["", ":0", "t:", "t:,", "t:1-", "t:-1", "t:3-1", "t:a", "t:1-2-3", "t:9999999999", "t:+1", "t:1 "])
    func malformed(term: String) {
        let error = #expect(throws: (any Error).self) { try PartitionSelection.Term(parsing: term) }
        #expect(error.map { "\($0)".contains("readings") || "\($0)".contains("t:0,3-5") } == true)
    }

    @Test("a topic or partition that is not there is refused, and a glob that matches nothing of the group")
    func unknown() {
        #expect(throws: KafkaClientError.unknownTopic("nothing")) { try text("nothing") }
        #expect(throws: KafkaClientError.unknownPartition(topic: "sensor-1", partition: 2, count: 2)) {
            try text("sensor-1:0-2")
        }
        // Not the group's.
        #expect(throws: Failure.self) { try text("oth*") }
        #expect(throws: Failure.self) {
            try PartitionSelection.all.partitions(of: "g", known: ["gone"], counts: counts)
        }
    }

    @Test(
        "a star stands for any bytes, a question mark for one",
        arguments: [
            ("*", "", true), ("a*", "a", true), ("a*c", "abc", true), ("a*c", "abcd", false), ("?", "", false),
            ("??", "ab", true), ("a*b*c", "aXbYc", true), ("a*b*c", "acb", false), ("*.*", "a.b.c", true),
            ("abc", "abc", true), ("abc", "abd", false), ("*a", "aaab", false), ("**", "x", true),
        ])
    func glob(pattern: String, name: String, isMatch: Bool) {
        #expect(Glob.matches(Array(pattern.utf8), Array(name.utf8)) == isMatch)
    }

    @Test("a glob with many stars is held against a long name without going through every way of it")
    func globTakesItsTime() {
        let pattern = Array(String(repeating: "a*", count: 100).utf8) + [UInt8(ascii: "b")]
        #expect(!Glob.matches(pattern, [UInt8](repeating: UInt8(ascii: "a"), count: 10_000)))
    }
}
