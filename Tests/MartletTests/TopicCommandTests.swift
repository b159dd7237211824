import ArgumentParser
import Broker
import BrokerTestSupport
import EventLog
import KafkaClient
import TestSupport
import Testing

@testable import martlet

/// The commands as they are given, on a directory and on a broker that has it.
@Suite("Topic commands", .timeLimit(.minutes(10)))
struct TopicCommandTests {
    private let now = Timestamp(milliseconds: 1_793_527_200_000)

    /// `readings`, three days old, 4 records an hour in each of 2 partitions; `young`, of two hours; `devices`, compacted and
    /// empty.
    private func makeDirectory() throws -> TemporaryDirectory {
        let directory = TemporaryDirectory()
        let log = try EventLog.open(at: directory.path + "/data")
        try fill(
            log, "readings", partitions: 2, hours: 72,
            ["retention.ms": "604800000", "retention.bytes": "1073741824", "segment.ms": "86400000"])
        try fill(log, "young", partitions: 1, hours: 2, [:])
        _ = try log.createTopic("devices", partitions: 3, settings: try TopicSettings(["cleanup.policy": "compact"]))
        try log.close()
        return directory
    }

    private func fill(
        _ log: EventLog, _ name: String, partitions: Int, hours: Int64, _ settings: [String: String]
    ) throws {
        let topic = try log.createTopic(name, partitions: partitions, settings: try TopicSettings(settings))
        for partition in topic.partitions {
            for hour in (0..<hours).reversed() {
                let start = now.milliseconds - (hour + 1) * 3_600_000
                try partition.append(
                    contentsOf: (0..<4).map { quarter in
                        Record(
                            key: "device", value: "reading",
                            timestamp: Timestamp(milliseconds: start + quarter * 900_000))
                    })
            }
        }
    }

    private func run(_ arguments: [String], _ backend: any TopicBackend) async throws -> String {
        let command = try #require(try Martlet.parseAsRoot(arguments) as? any TopicSubcommand)
        var out = StandardOutput()
        let status = try await command.perform(backend, now: now, to: &out)
        return String(decoding: out.bytes, as: UTF8.self) + (status == .success ? "" : "[\(status.rawValue)]")
    }

    private func offline<R>(
        _ directory: borrowing TemporaryDirectory, _ body: (DirectoryTopics) async throws -> R
    ) async throws -> R {
        let topics = try DirectoryTopics(at: directory.path + "/data")
        do {
            let result = try await body(topics)
            try topics.close()
            return result
        } catch {
            try? topics.close()
            throw error
        }
    }

    private func online<R>(
        _ directory: borrowing TemporaryDirectory, _ body: (BrokerTopics) async throws -> R
    ) async throws -> R {
        let path = directory.path + "/data"
        // It deletes by its clock what the commands, by theirs, are told of.
        let configure: (inout BrokerConfiguration) -> Void = { [now] in
            $0.dataDirectory = path
            $0.log.environment.now = { now }
        }
        let test: (Broker) async throws -> R = { broker in try await Self.connected(to: broker) { try await body($0) } }
        return try await withBroker(configure: configure, test)
    }

    private static func connected<R>(to broker: Broker, _ body: (BrokerTopics) async throws -> R) async throws -> R {
        let client = try await KafkaClient.connect(to: "\(broker.address)")
        let result: Result<R, any Error>
        do { result = .success(try await body(BrokerTopics(client: client))) } catch { result = .failure(error) }
        await client.close()
        return try result.get()
    }

    private static let questions: [[String]] = [
        ["topic", "list"], ["topic", "list", "--json"], ["topic", "describe", "readings"],
        ["topic", "describe", "readings", "--all"], ["topic", "describe", "readings", "--json"],
        ["topic", "describe", "young"], ["topic", "describe", "devices"], ["topic", "describe", "nothing"],
        ["disk"], ["disk", "--by", "partition"], ["disk", "--sort", "growth", "--top", "1"], ["disk", "--json"],
        ["disk", "--topic", "readings"], ["disk", "--topic", "nothing"], ["disk", "--reserve", "100%"],
        ["disk", "--by", "partition", "--json", "--reserve", "1GiB", "--within", "1d"],
    ]

    @Test("what is asked is answered in the same bytes by a directory and by a broker that has it")
    func sameOutput() async throws {
        let directory = try makeDirectory()
        func answers(_ backend: any TopicBackend) async throws -> [String] {
            // What else is on the disk of this machine grows and shrinks meanwhile.
            let backend = FixedRoom(backend)
            var answers: [String] = []
            for question in Self.questions {
                do {
                    answers.append(try await run(question, backend))
                } catch {
                    let failure = try #require(Failure(error), "\(question): \(error)")
                    answers.append("refused: \(failure.message) [\(failure.status.rawValue)]")
                }
            }
            return answers
        }
        let online = try await online(directory, answers)
        let offline = try await offline(directory, answers)
        for (question, (offline, online)) in zip(Self.questions, zip(offline, online)) {
            #expect(offline == online, "\(question)")
        }
    }

