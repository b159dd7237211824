import Storage
import Synchronization
import TestSupport
import Testing

@testable import EventLog

@Suite("Snapshots of offsets", .timeLimit(.minutes(10)))
struct OffsetsSnapshotTests {
    static let file = "\(ConsumerOffsets.topicName)-0/\(OffsetsSnapshot.fileName)"
    static let segment = "\(ConsumerOffsets.topicName)-0/00000000000000000000.log"

    /// A directory with two groups of every kind of record, closed: its one partition has a snapshot.
    static func directory(commits: Int = 3) throws -> TemporaryDirectory {
        let directory = TemporaryDirectory.inMemory()
        try change(directory) { log, offsets in
            try log.createTopic("readings", partitions: 4)
            try offsets.prepare(partitionCount: 1)
            for number in 0..<commits {
                try offsets.store(
                    ConsumerOffsetsTests.commit("readings", Int32(number % 4), Int64(number)), in: "classic ä")
            }
            let state = ClassicGroupState(
                protocolType: "consumer", generation: 4, protocolName: "range", leader: "m",
                members: [
                    ClassicGroupState.Member(
                        id: "m", instanceID: "i", clientID: "c", clientHost: "h", rebalanceTimeout: 1,
                        sessionTimeout: 2, metadata: [1, 2], assignment: [3])
                ])
            try offsets.store(
                GroupChange([.classicState(state)], by: ConsumerOffsetsTests.author), in: "classic ä")
            let partitions = [TopicPartitions(topicID: TopicID(high: 1, low: 2), partitions: [0, 1])]
            try offsets.store(
                GroupChange(
                    [
                        .consumerGroup(ConsumerGroupMetadata(epoch: 3, metadataHash: 9)),
                        .targetAssignment(TargetAssignmentMetadata(epoch: 3)),
                        .member(
                            "m",
                            ConsumerMemberMetadata(
                                instanceID: nil, rackID: "r", clientID: "c", clientHost: "h", topicNames: ["readings"],
                                topicRegex: "r.*", rebalanceTimeout: 3, serverAssignor: nil)),
                        .memberTarget("m", partitions),
                        .memberCurrent(
                            "m",
                            CurrentAssignment(
                                memberEpoch: 3, previousMemberEpoch: 2, state: 0, assigned: partitions,
                                pendingRevocation: [])),
                        .regularExpression(
                            "r.*",
                            ResolvedRegularExpression(
                                topics: ["readings"], version: 1, timestamp: Timestamp(milliseconds: 5))),
                        .offset(topic: "readings", partition: 1, CommittedOffset(8, leaderEpoch: 2, metadata: "ü")),
                    ], by: ConsumerOffsetsTests.author), in: "consumer")
        }
        return directory
    }

