import Testing

@testable import martlet

@Suite("Output")
struct OutputTests {
    @Test("a table's columns stand below each other, numbers to the right")
    func table() {
        var table = Table([.init("name", "Topic"), .init("n", "Partitions", isNumber: true), .init("ok", "Ok")])
        table.add(.text("a"), .number(1), .flag(true))
        table.add(.text("readings"), .number(12_345), .none)
        #expect(
            table.lines == [
                "Topic     Partitions  Ok",
                "a                  1  yes",
                "readings      12,345  -",
            ])
        #expect(
            String(decoding: table.json, as: UTF8.self)
                == #"[{"name":"a","n":1,"ok":true},{"name":"readings","n":12345,"ok":null}]"#)
    }

    @Test(
        "numbers are grouped by three digits",
        arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (-1_234_567, "-1,234,567")])
    func grouped(number: Int, text: String) { #expect(number.grouped == text) }

    @Test(
        "bytes are shown in the unit that fits",
        arguments: [
            (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_999, "1.0 MB"), (1_250_000, "1.3 MB"),
            (5_000_000_000, "5.0 GB"),
        ])
    func bytes(count: Int, text: String) { #expect(count.asBytes == text) }

    @Test(
        "a span of time is shown as people say it",
        arguments: [
            (Duration.microseconds(4230), "4.2 ms"), (.milliseconds(420), "0.42 s"), (.seconds(17), "17 s"),
            (.seconds(200), "3 min 20 s"),
        ])
    func durations(duration: Duration, text: String) { #expect(duration.forPeople == text) }

    @Test("a progress line has a bar only where the end is known")
    func progress() {
        let done = Throughput(records: 5000, payloadBytes: 250_000, elapsed: .seconds(2))
        #expect(
            Progress.line("Writing", done, fraction: 0.5)
                == "Writing [############............] 50 %  5,000 records, 250.0 kB, 2,500 records/s, 2.00 s left")
        #expect(Progress.line("Reading", done, fraction: nil) == "Reading 5,000 records, 250.0 kB, 2,500 records/s")
    }

    @Test("a topic's promise names what a power cut can cost")
    func promise() {
        func promise(_ settings: [String: String]) -> String { TopicReport.promise { settings[$0] } }
        #expect(promise([:]).contains("stable storage"))
        #expect(promise(["flush.messages": "1", "flush.ms": "9223372036854775807"]).contains("stable storage"))
        #expect(
            promise(["flush.messages": "10000", "flush.ms": "1000"]).contains("the last 10,000 records or 1,000 ms"))
        #expect(promise(["flush.messages": "9223372036854775807"]).contains("what the system has not written yet"))
    }
}
