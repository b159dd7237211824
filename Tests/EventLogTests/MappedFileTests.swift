import Foundation
import Storage
import TestSupport
import Testing

@testable import EventLog

/// What cannot be read any more while it is mapped, indexes and batches: cut by somebody, or on a disk that fails.
@Suite struct MappedFileTests {
    private static let recordCount = 3000
    private static let start: Int64 = 1_700_000_000_000

    /// A closed log, a batch a record, with an index entry for each: a segment's index has several pages.
    private func fill(_ fileSystem: (any FileSystem)?, at path: String) throws {
        let log = try open(fileSystem, at: path)
        let topic = try log.createTopic(
            "t",
            settings: settings(["segment.bytes": "100000", "compression.type": "producer", "index.interval.bytes": "1"])
        )
        for i in 0..<Self.recordCount { try topic.partitions[0].append(contentsOf: numbered(1, from: i)) }
        try log.close()
    }

    private func open(_ fileSystem: (any FileSystem)?, at path: String) throws -> EventLog {
        try EventLog.open(
            at: path,
            options: quietOptions {
                if let fileSystem { $0.environment.fileSystem = fileSystem }
                $0.environment.footprint.indexStride = 1
                // A while after the last record.
                $0.environment.now = { Timestamp(milliseconds: Self.start + Int64(Self.recordCount) * 1000) }
                $0.runsHousekeeping = false
            })
    }

