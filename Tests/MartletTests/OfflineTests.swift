import ArgumentParser
import EventLog
import Glibc
import Storage
import TestSupport
import Testing

@testable import martlet

@Suite("Offline")
struct OfflineTests {
    /// A closed data directory with one partition, of batches of ten records each, and index files of all of them.
    private func makeLog(_ directory: TemporaryDirectory, batches: Int = 8) throws -> String {
        let path = directory.path + "/data"
        let log = try EventLog.open(at: path)
        let settings = try TopicSettings(["compression.type": "producer", "index.interval.bytes": "1"])
        let topic = try log.createTopic("readings", settings: settings)
        for batch in 0..<batches {
            let records = (0..<10).map { number in
                Record(
                    key: "device-\(number)", value: String(repeating: "\(batch)", count: 100),
                    timestamp: Timestamp(milliseconds: Int64(1000 * batch + number)))
            }
            try topic.partitions[0].append(contentsOf: records)
        }
        try log.close()
        return path
    }

    private func file(_ path: String, _ kind: SegmentFileKind) -> String {
        "\(path)/readings-0/00000000000000000000.\(kind.rawValue)"
    }

    private func overwrite(_ path: String, at position: Int, _ bytes: [UInt8]) {
        let descriptor = open(path, O_WRONLY)
        #expect(pwrite(descriptor, bytes, bytes.count, off_t(position)) == bytes.count)
        close(descriptor)
    }

    private func check(_ path: String) throws -> DirectoryCheck {
        var check = DirectoryCheck(path)
        try check.run { _ in }
        return check
    }

    /// Where the batches of a log file are, and where it ends.
    private func positions(_ path: String) throws -> [Int] {
        let file = try mapFile(path)
        var scan = BatchFileScan(file)
        var positions: [Int] = []
        while let step = try scan.next() {
            if case .batch(let position, _) = step { positions.append(position) }
        }
        return positions + [file.count]
    }

    @Test("a directory that was closed cleanly has no findings, and everything in it is counted")
    func clean() throws {
        let directory = TemporaryDirectory()
        let found = try check(try makeLog(directory))
        #expect(found.findings == [])
        #expect(!found.isDamaged)
        #expect([found.partitionCount, found.segmentCount, found.batchCount, found.recordCount] == [1, 1, 8, 80])
    }

    @Test("records that were deleted are no damage, wherever a power cut left their segments", arguments: 0..<4)
    func deletedRecords(left: Int) throws {
        let directory = TemporaryDirectory()
        let path = directory.path + "/data"
        let log = try EventLog.open(at: path)
        let settings = try TopicSettings(["compression.type": "producer", "segment.bytes": "16384"])
        let partition = try log.createTopic("readings", settings: settings).partitions[0]
        for number in 0..<80 { try partition.append(Record(value: "\(number) " + String(repeating: "x", count: 1000))) }
        let copies = try directory.names(in: "data/readings-0").filter { $0.hasSuffix(".log") }.sorted().prefix(2).map {
            ($0, try directory.contents(of: "data/readings-0/\($0)"))
        }
        try partition.deleteRecords(before: 50)
        try log.close()
        // Names that were removed and came back: none, the one, the other, both.
        for (number, (name, bytes)) in copies.enumerated() where left & (1 << number) != 0 {
            #expect(try !directory.names(in: "data/readings-0").contains(name))
            try directory.write(bytes, to: "data/readings-0/\(name)")
        }
        let found = try check(path)
        #expect(found.findings == [])
        #expect(found.recordCount < 50 && found.recordCount >= 30)
        let reopened = try EventLog.open(at: path)
        #expect(try directory.names(in: "data/readings-0").filter { $0.hasSuffix(".log") }.count == found.segmentCount)
        try reopened.close()
    }

    @Test("a byte changed in any batch is found at that batch, and only there", arguments: 0..<8)
    func damagedBatch(number: Int) throws {
        let directory = TemporaryDirectory()
        let path = try makeLog(directory)
        let position = try positions(file(path, .log))[number]
        overwrite(file(path, .log), at: position + 70, [0xA5])
        let found = try check(path)
        #expect(found.isDamaged)
        #expect(found.findings.first?.position == position)
        #expect(found.findings.allSatisfy { $0.kind == .damage })
        #expect(found.batchCount == 7)
    }

    @Test("a batch whose length is wrong costs only the bytes up to the next batch")
    func damagedLength() throws {
        let directory = TemporaryDirectory()
        let path = try makeLog(directory)
        let positions = try positions(file(path, .log))
        overwrite(file(path, .log), at: positions[2] + 8, [0x7F, 0xFF, 0xFF, 0xFF])
        let found = try check(path)
        #expect(found.batchCount == 7)
        let damage = try #require(found.findings.first)
        #expect(damage.position == positions[2])
        #expect(damage.what.contains("\((positions[3] - positions[2]).grouped) bytes"))
    }