    static func change(_ directory: TemporaryDirectory, _ body: (EventLog, ConsumerOffsets) throws -> Void) throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        try body(log, try log.consumerOffsets())
        try log.close()
    }

    /// Opens the directory; it must say what the log says. Returns whether a snapshot helped.
    @discardableResult
    static func check(_ path: String, _ what: Comment? = nil) throws -> Bool {
        let log = try EventLog.open(at: path, options: quietOptions())
        let shard = try #require(try log.consumerOffsets().shards.withLock { $0 }.first)
        let (groups, isFromSnapshot) = shard.withContents { ($0.groups, $0.snapshotEnd != nil) }
        #expect(groups == ConsumerOffsetsTests.logAlone(shard.partition).groups, what)
        withExtendedLifetime(log) {}
        return isFromSnapshot
    }

    @Test("a closed directory has snapshots, and opening reads from them what the log says")
    func used() throws {
        let directory = try Self.directory()
        #expect(try Self.check(directory.path))
        // What came after the snapshot is read from the log.
        do {
            let log = try EventLog.open(at: directory.path, options: quietOptions())
            try log.consumerOffsets().store(ConsumerOffsetsTests.commit("readings", 3, 77), in: "later")
        }
        #expect(try Self.check(directory.path))
        try Self.change(directory) { _, offsets in #expect(offsets.groupIDs == ["classic ä", "consumer", "later"]) }
    }

    @Test("a directory without its snapshots says the same")
    func deleted() throws {
        let directory = try Self.directory()
        try directory.remove(Self.file)
        #expect(try !Self.check(directory.path))
    }

    @Test("a snapshot with any byte changed, cut or added is as good as none")
    func damaged() throws {
        let directory = try Self.directory()
        let whole = try directory.contents(of: Self.file)
        let snapshot = try #require(OffsetsSnapshot(decoding: whole))
        #expect(snapshot.encoded() == whole)
        for position in whole.indices {
            for flip: UInt8 in [0x01, 0x80, 0xFF] {
                var bytes = whole
                bytes[position] ^= flip
                #expect(OffsetsSnapshot(decoding: bytes) == nil, "byte \(position)")
            }
        }
        for count in 0..<whole.count { #expect(OffsetsSnapshot(decoding: Array(whole[..<count])) == nil) }
        #expect(OffsetsSnapshot(decoding: whole + [0]) == nil)
        // The engine, too, on some of them.
        for position in stride(from: 0, to: whole.count, by: 29) {
            var bytes = whole
            bytes[position] ^= 0x10
            try directory.write(bytes, to: Self.file)
            #expect(try !Self.check(directory.path, "byte \(position)"))
        }
        for bytes in [[], [0], Array(whole.dropLast())] {
            try directory.write(bytes, to: Self.file)
            #expect(try !Self.check(directory.path))
        }
    }

    @Test("a snapshot of another directory, another partition or another life of the log is as good as none")
    func foreign() throws {
        let directory = try Self.directory()
        let own = try directory.contents(of: Self.file)
        let other = try Self.directory(commits: 4)
        try directory.write(try other.contents(of: Self.file), to: Self.file)
        #expect(try !Self.check(directory.path, "another directory's"))

        let two = TemporaryDirectory.inMemory()
        try Self.change(two) { log, offsets in
            try log.createTopic("readings")
            try offsets.prepare(partitionCount: 2)
            for group in ["a", "b", "c", "d"] {
                try offsets.store(ConsumerOffsetsTests.commit("readings", 0, 1), in: group)
            }
        }
        let second = "\(ConsumerOffsets.topicName)-1/\(OffsetsSnapshot.fileName)"
        try two.write(try two.contents(of: second), to: Self.file)
        #expect(try !Self.check(two.path, "another partition's"))

        // Two copies that went on apart, with as many records each.
        try directory.write(own, to: Self.file)
        let copy = try directory.copy()
        try Self.change(directory) { _, offsets in
            try offsets.store(ConsumerOffsetsTests.commit("readings", 0, 100), in: "g")
        }
        try Self.change(copy) { _, offsets in
            try offsets.store(ConsumerOffsetsTests.commit("readings", 0, 200), in: "g")
        }
        try directory.write(try copy.contents(of: Self.file), to: Self.file)
        #expect(try !Self.check(directory.path, "another life's"))
        // Of the same life, but older: the log says the rest.
        try directory.write(own, to: Self.file)
        #expect(try Self.check(directory.path, "an older one"))
    }

    @Test("a snapshot that says more than the log has is as good as none, also when the log has grown again")
    func ahead() throws {
        let directory = try Self.directory()
        let old = try directory.copy()
        for number in 0..<3 {
            try Self.change(directory) { _, offsets in
                try offsets.store(ConsumerOffsetsTests.commit("readings", 0, Int64(number)), in: "ahead")
            }
        }
        try old.write(try directory.contents(of: Self.file), to: Self.file)
        #expect(try !Self.check(old.path, "ahead"))
        let snapshot = try old.contents(of: Self.file)
        for number in 0..<5 {
            try Self.change(old) { _, offsets in
                try offsets.store(ConsumerOffsetsTests.commit("readings", 1, Int64(number)), in: "other")
            }
        }
        try old.write(snapshot, to: Self.file)
        #expect(try !Self.check(old.path, "grown again"))
    }

    @Test("two logs that end with the same batch are told apart by those before it")
    func sameEnd() throws {
        let clock = TestClock(1_000)
        func commit(_ directory: TemporaryDirectory, _ offsets: [Int64]) throws {
            let log = try EventLog.open(at: directory.path, options: quietOptions { $0.environment.now = clock.now })
            for offset in offsets {
                try log.consumerOffsets().store(ConsumerOffsetsTests.commit("readings", 0, offset), in: "g")
            }
            try log.close()
        }
        let directory = try Self.directory()
        let copy = try directory.copy()
        try commit(directory, [1, 2, 3])
        try commit(copy, [7, 2, 3])
        try directory.write(try copy.contents(of: Self.file), to: Self.file)
        #expect(try !Self.check(directory.path))
    }

    @Test("records that were deleted count no more, whatever a snapshot says")
    func deletedRecords() throws {
        let directory = try Self.directory()
        let snapshot = try directory.contents(of: Self.file)
        try Self.change(directory) { _, offsets in
            try offsets.store(ConsumerOffsetsTests.commit("readings", 2, 50), in: "g")
            try #require(offsets.partition(of: "g")).deleteRecords(before: 3)
        }
        #expect(try !Self.check(directory.path))
        try directory.write(snapshot, to: Self.file)
        #expect(try !Self.check(directory.path))
    }

    @Test("a snapshot is written when the log has grown by a mebibyte, without a close")
    func whenDue() throws {
        let directory = TemporaryDirectory.inMemory()
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        try log.createTopic("readings")
        let offsets = try log.consumerOffsets()
        try offsets.prepare(partitionCount: 1)
        try offsets.store(ConsumerOffsetsTests.commit("readings", 0, 1), in: "g")
        offsets.writeSnapshots(always: false)
        #expect(throws: (any Error).self) { try directory.contents(of: Self.file) }
        var random = SeededRandom(seed: 3)
        for partition in 0..<40 {
            let noise = (0..<2_400).map { _ in String(random.next(), radix: 36) }.joined()
            let entry = GroupEntry.offset(
                topic: "readings", partition: Int32(partition), CommittedOffset(1, metadata: noise))
            try offsets.store(GroupChange([entry], by: ConsumerOffsetsTests.author), in: "g")
        }
        offsets.writeSnapshots(always: false)
        let first = try directory.contents(of: Self.file)
        #expect(first.count > 1 << 20)
        try offsets.store(ConsumerOffsetsTests.commit("readings", 0, 2), in: "g")
        offsets.writeSnapshots(always: false)
        #expect(try directory.contents(of: Self.file) == first)
        let copy = try directory.copy()
        #expect(try Self.check(copy.path))
        try log.close()
        #expect(try directory.contents(of: Self.file) != first)
    }
}
