import ArgumentParser
import Broker
import EventLog
import Logging
import TestSupport
import Testing

@testable import martlet

@Suite("Configuration files")
struct ConfigFileTests {
    private func file(_ text: String) -> ConfigFile { ConfigFile(Array(text.utf8)) }

    private func lines(_ problems: [ConfigFile.Problem]) -> [String] { problems.map { $0.line(in: "m.toml") } }

    @Test("a file says all that 'serve' wants to know, with units, under either name")
    func whole() throws {
        let file = file(
            """
            data = "/data"
            listen = "[::1]:9093"
            advertise = "log.example.org:9092"
            log-level = "warning"
            auto-create-partitions = 0
            [broker]
            retention.total.bytes = "1.5KiB"
            "max.connections" = 5_00
            log.cleaner.io.max.bytes.per.second = "20MB"
            offsets.retention.minutes = "7d"
            log.cleaner.enable = false
            log.cleaner.min.cleanable.ratio = 0.25
            log.cleanup.policy = "compact,delete"
            [topic-defaults]
            retention.ms = "7d"
            retention.bytes = -1
            """)
        #expect(lines(file.problems) == [])
        #expect(file.data == "/data" && file.listen == HostPort(host: "::1", port: 9093))
        #expect(file.advertise == HostPort(host: "log.example.org", port: 9092))
        #expect(file.logLevel == .warning && file.autoCreatePartitions == 0)
        let settings = file.inForce
        #expect(settings.log.retentionTotalBytes == 1536 && settings.limits.connections == 500)
        #expect(settings.log.compactionBytesPerSecond == 20_000_000 && !settings.log.compacts)
        #expect(settings.groups.offsetsRetentionMinutes == 10_080)
        #expect(settings.topics.dirtyRatioMin == 0.25 && settings.topics.cleanup == [.compact, .delete])
        #expect(settings.topics.retentionMilliseconds == 604_800_000 && settings.topics.retentionBytes == nil)
    }

    @Test(
        "what is wrong is said with its place, and what to write",
        arguments: [
            ("a = 1", "m.toml:1:1: there is no key 'a' here: there are advertise, auto-create-partitions, data"),
            ("num.partitions = 1", "m.toml:1:1: there is no table [num]: settings of the broker stand in [broker]"),
            ("'num.partitions' = 1", "m.toml:1:1: there is no key 'num.partitions' here: write it in [broker]"),
            ("[brokers]\na = 1", "m.toml:2:1: there is no table [brokers]"),
            ("data = 1", "m.toml:1:1: 'data' must be a text"),
            ("data = ''", "'data' is empty"), ("listen = 'x'", "m.toml:1:1: 'listen' must be HOST:PORT"),
            ("advertise = 'x:0'", "needs the port"), ("log-level = 'loud'", "must be one of trace, debug"),
            ("auto-create-partitions = 10_001", "a whole number from 0 to 10000"),
            ("auto-create-partitions = '4'", "a whole number from 0 to 10000"),
            ("[broker]\n  log.dirs = '/x'", "m.toml:2:3: 'log.dirs' is written as 'data', above all tables"),
            ("[broker]\nbroker.id = 2", "'broker.id' cannot be another"),
            (
                "[broker]\nlog.retention.sm = 2",
                "m.toml:2:1: 'log.retention.sm': there is no such setting: was 'log.retention.ms' meant?"
            ),
            ("[broker]\nretention.ms = 2", "topics have it: for a broker it is 'log.retention.ms'"),
            ("[topic-defaults]\nmax.connections = 2", "it is the broker's: it stands in [broker]"),
            ("[topic-defaults]\nretentionms = 2", "was 'retention.ms' meant?"),
            (
                "[broker]\nmax.connections = 0",
                "m.toml:2:1: 'max.connections' cannot be 0: it must be a whole number from 1"
            ),
            ("[broker]\nmax.connections = 1.5", "must be a whole number"),
            ("[broker]\nlog.cleaner.enable = 1", "must be true or false"),
            ("[broker]\nlog.cleanup.policy = true", "must be a text"),
            ("[broker]\nlog.cleaner.min.cleanable.ratio = true", "must be a number"),
            ("[topic-defaults]\nretention.ms = '7 days'", "'7 days' is no span of time for retention.ms: give 250ms"),
            ("[topic-defaults]\nretention.bytes = '7d'", "no number of bytes for retention.bytes"),
            ("[broker]\noffsets.retention.minutes = '90s'", "no span of whole minutes"),
            (
                "[broker]\nlog.retention.ms = 2\n[topic-defaults]\nretention.ms = 3",
                "m.toml:4:1: 'retention.ms' is set in line 2 already ('log.retention.ms')"
            ),
            (
                "[topic-defaults]\nmin.compaction.lag.ms = 6\nmax.compaction.lag.ms = 5",
                "m.toml:3:1: setting log.cleaner.max.compaction.lag.ms=5 is refused"
            ),
            (
                "[broker]\ngroup.min.session.timeout.ms = 2_000_000",
                "m.toml:2:1: setting group.min.session.timeout.ms=2000000"
            ),
            ("[broker\n", "m.toml:1:8: a ']' is missing"),
        ])
    func wrong(text: String, says: String) {
        let problems = lines(file(text).problems)
        #expect(problems.count == 1 && problems[0].contains(says), "\(problems)")
    }

