import Storage
import TestSupport
import Testing

@testable import EventLog

/// Epochs advance with each accident, and say where the records of earlier ones end.
@Suite struct LeaderEpochTests {
    // MARK: The list

    private func epochs(_ entries: [(Int32, Int64)]) -> LeaderEpochs {
        var epochs = LeaderEpochs()
        for (epoch, start) in entries { epochs.begin(epoch, at: Offset(start)) }
        return epochs
    }

    private func expect(_ epochs: LeaderEpochs, _ entries: [(Int32, Int64)], _ what: Comment? = nil) {
        #expect(epochs.entries.map(\.epoch) == entries.map(\.0), what)
        #expect(epochs.entries.map(\.start.value) == entries.map(\.1), what)
    }

    @Test func epochsAndStartsAscend() {
        let list: [(Int32, Int64)] = [(0, 0), (1, 10), (4, 25)]
        expect(epochs(list), list)
        expect(epochs(list + [(4, 30), (3, 40), (-1, 50)]), list, "known, older, none")
        expect(epochs(list + [(5, 25)]), [(0, 0), (1, 10), (5, 25)], "an epoch without records gives way")
        expect(epochs(list + [(5, 5)]), [(0, 0), (5, 5)], "what was truncated goes")
        expect(epochs(list + [(5, 0)]), [(5, 0)])
    }

