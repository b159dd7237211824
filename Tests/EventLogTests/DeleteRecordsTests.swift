import Storage
import Synchronization
import TestSupport
import Testing

@testable import EventLog

/// Records before an offset are deleted: durably, with their segments, and without harm to anyone at work.
@Suite struct DeleteRecordsTests {
    private let directory = TemporaryDirectory()

    private static let small = [
        "segment.bytes": "16384", "compression.type": "producer", "index.interval.bytes": "500",
    ]

    private func open(_ directory: TemporaryDirectory) throws -> (log: EventLog, partition: Partition) {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        return (log, try (log.topic("t") ?? log.createTopic("t", settings: settings(Self.small))).partitions[0])
    }

    /// 600 records, ten a batch, through several segments.
    private func fill(_ partition: Partition, from first: Int = 0) throws {
        for i in 0..<60 { try partition.append(contentsOf: Self.ten(from: first + i * 10)) }
    }

    /// As `numbered`, and large enough for several segments.
    private static func ten(from first: Int) -> [Record] {
        numbered(10, from: first).map { record in
            var record = record
            record.headers = [RecordHeader(name: "padding", value: [UInt8](repeating: 0, count: 200))]
            return record
        }
    }

    private func logs(_ directory: TemporaryDirectory) throws -> [String] {
        try directory.names(in: "t-0").filter { $0.hasSuffix(".log") }.sorted()
    }

    private func expectOutOfRange(_ offset: Int64, _ partition: Partition, _ body: () throws -> Void) {
        let expected = LogError.offsetOutOfRange(
            requested: Offset(offset), start: partition.logStart, end: partition.end)
        #expect(throws: expected, performing: body)
    }

    // MARK: What readers see

    @Test func whatIsDeletedIsOutOfRangeAndTheRestIsThere() throws {
        let (log, partition) = try open(directory)
        try fill(partition)
        #expect(try partition.deleteRecords(before: 0) == 0)
        #expect(try partition.deleteRecords(before: 255) == 255)
        #expect(partition.logStart == 255)
        #expect(partition.end == 600)
        #expect(try partition.values() == (255..<600).map { "value \($0)" })
        for offset: Int64 in [0, 100, 254] {
            expectOutOfRange(offset, partition) { _ = try partition.read(from: .offset(Offset(offset))) }
            expectOutOfRange(offset, partition) {
                _ = try partition.slice(from: Offset(offset), maxBytes: 100, firstBatchWhole: true)
            }
            expectOutOfRange(offset, partition) { _ = try partition.indexedPosition(of: Offset(offset)) }
        }
        #expect(try partition.offset(of: .earliest) == 255)
        // A batch that begins below the start is sent whole, as Kafka does.
        #expect(try partition.slice(from: 255, maxBytes: 1, firstBatchWhole: true) != nil)
        try log.close()
    }

    @Test func aStartThatIsFurtherOnStays() throws {
        let (log, partition) = try open(directory)
        try fill(partition)
        #expect(try partition.deleteRecords(before: 300) == 300)
        #expect(try partition.deleteRecords(before: 100) == 300)
        #expect(try partition.deleteRecords(before: 300) == 300)
        try log.close()
    }

    @Test("what is not there cannot be deleted", arguments: [-2, -1, 601, Int64.max, Int64.min])
    func outOfRange(offset: Int64) throws {
        let (log, partition) = try open(directory)
        try fill(partition)
        expectOutOfRange(offset, partition) { try partition.deleteRecords(before: Offset(offset)) }
        #expect(partition.logStart == 0)
        try log.close()
    }

    @Test func timesAreFoundAmongWhatIsThere() throws {
        let (log, partition) = try open(directory)
        try fill(partition)
        // The latest time of all, in the middle of a batch.
        let late = Timestamp(milliseconds: 1_900_000_000_000)
        let early = Timestamp(milliseconds: 1_000_000_000_000)
        try partition.append(contentsOf: [
            Record(value: "a", timestamp: early), Record(value: "b", timestamp: late),
            Record(value: "c", timestamp: early), Record(value: "d", timestamp: early),
        ])
        try fill(partition, from: 604)
        try partition.deleteRecords(before: 255)
        let start = Timestamp(milliseconds: 0)
        #expect(try partition.offset(at: start)?.offset == 255)
        #expect(try partition.offset(at: Timestamp(milliseconds: 1_700_000_000_000 + 257_000))?.offset == 257)
        #expect(try partition.maxTimestampOffset()?.offset == 601)
        // Of the batch that is left in part only what is left counts.
        try partition.deleteRecords(before: 602)
        #expect(try partition.offset(at: start)?.offset == 602)
        #expect(try partition.offset(at: late)?.offset == nil)
        #expect(try partition.offset(at: Timestamp(milliseconds: early.milliseconds + 1))?.offset == 604)
        #expect(try partition.maxTimestampOffset()?.offset == 1203)
        try partition.deleteRecords(before: partition.end)
        #expect(try partition.offset(at: start) == nil)
        #expect(try partition.maxTimestampOffset() == nil)
        try log.close()
    }

