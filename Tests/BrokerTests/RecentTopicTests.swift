import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("Topics that a connection has produced to", .timeLimit(.minutes(10)))
struct RecentTopicTests {
    @Test(
        "one that was deleted takes nothing, and one that came in its place begins anew",
        arguments: [-1, 1] as [Int16])
    func deletedAndCreatedAgain(acks: Int16) async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            let other = try await WireClient.connect(to: broker)
            for round in 0..<3 {
                try await other.create("readings")
                for offset in 0..<3 as Range<Int64> {
                    let result = try await client.produce(Batch("\(round)"), to: "readings", acks: acks)
                    #expect(result.errorCode == .none && result.baseOffset == offset)
                }
                _ = try await other.call(DeleteTopicsRequest.deleting("readings"))
                let result = try await client.produce(Batch("gone"), to: "readings", acks: acks)
                #expect(result.errorCode == .unknownTopicOrPartition && result.baseOffset == -1)
            }
        }
    }

    @Test("several in turn each keep what they were sent")
    func inTurn() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            let names = ["readings", "reading", "sgnidaer"]
            for name in names { try await client.create(name, partitions: 2) }
            for round in 0..<6 {
                for name in names {
                    for partition in 0..<2 as Range<Int32> {
                        let batch = try Batch("\(name) \(round) \(partition)")
                        let result = try await client.produce(batch, to: name, partition)
                        #expect(result.errorCode == .none && result.baseOffset == Int64(round))
                    }
                }
                let missing = try await client.produce(Batch("none"), to: "readings", 2)
                #expect(missing.errorCode == .unknownTopicOrPartition)
            }
            for name in names {
                for partition in 0..<2 as Range<Int32> {
                    let expected = (0..<6).map { "\(name) \($0) \(partition)" }
                    #expect(try await client.values(in: name, partition) == expected)
                }
            }
        }
    }
}
