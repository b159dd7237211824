import Storage
import TestSupport
import Testing

@testable import EventLog

/// Whatever fails while records are deleted: what should be kept is there, and what was said to be gone stays so.
@Suite struct RetentionFaultTests {
    private static let small = ["segment.bytes": "1024", "compression.type": "producer", "retention.ms": "10000"]

    private static func options(_ disk: SimulatedDisk, _ clock: SettableClock) -> EventLogOptions {
        quietOptions {
            $0.environment.fileSystem = disk
            $0.environment.now = { clock.now }
            $0.runsHousekeeping = false
        }
    }

    /// What a run came to before its disk failed.
    private struct Run {
        var log: EventLog?
        /// Offsets that were acknowledged, a partition.
        var ends: [Int64] = [0, 0, 0]
        /// Where logs began when a pass had returned, and where they may begin.
        var starts: [Int64] = [0, 0, 0]
        var startsMax: [Int64] = [0, 0, 0]
    }

    /// Three partitions: one is emptied by a pass, one gets in bounds, one is too young. Then they go on. One topic skips the
    /// journal and syncs each record.
    private static func run(_ disk: SimulatedDisk, _ clock: SettableClock, isRelaxed: Bool) -> Run {
        var run = Run()
        var pairs = small
        if isRelaxed { pairs["flush.messages"] = "2" }
        guard let log = try? EventLog.open(at: "/data", options: options(disk, clock)),
            let settings = try? TopicSettings(pairs),
            let topic = try? log.createTopic("t", partitions: 3, settings: settings)
        else { return run }
        run.log = log
        let value = String(repeating: "x", count: 250)
        func append(_ partition: Int, _ count: Int, age: Int64) -> Bool {
            for _ in 0..<count {
                let record = Record(value: value, timestamp: Timestamp(milliseconds: clock.now.milliseconds - age))
                guard let offset = try? topic.partitions[partition].append(record) else { return false }
                run.ends[partition] = offset.value + 1
            }
            return true
        }
        for _ in 0..<2 {
            guard append(0, 5, age: 20_000), append(1, 5, age: 20_000), append(1, 5, age: 0), append(2, 5, age: 0)
            else {
                return run
            }
            run.startsMax = run.ends
            // A young segment keeps all from there on: of the second round nothing more goes.
            run.startsMax[1] = 5
            run.startsMax[2] = 0
            let result = log.retainNow()
            guard result.failures == 0, disk.hasPower else { return run }
            run.starts = topic.partitions.map(\.logStart.value)
        }
        _ = try? log.checkpoint()
        return run
    }

    private static func operations(isRelaxed: Bool) -> (Int, Run) {
        let disk = SimulatedDisk()
        let result = run(disk, SettableClock(), isRelaxed: isRelaxed)
        return (disk.operations, result)
    }

    @Test(arguments: [false, true])
    func theRunWithoutAFaultDeletesWhatItShould(isRelaxed: Bool) throws {
        let (_, run) = Self.operations(isRelaxed: isRelaxed)
        #expect(run.ends == [10, 20, 10])
        #expect(run.starts[0] == 10)
        #expect((1...5).contains(run.starts[1]))
        #expect(run.starts[2] == 0)
    }

    @Test("power is lost at any operation", arguments: [false, true], 0..<4)
    func powerCuts(isRelaxed: Bool, part: Int) throws {
        let (operations, _) = Self.operations(isRelaxed: isRelaxed)
        for cut in stride(from: 1 + part, through: operations, by: 4) {
            let clock = SettableClock()
            let disk = SimulatedDisk()
            disk.add(SimulatedDisk.Fault(at: cut, .powerCut))
            let run = Self.run(disk, clock, isRelaxed: isRelaxed)
            let left = cut % 16 == 1 + part ? disk.kill() : disk.crash(seed: UInt64(cut))
            try check(left, clock, run, isRelaxed: isRelaxed, "power cut at operation \(cut)")
        }
    }

    @Test("an operation fails, with a full disk or a broken one", arguments: [28 as Int32, 5], 0..<4)
    func errors(code: Int32, part: Int) throws {
        let (operations, _) = Self.operations(isRelaxed: false)
        for at in stride(from: 1 + part, through: operations, by: 4) {
            let clock = SettableClock()
            let disk = SimulatedDisk()
            disk.add(SimulatedDisk.Fault(at: at, .error(code)))
            let run = Self.run(disk, clock, isRelaxed: false)
            disk.clearFaults()
            let left = at % 8 == 1 + part ? disk.kill() : disk.crash(seed: UInt64(at))
            try check(left, clock, run, isRelaxed: false, "error \(code) at operation \(at)")
        }
    }

