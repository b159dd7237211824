import Storage
import Synchronization
import TestSupport
import Testing

@testable import EventLog

/// A wall clock that a test sets.
final class TestClock: Sendable {
    private let time: Atomic<Int64>
    init(_ milliseconds: Int64) { time = Atomic(milliseconds) }
    var now: @Sendable () -> Timestamp { { Timestamp(milliseconds: self.time.load(ordering: .relaxed)) } }
    func set(_ milliseconds: Int64) { time.store(milliseconds, ordering: .relaxed) }
}

@Suite("Consumer groups of the library", .timeLimit(.minutes(10)))
struct ConsumerGroupTests {
    let directory = TemporaryDirectory.inMemory()

    @Test("a group reads on from what it has committed, also after the log was opened again")
    func readCommitReopen() throws {
        do {
            let log = try EventLog.open(at: directory.path, options: quietOptions())
            let partition = try log.createTopic("readings").partitions[0]
            try partition.append(contentsOf: numbered(10))
            let group = log.group("analytics")
            #expect(try group.committed(in: partition) == nil)
            #expect(try group.position(in: partition) == 0)
            let first = try group.read(from: partition, maxRecords: 4)
            #expect(first.map(\.valueText) == (0..<4).map { "value \($0)" })
            try group.commit(4, in: partition, metadata: "half")
            #expect(try log.groupNames() == ["analytics"])
            // Dropped, not closed: as a kill would leave it.
        }
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let partition = try #require(log.topic("readings")?.partitions[0])
        let group = log.group("analytics")
        #expect(try group.committed(in: partition)?.offset == 4)
        #expect(try group.committed(in: partition)?.metadata == "half")
        #expect(try group.read(from: partition).count == 6)
        #expect(try log.group("other").read(from: partition).count == 10)
        try log.close()
        #expect(throws: LogError.closed) { try group.position(in: partition) }
    }