    @Test("an end that was acknowledged and is cut anywhere is damage", arguments: [1, 60, 61, 62, 500, 1000, nil])
    func cutTail(missing: Int?) throws {
        let directory = TemporaryDirectory()
        let path = try makeLog(directory)
        let positions = try positions(file(path, .log))
        #expect(truncate(file(path, .log), off_t(positions[8] - (missing ?? positions[8] - positions[7]))) == 0)
        let found = try check(path)
        #expect(found.findings.filter { $0.kind == .damage }.map(\.position) == [positions[7]])
        #expect(found.batchCount == 7)
    }

    @Test("what a checkpoint does not vouch for is unfinished, not damaged")
    func unfinishedTail() throws {
        let directory = TemporaryDirectory()
        let path = try makeLog(directory)
        let bytes = try directory.contents(of: "data/readings-0/00000000000000000000.log")
        overwrite(file(path, .log), at: bytes.count, Array(bytes.prefix(300)))
        let found = try check(path)
        #expect(!found.isDamaged)
        #expect(found.findings.map(\.kind) == [.unfinished])
        #expect(found.findings.first?.position == bytes.count)
    }

    @Test("what the journal still holds is unfinished where the segment lacks it, damaged where the journal does too")
    func journaledTail() throws {
        let directory = TemporaryDirectory()
        let path = try makeLog(directory)
        // Written by an open log and not checkpointed: what a kill leaves.
        let log = try EventLog.open(at: path)
        defer { try? log.close() }
        let topic = try #require(log.topic("readings"))
        let before = try positions(file(path, .log))[8]
        try topic.partitions[0].append(contentsOf: [
            Record(value: "late", timestamp: Timestamp(milliseconds: 9000))
        ])
        let copy = directory.path + "/copy"
        try log.withoutCheckpoints { try copyDirectory(path, copy) }
        #expect(try check(copy).findings == [])

        #expect(truncate(file(copy, .log), off_t(before)) == 0)
        #expect(try check(copy).findings == [])
        #expect(try check(copy).recordCount == 80)
        #expect(truncate(file(copy, .log), off_t(before - 1)) == 0)
        #expect(try check(copy).findings.map(\.kind).contains(.damage))
    }

    private func copyDirectory(_ from: String, _ to: String) throws {
        let fileSystem = PosixFileSystem()
        try fileSystem.createDirectory(to)
        for name in try fileSystem.list(from) {
            if (try? fileSystem.list("\(from)/\(name)")) != nil {
                try copyDirectory("\(from)/\(name)", "\(to)/\(name)")
            } else {
                try fileSystem.open("\(to)/\(name)", .create).write(
                    try fileSystem.contents(of: "\(from)/\(name)"), at: 0)
            }
        }
    }

    @Test("a log that is gone is damage, and so is a partition")
    func missingFiles() throws {
        let directory = TemporaryDirectory()
        let path = try makeLog(directory)
        #expect(unlink(file(path, .log)) == 0)
        #expect(try check(path).findings.map(\.kind) == [.damage])
        #expect(try check(path).findings.first?.what.contains("offsets 0 to 79 are missing") == true)
        try PosixFileSystem().removeDirectory(path + "/readings-0")
        #expect(try check(path).findings.map(\.file) == [path + "/readings-0"])
        #expect(try check(path).isDamaged)
    }