    /// Opens what is left, twice, and goes on.
    private func check(
        _ disk: SimulatedDisk, _ clock: SettableClock, _ run: Run, isRelaxed: Bool, _ what: Comment
    ) throws {
        for attempt in 0..<2 {
            let log: EventLog
            do { log = try EventLog.open(at: "/data", options: Self.options(disk, clock)) } catch {
                // A directory that was not yet one.
                if run.ends != [0, 0, 0] { Issue.record("\(what), attempt \(attempt): \(error)") }
                return
            }
            guard let topic = log.topic("t") else {
                #expect(run.ends == [0, 0, 0], what)
                return
            }
            for (i, partition) in topic.partitions.enumerated() {
                let (start, end) = (partition.logStart.value, partition.end.value)
                #expect(start >= run.starts[i] && start <= max(run.startsMax[i], run.starts[i]), what)
                // A record of each may be there that was not acknowledged; a topic that skips the journal may lose two.
                #expect(end >= run.ends[i] - (isRelaxed ? 2 : 0) && end <= run.ends[i] + 1, what)
                let stored = try partition.read(from: .earliest, maxBytes: .max).map(\.offset.value)
                #expect(stored == Array(start..<max(start, end)), what)
            }
            if attempt == 0 {
                // The same pass finds the rest, and all go on.
                #expect(log.retainNow().failures == 0, what)
                #expect(topic.partitions[0].logStart == topic.partitions[0].end, what)
                #expect(topic.partitions[2].logStart == 0, what)
                let end = topic.partitions[0].end
                #expect(try topic.partitions[0].append(Record(value: "next", timestamp: clock.now)) == end, what)
                try log.close()
                let again = try EventLog.open(at: "/data", options: Self.options(disk, clock))
                #expect(try #require(again.topic("t")).partitions[0].values() == ["next"], what)
                try again.close()
                return
            }
        }
    }

    @Test func aSegmentOfWhichTheDiskDoesNotSayHowLargeItIsKeepsWhatLiesBehindIt() throws {
        let clock = SettableClock()
        let disk = SimulatedDisk()
        let log = try EventLog.open(at: "/data", options: Self.options(disk, clock))
        let partition = try log.createTopic("t", settings: settings(Self.small)).partitions[0]
        // The oldest segment is young, by the clocks of those who wrote it, and so is the last one.
        for i in 0..<12 {
            let age: Int64 = (3..<9).contains(i) ? 20_000 : 0
            let record = Record(
                value: String(repeating: "x", count: 250),
                timestamp: Timestamp(milliseconds: clock.now.milliseconds - age))
            try partition.append(record)
        }
        #expect(partition.segments[1].baseOffset == 3)
        try log.close()
        let reopened = try EventLog.open(at: "/data", options: Self.options(disk, clock))
        // Nobody has opened it yet, and there are too many open files just then.
        disk.add(SimulatedDisk.Fault(at: 0, .error(24), path: "t-0/00000000000000000000.log", operation: .open))
        reopened.retainNow()
        #expect(disk.hadFault)
        #expect(try #require(reopened.topic("t")).partitions[0].values().count == 12)
        try reopened.close()
    }

    // MARK: A full disk

    /// A disk that has no room: nothing new is written to files that would grow.
    @Test func aFullDiskIsMadeRoomOn() throws {
        let clock = SettableClock()
        let disk = SimulatedDisk()
        let log = try EventLog.open(at: "/data", options: Self.options(disk, clock))
        let topic = try log.createTopic("t", partitions: 3, settings: settings(Self.small))
        let value = String(repeating: "x", count: 250)
        for partition in topic.partitions {
            for _ in 0..<9 { try partition.append(Record(value: value, timestamp: clock.now)) }
        }
        clock.advance(by: 20_000)
        // Appends fail, new segments cannot be made, and the checkpoint of one partition finds no room.
        for partition in topic.partitions {
            disk.add(SimulatedDisk.Fault(at: 0, .error(28), path: ".log", operation: .write))
            #expect(throws: LogError.self) { try partition.append(Record(value: value, timestamp: clock.now)) }
        }
        disk.clearFaults()
        disk.add(SimulatedDisk.Fault(at: 0, .error(28), path: "t-1/checkpoint", operation: .write))
        let result = log.retainNow()
        // The one that failed had its turn again by itself, when the others had made room.
        #expect(result.failures == 0)
        #expect(result.partitions == 3)
        for partition in topic.partitions { #expect(partition.logStart == 9) }
        #expect(log.retainNow() == RetentionResult())
        for partition in topic.partitions {
            #expect(try partition.append(Record(value: "next", timestamp: clock.now)) == 9)
        }
        try log.close()
        let reopened = try EventLog.open(at: "/data", options: Self.options(disk, clock))
        for partition in try #require(reopened.topic("t")).partitions { #expect(try partition.values() == ["next"]) }
        try reopened.close()
    }

    @Test func aCheckpointHasItsRoomFromTheBeginning() throws {
        let clock = SettableClock()
        let disk = SimulatedDisk()
        let log = try EventLog.open(at: "/data", options: Self.options(disk, clock))
        try log.createTopic("t")
        // Both slots, as zeros that were written: writing the second one takes no new block.
        #expect(disk.contents("/data/t-0/checkpoint")?.count == 2 * CheckpointFile.slotSizeMin)
        try log.close()
    }

    @Test func afterAFailedSyncNothingIsDeletedAndItIsSaidOnce() throws {
        let clock = SettableClock()
        let disk = SimulatedDisk()
        let log = try EventLog.open(at: "/data", options: Self.options(disk, clock))
        let partition = try log.createTopic("t", settings: settings(Self.small)).partitions[0]
        let value = String(repeating: "x", count: 250)
        for _ in 0..<9 { try partition.append(Record(value: value, timestamp: clock.now)) }
        clock.advance(by: 20_000)
        disk.add(SimulatedDisk.Fault(at: 0, .error(5), path: "checkpoint", operation: .synchronize))
        #expect(log.retainNow().failures == 1)
        // There is no more to do for it before the log is opened again.
        #expect(log.retainNow() == RetentionResult())
        #expect(partition.logStart == 0)
        #expect(try partition.values().count == 9)
        let reopened = try EventLog.open(at: "/data", options: Self.options(disk.crash(seed: 2), clock))
        #expect(try #require(reopened.topic("t")).partitions[0].end == 9)
        try reopened.close()
    }
}
