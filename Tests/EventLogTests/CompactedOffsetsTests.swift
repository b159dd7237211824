import Storage
import Synchronization
import TestSupport
import Testing

@testable import EventLog

@Suite("Committed offsets in a compacted log", .timeLimit(.minutes(10)))
struct CompactedOffsetsTests {
    private static let partition = "\(ConsumerOffsets.topicName)-0"
    private static let snapshot = "\(partition)/\(OffsetsSnapshot.fileName)"

    private static func open(_ directory: TemporaryDirectory, _ clock: TestClock) throws -> EventLog {
        try EventLog.open(at: directory.path, options: quietOptions { $0.environment.now = clock.now })
    }

    /// A directory in which groups have committed, were reset and deleted, in small segments; closed.
    private static func directory(_ clock: TestClock, seed: UInt64 = 1, changes: Int = 150) throws -> TemporaryDirectory
    {
        let directory = TemporaryDirectory.inMemory()
        let log = try open(directory, clock)
        try log.createTopic("readings", partitions: 4)
        let offsets = try log.consumerOffsets()
        try offsets.prepare(partitionCount: 1)
        let topic = try #require(log.topic(ConsumerOffsets.topicName))
        var settings = topic.settings
        try settings.set("segment.bytes", to: "2000")
        try topic.alter(settings)
        var random = SeededRandom(seed: seed)
        for number in 0..<changes {
            clock.set(clock.now().milliseconds + 1000)
            let group = ["a", "b", "c"].randomElement(using: &random) ?? "a"
            if Int.random(in: 0..<15, using: &random) == 0, let stored = offsets.group(group) {
                let note = ChangeNote(kind: "delete", id: "\(number)")
                try offsets.store(
                    GroupChange(stored.removal, by: ConsumerOffsetsTests.author, note: note), in: group)
                continue
            }
            let entries = (0..<Int.random(in: 1...2, using: &random)).map { _ in
                GroupEntry.offset(
                    topic: "readings", partition: Int32.random(in: 0..<4, using: &random),
                    CommittedOffset(Offset(Int64(number))))
            }
            try offsets.store(GroupChange(entries, by: ConsumerOffsetsTests.author), in: group)
        }
        try log.close()
        return directory
    }

