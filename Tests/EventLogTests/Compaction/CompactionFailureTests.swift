import RecordFormat
import Storage
import Synchronization
import TestSupport
import Testing

@testable import EventLog

/// What stops a compaction, and what is left then.
@Suite struct CompactionFailureTests {
    /// A partition with something to compact, some of it a second time.
    private func life(seed: UInt64 = 1) throws -> CompactionLife {
        var life = try CompactionLife(seed: seed, keyCount: 15)
        for _ in 0..<35 { try life.append() }
        try life.compact()
        for _ in 0..<35 { try life.append() }
        return life
    }

    private func names(_ life: CompactionLife) throws -> [String] { try life.disk.list("/data/t-0").sorted() }

    private func contents(_ life: CompactionLife) throws -> [[UInt8]?] {
        try names(life).filter { $0.hasSuffix(".log") }.map { life.disk.contents("/data/t-0/\($0)") }
    }

    // MARK: Power

    private static let operations: Int = {
        guard var life = try? CompactionFailureTests().life() else { return 0 }
        let before = life.disk.operations
        guard let result = try? life.compact(), result.recordsDropped > 0 else { return 0 }
        return life.disk.operations - before
    }()

    @Test("power is lost at any operation of a compaction, and the last record of each key is there", arguments: 0..<6)
    func powerCut(part: Int) throws {
        #expect(Self.operations > 40)
        for cut in stride(from: 1 + part, through: Self.operations, by: 6) {
            var life = try life()
            life.disk.add(SimulatedDisk.Fault(at: life.disk.operations + cut, .powerCut))
            try life.compact()
            try life.reopen(.powerCut)
            try life.check()
            try life.compact()
            try life.check(isCompacted: true)
            try life.reopen(.withoutCheckpoints)
            try life.check()
            try life.checkProducers()
        }
    }

    @Test("an operation of a compaction fails, and the next one does what is left", arguments: 0..<6)
    func failure(part: Int) throws {
        for operation in stride(from: 1 + part, through: Self.operations, by: 6) {
            var life = try life()
            life.disk.add(SimulatedDisk.Fault(at: life.disk.operations + operation, .error(5)))
            try life.compact()
            try life.check()
            life.disk.clearFaults()
            try life.reopen(.killed)
            try life.check()
            try life.compact()
            try life.check(isCompacted: true)
            try life.checkProducers()
        }
    }

    // MARK: Space

    @Test("a disk that is full costs nothing, and is tried again later")
    func noSpace() throws {
        var life = try life()
        let before = try contents(life)
        life.disk.add(SimulatedDisk.Fault(at: 0, .error(28), path: ".cleaned", operation: .write))
        let result = try life.compact()
        guard case .failed(.diskFull) = result.passes.first?.ending else {
            Issue.record("\(result)")
            return
        }
        #expect(!(try names(life).contains { $0.contains("cleaned") || $0.contains("swap") }))
        #expect(try contents(life) == before)
        try life.check()
        // Not at once.
        #expect(try life.compact().passes.isEmpty)
        life.sleep(60_000)
        let later = try life.compact()
        #expect(later.isComplete && later.recordsDropped > 0)
        try life.check(isCompacted: true)
    }

    @Test(
        "a partition that fails again waits twice as long, up to an hour, and a clock that is set back does not hold it"
    )
    func retries() throws {
        var life = try life()
        func compactFailing() throws -> Bool {
            life.disk.clearFaults()
            life.disk.add(SimulatedDisk.Fault(at: 0, .error(28), path: ".cleaned", operation: .write))
            return try !life.compact().passes.isEmpty
        }
        var wait: Int64 = 60_000
        #expect(try compactFailing())
        for _ in 0..<8 {
            life.sleep(wait - 1)
            #expect(try !compactFailing())
            life.sleep(1)
            #expect(try compactFailing())
            wait = min(wait * 2, 3_600_000)
        }
        life.sleep(-100_000_000)
        #expect(try compactFailing())
    }

    // MARK: Damage

    /// Changes a byte of a segment.
    private func harm(_ life: CompactionLife, _ segment: Segment, at position: Int) throws {
        let file = try life.disk.open(segment.path, .update)
        let byte = try file.read(upTo: 1, at: position)
        try file.write([byte[0] ^ 0x10], at: position)
    }

