import ArgumentParser
import Testing

@testable import martlet

@Suite("What settings mean")
struct KeepingTests {
    private func sentences(_ settings: [String: String]) -> KeepingSentences {
        KeepingSentences(rules: KeepingRules(settings))
    }

    @Test(
        "what is kept is said in a few words",
        arguments: [
            ([:], "everything: nothing is deleted by age or size"),
            (["retention.ms": "604800000"], "7 d"),
            (["retention.ms": "5400000"], "1 h 30 min"),
            (["retention.bytes": "10737418240"], "at most 10 GiB a partition"),
            (["retention.ms": "604800000", "retention.bytes": "1000"], "7 d, but at most 1,000 B a partition"),
            (["cleanup.policy": "compact", "retention.ms": "1"], "of each key the last record, for ever"),
            (["cleanup.policy": "compact, delete", "retention.ms": "86400000"], "of each key the last record, 1 d"),
            (["cleanup.policy": "compact,delete"], "of each key the last record, for ever"),
            (["cleanup.policy": ""], "everything: neither age, size nor keys delete anything"),
            (["record.ttl.ms": "3600000", "retention.ms": "7200000"], "1 h"),
        ] as [([String: String], String)])
    func keeps(settings: [String: String], text: String) { #expect(sentences(settings).keeps == text) }

    @Test("when records go is said with how much longer they may stay")
    func deletes() {
        let both = sentences(["retention.ms": "86400000", "segment.ms": "3600000", "retention.bytes": "1048576"])
        #expect(both.deletes.count == 2)
        #expect(both.deletes[0].contains("older than 1 d,") && both.deletes[0].contains("up to 1 h longer"))
        #expect(both.deletes[1].contains("up to 1 GiB more stays"))
        #expect(sentences([:]).deletes.isEmpty)
        #expect(sentences(["cleanup.policy": "compact", "retention.ms": "1"]).deletes.isEmpty)
    }

    @Test("when keys are compacted is said by what decides it")
    func compacts() {
        #expect(sentences([:]).compacts == nil)
        let text = sentences([
            "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.125", "max.compaction.lag.ms": "60000",
            "min.compaction.lag.ms": "1000", "delete.retention.ms": "0",
        ]).compacts
        #expect(
            text == "when 12.5 % of a partition is new, or what is new is 1 min old, but nothing younger than 1 s; "
                + "deleted keys (tombstones) are seen for 0 ms more")
    }

    @Test("which records are hidden is said")
    func hides() {
        #expect(sentences([:]).hides == nil)
        #expect(sentences(["record.ttl.ms": "3600000"]).hides?.contains("for 1 h from its timestamp") == true)
        #expect(sentences(["record.ttl.headers": "true"]).hides?.contains("martlet-ttl-ms") == true)
        let both = sentences(["record.ttl.ms": "3600000", "record.ttl.headers": "true"]).hides
        #expect(both?.contains("martlet-ttl-ms") == true && both?.contains("1 h") == true)
    }

    @Test(
        "settings that do nothing, and segments larger than what is to be kept, are pointed out",
        arguments: [
            ([:], []),
            (["retention.ms": "604800000"], []),
            (["cleanup.policy": "compact", "retention.ms": "1"], ["retention.ms"]),
            (["delete.retention.ms": "5"], ["delete.retention.ms"]),
            (["retention.ms": "3600000"], ["segment.ms"]),
            (["retention.bytes": "1000"], ["segment.bytes"]),
            (["retention.bytes": "1000", "segment.bytes": "1000"], []),
        ] as [([String: String], [String])])
    func notes(settings: [String: String], named: [String]) {
        let notes = sentences(settings).notes { settings[$0] != nil }
        #expect(notes.count == named.count)
        #expect(zip(notes, named).allSatisfy { $0.contains($1) })
    }

    @Test(
        "values are taken with units, numbers and other texts as they are",
        arguments: [
            ("retention.ms", "7d", "604800000"), ("retention.ms", "-1", "-1"), ("retention.ms", "250ms", "250"),
            ("retention.bytes", "10GiB", "10737418240"), ("segment.bytes", "1.5MiB", "1572864"),
            ("retention.bytes", "500kB", "500000"), ("retention.bytes", "-1", "-1"),
            ("cleanup.policy", "compact", "compact"), ("flush.messages", "7d", "7d"),
            ("min.cleanable.dirty.ratio", "0.5", "0.5"),
        ])
    func wire(name: String, text: String, value: String) throws {
        #expect(try SettingValue.wire(name, text) == value)
    }

    @Test(
        "a span or a size that is none is refused with an example",
        arguments: [
            ("retention.ms", "7days"), ("retention.ms", ""), ("retention.ms", "10GiB"), ("retention.bytes", "7d"),
            ("retention.bytes", "1.GiB"), ("retention.bytes", "1.2.3GiB"), ("segment.bytes", "99999999TiB"),
            ("retention.bytes", ".5GiB"), ("retention.bytes", "-1GiB"),
        ])
    func refused(name: String, text: String) {
        let error = #expect(throws: (any Error).self) { try SettingValue.wire(name, text) }
        #expect(error.map { "\(Martlet.message(for: $0))" }?.contains("for \(name): give ") == true)
    }

    @Test(
        "what a value means is said where its number does not say it",
        arguments: [
            ("retention.ms", "604800000", "7 d"), ("retention.ms", "-1", "no limit"),
            ("retention.bytes", "1073741824", "1 GiB"), ("flush.ms", "9223372036854775807", "no limit"),
            ("retention.bytes", "1000", "1,000 B"), ("cleanup.policy", "compact", nil),
            ("min.insync.replicas", "1", nil),
            ("retention.ms", "x", nil),
        ] as [(String, String, String?)])
    func meaning(name: String, value: String, text: String?) { #expect(SettingValue.meaning(name, value) == text) }

    @Test("sizes are read in powers of 1024, exactly where they were set")
    func sizes() {
        #expect(
            [0, 1, 1023, 1024, 1536, 3_328_599_655].map(BinarySize.text)
                == ["0 B", "1 B", "1023 B", "1.0 KiB", "1.5 KiB", "3.1 GiB"])
        #expect(BinarySize.text(.max) == "8388608.0 TiB")
        #expect([0, 1000, 1 << 30, 3 << 19].map(BinarySize.exact) == ["0 B", "1,000 B", "1 GiB", "1,536 KiB"])
        #expect(TimeText.minute(1_793_527_200_000) == "2026-11-01 10:00Z")
        #expect(SpanText.exact(-90_061_001) == "-1 d 1 h 1 min 1 s 1 ms" && SpanText.exact(0) == "0 ms")
    }
}
