import Synchronization
import TestSupport
import Testing

@testable import EventLog

/// How large `__consumer_offsets` becomes, where groups commit for ever and the log compacts now and then.
@Suite("Growth of committed offsets", .timeLimit(.minutes(10)))
struct OffsetsGrowthTests {
    private let directory = TemporaryDirectory.inMemory()
    private let clock = SettableClock()
    private static let partitions: Range<Int32> = 0..<50
    private static let deleteRetention: Int64 = 60_000
    private static let history: Int64 = 2000
    private static let segmentBytes = 65_536

    private func open() throws -> EventLog {
        try EventLog.open(
            at: directory.path,
            options: quietOptions {
                $0.environment.now = { [clock] in clock.now }
                $0.runsHousekeeping = false
            })
    }

    private func makeOffsets(_ log: EventLog) throws -> (offsets: ConsumerOffsets, partition: Partition) {
        try log.createTopic("readings", partitions: Self.partitions.count)
        let offsets = try log.consumerOffsets()
        try offsets.prepare(partitionCount: 1)
        try offsets.keepHistory(milliseconds: Self.history)
        let topic = try #require(log.topic(ConsumerOffsets.topicName))
        var settings = topic.settings
        try settings.set("segment.bytes", to: "\(Self.segmentBytes)")
        try settings.set("delete.retention.ms", to: "\(Self.deleteRetention)")
        try topic.alter(settings)
        return (offsets, topic.partitions[0])
    }

    /// Commits of every partition, by each of the groups in turn.
    private func commit(_ offsets: ConsumerOffsets, _ groups: [String], from first: Int, count: Int) throws {
        let staged = try (first..<first + count).map { number in
            clock.advance(by: 100)
            let entries = Self.partitions.map {
                GroupEntry.offset(topic: "readings", partition: $0, CommittedOffset(Offset(Int64(number))))
            }
            return try offsets.stage(
                GroupChange(entries, by: ConsumerOffsetsTests.author), in: groups[number % groups.count],
                isCommittedByCaller: true)
        }
        try offsets.finish(staged.compactMap { $0 })
    }

    private func byteCount(_ partition: Partition) throws -> Int {
        try partition.segments.reduce(0) { $0 + (try $1.visibleBytes()) }
    }

    private func stored(_ offsets: ConsumerOffsets) -> [String: [String: [Int32: CommittedOffset]]] {
        Dictionary(uniqueKeysWithValues: offsets.groups.map { ($0.id, $0.offsets) })
    }

    @Test("a hundred thousand commits leave a topic that is no larger than a few segments, and what it says is right")
    func bounded() throws {
        let log = try open()
        let (offsets, partition) = try makeOffsets(log)
        let groups = ["a", "b", "c"]
        let (rounds, changes) = (20, 100)
        var largest = 0
        for round in 0..<rounds {
            try commit(offsets, groups, from: round * changes, count: changes)
            largest = max(largest, try byteCount(partition))
            #expect(log.compactNow().isComplete)
        }
        #expect(partition.end == Offset(Int64(rounds * changes * Self.partitions.count)))
        // What is live, as much again, and what came since the last pass.
        #expect(largest < 4 * Self.segmentBytes)
        let before = stored(offsets)
        let last = rounds * changes - 1
        for age in 0..<groups.count {
            let number = last - age
            let found = before[groups[number % groups.count]]?["readings"] ?? [:]
            #expect(found.count == Self.partitions.count && found.values.allSatisfy { $0.offset.value == number })
        }
        try log.close()
        try expectReopened(before)
    }

    @Test("of groups that are deleted nothing is left once delete.retention.ms has passed")
    func deletedGroups() throws {
        let log = try open()
        let (offsets, partition) = try makeOffsets(log)
        func recordCount(_ group: String) throws -> Int {
            var count = 0
            try offsets.forEachRecord(of: group) { _ in
                count += 1
                return true
            }
            return count
        }
        func compact() throws {
            try partition.roll()
            clock.advance(by: Self.history)
            #expect(log.compactNow().isComplete)
        }
        let gone = (0..<10).map { "gone \($0)" }
        for (number, group) in gone.enumerated() {
            try commit(offsets, [group], from: number, count: 1)
            let removal = try #require(offsets.group(group)).removal
            try offsets.store(GroupChange(removal, by: ConsumerOffsetsTests.author), in: group)
        }
        try commit(offsets, ["kept"], from: 0, count: 1)
        let before = stored(offsets)
        #expect(before.keys.sorted() == ["kept"])
        try compact()
        // The tombstones alone: who reads the topic is told.
        for group in gone { #expect(try recordCount(group) == Self.partitions.count) }
        clock.advance(by: Self.deleteRetention - 1)
        #expect(log.compactNow().passes.isEmpty)
        clock.advance(by: 1)
        #expect(log.compactNow().recordsDropped == gone.count * Self.partitions.count)
        for group in gone { #expect(try recordCount(group) == 0) }
        #expect(stored(offsets) == before)
        #expect(try recordCount("kept") == Self.partitions.count)
        try log.close()
        try expectReopened(before)
    }

    /// By the snapshot that closing wrote, and by the log alone.
    private func expectReopened(_ expected: [String: [String: [Int32: CommittedOffset]]]) throws {
        let copy = try directory.copy()
        try copy.remove("\(ConsumerOffsets.topicName)-0/\(OffsetsSnapshot.fileName)")
        for (place, hasSnapshot) in [(directory, true), (copy, false)] {
            let log = try EventLog.open(at: place.path, options: quietOptions { $0.runsHousekeeping = false })
            let offsets = try log.consumerOffsets()
            #expect(stored(offsets) == expected)
            let shard = try #require(offsets.shards.withLock { $0 }.first)
            #expect(shard.withContents { $0.snapshotEnd != nil } == hasSnapshot)
            try log.close()
        }
    }
}
