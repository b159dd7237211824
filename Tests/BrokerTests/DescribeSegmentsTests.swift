import BrokerTestSupport
import EventLog
import KafkaProtocol
import TestSupport
import Testing

@testable import Broker

@Suite("Segments of partitions")
struct DescribeSegmentsTests {
    private func asking(_ partitions: [Int32], in topic: String = "readings") -> DescribeSegmentsRequest {
        DescribeSegmentsRequest { $0.topics = [.init { ($0.name, $0.partitions) = (topic, partitions) }] }
    }

    @Test("a partition that is not there, or is there twice, has an error of its own, and the others are answered")
    func errors() async throws {
        try await withBroker { broker in
            _ = try broker.log.createTopic("readings")
            let client = try await WireClient.connect(to: broker)
            let answer = try await client.call(asking([0, 1, 0])).topics[0].partitions
            #expect(answer.map(\.errorCode) == [.none, .unknownTopicOrPartition, .invalidRequest])
            #expect(answer[0].segments.count == 1 && answer[0].logStartOffset == 0 && answer[0].endOffset == 0)
            #expect(answer[1].segments.isEmpty && answer[1].logStartOffset == -1)
            let none = try await client.call(asking([0], in: "none")).topics[0].partitions
            #expect(none.map(\.errorCode) == [.unknownTopicOrPartition])
            #expect(none[0].errorMessage?.contains("'none'") == true)
        }
    }

    @Test("an answer has a bound: the partitions past it are told to be asked for again")
    func bound() async throws {
        let configure: (inout BrokerConfiguration) -> Void = { $0.limits.describedSegments = 2 }
        try await withBroker(configure: configure) { broker in
            _ = try broker.log.createTopic("readings", partitions: 3)
            let client = try await WireClient.connect(to: broker)
            let answer = try await client.call(asking([0, 1, 2])).topics[0].partitions
            #expect(answer.map(\.errorCode) == [.none, .none, .invalidRequest])
            #expect(answer[2].errorMessage?.contains("fewer partitions") == true)
            #expect(try await client.call(asking([2])).topics[0].partitions[0].errorCode == .none)
        }
    }
}
