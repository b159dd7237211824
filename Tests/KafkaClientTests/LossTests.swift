import Broker
import BrokerTestSupport
import KafkaClient
import TestSupport
import Testing

@Suite("Connections that break")
struct LossTests {
    private func withLossyClient<R>(
        _ body: (KafkaClient, LossyProxy) async throws -> R
    ) async throws -> R {
        let proxy = try await LossyProxy.start()
        let result = try await withBroker { configuration in
            configuration.advertise = HostPort(host: "127.0.0.1", port: proxy.port)
        } _: { broker in
            proxy.forward(to: broker.address.port)
            let client = try await KafkaClient.connect(to: "127.0.0.1:\(proxy.port)")
            let result = try await body(client, proxy)
            await client.close()
            return result
        }
        try await proxy.stop()
        return result
    }

    @Test("lost acknowledgements cost no record, bring none twice and change no order", arguments: [10, 30, 60])
    func produce(percent: Int) async throws {
        try await withLossyClient { client, proxy in
            try await client.admin.createTopic("readings", partitions: 2)
            var options = ProducerOptions()
            options.batchBytesMax = 300
            options.requestsInFlightMax = 3
            options.retryBackoff = .milliseconds(1)
            let producer = client.makeProducer(options: options)
            let topic = try await producer.topic("readings")
            proxy.lose(percent: percent)
            let count = 3000
            for number in 0..<count {
                #expect(try topic.tryEnqueue(Record(key: "\(number % 5)", value: "\(number)")))
            }
            try await producer.flush()
            proxy.lose(percent: 0)
            #expect(proxy.lossCount > 0 && producer.statistics.retries > 0)
            try await producer.close()

            let records = try await client.everything(in: "readings").values.flatMap { $0 }
            let ends = try await client.admin.listOffsets("readings", at: .latest).compactMap(\.offset?.value)
            #expect(ends.reduce(0, +) == Int64(count))
            #expect(producer.statistics.recordsAcknowledged == count)
            #expect(records.count == count)
            for key in 0..<5 {
                let values = records.filter { $0.keyText == "\(key)" }.compactMap { $0.valueText.flatMap { Int($0) } }
                let isWhole = values == Array(stride(from: key, to: count, by: 5))
                #expect(isWhole, "key \(key)")
            }
        }
    }

    @Test("a consumer whose answers are lost brings each record once, in order")
    func consume() async throws {
        try await withLossyClient { client, proxy in
            try await client.admin.createTopic("readings", partitions: 2)
            let producer = client.makeProducer()
            for number in 0..<1000 {
                try await producer.enqueue(Record(value: "\(number)"), to: "readings", partition: number % 2)
                // Many small batches, so that many answers are needed.
                if number % 50 == 0 { try await producer.flush() }
            }
            try await producer.close()
            var options = ConsumerOptions()
            options.partitionMaxBytes = 1
            options.retryBackoff = .milliseconds(1)
            let consumer = try await client.makeConsumer(topic: "readings", until: .end, options: options)
            proxy.lose(percent: 25)
            var values: [Int: [Int]] = [:]
            while let batch = try await consumer.next() {
                values[batch.partition, default: []] += try batch.records().compactMap {
                    $0.valueText.flatMap { Int($0) }
                }
            }
            proxy.lose(percent: 0)
            #expect(proxy.lossCount > 0)
            for partition in 0..<2 {
                let isWhole = values[partition] == Array(stride(from: partition, to: 1000, by: 2))
                #expect(isWhole, "partition \(partition)")
            }
            await consumer.close()
        }
    }
}