    @Test("a topic is described with what it keeps, what is there, how it grows, and where it will be held")
    func describe() async throws {
        let directory = try makeDirectory()
        let (lines, bytes) = try await offline(directory) { topics in
            let sizes = try await topics.directories()[0].sizes.filter { $0.key.topic == "readings" }
            let text = try await run(["topic", "describe", "readings"], topics)
            return (text.split(separator: "\n").map(String.init), sizes.values.reduce(0, +))
        }
        let size = BinarySize.text(bytes)
        let daily = BinarySize.text(bytes / 3)
        #expect(lines[0] == "Topic       readings")
        #expect(lines[2] == "Records     576 in 2 partitions")
        // A third of three days, for 7 days and a day's segment.
        #expect(
            lines[3] == "Keeps       7 d, but at most 1 GiB a partition; \(size) now, oldest 2026-10-29 10:00Z, "
                + "\(daily) more a day, held at \(BinarySize.text(bytes / 3 * 8))")
        #expect(lines[4].hasPrefix("Deletes     ") && lines[5].hasPrefix("Deletes     "))
        let rows = lines.map { $0.split(separator: " ").joined(separator: " ") }
        #expect(rows.contains("retention.ms 604800000 7 d topic -1"))
        #expect(!rows.contains { $0.hasPrefix("compression.type") })
        #expect(lines.last == "All others have their defaults: see them with --all")
    }

    @Test("growth of a topic that is younger than a day is taken for a day, with a note")
    func youngTopic() async throws {
        let directory = try makeDirectory()
        try await offline(directory) { topics async throws in
            let survey = try await DiskSurvey(of: ["young"], from: topics, now: now)
            let use = try #require(survey.uses.first)
            let bytes = try #require(use.bytes)
            #expect(use.growth?.perDay == bytes * 12 && use.growth?.window == 7_200_000)
            #expect(use.bound == .unbounded && use.records == 8)
            let row = try await run(["disk", "--topic", "young"], topics).split(separator: "\n")[1]
            #expect(row.hasSuffix("rate of 2 h 0 min"))
        }
    }

    @Test("of records that are too young for a rate it is not said that nothing has been written")
    func tooYoung() async throws {
        let directory = TemporaryDirectory()
        let log = try EventLog.open(at: directory.path + "/data")
        let topic = try log.createTopic("fresh", partitions: 1)
        let first = Record(value: "reading", timestamp: Timestamp(milliseconds: now.milliseconds - 1000))
        try await topic.partitions[0].append(contentsOf: [first])
        try log.close()
        try await offline(directory) { topics async throws in
            let text = try await run(["disk"], FixedRoom(topics))
            #expect(text.contains(": not known yet: what there is, is too young for a rate"))
        }
    }

    @Test("when the reserve is reached decides the exit status of --within")
    func within() async throws {
        let directory = try makeDirectory()
        try await offline(directory) { topics async throws in
            // What grows without a limit is `young`.
            let daily = try #require(
                try await DiskSurvey(of: ["young"], from: topics, now: now).uses[0].growth?.perDay)
            let held = try await DiskSurvey(of: ["readings"], from: topics, now: now)
            let left = held.uses.reduce(Int64(0)) { $0 + ($1.bound.bytes ?? 0) - ($1.bytes ?? 0) }
            // Ten days of it.
            let room = FixedRoom(topics, usable: 1000 + left + 10 * daily)
            let text = try await run(["disk", "--reserve", "1000", "--within", "9d"], room)
            #expect(
                text.contains("Reserve  1000 B: reached about 2026-11-11 10:00Z, in 10 d 0 h") && !text.hasSuffix("]"))
            #expect(try await run(["disk", "--reserve", "1000", "--within", "11d"], room).hasSuffix("[2]"))
            let full = FixedRoom(topics, usable: 999)
            let now = try await run(["disk", "--reserve", "1000", "--within", "0s"], full)
            #expect(now.contains("Reserve  1000 B: REACHED") && now.hasSuffix("[2]"))
        }
    }

    @Test("what holds all of it together is what was set last for the broker, else for all brokers")
    func retentionTotal() async throws {
        let directory = try makeDirectory()
        func total(_ stored: [(String, String)]) async throws -> Int64? {
            let log = try EventLog.open(at: directory.path + "/data")
            try log.store(stored.map { SettingOverride(name: $0.0 + "retention.total.bytes", value: $0.1) })
            try log.close()
            return try await offline(directory) { try await $0.retentionTotal() }
        }
        #expect(try await total([]) == nil)
        #expect(try await total([("brokers:", "1000000")]) == 1_000_000)
        #expect(try await total([("brokers:", "1000000"), ("broker:", "2000000")]) == 2_000_000)
        #expect(try await total([("broker:", "-1"), ("brokers:", "1000000")]) == nil)
        #expect(try await total([("broker:", "x")]) == nil)
        _ = try await total([("broker:", "2000000")])
        let text = try await offline(directory) { try await run(["disk"], FixedRoom($0)) }
        #expect(text.contains("; retention.total.bytes 2,000,000 B"))
        #expect(text.contains("not reached at this rate: the settings hold what is there at 1.9 MiB"))
    }

    @Test("the plot is whole XML with a band a topic and the line of the reserve")
    func plot() async throws {
        let directory = try makeDirectory()
        try await offline(directory) { topics async throws in
            let survey = try await DiskSurvey(from: FixedRoom(topics, usable: 100_000), now: now)
            let svg = DiskPlot(survey, reserve: .bytes(0)).svg
            #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
            #expect(svg.components(of: "<polygon ") == 3 && svg.components(of: "<svg") == svg.components(of: "</svg>"))
            #expect(svg.contains(">readings</text>") && svg.contains(">here the reserve begins</text>"))
            #expect(!svg.contains("nan") && !svg.contains(",-,") && !svg.contains("inf"))
        }
    }

    // MARK: Changes

    /// Runs `topic alter` on `readings`. What it prints; nil before it: it needs --execute.
    private func alter(_ arguments: [String], _ client: KafkaClient) async throws -> (isDone: Bool, text: String) {
        let command = try #require(
            try Martlet.parseAsRoot(["topic", "alter", "readings"] + arguments) as? TopicAlter)
        var out = StandardOutput()
        let isDone = try await command.perform(client, now: now, to: &out)
        return (isDone, String(decoding: out.bytes, as: UTF8.self))
    }

    private func retention(_ client: KafkaClient) async throws -> String? {
        try await client.admin.settings(ofTopic: "readings").first { $0.name == "retention.ms" }?.value
    }

    /// `readings` again, in segments of a day.
    @Test("a change that deletes records is shown to the segment, and done only when it is told to")
    func alterWithPlan() async throws {
        let directory = try makeDirectory()
        try await online(directory) { topics async throws in
            let client = topics.client
            let segments = try #require(try await topics.segments(of: "readings", partitions: [0, 1]))
            #expect(segments.values.allSatisfy { $0.segments.count == 3 })
            let all = segments.values.flatMap(\.segments).reduce(Int64(0)) { $0 + $1.bytes }
            let planned = try await alter(["--set", "retention.ms=1d"], client)
            #expect(!planned.isDone)
            let first = segments.values.compactMap(\.segments.first)
            let bytes = first.reduce(Int64(0)) { $0 + $1.bytes }
            let newest = try #require(first.compactMap(\.maxTimestamp).max())
            let records = segments.values.reduce(Int64(0)) { $0 + $1.segments[0].next.distance(from: $1.logStart) }
            #expect(
                planned.text.hasPrefix(
                    "Would delete \(BinarySize.text(bytes)) of \(BinarySize.text(all)): 2 segments, \(records) records up "
                        + "to \(TimeText.minute(newest.milliseconds))\nWould keep 1 d, but at most 1 GiB a partition\n")
            )
            #expect(try await retention(client) == "604800000")
            let done = try await alter(["--set", "retention.ms=1d", "--execute"], client)
            #expect(done.isDone && done.text.hasPrefix("Changed topic readings\nWill delete "))
            #expect(try await retention(client) == "86400000")
            // It is what goes anyway now.
            #expect(try await alter(["--set", "retention.ms=1d"], client).isDone)
        }
    }

    @Test(
        "what a plan says is what the broker's retention deletes",
        arguments: [
            ["retention.ms=1d"], ["retention.ms=30h"], ["retention.bytes=1"], ["retention.bytes=2kB"],
            ["retention.ms=1ms"], ["record.ttl.ms=30h"], ["retention.ms=2d", "retention.bytes=1"],
        ])
    func planIsWhatHappens(settings: [String]) async throws {
        let directory = try makeDirectory()
        let arguments = settings.flatMap { ["--set", $0] } + ["--execute"]
        let path = directory.path + "/data"
        let configure: (inout BrokerConfiguration) -> Void = { [now] in
            $0.dataDirectory = path
            $0.log.environment.now = { now }
        }
        let test: (Broker) async throws -> Void = { broker in
            try await Self.connected(to: broker) { topics in
                let values = try SettingArgument.dictionary(settings.compactMap { SettingArgument(argument: $0) })
                let plan = try await TopicAlteration(
                    of: "readings", set: values, reset: [], from: topics, now: now
                ).deletion
                let before = try #require(broker.log.topic("readings")).partitions.map(\.logStart)
                #expect(!plan.isEmpty && plan.records > 0)
                _ = try await alter(arguments, topics.client)
                let done = broker.log.retainNow()
                let after = try #require(broker.log.topic("readings")).partitions.map(\.logStart)
                #expect(zip(after, before).reduce(Int64(0)) { $0 + $1.0.distance(from: $1.1) } == plan.records)
                #expect(plan.segments == Int64(done.segments))
            }
        }
        try await withBroker(configure: configure, test)
    }

    @Test("a change that deletes everything says so, and one that deletes nothing is done at once")
    func alterEverything() async throws {
        let directory = try makeDirectory()
        try await online(directory) { topics async throws in
            let client = topics.client
            let planned = try await alter(["--set", "retention.ms=1ms"], client)
            #expect(!planned.isDone && planned.text.contains("everything of 2 partitions"))
            #expect(planned.text.contains("\nThat is everything there is"))
            let json = try await alter(["--set", "retention.ms=1ms", "--json"], client)
            #expect(!json.isDone && json.text.contains(#""isDone":false"#))
            #expect(json.text.contains(#""deletesEverything":true"#) && json.text.contains(#""records":576"#))
            #expect(try await retention(client) == "604800000")
            let longer = try await alter(["--set", "retention.ms=30d"], client)
            #expect(
                longer.isDone && longer.text == "Changed topic readings\nKeeps 30 d, but at most 1 GiB a partition\n")
            #expect(try await retention(client) == "2592000000")
            #expect(
                try await alter(["--reset", "retention.ms"], client).text.contains("Keeps at most 1 GiB a partition"))
        }
    }

    @Test(
        "changes of which it is not known before what they take are not done without being told to, either",
        arguments: [
            (["--set", "cleanup.policy=compact"], "compact what is there"),
            (["--set", "record.ttl.ms=1h"], "hide 568 of 576 records from readers"),
            (["--set", "record.ttl.headers=true"], "hide from readers the records whose header"),
        ])
    func alterUnknown(arguments: [String], effect: String) async throws {
        let directory = try makeDirectory()
        try await online(directory) { topics async throws in
            let planned = try await alter(arguments, topics.client)
            #expect(!planned.isDone && planned.text.contains("Would \(effect)"), "\(planned.text)")
            let settings = try await topics.client.admin.settings(ofTopic: "readings")
            #expect(settings.filter { $0.source == .topic }.count == 3)
        }
    }

    @Test("what the broker refuses is refused before any plan, and partitions are added without one")
    func alterRefused() async throws {
        let directory = try makeDirectory()
        try await online(directory) { topics async throws in
            let client = topics.client
            let error = await #expect(throws: KafkaClientError.self) {
                try await alter(["--set", "retention.ms=1ms", "--set", "segment.bytes=1"], client)
            }
            #expect(error.map { "\($0)" }?.contains("segment.bytes") == true)
            #expect(try await alter(["--partitions", "4"], client).text == "Changed topic readings\n")
            #expect(try await topics.describe("readings").partitions.count == 4)
        }
    }

    @Test("a broker that does not say where segments end gets a plan of how much goes at most")
    func alterEstimate() async throws {
        let directory = try makeDirectory()
        try await offline(directory) { topics async throws in
            let exact = try await TopicAlteration(
                of: "readings", set: ["retention.ms": "86400000"], reset: [], from: topics, now: now)
            let estimate = try await TopicAlteration(
                of: "readings", set: ["retention.ms": "86400000"], reset: [], from: Segmentless(topics), now: now)
            #expect(!exact.deletion.isUpperBound && estimate.deletion.isUpperBound)
            // Two of three days, of which a segment reaches into the third.
            #expect(estimate.deletion.records == 384 && exact.deletion.records <= 384)
            let none = try await TopicAlteration(
                of: "readings", set: ["retention.ms": "2592000000"], reset: [], from: Segmentless(topics), now: now)
            #expect(none.effects.isEmpty)
        }
    }

    @Test("one topic that cannot be read hides none of the others")
    func unreadable() async throws {
        let directory = try makeDirectory()
        try await offline(directory) { topics async throws in
            let text = try await run(["disk"], Unreadable(topics, topic: "young")).split(separator: "\n")
            #expect(text.contains { $0.hasPrefix("readings ") })
            #expect(text.contains { $0.hasPrefix("young ") && $0.hasSuffix("the disk does not answer") })
        }
    }

    @Test(
        "arguments of the disk that make no sense are refused",
        arguments: [
            ["--reserve", "x"], ["--within", "soon"], ["--top", "0"], ["--by", "broker"], ["--data", ""],
            ["--topic", "a", "--svg", "b"], ["--topic", "a", "--within", "1d"], ["--sort", "oldest"],
        ])
    func usage(arguments: [String]) {
        #expect(throws: (any Error).self) { try Martlet.parseAsRoot(["disk"] + arguments) }
    }
}

