import Broker
import BrokerTestSupport
import KafkaClient
import TestSupport
import Testing

@Suite("Admin of groups", .timeLimit(.minutes(10)))
struct GroupAdminTests {
    private let first = TopicPartition(topic: "readings", partition: 0)
    private let second = TopicPartition(topic: "readings", partition: 1)

    /// A topic of two partitions with ten records in each, a second apart.
    private func withReadings(_ body: (KafkaClient) async throws -> Void) async throws {
        try await withClient { client in
            try await client.admin.createTopic("readings", partitions: 2)
            let producer = client.makeProducer()
            for partition in 0..<2 {
                let records = (0..<10).map { number in
                    Record(value: "\(number)", timestamp: Timestamp(milliseconds: 1_000_000 + Int64(1000 * number)))
                }
                try await producer.sendBatch(records, to: "readings", partition: partition)
            }
            try await producer.close()
            try await body(client)
        }
    }

    @Test("what is committed for a group without members is listed, described, read, removed and deleted")
    func life() async throws {
        try await withReadings { client in
            let admin = client.admin
            #expect(try await admin.listGroups() == [])
            #expect(try await admin.groupOffsets(of: "g") == [:])
            let offsets = [first: GroupOffset(offset: 4, metadata: "é"), second: GroupOffset(offset: 7)]
            try await admin.commitGroupOffsets(of: "g", offsets)
            #expect(try await admin.groupOffsets(of: "g") == offsets)
            let listed = try await admin.listGroups()
            #expect(listed.map(\.id) == ["g"] && listed[0].state == "Empty" && listed[0].type == "classic")
            let described = try await admin.describeGroup("g")
            #expect(described.state == "Empty" && described.members.isEmpty && described.coordinator != nil)
            try await admin.deleteGroupOffsets(of: "g", [first])
            #expect(try await admin.groupOffsets(of: "g").keys.sorted() == [second])
            try await admin.deleteGroup("g")
            #expect(try await admin.listGroups() == [])
            #expect(try await admin.groupOffsets(of: "g") == [:])
        }
    }

    @Test("a group that is not there is an error of its own")
    func unknown() async throws {
        try await withReadings { client in
            let admin = client.admin
            await #expect(throws: KafkaClientError.unknownGroup("g")) { try await admin.describeGroup("g") }
            await #expect(throws: KafkaClientError.unknownGroup("g")) { try await admin.deleteGroup("g") }
            await #expect(throws: KafkaClientError.unknownGroup("g")) {
                try await admin.deleteGroupOffsets(of: "g", [first])
            }
            await #expect(throws: KafkaClientError.unknownTopic("other")) {
                let partition = TopicPartition(topic: "other", partition: 0)
                try await admin.commitGroupOffsets(of: "g", [partition: GroupOffset(offset: 1)])
            }
        }
    }

    @Test("offsets are moved all or nothing, and the answer says what was there before")
    func alter() async throws {
        try await withReadings { client in
            let admin = client.admin
            try await admin.commitGroupOffsets(of: "g", [first: GroupOffset(offset: 4)])
            let checked = try await admin.alterGroupOffsets(
                of: "g", to: [first: GroupOffset(offset: 1)], kind: "reset", validateOnly: true)
            #expect(checked.id.isEmpty && checked.before == [first: 4])
            #expect(try await admin.groupOffsets(of: "g")[first]?.offset == 4)
            await #expect(throws: KafkaClientError.offsetOutOfRange(topic: "readings", partition: 1, offset: 11)) {
                try await admin.alterGroupOffsets(
                    of: "g", to: [first: GroupOffset(offset: 1), second: GroupOffset(offset: 11)], kind: "reset")
            }
            #expect(try await admin.groupOffsets(of: "g") == [first: GroupOffset(offset: 4)])
            let moved = try await admin.alterGroupOffsets(
                of: "g", to: [first: nil, second: GroupOffset(offset: 10)], kind: "reset")
            #expect(!moved.id.isEmpty && moved.fencedMembers == 0 && moved.before == [first: 4, second: nil])
            #expect(try await admin.groupOffsets(of: "g").mapValues(\.offset) == [second: 10])
        }
    }

    @Test("a member is put out by a move, comes back, and reads from there", arguments: GroupAssignor.allCases)
    func live(assignor: GroupAssignor) async throws {
        try await withReadings { client in
            var options = GroupConsumerOptions()
            options.assignors = [assignor]
            options.heartbeatInterval = .milliseconds(100)
            options.autoCommitInterval = nil
            let consumer = try client.makeGroupConsumer(group: "g", topics: ["readings"], options: options)
            func read(_ count: Int) async throws -> Int {
                var found = 0
                while found < count, let batch = try await consumer.next() {
                    found += try batch.records().count
                    try await consumer.commit()
                }
                return found
            }
            #expect(try await read(20) == 20)
            let described = try await client.admin.describeGroup("g")
            #expect(described.members.map(\.assignment) == [[first, second]])
            #expect(described.members.map(\.topics) == [["readings"]])
            await #expect(throws: KafkaClientError.nonEmptyGroup("g")) { try await client.admin.deleteGroup("g") }
            await #expect(throws: KafkaClientError.subscribedGroup("g")) {
                try await client.admin.deleteGroupOffsets(of: "g", [first])
            }
            await #expect(throws: KafkaClientError.nonEmptyGroup("g")) {
                try await client.admin.commitGroupOffsets(of: "g", [first: GroupOffset(offset: 1)])
            }
            let targets: [TopicPartition: GroupOffset?] = [
                first: GroupOffset(offset: 3), second: GroupOffset(offset: 5),
            ]
            await #expect(throws: KafkaClientError.nonEmptyGroup("g")) {
                try await client.admin.alterGroupOffsets(of: "g", to: targets, kind: "reset", onlyIfEmpty: true)
            }
            let moved = try await client.admin.alterGroupOffsets(of: "g", to: targets, kind: "reset")
            #expect(moved.fencedMembers == 1 && moved.before == [first: 10, second: 10])
            #expect(try await read(12) == 12)
            await consumer.close()
        }
    }

    @Test("a position is where an offset lies: ends, bytes to the end and the next record's time; else the nearest")
    func positions() async throws {
        try await withReadings { client in
            let admin = client.admin
            let missing = TopicPartition(topic: "readings", partition: 2)
            let other = TopicPartition(topic: "other", partition: 0)
            let found = try await admin.positions(at: [first: 3, second: 10, missing: 0, other: 0])
            #expect(found.keys.sorted() == [first, second])
            #expect(found[first]?.logStart == 0 && found[first]?.end == 10)
            #expect(found[first]?.nextTimestamp == Timestamp(milliseconds: 1_003_000))
            #expect(found[first]?.bytesToEnd ?? 0 > 60)
            #expect(found[second] == DescribedPosition(logStart: 0, end: 10, bytesToEnd: 0))
            try await admin.deleteRecords(of: "readings", before: [0: 6])
            let nearest = try await admin.positions(at: [first: 3, second: 99])
            #expect(nearest[first]?.logStart == 6)
            #expect(nearest[first]?.nextTimestamp == Timestamp(milliseconds: 1_006_000))
            #expect(nearest[second]?.bytesToEnd == 0 && nearest[second]?.nextTimestamp == nil)
            #expect(try await admin.positions(at: [:]) == [:])
        }
    }
}
