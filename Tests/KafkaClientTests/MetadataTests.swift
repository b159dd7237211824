import Broker
import BrokerTestSupport
import KafkaProtocol
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import KafkaClient

@Suite("Metadata that ages")
struct MetadataTests {
    private func withImpatientClient<R>(_ body: (KafkaClient) async throws -> R) async throws -> R {
        try await withBroker { broker in
            var options = KafkaClientOptions()
            options.metadataAgeMax = .milliseconds(20)
            let client = try await KafkaClient.connect(to: broker.address.description, options: options)
            let result = try await body(client)
            await client.close()
            return result
        }
    }

    @Test("a producer uses partitions that are added while it runs")
    func producer() async throws {
        try await withImpatientClient { client in
            try await client.admin.createTopic("readings", partitions: 1)
            let producer = client.makeProducer()
            let topic = try await producer.topic("readings")
            try await producer.send(Record(value: "first"), to: "readings")
            await #expect(throws: KafkaClientError.unknownPartition(topic: "readings", partition: 2, count: 1)) {
                try await producer.send(Record(value: "early"), to: "readings", partition: 2)
            }
            try await client.admin.addPartitions("readings", to: 3)
            while topic.partitionCount < 3 { try await producer.send(Record(value: "more"), to: "readings") }
            #expect(try await producer.send(Record(value: "late"), to: "readings", partition: 2).offset == 0)
            let key = try #require(
                (0..<100).map { "\($0)" }.first { DefaultPartitioner.partition(of: $0, count: 3) == 1 })
            #expect(try await producer.send(Record(key: key, value: "keyed"), to: "readings").partition == 1)
            try await producer.close()
        }
    }

    @Test("a consumer of a whole topic reads partitions that are added while it runs, from their start")
    func consumer() async throws {
        try await withImpatientClient { client in
            try await client.admin.createTopic("readings", partitions: 1)
            let whole = try await client.makeConsumer(topic: "readings")
            let chosen = try await client.makeConsumer(topic: "readings", partitions: [0])
            try await client.admin.addPartitions("readings", to: 3)
            let producer = client.makeProducer()
            try await producer.send(Record(value: "new"), to: "readings", partition: 2)
            let batch = try #require(try await whole.next())
            #expect(batch.partition == 2)
            #expect(try batch.records().map(\.valueText) == ["new"])
            #expect(whole.partitions.map(\.partition) == [0, 1, 2])
            try await producer.send(Record(value: "old"), to: "readings", partition: 0)
            #expect(try await chosen.next()?.partition == 0)
            #expect(chosen.partitions.map(\.partition) == [0])
            try await producer.close()
            await whole.close()
            await chosen.close()
        }
    }

    @Test("a topic that brokers do not know at first, as while it is created, is waited for")
    func unknownAtFirst() async throws {
        let asked = Mutex(0)
        let script: ScriptedBroker.Script = { request in
            guard request.api == .metadata,
                let name = try request.read(MetadataRequest.self).topics?.first?.name,
                asked.withLock({
                    $0 += 1
                    return $0
                }) <= 2
            else { return nil }
            return MetadataResponse {
                $0.topics = [
                    MetadataResponse.Topic {
                        $0.name = name
                        $0.errorCode = .unknownTopicOrPartition
                    }
                ]
            }
        }
        try await withScriptedBroker(script: script) { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            let producer = client.makeProducer()
            #expect(try await producer.topic("readings").partitionCount == 1)
            #expect(broker.requests(.metadata).count == 4)
            try await producer.close()
            await client.close()
        }
    }

    @Test("brokers with ports that are none are not connected to")
    func badPorts() async throws {
        let script: ScriptedBroker.Script = { request in
            guard request.api == .metadata else { return nil }
            return MetadataResponse {
                $0.brokers = [-1, 0, 65536, Int32.max].map { port in
                    MetadataResponse.Broker {
                        $0.nodeID = port
                        $0.host = "127.0.0.1"
                        $0.port = port
                    }
                }
                $0.controllerID = 65536
                $0.topics = [
                    MetadataResponse.Topic {
                        $0.name = "readings"
                        $0.partitions = [MetadataResponse.Partition { $0.leaderID = 65536 }]
                    }
                ]
            }
        }
        try await withScriptedBroker(script: script) { broker in
            let cluster = Cluster(
                try BrokerAddress.list(parsing: broker.address), on: MultiThreadedEventLoopGroup.singleton.next(),
                KafkaClientOptions())
            #expect(try await cluster.route(of: "readings", createMissing: false).leaders[0]?.id == 65536)
            for port in [-1, 0, 65536, Int32.max] {
                let error = await #expect(throws: KafkaClientError.self) { try await cluster.connection(to: port) }
                guard case .rejected(8, "BROKER_NOT_AVAILABLE", _)? = error else {
                    return #expect(Bool(false), "\(error as Any)")
                }
            }
            _ = try await cluster.controller()
            await cluster.close()
        }
    }
}

extension DefaultPartitioner {
    fileprivate static func partition(of key: String, count: Int) -> Int {
        partition(forKey: Array(key.utf8).span.bytes, of: count)
    }
}