    /// What the groups have stored, and whether a snapshot helped to say so.
    private static func stored(
        _ directory: TemporaryDirectory, _ clock: TestClock
    ) throws -> (offsets: [String: [String: [Int32: CommittedOffset]]], isFromSnapshot: Bool) {
        let log = try open(directory, clock)
        let shard = try #require(try log.consumerOffsets().shards.withLock { $0 }.first)
        let (groups, isFromSnapshot) = shard.withContents { ($0.groups, $0.snapshotEnd != nil) }
        #expect(
            groups.mapValues(\.offsets) == ConsumerOffsetsTests.logAlone(shard.partition).groups.mapValues(\.offsets))
        try log.close()
        return (groups.mapValues(\.offsets), isFromSnapshot)
    }

    @Test(
        "a compacted log comes to what the whole log came to, with an old snapshot, without, and with a new one",
        arguments: 1...5)
    func sameOffsets(seed: UInt64) throws {
        let clock = TestClock(1_000_000)
        let directory = try Self.directory(clock, seed: seed)
        let before = try Self.stored(directory, clock)
        #expect(before.isFromSnapshot && !before.offsets.isEmpty)
        #expect(try CompactedByHand.compact(directory, Self.partition) > 20)
        let copy = try directory.copy()
        try copy.remove(Self.snapshot)
        for place in [directory, copy] {
            let after = try Self.stored(place, clock)
            #expect(after.offsets == before.offsets)
            // Closing has written one that names the batches that there are now.
            let again = try Self.stored(place, clock)
            #expect(again.isFromSnapshot && again.offsets == before.offsets)
        }
    }

    @Test("a snapshot whose batches were compacted is not believed, and closing writes another")
    func staleSnapshot() throws {
        let clock = TestClock(1_000_000)
        let directory = try Self.directory(clock, changes: 40)
        let stale = try directory.contents(of: Self.snapshot)
        #expect(try CompactedByHand.compact(directory, Self.partition) > 5)
        #expect(try !Self.stored(directory, clock).isFromSnapshot)
        #expect(try directory.contents(of: Self.snapshot) != stale)
        #expect(try Self.stored(directory, clock).isFromSnapshot)
    }

    @Test("who goes through a group's records is told which follow a gap, and whether there is one")
    func gaps() throws {
        let clock = TestClock(1_000_000)
        let directory = try Self.directory(clock)
        func flags() throws -> (flags: [Bool], hasGap: Bool) {
            let log = try Self.open(directory, clock)
            var flags: [Bool] = []
            let hasGap = try log.consumerOffsets().forEachRecord(of: "a") { _, followsGap in
                flags.append(followsGap)
                return true
            }
            try log.close()
            return (flags, hasGap)
        }
        let whole = try flags()
        #expect(!whole.hasGap && !whole.flags.contains(true) && !whole.flags.isEmpty)
        #expect(try CompactedByHand.compact(directory, Self.partition) > 20)
        let compacted = try flags()
        #expect(compacted.hasGap && compacted.flags.last == true && compacted.flags.count < whole.flags.count)
    }

    @Test(
        "a gap before the first record, between records and after the last is a gap; a log that starts later has none")
    func continuity() {
        func hasGap(from start: Offset, _ offsets: [Int64], to end: Offset) -> Bool {
            var continuity = OffsetContinuity(from: start)
            for offset in offsets { continuity.take(Offset(offset)) }
            continuity.end(at: end)
            return continuity.hasGap
        }
        #expect(!hasGap(from: 0, [0, 1, 2], to: 3) && !hasGap(from: 5, [5, 6], to: 7) && !hasGap(from: 5, [], to: 5))
        #expect(hasGap(from: 0, [1, 2], to: 3) && hasGap(from: 0, [0, 2], to: 3))
        #expect(hasGap(from: 0, [0, 1], to: 3) && hasGap(from: 0, [], to: 1))
        // A batch that begins below the start.
        #expect(!hasGap(from: 5, [4, 5, 6], to: 7))
    }

    // MARK: Settings

    private func values(_ topic: Topic?) -> [String: String] {
        Dictionary(uniqueKeysWithValues: (topic?.settings.overrides ?? []).map { ($0.name, $0.value) })
    }

    @Test("the topic of offsets is compacted past seven days, in segments of a day")
    func newTopic() throws {
        let directory = TemporaryDirectory.inMemory()
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        try log.consumerOffsets().prepare(partitionCount: 1)
        #expect(
            values(log.topic(ConsumerOffsets.topicName)) == [
                "cleanup.policy": "compact", "max.message.bytes": "15728640", "min.compaction.lag.ms": "604800000",
                "segment.bytes": "104857600", "segment.ms": "86400000",
            ])
        try log.close()
    }

    @Test("a directory of before topics were compacted gets the settings when it is opened, and keeps what was set")
    func migration() throws {
        let directory = TemporaryDirectory.inMemory()
        do {
            let log = try EventLog.open(at: directory.path, options: quietOptions())
            try log.createTopic("readings")
            try log.consumerOffsets().prepare(partitionCount: 1)
            try log.consumerOffsets().store(ConsumerOffsetsTests.commit("readings", 0, 1), in: "g")
            try log.close()
        }
        let file = CatalogueFile(in: directory.path, PosixFileSystem())
        var catalogue = try #require(try file.read())
        let at = try #require(catalogue.topics.firstIndex { $0.name == ConsumerOffsets.topicName })
        catalogue.topics[at].settings = try settings(["segment.bytes": "104857600", "segment.ms": "5000000"])
        try file.write(catalogue)
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let topic = try #require(log.topic(ConsumerOffsets.topicName))
        #expect(
            values(topic) == [
                "cleanup.policy": "compact", "min.compaction.lag.ms": "604800000", "segment.bytes": "104857600",
                "segment.ms": "5000000",
            ])
        #expect(topic.partitions[0].settings == topic.settings)
        #expect(try log.consumerOffsets().committedOffset("g", "readings", 0)?.offset == 1)
        // Durable with the next change of anything.
        try log.createTopic("other")
        try log.close()
        #expect(try file.read()?.topics.first { $0.name == ConsumerOffsets.topicName }?.settings == topic.settings)
    }

    @Test("offsets.history.ms is in force at once, for a topic that comes later, and after opening without it")
    func history() throws {
        let directory = TemporaryDirectory.inMemory()
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let offsets = try log.consumerOffsets()
        try offsets.keepHistory(milliseconds: 7_000_000)
        #expect(offsets.historyMilliseconds == nil)
        try offsets.prepare(partitionCount: 1)
        #expect(offsets.historyMilliseconds == 7_000_000)
        #expect(values(log.topic(ConsumerOffsets.topicName))["segment.ms"] == "1000000")
        let topic = try #require(log.topic(ConsumerOffsets.topicName))
        var altered = topic.settings
        try altered.set("max.compaction.lag.ms", to: "8000000")
        try topic.alter(altered)
        try offsets.keepHistory(milliseconds: 9_000_000)
        #expect(offsets.historyMilliseconds == 9_000_000)
        #expect(values(topic)["max.compaction.lag.ms"] == nil)
        try offsets.keepHistory(milliseconds: 0)
        #expect(values(topic)["segment.ms"] == "60000")
        try offsets.keepHistory(milliseconds: .max)
        #expect(values(topic)["segment.ms"] == "86400000")
        try log.close()
        let reopened = try EventLog.open(at: directory.path, options: quietOptions())
        #expect(try reopened.consumerOffsets().historyMilliseconds == .max)
        try reopened.close()
    }

    @Test("a history that is made longer is whole since what the shorter one kept, also after opening")
    func longerHistory() throws {
        let directory = TemporaryDirectory.inMemory()
        let clock = SettableClock(10_000_000)
        let options = quietOptions { $0.environment.now = { clock.now } }
        let log = try EventLog.open(at: directory.path, options: options)
        let offsets = try log.consumerOffsets()
        try offsets.keepHistory(milliseconds: 1_000_000)
        try offsets.prepare(partitionCount: 1)
        func start(_ offsets: ConsumerOffsets) -> Int64? { offsets.historyStart(now: clock.now)?.milliseconds }
        #expect(start(offsets) == 9_000_000)
        try offsets.keepHistory(milliseconds: 7_000_000)
        #expect(start(offsets) == 9_000_000)
        // Settings that others keep in the directory are theirs alone.
        try log.store([SettingOverride(name: "broker:a", value: "1")])
        #expect(try log.storedSettings().map(\.name) == ["broker:a"])
        // A shorter one, which takes more away, and a longer one again.
        try offsets.keepHistory(milliseconds: 500_000)
        #expect(start(offsets) == 9_500_000)
        clock.advance(by: 1_000_000)
        try offsets.keepHistory(milliseconds: .max)
        #expect(start(offsets) == 10_500_000)
        try log.close()
        let reopened = try EventLog.open(at: directory.path, options: options)
        #expect(start(try reopened.consumerOffsets()) == 10_500_000)
        #expect(try reopened.storedSettings().map(\.name) == ["broker:a"])
        try reopened.close()
    }

    @Test(
        "settings by which committed offsets would go are refused",
        arguments: [
            ["cleanup.policy": "delete"], ["cleanup.policy": "compact,delete"], ["record.ttl.ms": "5"],
            ["record.ttl.headers": "true"],
        ])
    func refused(pairs: [String: String]) throws {
        let directory = TemporaryDirectory.inMemory()
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        try log.consumerOffsets().prepare(partitionCount: 1)
        let topic = try #require(log.topic(ConsumerOffsets.topicName))
        let before = topic.settings
        var settings = before
        for (name, value) in pairs { try settings.set(name, to: value) }
        let error = #expect(throws: LogError.self) { try topic.alter(settings) }
        guard case .invalidSetting(let name, let value, _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(pairs[name] == value && topic.settings == before)
        try log.close()
    }
}
