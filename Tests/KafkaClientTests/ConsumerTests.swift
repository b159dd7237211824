import Broker
import BrokerTestSupport
import KafkaClient
import TestSupport
import Testing

@Suite("Consumer")
struct ConsumerTests {
    /// One partition, of records 0..<count with timestamps 1000, 1010, 1020…, ten a batch.
    private func fill(_ client: KafkaClient, _ topic: String, count: Int) async throws {
        try await client.admin.createTopic(topic, partitions: 1)
        let producer = client.makeProducer()
        for start in stride(from: 0, to: count, by: 10) {
            let records = (start..<min(count, start + 10)).map {
                Record(value: "\($0)", timestamp: Timestamp(milliseconds: 1000 + Int64($0) * 10))
            }
            try await producer.sendBatch(records, to: topic)
        }
        try await producer.close()
    }

    private func values(_ records: [Int: [StoredRecord]]) -> [Int] {
        (records[0] ?? []).compactMap { $0.valueText.flatMap { Int($0) } }
    }

    @Test("reading starts and stops at the very record, also within a compressed batch")
    func positions() async throws {
        try await withClient { client in
            try await fill(client, "readings", count: 100)
            let cases: [(StartPosition, StopPosition, Range<Int>)] = [
                (.earliest, .end, 0..<100), (.offset(37), .end, 37..<100), (.offset(37), .offset(38), 37..<38),
                (.earliest, .offset(5), 0..<5), (.timestamp(Timestamp(milliseconds: 1333)), .end, 34..<100),
                (.timestamp(Timestamp(milliseconds: 1340)), .timestamp(Timestamp(milliseconds: 1500)), 34..<50),
                (.timestamp(Timestamp(milliseconds: 5000)), .end, 100..<100), (.latest, .end, 100..<100),
                (.offset(50), .offset(10), 0..<0), (.offset(100), .end, 0..<0), (.offset(95), .offset(1000), 95..<100),
                (.offset(1000), .end, 0..<0),
            ]
            for (start, stop, expected) in cases {
                let records = try await client.everything(in: "readings", from: start, until: stop)
                #expect(values(records) == Array(expected), "\(start) to \(stop)")
            }
        }
    }

    @Test("a consumer without a stop waits at the end and is woken by the next record")
    func follow() async throws {
        try await withClient { client in
            try await fill(client, "readings", count: 10)
            let consumer = try await client.makeConsumer(topic: "readings", from: .latest)
            let producer = client.makeProducer()
            async let first = consumer.next()
            try await producer.send(Record(value: "new"), to: "readings")
            #expect(try await first?.records().map(\.valueText) == ["new"])
            #expect(consumer.positions == [TopicPartition(topic: "readings", partition: 0): 11])
            try await producer.close()
            await consumer.close()
            await #expect(throws: KafkaClientError.closed) { try await consumer.next() }
        }
    }

    @Test("a waiting consumer can be cancelled")
    func cancel() async throws {
        try await withClient { client in
            try await fill(client, "readings", count: 1)
            let consumer = try await client.makeConsumer(topic: "readings", from: .latest)
            let task = Task { () -> KafkaClientError? in
                do throws(KafkaClientError) {
                    _ = try await consumer.next()
                    return nil
                } catch {
                    return error
                }
            }
            task.cancel()
            #expect(await task.value == .cancelled)
            await consumer.close()
        }
    }

    @Test("records are read in place or copied, with the same content")
    func forEachRecord() async throws {
        try await withClient { client in
            try await fill(client, "readings", count: 100)
            let consumer = try await client.makeConsumer(topic: "readings", until: .end)
            var scratch = DecompressionBuffer()
            var offsets: [Int64] = []
            while let batch = try await consumer.next() {
                #expect(batch.highWatermark == 100 && batch.logStart == 0)
                var inPlace: [StoredRecord] = []
                try batch.forEachRecord(scratch: &scratch) { inPlace.append($0.makeStoredRecord()) }
                #expect(try batch.records() == inPlace)
                offsets += inPlace.map(\.offset.value)
            }
            #expect(offsets == Array(0..<100))
            await consumer.close()
        }
    }

    @Test("what a caller throws inside a batch comes out as it is")
    func callersError() async throws {
        struct Enough: Error {}
        try await withClient { client in
            try await fill(client, "readings", count: 10)
            let consumer = try await client.makeConsumer(topic: "readings", until: .end)
            let batch = try #require(try await consumer.next())
            #expect(throws: Enough.self) { try batch.forEachRecord { _ in throw Enough() } }
            await consumer.close()
        }
    }

