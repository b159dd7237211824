import ArgumentParser
import Broker
import BrokerTestSupport
import EventLog
import KafkaClient
import Storage
import TestSupport
import Testing

@testable import martlet

@Suite("Import", .timeLimit(.minutes(10)))
struct ImportTests {
    private struct Line {
        var partition: Int
        var record: Record
    }

    /// Records of three partitions that take turns; some have a null, bytes that are no text, or headers.
    private static let lines: [Line] = (0..<300).map(line)

    private static func line(_ number: Int) -> Line {
        let key: [UInt8]? = number % 7 == 0 ? nil : Array("device-\(number % 5)".utf8)
        let bytes: [UInt8] = number % 3 == 0 ? [0xFF, UInt8(number % 256)] : Array("reading \(number)".utf8)
        let headers = number % 4 == 0 ? [RecordHeader(name: "n\"", value: [0xFE])] : []
        let time = Timestamp(milliseconds: 1_700_000_000_000 + 1000 * Int64(number))
        let partitions = [0, 1, 1, 2, 0, 2, 1]
        let record = Record(key: key, value: number % 11 == 0 ? nil : bytes, headers: headers, timestamp: time)
        return Line(partition: partitions[number % 7], record: record)
    }

    private static func values(_ lines: [Line], _ partition: Int) -> [Record] {
        lines.filter { $0.partition == partition }.map(\.record)
    }

    /// The lines as an export has them, with its manifest.
    private func writeExport(_ directory: TemporaryDirectory, settings: [String: String] = [:]) throws -> String {
        let path = directory.path + "/a.ndjson"
        var parts = (0..<3).map { index in
            TransferState.Part(partition: index, start: 0, end: Offset(Int64(Self.values(Self.lines, index).count)))
        }
        let target = try NDJSONTarget(path, after: 0)
        for line in Self.lines {
            var builder = RecordBatchBuilder(compression: .lz4)
            builder.append(line.record, defaultTimestamp: .none)
            try builder.finish(baseOffset: parts[line.partition].next)
            builder.withUnsafeBytes { bytes in
                do { try target.take(bytes, into: &parts[line.partition]) } catch { Issue.record(error) }
            }
        }
        var state = TransferState(form: .ndjson, topic: "readings", partitionCount: 3, settings: settings, parts: parts)
        try target.finish(&state)
        try state.write(to: path + ".manifest", PosixFileSystem())
        return path
    }

    /// The records as a directory has them, ten of them deleted.
    private func writeDirectory(_ path: String) throws {
        let log = try EventLog.open(at: path, options: .small)
        let topic = try log.createTopic("readings", partitions: 3)
        for index in 0..<3 { try topic.partitions[index].append(contentsOf: whole[index]) }
        try topic.partitions[0].deleteRecords(before: 10)
        try log.createTopic("other")
        try log.close()
    }

