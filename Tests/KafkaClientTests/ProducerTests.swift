import Broker
import BrokerTestSupport
import KafkaClient
import TestSupport
import Testing

@Suite("Producer")
struct ProducerTests {
    @Test("a record that was sent is acknowledged with its offset and read back as it was")
    func sendOne() async throws {
        try await withClient { client in
            try await client.admin.createTopic("readings", partitions: 1)
            let producer = client.makeProducer()
            let record = Record(
                key: "thermometer-7", value: "21.5", headers: [RecordHeader(name: "unit", value: [0x43])],
                timestamp: Timestamp(milliseconds: 1_700_000_000_000))
            let first = try await producer.send(record, to: "readings")
            #expect(first == RecordMetadata(topic: "readings", partition: 0, offset: 0, timestamp: record.timestamp!))
            let second = try await producer.send(Record(key: nil, value: nil as [UInt8]?), to: "readings")
            #expect(second.offset == 1)
            try await producer.close()

            let records = try await client.everything(in: "readings")[0] ?? []
            #expect(records.map(\.offset) == [0, 1])
            #expect(records.first?.keyText == "thermometer-7" && records.first?.valueText == "21.5")
            #expect(records.first?.headers == record.headers && records.first?.timestamp == record.timestamp)
            #expect(records.last?.key == nil && records.last?.value == nil)
        }
    }

