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
        let configure: (inout BrokerConfiguration) -> Void = { $0.dataDirectory = path }
        let test: (Broker) async throws -> R = { broker in
            let client = try await KafkaClient.connect(to: "\(broker.address)")
            let result: Result<R, any Error>
            do { result = .success(try await body(BrokerTopics(client: client))) } catch { result = .failure(error) }
            await client.close()
            return try result.get()
        }
        return try await withBroker(configure: configure, test)
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
}
