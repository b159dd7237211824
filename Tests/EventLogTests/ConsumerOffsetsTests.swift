import Storage
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
}