    @Test(
        "a damaged segment, and its partition stays as it is until the log is opened again",
        arguments: [true, false], [3, RecordBatchLayout.lastOffsetDelta, RecordBatchLayout.crc, 70])
    func damage(isClean: Bool, position: Int) throws {
        var life = try life()
        let segment = try #require(isClean ? life.partition.segments.first : life.partition.segments.dropLast().last)
        #expect(isClean == (segment.baseOffset < life.partition.cleanedTo))
        let before = try contents(life)
        try harm(life, segment, at: position)
        let result = try life.compact()
        guard case .failed(.damaged(let file, _, _)) = result.passes.first?.ending else {
            Issue.record("\(result)")
            return
        }
        #expect(file == segment.path)
        #expect(!(try names(life).contains { $0.contains("cleaned") }))
        life.sleep(10_000_000)
        #expect(try life.compact().passes.isEmpty)
        // Restored from a copy.
        try harm(life, segment, at: position)
        #expect(try contents(life) == before)
        try life.reopen(.closed)
        #expect(try life.compact().isComplete)
        try life.check(isCompacted: true)
    }

    @Test("offsets that are missing between segments are no reason to write a batch for them")
    func gap() throws {
        var life = try life()
        let segment = try #require(life.partition.segments.dropLast().last)
        var walk = BatchWalk(try segment.file(), from: 0, to: segment.byteCount)
        var last = 0
        while let batch = try walk.next() { last = batch.position }
        try life.reopen(.closed)
        try life.disk.open(segment.path, .update).truncate(to: last)
        try life.reopen(.killed)
        guard case .failed(.damaged(_, last, _)) = try life.compact().passes.first?.ending else {
            Issue.record("not seen")
            return
        }
    }

    // MARK: Stopping

    @Test("a compaction ends when told to, and leaves nothing behind")
    func stopped() throws {
        let disk = SimulatedDisk()
        let log = try EventLog.open(
            at: "/data",
            options: quietOptions {
                $0.environment.fileSystem = disk
                $0.runsHousekeeping = false
            })
        let topic = try log.createTopic(
            "t",
            settings: settings(["cleanup.policy": "compact", "segment.bytes": "248000", "compression.type": "producer"])
        )
        for i in 0..<31 {
            let value = [UInt8](repeating: 7, count: 4000)
            try topic.append(Record(key: Array("k\(i)".utf8), value: value, timestamp: Timestamp(milliseconds: 1)))
            try topic.append(Record(key: [9], value: value, timestamp: Timestamp(milliseconds: 1)))
        }
        var slow = log.settings
        // At this rate it never ends by itself. It waits first when 256 KiB were read: the segment once for its keys, and
        // some of it again, of which the second batch goes.
        try slow.set("log.cleaner.io.max.bytes.per.second", to: "1")
        log.apply(slow)
        let stop = CompactionStop()
        let result = Mutex<CompactionResult?>(nil)
        let thread = WorkerThread(name: "compact") {
            let outcome = log.compactNow(until: stop)
            result.withLock { $0 = outcome }
        }
        let begins = ContinuousClock.now + .seconds(60)
        var hasBegun = false
        while !hasBegun, result.withLock({ $0 == nil }), .now < begins {
            hasBegun = try disk.list("/data/t-0").contains { $0.hasSuffix(".cleaned") }
        }
        stop.stop()
        thread.join()
        #expect(hasBegun)
        #expect(result.withLock { $0?.passes.map(\.ending) } == [.stopped])
        #expect(!(try disk.list("/data/t-0").contains { $0.contains("cleaned") || $0.contains("swap") }))
        // Some may be gone by then, but the last of no key.
        let left = try topic.partitions[0].read(from: .earliest, maxBytes: .max)
        #expect(Set(left.map(\.key)).count == 32)
        #expect(left.last?.offset == 61)
        // What was stopped is done by the next.
        log.apply(LogSettings())
        #expect(log.compactNow().isComplete)
        #expect(try topic.partitions[0].read(from: .earliest, maxBytes: .max).count < 40)
        try log.close()
    }

    @Test("a topic that is not compacted any more, or is deleted, is left alone")
    func notCompacted() throws {
        var life = try life()
        try life.log.topic("t")?.alter(settings(["cleanup.policy": "delete"]))
        #expect(try life.compact().passes.isEmpty)
        try life.log.topic("t")?.alter(settings(["cleanup.policy": "compact"]))
        try life.log.deleteTopic("t")
        #expect(try life.compact().passes.isEmpty)
    }
}