    @Test("many records arrive once each and in order", arguments: [Compression.none, .lz4])
    func enqueueMany(compression: Compression) async throws {
        try await withClient { client in
            try await client.admin.createTopic("readings", partitions: 3)
            var options = ProducerOptions()
            options.compression = compression
            options.batchBytesMax = 4096
            let producer = client.makeProducer(options: options)
            let topic = try await producer.topic("readings")
            #expect(topic.partitionCount == 3)
            let count = 20_000
            for number in 0..<count {
                let record = Record(key: "device-\(number % 50)", value: "reading \(number)")
                while !(try topic.tryEnqueue(record)) { try await producer.waitForSpace() }
            }
            try await producer.flush()
            let statistics = producer.statistics
            #expect(statistics.recordsEnqueued == count && statistics.recordsAcknowledged == count)
            #expect(statistics.recordsFailed == 0 && statistics.bufferedBytes == 0)
            #expect(statistics.batchesAcknowledged > 100)
            try await producer.close()

            let records = try await client.everything(in: "readings")
            #expect(records.values.reduce(0) { $0 + $1.count } == count)
            var byKey: [String: [Int]] = [:]
            for (partition, records) in records {
                #expect(records.map(\.offset.value) == (0..<Int64(records.count)).map { $0 })
                for record in records {
                    let key = try #require(record.keyText)
                    #expect(DefaultPartitioner.partition(forKey: Array(key.utf8).span.bytes, of: 3) == partition)
                    byKey[key, default: []].append(try #require(record.valueText.flatMap { Int($0.dropFirst(8)) }))
                }
            }
            #expect(byKey.count == 50)
            for numbers in byKey.values { #expect(numbers == numbers.sorted() && Set(numbers).count == numbers.count) }
        }
    }

    @Test("callers of send at the same time share batches")
    func sendTogether() async throws {
        try await withClient { client in
            try await client.admin.createTopic("readings", partitions: 1)
            var options = ProducerOptions()
            options.linger = .milliseconds(20)
            let producer = client.makeProducer(options: options)
            let offsets = try await withThrowingTaskGroup(of: Int64?.self) { group in
                for number in 0..<200 {
                    group.addTask {
                        try await producer.send(Record(value: "\(number)"), to: "readings").offset?.value
                    }
                }
                return try await group.reduce(into: Set<Int64?>()) { $0.insert($1) }
            }
            #expect(offsets == Set((0..<200).map { Int64($0) }))
            #expect(producer.statistics.batchesAcknowledged < 200)
            try await producer.close()
        }
    }

    @Test("a batch of records is acknowledged as a whole, in order")
    func sendBatch() async throws {
        try await withClient { client in
            try await client.admin.createTopic("readings", partitions: 2)
            let producer = client.makeProducer()
            try await producer.sendBatch((0..<1000).map { Record(value: "\($0)") }, to: "readings", partition: 1)
            #expect(producer.statistics.recordsAcknowledged == 1000)
            try await producer.close()
            let records = try await client.everything(in: "readings")
            #expect(records[1]?.compactMap(\.valueText) == (0..<1000).map(String.init))
            #expect(records[0] == nil)
        }
    }

    @Test("the buffer's bound makes producers wait, not fail")
    func backPressure() async throws {
        try await withClient { client in
            try await client.admin.createTopic("readings", partitions: 1)
            var options = ProducerOptions()
            options.bufferBytesMax = 64 << 10
            options.batchBytesMax = 16 << 10
            // Nothing is sent for its age here: only a full buffer makes the sender hurry.
            options.linger = .seconds(3600)
            let producer = client.makeProducer(options: options)
            let topic = try await producer.topic("readings")
            var refusals = 0
            var peak = 0
            for number in 0..<2000 {
                let record = Record(value: [UInt8](repeating: UInt8(number & 0xff), count: 1000))
                while !(try topic.tryEnqueue(record)) {
                    refusals += 1
                    try await producer.waitForSpace()
                }
                peak = max(peak, producer.statistics.bufferedBytes)
            }
            try await producer.flush()
            #expect(refusals > 0)
            #expect(peak <= options.bufferBytesMax)
            #expect(producer.statistics.recordsAcknowledged == 2000)
            try await producer.close()
        }
    }

    @Test("a record over the limit is refused and says which limit; others go on")
    func recordTooLarge() async throws {
        try await withClient { client in
            try await client.admin.createTopic("readings", partitions: 1)
            var options = ProducerOptions()
            options.requestBytesMax = 10_000
            let producer = client.makeProducer(options: options)
            let error = await #expect(throws: KafkaClientError.self) {
                try await producer.send(Record(value: [UInt8](repeating: 0, count: 10_000)), to: "readings")
            }
            guard case .recordTooLarge(let bytes, 10_000)? = error else {
                return #expect(Bool(false), "\(error as Any)")
            }
            #expect(bytes > 10_000)
            #expect(try await producer.send(Record(value: "small"), to: "readings").offset == 0)
            try await producer.close()
        }
    }

    @Test(
        "a batch over the topic's max.message.bytes fails alone: what is behind it arrives, under the next sequence number"
    )
    func batchTooLarge() async throws {
        try await withClient { client in
            try await client.admin.createTopic("readings", partitions: 1, settings: ["max.message.bytes": "1000"])
            var options = ProducerOptions()
            options.compression = .none
            options.linger = .zero
            let producer = client.makeProducer(options: options)
            #expect(try await producer.send(Record(value: "before"), to: "readings").offset == 0)
            let topic = try await producer.topic("readings")
            for number in 0..<20 {
                let bytes = number == 5 ? 5000 : 600
                #expect(try topic.tryEnqueue(Record(value: [UInt8](repeating: UInt8(number), count: bytes))))
                // Each in a batch of its own.
                if number == 5 {
                    await #expect(throws: KafkaClientError.self) { try await producer.flush() }
                } else {
                    try await producer.flush()
                }
            }
            #expect(producer.statistics.recordsFailed == 1)
            try await producer.close()
            let records = try await client.everything(in: "readings")[0] ?? []
            let expected: [UInt8] = (0..<20).filter { $0 != 5 }
            #expect(records.dropFirst().compactMap { $0.value?.first } == expected)
        }
    }

    @Test("batches in flight behind one that is refused are numbered anew, and arrive in order")
    func renumbering() async throws {
        try await withClient { client in
            try await client.admin.createTopic("readings", partitions: 1, settings: ["max.message.bytes": "2000"])
            var options = ProducerOptions()
            options.compression = .none
            options.batchBytesMax = 1000
            let producer = client.makeProducer(options: options)
            let topic = try await producer.topic("readings")
            for number in 0..<200 {
                let bytes = number % 50 == 20 ? 5000 : 900
                do {
                    #expect(try topic.tryEnqueue(Record(value: [UInt8](repeating: UInt8(number), count: bytes))))
                } catch KafkaClientError.batchTooLarge {
                    // Said by the next record; taken once it has been collected.
                    _ = try? await producer.flush()
                    #expect(try topic.tryEnqueue(Record(value: [UInt8](repeating: UInt8(number), count: bytes))))
                }
            }
            _ = try? await producer.flush()
            #expect(producer.statistics.recordsFailed == 4)
            try await producer.close()
            let records = try await client.everything(in: "readings")[0] ?? []
            let expected: [UInt8] = (0..<200).filter { $0 % 50 != 20 }
            #expect(records.compactMap { $0.value?.first } == expected)
        }
    }

    @Test("a topic that is missing is created, unless the producer or the broker does not do that")
    func missingTopic() async throws {
        try await withClient { client in
            let producer = client.makeProducer()
            #expect(try await producer.send(Record(value: "first"), to: "new").offset == 0)
            try await producer.close()
            var options = ProducerOptions()
            options.createsTopics = false
            let strict = client.makeProducer(options: options)
            await #expect(throws: KafkaClientError.unknownTopic("other")) {
                try await strict.send(Record(value: "first"), to: "other")
            }
            await #expect(throws: KafkaClientError.unknownPartition(topic: "new", partition: 4, count: 4)) {
                try await strict.send(Record(value: "first"), to: "new", partition: 4)
            }
            try await strict.close()
        }
    }

    @Test("every kind of acknowledgement delivers", arguments: [Acknowledgement.all, .leader, .none])
    func acknowledgements(acks: Acknowledgement) async throws {
        try await withClient { client in
            try await client.admin.createTopic("readings", partitions: 1)
            var options = ProducerOptions()
            options.acks = acks
            let producer = client.makeProducer(options: options)
            let metadata = try await producer.send(Record(value: "one"), to: "readings")
            #expect(metadata.offset == (acks == .none ? nil : 0))
            try await producer.close()
            // Without an acknowledgement the record may come a moment later: read until it is there.
            let consumer = try await client.makeConsumer(topic: "readings", until: .offset(1))
            #expect(try await consumer.next()?.records().first?.valueText == "one")
            await consumer.close()
        }
    }

    @Test("what was enqueued is delivered by close, after which nothing more is taken")
    func close() async throws {
        try await withClient { client in
            try await client.admin.createTopic("readings", partitions: 1)
            var options = ProducerOptions()
            options.linger = .seconds(3600)
            let producer = client.makeProducer(options: options)
            for number in 0..<10 { try await producer.enqueue(Record(value: "\(number)"), to: "readings") }
            try await producer.close()
            await #expect(throws: KafkaClientError.closed) {
                try await producer.send(Record(value: "late"), to: "readings")
            }
            #expect(try await client.everything(in: "readings")[0]?.count == 10)
        }
    }

    @Test("a broker that restarts in the middle costs no record and brings none twice")
    func restart() async throws {
        let directory = TemporaryDirectory()
        var options = ProducerOptions()
        options.retryBackoff = .milliseconds(5)
        options.batchBytesMax = 2048
        let port = unusedPort()
        let producer = try await withBroker(in: directory, port: port) { broker in
            let client = try await KafkaClient.connect(to: broker.address.description)
            try await client.admin.createTopic("readings", partitions: 2)
            let producer = client.makeProducer(options: options)
            for number in 0..<2000 {
                try await producer.enqueue(Record(key: "\(number % 7)", value: "\(number)"), to: "readings")
            }
            await client.close()
            // Not flushed: some of it is under way when the broker stops.
            return producer
        }
        for number in 2000..<4000 {
            try await producer.enqueue(Record(key: "\(number % 7)", value: "\(number)"), to: "readings")
        }
        try await withBroker(in: directory, port: port) { broker in
            try await producer.close()
            let client = try await KafkaClient.connect(to: broker.address.description)
            let records = try await client.everything(in: "readings").values.flatMap { $0 }
            var byKey: [String: [Int]] = [:]
            for record in records {
                byKey[try #require(record.keyText), default: []].append(
                    try #require(record.valueText.flatMap { Int($0) }))
            }
            #expect(records.count == 4000)
            for (key, numbers) in byKey { #expect(numbers == (0..<4000).filter { "\($0 % 7)" == key }) }
            await client.close()
        }
    }

    @Test("records that no broker takes in time fail with the reason")
    func deliveryTimeout() async throws {
        var options = ProducerOptions()
        options.deliveryTimeout = .seconds(2)
        options.retryBackoff = .milliseconds(10)
        let producer = try await withBroker(port: unusedPort()) { broker in
            let client = try await KafkaClient.connect(to: broker.address.description)
            try await client.admin.createTopic("readings", partitions: 1)
            let producer = client.makeProducer(options: options)
            // Knows the topic, and has nothing under way: a disk that is slow just now must not be what times out.
            _ = try await producer.topic("readings")
            await client.close()
            return producer
        }
        // A machine that is very busy may need more than one for the connection to be refused in time.
        var cause = ""
        for _ in 0..<10 where !cause.contains("is the broker running") {
            let error = await #expect(throws: KafkaClientError.self) {
                try await producer.send(Record(value: "gone"), to: "readings")
            }
            guard case .deliveryTimedOut("readings", 0, 1, let reason)? = error else {
                return #expect(Bool(false), "\(error as Any)")
            }
            cause = reason
        }
        #expect(cause.contains("is the broker running"), "\(cause)")
        try await producer.close()
    }
}