    @Test func theLatestTimeMayLieInTheBatchThatIsLeftInPart() throws {
        let (log, partition) = try open(directory)
        let times: [Int64] = [9000, 1000, 5000, 2000]
        try partition.append(
            contentsOf: times.map { Record(value: "\($0)", timestamp: Timestamp(milliseconds: $0)) })
        try partition.append(Record(value: "after", timestamp: Timestamp(milliseconds: 3000)))
        try partition.deleteRecords(before: 1)
        #expect(try partition.maxTimestampOffset()?.offset == 2)
        try partition.deleteRecords(before: 3)
        #expect(try partition.maxTimestampOffset()?.offset == 4)
        try log.close()
    }

    // MARK: Files

    @Test func segmentsWhollyBelowTheStartAreRemoved() throws {
        let (log, partition) = try open(directory)
        try fill(partition)
        let before = try logs(directory)
        let bytes = partition.byteCount
        #expect(before.count > 4)
        let second = partition.segments[2].baseOffset
        try partition.deleteRecords(before: second.advanced(by: -1))
        #expect(try logs(directory) == Array(before.dropFirst()))
        try partition.deleteRecords(before: second)
        #expect(try logs(directory) == Array(before.dropFirst(2)))
        let names = try directory.names(in: "t-0")
        #expect(!names.contains { $0.hasPrefix("00000000000000000000.") })
        #expect(partition.byteCount < bytes)
        try log.close()
        let (again, reopened) = try open(directory)
        #expect(reopened.logStart == second)
        #expect(try reopened.values() == (Int(second.value)..<600).map { "value \($0)" })
        try again.close()
    }

    @Test("what a power cut brings back of a removed segment goes when the log is opened", arguments: 1..<8)
    func broughtBack(files: Int) throws {
        let (log, partition) = try open(directory)
        try fill(partition)
        let names = [SegmentFiles.log(0), SegmentFiles.offsetIndex(0), SegmentFiles.timeIndex(0)]
        let contents = try names.map { try directory.contents(of: "t-0/\($0)") }
        try partition.deleteRecords(before: 455)
        try log.close()
        let left = try directory.names(in: "t-0").sorted()
        for (i, (name, bytes)) in zip(names, contents).enumerated() where files & (1 << i) != 0 {
            #expect(!left.contains(name))
            try directory.write(bytes, to: "t-0/\(name)")
        }
        let (second, again) = try open(directory)
        #expect(try directory.names(in: "t-0").sorted() == left)
        #expect(try again.values() == (455..<600).map { "value \($0)" })
        try second.close()
    }

    @Test(arguments: [false, true])
    func anEmptiedLogGoesOnAtTheSameOffset(isKilled: Bool) throws {
        let (log, partition) = try open(directory)
        try fill(partition)
        #expect(try partition.deleteRecords(before: partition.end) == 600)
        #expect(try partition.values() == [])
        var left = directory
        if isKilled { left = try directory.copy() } else { try log.close() }
        let (second, again) = try open(left)
        #expect(again.logStart == 600)
        #expect(again.end == 600)
        #expect(try again.values() == [])
        #expect(try again.append(Record(value: "next")) == 600)
        #expect(try again.values() == ["next"])
        try second.close()
        if isKilled { try log.close() }
    }

