import Storage
import Synchronization
import TestSupport
import Testing

@testable import EventLog

@Suite("What consumer groups have committed", .timeLimit(.minutes(10)))
struct ConsumerOffsetsTests {
    static let author = ChangeAuthor(principal: "User:ANONYMOUS", clientID: "reader 1", address: "127.0.0.1")

    static func commit(_ topic: String, _ partition: Int32, _ offset: Int64) -> GroupChange {
        GroupChange([.offset(topic: topic, partition: partition, CommittedOffset(Offset(offset)))], by: author)
    }

    @Test("a commit is there when it is durable, and after the directory is opened again")
    func commitAndReopen() throws {
        let directory = TemporaryDirectory()
        do {
            let log = try EventLog.open(at: directory.path, options: quietOptions())
            try log.createTopic("readings", partitions: 2)
            let offsets = try log.consumerOffsets()
            #expect(!offsets.isPrepared)
            #expect(offsets.groupIDs.isEmpty)
            try offsets.prepare()
            #expect(log.topic(ConsumerOffsets.topicName)?.partitions.count == 50)
            try offsets.store(Self.commit("readings", 1, 17), in: "analytics")
            try offsets.store(Self.commit("readings", 1, 18), in: "analytics")
            #expect(offsets.committedOffset("analytics", "readings", 1)?.offset == 18)
            #expect(offsets.committedOffset("analytics", "readings", 0) == nil)
            #expect(offsets.committedOffset("other", "readings", 1) == nil)
            try log.close()
        }
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let offsets = try log.consumerOffsets()
        #expect(offsets.isPrepared)
        #expect(offsets.groupIDs == ["analytics"])
        #expect(offsets.group("analytics")?.offsets.mapValues { $0.mapValues(\.offset) } == ["readings": [1: 18]])
        try log.close()
    }

