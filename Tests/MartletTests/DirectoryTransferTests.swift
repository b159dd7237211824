import ArgumentParser
import Broker
import BrokerTestSupport
import EventLog
import Foundation
import KafkaClient
import Storage
import TestSupport
import Testing

@testable import martlet

@Suite("Export and import of directories", .timeLimit(.minutes(10)))
struct DirectoryTransferTests {
    /// Topic `readings` of two partitions: 60 records of each in batches of 5, some segments; the first 12 of partition 0 are
    /// deleted, so that its log begins inside a batch.
    private func makeDirectory(_ settings: [String: String] = [:]) throws -> TemporaryDirectory {
        let directory = TemporaryDirectory.inMemory()
        let log = try EventLog.open(at: directory.path + "/data", options: .small)
        let all = settings.merging(["segment.bytes": "16384", "compression.type": "producer"]) { a, _ in a }
        let topic = try log.createTopic("readings", partitions: 2, settings: try TopicSettings(all))
        for partition in topic.partitions {
            for first in stride(from: 0, to: 60, by: 5) {
                try partition.append(contentsOf: (first..<first + 5).map { record($0, partition.index) })
            }
        }
        try topic.partitions[0].deleteRecords(before: 12)
        try log.close()
        return directory
    }

    private func record(_ number: Int, _ partition: Int) -> Record {
        Record(
            key: Array("device-\(number % 5)".utf8), value: Array(repeating: UInt8(number), count: 1300),
            headers: number % 4 == 0 ? [RecordHeader(name: "n", value: [0xFE])] : [],
            timestamp: Timestamp(milliseconds: Int64(1_700_000_000_000 + 1000 * number + partition)))
    }

    private func export(
        _ arguments: [String], _ fileSystem: any FileSystem = PosixFileSystem(), savedBytesMax: Int = 1 << 30
    ) async throws -> String {
        let command = try #require(try Martlet.parseAsRoot(["export"] + arguments) as? Export)
        var out = StandardOutput()
        let status = try await command.perform(to: &out, fileSystem, savedBytesMax: savedBytesMax)
        return String(decoding: out.bytes, as: UTF8.self) + (status == .success ? "" : "[\(status.rawValue)]")
    }

    private func run(import arguments: [String]) async throws -> String {
        let command = try #require(try Martlet.parseAsRoot(["import"] + arguments) as? Import)
        var out = StandardOutput()
        let status = try await command.perform(to: &out)
        return String(decoding: out.bytes, as: UTF8.self) + (status == .success ? "" : "[\(status.rawValue)]")
    }

    private struct Contents: Equatable {
        var starts: [Offset]
        var ends: [Offset]
        var records: [[StoredRecord]]
        var settings: [SettingOverride]
    }

    private func contents(_ path: String, _ name: String = "readings") throws -> Contents {
        let log = try EventLog.open(at: path, options: .small)
        let topic = try #require(log.topic(name))
        var records: [[StoredRecord]] = []
        for partition in topic.partitions {
            var part: [StoredRecord] = []
            try partition.scan(from: .earliest) { record in
                part.append(record.makeStoredRecord())
                return true
            }
            records.append(part)
        }
        let found = Contents(
            starts: topic.partitions.map(\.logStart), ends: topic.partitions.map(\.end), records: records,
            settings: topic.settings.overrides)
        try log.close()
        return found
    }

    private func verify(_ path: String) throws -> [Finding] {
        var check = DirectoryCheck(path)
        try check.run { _ in }
        return check.findings
    }

    @Test("a directory gets a topic's batches with their offsets and its settings, from a directory as from a broker")
    func whole() async throws {
        let directory = try makeDirectory(["retention.ms": "8640000000000", "cleanup.policy": "delete"])
        let data = directory.path + "/data"
        let expected = try contents(data)
        #expect(expected.starts == [12, 0] && expected.records.map(\.count) == [48, 60])
        _ = try await export(["readings", "--to", directory.path + "/a", "--data", data])
        let configure: (inout BrokerConfiguration) -> Void = { $0.dataDirectory = data }
        try await withBroker(configure: configure) { broker in
            _ = try await export(["readings", "--to", directory.path + "/b", "-b", "\(broker.address)"])
        }
        for name in ["a", "b"] {
            let path = "\(directory.path)/\(name)"
            #expect(try contents(path) == expected)
            #expect(try verify(path) == [])
            #expect(try directory.names(in: name).contains("readings.export.manifest"))
            #expect(!(try directory.names(in: name).contains("readings.export.progress")))
        }
    }

    @Test("an export to a directory that ends at any change of its progress is taken up and comes to the same")
    func interrupted() async throws {
        let directory = try makeDirectory()
        let data = directory.path + "/data"
        let expected = try contents(data)
        for failures in 0..<60 {
            let path = "\(directory.path)/cut-\(failures)"
            let arguments = ["readings", "--to", path, "--data", data, "--resume"]
            let disk = FailingFileSystem(after: failures)
            do { _ = try await export(arguments, disk, savedBytesMax: 20_000) } catch {
                #expect(disk.hasFailed, "\(error)")
            }
            _ = try await export(arguments)
            #expect(try contents(path) == expected)
            if !disk.hasFailed { return }
        }
        Issue.record("there was no end of it")
    }

    @Test("a stretch that begins inside a batch has exactly its records, and nothing before")
    func stretch() async throws {
        let directory = try makeDirectory()
        let arguments = ["readings:1", "--to", directory.path + "/a", "--data", directory.path + "/data"]
        _ = try await export(arguments + ["--from", "23", "--until", "40"])
        let found = try contents(directory.path + "/a")
        #expect(found.starts == [0, 23] && found.ends == [0, 40])
        #expect(found.records[1].map(\.offset) == (23..<40).map { Offset($0) })
        #expect(try verify(directory.path + "/a") == [])
    }

