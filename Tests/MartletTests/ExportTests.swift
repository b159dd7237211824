import ArgumentParser
import Broker
import BrokerTestSupport
import EventLog
import Glibc
import KafkaClient
import Storage
import TestSupport
import Testing

@testable import martlet

@Suite("Export", .timeLimit(.minutes(10)))
struct ExportTests {
    /// A directory with topic `readings`: 3 partitions, some segments each, 60 records in each of which some have a
    /// null, bytes that are no text, or headers.
    private func makeDirectory(_ settings: [String: String] = [:]) throws -> TemporaryDirectory {
        let directory = TemporaryDirectory.inMemory()
        let log = try EventLog.open(at: directory.path + "/data", options: .small)
        let all = settings.merging(["segment.bytes": "16384", "compression.type": "producer"]) { a, _ in a }
        let topic = try log.createTopic("readings", partitions: 3, settings: try TopicSettings(all))
        for partition in topic.partitions {
            for first in stride(from: 0, to: 60, by: 5) {
                try partition.append(contentsOf: (first..<first + 5).map { record($0, partition.index) })
            }
        }
        try log.close()
        return directory
    }

    private func record(_ number: Int, _ partition: Int) -> Record {
        Record(
            key: number % 7 == 0 ? nil : Array("device-\(number % 5)".utf8),
            value: number % 11 == 0
                ? nil : number % 3 == 0 ? [0xFF, 0, UInt8(number)] : Array(repeating: 65, count: 1300),
            headers: number % 4 == 0 ? [RecordHeader(name: "n", value: [0xFE])] : [],
            timestamp: Timestamp(milliseconds: Int64(1_700_000_000_000 + 1000 * number + partition)))
    }

    /// Runs a command as it would be typed. What it prints, and the status where that is not 0.
    private func export(
        _ arguments: [String], _ fileSystem: any FileSystem = PosixFileSystem(), savedBytesMax: Int = 1 << 30
    ) async throws -> String {
        let command = try #require(try Martlet.parseAsRoot(["export"] + arguments) as? Export)
        var out = StandardOutput()
        let status = try await command.perform(to: &out, fileSystem, savedBytesMax: savedBytesMax)
        return String(decoding: out.bytes, as: UTF8.self) + (status == .success ? "" : "[\(status.rawValue)]")
    }

    private func text(_ directory: TemporaryDirectory, _ file: String) throws -> String {
        String(decoding: try directory.contents(of: file), as: UTF8.self)
    }

    private func lines(_ directory: TemporaryDirectory, _ file: String) throws -> [String] {
        try text(directory, file).split(separator: "\n").map(String.init).sorted()
    }