    @Test(
        "a damaged or missing catalogue, journal or checkpoint is named",
        arguments: ["catalogue", "journal", "readings-0/checkpoint"])
    func damagedRecords(name: String) throws {
        let directory = TemporaryDirectory()
        let path = try makeLog(directory)
        let file = "\(path)/\(name)"
        // Both slots of the journal's header and of a checkpoint.
        for position in [20, 4096 + 20] where name != "catalogue" || position == 20 {
            overwrite(file, at: position, [0xA5, 0x5A, 0xA5])
        }
        for isMissing in [false, true] {
            if isMissing { #expect(unlink(file) == 0) }
            let found = try check(path)
            #expect(found.isDamaged)
            #expect(found.findings.map(\.file) == [file])
            #expect(found.findings.first?.kind == (name.hasSuffix("checkpoint") ? .checkpoint : .damage))
            // The records are looked at all the same.
            #expect(found.recordCount == 80)
        }
    }

    @Test("a journal of another directory, and an old copy of the journal, are damage")
    func wrongJournal() throws {
        let directory = TemporaryDirectory()
        let path = try makeLog(directory)
        let other = directory.path + "/other"
        try EventLog.open(at: other).close()
        let old = try directory.contents(of: "data/journal")
        let log = try EventLog.open(at: path)
        try log.topic("readings")?.partitions[0].append(contentsOf: [Record(value: "late")])
        try log.close()
        overwrite(path + "/journal", at: 0, old)
        #expect(try check(path).findings.map(\.what).joined().contains("old copy"))
        overwrite(path + "/journal", at: 0, try directory.contents(of: "other/journal"))
        #expect(try check(path).findings.map(\.what) == ["it belongs to another directory"])
    }

    @Test("a partition that the catalogue does not know is said, and is no damage")
    func stray() throws {
        let directory = TemporaryDirectory()
        let path = try makeLog(directory)
        try copyDirectory(path + "/readings-0", path + "/others-3")
        let found = try check(path)
        #expect(found.findings.map(\.kind) == [.stray])
        #expect(!found.isDamaged)
        #expect(found.partitionCount == 1)
    }

    @Test("a batch that is missing in the middle is named by its offsets")
    func missingBatch() throws {
        let directory = TemporaryDirectory()
        let path = try makeLog(directory)
        let positions = try positions(file(path, .log))
        let bytes = try directory.contents(of: "data/readings-0/00000000000000000000.log")
        overwrite(file(path, .log), at: positions[3], Array(bytes[positions[4]...]))
        #expect(truncate(file(path, .log), off_t(bytes.count - (positions[4] - positions[3]))) == 0)
        let found = try check(path)
        #expect(found.findings.contains { $0.kind == .damage && $0.what.contains("30 to 39") })
    }

    @Test("offsets may be missing inside a segment of a compacted topic, and are counted; between two they are damage")
    func compacted() throws {
        let directory = TemporaryDirectory()
        let path = directory.path + "/data"
        let log = try EventLog.open(at: path)
        let settings = try TopicSettings([
            "cleanup.policy": "compact", "segment.bytes": "1024", "segment.ms": "9999999999",
        ])
        let topic = try log.createTopic("readings", settings: settings)
        for number in 0..<60 {
            try topic.partitions[0].append(
                Record(
                    key: "device-\(number % 3)", value: String(repeating: "\(number)", count: 60),
                    timestamp: Timestamp(milliseconds: 1_700_000_000_000 + Int64(number))))
        }
        let before = try topic.partitions[0].read(from: .earliest, maxBytes: .max).count
        #expect(before == 60)
        _ = log.compactNow()
        let left = try topic.partitions[0].read(from: .earliest, maxBytes: .max).count
        try log.close()
        let found = try check(path)
        #expect(found.findings.isEmpty)
        #expect(found.recordCount == left && left < 30)
        #expect(found.compactedCount == Int64(60 - left))
        // The first segment's end is cut off, at a batch's end.
        let first = file(path, .log)
        let positions = try positions(first)
        #expect(truncate(first, off_t(positions[positions.count - 2])) == 0)
        #expect(try check(path).findings.contains { $0.kind == .damage && $0.what.contains("was due") })
    }

    @Test("an exchange of segments that was cut short is unfinished, not damaged", arguments: ["swap", "rewritten"])
    func unfinishedExchange(what: String) throws {
        let directory = TemporaryDirectory()
        let path = try makeLog(directory)
        let name = what == "swap" ? "swap" : "00000000000000000000.log.cleaned"
        try directory.write([1, 2, 3], to: "data/readings-0/\(name)")
        let found = try check(path)
        #expect(found.findings.map(\.kind) == [.unfinished])
        #expect(found.findings.allSatisfy { $0.file.hasSuffix(name) })
        #expect(found.recordCount == 80)
        try EventLog.open(at: path).close()
        #expect(try check(path).findings.isEmpty)
    }

    @Test("an index entry that names no batch is found", arguments: [SegmentFileKind.index, .timeindex])
    func badIndex(kind: SegmentFileKind) throws {
        let directory = TemporaryDirectory()
        let path = try makeLog(directory)
        try #require(try mapFile(file(path, kind)).count > 24)
        overwrite(file(path, kind), at: kind == .index ? 14 : 18, [0x77])
        let found = try check(path)
        #expect(found.isDamaged)
        #expect(found.findings.map(\.kind) == [.index])
        #expect(found.findings.first?.file == file(path, kind))
    }

    @Test("a directory without indexes has no findings: they are caches")
    func noIndexes() throws {
        let directory = TemporaryDirectory()
        let path = try makeLog(directory)
        for kind in [SegmentFileKind.index, .timeindex] { #expect(unlink(file(path, kind)) == 0) }
        #expect(try check(path).findings == [])
    }

    @Test("what is no data directory is refused")
    func foreign() {
        let directory = TemporaryDirectory()
        #expect(throws: Failure.self) { try check(directory.path) }
        #expect(throws: Failure.self) { try check(directory.path + "/none") }
    }

    @Test("a directory that is open is not checked")
    func locked() throws {
        let directory = TemporaryDirectory()
        let path = try makeLog(directory)
        let log = try EventLog.open(at: path)
        let command = try #require(try Martlet.parseAsRoot(["verify", path]) as? Verify)
        let failure = #expect(throws: Failure.self) { try command.run() }
        #expect(failure?.message.contains("broker") == true)
        try log.close()
    }

    @Test("a finding names the offsets that are missing with the bytes")
    func offsetsOfDamage() throws {
        let directory = TemporaryDirectory()
        let path = try makeLog(directory)
        let positions = try positions(file(path, .log))
        overwrite(file(path, .log), at: positions[2] + 16, [0x07])
        overwrite(file(path, .log), at: positions[7] + 70, [0xA5])
        let found = try check(path).findings.filter { $0.file == file(path, .log) }
        #expect(found.map(\.position) == [positions[2], positions[7]])
        #expect(found.first?.what.hasSuffix("; offsets 20 to 29") == true)
        #expect(found.last?.what.hasSuffix("; offsets 70 and later") == true)
    }

    @Test("--repair moves what is damaged into lost/, and nothing is damaged afterwards")
    func repair() throws {
        let directory = TemporaryDirectory()
        let path = try makeLog(directory)
        let positions = try positions(file(path, .log))
        overwrite(file(path, .log), at: positions[2] + 70, [0xA5])
        overwrite(file(path, .log), at: positions[5] + 8, [0x7F])
        overwrite(file(path, .index), at: 14, [0x77])
        let damaged = try directory.contents(of: "data/readings-0/00000000000000000000.log")
        let command = try #require(try Martlet.parseAsRoot(["verify", path, "--repair"]) as? Verify)
        try command.run()
        #expect(try check(path).findings == [])
        #expect(try check(path).recordCount == 60)
        let names = try directory.names(in: "data/lost").sorted()
        #expect(
            names == [
                "README", "readings-0.offsets-20-29.segment-0.byte-\(positions[2])",
                "readings-0.offsets-50-59.segment-0.byte-\(positions[5])",
            ])
        for (name, number) in zip(names.dropFirst(), [2, 5]) {
            #expect(
                try directory.contents(of: "data/lost/\(name)")
                    == Array(damaged[positions[number]..<positions[number + 1]]))
        }
        // Again there is nothing to do.
        try command.run()
        #expect(try directory.names(in: "data/lost").sorted() == names)
        let log = try EventLog.open(at: path)
        let partition = try #require(log.topic("readings")).partitions[0]
        #expect(partition.end == 80)
        #expect(try partition.read(from: .offset(20), maxRecords: 1).first?.offset == 30)
        try log.close()
    }

