import Storage
import Synchronization
import TestSupport
import Testing

@testable import EventLog

/// A sync that fails ends one partition, the journal keeps what it needs of it, and opening the log heals it.
@Suite struct FenceTests {
    private func open(_ disk: any FileSystem, _ lines: LogLines? = nil) throws -> EventLog {
        try EventLog.open(
            at: "/data",
            options: quietOptions {
                $0.environment.fileSystem = disk
                $0.runsHousekeeping = false
                if let lines { $0.logger = lines.makeLogger() }
            })
    }

    private static let line =
        "a partition may have lost what is not synced, and takes no more appends until the log is opened again"

    @Test(
        "the partition whose sync fails takes no more, is read on, and is whole when the log is opened again",
        arguments: [".log", "index", "t-1/checkpoint", "t-1"])
    func onePartition(path: String) throws {
        let disk = SimulatedDisk()
        let lines = LogLines()
        let log = try open(disk, lines)
        let topic = try log.createTopic(
            "t", partitions: 2, settings: settings(["compression.type": "producer", "index.interval.bytes": "64"]))
        let (other, fenced) = (topic.partitions[0], topic.partitions[1])
        try other.append(contentsOf: numbered(5))
        try log.checkpoint()
        for record in numbered(10) { try fenced.append(record) }
        disk.add(.init(at: 0, .error(5), path: path, operation: .synchronize))
        #expect(throws: LogError.self) { try log.checkpoint() }
        // Never again: a second sync would say that all is well.
        #expect(throws: LogError.self) { try log.checkpoint() }
        guard case .storage(let reason) = fenced.failure else { return #expect(Bool(false), "not fenced") }
        #expect(reason.contains("cannot synchronize") && reason.contains("open the log again"))
        #expect(throws: LogError.self) { try fenced.append(Record(value: "refused")) }
        #expect(try fenced.values().count == 10)
        #expect(lines.count(containing: Self.line) == 1)
        // The others go on, checkpoints and all.
        #expect(other.failure == nil)
        for i in 5..<50 {
            try other.append(contentsOf: numbered(1, from: i))
            if i % 10 == 0 { _ = try? log.checkpoint() }
        }
        try other.deleteRecords(before: 3)
        for seed in 0..<6 {
            let left = seed == 0 ? disk.kill() : disk.crash(seed: UInt64(seed))
            let reopened = try open(left)
            let again = try #require(reopened.topic("t")).partitions
            #expect(try again[0].values() == (3..<50).map { "value \($0)" }, "seed \(seed)")
            #expect(try again[1].values() == (0..<10).map { "value \($0)" }, "seed \(seed)")
            #expect(try again[1].append(Record(value: "next")) == 10)
            try reopened.checkpoint()
            // Now it is durable in the segments, too.
            let last = try open(left.crash(seed: UInt64(seed)))
            #expect(try #require(last.topic("t")).partitions[1].values().count == 11)
        }
        withExtendedLifetime(log) {}
    }

    @Test("each sync of a run fails in its turn: nothing that was acknowledged is lost", arguments: 0..<4)
    func everySync(part: Int) throws {
        func run(_ disk: SimulatedDisk, _ fault: Int?) -> (log: EventLog?, acknowledged: [[String]]) {
            var acknowledged: [[String]] = [[], [], []]
            guard let log = try? open(disk), let pairs = try? settings(["segment.bytes": "16384"]),
                let topic = try? log.createTopic("t", partitions: 3, settings: pairs)
            else { return (nil, acknowledged) }
            if let fault { disk.add(.init(at: fault, .error(5), operation: .synchronize)) }
            for i in 0..<30 {
                let value = "\(i) " + String((0..<400).map { Character(Unicode.Scalar(UInt8(65 + ($0 * i) % 26))) })
                if (try? topic.partitions[i % 3].append(Record(value: value))) != nil {
                    acknowledged[i % 3].append(value)
                }
                if i % 7 == 6 { try? log.checkpoint() }
            }
            return (log, acknowledged)
        }
        let clean = SimulatedDisk()
        let (first, whole) = run(clean, nil)
        #expect(first != nil && whole.map(\.count) == [10, 10, 10])
        for at in stride(from: 1 + part, through: clean.operations, by: 4) {
            let disk = SimulatedDisk()
            let (log, acknowledged) = run(disk, at)
            for left in [disk.kill(), disk.crash(seed: UInt64(at)), disk.kill().crash(seed: UInt64(at))] {
                let reopened = try open(left)
                for (partition, values) in zip(try #require(reopened.topic("t")).partitions, acknowledged) {
                    let stored = try partition.values()
                    // One that was refused may be there: its round came to the journal.
                    #expect(stored.starts(with: values) && stored.count <= values.count + 1, "sync at \(at)")
                }
            }
            withExtendedLifetime(log) {}
        }
    }

    @Test("the journal keeps what a fenced partition needs: when it is full the others are told, until the topic goes")
    func fullJournal() throws {
        let disk = SimulatedDisk()
        let lines = LogLines()
        let log = try EventLog.open(
            at: "/data",
            options: quietOptions {
                $0.environment.fileSystem = JournalThatCannotGrow(on: disk)
                $0.logger = lines.makeLogger()
                $0.runsHousekeeping = false
            })
        let plain = try settings(["compression.type": "producer"])
        let fenced = try log.createTopic("fenced", settings: plain).partitions[0]
        let other = try log.createTopic("other", settings: plain).partitions[0]
        try fenced.append(Record(value: "kept"))
        disk.add(.init(at: 0, .error(5), path: ".log", operation: .synchronize))
        #expect(throws: LogError.self) { try log.checkpoint() }
        let value = String(repeating: "x", count: 100_000)
        var taken = 0
        var refusal: LogError?
        while refusal == nil, taken < 100 {
            do throws(LogError) {
                try other.append(Record(value: value))
                taken += 1
            } catch { refusal = error }
        }
        #expect((5..<100).contains(taken))
        #expect("\(refusal as Any)".contains("/data/fenced-0/"))
        #expect(other.failure == nil)
        #expect(
            lines.count(
                containing:
                    "the journal is full and cannot be emptied: topics that use it refuse appends until it can be")
                == 1)
        let left = try open(disk.kill())
        #expect(try #require(left.topic("fenced")).partitions[0].values() == ["kept"])
        // Who gives up the topic needs its rounds no more.
        try log.deleteTopic("fenced")
        #expect(try other.append(Record(value: "next")).value == Int64(taken))
        #expect(lines.count(containing: "the journal has room again: topics that use it take appends") == 1)
        try log.close()
    }