    @Test("records(in:) gives what comes after the position, and then what is appended")
    func following() async throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let partition = try log.createTopic("readings").partitions[0]
        try await partition.append(contentsOf: numbered(3))
        let group = log.group("g")
        try await group.commit(2, in: partition)
        var records = try group.records(in: partition).makeAsyncIterator()
        #expect(try await records.next()?.valueText == "value 2")
        try await partition.append(contentsOf: numbered(1, from: 3))
        #expect(try await records.next()?.valueText == "value 3")
        try log.close()
    }

    @Test("a commit of several partitions is one batch; an offset out of range commits nothing")
    func commitMany() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let topic = try log.createTopic("readings", partitions: 3)
        for partition in topic.partitions { try partition.append(contentsOf: numbered(5)) }
        let group = log.group("g")
        let partitions = topic.partitions
        try group.commit(partitions.map { ConsumerGroup.Position(3, in: $0) })
        let stored = try #require(try log.consumerOffsets().partition(of: "g"))
        #expect(stored.end == 3)
        for bad: Offset in [6, -1] {
            #expect(throws: LogError.offsetOutOfRange(requested: bad, start: 0, end: 5)) {
                try group.commit([
                    ConsumerGroup.Position(5, in: partitions[0]), ConsumerGroup.Position(bad, in: partitions[1]),
                ])
            }
        }
        #expect(try partitions.map { try group.position(in: $0) } == [3, 3, 3])
        #expect(throws: LogError.self) { try log.group("").commit(1, in: partitions[0]) }
        try log.close()
    }

    @Test("replay moves all partitions to a time, and is a reset in the history")
    func replay() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let topic = try log.createTopic("readings", partitions: 2)
        try topic.partitions[0].append(contentsOf: numbered(100))
        try topic.partitions[1].append(contentsOf: numbered(10))
        let group = log.group("g", client: "nightly")
        try group.replay(topic, from: .latest)
        #expect(try topic.partitions.map { try group.position(in: $0) } == [100, 10])
        try group.replay(topic, from: .timestamp(Timestamp(milliseconds: 1_700_000_000_000 + 50_000)))
        #expect(try topic.partitions.map { try group.position(in: $0) } == [50, 10])
        #expect(throws: LogError.self) { try group.replay(topic, from: .offset(11)) }
        #expect(try topic.partitions.map { try group.position(in: $0) } == [50, 10])
        var events: [GroupEvent] = []
        try log.consumerOffsets().forEachEvent(of: "g") {
            events.append($0)
            return true
        }
        #expect(events.map { $0.note?.kind } == ["reset", "reset", "reset", "reset"])
        #expect(events.map { $0.note?.before } == [nil, nil, 100, 10])
        #expect(Set(events.map { $0.note?.id }).count == 2)
        #expect(events.allSatisfy { $0.author?.clientID == "nightly" && $0.author?.principal == "library" })
        try log.close()
    }

    @Test("lag is exact in records, in bytes and in time")
    func lag() throws {
        let clock = TestClock(1_700_000_000_000)
        let options = quietOptions { $0.environment.now = clock.now }
        let log = try EventLog.open(at: directory.path, options: options)
        let small = try settings(["segment.bytes": "16384", "compression.type": "producer"])
        let partition = try log.createTopic("readings", settings: small).partitions[0]
        let group = log.group("g")
        let empty = try group.lag(in: partition)
        #expect(empty.records == 0 && empty.bytes == 0 && empty.behind == .zero)
        // Batches of 1, 2, …, 40 records over several segments, where time goes back now and then.
        var timestamps: [Int64] = []
        var batchStarts: [Int] = []
        for count in 1...40 {
            batchStarts.append(timestamps.count)
            let records = (0..<count).map { index in
                let time = 1_700_000_000_000 + Int64(timestamps.count + index) * 1000 - (index % 7 == 3 ? 5000 : 0)
                return Record(
                    key: "k", value: "value \(index) " + String(repeating: "x", count: 40),
                    timestamp: Timestamp(milliseconds: time))
            }
            timestamps += records.map { $0.timestamp?.milliseconds ?? -1 }
            try partition.append(contentsOf: records)
        }
        #expect(partition.segments.count > 2)
        var sizes: [Int: Int] = [:]
        var reader = BatchReader(partition, from: 0)
        while let bytes = try reader.nextBatch() {
            sizes[Int(try RecordBatchHeader(parsing: bytes.bytes).baseOffset.value)] = bytes.count
        }
        #expect(sizes.keys.sorted() == batchStarts)
        #expect(sizes.values.reduce(0, +) == partition.byteCount)
        clock.set(1_700_001_000_500)
        for offset in stride(from: 0, through: timestamps.count, by: 13) + [timestamps.count] {
            try group.commit(Offset(Int64(offset)), in: partition)
            let lag = try group.lag(in: partition)
            #expect(lag.records == Int64(timestamps.count - offset))
            guard offset < timestamps.count else {
                #expect(lag.bytes == 0 && lag.behind == .zero)
                continue
            }
            let batch = try #require(batchStarts.last { $0 <= offset })
            #expect(lag.bytes == sizes.filter { $0.key >= batch }.values.reduce(0, +))
            #expect(lag.behind == .milliseconds(1_700_001_000_500 - timestamps[offset]), "at \(offset)")
        }
        // A record of a clock that runs ahead is not waited for less than no time.
        try partition.append(Record(key: "k", value: "v", timestamp: Timestamp(milliseconds: 1_800_000_000_000)))
        #expect(try group.lag(in: partition).behind == .zero)
        try partition.append(Record(key: "k", value: "v", timestamp: Timestamp.none))
        try group.commit(partition.end.advanced(by: -1), in: partition)
        #expect(try group.lag(in: partition).behind == nil)
        // What the group has not read and is deleted counts no more.
        try group.commit(0, in: partition)
        try partition.deleteRecords(before: 100)
        #expect(try group.position(in: partition) == 100)
        #expect(try group.lag(in: partition).records == partition.end.value - 100)
        #expect(try partition.position(at: 5) == partition.position(at: 100))
        #expect(try partition.position(at: Offset(.max)) == partition.position(at: partition.end))
        #expect(try partition.position(at: Offset(.min)).offset == 100)
        try log.close()
    }

    @Test("lag is exact inside a compressed batch, and by the time of append")
    func lagInCompressedBatch() throws {
        let clock = TestClock(1_700_000_500_000)
        let options = quietOptions { $0.environment.now = clock.now }
        let log = try EventLog.open(at: directory.path, options: options)
        let partition = try log.createTopic("readings").partitions[0]
        try partition.append(contentsOf: numbered(200))
        let group = log.group("g")
        try group.commit(123, in: partition)
        #expect(try group.lag(in: partition).behind == .milliseconds(500_000 - 123_000))
        let appended = try log.createTopic(
            "appended", settings: try settings(["message.timestamp.type": "LogAppendTime"])
        ).partitions[0]
        try appended.append(contentsOf: numbered(20))
        clock.set(1_700_000_501_250)
        try group.commit(7, in: appended)
        #expect(try group.lag(in: appended).behind == .milliseconds(1250))
        try log.close()
    }

    @Test("a deleted group has nothing left, but its history")
    func delete() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let partition = try log.createTopic("readings").partitions[0]
        let group = log.group("g")
        try group.commit(0, in: partition)
        try group.delete()
        try group.delete()
        #expect(try log.groupNames() == [])
        #expect(try group.committed(in: partition) == nil)
        var kinds: [String?] = []
        try log.consumerOffsets().forEachEvent(of: "g") {
            kinds.append($0.note?.kind)
            return true
        }
        #expect(kinds == [nil, "delete"])
        try log.close()
    }

    @Test("a directory goes from the library to a coordinator and back without losing what was committed")
    func movesToACoordinator() throws {
        let coordinator = ChangeAuthor(principal: "User:ANONYMOUS", clientID: "rdkafka", address: "10.0.0.7")
        for turn in 0..<3 {
            do {
                let log = try EventLog.open(at: directory.path, options: quietOptions())
                let topic = try log.topic("readings") ?? log.createTopic("readings", partitions: 2)
                for partition in topic.partitions { try partition.append(contentsOf: numbered(20)) }
                let group = log.group("analytics")
                #expect(try group.position(in: topic.partitions[0]).value == Int64(20 * turn))
                #expect(
                    try group.committed(in: topic.partitions[1])?.metadata == (turn == 0 ? nil : "turn \(turn - 1)"))
                try group.commit(Offset(Int64(20 * turn + 7)), in: topic.partitions[0])
                if turn == 1 { try log.close() }
            }
            // As the broker uses it.
            let log = try EventLog.open(at: directory.path, options: quietOptions())
            let offsets = try log.consumerOffsets()
            let stored = try #require(offsets.group("analytics"))
            #expect(stored.offsets["readings"]?[0]?.offset.value == Int64(20 * turn + 7))
            #expect(stored.classicState?.generation == (turn == 0 ? nil : Int32(turn - 1)))
            let state = ClassicGroupState(
                protocolType: "consumer", generation: Int32(turn), protocolName: "range", leader: nil, members: [])
            let end = Int64(20 * (turn + 1))
            try offsets.store(
                GroupChange(
                    [
                        .classicState(state),
                        .offset(topic: "readings", partition: 0, CommittedOffset(Offset(end), leaderEpoch: 1)),
                        .offset(topic: "readings", partition: 1, CommittedOffset(3, metadata: "turn \(turn)")),
                    ], by: coordinator), in: "analytics")
            if turn == 2 { try log.close() } else { withExtendedLifetime(log) {} }
        }
    }
}