    @Test func theSegmentThatWasWrittenToGoesWhenItHasEnded() throws {
        let (log, partition) = try open(directory)
        try partition.append(contentsOf: numbered(10))
        try partition.deleteRecords(before: 10)
        #expect(try logs(directory).count == 1)
        try fill(partition, from: 10)
        // The first segment holds records from 10 on.
        let second = partition.segments[1].baseOffset
        try partition.deleteRecords(before: second)
        #expect(try logs(directory).first == SegmentFiles.log(second))
        // The last one goes when the next has begun and the checkpoints no longer end in it.
        try partition.deleteRecords(before: partition.end)
        let last = try #require(try logs(directory).first)
        #expect(try logs(directory).count == 1)
        let value = String(repeating: "x", count: 16_000)
        for _ in 0..<3 {
            try partition.append(Record(value: value))
            try log.checkpoint()
        }
        #expect(try !logs(directory).contains(last))
        #expect(try partition.read(from: .earliest, maxBytes: .max).count == 3)
        try log.close()
    }

    // MARK: Restarts

    @Test func theJournalBringsNothingBack() throws {
        // No checkpoint but the one of the deletion: the journal has every record.
        let (log, partition) = try open(directory)
        try fill(partition)
        try partition.deleteRecords(before: 455)
        try fill(partition, from: 600)
        let left = try directory.copy()
        let names = try logs(left)
        let (second, again) = try open(left)
        #expect(try logs(left) == names)
        #expect(again.logStart == 455)
        #expect(try again.values() == (455..<1200).map { "value \($0)" })
        try second.close()
        try log.close()
    }

    @Test("each slot of the checkpoint alone knows the new start", arguments: 0..<2)
    func damagedSlot(slot: Int) throws {
        for deletesAll in [false, true] {
            let directory = TemporaryDirectory()
            let (log, partition) = try open(directory)
            try fill(partition)
            try log.checkpoint()
            try partition.deleteRecords(before: deletesAll ? 600 : 455)
            let value = String(repeating: "x", count: 16_000)
            for _ in 0..<4 {
                let left = try directory.copy()
                var bytes = try left.contents(of: "t-0/checkpoint")
                bytes[slot * bytes.count / 2 + 30] ^= 0x40
                try left.write(bytes, to: "t-0/checkpoint")
                let (second, again) = try open(left)
                #expect(again.logStart == partition.logStart)
                #expect(again.end == partition.end)
                #expect(try again.values() == partition.values())
                try second.close()
                try partition.append(Record(value: value))
                try log.checkpoint()
            }
            try log.close()
        }
    }

    @Test func producersAndEpochsOutliveTheirRecords() throws {
        let (log, partition) = try open(directory)
        func send(_ sequence: Int32, to partition: Partition) throws -> AppendOutcome {
            var builder = RecordBatchBuilder()
            builder.append(Record(value: "\(sequence)"), defaultTimestamp: Timestamp(milliseconds: 77))
            try builder.finish(producer: (id: 4711, epoch: 3, baseSequence: sequence))
            let outcome = try builder.withUnsafeBytes { bytes in
                partition.append(bytes, header: try RecordBatchHeader(parsing: bytes.bytes))
            }
            if case .accepted(let ticket) = outcome { partition.committer.waitLeading(for: ticket.round) }
            return outcome
        }
        #expect(partition.activeProducers == [])
        for sequence: Int32 in 0..<3 { _ = try send(sequence, to: partition) }
        try partition.deleteRecords(before: 3)
        let left = try directory.copy()
        let (second, again) = try open(left)
        for partition in [partition, again] {
            let state = try #require(partition.activeProducers.first)
            #expect(partition.activeProducers.count == 1)
            #expect((state.id, state.epoch, state.lastSequence) == (4711, 3, 2))
            #expect(state.lastTimestamp.milliseconds == 77)
            guard case .duplicate(let ticket) = try send(2, to: partition) else {
                Issue.record("not known again")
                continue
            }
            #expect(ticket.baseOffset == 2)
        }
        #expect(again.leaderEpoch == 1)
        #expect(again.leaderEpoch(at: 2) == nil)
        #expect(again.endOffset(ofEpoch: 0)?.endOffset == 3)
        try second.close()
        try log.close()
    }

