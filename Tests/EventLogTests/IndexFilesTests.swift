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
    private func withSurvivor(
        after change: (TemporaryDirectory) throws -> Void = { _ in },
        _ body: (TemporaryDirectory, EventLog, Partition) throws -> Void
    ) throws {
        let left = try directory.copy()
        try change(left)
        let (log, partition) = try open(left)
        try body(left, log, partition)
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

    @Test(
        "where somebody cuts them while they grow, they are written whole with the next entries",
        arguments: [0, 8, 150])
    func cutWhileTheyGrow(byteCount: Int) throws {
        var (log, partition) = try open()
        _ = try append(upTo: 140_000, to: partition)
        try log.checkpoint()
        for file in [offsets, times] {
            let bytes = try directory.contents(of: file)
            #expect(bytes.count > byteCount)
            try directory.write(Array(bytes.prefix(byteCount)), to: file)
        }
        let count = try append(upTo: 210_000, to: partition)
        try partition.roll()
        let written = try [offsets, times].map { try directory.contents(of: $0) }
        try expectAllFound(partition, count, "at once")
        try log.close()
        // As they are made from the batches alone.
        for file in [offsets, times] { try directory.remove(file) }
        (log, partition) = try open()
        try expectAllFound(partition, count, "made anew")
        #expect(try [offsets, times].map { try directory.contents(of: $0) } == written)
        try log.close()
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
            try withSurvivor { try expectAllFound($2, count, "\(end)") }
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
            try withSurvivor { #expect($2.lacksIndexEntries, "\(end)") }
            try log.close()
            #expect(try #require(positions(try directory.contents(of: offsets)).last) > end - 3_000)
            (log, partition) = try open()
            #expect(!partition.lacksIndexEntries, "\(end)")
            try expectAllFound(partition, count, "\(end)")
        }
        try withSurvivor { left, log, survivor in
            let count = try append(upTo: 140_000, to: survivor)
            try log.checkpoint()
            let last = try #require(positions(try left.contents(of: offsets)).last)
            #expect(last < 131_072 && last > 128_000)
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

    private func expectEqual(_ one: TemporaryDirectory, _ other: TemporaryDirectory) throws {
        for path in [offsets, times] {
            let (bytes, others) = (try one.contents(of: path), try other.contents(of: path))
            // Else the difference of thousands of bytes would be worked out.
            let isEqual = bytes == others
            #expect(isEqual, "\(path): \(bytes.count) and \(others.count) bytes")
        }
    }

    @Test("entries past what a checkpoint vouches for are not taken, and are gone before one does")
    func entriesNobodyVouchesFor() throws {
        let (log, partition) = try open()
        func append(at seconds: Int64, _ value: String) throws -> (entry: [UInt8], time: [UInt8]) {
            let position = UInt32(partition.segments[0].byteCount)
            let time = 1_700_000_000_000 + seconds * 1000
            let offset = try partition.append(Record(value: value, timestamp: Timestamp(milliseconds: time)))
            let relative = bigEndian(UInt32(offset.value))
            return (relative + bigEndian(position), bigEndian(time) + relative)
        }
        _ = try self.append(upTo: 80_000, to: partition)
        // A late record, and older ones behind it: that up to them there is no later one is wrong, and their batch
        // confirms it.
        let late = partition.end
        _ = try append(at: 200_000, "late")
        let older = try append(at: 100_000, "older")
        let last = try append(at: 300_000, "last")
        try log.checkpoint()
        let sought = Timestamp(milliseconds: 1_700_000_000_000 + 150_000_000)
        func forge(_ count: Int) -> (TemporaryDirectory) throws -> Void {
            { left in try write(count, to: left) }
        }
        func write(_ count: Int, to left: TemporaryDirectory) throws {
            for (path, entries) in [(offsets, older.entry + last.entry), (times, older.time + last.time)] {
                let forged = Array(repeatElement(entries, count: count).joined())
                try left.write(try left.contents(of: path) + forged, to: path)
            }
        }
        try withSurvivor(after: forge(1)) { _, _, reopened in
            let found = try reopened.offset(at: sought)
            #expect(found?.offset == late)
        }
        // More than there are entries to write over them, with and without something to say in a checkpoint.
        for end in [0, 180_000] {
            try withSurvivor { honest, log, partition in
                try withSurvivor(after: forge(100)) { left, again, reopened in
                    if end > 0 {
                        for (log, partition) in [(log, partition), (again, reopened)] {
                            _ = try self.append(upTo: end, to: partition)
                            try log.checkpoint()
                        }
                        try expectEqual(left, honest)
                    }
                    try log.close()
                    try again.close()
                    try expectEqual(left, honest)
                }
            }
        }
        try log.close()
    }

    @Test("no checkpoint vouches for entries that could not be taken away")
    func entriesThatStay() throws {
        let disk = SimulatedDisk()
        let log = try EventLog.open(at: "/data", options: quietOptions { $0.environment.fileSystem = disk })
        _ = try append(upTo: 100_000, to: partition(of: log))
        try log.checkpoint()
        let left = disk.kill()
        try log.close()
        let index = try left.open("/data/\(offsets)", .update)
        try index.write(bigEndian(UInt64.max), at: try index.size())
        let again = try EventLog.open(at: "/data", options: quietOptions { $0.environment.fileSystem = left })
        let count = try append(upTo: 140_000, to: partition(of: again))
        left.add(.init(at: 1, .error(24), path: ".index", operation: .truncate))
        #expect(throws: LogError.self) { try again.checkpoint() }
        left.clearFaults()
        try again.checkpoint()
        try expectAllFound(try partition(of: again), count, "afterwards")
        try again.close()
    }

    @Test("where entries cannot be taken away when the directory is closed, it is not closed, and all else is durable")
    func entriesThatStayAtClose() throws {
        let disk = SimulatedDisk()
        let log = try EventLog.open(at: "/data", options: quietOptions { $0.environment.fileSystem = disk })
        let count = try append(upTo: 100_000, to: partition(of: log))
        let relaxed = ["flush.messages": "1000000"]
        try log.createTopic("relaxed", settings: settings(relaxed))
        try log.checkpoint()
        let left = disk.kill()
        try log.close()
        let again = try EventLog.open(at: "/data", options: quietOptions { $0.environment.fileSystem = left })
        let loose = try #require(again.topic("relaxed")).partitions[0]
        try loose.append(contentsOf: numbered(25))
        // Of the entries that a kill has left there, those past 64 KiB.
        let index = try left.open("/data/\(offsets)", .update)
        let size = try index.size()
        try index.write(bigEndian(UInt64.max), at: size)
        let forged = left.kill()
        try again.close()
        let last = try EventLog.open(at: "/data", options: quietOptions { $0.environment.fileSystem = forged })
        forged.add(.init(at: 1, .error(24), path: ".index", operation: .truncate))
        #expect(throws: LogError.self) { try last.close() }
        forged.clearFaults()
        for seed: UInt64 in 0..<4 {
            let survivor = forged.crash(seed: seed)
            let log = try EventLog.open(at: "/data", options: quietOptions { $0.environment.fileSystem = survivor })
            let found = try #require(log.topic("relaxed")).partitions[0].values().count
            #expect(found == 25)
            try expectAllFound(try partition(of: log), count, "after a loss of power")
            try log.close()
        }
    }
}