    @Test("a directory is imported to another with its offsets, and a topic that is there already is left alone")
    func importDirectory() async throws {
        let directory = try makeDirectory()
        let data = directory.path + "/data"
        let expected = try contents(data)
        let said = try await run(import: [data, "--data", directory.path + "/other", "--as", "moved"])
        #expect(said.contains("has all 110 in topic 'moved'"), "\(said)")
        #expect(try contents(directory.path + "/other", "moved") == expected)
        let error = await #expect(throws: Failure.self) {
            try await run(import: [data, "--data", directory.path + "/other", "--as", "moved"])
        }
        #expect(error?.message.contains("has a topic 'moved' already") == true)
        #expect(!(try directory.names(in: "other").contains { $0.hasSuffix(".import") }))
    }

    @Test("a file is imported to a directory with the offsets that its lines say, also where some are missing")
    func importFile() async throws {
        let directory = try makeDirectory()
        let data = directory.path + "/data"
        let expected = try contents(data)
        let file = directory.path + "/a.ndjson"
        _ = try await export(["readings", "--to", file, "--data", data])
        _ = try await run(import: [file, "--data", directory.path + "/other"])
        #expect(try contents(directory.path + "/other") == expected)
        // As a compacted topic has them.
        let text = String(decoding: try directory.contents(of: "a.ndjson"), as: UTF8.self)
        let kept = text.split(separator: "\n").enumerated().filter { $0.offset % 3 == 0 }.map(\.element)
        try directory.write(Array(kept.joined(separator: "\n").utf8), to: "b.ndjson")
        _ = try await run(import: [directory.path + "/b.ndjson", "--as", "thin", "--data", directory.path + "/other"])
        let thin = try contents(directory.path + "/other", "thin")
        #expect(thin.records.joined().count == kept.count)
        #expect(zip(thin.records, expected.records).allSatisfy { thin, all in thin.allSatisfy { all.contains($0) } })
    }

    @Test("lines whose offsets do not ascend are refused where they are")
    func offsetsDescend() async throws {
        let directory = TemporaryDirectory.inMemory()
        let text = #"{"partition":0,"offset":5,"value":"a"}"# + "\n" + #"{"partition":0,"offset":5,"value":"b"}"#
        try directory.write(Array(text.utf8), to: "a.ndjson")
        let error = await #expect(throws: Failure.self) {
            try await run(import: [directory.path + "/a.ndjson", "--as", "t", "--data", directory.path + "/data"])
        }
        #expect(error?.message.contains("line 2: offset 5 of partition 0 does not follow") == true)
    }

    /// The directory's topic after a compaction: offsets are missing in it, and batches without records.
    private func makeCompactedDirectory() throws -> TemporaryDirectory {
        let directory = try makeDirectory(["cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0"])
        let log = try EventLog.open(at: directory.path + "/data", options: .small)
        let result = log.compactNow()
        #expect(result.recordsDropped > 0, "\(result)")
        try log.close()
        return directory
    }

    @Test("a compacted topic is exported and imported with its gaps")
    func compacted() async throws {
        let directory = try makeCompactedDirectory()
        let data = directory.path + "/data"
        let expected = try contents(data)
        #expect(expected.records.joined().count < 100)
        _ = try await export(["readings", "--to", directory.path + "/a", "--data", data])
        _ = try await export(["readings", "--to", directory.path + "/a.ndjson", "--data", data])
        _ = try await run(import: [directory.path + "/a.ndjson", "--data", directory.path + "/b"])
        #expect(try contents(directory.path + "/a") == expected)
        #expect(try contents(directory.path + "/b").records == expected.records)
    }

    @Test(
        "Kafka's rules find in compacted files what is in them, and in their export",
        .enabled(if: KafkaPython.interpreter != nil, Comment(rawValue: KafkaPython.missing)))
    func compactedByKafkasRules() async throws {
        let directory = try makeCompactedDirectory()
        let data = directory.path + "/data"
        _ = try await export(["readings", "--to", directory.path + "/a", "--data", data])
        for name in ["data", "a"] {
            let (status, output) = try KafkaPython.run([Self.reader, "\(directory.path)/\(name)", "readings=0:60"])
            #expect(status == 0, "\(name): \(output)")
            #expect(!output.contains(" 0 missing offsets"), "\(output)")
        }
    }

    private static let reader = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "tools/support/read_as_kafka.py").path

    @Test(
        "Kafka's rules find in the files of an export what is in them, also of a stretch",
        .enabled(if: KafkaPython.interpreter != nil, Comment(rawValue: KafkaPython.missing)))
    func readByKafkasRules() async throws {
        let directory = try makeDirectory()
        let data = directory.path + "/data"
        _ = try await export(["readings", "--to", directory.path + "/a", "--data", data])
        _ = try await export([
            "readings", "--to", directory.path + "/b", "--data", data, "--from", "20", "--until", "50",
        ])
        for (name, ends) in [("data", "0:60"), ("a", "10:60"), ("a", "0:60"), ("b", "20:50")] {
            let (status, output) = try KafkaPython.run([Self.reader, "\(directory.path)/\(name)", "readings=\(ends)"])
            #expect(status == 0, "\(name): \(output)")
        }
        // It can tell.
        var log = try directory.contents(of: "b/readings-0/00000000000000000020.log")
        log[log.count - 1] ^= 1
        try directory.write(log, to: "b/readings-0/00000000000000000020.log")
        #expect(try KafkaPython.run([Self.reader, directory.path + "/b"]).status == 1)
    }
}