    @Test func anEpochEndsWhereTheNextOneBegins() {
        let list = epochs([(1, 5), (2, 10), (5, 25)])
        for (asked, epoch, end): (Int32, Int32, Int64) in [(0, 0, 5), (1, 1, 10), (2, 2, 25), (3, 2, 25), (4, 2, 25)] {
            #expect(list.end(of: asked)?.epoch == epoch, "\(asked)")
            #expect(list.end(of: asked)?.endOffset.value == end, "\(asked)")
        }
        for asked: Int32 in [-1, .min, 5, 6, .max] { #expect(list.end(of: asked) == nil, "\(asked)") }
        #expect(LeaderEpochs().end(of: 0) == nil)
    }

    @Test func anOffsetBelongsToTheEpochThatWroteIt() {
        let list = epochs([(1, 5), (2, 10), (5, 25)])
        for (offset, epoch): (Int64, Int32?) in [
            (0, nil), (4, nil), (5, 1), (9, 1), (10, 2), (24, 2), (25, 5), (99, 5),
        ] {
            #expect(list.epoch(at: Offset(offset)) == epoch, "\(offset)")
        }
    }

    @Test func theEpochThatCoversTheLogsStartStays() {
        let list: [(Int32, Int64)] = [(1, 5), (2, 10), (5, 25)]
        for (start, left): (Int64, [(Int32, Int64)]) in [
            (3, list), (5, list), (7, [(1, 7), (2, 10), (5, 25)]), (10, [(2, 10), (5, 25)]), (24, [(2, 24), (5, 25)]),
            (25, [(5, 25)]), (99, [(5, 99)]),
        ] {
            var trimmed = epochs(list)
            trimmed.trim(to: Offset(start))
            expect(trimmed, left, "\(start)")
        }
    }

    @Test func theListIsBoundedAndForgetsTheOldest() {
        let max = LeaderEpochs.entriesMax
        let list = epochs((0..<max + 10).map { (Int32($0), Int64($0) * 2) })
        #expect(list.entries.count == max)
        // Never earlier than it ended: nobody takes what it has read for truncated.
        #expect(list.end(of: 3)?.endOffset == 20)
        #expect(list.epoch(at: 19) == nil)
        #expect(list.epoch(at: 20) == 10)
    }

    // MARK: A directory

    private let directory = TemporaryDirectory()

    private func open(
        _ directory: TemporaryDirectory, acceptsJournalLoss: Bool = false
    ) throws -> (log: EventLog, partition: Partition) {
        let log = try EventLog.open(
            at: directory.path, options: quietOptions { $0.acceptsJournalLoss = acceptsJournalLoss })
        return (log, try (log.topic("t") ?? log.createTopic("t")).partitions[0])
    }

    private func batchEpochs(_ partition: Partition) throws -> [Int32] {
        var reader = BatchReader(partition, from: partition.logStart)
        var epochs: [Int32] = []
        while let batch = try reader.nextBatch() {
            epochs.append(try RecordBatchHeader(parsing: batch.bytes).partitionLeaderEpoch)
        }
        return epochs
    }

    @Test func aCloseKeepsTheEpochAndAKillAdvancesIt() throws {
        for session in 0..<3 {
            let (log, partition) = try open(directory)
            #expect(partition.leaderEpoch == 0, "session \(session)")
            try partition.append(Record(value: "closed \(session)"))
            try log.close()
        }
        var left = directory
        for kill: Int32 in 1...3 {
            let (log, partition) = try open(left)
            #expect(partition.leaderEpoch == kill - 1)
            try partition.append(Record(value: "killed \(kill)"))
            left = try left.copy()
            withExtendedLifetime(log) {}
        }
        let (log, partition) = try open(left)
        #expect(partition.leaderEpoch == 3)
        #expect(try batchEpochs(partition) == [0, 0, 0, 0, 1, 2])
        // 0 wrote four records, 1 and 2 one each, and 3 none yet.
        for (epoch, end): (Int32, Int64) in [(0, 4), (1, 5), (2, 6), (3, 6)] {
            #expect(partition.endOffset(ofEpoch: epoch)?.epoch == epoch)
            #expect(partition.endOffset(ofEpoch: epoch)?.endOffset.value == end, "epoch \(epoch)")
        }
        #expect(partition.endOffset(ofEpoch: 4) == nil)
        #expect((0...6).map { partition.leaderEpoch(at: Offset($0)) } == [0, 0, 0, 0, 1, 2, 3])
        try partition.append(Record(value: "last"))
        #expect(partition.endOffset(ofEpoch: 3)?.endOffset == 7)
        // From the checkpoint alone.
        try log.close()
        let (again, reopened) = try open(left)
        #expect(reopened.leaderEpoch == 3)
        #expect((0...6).map { reopened.leaderEpoch(at: Offset($0)) } == [0, 0, 0, 0, 1, 2, 3])
        try again.close()
    }

    @Test func aTopicThatIsCreatedLaterBeginsWithTheEpochInForce() throws {
        let (log, _) = try open(directory)
        let left = try directory.copy()
        let reopened = try open(left).log
        let partition = try reopened.createTopic("later").partitions[0]
        #expect(partition.leaderEpoch == 1)
        #expect(partition.leaderEpoch(at: 0) == 1)
        try partition.append(Record(value: "first"))
        #expect(try batchEpochs(partition) == [1])
        try reopened.close()
        try log.close()
    }

    @Test func aTruncatedTopicTellsWhereTheOldEpochEnds() throws {
        func open(_ disk: SimulatedDisk) throws -> EventLog {
            try EventLog.open(at: "/data", options: quietOptions { $0.environment.fileSystem = disk })
        }
        var truncations = 0
        for seed in 0..<10 as Range<UInt64> {
            let disk = SimulatedDisk()
            let log = try open(disk)
            let relaxed = try settings(["flush.messages": "1000000", "compression.type": "producer"])
            let partition = try log.createTopic("t", settings: relaxed).partitions[0]
            for i in 0..<60 { try partition.append(Record(value: "value \(i) " + String(repeating: "x", count: 600))) }
            try log.checkpoint()
            for i in 60..<100 { try partition.append(Record(value: "lost \(i) " + String(repeating: "x", count: 600))) }
            #expect(partition.endOffset(ofEpoch: 0)?.endOffset == 100)
            let left = disk.crash(seed: seed)
            let second = try open(left)
            let again = try #require(second.topic("t")).partitions[0]
            let end = again.end
            #expect(end >= 60)
            if end < 100 { truncations += 1 }
            #expect(again.leaderEpoch == 1)
            // Who has read up to 100 by epoch 0 learns that it ends earlier, before and after offsets are given again.
            #expect(again.endOffset(ofEpoch: 0)?.endOffset == end)
            try again.append(Record(value: "anew"))
            #expect(again.endOffset(ofEpoch: 0)?.endOffset == end)
            #expect(again.leaderEpoch(at: end) == 1)
            let third = try open(left.kill())
            let last = try #require(third.topic("t")).partitions[0]
            #expect(last.leaderEpoch == 2)
            #expect(last.endOffset(ofEpoch: 0)?.endOffset == end)
            #expect(last.endOffset(ofEpoch: 1)?.endOffset == end.advanced(by: 1))
            withExtendedLifetime((log, second, third)) {}
        }
        #expect(truncations > 0)
    }

    @Test func aLostJournalAdvancesTheEpochAlsoAfterAClose() throws {
        let (log, partition) = try open(directory)
        try partition.append(Record(value: "first"))
        try log.close()
        try directory.remove("journal")
        let (second, again) = try open(directory, acceptsJournalLoss: true)
        #expect(again.leaderEpoch == 1)
        try second.close()
    }

    @Test func aFailureBeforeTheCloseAdvancesTheEpoch() throws {
        let (log, partition) = try open(directory)
        try partition.append(Record(value: "first"))
        partition.fail(.storage("a test"))
        try log.close()
        let (second, again) = try open(directory)
        #expect(again.leaderEpoch == 1)
        try second.close()
    }

    @Test("a header of the journal that is damaged in one slot advances the epoch", arguments: 0..<2)
    func damagedHeader(slot: Int) throws {
        let (log, partition) = try open(directory)
        try partition.append(Record(value: "first"))
        try log.close()
        var journal = try directory.contents(of: "journal")
        journal[slot * 4096 + 20] ^= 1
        try directory.write(journal, to: "journal")
        let (second, again) = try open(directory, acceptsJournalLoss: true)
        #expect(again.leaderEpoch == 1)
        #expect(try again.values() == ["first"])
        try second.close()
    }

    @Test func anOldCatalogueDoesNotBringOldEpochsBack() throws {
        let (log, _) = try open(directory)
        let old = try directory.contents(of: CatalogueFile.name)
        try log.close()
        var left = directory
        for kill in 0..<3 {
            let (log, partition) = try open(left)
            try partition.append(Record(value: "\(kill)"))
            try log.checkpoint()
            left = try left.copy()
            withExtendedLifetime(log) {}
        }
        let (closed, _) = try open(left)
        try closed.close()
        try left.write(old, to: CatalogueFile.name)
        let (second, again) = try open(left)
        // 3 was in force, but wrote nothing: its start is in no checkpoint.
        #expect(again.leaderEpoch == 3)
        try again.append(Record(value: "last"))
        #expect(try batchEpochs(again) == [0, 1, 2, 3])
        try second.close()
    }

    @Test("an epoch is durable before a batch bears it, wherever power is lost")
    func powerCuts() throws {
        func run(_ disk: SimulatedDisk) -> Int32 {
            var options = quietOptions()
            options.environment.fileSystem = disk
            guard let log = try? EventLog.open(at: "/data", options: options),
                let partition = try? (log.topic("t") ?? log.createTopic("t")).partitions[0],
                (try? partition.append(Record(value: "x"))) != nil
            else { return -1 }
            return partition.leaderEpoch
        }
        var disk = SimulatedDisk()
        var latest: Int32 = -1
        for life in 0..<60 {
            disk.add(SimulatedDisk.Fault(at: disk.operations + 1 + life, .powerCut))
            latest = max(latest, run(disk))
            disk = disk.crash(seed: UInt64(life))
            let here = disk.kill()
            let epoch = run(here)
            #expect(epoch > latest, "life \(life)")
        }
        #expect(latest >= 0)
    }

    // MARK: Older versions

    @Test func aDirectoryOfVersionOneOpensAndGoesOn() throws {
        let (log, partition) = try open(directory)
        for i in 0..<5 { try partition.append(Record(value: "value \(i)")) }
        try log.close()
        try asVersionOne(directory)
        let (second, again) = try open(directory)
        // Nothing says that it was closed in order.
        #expect(again.leaderEpoch == 1)
        #expect(try again.values() == (0..<5).map { "value \($0)" })
        #expect(again.endOffset(ofEpoch: 0)?.endOffset == 5)
        #expect(again.leaderEpoch(at: 0) == 0)
        try again.append(Record(value: "new"))
        try second.close()
        #expect(try directory.contents(of: CatalogueFile.name)[11] == 3)
        let (third, last) = try open(directory)
        #expect(last.leaderEpoch == 1)
        #expect(try batchEpochs(last) == [0, 0, 0, 0, 0, 1])
        try third.close()
    }

    /// Rewrites catalogue, journal header and checkpoint as version 1 had them.
    private func asVersionOne(_ directory: TemporaryDirectory) throws {
        let catalogue = try directory.contents(of: CatalogueFile.name)
        let body = Array(catalogue[16..<32] + catalogue[36...].dropLast(4))
        try directory.write(
            catalogue[..<8] + [0, 0, 0, 1] + bigEndian(crc32c(body[...])) + body, to: CatalogueFile.name)

        var journal = try directory.contents(of: "journal")
        for slot in [0, 4096] {
            journal.replaceSubrange(slot + 32..<slot + 36, with: [0, 0, 0, 1])
            let crc = bigEndian(crc32c(journal[slot..<slot + 64]))
            journal.replaceSubrange(slot + 64..<slot + 72, with: crc + [0, 0, 0, 0])
        }
        try directory.write(journal, to: "journal")

        var checkpoint = try directory.contents(of: "t-0/checkpoint")
        for slot in [0, 4096] where checkpoint[slot] != 0 {
            // Neither has producers.
            let fields = Array(checkpoint[slot + 24..<slot + 64]) + [0, 0, 0, 0]
            let head = checkpoint[slot..<slot + 4] + [0, 1] + checkpoint[slot + 6..<slot + 16] + bigEndian(UInt32(44))
            let crc = fields.withUnsafeBytes { crc32c($0, seed: crc32c(Array(head)[...])) }
            let whole = Array(head) + bigEndian(crc) + fields
            checkpoint.replaceSubrange(slot..<slot + whole.count, with: whole)
        }
        try directory.write(checkpoint, to: "t-0/checkpoint")
    }
}