extension String {
    fileprivate func components(of part: String) -> Int { ranges(of: part).count }
}

/// The same topics on a volume that has always the same room.
private struct FixedRoom: TopicBackend {
    let base: any TopicBackend
    var usable: Int64

    init(_ base: any TopicBackend, usable: Int64 = 50 << 30) { (self.base, self.usable) = (base, usable) }

    func topics() async throws -> [TopicSummary] { try await base.topics() }
    func describe(_ topic: String) async throws -> TopicDescription { try await base.describe(topic) }
    func settings(ofTopic topic: String) async throws -> [Setting] { try await base.settings(ofTopic: topic) }
    func retentionTotal() async throws -> Int64? { try await base.retentionTotal() }
    func directories() async throws -> [LogDirectory] {
        try await base.directories().map { directory in
            var directory = directory
            (directory.totalBytes, directory.usableBytes) = (100 << 30, usable)
            return directory
        }
    }
    func positions(at offsets: [TopicPartition: Offset]) async throws -> [TopicPartition: DescribedPosition] {
        try await base.positions(at: offsets)
    }
    func firstOffsets(at time: Timestamp, in partitions: [TopicPartition]) async throws -> [TopicPartition: Offset] {
        try await base.firstOffsets(at: time, in: partitions)
    }
    func segments(of topic: String, partitions: [Int]) async throws -> [Int: DescribedSegments]? {
        try await base.segments(of: topic, partitions: partitions)
    }
}