    @Test("all that is wrong is said, in the order of the file")
    func several() {
        let problems = lines(file("x = 1\n[broker]\nflurb = 1\nnum.partitions = 0\n[nowhere]\na = 1").problems)
        #expect(problems.map { $0.prefix(11) } == ["m.toml:1:1:", "m.toml:3:1:", "m.toml:4:1:", "m.toml:6:1:"])
    }

    @Test(
        "what is hardly meant is warned of",
        arguments: [
            (
                "[broker]\nlog.message.format.version = '2.8'",
                "m.toml:2:1: 'log.message.format.version' is without effect"
            ),
            ("[topic-defaults]\nretention.ms = 0", "'log.retention.ms' of 0 ms deletes all records"),
            ("[topic-defaults]\nretention.bytes = 0", "less than one segment"),
            (
                "[topic-defaults]\ncleanup.policy = 'compact'\nretention.ms = '7d'",
                "m.toml:3:1: 'log.retention.ms' has no effect"
            ),
            (
                "[topic-defaults]\ncleanup.policy = 'compact'\nretention.bytes = '7GB'",
                "'log.retention.bytes' has no effect"
            ),
            ("[broker]\nretention.total.bytes = '4TiB'", "more than the disk has"),
            ("[broker]\nretention.total.bytes = 1000", "less than one segment"),
            (
                "[broker]\nlog.cleaner.enable = false\nlog.cleanup.policy = 'compact'",
                "m.toml:2:1: 'log.cleaner.enable' is false"
            ),
        ])
    func warnings(text: String, says: String) {
        let file = file(text)
        #expect(lines(file.problems) == [])
        let warnings = lines(file.warnings(diskBytes: 1 << 40))
        #expect(warnings.count == 1 && warnings[0].contains(says), "\(warnings)")
    }

    @Test("an ordinary file is not warned of")
    func ordinary() throws {
        let text = try document().split(separator: "```toml\n")[1].split(separator: "```")[0]
        let file = file(String(text))
        #expect(lines(file.problems) == [] && lines(file.warnings(diskBytes: 1 << 40)) == [])
        #expect(file.inForce.topics.segmentBytes == 256 << 20)
    }

    @Test("flags go over the file, and what neither says has its default")
    func flags() throws {
        let directory = TemporaryDirectory()
        let path = directory.path + "/martlet.toml"
        try writeTextFile(
            Array("data = '/d'\nlisten = 'h:1'\n[broker]\nnum.partitions = 9\nmax.connections = 5".utf8), to: path)
        let plain = try Serve.parse(["--config", path]).brokerConfiguration()
        #expect(plain.dataDirectory == "/d" && plain.listen == HostPort(host: "h", port: 1))
        let settings = try BrokerSettings(plain)
        #expect(settings.partitionCount == 9 && settings.limits.connections == 5 && settings.autoCreates)
        let flags = [
            "--data", "/e", "--auto-create-partitions", "0", "--set", "max.connections=6", "--set",
            "log.retention.ms=7d",
        ]
        let over = try Serve.parse(["--config", path] + flags).brokerConfiguration()
        let changed = try BrokerSettings(over)
        #expect(over.dataDirectory == "/e" && over.listen == HostPort(host: "h", port: 1))
        #expect(changed.limits.connections == 6 && !changed.autoCreates)
        #expect(changed.topics.retentionMilliseconds == 604_800_000)
        #expect(try Serve.parse([]).brokerConfiguration().dataDirectory == "martlet-data")
        #expect(throws: (any Error).self) { try Serve.parse(["--set", "log.retention.sm=7"]) }
    }

    // MARK: The page

    private func document() throws -> String {
        let path = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/docs/SETTINGS.md"
        return String(decoding: try readTextFile(path, byteCountMax: 1 << 20), as: UTF8.self)
    }

    @Test("docs/SETTINGS.md is what 'martlet config list --markdown' prints")
    func page() throws {
        #expect(try document() == SettingsDocument.text, "martlet config list --markdown >docs/SETTINGS.md")
    }

    @Test("every setting has a type, a default and a text that ends in a full stop")
    func documented() {
        for row in SettingRow.ofBroker + SettingRow.ofTopics {
            #expect(row.documentation.count > 10 && row.documentation.hasSuffix("."), "\(row.name)")
            #expect(row.isReadOnly || row.initial?.isEmpty == false, "\(row.name)")
        }
    }
}