    /// Runs a command as it would be typed. What it prints, and the status where that is not 0.
    private func run(_ arguments: [String], _ broker: Broker) async throws -> String {
        let command = try #require(
            try Martlet.parseAsRoot(["import"] + arguments + ["-b", "\(broker.address)"]) as? Import)
        var out = StandardOutput()
        let status = try await command.perform(to: &out)
        return String(decoding: out.bytes, as: UTF8.self) + (status == .success ? "" : "[\(status.rawValue)]")
    }

    private func withClient<R>(_ broker: Broker, _ body: (KafkaClient) async throws -> R) async throws -> R {
        let client = try await KafkaClient.connect(to: "\(broker.address)")
        do {
            let result = try await body(client)
            await client.close()
            return result
        } catch {
            await client.close()
            throw error
        }
    }

    /// What a topic holds, by partition.
    private func contents(of topic: String, _ broker: Broker) async throws -> [[Record]] {
        try await withClient(broker) { client in
            let consumer = try await client.makeConsumer(topic: topic, until: .end)
            var records = [[Record]](repeating: [], count: consumer.partitions.count)
            while let batch = try await consumer.next() {
                records[batch.partition] += try batch.records().map {
                    Record(key: $0.key, value: $0.value, headers: $0.headers, timestamp: $0.timestamp)
                }
            }
            await consumer.close()
            return records
        }
    }

    private let whole = (0..<3).map { values(lines, $0) }

    @Test("an export is imported record for record, to a topic that is made with the settings that it had")
    func wholeFile() async throws {
        let directory = TemporaryDirectory.inMemory()
        let settings = ["cleanup.policy": "compact", "segment.bytes": "1000000", "retention.ms": "8640000000000"]
        let path = try writeExport(directory, settings: settings)
        try await withBroker { broker in
            let said = try await run([path], broker)
            #expect(said.contains("Topic 'readings' has all 300, compared by count and checksum"))
            #expect(try await contents(of: "readings", broker) == whole)
            let found = try await withClient(broker) { try await $0.admin.settings(ofTopic: "readings") }
            let set = found.filter { $0.source == .topic }.map { ($0.name, $0.value ?? "") }
            #expect(Dictionary(uniqueKeysWithValues: set) == settings)
        }
        #expect(try directory.names() == ["a.ndjson", "a.ndjson.manifest"])
    }

    @Test("an import that was killed goes on behind what it had written, wherever that was", arguments: 0..<6)
    func resumed(step: Int) async throws {
        let directory = TemporaryDirectory.inMemory()
        let path = try writeExport(directory)
        try await withBroker { broker in
            // As a run leaves it that wrote so many records of each partition, behind others that were there before.
            let written = (0..<3).map { step == 5 ? whole[$0].count : [0, 1, 30][(step + $0) % 3] }
            try await withClient(broker) { client in
                try await client.admin.createTopic("copy", partitions: 3)
                let producer = client.makeProducer()
                try await producer.sendBatch([Record(value: "of before")], to: "copy", partition: 1)
                try ImportProgress(topic: "copy", createsTopic: false, starts: [0, 1, 0], time: .now)
                    .write(to: path + ".import", PosixFileSystem())
                for (index, count) in written.enumerated() where count > 0 {
                    try await producer.sendBatch(Array(whole[index][..<count]), to: "copy", partition: index)
                }
                try await producer.close()
            }
            await #expect(throws: Failure.self) { try await run([path, "--as", "copy"], broker) }
            let said = try await run([path, "--as", "copy", "--resume", "--json"], broker)
            #expect(said.contains("\"records\":300,\"present\":\(written.reduce(0, +)),"))
            var found = try await contents(of: "copy", broker)
            #expect(found[1].removeFirst().value == Array("of before".utf8))
            #expect(found == whole)
        }
        #expect(try directory.names() == ["a.ndjson", "a.ndjson.manifest"])
    }

    @Test(
        "where somebody else has written to the topic, an import that is taken up writes no more",
        arguments: [0, 5, 400])
    func foreignRecords(own: Int) async throws {
        let directory = TemporaryDirectory.inMemory()
        let path = try writeExport(directory)
        try await withBroker { broker in
            let count = min(own, whole[0].count)
            try await withClient(broker) { client in
                try await client.admin.createTopic("copy", partitions: 3)
                let producer = client.makeProducer()
                let records = whole[0][..<count] + [Record(value: "somebody else's")]
                try await producer.sendBatch(Array(records), to: "copy", partition: 0)
                try await producer.close()
            }
            try ImportProgress(topic: "copy", createsTopic: false, starts: [0, 0, 0], time: .now)
                .write(to: path + ".import", PosixFileSystem())
            let error = await #expect(throws: Failure.self) {
                try await run([path, "--as", "copy", "--resume"], broker)
            }
            #expect(error?.message.contains("somebody else writes to it") == true, "\(error?.message ?? "")")
            #expect(try await contents(of: "copy", broker)[0].count == count + 1)
        }
    }

    @Test("a damaged line ends an import where it is, what lies before is there, and --skip-damaged goes on past it")
    func damagedLine() async throws {
        let directory = TemporaryDirectory.inMemory()
        let path = try writeExport(directory)
        var bytes = try directory.contents(of: "a.ndjson")
        let ends = bytes.indices.filter { bytes[$0] == 0x0A }
        bytes[ends[99] + 1] = UInt8(ascii: "[")
        try directory.write(bytes, to: "a.ndjson")
        try await withBroker { broker in
            let error = await #expect(throws: Failure.self) { try await run([path], broker) }
            #expect(error?.status == .damage && error?.message.contains("a.ndjson, line 101, byte 1") == true)
            #expect(try await contents(of: "readings", broker).joined().count == 100)
            let said = try await run([path, "--resume", "--skip-damaged"], broker)
            #expect(said.contains("has all 299 (100 were there already)"))
            #expect(said.hasSuffix("DAMAGED: 1 place passed over\n[3]"))
            var lines = Self.lines
            lines.remove(at: 100)
            #expect(try await contents(of: "readings", broker) == (0..<3).map { Self.values(lines, $0) })
        }
    }

    @Test("a file that is not what its manifest says is found out")
    func manifestDiffers() async throws {
        let directory = TemporaryDirectory.inMemory()
        let path = try writeExport(directory)
        let text = String(decoding: try directory.contents(of: "a.ndjson"), as: UTF8.self)
        try directory.write(Array(text.replacing("reading 100", with: "reading 001").utf8), to: "a.ndjson")
        try await withBroker { broker in
            let error = await #expect(throws: Failure.self) { try await run([path], broker) }
            #expect(error?.status == .damage && error?.message.contains("is not what its manifest says") == true)
        }
    }

    @Test("lines that people write have a partition by their key, and the time of the import")
    func plainLines() async throws {
        let directory = TemporaryDirectory.inMemory()
        let text =
            (0..<100).map { #"{"key":"k\#($0 % 9)","value":"v\#($0)"}"# + "\n" }.joined() + #"{"value":"no key"}"#
        try directory.write(Array(text.utf8), to: "a.ndjson")
        let path = directory.path + "/a.ndjson"
        try await withBroker { broker in
            await #expect(throws: Failure.self) { try await run([path], broker) }
            await #expect(throws: Failure.self) { try await run([path, "--as", "plain"], broker) }
            #expect(try directory.names() == ["a.ndjson"])
            let before = Timestamp.now
            _ = try await run([path, "--as", "plain", "--partitions", "4"], broker)
            let found = try await contents(of: "plain", broker)
            #expect(found.joined().count == 101)
            for (index, records) in found.enumerated() {
                #expect(records.allSatisfy { $0.timestamp ?? .none >= before })
                for case .some(let key) in records.map(\.key) {
                    #expect(DefaultPartitioner.partition(forKey: key.span.bytes, of: 4) == index)
                }
            }
        }
    }

    @Test(
        "a topic that would change what it is given is refused before anything is written",
        arguments: [["cleanup.policy": "compact"], ["message.timestamp.type": "LogAppendTime"]])
    func unsuited(settings: [String: String]) async throws {
        let directory = TemporaryDirectory.inMemory()
        let path = try writeExport(directory)
        try await withBroker { broker in
            _ = try await withClient(broker) { client in
                try await client.admin.createTopic("readings", partitions: 3, settings: settings)
            }
            await #expect(throws: Failure.self) { try await run([path], broker) }
            #expect(try await contents(of: "readings", broker) == [[], [], []])
        }
    }

    @Test("a topic with fewer partitions is said, with the line")
    func fewerPartitions() async throws {
        let directory = TemporaryDirectory.inMemory()
        let path = try writeExport(directory)
        try await withBroker { broker in
            let error = await #expect(throws: Failure.self) { try await run([path, "--partitions", "1"], broker) }
            #expect(error?.message.contains("a.ndjson, line 2: the record is of partition 1") == true)
        }
    }

    @Test("a topic of a directory is imported record for record")
    func fromDirectory() async throws {
        let directory = TemporaryDirectory.inMemory()
        let data = directory.path + "/data"
        try writeDirectory(data)
        try await withBroker { broker in
            await #expect(throws: Failure.self) { try await run([data], broker) }
            let said = try await run([data, "--topic", "readings", "--as", "moved"], broker)
            #expect(said.contains("Topic 'moved' has all 290"))
            let expected = [Array(whole[0].dropFirst(10)), whole[1], whole[2]]
            #expect(try await contents(of: "moved", broker) == expected)
            #expect(!(try directory.names(in: "data").contains { $0.hasSuffix(".import") }))
        }
    }

    @Test("an export that is not whole is not imported")
    func incomplete() async throws {
        let directory = TemporaryDirectory.inMemory()
        let path = try writeExport(directory)
        try directory.write([], to: "a.ndjson.progress")
        try await withBroker { broker in
            let error = await #expect(throws: Failure.self) { try await run([path], broker) }
            #expect(error?.message.contains("is not whole") == true)
        }
    }
}