    @Test("a topic that skips the journal is fenced alone when its sync fails")
    func relaxed() throws {
        let disk = SimulatedDisk()
        let log = try open(disk)
        let relaxed = try log.createTopic("r", settings: settings(["flush.messages": "2"])).partitions[0]
        let other = try log.createTopic("o", settings: settings(["flush.messages": "2"])).partitions[0]
        let journaled = try log.createTopic("j").partitions[0]
        for partition in [relaxed, other, journaled] { try partition.append(contentsOf: numbered(2)) }
        disk.add(.init(at: 0, .error(5), path: "r-0/00000000000000000000.log", operation: .synchronize))
        // Synced because of `flush.messages`: the batch is refused.
        #expect(throws: LogError.self) { try relaxed.append(contentsOf: numbered(2, from: 2)) }
        #expect(throws: LogError.self) { try relaxed.append(Record(value: "refused")) }
        #expect(try relaxed.values() == ["value 0", "value 1"])
        for partition in [other, journaled] { try partition.append(contentsOf: numbered(2, from: 2)) }
        try log.checkpoint()
        let reopened = try open(disk.crash(seed: 9))
        #expect(try #require(reopened.topic("r")).partitions[0].values().prefix(2) == ["value 0", "value 1"])
        #expect(try #require(reopened.topic("o")).partitions[0].values().count == 4)
        #expect(try #require(reopened.topic("j")).partitions[0].values().count == 4)
        withExtendedLifetime(log) {}
    }

