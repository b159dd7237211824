import Storage
import TestSupport
import Testing

@testable import EventLog

/// When the index files of the segment that is written have which entries.
@Suite struct IndexFilesTests {
    let directory = TemporaryDirectory()
    private let offsets = "t-0/\(SegmentFiles.offsetIndex(0))"
    private let times = "t-0/\(SegmentFiles.timeIndex(0))"

    private func open(_ directory: TemporaryDirectory? = nil) throws -> (EventLog, Partition) {
        let log = try EventLog.open(at: (directory ?? self.directory).path, options: quietOptions())
        return (log, try self.partition(of: log))
    }

    /// What a process finds that opens the directory after this one is killed now.
    private func withSurvivor(_ body: (EventLog, Partition) throws -> Void) throws {
        let left = try directory.copy()
        let (log, partition) = try open(left)
        try body(log, partition)
        try log.close()
        withExtendedLifetime(left) {}
    }

    /// With an entry each 1,000 bytes.
    private func partition(of log: EventLog) throws -> Partition {
        let settings = try settings(["compression.type": "producer", "index.interval.bytes": "1000"])
        return try (log.topic("t") ?? log.createTopic("t", settings: settings)).partitions[0]
    }

    /// Batches of 25 records, a second each, until the segment has so many bytes; returns how many records there are.
    private func append(upTo byteCount: Int, to partition: Partition) throws -> Int {
        while partition.segments[0].byteCount < byteCount {
            try partition.append(contentsOf: numbered(25, from: Int(partition.end.value)))
        }
        return Int(partition.end.value)
    }

    /// Where the batches lie that the entries of the offset index point at.
    private func positions(_ bytes: [UInt8]) -> [Int] {
        stride(from: 4, to: bytes.count, by: 8).map { at in bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }
    }

    private func expectAllFound(_ partition: Partition, _ count: Int, _ what: Comment) throws {
        #expect(try partition.values().count == count, what)
        for i in stride(from: 0, to: count, by: 77) {
            let time = Timestamp(milliseconds: 1_700_000_000_000 + Int64(i) * 1000 - 500)
            #expect(try partition.offset(at: time)?.offset == Offset(Int64(i)), what)
        }
    }

    @Test("they speak of whole 64 KiB, and of all of it when the segment is sealed")
    func strides() throws {
        let (log, partition) = try open()
        _ = try append(upTo: 60_000, to: partition)
        try log.checkpoint()
        #expect(positions(try directory.contents(of: offsets)).isEmpty)
        for end in [70_000, 120_000, 200_000] {
            let count = try append(upTo: end, to: partition)
            try log.checkpoint()
            let whole = end / 65_536 * 65_536
            let last = try #require(positions(try directory.contents(of: offsets)).last)
            #expect(last < whole && last > whole - 3_000, "\(end)")
            // Whoever opens it makes the rest of the index from the batches.
            try withSurvivor { try expectAllFound($1, count, "\(end)") }
        }
        try partition.roll()
        let last = try #require(positions(try directory.contents(of: offsets)).last)
        #expect(last > partition.segments[0].byteCount - 3_000)
        try log.close()
    }

    @Test("when the directory is closed they have every entry, and are trusted; in strides again from there on")
    func completeWhenClosed() throws {
        var (log, partition) = try open()
        for end in [40_000, 90_000] {
            let count = try append(upTo: end, to: partition)
            // At the end it has nothing to say but what its index files lack.
            try log.checkpoint()
            #expect(!partition.isDirty && partition.lacksIndexEntries, "\(end)")
            try withSurvivor { #expect($1.lacksIndexEntries, "\(end)") }
            try log.close()
            #expect(try #require(positions(try directory.contents(of: offsets)).last) > end - 3_000)
            (log, partition) = try open()
            #expect(!partition.lacksIndexEntries, "\(end)")
            try expectAllFound(partition, count, "\(end)")
        }
        // Killed now, it has them still, and writes them anew before a checkpoint vouches for them.
        try withSurvivor { killed, survivor in
            let count = try append(upTo: 140_000, to: survivor)
            try killed.checkpoint()
            try expectAllFound(survivor, count, "killed")
        }
        try log.close()
    }

    @Test(
        "a disk that takes no index when the directory is closed costs nothing but the index",
        arguments: [".index", ".timeindex"])
    func noRoomWhenClosed(name: String) throws {
        let disk = SimulatedDisk()
        let options = quietOptions { $0.environment.fileSystem = disk }
        var log = try EventLog.open(at: "/data", options: options)
        let count = try append(upTo: 30_000, to: partition(of: log))
        disk.add(.init(at: 1, .error(28), path: name, operation: .write))
        try log.close()
        #expect(disk.hadFault)
        disk.clearFaults()
        for isFirst in [true, false] {
            log = try EventLog.open(at: "/data", options: options)
            #expect(try partition(of: log).lacksIndexEntries == isFirst)
            try expectAllFound(try partition(of: log), count, "\(isFirst)")
            try log.close()
        }
    }

    @Test("entries past what a checkpoint vouches for are not taken, and are gone before one does")
    func entriesNobodyVouchesFor() throws {
        let (log, partition) = try open()
        var count = try append(upTo: 100_000, to: partition)
        try log.checkpoint()
        let left = try directory.copy()
        try log.close()
        // As of batches that were cut: ascending, and wrong.
        let false1 = bigEndian(UInt32(count - 30)) + bigEndian(UInt32(80_001))
        let false2 = bigEndian(UInt64(1_800_000_000_000)) + bigEndian(UInt32(count - 30))
        try left.write(try left.contents(of: offsets) + false1, to: offsets)
        try left.write(try left.contents(of: times) + false2, to: times)
        for end in [100_000, 120_000, 160_000] {
            let (again, reopened) = try open(left)
            count = try append(upTo: end, to: reopened)
            try again.checkpoint()
            try expectAllFound(reopened, count, "\(end)")
            // The first time nothing was appended, and no checkpoint made.
            #expect(try left.contents(of: times).suffix(12).elementsEqual(false2) == (end == 100_000))
            try again.close()
        }
    }
}
