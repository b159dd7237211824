import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("What a broker says of its logs", .timeLimit(.minutes(10)))
struct DescribeTests {
    // MARK: Producers

    private func describe(
        _ client: WireClient, _ topic: String, _ partitions: [Int32] = [0]
    ) async throws -> [DescribeProducersResponse.PartitionResponse] {
        let answer = try await client.call(DescribeProducersRequest.about(topic, partitions))
        #expect(answer.topics.map(\.name) == [topic])
        return try #require(answer.topics.first).partitions
    }

    @Test("idempotent producers, with what they sent last, in order of their ids")
    func producers() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            #expect(try await describe(client, "readings").map(\.activeProducers.count) == [0])
            let record = { Record(value: "\($0)", timestamp: Timestamp(milliseconds: 1_700_000_000_000 + $0)) }
            for (producer, sequence) in [(9, 0), (7, 0), (9, 1)] as [(Int64, Int32)] {
                let batch = try Batch(
                    [record(Int64(sequence) * 10 + producer)],
                    producer: (id: producer, epoch: 4, baseSequence: sequence))
                #expect(try await client.produce(batch, to: "readings").errorCode == .none)
            }
            _ = try await client.produce(Batch("of nobody"), to: "readings")
            let partition = try #require(try await describe(client, "readings").first)
            #expect(partition.errorCode == .none && partition.errorMessage == nil)
            #expect(partition.activeProducers.map(\.producerID) == [7, 9])
            #expect(partition.activeProducers.map(\.producerEpoch) == [4, 4])
            #expect(partition.activeProducers.map(\.lastSequence) == [0, 1])
            #expect(partition.activeProducers.map(\.lastTimestamp) == [1_700_000_000_007, 1_700_000_000_019])
            #expect(partition.activeProducers.map(\.coordinatorEpoch) == [-1, -1])
            #expect(partition.activeProducers.map(\.currentTxnStartOffset) == [-1, -1])
        }
    }

    @Test("what there is not is said, partition by partition")
    func unknownProducers() async throws {
        try await withSurvivor { broker in
            let client = broker.client
            try await client.create("readings")
            let partitions = try await describe(client, "readings", [0, 1, -1, 0])
            #expect(
                partitions.map(\.errorCode)
                    == [.none, .unknownTopicOrPartition, .unknownTopicOrPartition, .invalidRequest])
            #expect(partitions.map { $0.errorMessage == nil } == [true, false, false, false])
            #expect(try await describe(client, "other").map(\.errorCode) == [.unknownTopicOrPartition])
            for name in ["", "a b", String(repeating: "x", count: 5000)] {
                #expect(try await describe(client, name).map(\.errorCode) == [.invalidTopicException])
            }
        }
    }

    @Test("an answer holds so many producers and no more")
    func tooManyProducers() async throws {
        let configure = { (configuration: inout BrokerConfiguration) in configuration.limits.describedProducers = 2 }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", partitions: 2)
            for (partition, producer) in [(0, 1), (0, 2), (1, 3)] as [(Int32, Int64)] {
                let batch = try Batch([Record(value: "x")], producer: (id: producer, epoch: 0, baseSequence: 0))
                #expect(try await client.produce(batch, to: "readings", partition).errorCode == .none)
            }
            let both = try await describe(client, "readings", [0, 1])
            #expect(both.map(\.errorCode) == [.none, .invalidRequest])
            #expect(try await describe(client, "readings", [1]).map(\.activeProducers.count) == [1])
        }
    }

    // MARK: Directories

    @Test("the data directory, with the sizes of all partitions", arguments: 1...4)
    func directories(version: Int16) async throws {
        let directory = TemporaryDirectory()
        try await withBroker(in: directory) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", partitions: 2)
            try await client.create("other")
            for _ in 0..<3 { _ = try await client.produce(Batch("x"), to: "readings", 1) }
            let answer = try await client.call(DescribeLogDirsRequest { $0.topics = nil }, version: version)
            #expect(answer.errorCode == .none && answer.results.count == 1)
            let result = try #require(answer.results.first)
            #expect(result.errorCode == .none)
            #expect(result.logDir.hasPrefix("/") && result.logDir.hasSuffix(directory.path))
            #expect(result.topics.map(\.name) == ["other", "readings"])
            let log = try directory.contents(of: "readings-1/00000000000000000000.log")
            #expect(result.topics.map { $0.partitions.map(\.partitionIndex) } == [[0], [0, 1]])
            #expect(result.topics.map { $0.partitions.map(\.partitionSize) } == [[0], [0, Int64(log.count)]])
            #expect(result.topics.flatMap(\.partitions).allSatisfy { $0.offsetLag == 0 && !$0.isFutureKey })
            if version >= 4 {
                #expect(result.usableBytes > 0 && result.totalBytes > result.usableBytes)
            } else {
                #expect(result.usableBytes == -1 && result.totalBytes == -1)
            }
        }
    }

    @Test("only the partitions that are asked for, each once; what there is not is left out")
    func someDirectories() async throws {
        try await withSurvivor { broker in
            let client = broker.client
            try await client.create("readings", partitions: 3)
            var request = DescribeLogDirsRequest.about("readings", [2, 0, 2, 7, -1])
            request.topics? += DescribeLogDirsRequest.about("other").topics ?? []
            request.topics? += DescribeLogDirsRequest.about("readings", [9]).topics ?? []
            let result = try #require(try await client.call(request).results.first)
            #expect(result.topics.map(\.name) == ["readings"])
            #expect(result.topics.flatMap(\.partitions).map(\.partitionIndex) == [2, 0])
            let none = try await client.call(DescribeLogDirsRequest { $0.topics = [] })
            #expect(none.results.map(\.topics.count) == [0])
        }
    }
}
