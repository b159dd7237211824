import Logging
import Storage
import Synchronization
import TestSupport
import Testing

@testable import EventLog

/// A pass over the log deletes what is past its retention, durably, and nothing else.
@Suite struct RetentionTests {
    private let directory = TemporaryDirectory()
    private let clock = SettableClock()

    private func options(_ disk: SimulatedDisk? = nil) -> EventLogOptions {
        quietOptions { options in
            if let disk { options.environment.fileSystem = disk }
            options.environment.now = { [clock] in clock.now }
            options.runsHousekeeping = false
        }
    }

    private func open() throws -> EventLog { try EventLog.open(at: directory.path, options: options()) }

    private static let small = ["segment.bytes": "2048", "compression.type": "producer", "index.interval.bytes": "200"]

    private func small(_ pairs: [String: String]) throws -> TopicSettings {
        try settings(Self.small.merging(pairs) { $1 })
    }

    /// `count` records of about 500 bytes, one a batch, a minute apart by the clock: four fill a segment.
    private func fill(_ partition: Partition, _ count: Int) throws {
        for _ in 0..<count {
            let value = "value \(partition.end) " + String(repeating: "x", count: 420)
            try partition.append(Record(value: value, timestamp: clock.now))
            clock.advance(by: 60_000)
        }
    }

    private func offsets(_ partition: Partition) throws -> [Int64] {
        try partition.read(from: .earliest, maxBytes: .max).map(\.offset.value)
    }

    private func logs(_ name: String = "t-0") throws -> Int {
        try directory.names(in: name).filter { $0.hasSuffix(".log") }.count
    }

    // MARK: By age and size

    @Test func whatIsTooOldGoesAndComesBackInNoWay() throws {
        let log = try open()
        let partition = try log.createTopic("t", settings: small(["retention.ms": "600000"])).partitions[0]
        try fill(partition, 20)
        // Of the segments of four, those whose last record is over ten minutes old.
        let result = log.retainNow()
        #expect(partition.logStart == 8)
        #expect(try offsets(partition) == Array(8..<20))
        #expect((result.partitions, result.segments, result.failures) == (1, 2, 0))
        #expect(result.bytes > 4000)
        #expect(try logs() == 3)
        #expect(log.retainNow() == RetentionResult())
        let left = try directory.copy()
        let reopened = try EventLog.open(at: left.path, options: options())
        #expect(try offsets(try #require(reopened.topic("t")).partitions[0]) == Array(8..<20))
        try reopened.close()
        try log.close()
    }

    @Test func allGoesWhenAllIsTooOldAndTheLogGoesOn() throws {
        let log = try open()
        let partition = try log.createTopic("t", settings: small(["retention.ms": "600000"])).partitions[0]
        try fill(partition, 6)
        clock.advance(by: 10_000_000)
        #expect(log.retainNow().segments == 2)
        #expect(partition.logStart == 6)
        #expect(partition.end == 6)
        #expect(try offsets(partition) == [])
        #expect(partition.diskBytes == 0)
        #expect(try logs() == 1)
        // Also the empty segment that is left is not for ever.
        #expect(log.retainNow() == RetentionResult())
        let left = try directory.copy()
        for path in [left.path, directory.path] {
            if path == directory.path { try log.close() }
            let reopened = try EventLog.open(at: path, options: options())
            let again = try #require(reopened.topic("t")).partitions[0]
            #expect(again.logStart == 6)
            #expect(try again.append(Record(value: "next", timestamp: clock.now)) == 6)
            #expect(reopened.retainNow() == RetentionResult())
            #expect(try offsets(again) == [6])
            try reopened.close()
        }
    }

    @Test func theOldestGoWhileAPartitionIsTooLarge() throws {
        let log = try open()
        let topic = try log.createTopic("t", partitions: 2, settings: small(["retention.bytes": "4000"]))
        try fill(topic.partitions[0], 20)
        try fill(topic.partitions[1], 3)
        log.retainNow()
        #expect(topic.partitions[0].logStart == 8)
        #expect(topic.partitions[0].byteCount >= 4000)
        #expect(topic.partitions[1].logStart == 0)
        try log.close()
    }