    @Test("power is lost at any operation of a deletion", arguments: [false, true])
    func powerCuts(isRelaxed: Bool) throws {
        var pairs = Self.small
        if isRelaxed { pairs["flush.messages"] = "50" }
        let settings = try settings(pairs)
        func options(_ disk: SimulatedDisk) -> EventLogOptions { quietOptions { $0.environment.fileSystem = disk } }
        /// How far deletions were asked for, and how far they returned.
        struct Run {
            var asked: Int64 = 0
            var deleted: Int64 = 0
            var appended: Int64 = 0
        }
        func run(_ disk: SimulatedDisk) -> Run {
            var run = Run()
            guard let log = try? EventLog.open(at: "/data", options: options(disk)),
                let topic = try? log.createTopic("t", settings: settings)
            else { return run }
            let partition = topic.partitions[0]
            for i in 0..<24 {
                let value = { (n: Int) in "\(n) " + String(repeating: "x", count: 900) }
                let records = (0..<5).map { Record(value: value(i * 5 + $0)) }
                guard (try? partition.append(contentsOf: records)) != nil else { return run }
                run.appended = partition.end.value
                guard i % 4 == 3 else { continue }
                // In the middle of a batch, at the end, and where nothing is to be removed.
                run.asked = [run.appended - 13, run.appended, run.asked + 1, run.appended - 23][i / 4 % 4]
                guard let start = try? partition.deleteRecords(before: Offset(run.asked)) else { return run }
                run.deleted = start.value
                if i == 15, (try? log.checkpoint()) == nil { return run }
            }
            _ = try? log.close()
            return run
        }
        let whole = SimulatedDisk()
        #expect(run(whole).deleted == 120)
        for cut in stride(from: 30, through: whole.operations, by: 1) {
            let disk = SimulatedDisk()
            disk.add(SimulatedDisk.Fault(at: cut, .powerCut))
            let run = run(disk)
            let what: Comment = "power cut at operation \(cut)"
            // By turns the machine and the process alone come to their end.
            let left = cut.isMultiple(of: 2) == isRelaxed ? disk.kill() : disk.crash(seed: UInt64(cut))
            // Twice: what opening does must itself survive.
            for attempt in 0..<2 {
                let here = attempt == 0 ? left : left.crash(seed: UInt64(cut + 1))
                let log: EventLog
                do { log = try EventLog.open(at: "/data", options: options(here)) } catch {
                    Issue.record("\(what): \(error)")
                    return
                }
                guard let partition = log.topic("t")?.partitions[0] else { continue }
                #expect(partition.logStart.value >= run.deleted, what)
                #expect(partition.logStart.value <= max(run.asked, run.deleted), what)
                #expect(partition.end.value >= run.appended - (isRelaxed ? 55 : 0), what)
                let stored = try partition.read(from: .earliest, maxBytes: .max)
                let offsets = Array(partition.logStart.value..<partition.end.value)
                #expect(stored.map(\.offset.value) == offsets, what)
                let isRight = stored.allSatisfy { $0.valueText?.hasPrefix("\($0.offset) ") == true }
                #expect(isRight, what)
                let next = partition.end
                #expect(try partition.append(Record(value: "\(next.value) next")) == next, what)
                withExtendedLifetime(log) {}
                if attempt == 0 { try log.checkpoint() }
            }
        }
    }

