import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import Storage
import TestSupport
import Testing

@Suite("Committed offsets over sockets", .timeLimit(.minutes(10)))
struct OffsetCommitTests {
    private func withTopic(
        configure: (inout BrokerConfiguration) -> Void = hurried,
        _ body: (Broker, WireClient) async throws -> Void
    ) async throws {
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", partitions: 2)
            try await body(broker, client)
        }
    }

    @Test("every version of OffsetCommit stores, and every version of OffsetFetch brings it back", arguments: 2...9)
    func versions(version: Int16) async throws {
        try await withTopic { _, client in
            var request = OffsetCommitRequest.storing([(0, 17), (1, 4)])
            request.topics[0].partitions[0].committedLeaderEpoch = 3
            request.topics[0].partitions[0].committedMetadata = "note"
            request.topics[0].partitions[1].committedMetadata = nil
            let answer = try await client.call(request, version: version)
            #expect(answer.topics.map(\.name) == ["readings"])
            #expect(answer.topics[0].partitions.map(\.errorCode) == [.none, .none])
            for fetchVersion: Int16 in 1...9 {
                let first = try await client.committedPartition(version: fetchVersion)
                #expect(first.committedOffset == 17 && first.metadata == "note" && first.errorCode == .none)
                #expect(first.committedLeaderEpoch == (version >= 6 && fetchVersion >= 5 ? 3 : -1))
                let second = try await client.committedPartition(in: "readings", 1, version: fetchVersion)
                #expect(second.committedOffset == 4 && second.metadata == "")
            }
        }
    }

    @Test("a group that is not there stands at -1 everywhere, which is no error", arguments: 1...9)
    func unknownGroup(version: Int16) async throws {
        try await withTopic { _, client in
            let answer = try await client.committedPartition(in: "none", 9, of: "nobody", version: version)
            #expect(answer.committedOffset == -1 && answer.metadata == "" && answer.errorCode == .none)
        }
    }

    @Test("without topics all that is committed comes, and none of another group", arguments: 2...9)
    func all(version: Int16) async throws {
        try await withTopic { _, client in
            try await client.create("alarms")
            #expect(try await client.commit(5) == .none)
            #expect(try await client.commit(6, in: "readings", 1) == .none)
            #expect(try await client.commit(7, in: "alarms") == .none)
            #expect(try await client.commit(99, of: "other") == .none)
            let answer = try await client.call(OffsetFetchRequest.asking(nil, of: "g"), version: version)
            let topics = version >= 8 ? answer.groups[0].topics : answer.topics
            #expect(topics.map(\.name) == ["alarms", "readings"])
            #expect(topics.map { $0.partitions.map(\.committedOffset) } == [[7], [5, 6]])
        }
    }

    @Test("several groups are asked for at once, each is answered once", arguments: 8...9)
    func batched(version: Int16) async throws {
        try await withTopic { _, client in
            #expect(try await client.commit(5) == .none)
            var request = OffsetFetchRequest.asking([0])
            request.groups.append(.init { ($0.groupID, $0.topics) = ("other", nil) })
            request.groups += Array(repeating: request.groups[0], count: 1000)
            let answer = try await client.call(request, version: version)
            #expect(answer.groups.map(\.groupID) == ["g", "other"])
            #expect(answer.groups[0].topics[0].partitions[0].committedOffset == 5 && answer.groups[1].topics.isEmpty)
        }
    }

    @Test("a partition that is asked for again and again is answered once", arguments: 1...9)
    func fetchedOnce(version: Int16) async throws {
        try await withTopic { _, client in
            #expect(try await client.commit(5) == .none)
            var request = OffsetFetchRequest.asking(Array(repeating: 0, count: 1000) + [1])
            let topic = try #require(request.topics?.first)
            request.topics = [topic, topic]
            request.groups[0].topics = request.topics
            let answer = try await client.call(request, version: version)
            let topics = version >= 8 ? answer.groups[0].topics : answer.topics
            #expect(topics.map(\.name) == ["readings", "readings"])
            #expect(topics.map { $0.partitions.map(\.committedOffset) } == [[5, -1], []])
        }
    }

    @Test("what cannot be committed is refused partition by partition, the rest is stored", arguments: 2...9)
    func partly(version: Int16) async throws {
        try await withTopic { _, client in
            var request = OffsetCommitRequest.storing([(0, 5), (2, 6), (1, 7), (0, -2)])
            request.topics[0].partitions[2].committedMetadata = String(repeating: "x", count: 4097)
            request.topics += OffsetCommitRequest.storing([(0, 1)], in: "none").topics
            let answer = try await client.call(request, version: version)
            #expect(
                answer.topics.map { $0.partitions.map(\.errorCode) } == [
                    [.none, .unknownTopicOrPartition, .offsetMetadataTooLarge, .offsetOutOfRange],
                    [.unknownTopicOrPartition],
                ])
            #expect(try await client.committed() == 5)
            #expect(try await client.committed(in: "readings", 1) == -1)
        }
    }

    @Test("hundreds of commits in flight are answered in their order, and the last one counts")
    func pipelined() async throws {
        try await withTopic { _, client in
            var posted: [Posted<OffsetCommitRequest>] = []
            for offset in 0..<500 as Range<Int64> {
                posted.append(try await client.post(OffsetCommitRequest.storing([(0, offset)])))
            }
            for commit in posted {
                #expect(try await client.receive(commit).topics[0].partitions[0].errorCode == .none)
            }
            #expect(try await client.committed() == 499)
        }
    }

    @Test("commits past what a round has room for go on after it, and none is lost")
    func stalled() async throws {
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.hurryGroups()
            configuration.log.journalBytesInitial = 1 << 20
            configuration.log.journalBytesMax = 1 << 20
        }
        try await withTopic(configure: configure) { _, client in
            let note = String(repeating: "x", count: 4000)
            var posted: [Posted<OffsetCommitRequest>] = []
            for offset in 0..<1000 as Range<Int64> {
                var request = OffsetCommitRequest.storing([(0, offset), (1, offset)])
                for place in 0..<2 { request.topics[0].partitions[place].committedMetadata = note }
                posted.append(try await client.post(request))
            }
            for commit in posted {
                #expect(try await client.receive(commit).topics[0].partitions.map(\.errorCode) == [.none, .none])
            }
            #expect(try await client.committed() == 999)
        }
    }

    @Test("a disk that fails is no acknowledgement: the commit is refused, and what was committed before stands")
    func failingDisk() async throws {
        let disk = SimulatedDisk()
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.dataDirectory = "/data"
            configuration.log.environment.fileSystem = disk
            configuration.hurryGroups()
        }
        try await withTopic(configure: configure) { (_, client) async throws in
            #expect(try await client.commit(5) == .none)
            disk.add(.init(at: disk.operations + 1, .error(28), operation: .write))
            #expect(try await client.commit(6) == .coordinatorNotAvailable)
            #expect(try await client.committed() == 5)
            disk.clearFaults()
        }
    }

    @Test("deleting a topic deletes what groups have committed to it; a new one of its name inherits nothing")
    func deletedTopic() async throws {
        try await withTopic { _, client in
            #expect(try await client.commit(5) == .none)
            let deleted = try await client.call(DeleteTopicsRequest.deleting("readings")).responses
            #expect(deleted.map(\.errorCode) == [.none])
            #expect(try await client.committed() == -1)
            try await client.create("readings", partitions: 2)
            #expect(try await client.committed() == -1)
        }
    }

    @Test("offsets of groups without members expire where that is set, those of members do not")
    func retention() async throws {
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.hurryGroups()
            configuration.groups.offsetsRetentionMinutes = 0
            configuration.groups.offsetsRetentionCheckInterval = 20
        }
        try await withTopic(configure: configure) { _, client in
            let member = try await client.member(.joining("live"))
            #expect(try await client.commit(5, of: "live", by: member) == .none)
            #expect(try await client.commit(6, of: "idle") == .none)
            while try await client.committed(of: "idle") != -1 {}
            while try await client.call(ListGroupsRequest()).groups.map(\.groupID) != ["live"] {}
            #expect(try await client.committed(of: "live") == 5)
        }
    }

    // MARK: The topic

    @Test("the topic of offsets is marked as the broker's own, can be read, and not be written, changed or deleted")
    func internalTopic() async throws {
        try await withTopic { broker, client in
            let name = "__consumer_offsets"
            #expect(try await client.metadata(of: [name]).topics.map(\.errorCode) == [.unknownTopicOrPartition])
            let created = try await client.call(CreateTopicsRequest.creating(name)).topics
            #expect(created.map(\.errorCode) == [.invalidTopicException])
            #expect(try await client.commit(5) == .none)
            for version in Wire.versions(MetadataRequest.self) where version >= 1 {
                let topics = try await client.metadata(of: nil, version: version).topics
                #expect(topics.filter(\.isInternal).map(\.name) == [name])
            }
            let described = try await client.call(DescribeTopicPartitionsRequest()).topics
            #expect(described.filter(\.isInternal).map(\.name) == [name])
            let partition = Int32(try broker.log.consumerOffsets().shard(of: "g"))
            #expect(try await client.fetch(name, partition).records.bytes.storedRecords.count == 1)

            let produced = try await client.produce(Batch("x"), to: name)
            #expect(produced.errorCode == .invalidTopicException)
            #expect(produced.errorMessage?.contains("the broker's own: commit offsets") == true)
            let deleted = try await client.call(DeleteTopicsRequest.deleting(name)).responses
            #expect(deleted.map(\.errorCode) == [.invalidTopicException])
            #expect(deleted.first?.errorMessage?.contains("delete the groups") == true)
            let added = try await client.call(CreatePartitionsRequest.adding(name, to: 60)).results
            #expect(added.map(\.errorCode) == [.invalidTopicException])
            let altered = try await client.call(
                IncrementalAlterConfigsRequest.changing(name, [("segment.ms", .set, "5000")])
            ).responses
            #expect(altered.map(\.errorCode) == [.invalidTopicException])
            let records = try await client.call(DeleteRecordsRequest.deleting(name, partition, before: -1))
            #expect(records.topics[0].partitions.map(\.errorCode) == [.policyViolation])
            #expect(try await client.committed() == 5)
        }
    }

    @Test("the topic of offsets gets as many partitions as is set")
    func partitionCount() async throws {
        func configure(_ configuration: inout BrokerConfiguration) { configuration.groups.offsetsPartitions = 3 }
        try await withTopic(configure: configure) { (broker, client) async throws in
            #expect(try await client.commit(5) == .none)
            #expect(broker.log.topic("__consumer_offsets")?.partitions.count == 3)
        }
    }

    @Test("the history of groups is as long as is set, for a topic of offsets that comes and for one that is there")
    func historyIsSet() async throws {
        let directory = TemporaryDirectory.inMemory()
        for milliseconds in [5_000_000, 7_000_000] as [Int64] {
            func configure(_ configuration: inout BrokerConfiguration) {
                configuration.groups.offsetsHistory = milliseconds
            }
            try await withBroker(in: directory, configure: configure) { broker in
                try broker.log.consumerOffsets().prepare()
                let settings = try #require(broker.log.topic("__consumer_offsets")).settings
                #expect(settings.isCompacted && settings.compactionLagMilliseconds == milliseconds)
            }
        }
    }
}
