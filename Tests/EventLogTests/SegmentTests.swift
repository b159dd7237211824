import Storage
import TestSupport
import Testing

@testable import EventLog

@Suite struct SegmentTests {
    let directory = TemporaryDirectory()

    /// A closed log with batches of 25 records in several segments, a record a second.
    private func fill(_ more: [String: String] = [:], batches: Int = 40) throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let base = ["segment.bytes": "16384", "compression.type": "producer", "index.interval.bytes": "1000"]
        let topic = try log.createTopic("t", settings: settings(base.merging(more) { $1 }))
        for i in 0..<batches { try topic.partitions[0].append(contentsOf: numbered(25, from: i * 25)) }
        try log.close()
    }

    private func segments() throws -> [String] {
        try directory.names(in: "t-0").filter { $0.hasSuffix(".log") }.map { String($0.dropLast(4)) }
    }

    private func open() throws -> (EventLog, Partition) {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        return (log, try #require(log.topic("t")).partitions[0])
    }

    private func expectAllFound(_ partition: Partition, _ what: Comment) throws {
        for i in stride(from: 0, to: 1000, by: 31) {
            let record = try #require(try partition.read(from: .offset(Offset(Int64(i))), maxRecords: 1).first, what)
            #expect(record.valueText == "value \(i)", what)
            let found = try partition.offset(at: Timestamp(milliseconds: 1_700_000_000_000 + Int64(i) * 1000 - 500))
            #expect(found?.offset == Offset(Int64(i)), what)
        }
        #expect(try partition.offset(at: Timestamp(milliseconds: 1_700_000_000_000 + 999_001)) == nil, what)
    }

    @Test func segmentsRollByBytesAndAreNamedByTheirBaseOffset() throws {
        try fill()
        let names = try segments()
        #expect(names.count > 1)
        #expect(names.first == "00000000000000000000")
        for name in names {
            #expect(try directory.contents(of: "t-0/\(name).log").count <= 16384)
            let header = try header(of: directory.contents(of: "t-0/\(name).log")[...])
            #expect(header.baseOffset == Offset(try #require(Int64(name))))
        }
    }

    @Test func segmentsRollByTheTimeOfTheirRecords() throws {
        // 25 records a batch, a second each: a segment takes a minute's batches.
        try fill(["segment.bytes": "1000000", "segment.ms": "60000"])
        let (log, partition) = try open()
        #expect(try segments().count >= 10)
        try expectAllFound(partition, "by time")
        try log.close()
    }

    @Test func batchesWithoutATimestampEndNoSegment() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let partition = try log.createTopic("t", settings: settings(["segment.ms": "60000"])).partitions[0]
        let none = Record(value: "none", timestamp: Timestamp.none)
        let some = Record(value: "some", timestamp: Timestamp(milliseconds: 1_700_000_000_000))
        for record in [none, some, none, some] { try partition.append(record) }
        try log.close()
        #expect(try segments() == ["00000000000000000000"])
    }

    @Test("a segment that begins without timestamps ends by the first one in it, also when the log is opened again")
    func timeOfASegmentThatBeginsWithout() throws {
        func record(_ seconds: Int64) -> Record {
            Record(value: "some", timestamp: Timestamp(milliseconds: 1_700_000_000_000 + seconds * 1000))
        }
        var log = try EventLog.open(at: directory.path, options: quietOptions())
        var partition = try log.createTopic("t", settings: settings(["segment.ms": "60000"])).partitions[0]
        for record in [Record(value: "none", timestamp: Timestamp.none), record(0), record(61)] {
            try partition.append(record)
        }
        #expect(try segments() == ["00000000000000000000", "00000000000000000002"])
        for record in [Record(value: "none", timestamp: Timestamp.none), record(200)] { try partition.append(record) }
        #expect(try segments().count == 3)
        try partition.deleteRecords(before: partition.end)
        for record in [Record(value: "none", timestamp: Timestamp.none), record(260)] { try partition.append(record) }
        try log.close()
        log = try EventLog.open(at: directory.path, options: quietOptions())
        partition = try #require(log.topic("t")).partitions[0]
        let before = try segments()
        try partition.append(record(261))
        #expect(try segments().count == before.count + 1)
        try log.close()
    }

    @Test func onlyTwentyDigitsNameASegment() {
        let names = [
            "00000000000000000007.log", "+0000000000000000008.log", "-0000000000000000000.log", "9.log",
            "00000000000000000009.index", "00000000000000000010.log.tmp", "99999999999999999999.log", "checkpoint",
        ]
        #expect(SegmentFiles.baseOffsets(in: names) == [7])
    }

    @Test func indexesHaveKafkasEntries() throws {
        try fill()
        for name in try segments() {
            let base = try #require(Int64(name))
            let log = try directory.contents(of: "t-0/\(name).log")
            var expected: [UInt8] = []
            var times: [UInt8] = []
            // Kafka's rule, written down once more: an entry for a batch when more than the interval lies behind.
            var position = 0
            var sinceEntry = 0
            var lastTime: Int64 = -1
            var maximum: (time: Int64, offset: Int64) = (-1, 0)
            while position < log.count {
                let header = try header(of: log[position...])
                if header.maxTimestamp.milliseconds > maximum.time {
                    maximum = (header.maxTimestamp.milliseconds, header.lastOffset.value - base)
                }
                if sinceEntry > 1000 {
                    expected += bigEndian(UInt32(header.lastOffset.value - base)) + bigEndian(UInt32(position))
                    times += bigEndian(UInt64(maximum.time)) + bigEndian(UInt32(maximum.offset))
                    lastTime = maximum.time
                    sinceEntry = 0
                }
                sinceEntry += header.sizeInBytes
                position += header.sizeInBytes
            }
            if try name != segments().last, maximum.time > lastTime {
                times += bigEndian(UInt64(maximum.time)) + bigEndian(UInt32(maximum.offset))
            }
            #expect(try directory.contents(of: "t-0/\(name).index") == expected)
            #expect(try directory.contents(of: "t-0/\(name).timeindex") == times)
        }
    }

    @Test(arguments: [true, false])
    func whatLiesAroundDamageIsReadThoughTheIndexesMustBeMadeAnew(hasIndexes: Bool) throws {
        try fill()
        let names = try segments()
        let file = "t-0/\(names[0]).log"
        try directory.write(Array(try directory.contents(of: file).dropLast(7)), to: file)
        if !hasIndexes { for suffix in ["index", "timeindex"] { try directory.remove("t-0/\(names[0]).\(suffix)") } }
        let (log, partition) = try open()
        let next = try #require(Int64(names[1]))
        #expect(try partition.read(from: .earliest, maxRecords: 1).map(\.offset) == [0])
        #expect(try partition.slice(from: 0, maxBytes: 1 << 20, firstBatchWhole: true) != nil)
        #expect(throws: LogError.self) { try partition.read(from: .offset(Offset(next - 1)), maxRecords: 1) }
        #expect(try partition.read(from: .offset(Offset(next)), maxRecords: 1).map(\.offset.value) == [next])
        try log.close()
    }

    private func header(of bytes: ArraySlice<UInt8>) throws -> RecordBatchHeader {
        try bytes.withUnsafeBytes { try RecordBatchHeader(parsing: $0.bytes) }
    }

    @Test(arguments: ["missing", "empty", "short", "zeroed", "random", "shifted", "swapped"])
    func indexesAreCachesAndAreMadeAnew(damage: String) throws {
        try fill()
        var random = SeededRandom(seed: 7)
        let names = try segments()
        var originals: [String: [UInt8]] = [:]
        for name in names {
            for suffix in ["index", "timeindex"] {
                let file = "t-0/\(name).\(suffix)"
                let bytes = try directory.contents(of: file)
                originals[file] = bytes
                switch damage {
                case "missing": try directory.remove(file)
                case "empty": try directory.write([], to: file)
                case "short": try directory.write(Array(bytes[..<(bytes.count / 2)]), to: file)
                case "zeroed": try directory.write([UInt8](repeating: 0, count: bytes.count), to: file)
                case "random":
                    try directory.write(bytes.map { _ in UInt8.random(in: 0...255, using: &random) }, to: file)
                case "shifted": try directory.write(bytes.map { $0 &+ 1 }, to: file)
                default: try directory.write(Array(bytes.reversed()), to: file)
                }
            }
        }
        let (log, partition) = try open()
        try expectAllFound(partition, "\(damage)")
        for name in names.dropLast() {
            for suffix in ["index", "timeindex"] {
                let file = "t-0/\(name).\(suffix)"
                #expect(try directory.contents(of: file) == originals[file], "\(damage): \(file)")
            }
        }
        try partition.append(contentsOf: numbered(100, from: 1000))
        #expect(try partition.values().count == 1100)
        try log.close()
    }

    @Test("a time index that lost its last entries is made again: no later time is overlooked")
    func shortTimeIndex() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let settings = try settings(["compression.type": "producer", "index.interval.bytes": "200"])
        let partition = try log.createTopic("t", settings: settings).partitions[0]
        // The latest time lies in the middle: nothing behind it says that there is one.
        let times: [Int64] =
            (0..<20).map { (i: Int64) in 10_000 + i * 1000 } + (0..<20).map { (i: Int64) in 10_500 + i }
        for time in times {
            try partition.append(Record(value: "at \(time)", timestamp: Timestamp(milliseconds: time)))
        }
        try partition.roll()
        try log.close()
        let path = "t-0/00000000000000000000.timeindex"
        let bytes = try directory.contents(of: path)
        #expect(bytes.count > 5 * 12)
        for count in 0..<bytes.count / 12 {
            try directory.write(Array(bytes[..<(count * 12)]), to: path)
            let (log, partition) = try open()
            #expect(try partition.segments[0].newest(isSealed: true) == Timestamp(milliseconds: 29_000), "\(count)")
            #expect(try partition.offset(at: Timestamp(milliseconds: 28_500))?.offset == 19, "\(count)")
            #expect(try directory.contents(of: path) == bytes, "\(count)")
            try log.close()
        }
    }

    @Test("indexes of a segment that has no time in it are made once")
    func noTimes() throws {
        let disk = SimulatedDisk()
        func open() throws -> EventLog {
            try EventLog.open(at: "/data", options: quietOptions { $0.environment.fileSystem = disk })
        }
        let log = try open()
        let partition = try log.createTopic("t").partitions[0]
        for i in 0..<10 { try partition.append(Record(value: "value \(i)")) }
        try partition.roll()
        try log.settleForCompaction([partition])
        try Rewriting(partition: partition).run { _ in false }
        try partition.append(Record(value: "last"))
        try log.close()
        for _ in 0..<2 {
            let log = try open()
            let before = disk.operations
            #expect(try #require(log.topic("t")).partitions[0].values() == ["last"])
            #expect(disk.operations == before)
            try log.close()
        }
    }

    @Test func oneWrongIndexEntryDoesNotMislead() throws {
        try fill()
        let name = try #require(try segments().first)
        let file = "t-0/\(name).index"
        let bytes = try directory.contents(of: file)
        for entry in stride(from: 0, to: bytes.count, by: 8) {
            var harmed = bytes
            harmed[entry + 7] ^= 0x10
            try directory.write(harmed, to: file)
            let (log, partition) = try open()
            try expectAllFound(partition, "entry at \(entry)")
            try log.close()
        }
    }

    /// No checksum covers a batch's base offset: any value may stand there.
    @Test(arguments: [.min, .min + 30, -1, .max, .max - 3] as [Int64])
    func aBaseOffsetThatIsDamagedDoesNotTrap(damaged: Int64) throws {
        try fill(batches: 80)
        let names = try segments()
        try #require(names.count > 2)
        let base = try #require(Int64(names[1]))
        var log = try directory.contents(of: "t-0/\(names[1]).log")
        log.replaceSubrange(0..<8, with: bigEndian(damaged))
        try directory.write(log, to: "t-0/\(names[1]).log")
        for removesIndexes in [false, true] {
            if removesIndexes {
                for suffix in ["index", "timeindex"] { try directory.remove("t-0/\(names[1]).\(suffix)") }
            }
            let (log, partition) = try open()
            // The segments beside it are as they were.
            let before = try partition.read(from: .offset(Offset(base - 1)), maxRecords: 1)
            #expect(before.first?.valueText == "value \(base - 1)")
            let later = try #require(Int64(names[2]))
            let after = try partition.read(from: .offset(Offset(later)), maxRecords: 1)
            #expect(after.first?.valueText == "value \(later)")
            // What answer there is for the rest depends on the value; there is one.
            for i in base..<later {
                _ = try? partition.read(from: .offset(Offset(i)), maxRecords: 1)
                _ = try? partition.offset(at: Timestamp(milliseconds: 1_700_000_000_000 + i * 1000))
                _ = try? partition.indexedPosition(of: Offset(i))
            }
            _ = try? partition.maxTimestampOffset()
            try log.close()
        }
    }

    @Test func maxTimestampIsFoundWhereverItIs() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let topic = try log.createTopic("t", settings: settings(["segment.bytes": "16384"]))
        let partition = topic.partitions[0]
        #expect(try partition.maxTimestampOffset() == nil)
        for i in 0..<500 {
            let time = Int64(1_700_000_000_000) + (i == 123 ? 9_999_999 : Int64(i))
            try partition.append(
                Record(
                    value: "value \(i) \(String(repeating: "x", count: 50))", timestamp: Timestamp(milliseconds: time)))
        }
        #expect(try partition.maxTimestampOffset()?.offset == 123)
        try log.close()
        let (again, reopened) = try open()
        #expect(try reopened.maxTimestampOffset()?.offset == 123)
        #expect(try reopened.offset(at: Timestamp(milliseconds: 1_700_000_000_400))?.offset == 123)
        try again.close()
    }

    @Test func aTimeThatIsNotPublishedHidesNoOther() throws {
        let disk = SimulatedDisk()
        let log = try EventLog.open(at: "/data", options: quietOptions { $0.environment.fileSystem = disk })
        let topic = try log.createTopic("t", settings: settings(["index.interval.bytes": "0"]))
        let partition = topic.partitions[0]
        for time in [100, 300, 200] {
            try partition.append(Record(value: "\(time)", timestamp: Timestamp(milliseconds: Int64(time))))
        }
        // Written to the segment, but not to the journal.
        disk.add(SimulatedDisk.Fault(at: 0, .error(5), path: "journal", operation: .write))
        #expect(throws: LogError.self) {
            try partition.append(Record(value: "400", timestamp: Timestamp(milliseconds: 400)))
        }
        #expect(try partition.maxTimestampOffset()?.offset == 1)
        #expect(try partition.offset(at: Timestamp(milliseconds: 250))?.offset == 1)
        #expect(try partition.offset(at: Timestamp(milliseconds: 350)) == nil)
    }

    @Test func recordsWithoutATimeEndNoSegment() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let partition = try log.createTopic("t").partitions[0]
        for time: Int64 in [-1, 1_700_000_000_000, -1, 1_700_000_000_001] {
            try partition.append(Record(value: "x", timestamp: Timestamp(milliseconds: time)))
        }
        #expect(partition.segments.count == 1)
        try log.close()
    }

    @Test func sealedSegmentsAreClosedWhereTooManyAreOpen() throws {
        try fill()
        let filled = try open()
        for i in 40..<100 { try filled.1.append(contentsOf: numbered(25, from: i * 25)) }
        try filled.0.close()
        let (log, partition) = try open()
        let sealed = Array(partition.segments.dropLast())
        #expect(sealed.count >= 3)
        let open = OpenSegments(max: 2)
        for segment in sealed {
            _ = try segment.batch(containing: segment.baseOffset)
            open.add(segment.state)
        }
        #expect(sealed.map(\.isOpen) == sealed.indices.map { $0 >= sealed.count - 2 })
        for i in stride(from: 0, to: 2500, by: 31) {
            let record = try partition.read(from: .offset(Offset(Int64(i))), maxRecords: 1).first
            #expect(record?.valueText == "value \(i)")
        }
        // The one that is written stays.
        partition.segments.last?.state.release()
        try partition.append(contentsOf: numbered(5, from: 2500))
        #expect(try partition.values().count == 2505)
        try log.close()
    }
}