    @Test("a start that is there after a kill stays, and whoever asks for it again gets it", arguments: 0..<6)
    func startAfterAKill(seed: UInt64) throws {
        func open(_ disk: SimulatedDisk) throws -> EventLog {
            try EventLog.open(at: "/data", options: quietOptions { $0.environment.fileSystem = disk })
        }
        let disk = SimulatedDisk()
        let log = try open(disk)
        let partition = try log.createTopic("t", settings: settings(Self.small)).partitions[0]
        try fill(partition)
        try log.checkpoint()
        // Its checkpoint is written and not synced.
        disk.add(SimulatedDisk.Fault(at: 0, .powerCut, path: "checkpoint", operation: .synchronize))
        #expect(throws: LogError.self) { try partition.deleteRecords(before: 5) }
        let killed = disk.kill()
        let second = try open(killed)
        let again = try #require(second.topic("t")).partitions[0]
        #expect(again.logStart == 5)
        if seed.isMultiple(of: 2) { #expect(try again.deleteRecords(before: 5) == 5) }
        let third = try open(killed.crash(seed: seed))
        #expect(try #require(third.topic("t")).partitions[0].logStart == 5)
        withExtendedLifetime((log, second)) {}
    }

    @Test("whoever is killed in a deletion leaves no slot of the checkpoint that names a segment which opening removes")
    func killedAtAnyOperation() throws {
        func open(_ disk: SimulatedDisk) throws -> EventLog {
            try EventLog.open(at: "/data", options: quietOptions { $0.environment.fileSystem = disk })
        }
        var removed = 0
        for cut in 1...16 {
            let disk = SimulatedDisk()
            let log = try open(disk)
            let partition = try log.createTopic("t", settings: settings(Self.small)).partitions[0]
            try fill(partition)
            try log.checkpoint()
            disk.add(SimulatedDisk.Fault(at: disk.operations + cut, .powerCut))
            _ = try? partition.deleteRecords(before: 300)
            let killed = disk.kill()
            let second = try open(killed)
            for seed in 0..<4 as Range<UInt64> {
                let left = killed.crash(seed: UInt64(cut) * 4 + seed)
                let first = try #require(SegmentFiles.baseOffsets(in: left.list("/data/t-0")).first)
                if first > 0 { removed += 1 }
                let bytes = try left.contents(of: "/data/t-0/checkpoint")
                let slots = [bytes[..<(bytes.count / 2)], bytes[(bytes.count / 2)...]]
                for slot in slots.compactMap({ PartitionCheckpoint.decode($0) }) {
                    #expect(slot.checkpoint.logStart >= first, "power cut at operation \(cut), seed \(seed)")
                }
            }
            withExtendedLifetime((log, second)) {}
        }
        #expect(removed > 8)
    }

    @Test("the journal keeps its rounds until the start above them is durable", arguments: 0..<6)
    func roundsBelowTheStart(seed: UInt64) throws {
        func open(_ disk: SimulatedDisk) throws -> EventLog {
            try EventLog.open(at: "/data", options: quietOptions { $0.environment.fileSystem = disk })
        }
        let disk = SimulatedDisk()
        let log = try open(disk)
        let partition = try log.createTopic("t").partitions[0]
        try fill(partition)
        // Its checkpoint is written and not synced.
        disk.add(SimulatedDisk.Fault(at: 0, .powerCut, path: "checkpoint", operation: .synchronize))
        #expect(throws: LogError.self) { try partition.deleteRecords(before: 600) }
        let killed = disk.kill()
        let second = try open(killed)
        try second.checkpoint()
        let third = try open(killed.crash(seed: seed))
        #expect(try #require(third.topic("t")).partitions[0].end == 600)
        withExtendedLifetime((log, second)) {}
    }

    // MARK: Together with others

    @Test func aDeletedTopicAndAClosedLogSayWhatTheyAre() throws {
        let (log, partition) = try open(directory)
        let other = try log.createTopic("other").partitions[0]
        try other.append(Record(value: "x"))
        try log.deleteTopic("other")
        #expect(throws: LogError.unknownTopic("other")) { try other.deleteRecords(before: 1) }
        try log.close()
        #expect(throws: LogError.closed) { try partition.deleteRecords(before: 0) }
    }

    @Test func afterAFailedSyncNothingIsDeleted() throws {
        let disk = SimulatedDisk()
        let log = try EventLog.open(at: "/data", options: quietOptions { $0.environment.fileSystem = disk })
        let partition = try log.createTopic("t", settings: settings(Self.small)).partitions[0]
        try fill(partition)
        disk.add(SimulatedDisk.Fault(at: 0, .error(5), path: ".log", operation: .synchronize))
        for _ in 0..<2 { #expect(throws: LogError.self) { try partition.deleteRecords(before: 300) } }
        #expect(partition.logStart == 0)
        #expect(try partition.values().count == 600)
        let reopened = try EventLog.open(
            at: "/data", options: quietOptions { $0.environment.fileSystem = disk.crash(seed: 1) })
        #expect(try #require(reopened.topic("t")).partitions[0].values().count == 600)
    }

    @Test func aFullDiskDoesNotKeepOneFromDeleting() throws {
        let disk = SimulatedDisk()
        let log = try EventLog.open(at: "/data", options: quietOptions { $0.environment.fileSystem = disk })
        let partition = try log.createTopic("t", settings: settings(Self.small)).partitions[0]
        try fill(partition)
        disk.add(SimulatedDisk.Fault(at: 0, .error(28), path: ".log", operation: .write))
        #expect(throws: LogError.self) { try partition.append(Record(value: "refused")) }
        #expect(try partition.deleteRecords(before: 300) == 300)
        #expect(try partition.values() == (300..<600).map { "value \($0)" })
        try log.close()
    }

    @Test func readersAtWorkFinish() throws {
        let (log, partition) = try open(directory)
        try fill(partition)
        let slice = try #require(try partition.slice(from: 0, maxBytes: 1000, firstBatchWhole: true))
        var seen: [Int64] = []
        var thrown: LogError?
        do throws(LogError) {
            try partition.scan(from: .earliest) { record in
                seen.append(record.offset.value)
                if record.offset == 5 { _ = try? partition.deleteRecords(before: 590) }
                return true
            }
        } catch { thrown = error }
        // What it had open it read to the end; the next segment is gone.
        #expect(seen == (0..<Int64(seen.count)).map { $0 })
        guard case .offsetOutOfRange(_, start: 590, _) = thrown else {
            Issue.record("\(String(describing: thrown)) after \(seen.count) records")
            return
        }
        #expect(try slice.file.read(upTo: slice.byteCount, at: slice.position).count == slice.byteCount)
        try log.close()
    }

    @Test func deletionsAppendsReadsAndCheckpointsGoTogether() throws {
        let (log, partition) = try open(directory)
        try fill(partition)
        let isDone = Atomic(false)
        let problems = Mutex<[String]>([])
        @Sendable func note(_ problem: String) { problems.withLock { $0.append(problem) } }
        @Sendable func read() throws {
            let start = partition.logStart
            do throws(LogError) {
                var next: Int64?
                try partition.scan(from: .offset(start)) { record in
                    if let next, record.offset.value != next { note("\(record.offset) where \(next) was due") }
                    if record.makeStoredRecord().valueText != "value \(record.offset)" {
                        note("wrong bytes at \(record.offset)")
                    }
                    next = record.offset.value + 1
                    return true
                }
                _ = try partition.offset(at: Timestamp(milliseconds: 1_700_000_000_000))
                _ = try partition.maxTimestampOffset()
            } catch {
                if case .offsetOutOfRange = error { return }
                note("\(error)")
            }
        }
        let threads = [
            WorkerThread(name: "append") {
                for i in 0..<200 {
                    do { try partition.append(contentsOf: Self.ten(from: 600 + i * 10)) } catch { note("\(error)") }
                }
                isDone.store(true, ordering: .releasing)
            },
            WorkerThread(name: "delete") {
                while !isDone.load(ordering: .acquiring) {
                    let end = partition.end
                    do { try partition.deleteRecords(before: end.advanced(by: -Int64.random(in: 0...100))) } catch {
                        note("\(error)")
                    }
                }
            },
            WorkerThread(name: "checkpoint") {
                while !isDone.load(ordering: .acquiring) {
                    do { try log.checkpoint() } catch { note("\(error)") }
                }
            },
            WorkerThread(name: "read") {
                while !isDone.load(ordering: .acquiring) { do { try read() } catch { note("\(error)") } }
            },
        ]
        for thread in threads { thread.join() }
        #expect(problems.withLock { $0 } == [])
        #expect(partition.end == 2600)
        try log.close()
        let (again, reopened) = try open(directory)
        #expect(reopened.logStart == partition.logStart)
        #expect(try reopened.values() == (Int(partition.logStart.value)..<2600).map { "value \($0)" })
        try again.close()
    }

    @Test func aTopicMayBeDeletedUnderADeletion() throws {
        for _ in 0..<5 {
            let directory = TemporaryDirectory()
            let (log, partition) = try open(directory)
            try fill(partition)
            let deleter = WorkerThread(name: "delete") {
                for offset in 1..<600 as Range<Int64> {
                    do { try partition.deleteRecords(before: Offset(offset)) } catch {
                        if error as? LogError != .unknownTopic("t") { Issue.record(error) }
                        return
                    }
                }
            }
            try log.deleteTopic("t")
            deleter.join()
            #expect(try !directory.names().contains("t-0"))
            try log.close()
        }
    }

    // MARK: Sizes

    @Test func sizesAreThoseOfTheFiles() throws {
        let (log, partition) = try open(directory)
        #expect(partition.byteCount == 0)
        try fill(partition)
        func onDisk() throws -> Int {
            try logs(directory).reduce(0) { $0 + (try directory.contents(of: "t-0/\($1)").count) }
        }
        #expect(partition.byteCount == (try onDisk()))
        try log.close()
        let (again, reopened) = try open(directory)
        #expect(reopened.byteCount == (try onDisk()))
        let space = try again.space()
        #expect(space.total > space.usable && space.usable > 0)
        try again.close()
    }
}
