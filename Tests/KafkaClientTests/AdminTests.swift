import Broker
import BrokerTestSupport
import KafkaClient
import TestSupport
import Testing

@Suite("Admin")
struct AdminTests {
    @Test("a topic is created, listed, described, changed and deleted")
    func topic() async throws {
        try await withClient { client in
            let admin = client.admin
            let created = try await admin.createTopic("readings", partitions: 2, settings: ["segment.bytes": "1048576"])
            #expect(created.name == "readings" && created.partitionCount == 2)
            #expect(created.id?.count == 36 && created.id?.split(separator: "-").map(\.count) == [8, 4, 4, 4, 12])
            try await admin.createTopic("alarms")
            #expect(try await admin.listTopics().map(\.name) == ["alarms", "readings"])

            let producer = client.makeProducer()
            try await producer.sendBatch([Record(value: "a"), Record(value: "b")], to: "readings", partition: 1)
            try await producer.close()
            let description = try await admin.describeTopic("readings")
            #expect(description.id == created.id)
            #expect(description.partitions.map(\.index) == [0, 1])
            #expect(description.partitions.map(\.end) == [0, 2] && description.partitions.map(\.logStart) == [0, 0])
            #expect(description.partitions.allSatisfy { $0.leader != nil && $0.replicas == $0.inSyncReplicas })
            let setting = try #require(description.settings.first { $0.name == "segment.bytes" })
            #expect(setting.value == "1048576" && !setting.isDefault)

            try await admin.alterTopic("readings", set: ["segment.ms": "60000"], reset: ["segment.bytes"])
            let settings = try await admin.describeTopic("readings").settings
            #expect(settings.first { $0.name == "segment.ms" }?.value == "60000")
            #expect(settings.first { $0.name == "segment.bytes" }?.isDefault == true)

            try await admin.addPartitions("readings", to: 5)
            #expect(try await admin.describeTopic("readings").partitions.count == 5)
            try await admin.deleteTopic("readings")
            #expect(try await admin.listTopics().map(\.name) == ["alarms"])
        }
    }

