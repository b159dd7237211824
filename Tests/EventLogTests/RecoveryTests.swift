import Logging
import Storage
import TestSupport
import Testing

@testable import EventLog

@Suite struct RecoveryTests {
    let directory = TemporaryDirectory()

    /// What a kill at this moment leaves.
    private func killed(_ log: EventLog) throws -> TemporaryDirectory {
        defer { withExtendedLifetime(log) {} }
        return try directory.copy()
    }

    @Test func aKilledLogOpensWithEverythingThatWasAcknowledged() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let topic = try log.createTopic("t", partitions: 3)
        for i in 0..<300 { try topic.partitions[i % 3].append(Record(value: "value \(i)")) }
        let left = try killed(log)
        let reopened = try EventLog.open(at: left.path, options: quietOptions())
        let partitions = try #require(reopened.topic("t")).partitions
        for p in 0..<3 { #expect(try partitions[p].values() == stride(from: p, to: 300, by: 3).map { "value \($0)" }) }
        try reopened.close()
        try log.close()
    }

    @Test func segmentsThatLostTheirTailAreRepairedFromTheJournal() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let partition = try log.createTopic("t").partitions[0]
        for i in 0..<20 { try partition.append(Record(value: "value \(i)")) }
        let left = try killed(log)
        let segment = "t-0/00000000000000000000.log"
        let bytes = try left.contents(of: segment)
        for cut in stride(from: 0, through: bytes.count, by: 37) {
            try left.write(Array(bytes[..<cut]), to: segment)
            let reopened = try EventLog.open(at: left.path, options: quietOptions())
            #expect(try #require(reopened.topic("t")).partitions[0].values() == (0..<20).map { "value \($0)" })
            #expect(try left.contents(of: segment) == bytes)
        }
        // Bytes that changed count as lost.
        var harmed = bytes
        for i in stride(from: 100, to: bytes.count, by: 100) { harmed[i] ^= 0xFF }
        try left.write(harmed, to: segment)
        _ = try EventLog.open(at: left.path, options: quietOptions())
        #expect(try left.contents(of: segment) == bytes)
        try log.close()
    }

    @Test func whatWasNeverAcknowledgedIsCut() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let partition = try log.createTopic("t").partitions[0]
        try partition.append(contentsOf: numbered(10))
        let left = try killed(log)
        let segment = "t-0/00000000000000000000.log"
        let bytes = try left.contents(of: segment)
        // A batch that is whole, with the offset that comes next: written, but not in the journal.
        var builder = RecordBatchBuilder()
        builder.append(Record(value: "unacknowledged"), defaultTimestamp: Timestamp(milliseconds: 0))
        try builder.finish(baseOffset: 10)
        let extra = builder.withUnsafeBytes { Array($0) }
        try left.write(bytes + extra, to: segment)
        let reopened = try EventLog.open(at: left.path, options: quietOptions())
        let again = try #require(reopened.topic("t")).partitions[0]
        #expect(again.end == 10)
        #expect(try left.contents(of: segment) == bytes)
        #expect(try again.append(Record(value: "next")) == 10)
        try log.close()
    }

    @Test func theJournalsLastRoundMayBeTorn() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let partition = try log.createTopic("t").partitions[0]
        for i in 0..<5 { try partition.append(Record(value: "value \(i)")) }
        let left = try killed(log)
        var journal = try left.contents(of: "journal")
        let last = try #require(lastRound(in: journal))
        journal[last + 70] ^= 1
        try left.write(journal, to: "journal")
        let reopened = try EventLog.open(at: left.path, options: quietOptions())
        #expect(try #require(reopened.topic("t")).partitions[0].values() == (0..<4).map { "value \($0)" })
        try log.close()
    }

    @Test func damageInTheMiddleOfTheJournalIsSaidAndNotPassedOver() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let partition = try log.createTopic("t").partitions[0]
        for i in 0..<5 { try partition.append(Record(value: "value \(i)")) }
        let left = try killed(log)
        var journal = try left.contents(of: "journal")
        let last = try #require(lastRound(in: journal))
        journal[last - 4096 + 70] ^= 1
        try left.write(journal, to: "journal")
        let error = #expect(throws: LogError.self) { try EventLog.open(at: left.path, options: quietOptions()) }
        guard case .damaged(let file, let position, _) = error else { return #expect(Bool(false), "\(error as Any)") }
        #expect(file.hasSuffix("/journal"))
        #expect(position == last - 4096)
        // Whoever accepts the loss goes on with what the segments hold, also after a kill.
        let reopened = try EventLog.open(at: left.path, options: quietOptions { $0.acceptsJournalLoss = true })
        let again = try #require(reopened.topic("t")).partitions[0]
        #expect(try again.values() == (0..<5).map { "value \($0)" })
        let left2 = try left.copy()
        let third = try EventLog.open(at: left2.path, options: quietOptions())
        #expect(try #require(third.topic("t")).partitions[0].values() == (0..<5).map { "value \($0)" })
        try again.append(Record(value: "new"))
        let left3 = try left.copy()
        let fourth = try EventLog.open(at: left3.path, options: quietOptions())
        let values = try #require(fourth.topic("t")).partitions[0].values()
        #expect(values == (0..<5).map { "value \($0)" } + ["new"])
        try log.close()
    }

    @Test func producerIdsAreNotGivenAgainAfterTheJournalWasLost() throws {
        var given: Set<Int64> = []
        for _ in 0..<3 {
            let log = try EventLog.open(at: directory.path, options: quietOptions { $0.acceptsJournalLoss = true })
            let partition = try (log.topic("t") ?? log.createTopic("t")).partitions[0]
            let id = log.makeProducerID()
            #expect(given.insert(id).inserted)
            #expect(try append(sequence: 0, producer: id, to: partition) == .accepted)
            try log.close()
            try directory.remove("journal")
        }
    }

    /// Where the last round of a journal of one-block rounds begins.
    private func lastRound(in journal: [UInt8]) -> Int? {
        let magic = Array("MRTLROND".utf8)
        return Array(stride(from: 0, to: journal.count, by: 4096)).last { Array(journal[$0..<$0 + 8]) == magic }
    }

    @Test(arguments: ["missing", "empty", "foreign", "older"])
    func aJournalThatIsNotTheDirectorysIsRefused(kind: String) throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let partition = try log.createTopic("t").partitions[0]
        try partition.append(Record(value: "first"))
        let old = try directory.contents(of: "journal")
        for i in 0..<5 { try partition.append(Record(value: "value \(i)")) }
        try log.checkpoint()
        let left = try killed(log)
        switch kind {
        case "missing": try left.remove("journal")
        case "empty": try left.write([], to: "journal")
        case "older": try left.write(old, to: "journal")
        default:
            let other = TemporaryDirectory()
            try EventLog.open(at: other.path, options: quietOptions()).close()
            try left.write(try other.contents(of: "journal"), to: "journal")
        }
        let error = #expect(throws: LogError.self) { try EventLog.open(at: left.path, options: quietOptions()) }
        #expect("\(error as Any)".contains("journal"))
        let reopened = try EventLog.open(at: left.path, options: quietOptions { $0.acceptsJournalLoss = true })
        #expect(try #require(reopened.topic("t")).partitions[0].values().count == 6)
        try reopened.close()
        try EventLog.open(at: left.path, options: quietOptions()).close()
        try log.close()
    }

    @Test func aJournalThatWrapsAndGrowsLosesNothing() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let settings = try settings(["compression.type": "producer", "segment.bytes": "1000000"])
        let topic = try log.createTopic("t", partitions: 2, settings: settings)
        var expected: [[String]] = [[], []]
        for i in 0..<60 {
            let value = "\(i) " + String(repeating: "x", count: 90_000 + i * 100)
            try topic.partitions[i % 2].append(Record(value: value))
            expected[i % 2].append(value)
            if i % 20 == 10 {
                // No checkpoint may be under way: files copied one by one would be of different times.
                let left = try log.withoutCheckpoints { try directory.copy() }
                try expect(expected, in: left, "after record \(i)")
            }
        }
        try log.close()
        try expect(expected, in: directory, "after closing")
    }

    private func expect(_ expected: [[String]], in directory: TemporaryDirectory, _ when: Comment) throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        for (p, partition) in try #require(log.topic("t")).partitions.enumerated() {
            let numbers = try partition.values().map { $0.prefix { $0 != " " } }
            #expect(numbers == expected[p].map { $0.prefix { $0 != " " } }, when)
        }
    }

    @Test func aCheckpointWithoutAWholeSlotIsRefusedAndItsLossMayBeAccepted() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let partition = try log.createTopic("t").partitions[0]
        try partition.append(contentsOf: numbered(1000))
        try log.close()
        try directory.write([UInt8](repeating: 0xAB, count: 8192), to: "t-0/checkpoint")
        for isMissing in [false, true] {
            let left = try directory.copy()
            if isMissing { try left.remove("t-0/checkpoint") }
            let error = #expect(throws: LogError.self) { try EventLog.open(at: left.path, options: quietOptions()) }
            guard case .damaged(let file, _, let reason) = error else { return #expect(Bool(false), "\(error as Any)") }
            #expect(file == "\(left.path)/t-0/checkpoint")
            #expect(reason.contains("--accept-checkpoint-loss"))
        }
        let reopened = try EventLog.open(at: directory.path, options: quietOptions { $0.acceptsCheckpointLoss = true })
        let again = try #require(reopened.topic("t")).partitions[0]
        #expect(try again.values().count == 1000)
        #expect(try again.append(Record(value: "next")) == 1000)
        try reopened.close()
    }

    @Test func aCheckpointThatIsDamagedIsReplacedWhateverTheSizeOfItsSlots() throws {
        let path = "\(directory.path)/checkpoint"
        func checkpoint(end: Int64) -> PartitionCheckpoint {
            PartitionCheckpoint(
                journalSequence: 1, logStart: 0, end: LogEnd(offset: Offset(end), segment: 0, position: 0),
                producers: ProducerTable())
        }
        for size in [0, 1, 4096, 8191, 8192, 12_288, 16_384, 65_536] {
            try directory.write([UInt8](repeating: 0xAB, count: size), to: "checkpoint")
            var file = CheckpointFile(path: path, PosixFileSystem())
            #expect(try file.read() == nil)
            for end in Int64(1)...5 {
                try file.write(checkpoint(end: end))
                var again = CheckpointFile(path: path, PosixFileSystem())
                #expect(try again.read() == checkpoint(end: end), "\(size) bytes, write \(end)")
            }
        }
    }

    @Test(arguments: 0..<2)
    func aDamagedSlotOfTheCheckpointCostsNothing(slot: Int) throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let topic = try log.createTopic(
            "t", settings: settings(["segment.bytes": "16384", "compression.type": "producer"]))
        for i in 0..<5 {
            try topic.partitions[0].append(contentsOf: numbered(200, from: i * 200))
            try log.checkpoint()
        }
        try log.close()
        var bytes = try directory.contents(of: "t-0/checkpoint")
        bytes[slot * bytes.count / 2 + 30] ^= 0x40
        try directory.write(bytes, to: "t-0/checkpoint")
        let reopened = try EventLog.open(at: directory.path, options: quietOptions())
        #expect(try #require(reopened.topic("t")).partitions[0].values() == (0..<1000).map { "value \($0)" })
        try reopened.close()
    }

    @Test func withoutACheckpointADamagedSegmentCostsNoLaterOne() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let topic = try log.createTopic(
            "t", settings: settings(["segment.bytes": "16384", "compression.type": "producer"]))
        for i in 0..<20 { try topic.partitions[0].append(contentsOf: numbered(50, from: i * 50)) }
        try log.close()
        try directory.remove("t-0/checkpoint")
        let first = "t-0/00000000000000000000.log"
        var bytes = try directory.contents(of: first)
        bytes[bytes.count / 2] ^= 0xFF
        try directory.write(bytes, to: first)
        let reopened = try EventLog.open(at: directory.path, options: quietOptions { $0.acceptsCheckpointLoss = true })
        let partition = try #require(reopened.topic("t")).partitions[0]
        #expect(partition.end == 1000)
        // The batch that is damaged, and no other.
        let (values, damage) = try partition.valuesAndDamage()
        #expect(damage.map(\.count) == [50])
        #expect(values == (0..<1000).filter { !damage[0].contains($0) }.map { "value \($0)" })
        #expect(try partition.read(from: .earliest).first?.valueText == "value 0")
        #expect(try directory.contents(of: first) == bytes)
        try reopened.close()
    }

    // MARK: On a disk that loses what was not synced

    private func open(_ disk: SimulatedDisk) throws -> EventLog {
        try EventLog.open(at: "/data", options: quietOptions { $0.environment.fileSystem = disk })
    }

    @Test func aCheckpointAfterAKillSyncsEverySegmentThatWasReplayed() throws {
        let disk = SimulatedDisk()
        let log = try open(disk)
        let topic = try log.createTopic(
            "t", settings: settings(["segment.bytes": "16384", "compression.type": "producer"]))
        for i in 0..<20 { try topic.partitions[0].append(contentsOf: numbered(50, from: i * 50)) }
        let left = disk.kill()
        let reopened = try open(left)
        try reopened.checkpoint()
        for seed in 0..<10 {
            let last = try open(left.crash(seed: UInt64(seed)))
            #expect(
                try #require(last.topic("t")).partitions[0].values() == (0..<1000).map { "value \($0)" }, "seed \(seed)"
            )
        }
        withExtendedLifetime((log, reopened)) {}
    }

    @Test func whatWasCutDoesNotComeBackWithAPowerCut() throws {
        for seed in 0..<40 {
            let disk = SimulatedDisk()
            let log = try open(disk)
            let topic = try log.createTopic(
                "t", settings: settings(["segment.bytes": "16384", "compression.type": "producer"]))
            try topic.partitions[0].append(Record(value: "first"))
            try log.checkpoint()
            // The segment gets records, the journal does not: nobody was told that they are there.
            disk.add(SimulatedDisk.Fault(at: 0, .error(5), path: "journal", operation: .write))
            let unacknowledged = (0..<30).map { Record(value: "lost \($0) " + String(repeating: "x", count: 400)) }
            #expect(throws: LogError.self) { try topic.partitions[0].append(contentsOf: unacknowledged) }
            let left = disk.crash(seed: UInt64(seed))
            let second = try open(left)
            let partition = try #require(second.topic("t")).partitions[0]
            // Too large for the segment in which the cut was made.
            let value = "second " + String(repeating: "y", count: 16_300)
            try partition.append(Record(value: value))
            if seed % 2 == 0 { try second.checkpoint() }
            let third = try open(left.crash(seed: UInt64(seed)))
            #expect(try #require(third.topic("t")).partitions[0].values() == ["first", value], "seed \(seed)")
            withExtendedLifetime((log, second)) {}
        }
    }

    @Test func aSyncThatFailedIsMadeUpForAfterARestart() throws {
        let disk = SimulatedDisk()
        let log = try open(disk)
        let partition = try log.createTopic("t").partitions[0]
        try partition.append(Record(value: "durable"))
        disk.add(SimulatedDisk.Fault(at: 0, .error(5), path: ".log", operation: .synchronize))
        #expect(throws: LogError.self) { try log.checkpoint() }
        // The page counts as written now, and is not.
        let left = disk.kill()
        let reopened = try open(left)
        try reopened.checkpoint()
        for seed in 0..<5 {
            let last = try open(left.crash(seed: UInt64(seed)))
            #expect(try #require(last.topic("t")).partitions[0].values() == ["durable"])
        }
        withExtendedLifetime((log, reopened)) {}
    }

    @Test func offsetsOfDurableRecordsThatWereLostAreNotGivenAgain() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let settings = try settings(["compression.type": "producer"])
        let partition = try log.createTopic("t", settings: settings).partitions[0]
        for i in 0..<10 { try partition.append(Record(value: "value \(i)")) }
        try log.close()
        let segment = "t-0/00000000000000000000.log"
        let bytes = try directory.contents(of: segment)
        try directory.write(Array(bytes[..<(bytes.count / 2)]), to: segment)
        let reopened = try EventLog.open(at: directory.path, options: quietOptions())
        let again = try #require(reopened.topic("t")).partitions[0]
        #expect(try again.append(Record(value: "next")) == 10)
        #expect(try again.read(from: .offset(0), maxRecords: 3).map(\.valueText) == ["value 0", "value 1", "value 2"])
        #expect(try again.read(from: .offset(10)).map(\.valueText) == ["next"])
        // The hole is said, not skipped.
        #expect(throws: LogError.self) { try again.read(from: .offset(8)) }
        try reopened.close()
    }

    @Test func producersAreRememberedAcrossAKillAndAcrossAClose() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let topic = try log.createTopic("t")
        #expect(try append(sequence: 0, to: topic.partitions[0]) == .accepted)
        #expect(try append(sequence: 1, to: topic.partitions[0]) == .accepted)
        #expect(try append(sequence: 1, to: topic.partitions[0]) == .duplicate)
        #expect(try append(sequence: 5, to: topic.partitions[0]) == .outOfOrder)
        for left in [
            try killed(log),
            try {
                try log.close()
                return try directory.copy()
            }(),
        ] {
            let reopened = try EventLog.open(at: left.path, options: quietOptions())
            let partition = try #require(reopened.topic("t")).partitions[0]
            #expect(try append(sequence: 0, to: partition) == .duplicate)
            #expect(try append(sequence: 1, to: partition) == .duplicate)
            #expect(try append(sequence: 3, to: partition) == .outOfOrder)
            #expect(try append(sequence: 2, to: partition) == .accepted)
            #expect(partition.end == 3)
            #expect(try append(sequence: 7, epoch: -1, to: partition) == .fenced)
        }
    }

    private enum Outcome { case accepted, duplicate, outOfOrder, fenced, other }

    private func append(sequence: Int32, epoch: Int16 = 0, producer: Int64 = 4711, to partition: Partition) throws
        -> Outcome
    {
        var builder = RecordBatchBuilder()
        builder.append(Record(value: "sequence \(sequence)"), defaultTimestamp: Timestamp(milliseconds: 0))
        try builder.finish(producer: (id: producer, epoch: epoch, baseSequence: sequence))
        let outcome = try builder.withUnsafeBytes { bytes in
            partition.append(bytes, header: try RecordBatchHeader(parsing: bytes.bytes))
        }
        switch outcome {
        case .accepted(let ticket):
            partition.committer.waitLeading(for: ticket.round)
            return partition.outcome(of: ticket) == nil ? .accepted : .other
        case .duplicate: return .duplicate
        case .rejected(.outOfOrderSequence): return .outOfOrder
        case .rejected(.producerFenced): return .fenced
        default: return .other
        }
    }

    @Test func aTopicThatSkipsTheJournalIsFollowedPastItsCheckpoint() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let settings = try settings([
            "flush.messages": "1000000", "segment.bytes": "16384", "compression.type": "producer",
        ])
        let partition = try log.createTopic("t", settings: settings).partitions[0]
        for i in 0..<20 { try partition.append(contentsOf: numbered(100, from: i * 100)) }
        let left = try killed(log)
        let names = try left.names(in: "t-0").filter { $0.hasSuffix(".log") }
        #expect(names.count > 3)
        // The last segment is torn in the middle of a batch: what is whole before it stays.
        let last = try #require(names.last)
        let bytes = try left.contents(of: "t-0/\(last)")
        try left.write(Array(bytes.dropLast(10)), to: "t-0/\(last)")
        let reopened = try EventLog.open(at: left.path, options: quietOptions())
        let again = try #require(reopened.topic("t")).partitions[0]
        let values = try again.values()
        #expect(values.count >= 1800 && values.count < 2000)
        #expect(values == (0..<values.count).map { "value \($0)" })
        try log.close()
    }

    /// Without the journal the log ends at the first harm that no checkpoint covers. One whose writer was killed before it was
    /// synced may be in memory alone: it counts for who reads it, so it has to stay.
    @Test func aCheckpointWhoseSyncWasCutShortStaysOnceTheLogWasClosed() throws {
        let disk = SimulatedDisk()
        let log = try open(disk)
        let topic = try log.createTopic("t", settings: settings(["flush.messages": "100"]))
        for value in 0..<3 { try topic.append(Record(value: "\(value)")) }
        disk.add(
            SimulatedDisk.Fault(
                at: disk.operations + 1, .powerCut, path: "/\(CheckpointFile.name)", operation: .synchronize))
        #expect(throws: LogError.self) { try log.checkpoint() }
        let killed = disk.kill()
        try open(killed).close()
        let left = killed.crash(seed: 1)
        left.flip(bit: 0, of: "/data/t-0/\(SegmentFiles.log(0))", at: RecordBatchLayout.headerSize)
        let (values, damage) = try #require(open(left).topic("t")).partitions[0].valuesAndDamage()
        #expect(values == ["1", "2"])
        #expect(damage == [0..<1])
    }

    @Test func aSecondOpeningIsRefusedWhileTheFirstLives() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        #expect(throws: LogError.locked(directory: directory.path)) {
            try EventLog.open(at: directory.path, options: quietOptions())
        }
        try log.close()
        withExtendedLifetime(log) {}
    }

    @Test func aFileSystemWithoutDirectWritesWorks() throws {
        // tmpfs refuses O_DIRECT on older kernels and takes it on newer ones: both must do.
        let memory = TemporaryDirectory(in: "/dev/shm")
        let log = try EventLog.open(at: memory.path, options: quietOptions())
        let partition = try log.createTopic("t").partitions[0]
        for i in 0..<50 { try partition.append(Record(value: "value \(i)")) }
        let left = try memory.copy()
        let reopened = try EventLog.open(at: left.path, options: quietOptions())
        #expect(try #require(reopened.topic("t")).partitions[0].values() == (0..<50).map { "value \($0)" })
        try log.close()
    }

    @Test func aDiskThatRefusesTheJournalStopsAcknowledgements() throws {
        let disk = SimulatedDisk()
        var options = quietOptions()
        options.environment.fileSystem = disk
        let log = try EventLog.open(at: "/data", options: options)
        let partition = try log.createTopic("t").partitions[0]
        try partition.append(Record(value: "durable"))
        // 28: no space left.
        disk.add(SimulatedDisk.Fault(at: 0, .error(28), path: "journal", operation: .write))
        let error = #expect(throws: LogError.self) { try partition.append(Record(value: "refused")) }
        guard case .storage(let reason) = error, reason.contains("open the log again") else {
            return #expect(Bool(false), "\(error as Any)")
        }
        #expect(throws: LogError.self) { try partition.append(Record(value: "refused too")) }
        #expect(try partition.values() == ["durable"])
        let reopened = try EventLog.open(
            at: "/data",
            options: {
                var o = options
                o.environment.fileSystem = disk.crash(seed: 1)
                return o
            }())
        #expect(try #require(reopened.topic("t")).partitions[0].values() == ["durable"])
    }

    @Test func aFailedSyncIsNotTriedAgainAndLosesNothing() throws {
        let disk = SimulatedDisk()
        var options = quietOptions()
        options.environment.fileSystem = disk
        let log = try EventLog.open(at: "/data", options: options)
        let partition = try log.createTopic("t").partitions[0]
        try partition.append(Record(value: "durable"))
        disk.add(SimulatedDisk.Fault(at: 0, .error(5), operation: .synchronize))
        #expect(throws: LogError.self) { try log.checkpoint() }
        #expect(throws: LogError.self) { try log.checkpoint() }
        for seed in 0..<5 {
            var after = options
            after.environment.fileSystem = disk.crash(seed: UInt64(seed))
            let reopened = try EventLog.open(at: "/data", options: after)
            #expect(try #require(reopened.topic("t")).partitions[0].values() == ["durable"])
        }
    }
}