    @Test("--repair does not open what opening refuses: a journal that is lost is its owner's to accept")
    func repairRefused() throws {
        let directory = TemporaryDirectory()
        let path = try makeLog(directory)
        #expect(unlink(path + "/journal") == 0)
        let command = try #require(try Martlet.parseAsRoot(["verify", path, "--repair"]) as? Verify)
        let error = #expect(throws: LogError.self) { try command.run() }
        #expect("\(error as Any)".contains("--accept-journal-loss"))
    }

    @Test("a dump says each batch and each record, and goes on behind damage")
    func dump() throws {
        let directory = TemporaryDirectory()
        let path = try makeLog(directory, batches: 3)
        overwrite(file(path, .log), at: try positions(file(path, .log))[1] + 70, [0xA5])
        var out = StandardOutput()
        var dump = LogDump(printsRecords: true, asJSON: false)
        let log = try mapFile(file(path, .log))
        try dump.run(log, to: &out)
        #expect(dump.isDamaged)
        let lines = String(decoding: out.bytes, as: UTF8.self).split(separator: "\n")
        try #require(lines.count == 2 + 1 + 20)
        #expect(lines[0].hasPrefix("baseOffset: 0 lastOffset: 9 count: 10 position: 0 size: "))
        #expect(lines[1].hasPrefix(#"| {"offset":0,"timestamp":0,"key":"device-0","value":"000"#))
        #expect(lines[11].hasPrefix("damage: the checksum is"))
        #expect(lines[12].hasPrefix("baseOffset: 20 "))
    }
}