    private func partition(_ log: EventLog) throws -> Partition { try #require(log.topic("t")).partitions[0] }

    /// By offset and by time, near both ends of each segment and between.
    private func expectAllFound(_ partition: Partition, _ what: Comment) throws {
        for i in stride(from: 0, to: Self.recordCount, by: 61) {
            let record = try #require(try partition.read(from: .offset(Offset(Int64(i))), maxRecords: 1).first, what)
            #expect(record.valueText == "value \(i)", what)
            let found = try partition.offset(at: Timestamp(milliseconds: Self.start + Int64(i) * 1000 - 500))
            #expect(found?.offset == Offset(Int64(i)), what)
        }
        let latest = try partition.maxTimestampOffset()
        #expect(latest?.offset == Offset(Int64(Self.recordCount - 1)), what)
    }

    private func cut(_ files: [String], to byteCount: UInt64) throws {
        for file in files {
            let handle = try #require(FileHandle(forWritingAtPath: file))
            try handle.truncate(atOffset: byteCount)
            try handle.close()
        }
    }

    @Test(
        "index files that are cut while they are mapped are made anew, and every answer is right", arguments: [0, 4096])
    func cutWhileMapped(byteCount: UInt64) throws {
        let directory = TemporaryDirectory()
        try fill(nil, at: directory.path)
        let files = try directory.names(in: "t-0").filter { $0.hasSuffix("index") }.sorted()
        let whole = try files.map { try directory.contents(of: "t-0/\($0)") }
        let log = try open(nil, at: directory.path)
        let partition = try partition(log)
        for round in 0..<3 {
            try expectAllFound(partition, "before cut \(round)")
            // The last segment's are not mapped: it still grows.
            try cut(files.dropLast(2).map { directory.path + "/t-0/" + $0 }, to: byteCount)
            try expectAllFound(partition, "after cut \(round)")
        }
        try log.close()
        #expect(try files.map { try directory.contents(of: "t-0/\($0)") } == whole)
    }

    @Test("a disk that cannot read what is mapped, at any call: every look-up is right at once")
    func unreadableAtAnyCall() throws {
        let filled = SimulatedDisk()
        try fill(filled, at: "/data")
        let log = try open(filled, at: "/data")
        let partition = try partition(log)
        try expectAllFound(partition, "before")
        for call in 1...60 {
            let fault = SimulatedDisk.Fault(atCall: filled.calls + call, .unreadableMappings)
            filled.add(fault)
            try expectAllFound(partition, "from call \(call) on nothing that was mapped can be read")
            #expect(filled.hadFault)
        }
        try log.close()
    }

    @Test("the newest time of a segment whose index cannot be read is not taken for an old one: retention keeps it")
    func retentionBesideUnreadableIndexes() throws {
        let disk = SimulatedDisk()
        try fill(disk, at: "/data")
        let log = try open(disk, at: "/data")
        let topic = try #require(log.topic("t"))
        // Maps the indexes, without a look at the newest times.
        for i in stride(from: 0, to: Self.recordCount, by: 61) {
            _ = try topic.partitions[0].read(from: .offset(Offset(Int64(i))), maxRecords: 1)
        }
        disk.add(SimulatedDisk.Fault(atCall: disk.calls + 1, .unreadableMappings))
        try topic.alter(settings(["segment.bytes": "100000", "retention.ms": "\(10 * Self.recordCount * 1000)"]))
        _ = log.retainNow()
        #expect(disk.hadFault && topic.partitions[0].logStart == 0)
        try expectAllFound(topic.partitions[0], "after")
        try log.close()
    }

    // MARK: Batches

    private static let largeValue = String(repeating: "x", count: 4000)

    /// One segment of about 4 MB, a record a batch.
    private func fillLarge(_ fileSystem: (any FileSystem)?, at path: String) throws {
        let log = try open(fileSystem, at: path)
        let topic = try log.createTopic("t", settings: settings(["compression.type": "producer"]))
        for i in 0..<1000 {
            let time = Timestamp(milliseconds: Self.start + Int64(i))
            try topic.partitions[0].append(Record(value: "\(i) \(Self.largeValue)", timestamp: time))
        }
        try log.close()
    }

    /// The offsets of the records that a scan brings, each of which is looked at, and what ended it.
    private func scan(_ partition: Partition, _ onRecord: (Int64) -> Void = { _ in }) -> (count: Int, LogError?) {
        var count = 0
        do throws(LogError) {
            try partition.scan(from: .earliest) { record in
                let stored = record.makeStoredRecord()
                #expect(stored.offset.value == Int64(count) && stored.valueText == "\(count) \(Self.largeValue)")
                onRecord(stored.offset.value)
                count += 1
                return true
            }
            return (count, nil)
        } catch { return (count, error) }
    }

    @Test("a segment that is cut while a scan has it mapped: what lies before is read, then the damage is said")
    func segmentCutWhileMapped() throws {
        let directory = TemporaryDirectory()
        try fillLarge(nil, at: directory.path)
        let file = directory.path + "/t-0/00000000000000000000.log"
        let log = try open(nil, at: directory.path)
        let partition = try partition(log)
        #expect(scan(partition) == (1000, nil))
        let (count, error) = scan(partition) { offset in
            if offset == 300 { try? cut([file], to: 500 * 4096) }
        }
        // A batch is a little larger than its value.
        #expect((495..<505).contains(count))
        guard case .damagedRecords(file, _, let offsets, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(offsets == Offset(Int64(count))..<1000)
        // From the start it is the same for whoever comes next, though it cannot be mapped any more.
        #expect(scan(partition) == (count, error))
        // The coordinator of groups and everybody else who reads goes on too: the process is alive.
        #expect(try partition.read(from: .offset(0), maxRecords: 1).count == 1)
    }

    @Test("a scan meets a mapping that cannot be read: it reads on without, and a read that fails is said")
    func scanOfUnreadableMapping() throws {
        let disk = SimulatedDisk()
        try fillLarge(disk, at: "/data")
        let log = try open(disk, at: "/data")
        let partition = try partition(log)
        let all = scan(partition) { offset in
            guard offset == 300 else { return }
            // Reached by the next call of anybody.
            disk.add(SimulatedDisk.Fault(atCall: disk.calls + 1, .unreadableMappings))
            _ = try? disk.list("/data")
            _ = try? disk.open("/data/t-0/00000000000000000000.log", .read).size()
        }
        #expect(all == (1000, nil) && disk.hadFault)
        #expect(scan(partition) == (1000, nil))
        // And with a disk of which reads fail as well.
        let (count, error) = scan(partition) { offset in
            guard offset == 300 else { return }
            disk.add(SimulatedDisk.Fault(atCall: disk.calls + 1, .unreadableMappings))
            _ = try? disk.open("/data/t-0/00000000000000000000.log", .read).size()
            var fault = SimulatedDisk.Fault(atCall: disk.calls + 1, .error(5))
            fault.operation = .read
            disk.add(fault)
        }
        #expect(count >= 301 && count < 1000)
        guard case .storage? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        disk.clearFaults()
        #expect(scan(partition) == (1000, nil))
        try log.close()
    }
}