    @Test func timesInTheRecordsDecideNotThoseOfFiles() throws {
        let log = try open()
        let partition = try log.createTopic("t", settings: small(["retention.ms": "600000"])).partitions[0]
        let value = String(repeating: "x", count: 900)
        for time in [1, -1, clock.now.milliseconds + 1_000_000_000, 1, 1] as [Int64] {
            for _ in 0..<2 {
                try partition.append(Record(value: value, timestamp: Timestamp(milliseconds: time)))
            }
        }
        log.retainNow()
        // Old; without a time; one in the future, which keeps all after it.
        #expect(partition.logStart == 2)
        clock.advance(by: 1_000_700_000)
        log.retainNow()
        #expect(partition.logStart == 10)
        try log.close()
    }

    @Test func compactTopicsAndCommittedOffsetsAreLeftAlone() throws {
        let log = try open()
        let compacted = try log.createTopic(
            "c", settings: small(["cleanup.policy": "compact", "retention.ms": "1", "retention.bytes": "1"]))
        let offsets = try log.createTopic(
            ConsumerOffsets.topicName, settings: small(["retention.ms": "1", "retention.bytes": "1"]))
        for topic in [compacted, offsets] { try fill(topic.partitions[0], 12) }
        var settings = log.settings
        try settings.set("retention.total.bytes", to: "1")
        log.apply(settings)
        clock.advance(by: 1_000_000_000)
        let result = log.retainNow()
        #expect((result.segments, result.isWithinBudget) == (0, false))
        for topic in [compacted, offsets] { #expect(topic.partitions[0].logStart == 0) }
        try log.close()
    }

    @Test func aSettingHoldsFromTheNextPassOn() throws {
        let log = try open()
        let topic = try log.createTopic("t", settings: small([:]))
        try fill(topic.partitions[0], 12)
        clock.advance(by: 1_000_000_000)
        log.retainNow()
        #expect(topic.partitions[0].logStart == 0)
        try log.alterTopicDefaults([SettingOverride(name: "retention.bytes", value: "5000")])
        log.retainNow()
        #expect(topic.partitions[0].logStart == 0)
        try log.alterTopicDefaults([SettingOverride(name: "retention.bytes", value: "3900")])
        log.retainNow()
        #expect(topic.partitions[0].logStart == 4)
        try topic.alter(small(["retention.ms": "1"]))
        log.retainNow()
        #expect(topic.partitions[0].logStart == 12)
        try log.close()
    }

    @Test func recordsThatComeWhileAllIsDeletedStay() throws {
        let log = try open()
        let partition = try log.createTopic("t", settings: small(["retention.ms": "600000"])).partitions[0]
        let isDone = Atomic(false)
        let problems = Mutex<[String]>([])
        let writer = WorkerThread(name: "append") {
            for i in 0..<300 {
                // Old ones and, at times, young ones that must stay until the clock says otherwise.
                let time = i % 50 == 49 ? 1_800_000_000_000 : 1_000
                let value = String(repeating: "x", count: 300)
                do {
                    let offset = try partition.append(
                        Record(value: value, timestamp: Timestamp(milliseconds: Int64(time))))
                    guard time > 1_000 else { continue }
                    let found = try partition.read(from: .offset(offset), maxRecords: 1)
                    if found.first?.offset != offset { problems.withLock { $0.append("\(offset) is not there") } }
                } catch { problems.withLock { $0.append("\(error)") } }
            }
            isDone.store(true, ordering: .releasing)
        }
        while !isDone.load(ordering: .acquiring) { log.retainNow() }
        writer.join()
        #expect(problems.withLock { $0 } == [])
        log.retainNow()
        // The first young one keeps what follows it.
        #expect(partition.logStart <= 49)
        #expect(try offsets(partition) == Array(partition.logStart.value..<300))
        try log.close()
        let again = try open()
        #expect(try offsets(try #require(again.topic("t")).partitions[0]) == Array(partition.logStart.value..<300))
        try again.close()
    }

    @Test func aTopicThatSkipsTheJournalIsKeptInBoundsToo() throws {
        let log = try open()
        let settings = try small(["retention.ms": "600000", "flush.messages": "1000"])
        let partition = try log.createTopic("t", settings: settings).partitions[0]
        try fill(partition, 6)
        clock.advance(by: 10_000_000)
        log.retainNow()
        try fill(partition, 6)
        let left = try directory.copy()
        let reopened = try EventLog.open(at: left.path, options: options())
        #expect(try offsets(try #require(reopened.topic("t")).partitions[0]) == Array(6..<12))
        try reopened.close()
        try log.close()
    }

    // MARK: Many at once

    @Test func manyPartitionsCostTwoSyncsTogether() throws {
        let disk = SimulatedDisk()
        let log = try EventLog.open(at: "/data", options: options(disk))
        let topic = try log.createTopic("t", partitions: 40, settings: small(["retention.ms": "600000"]))
        for partition in topic.partitions { try fill(partition, 5) }
        try log.checkpoint()
        clock.advance(by: 10_000_000)
        let before = disk.operations
        let result = log.retainNow()
        #expect((result.partitions, result.segments, result.failures) == (40, 80, 0))
        for partition in topic.partitions { #expect(partition.logStart == 5) }
        // A partition: the file and indexes of a segment, two slots, the names of two segments. And four syncs of all.
        #expect(disk.operations - before <= 40 * 16 + 4)
        try log.close()
        let reopened = try EventLog.open(at: "/data", options: options(disk))
        for partition in try #require(reopened.topic("t")).partitions { #expect(partition.logStart == 5) }
        try reopened.close()
    }

    // MARK: The whole directory

    @Test func theDirectoryIsKeptWithinItsBudget() throws {
        let log = try open()
        let large = try log.createTopic("large", partitions: 2, settings: small([:]))
        let middle = try log.createTopic("middle", settings: small([:]))
        let quiet = try log.createTopic("quiet", settings: small([:]))
        try fill(middle.partitions[0], 8)
        for partition in large.partitions { try fill(partition, 16) }
        try fill(quiet.partitions[0], 4)
        let used = log.diskBytes
        let budget = used - 10_000
        var settings = log.settings
        try settings.set("retention.total.bytes", to: "\(budget)")
        log.apply(settings)
        let result = log.retainNow()
        #expect(result.isWithinBudget)
        #expect(log.diskBytes <= budget)
        #expect(log.diskBytes > budget - 2_100)
        #expect(result.bytes == used - log.diskBytes)
        #expect(quiet.partitions[0].logStart == 0)
        #expect(middle.partitions[0].logStart == 0)
        // The older partition gave first.
        #expect(large.partitions[0].logStart == 12)
        #expect(large.partitions[1].logStart == 8)
        // Nothing that has ended is left to give: it is said, once.
        try settings.set("retention.total.bytes", to: "1")
        log.apply(settings)
        #expect(!log.retainNow().isWithinBudget)
        #expect(log.retainNow().segments == 0)
        try log.close()
    }

    @Test func bytesOfTheDirectoryAreThoseOfItsFiles() throws {
        let log = try open()
        let topic = try log.createTopic("t", partitions: 2, settings: small([:]))
        try fill(topic.partitions[0], 14)
        try fill(topic.partitions[1], 3)
        func onDisk() throws -> Int {
            try ["t-0", "t-1"].reduce(try directory.contents(of: "journal").count) { sum, name in
                try directory.names(in: name).filter { !$0.hasPrefix("checkpoint") }.reduce(sum) {
                    $0 + (try directory.contents(of: "\(name)/\($1)").count)
                }
            }
        }
        let counted = log.diskBytes
        try log.close()
        #expect(counted == (try onDisk()))
        let reopened = try open()
        #expect(reopened.diskBytes == (try onDisk()))
        try reopened.close()
    }

    // MARK: A segment that is ended

    @Test func aSegmentMayEndAtAnyTimeAndTheLogIsTheSame() throws {
        for isRelaxed in [false, true] {
            let directory = TemporaryDirectory()
            let log = try EventLog.open(at: directory.path, options: options())
            let settings = try isRelaxed ? small(["flush.messages": "7"]) : small([:])
            let partition = try log.createTopic("t", settings: settings).partitions[0]
            #expect(try !partition.roll())
            var rolled = 0
            for i in 0..<30 {
                try fill(partition, 1)
                if i % 3 == 0 { rolled += try partition.roll() ? 1 : 0 }
                if i % 5 == 0 { try log.checkpoint() }
                if i % 7 == 0 {
                    let left = try directory.copy()
                    let reopened = try EventLog.open(at: left.path, options: options())
                    let again = try #require(reopened.topic("t")).partitions[0]
                    #expect(try offsets(again) == Array(0...Int64(i)))
                    try fill(again, 2)
                    try reopened.close()
                }
            }
            #expect(rolled == 10)
            #expect(try !partition.roll() || partition.segments.count > 10)
            #expect(try offsets(partition) == Array(0..<30))
            for (segment, next) in zip(partition.segments, partition.segments.dropFirst()) {
                #expect(try segment.batch(containing: next.baseOffset.advanced(by: -1)) != nil)
            }
            try log.close()
            let reopened = try EventLog.open(at: directory.path, options: options())
            #expect(try offsets(try #require(reopened.topic("t")).partitions[0]) == Array(0..<30))
            try reopened.close()
        }
    }

    @Test func aSegmentThatCannotEndIsWrittenOn() throws {
        for failing in ["00000000000000000003.log", ".index", ".timeindex"] {
            let disk = SimulatedDisk()
            let log = try EventLog.open(at: "/data", options: options(disk))
            let partition = try log.createTopic("t", settings: small([:])).partitions[0]
            try fill(partition, 3)
            let operation: FileError.Operation = failing == ".index" ? .write : .create
            disk.add(SimulatedDisk.Fault(at: 0, .error(28), path: failing, operation: operation))
            #expect(throws: FileError.self) { try partition.roll() }
            disk.clearFaults()
            try fill(partition, 8)
            #expect(try offsets(partition) == Array(0..<11))
            // What the attempt has left is in nobody's way.
            #expect(disk.contents("/data/t-0/00000000000000000003.log") == nil)
            for copy in [disk.kill(), disk.crash(seed: 3)] {
                let reopened = try EventLog.open(at: "/data", options: options(copy))
                #expect(try offsets(try #require(reopened.topic("t")).partitions[0]) == Array(0..<11))
                try reopened.close()
            }
            try log.close()
        }
    }

    @Test func segmentsOfCompactedTopicsEndByTheClock() throws {
        let log = try open()
        let compact = ["cleanup.policy": "compact", "segment.ms": "600000"]
        let byAge = try log.createTopic("age", settings: small(compact)).partitions[0]
        let byLag = try log.createTopic(
            "lag", settings: small(compact.merging(["max.compaction.lag.ms": "100000"]) { $1 })
        ).partitions[0]
        let deleted = try log.createTopic("deleted", settings: small(["segment.ms": "1"])).partitions[0]
        let partitions = [byAge, byLag, deleted]
        let start = clock.now
        for partition in partitions { try partition.append(Record(value: "x", timestamp: start)) }
        func ended() -> [Bool] {
            log.kept.rollAgedSegments()
            return partitions.map { $0.segments.count > 1 }
        }
        clock.advance(by: 100_000)
        #expect(ended() == [false, false, false])
        clock.advance(by: 1)
        #expect(ended() == [false, true, false])
        clock.advance(by: 500_000)
        #expect(ended() == [true, true, false])
        // An empty one does not end.
        #expect(ended() == [true, true, false])
        #expect(byAge.segments.count == 2)
        try log.close()
    }
}