    /// What it must come to, by the library.
    private func expected(
        _ directory: TemporaryDirectory, partitions: [Int] = [0, 1, 2], offsets: Range<Offset> = 0..<60
    ) throws -> [String] {
        let log = try EventLog.open(at: directory.path + "/data", options: .small)
        var lines: [String] = []
        for index in partitions {
            try #require(log.topic("readings")?.partition(index)).scan(from: .offset(offsets.lowerBound)) { record in
                guard record.offset < offsets.upperBound else { return false }
                var bytes: [UInt8] = []
                RecordJSON.append(record, topic: nil, partition: index, to: &bytes)
                lines.append(String(decoding: bytes.dropLast(), as: UTF8.self))
                return true
            }
        }
        try log.close()
        return lines.sorted()
    }

    @Test("a file of JSON lines has each record once, from a directory as from a broker, and says so in its manifest")
    func wholeTopic() async throws {
        let directory = try makeDirectory(["retention.ms": "8640000000000"])
        let data = directory.path + "/data"
        let expected = try expected(directory)
        #expect(expected.count == 180)
        let said = try await export(["readings", "--to", directory.path + "/a.ndjson", "--data", data])
        #expect(said.contains("has 180 records of 3 partitions of 'readings', compared by count and checksum"))
        let configure: (inout BrokerConfiguration) -> Void = { $0.dataDirectory = data }
        try await withBroker(configure: configure) { broker in
            _ = try await export(["readings", "--to", directory.path + "/b.ndjson", "-b", "\(broker.address)"])
        }
        for file in ["a.ndjson", "b.ndjson"] {
            #expect(try lines(directory, file) == expected)
            #expect(!(try directory.names().contains("\(file).progress")))
        }
        let manifest = try text(directory, "a.ndjson.manifest")
        #expect(try text(directory, "b.ndjson.manifest") == manifest)
        #expect(manifest.contains(#""settings":{"compression.type":"producer","retention.ms":"8640000000000","#))
        #expect(manifest.contains(#""partition":2,"start":0,"end":60,"records":60,"checksum":""#))
    }

    @Test("from and until are offsets or times, and partitions can be named")
    func parts() async throws {
        let directory = try makeDirectory()
        let data = directory.path + "/data"
        func run(_ name: String, _ arguments: [String]) async throws -> [String] {
            _ = try await export(arguments + ["--to", "\(directory.path)/\(name).ndjson", "--data", data])
            return try lines(directory, "\(name).ndjson")
        }
        #expect(
            try await run("offsets", ["readings:0,2", "--from", "7", "--until", "33"])
                == expected(directory, partitions: [0, 2], offsets: 7..<33))
        // The record of offset 10 is the first that is as new as this.
        let times = ["--from", "@1700000009001", "--until", "@1700000020000"]
        #expect(
            try await run("times", ["readings:0"] + times) == expected(directory, partitions: [0], offsets: 10..<20))
        #expect(try await run("nothing", ["readings", "--from", "50", "--until", "40"]) == [])
        #expect(try await run("beyond", ["readings", "--from", "@1800000000000"]) == [])
    }

    @Test("an export that ends at any write, sync or rename is taken up and comes to the same, without a record twice")
    func interrupted() async throws {
        let directory = try makeDirectory()
        let data = directory.path + "/data"
        let expected = try expected(directory)
        var failures = 0
        while true {
            let name = "\(directory.path)/cut-\(failures).ndjson"
            let arguments = ["readings", "--to", name, "--data", data, "--resume"]
            let disk = FailingFileSystem(after: failures)
            do { _ = try await export(arguments, disk, savedBytesMax: 20_000) } catch {
                #expect(disk.hasFailed, "\(error)")
            }
            // The second run ends early, too, if the first one did.
            if disk.hasFailed {
                let again = FailingFileSystem(after: failures / 2 + 3)
                do { _ = try await export(arguments, again, savedBytesMax: 20_000) } catch {
                    #expect(again.hasFailed, "\(error)")
                }
            }
            let said = try await export(arguments)
            #expect(said.contains("has 180 records"))
            #expect(try lines(directory, "cut-\(failures).ndjson") == expected)
            #expect(!(try directory.names().contains("cut-\(failures).ndjson.progress")))
            if !disk.hasFailed { break }
            failures += 1
        }
        #expect(failures > 30)
    }

    @Test("what is there already is not written over, and what was begun needs --resume")
    func existing() async throws {
        let directory = try makeDirectory()
        let name = directory.path + "/a.ndjson"
        let arguments = ["readings", "--to", name, "--data", directory.path + "/data"]
        try directory.write(Array("mine".utf8), to: "a.ndjson")
        await #expect(throws: Failure.self) { try await export(arguments) }
        #expect(try text(directory, "a.ndjson") == "mine")
        try directory.remove("a.ndjson")
        let disk = FailingFileSystem(after: 12)
        await #expect(throws: FileError.self) { try await export(arguments, disk, savedBytesMax: 20_000) }
        await #expect(throws: Failure.self) { try await export(arguments) }
        _ = try await export(arguments + ["--resume"])
        #expect(try lines(directory, "a.ndjson") == expected(directory))
    }

    @Test("a full disk stops an export with what it has, and it goes on when there is room")
    func diskFull() async throws {
        let directory = try makeDirectory()
        let arguments = [
            "readings", "--to", directory.path + "/a.ndjson", "--data", directory.path + "/data", "--resume",
        ]
        let error = await #expect(throws: FileError.self) {
            try await export(arguments, FailingFileSystem(after: 20, code: ENOSPC), savedBytesMax: 20_000)
        }
        #expect(error?.isDiskFull == true)
        _ = try await export(arguments)
        #expect(try lines(directory, "a.ndjson") == expected(directory))
    }

    @Test("what is written wrong is found when it is read back", arguments: [0, 100, 5000])
    func verified(position: Int) async throws {
        let directory = try makeDirectory()
        let name = directory.path + "/a.ndjson"
        _ = try await export(["readings", "--to", name, "--data", directory.path + "/data"])
        let state = try #require(try TransferState.read(name + ".manifest", PosixFileSystem()))
        let target = try NDJSONTarget(name, after: state.byteCount)
        try target.verify(state) { _ in }
        var bytes = try directory.contents(of: "a.ndjson")
        bytes[position] ^= 1
        try directory.write(bytes, to: "a.ndjson")
        let error = #expect(throws: Failure.self) { try target.verify(state) { _ in } }
        #expect(error?.status == .damage)
    }

    @Test(
        "damage ends an export where it is, what lies before is kept, and --skip-damaged goes on past it",
        arguments: [false, true])
    func damage(inHeader: Bool) async throws {
        let directory = try makeDirectory()
        let data = directory.path + "/data"
        let expected = try expected(directory)
        let log = "data/readings-1/00000000000000000000.log"
        var bytes = try directory.contents(of: log)
        let scan = try positions(directory.path + "/" + log)
        // The third batch of partition 1: offsets 10 to 14.
        bytes[inHeader ? scan[2] + 16 : scan[3] - 1] ^= 0x55
        try directory.write(bytes, to: log)
        let arguments = ["readings", "--to", directory.path + "/a.ndjson", "--data", data]
        let error = await #expect(throws: Failure.self) { try await export(arguments) }
        #expect(error?.status == .damage)
        #expect(error?.message.contains("00000000000000000000.log, byte \(scan[2])") == true, "\(error?.message ?? "")")
        let state = try #require(try TransferState.read(directory.path + "/a.ndjson.progress", PosixFileSystem()))
        #expect(state.parts.map(\.records) == [60, 10, 0])
        let said = try await export(arguments + ["--resume", "--skip-damaged"])
        #expect(said.hasSuffix("DAMAGED: 1 place passed over\n[3]"))
        let lost = (10..<15).map { #"{"partition":1,"offset":\#($0),"# }
        #expect(try lines(directory, "a.ndjson") == expected.filter { line in !lost.contains { line.hasPrefix($0) } })
    }

    private func positions(_ path: String) throws -> [Int] {
        let file = try mapFile(path)
        var scan = BatchFileScan(file)
        var positions: [Int] = []
        while let step = try scan.next() { if case .batch(let position, _) = step { positions.append(position) } }
        return positions
    }

    @Test("a segment that is missing is said by its offsets")
    func missingSegment() async throws {
        let directory = try makeDirectory()
        let segments = try directory.names(in: "data/readings-0").filter { $0.hasSuffix(".log") }
        #expect(segments.count > 2)
        try directory.remove("data/readings-0/\(segments[1])")
        let arguments = ["readings:0", "--to", directory.path + "/a.ndjson", "--data", directory.path + "/data"]
        let error = await #expect(throws: Failure.self) { try await export(arguments) }
        #expect(error?.status == .damage && error?.message.contains("before it are missing") == true)
        #expect(try await export(arguments + ["--resume", "--skip-damaged"]).hasSuffix("[3]"))
    }

    @Test(
        "arguments that make no sense are refused",
        arguments: [["t:x", "--to", "a"], ["t-*", "--to", "a"], ["t", "--to", ""], ["t"]])
    func usage(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try Martlet.parseAsRoot(["export"] + arguments) }
        #expect(error.map { Martlet.exitCode(for: $0).rawValue } == ExitStatus.usage.rawValue)
    }

    @Test("a topic, a partition or a directory that is not there is said")
    func unknown() async throws {
        let directory = try makeDirectory()
        let data = directory.path + "/data"
        for (topic, data) in [("other", data), ("readings:3", data), ("readings", directory.path)] {
            await #expect(throws: (any Error).self) {
                try await export([topic, "--to", directory.path + "/a.ndjson", "--data", data])
            }
        }
        #expect(try directory.names() == ["data"])
    }
}

extension EventLogOptions {
    /// For a test that has no more than a few records.
    static var small: EventLogOptions {
        var options = EventLogOptions()
        options.journalBytesInitial = 1 << 20
        options.runsHousekeeping = false
        return options
    }
}
