import Storage
import TestSupport
import Testing

@testable import EventLog

@Suite struct AppendTests {
    let directory = TemporaryDirectory()

    @Test func anAppendedRecordIsReadBackAsItWas() throws {
        let log = try EventLog.open(at: directory.path)
        let topic = try log.createTopic("readings")
        let record = Record(
            key: Array("device-1".utf8), value: Array("21.5".utf8),
            headers: [RecordHeader(name: "unit", value: Array("C".utf8)), RecordHeader(name: "none", value: nil)],
            timestamp: Timestamp(milliseconds: 1_700_000_000_000))
        let offset = try topic.partitions[0].append(record)
        #expect(offset == 0)
        let stored = try topic.partitions[0].read(from: .earliest)
        #expect(
            stored == [
                StoredRecord(
                    offset: 0, timestamp: Timestamp(milliseconds: 1_700_000_000_000), key: record.key,
                    value: record.value, headers: record.headers)
            ])
        try log.close()
    }

    @Test func nullAndEmptyStayApart() throws {
        let log = try EventLog.open(at: directory.path)
        let partition = try log.createTopic("t").partitions[0]
        try partition.append(contentsOf: [
            Record(key: nil as [UInt8]?, value: nil), Record(key: [], value: []),
            Record(key: nil as [UInt8]?, value: []),
        ])
        let stored = try partition.read(from: .earliest)
        #expect(stored.map(\.key) == [nil, [], nil])
        #expect(stored.map(\.value) == [nil, [], []])
        try log.close()
    }

    @Test func offsetsGoOnAcrossBatchesAndReopenings() throws {
        var expected: [String] = []
        for round in 0..<3 {
            let log = try EventLog.open(at: directory.path)
            let partition = try (log.topic("t") ?? log.createTopic("t")).partitions[0]
            #expect(partition.end.value == Int64(expected.count))
            let values = (0..<5000).map { "round \(round) value \($0)" }
            let range = try partition.append(contentsOf: values.map { Record(value: $0) })
            #expect(range == Offset(Int64(expected.count))..<Offset(Int64(expected.count + values.count)))
            expected += values
            let stored = try partition.read(from: .earliest, maxBytes: .max)
            #expect(stored.map(\.valueText) == expected)
            #expect(stored.map(\.offset.value) == Array(0..<Int64(expected.count)))
            try log.close()
        }
    }

    @Test func recordsOfManyThreadsKeepEachThreadsOrder() async throws {
        let log = try EventLog.open(at: directory.path)
        let topic = try log.createTopic("t", partitions: 2)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<8 {
                group.addTask {
                    for i in 0..<50 {
                        _ = try await topic.partitions[writer % 2].append(Record(key: "w\(writer)", value: "\(i)"))
                    }
                }
            }
            try await group.waitForAll()
        }
        for writer in 0..<8 {
            let own = try topic.partitions[writer % 2].read(from: .earliest, maxBytes: .max).filter {
                $0.keyText == "w\(writer)"
            }
            #expect(own.map(\.valueText) == (0..<50).map { "\($0)" })
        }
        try log.close()
    }

    @Test func sameKeySamePartition() throws {
        let log = try EventLog.open(at: directory.path)
        let topic = try log.createTopic("t", partitions: 7)
        let first = try topic.append(Record(key: "device-42", value: "a"))
        let second = try topic.append(Record(key: "device-42", value: "b"))
        #expect(first.partition == second.partition)
        #expect(second.offset == 1)
        try topic.append(contentsOf: (0..<1000).map { Record(key: "device-\($0 % 50)", value: "\($0)") })
        #expect(topic.partitions.reduce(0) { $0 + $1.end.value } == 1002)
        try log.close()
    }

    @Test func aBatchOverTheLimitIsRefusedAndTheRestGoesOn() throws {
        let log = try EventLog.open(at: directory.path)
        let settings = try TopicSettings(["max.message.bytes": "1000", "compression.type": "producer"])
        let partition = try log.createTopic("t", settings: settings).partitions[0]
        #expect(throws: LogError.self) { try partition.append(Record(value: String(repeating: "x", count: 2000))) }
        #expect(try partition.append(Record(value: "small")) == 0)
        try log.close()
    }

    @Test func appendsAfterCloseSayThatTheLogIsClosed() throws {
        let log = try EventLog.open(at: directory.path)
        let partition = try log.createTopic("t").partitions[0]
        try log.close()
        #expect(throws: LogError.closed) { try partition.append(Record(value: "late")) }
    }

    @Test func relaxedTopicsKeepTheirRecordsToo() throws {
        do {
            let log = try EventLog.open(at: directory.path)
            let partition = try log.createTopic("t", settings: TopicSettings(["flush.messages": "1000"])).partitions[0]
            for i in 0..<10 { try partition.append(contentsOf: (0..<300).map { Record(value: "\(i) \($0)") }) }
            try log.close()
        }
        let log = try EventLog.open(at: directory.path)
        let partition = try #require(log.topic("t")).partitions[0]
        #expect(partition.end == 3000)
        #expect(try partition.read(from: .offset(2999)).first?.valueText == "9 299")
        try log.close()
    }

    @Test(arguments: ["1", "1000000000"])
    func appendsThatFindNoRoomGoOnAfterTheRound(flushMessages: String) async throws {
        let log = try EventLog.open(at: directory.path)
        let settings = try TopicSettings([
            "flush.messages": flushMessages, "compression.type": "producer", "max.message.bytes": "2000000",
        ])
        let topic = try log.createTopic("t", partitions: 3, settings: settings)
        // Many times what a round holds, from several sides at once.
        let value = [UInt8](repeating: 7, count: 200_000)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for p in 0..<3 {
                for _ in 0..<2 {
                    group.addTask {
                        let records = (0..<40).map { _ in Record(key: nil, value: value) }
                        for _ in 0..<3 { _ = try await topic.partitions[p].append(contentsOf: records) }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(topic.partitions.map(\.end) == [240, 240, 240])
        for partition in topic.partitions {
            var count = 0
            try partition.scan(from: .earliest) { record in
                #expect(record.offset.value == Int64(count))
                count += 1
                return true
            }
            #expect(count == 240)
        }
        try log.close()
    }

    @Test(.timeLimit(.minutes(10)))
    func anAppendToManyThatIsRefusedLeavesNoRecordWaiting() async throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let small = try TopicSettings(["max.message.bytes": "100", "compression.type": "producer"])
        let (a, b) = (try log.createTopic("a").partitions[0], try log.createTopic("b", settings: small).partitions[0])
        let parts = [
            PartitionAppend(to: a, [Record(value: "small")]),
            PartitionAppend(to: b, [Record(value: String(repeating: "x", count: 200))]),
        ]
        func append() throws { try log.append(parts) }
        #expect(throws: LogError.self) { try append() }
        // It was taken, so it comes, though nobody appends any more.
        var records = a.records(from: .earliest).makeAsyncIterator()
        #expect(try await records.next()?.valueText == "small")
        try log.close()
    }

    @Test(.timeLimit(.minutes(10)))
    func aJournalThatCannotGrowGoesOnInWhatItHas() throws {
        let log = try EventLog.open(
            at: "/data",
            options: quietOptions { $0.environment.fileSystem = JournalThatCannotGrow(on: SimulatedDisk()) })
        let settings = try TopicSettings(["compression.type": "producer"])
        let partition = try log.createTopic("t", settings: settings).partitions[0]
        for i in 0..<40 { try partition.append(Record(value: "\(i) " + String(repeating: "x", count: 200_000))) }
        #expect(partition.end == 40)
        // What is larger than all of it is refused, not waited for.
        let large = try log.createTopic("large", settings: TopicSettings(["max.message.bytes": "3000000"]))
        var random = SeededRandom(seed: 1)
        let value = (0..<2_000_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        #expect(throws: LogError.self) { try large.partitions[0].append(Record(key: nil, value: value)) }
    }
}