    @Test("the buffer's bound holds fetching back, and nothing is lost by it")
    func bounded() async throws {
        try await withClient { client in
            try await client.admin.createTopic("readings", partitions: 4)
            var options = ProducerOptions()
            options.batchBytesMax = 4096
            options.compression = .none
            let producer = client.makeProducer(options: options)
            for number in 0..<4000 {
                try await producer.enqueue(
                    Record(key: "\(number)", value: String(repeating: "x", count: 200)), to: "readings")
            }
            try await producer.close()
            var fetching = ConsumerOptions()
            fetching.bufferBytesMax = 20_000
            fetching.partitionMaxBytes = 8192
            fetching.maxBytes = 16_384
            let consumer = try await client.makeConsumer(topic: "readings", until: .end, options: fetching)
            var count = 0
            while let batch = try await consumer.next() { count += try batch.records().count }
            #expect(count == 4000)
            await consumer.close()
        }
    }

    @Test("after a seek only records from there come")
    func seek() async throws {
        try await withClient { client in
            try await fill(client, "readings", count: 100)
            let consumer = try await client.makeConsumer(topic: "readings", until: .end)
            let partition = TopicPartition(topic: "readings", partition: 0)
            _ = try await consumer.next()
            try consumer.seek(partition, to: 95)
            var offsets: [Int64] = []
            while let batch = try await consumer.next() { offsets += try batch.records().map(\.offset.value) }
            #expect(offsets == [95, 96, 97, 98, 99])
            #expect(throws: KafkaClientError.self) {
                try consumer.seek(TopicPartition(topic: "readings", partition: 9), to: 0)
            }
            await consumer.close()
        }
    }

    @Test("an offset that the partition does not hold fails, or is left for an end of it")
    func outOfRange() async throws {
        try await withClient { client in
            try await fill(client, "readings", count: 10)
            let strict = try await client.makeConsumer(topic: "readings", from: .offset(1000))
            await #expect(throws: KafkaClientError.offsetOutOfRange(topic: "readings", partition: 0, offset: 1000)) {
                try await strict.next()
            }
            await strict.close()
            var options = ConsumerOptions()
            options.outOfRange = .earliest
            let lenient = try await client.makeConsumer(
                topic: "readings", from: .offset(1000), options: options)
            #expect(try await lenient.next()?.records().first?.offset == 0)
            await lenient.close()
        }
    }

    @Test("an unknown topic or partition, or none at all, is said when the consumer is made")
    func unknown() async throws {
        try await withClient { client in
            try await fill(client, "readings", count: 1)
            await #expect(throws: KafkaClientError.unknownTopic("other")) {
                try await client.makeConsumer(topic: "other")
            }
            await #expect(throws: KafkaClientError.unknownPartition(topic: "readings", partition: 3, count: 1)) {
                try await client.makeConsumer(topic: "readings", partitions: [3])
            }
            await #expect(throws: KafkaClientError.self) { try await client.makeConsumer(of: []) }
            #expect(try await client.admin.listTopics().map(\.name) == ["readings"])
        }
    }

    @Test("a topic that is deleted ends its consumers with an error")
    func deleted() async throws {
        try await withClient { client in
            try await fill(client, "readings", count: 1)
            let consumer = try await client.makeConsumer(topic: "readings")
            #expect(try await consumer.next()?.records().count == 1)
            try await client.admin.deleteTopic("readings")
            await #expect(throws: KafkaClientError.unknownTopic("readings")) { try await consumer.next() }
            await consumer.close()
        }
    }

    @Test("a consumer goes on after the broker has restarted")
    func restart() async throws {
        let directory = TemporaryDirectory()
        let port = unusedPort()
        let consumer = try await withBroker(in: directory, port: port) { broker in
            let client = try await KafkaClient.connect(to: broker.address.description)
            try await fill(client, "readings", count: 10)
            var options = ConsumerOptions()
            options.retryBackoff = .milliseconds(5)
            let consumer = try await client.makeConsumer(topic: "readings", options: options)
            #expect(try await consumer.next()?.records().isEmpty == false)
            await client.close()
            return consumer
        }
        try await withBroker(in: directory, port: port) { broker in
            let client = try await KafkaClient.connect(to: broker.address.description)
            let producer = client.makeProducer()
            try await producer.send(Record(value: "after"), to: "readings")
            var last: String?
            while last != "after", let batch = try await consumer.next() { last = try batch.records().last?.valueText }
            #expect(last == "after")
            try await producer.close()
            await consumer.close()
            await client.close()
        }
    }
}