    @Test("where no descriptor is left to sync a directory, a topic that skips the journal refuses, and heals")
    func relaxedWithoutDescriptors() throws {
        let disk = DirectoriesThatDoNotOpen()
        let log = try open(disk)
        let settings = try settings(["flush.messages": "2", "segment.bytes": "1024", "compression.type": "producer"])
        let partition = try log.createTopic("r", settings: settings).partitions[0]
        let records = numbered(60)
        var refused = 0
        for (i, record) in records.enumerated() {
            disk.refusals.store(i % 3 == 0 ? 1 : 0, ordering: .relaxed)
            while (try? partition.append(record)) == nil { refused += 1 }
        }
        #expect(partition.failure == nil)
        // For the first segment and others.
        #expect(refused > 1 && partition.segments.count > 3)
        #expect(try partition.values() == (0..<60).map { "value \($0)" })
        for seed: UInt64 in 0..<8 {
            let again = try open(disk.disk.crash(seed: seed))
            let values = try #require(again.topic("r")).partitions[0].values()
            #expect(values.count >= 58 && values == (0..<values.count).map { "value \($0)" })
        }
        withExtendedLifetime(log) {}
    }

    /// A disk of which some directories cannot be opened to be synced.
    private final class DirectoriesThatDoNotOpen: FileSystemWrapper {
        let disk = SimulatedDisk()
        var base: any FileSystem { disk }
        /// How many times more.
        let refusals = Atomic(0)

        func synchronizeDirectory(_ path: String) throws(FileError) {
            if path.hasSuffix("/r-0"), refusals.load(ordering: .relaxed) > 0 {
                refusals.subtract(1, ordering: .relaxed)
                throw FileError(.open, path, code: 24)
            }
            try base.synchronizeDirectory(path)
        }
    }

    // MARK: Files that someone takes away