    @Test("what cannot be done is said in an error of its own")
    func errors() async throws {
        try await withClient { client in
            let admin = client.admin
            try await admin.createTopic("readings", partitions: 2)
            await #expect(throws: KafkaClientError.topicExists("readings")) {
                try await admin.createTopic("readings", partitions: 2)
            }
            await #expect(throws: KafkaClientError.unknownTopic("other")) { try await admin.deleteTopic("other") }
            await #expect(throws: KafkaClientError.unknownTopic("other")) { try await admin.describeTopic("other") }
            await #expect(throws: KafkaClientError.unknownTopic("other")) {
                try await admin.addPartitions("other", to: 2)
            }
            let badName = await #expect(throws: KafkaClientError.self) { try await admin.createTopic("a/b") }
            guard case .invalidTopic("a/b", _)? = badName else { return #expect(Bool(false), "\(badName as Any)") }
            let badSetting = await #expect(throws: KafkaClientError.self) {
                try await admin.createTopic("new", settings: ["segment.bytes": "many"])
            }
            guard case .rejected(40, "INVALID_CONFIG", let reason)? = badSetting else {
                return #expect(Bool(false), "\(badSetting as Any)")
            }
            #expect(reason.contains("segment.bytes"))
            await #expect(throws: KafkaClientError.self) { try await admin.createTopic("none", partitions: 0) }
            await #expect(throws: KafkaClientError.self) { try await admin.addPartitions("readings", to: 1) }
            #expect(try await admin.listTopics().map(\.name) == ["readings"])
        }
    }

    @Test("offsets are found by end, time and newest time")
    func offsets() async throws {
        try await withClient { client in
            try await client.admin.createTopic("readings", partitions: 2)
            let producer = client.makeProducer()
            let times: [Int64] = [100, 300, 200]
            try await producer.sendBatch(
                times.map { Record(value: "v", timestamp: Timestamp(milliseconds: $0)) }, to: "readings", partition: 0)
            try await producer.close()
            func find(_ query: OffsetQuery) async throws -> [Int64?] {
                try await client.admin.listOffsets("readings", at: query).map(\.offset?.value)
            }
            #expect(try await find(.earliest) == [0, 0])
            #expect(try await find(.latest) == [3, 0])
            #expect(try await find(.timestamp(Timestamp(milliseconds: 150))) == [1, nil])
            #expect(try await find(.timestamp(Timestamp(milliseconds: 301))) == [nil, nil])
            #expect(try await find(.maxTimestamp) == [1, nil])
            let found = try await client.admin.listOffsets("readings", partitions: [0], at: .maxTimestamp)
            #expect(found.first?.timestamp == Timestamp(milliseconds: 300))
        }
    }

    @Test("a topic's settings tell their types, where their values come from, and what they would be otherwise")
    func settings() async throws {
        try await withClient { client in
            try await client.admin.createTopic("readings", settings: ["segment.bytes": "1048576"])
            let settings = try await client.admin.settings(ofTopic: "readings")
            #expect(settings == (try await client.admin.describeTopic("readings").settings))
            let set = try #require(settings.first { $0.name == "segment.bytes" })
            #expect(set.value == "1048576" && set.source == .topic && !set.isDefault && set.type == .int)
            #expect(set.documentation?.isEmpty == false)
            let other = try #require(settings.first { $0.name == "compression.type" })
            #expect(other.isDefault && other.source != .topic && other.type == .string)
            #expect(other.defaultValue == other.value)
            await #expect(throws: KafkaClientError.unknownTopic("other")) {
                try await client.admin.settings(ofTopic: "other")
            }
            await #expect(throws: KafkaClientError.self) { try await client.admin.settings(ofBroker: .max) }
        }
    }

    @Test("a broker's directory is described with the room it has and the bytes of each partition")
    func logDirectories() async throws {
        try await withClient { client in
            try await client.admin.createTopic("readings", partitions: 2)
            let producer = client.makeProducer()
            try await producer.sendBatch([Record(value: "a"), Record(value: "b")], to: "readings", partition: 1)
            try await producer.close()
            let directory = try #require(try await client.admin.logDirectories().first)
            #expect(directory.broker == 1 && directory.path.hasPrefix("/"))
            #expect(directory.sizes[TopicPartition(topic: "readings", partition: 0)] == 0)
            #expect(directory.sizes[TopicPartition(topic: "readings", partition: 1)] ?? 0 > 60)
            let (total, usable) = (try #require(directory.totalBytes), try #require(directory.usableBytes))
            #expect(usable > 0 && usable <= total)
        }
    }

    @Test("the segments of partitions are described: where they begin and end, their bytes and newest times")
    func segments() async throws {
        try await withClient { client in
            try await client.admin.createTopic("readings", partitions: 2, settings: ["segment.bytes": "16384"])
            let producer = client.makeProducer()
            let value = String(repeating: "x", count: 5000)
            for number in 0..<9 {
                let record = Record(value: value, timestamp: Timestamp(milliseconds: 1000 + Int64(number)))
                try await producer.sendBatch([record], to: "readings", partition: 1)
            }
            try await producer.close()
            let found = try await client.admin.segments(of: "readings", partitions: [0, 1, 7])
            #expect(found.keys.sorted() == [0, 1])
            #expect(found[0]?.segments.map(\.bytes) == [0] && found[0]?.segments[0].maxTimestamp == nil)
            let full = try #require(found[1])
            #expect(full.logStart == 0 && full.end == 9 && full.cleanedTo == nil)
            #expect(full.segments.first?.base == 0 && full.segments.last?.next == 9)
            #expect(zip(full.segments, full.segments.dropFirst()).allSatisfy { $0.next == $1.base })
            #expect(full.segments.map { $0.maxTimestamp?.milliseconds } == full.segments.map { $0.next.value + 999 })
            let sizes = try await client.admin.logDirectories()[0].sizes
            let size = sizes[TopicPartition(topic: "readings", partition: 1)]
            #expect(full.segments.reduce(0) { $0 + $1.bytes } == size)
            await #expect(throws: KafkaClientError.unknownTopic("none")) {
                try await client.admin.segments(of: "none", partitions: [0])
            }
        }
    }

    @Test("a change of settings that is only looked at changes nothing, and is refused as the change would be")
    func validateOnly() async throws {
        try await withClient { client in
            try await client.admin.createTopic("readings")
            try await client.admin.alterTopic("readings", set: ["retention.ms": "1000"], validateOnly: true)
            await #expect(throws: KafkaClientError.self) {
                try await client.admin.alterTopic("readings", set: ["retention.ms": "x"], validateOnly: true)
            }
            let settings = try await client.admin.settings(ofTopic: "readings")
            #expect(settings.allSatisfy { $0.source != .topic })
        }
    }

    @Test("a broker's settings can be read")
    func brokerSettings() async throws {
        try await withClient { client in
            let broker = try #require(try await client.admin.describeCluster().brokers.first)
            let settings = try await client.admin.settings(ofBroker: broker.id)
            #expect(
                settings.contains { $0.name == "listeners" && $0.value?.contains("\(broker.address.port)") == true })
        }
    }

    @Test("records before an offset are deleted, and consumers begin behind them")
    func deleteRecords() async throws {
        try await withClient { client in
            try await client.admin.createTopic("readings", partitions: 2)
            let producer = client.makeProducer()
            for partition in 0..<2 {
                try await producer.sendBatch(
                    (0..<100).map { Record(value: "\($0)") }, to: "readings", partition: partition)
            }
            try await producer.close()
            #expect(try await client.admin.deleteRecords(of: "readings", before: [0: 40, 1: nil]) == [0: 40, 1: 100])
            #expect(try await client.admin.listOffsets("readings", at: .earliest).map(\.offset) == [40, 100])
            let left = try await client.everything(in: "readings")
            #expect(left[0]?.map(\.offset.value) == Array(40..<100) && left[1] == nil)
            // Who stands on what was deleted is told so.
            let late = try await client.makeConsumer(topic: "readings", partitions: [0], from: .offset(5))
            await #expect(throws: KafkaClientError.offsetOutOfRange(topic: "readings", partition: 0, offset: 5)) {
                try await late.next()
            }
            await late.close()
            await #expect(throws: KafkaClientError.offsetOutOfRange(topic: "readings", partition: 0, offset: 101)) {
                try await client.admin.deleteRecords(of: "readings", before: [0: 101])
            }
        }
    }

    @Test("the cluster is the one broker")
    func cluster() async throws {
        try await withBroker { broker in
            let client = try await KafkaClient.connect(to: broker.address.description)
            let cluster = try await client.admin.describeCluster()
            #expect(cluster.brokers.map(\.address.description) == [broker.address.description])
            #expect(cluster.controller == cluster.brokers.first?.id && cluster.id != nil)
            await client.close()
        }
    }
}