/// The same topics of a broker that does not say which segments there are.
private struct Segmentless: TopicBackend {
    let base: any TopicBackend

    init(_ base: any TopicBackend) { self.base = base }

    func topics() async throws -> [TopicSummary] { try await base.topics() }
    func describe(_ topic: String) async throws -> TopicDescription { try await base.describe(topic) }
    func settings(ofTopic topic: String) async throws -> [Setting] { try await base.settings(ofTopic: topic) }
    func retentionTotal() async throws -> Int64? { try await base.retentionTotal() }
    func directories() async throws -> [LogDirectory] { try await base.directories() }
    func positions(at offsets: [TopicPartition: Offset]) async throws -> [TopicPartition: DescribedPosition] {
        try await base.positions(at: offsets)
    }
    func firstOffsets(at time: Timestamp, in partitions: [TopicPartition]) async throws -> [TopicPartition: Offset] {
        try await base.firstOffsets(at: time, in: partitions)
    }
    func segments(of topic: String, partitions: [Int]) async throws -> [Int: DescribedSegments]? { nil }
}

/// The same topics, one of which fails where its records are looked at.
private struct Unreadable: TopicBackend {
    let base: any TopicBackend
    let topic: String

    init(_ base: any TopicBackend, topic: String) { (self.base, self.topic) = (base, topic) }

    func topics() async throws -> [TopicSummary] { try await base.topics() }
    func describe(_ topic: String) async throws -> TopicDescription { try await base.describe(topic) }
    func settings(ofTopic topic: String) async throws -> [Setting] { try await base.settings(ofTopic: topic) }
    func retentionTotal() async throws -> Int64? { try await base.retentionTotal() }
    func directories() async throws -> [LogDirectory] { try await base.directories() }
    func positions(at offsets: [TopicPartition: Offset]) async throws -> [TopicPartition: DescribedPosition] {
        if offsets.keys.contains(where: { $0.topic == topic }) { throw Failure("the disk does not answer") }
        return try await base.positions(at: offsets)
    }
    func firstOffsets(at time: Timestamp, in partitions: [TopicPartition]) async throws -> [TopicPartition: Offset] {
        try await base.firstOffsets(at: time, in: partitions)
    }
    func segments(of topic: String, partitions: [Int]) async throws -> [Int: DescribedSegments]? {
        try await base.segments(of: topic, partitions: partitions)
    }
}
