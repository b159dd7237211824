import Broker
import BrokerTestSupport
import EventLog
import KafkaClient
import TestSupport
import Testing

/// A broker, and a client that is connected to it.
func withClient<R>(
    configure: (inout BrokerConfiguration) -> Void = { _ in },
    _ body: (KafkaClient) async throws -> R
) async throws -> R {
    try await withBroker(configure: configure) { broker in
        let client = try await KafkaClient.connect(to: broker.address.description)
        do {
            let result = try await body(client)
            await client.close()
            return result
        } catch {
            await client.close()
            throw error
        }
    }
}

extension KafkaClient {
    /// All records of a topic that are there now, by partition.
    func everything(
        in topic: String, from start: StartPosition = .earliest, until stop: StopPosition = .end
    ) async throws -> [Int: [StoredRecord]] {
        let consumer = try await makeConsumer(topic: topic, from: start, until: stop)
        var records: [Int: [StoredRecord]] = [:]
        for try await batch in consumer { records[batch.partition, default: []] += try batch.records() }
        await consumer.close()
        return records
    }
}