    @Test("before the topic is there, and for a topic that is not, nothing is taken")
    func rejections() throws {
        let directory = TemporaryDirectory()
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        try log.createTopic("readings")
        let offsets = try log.consumerOffsets()
        #expect(throws: LogError.unknownTopic(ConsumerOffsets.topicName)) {
            try offsets.store(Self.commit("readings", 0, 1), in: "g")
        }
        try offsets.prepare(partitionCount: 3)
        #expect(throws: LogError.unknownTopic("gone")) { try offsets.store(Self.commit("gone", 0, 1), in: "g") }
        let long = String(repeating: "x", count: 40_000)
        #expect(throws: LogError.self) { try offsets.store(Self.commit("readings", 0, 1), in: long) }
        #expect(offsets.groupIDs.isEmpty)
        try log.close()
    }

    @Test("a change of 10,000 partitions with long metadata is one batch, and says what was there before")
    func largeReset() throws {
        let directory = TemporaryDirectory.inMemory()
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let names = ["readings", "events"]
        for name in names { try log.createTopic(name) }
        let offsets = try log.consumerOffsets()
        try offsets.prepare()
        let partition = try #require(offsets.partition(of: "g"))
        func change(_ offset: Int64, _ metadata: String, note: ChangeNote?) -> GroupChange {
            let entries = (0..<10_000).map { index in
                GroupEntry.offset(
                    topic: names[index % 2], partition: Int32(index),
                    CommittedOffset(Offset(offset + Int64(index)), leaderEpoch: 3, metadata: metadata))
            }
            return GroupChange(entries, by: Self.author, note: note)
        }
        try offsets.store(change(5, "", note: nil), in: "g")
        // Still pending when the reset comes: `before` counts it.
        let commit = offsets.append(change(6, "", note: nil), to: "g")
        guard case .accepted(let ticket) = commit else { throw LogError.closed }
        try offsets.store(
            change(1_000, String(repeating: "m", count: 512), note: ChangeNote(kind: "reset", id: "1")), in: "g")
        #expect(offsets.outcome(of: ticket, in: "g") == nil)
        #expect(partition.end == 30_000)
        var batches = 0
        var reader = BatchReader(partition, from: 0)
        while try reader.nextBatch() != nil { batches += 1 }
        #expect(batches == 3)
        #expect(offsets.committedOffset("g", "events", 9_999)?.offset == 10_999)
        #expect(offsets.committedOffset("g", "events", 9_999)?.metadata.count == 512)
        var isRight = true
        try offsets.forEachRecord(of: "g") { record in
            guard let note = record.note, case .offset(_, let partition, let committed) = record.entry else {
                return true
            }
            isRight = isRight && note.before?.value == 6 + Int64(partition) && committed.leaderEpoch == 3
            return true
        }
        #expect(isRight)
        try log.close()
    }

    @Test("what is too large for one batch changes nothing")
    func tooLarge() throws {
        let directory = TemporaryDirectory.inMemory()
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        try log.createTopic("readings")
        let offsets = try log.consumerOffsets()
        try offsets.prepare(partitionCount: 1)
        var random = SeededRandom(seed: 1)
        let entries = (0..<700).map { index in
            let noise = (0..<2_000).map { _ in String(random.next(), radix: 36) }.joined()
            return GroupEntry.offset(topic: "readings", partition: Int32(index), CommittedOffset(1, metadata: noise))
        }
        #expect(throws: LogError.self) { try offsets.store(GroupChange(entries, by: Self.author), in: "g") }
        #expect(offsets.groupIDs.isEmpty)
        try offsets.store(Self.commit("readings", 0, 1), in: "g")
        #expect(offsets.groupIDs == ["g"])
        try log.close()
    }

    @Test("readers see a change when it is durable; who asks for the latest sees it at once")
    func visibility() throws {
        let directory = TemporaryDirectory.inMemory()
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        try log.createTopic("readings")
        let offsets = try log.consumerOffsets()
        try offsets.prepare(partitionCount: 1)
        try offsets.store(Self.commit("readings", 0, 1), in: "g")
        // Nobody leads while the committer is stopped.
        log.committer.stop()
        guard case .accepted(let ticket) = offsets.append(Self.commit("readings", 0, 2), to: "g") else {
            throw LogError.closed
        }
        #expect(offsets.committedOffset("g", "readings", 0)?.offset == 1)
        #expect(offsets.latestOffset("g", "readings", 0)?.offset == 2)
        log.committer.waitLeading(for: ticket.round)
        #expect(offsets.outcome(of: ticket, in: "g") == nil)
        #expect(offsets.committedOffset("g", "readings", 0)?.offset == 2)
        try log.close()
    }

    @Test("commits from many threads leave in memory what the log says")
    func threads() throws {
        let directory = TemporaryDirectory.inMemory()
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        try log.createTopic("readings", partitions: 8)
        let offsets = try log.consumerOffsets()
        try offsets.prepare(partitionCount: 3)
        let threads = (0..<8).map { thread in
            WorkerThread(name: "commits") {
                for number in 0..<200 {
                    let change = Self.commit("readings", Int32(number % 8), Int64(thread * 1000 + number))
                    try? offsets.store(change, in: "group \(number % 5)")
                    _ = offsets.committedOffset("group \(thread % 5)", "readings", 0)
                }
            }
        }
        for thread in threads { thread.join() }
        let shards = offsets.shards.withLock { $0 }
        #expect(shards.reduce(0) { $0 + Int($1.partition.end.value) } == 1600)
        for shard in shards {
            #expect(shard.withContents { $0.groups } == Self.logAlone(shard.partition).groups)
        }
        try log.close()
    }

    /// What the log says, read from its start without a snapshot.
    static func logAlone(_ partition: Partition) -> ShardContents {
        var contents = ShardContents(from: partition.logStart)
        contents.read(partition, to: partition.end, quietOptions().logger)
        return contents
    }

    @Test("what another has appended to the topic is noticed")
    func foreignAppend() throws {
        let directory = TemporaryDirectory.inMemory()
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        try log.createTopic("readings")
        let offsets = try log.consumerOffsets()
        try offsets.prepare(partitionCount: 1)
        try offsets.store(Self.commit("readings", 0, 1), in: "g")
        let partition = try #require(offsets.partition(of: "g"))
        let copy = try #require(try partition.read(from: .earliest).first)
        // The same record again, one that is nothing, one with an unknown key, and a tombstone.
        try partition.append(contentsOf: [
            Record(key: copy.key, value: copy.value), Record(key: [0, 1, 0, 200, 3], value: [1]),
            Record(key: [0, 99, 1], value: [1]), Record(key: nil as [UInt8]?, value: [1]),
        ])
        try offsets.store(Self.commit("readings", 1, 7), in: "g")
        #expect(offsets.group("g")?.offsetCount == 2)
        try partition.append(Record(key: copy.key, value: nil as [UInt8]?))
        #expect(offsets.group("g")?.offsets["readings"]?.keys.sorted() == [1])
        try log.close()
    }

    @Test("deleting a topic removes what was committed to it, also from groups that nobody has loaded")
    func topicDeletion() throws {
        let directory = TemporaryDirectory.inMemory()
        for isLoaded in [true, false] {
            do {
                let log = try EventLog.open(at: directory.path, options: quietOptions())
                for name in ["gone", "kept"] where log.topic(name) == nil { try log.createTopic(name) }
                let offsets = try log.consumerOffsets()
                try offsets.prepare(partitionCount: 4)
                for group in ["a", "b", "c"] {
                    try offsets.store(Self.commit("gone", 0, 5), in: group)
                    try offsets.store(Self.commit("kept", 0, 6), in: group)
                }
                try offsets.store(Self.commit("gone", 0, 5), in: "alone")
                if isLoaded {
                    try log.deleteTopic("gone")
                    #expect(offsets.groups.map(\.id) == ["a", "b", "c"])
                    #expect(throws: LogError.unknownTopic("gone")) {
                        try offsets.store(Self.commit("gone", 0, 5), in: "a")
                    }
                }
                try log.close()
            }
            let log = try EventLog.open(at: directory.path, options: quietOptions())
            if !isLoaded { try log.deleteTopic("gone") }
            try log.createTopic("gone")
            let groups = try log.consumerOffsets().groups
            #expect(groups.map(\.id) == ["a", "b", "c"])
            #expect(groups.allSatisfy { $0.offsets.keys.sorted() == ["kept"] })
            try log.close()
        }
    }

    @Test("a topic that was deleted while a crash kept the removal from the log leaves nothing to a new one")
    func orphans() throws {
        let directory = TemporaryDirectory.inMemory()
        do {
            let log = try EventLog.open(at: directory.path, options: quietOptions())
            try log.createTopic("gone")
            let offsets = try log.consumerOffsets()
            try offsets.prepare(partitionCount: 2)
            try offsets.store(Self.commit("gone", 0, 5), in: "g")
            try log.deleteTopic("gone")
            // As if it had not been: the record once more, by whoever knows no better.
            let partition = try #require(offsets.partition(of: "g"))
            let record = try #require(try partition.read(from: .earliest).first)
            try partition.append(Record(key: record.key, value: record.value))
            try log.close()
        }
        for isLoadedFirst in [false, true] {
            let copy = try directory.copy()
            let log = try EventLog.open(at: copy.path, options: quietOptions())
            if isLoadedFirst { #expect(try log.consumerOffsets().groupIDs == []) }
            try log.createTopic("gone")
            #expect(try log.consumerOffsets().groupIDs == [])
            let partition = try #require(try log.consumerOffsets().partition(of: "g"))
            #expect(partition.end == 4)
            try log.close()
        }
    }

    @Test("the topic of offsets is neither deleted nor given partitions")
    func protection() throws {
        let directory = TemporaryDirectory.inMemory()
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        try log.consumerOffsets().prepare(partitionCount: 2)
        #expect(throws: LogError.self) { try log.deleteTopic(ConsumerOffsets.topicName) }
        #expect(throws: LogError.self) { try log.topic(ConsumerOffsets.topicName)?.addPartitions(to: 3) }
        #expect(log.topic(ConsumerOffsets.topicName)?.partitions.count == 2)
        try log.close()
    }

    @Test("offsets expire by the time of their commit, where the group has no members and nothing new has come")
    func expiry() throws {
        let clock = TestClock(1_000)
        let directory = TemporaryDirectory.inMemory()
        let log = try EventLog.open(at: directory.path, options: quietOptions { $0.environment.now = clock.now })
        try log.createTopic("readings", partitions: 4)
        let offsets = try log.consumerOffsets()
        try offsets.prepare(partitionCount: 2)
        let member = ClassicGroupState.Member(
            id: "m", instanceID: nil, clientID: "", clientHost: "", rebalanceTimeout: 1, sessionTimeout: 1,
            metadata: [], assignment: [])
        func state(_ members: [ClassicGroupState.Member]) -> GroupChange {
            let state = ClassicGroupState(
                protocolType: "consumer", generation: 1, protocolName: nil, leader: nil, members: members)
            return GroupChange([.classicState(state)], by: Self.author)
        }
        for group in ["old", "live", "left", "plain"] {
            try offsets.store(Self.commit("readings", 0, 1), in: group)
            try offsets.store(Self.commit("readings", 1, 1), in: group)
        }
        try offsets.store(state([]), in: "old")
        try offsets.store(state([member]), in: "live")
        clock.set(5_000)
        try offsets.store(state([]), in: "left")
        try offsets.store(Self.commit("readings", 1, 2), in: "plain")
        #expect(offsets.expiring(before: Timestamp(milliseconds: 1_000)).isEmpty)
        let due = offsets.expiring(before: Timestamp(milliseconds: 5_000))
        #expect(due.map(\.group) == ["old", "plain"])
        #expect(due.map(\.count) == [2, 1])
        // A commit that comes before they are removed keeps its group's.
        try offsets.store(Self.commit("readings", 0, 3), in: "plain")
        #expect(try offsets.expire(due) == 2)
        #expect(offsets.groupIDs == ["left", "live", "plain"])
        #expect(offsets.group("plain")?.offsetCount == 2)
        #expect(offsets.expiring(before: Timestamp(milliseconds: 5_001)).map(\.group) == ["left", "plain"])
        try log.close()
    }

    @Test("a batch that is damaged costs what is in it, and nothing after it")
    func damagedBatch() throws {
        let directory = TemporaryDirectory.inMemory()
        var positions: [Int] = []
        do {
            let log = try EventLog.open(at: directory.path, options: quietOptions())
            try log.createTopic("readings", partitions: 4)
            let offsets = try log.consumerOffsets()
            try offsets.prepare(partitionCount: 1)
            for partition in 0..<4 {
                positions.append(try #require(offsets.partition(of: "g")).byteCount)
                try offsets.store(Self.commit("readings", Int32(partition), 9), in: "g")
            }
            try log.close()
        }
        let name = "\(ConsumerOffsets.topicName)-0"
        try directory.remove("\(name)/\(OffsetsSnapshot.fileName)")
        var bytes = try directory.contents(of: "\(name)/00000000000000000000.log")
        bytes[positions[1] + RecordBatchLayout.headerSize + 5] ^= 1
        try directory.write(bytes, to: "\(name)/00000000000000000000.log")
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        #expect(try log.consumerOffsets().group("g")?.offsets["readings"]?.keys.sorted() == [0, 2, 3])
        try log.close()
    }

    @Test("a change that cannot be written is refused and never seen, and the next one is taken")
    func failure() throws {
        let disk = SimulatedDisk()
        let log = try EventLog.open(at: "/data", options: quietOptions { $0.environment.fileSystem = disk })
        try log.createTopic("readings")
        let offsets = try log.consumerOffsets()
        try offsets.prepare(partitionCount: 1)
        try offsets.store(Self.commit("readings", 0, 1), in: "g")
        disk.add(SimulatedDisk.Fault(at: 1, .error(28), path: ".log", operation: .write))
        #expect(throws: LogError.self) { try offsets.store(Self.commit("readings", 0, 2), in: "g") }
        #expect(disk.hadFault)
        #expect(offsets.committedOffset("g", "readings", 0)?.offset == 1)
        try offsets.store(Self.commit("readings", 0, 3), in: "g")
        #expect(offsets.committedOffset("g", "readings", 0)?.offset == 3)
        withExtendedLifetime(log) {}
    }

    @Test("damage costs the batch that it is in, and nothing of those after it")
    func damagedSegment() throws {
        let directory = TemporaryDirectory.inMemory()
        do {
            let log = try EventLog.open(at: directory.path, options: quietOptions())
            try log.createTopic("readings")
            try log.createTopic(ConsumerOffsets.topicName, settings: try settings(["segment.bytes": "16384"]))
            let offsets = try log.consumerOffsets()
            for partition in 0..<20 {
                let committed = CommittedOffset(9, metadata: String(repeating: "m", count: 3000))
                let entry = GroupEntry.offset(topic: "readings", partition: Int32(partition), committed)
                try offsets.store(GroupChange([entry], by: Self.author), in: "g")
            }
            #expect(try #require(offsets.partition(of: "g")).segments.map(\.baseOffset) == [0, 5, 10, 15])
            try log.close()
        }
        let name = "\(ConsumerOffsets.topicName)-0"
        try directory.remove("\(name)/\(OffsetsSnapshot.fileName)")
        let file = "\(name)/00000000000000000005.log"
        var bytes = try directory.contents(of: file)
        let second = bytes.count / 5
        for at in 0..<4 { bytes[second + RecordBatchLayout.batchLength + at] = 0xFF }
        try directory.write(bytes, to: file)
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let found = try log.consumerOffsets().group("g")?.offsets["readings"]?.keys.sorted()
        #expect(found == Array(0..<6) + Array(7..<20))
        try log.close()
    }
}