    @Test(
        "a segment or directory that is removed or cut under the log ends its partition; the journal brings it back",
        arguments: ["segment", "directory", "cut"])
    func removed(what: String) throws {
        let directory = TemporaryDirectory.inMemory()
        let lines = LogLines()
        let log = try EventLog.open(
            at: directory.path,
            options: quietOptions {
                $0.runsHousekeeping = false
                $0.logger = lines.makeLogger()
            })
        let topic = try log.createTopic("t", partitions: 2, settings: settings(["compression.type": "producer"]))
        for partition in topic.partitions { try partition.append(contentsOf: numbered(10)) }
        let segment = "t-0/00000000000000000000.log"
        switch what {
        case "segment": try directory.remove(segment)
        case "directory": try PosixFileSystem().removeDirectory("\(directory.path)/t-0")
        default: try PosixFileSystem().open("\(directory.path)/\(segment)", .update).truncate(to: 20)
        }
        #expect(throws: LogError.self) { try log.checkpoint() }
        guard case .storage = topic.partitions[0].failure else { return #expect(Bool(false), "not noticed") }
        #expect(throws: LogError.self) { try topic.partitions[0].append(Record(value: "refused")) }
        #expect(lines.count(containing: Self.line) == 1)
        try topic.partitions[1].append(Record(value: "next"))
        #expect(try topic.partitions[1].values().count == 11)
        #expect(throws: LogError.self) { try log.close() }
        // The one that has its name, and the directory of the partition where that is gone, has to be put back.
        if what == "directory" {
            #expect(throws: LogError.self) { try EventLog.open(at: directory.path, options: quietOptions()) }
            return
        }
        let reopened = try EventLog.open(at: directory.path, options: quietOptions())
        let again = try #require(reopened.topic("t")).partitions
        #expect(try again[0].values() == (0..<10).map { "value \($0)" })
        #expect(try again[1].values().count == 11)
        try reopened.close()
    }

    @Test(
        "a sealed segment that is removed under the log costs its own records: who reads them is told, all else goes on"
    )
    func sealedRemoved() throws {
        let directory = TemporaryDirectory.inMemory()
        func open() throws -> EventLog { try EventLog.open(at: directory.path, options: quietOptions()) }
        let new = try open()
        let topicSettings = try settings(["compression.type": "producer", "segment.bytes": "3000"])
        let filled = try new.createTopic("t", settings: topicSettings).partitions[0]
        for i in 0..<100 { try filled.append(contentsOf: numbered(5, from: 5 * i)) }
        let bases = filled.segments.map(\.baseOffset.value)
        try #require(bases.count > 4)
        try new.close()

        let log = try open()
        let partition = try #require(log.topic("t")).partitions[0]
        try directory.remove("t-0/\(SegmentFiles.log(Offset(bases[2])))")
        func value(_ partition: Partition, at offset: Int64) throws -> String? {
            try partition.read(from: .offset(Offset(offset)), maxRecords: 1).first?.valueText
        }
        func expectTheRest(_ partition: Partition) throws {
            for offset in [0, bases[2] - 1, bases[3], 499] {
                let found = try value(partition, at: offset)
                #expect(found == "value \(offset)")
            }
        }
        do {
            let found = try value(partition, at: bases[2])
            Issue.record("a record of the removed segment: \(found ?? "none")")
        } catch { #expect((error as? LogError)?.isOfStorage == true, "\(error)") }
        try expectTheRest(partition)
        try partition.append(contentsOf: numbered(5, from: 500))
        #expect(try value(partition, at: 504) == "value 504")
        try log.close()

        let again = try open()
        let reopened = try #require(again.topic("t")).partitions[0]
        for offset in [bases[2], bases[3] - 1] {
            do {
                let found = try value(reopened, at: offset)
                Issue.record("a record of the removed segment: \(found ?? "none")")
            } catch LogError.damagedRecords(_, _, let offsets, _) {
                #expect(offsets == Offset(offset)..<Offset(bases[3]))
            }
        }
        try expectTheRest(reopened)
        #expect(try value(reopened, at: 504) == "value 504")
        try again.close()
    }

    @Test("of a sealed segment that is cut under the log as much is sent as there is; what was cut off is said")
    func sealedCut() throws {
        let directory = TemporaryDirectory.inMemory()
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let topicSettings = try settings(["compression.type": "producer", "segment.bytes": "3000"])
        let partition = try log.createTopic("t", settings: topicSettings).partitions[0]
        for i in 0..<100 { try partition.append(contentsOf: numbered(5, from: 5 * i)) }
        func slice(from offset: Int64) throws -> LogSlice? {
            try partition.slice(from: Offset(offset), maxBytes: 1 << 20, firstBatchWhole: true)
        }
        let whole = try #require(try slice(from: 0))
        // Within the batch of the offsets 10 to 14.
        let cut = try #require(try slice(from: 10)).position + 70
        try PosixFileSystem().open(
            "\(directory.path)/t-0/\(SegmentFiles.log(Offset(0)))", .update
        ).truncate(to: cut)

        let short = try #require(try slice(from: 0))
        #expect(short.position == 0 && short.byteCount == cut && cut < whole.byteCount)
        for offset in [10, 14] as [Int64] {
            do {
                let found = try slice(from: offset)
                Issue.record("bytes that are not there: \(found?.byteCount ?? 0)")
            } catch LogError.damagedRecords(_, let position, let offsets, let reason) {
                #expect(position == cut - 70 && offsets == Offset(10)..<Offset(15) && reason == "the file ends early")
            }
        }
        #expect(throws: LogError.self) { try slice(from: 15) }
        let next = try #require(try slice(from: partition.segments[1].baseOffset.value))
        #expect(next.position == 0)
        try partition.append(contentsOf: numbered(5, from: 500))
        #expect(try slice(from: 504) != nil)
        try log.close()
    }
}
