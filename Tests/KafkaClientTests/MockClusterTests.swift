import KafkaClient
import Testing

/// Against brokers that are not ours: several, whose leaders move, which go and come back, and offer other versions.
@Suite(
    "librdkafka's mock cluster",
    .enabled(
        if: MockCluster.python != nil,
        "no Python with confluent-kafka: name one in KAFKA_PYTHON, which tools/support/client-python makes"))
struct MockClusterTests {
    private let topic = "readings"
    private let partitionCount = 4

    private func withCluster<R>(_ body: (MockCluster, KafkaClient) async throws -> R) async throws -> R {
        try await MockCluster.with(brokers: 3) { cluster in
            try cluster.run("topic \(topic) \(partitionCount)")
            for partition in 0..<partitionCount { try cluster.run("leader \(topic) \(partition) \(partition % 3 + 1)") }
            let client = try await KafkaClient.connect(to: cluster.bootstrap)
            let result = try await body(cluster, client)
            await client.close()
            return result
        }
    }

    /// The mock cluster does not look at sequence numbers, and takes what comes behind a batch that it refused. Where it
    /// refuses for another reason than that it does not lead, only one request at a time keeps the order.
    private func options(isIdempotent: Bool = true, keepsOrder: Bool = true) -> ProducerOptions {
        var options = ProducerOptions()
        options.isIdempotent = isIdempotent
        options.requestsInFlightMax = keepsOrder ? 1 : 5
        options.batchBytesMax = 500
        options.retryBackoff = .milliseconds(5)
        return options
    }

    private var consuming: ConsumerOptions {
        var options = ConsumerOptions()
        options.retryBackoff = .milliseconds(5)
        options.maxWait = .milliseconds(50)
        options.partitionMaxBytes = 4000
        return options
    }

    /// Hands in records 0..<count, to one partition after the other, and does things in between.
    private func produce(
        _ count: Int, by producer: Producer, at moments: [Int: () throws -> Void] = [:]
    ) async throws {
        for number in 0..<count {
            try moments[number]?()
            try await producer.enqueue(
                Record(key: "\(number)", value: "\(number)"), to: topic, partition: number % partitionCount)
            // So that much of it is under way at each moment, and some of it done.
            if number % 200 == 0 { try await Task.sleep(for: .milliseconds(2)) }
        }
        try await producer.flush()
    }

    /// What a consumer brings until it has so many records; things are done in between.
    private func consume(
        _ count: Int, _ client: KafkaClient, at moments: [Int: () throws -> Void] = [:]
    ) async throws -> [Int: [Int]] {
        let consumer = try await client.makeConsumer(topic: topic, options: consuming)
        var numbers: [Int: [Int]] = [:]
        var left = moments.sorted { $0.key < $1.key }
        while numbers.values.reduce(0, { $0 + $1.count }) < count, let batch = try await consumer.next() {
            numbers[batch.partition, default: []] += try batch.records().compactMap { $0.valueText.flatMap { Int($0) } }
            while let next = left.first, numbers.values.reduce(0, { $0 + $1.count }) >= next.key {
                try left.removeFirst().value()
            }
        }
        #expect(left.isEmpty)
        await consumer.close()
        return numbers
    }

    private func expected(_ count: Int) -> [Int: [Int]] {
        (0..<partitionCount).reduce(into: [:]) {
            $0[$1] = Array(stride(from: $1, to: count, by: partitionCount))
        }
    }

    @Test("three brokers: what is produced to each is consumed from each", arguments: [true, false])
    func threeBrokers(isIdempotent: Bool) async throws {
        try await withCluster { _, client in
            let cluster = try await client.admin.describeCluster()
            #expect(cluster.brokers.count == 3 && cluster.controller != nil)
            let producer = client.makeProducer(
                options: options(isIdempotent: isIdempotent, keepsOrder: false))
            try await produce(2000, by: producer)
            #expect(producer.statistics.recordsAcknowledged == 2000)
            #expect(try await producer.send(Record(value: "one"), to: topic, partition: 3).offset == 500)
            try await producer.close()
            let ends = try await client.admin.listOffsets(topic, at: .latest).map(\.offset)
            #expect(ends == [500, 500, 500, 501])
            #expect(try await client.everything(in: topic)[3]?.count == 501)
        }
    }

    @Test("keys go to the partitions that librdkafka's murmur2 partitioner gives them")
    func keys() async throws {
        try await withCluster { cluster, client in
            let script = """
                import sys
                from confluent_kafka import Producer
                producer = Producer({"bootstrap.servers": "\(cluster.bootstrap)", "partitioner": "murmur2_random"})
                def report(error, message):
                    print(message.key().decode(), message.partition())
                for number in range(200):
                    producer.produce("\(topic)", b"theirs", key=f"device-{number}", on_delivery=report)
                producer.flush()
                """
            let theirs = try Python.run(script).split(separator: "\n").reduce(into: [String: Int]()) { found, line in
                let words = line.split(separator: " ")
                found[String(words[0])] = Int(words[1])
            }
            #expect(theirs.count == 200 && Set(theirs.values).count == partitionCount)
            let producer = client.makeProducer()
            for (key, partition) in theirs {
                try await producer.enqueue(Record(key: key, value: "ours"), to: topic)
                _ = partition
            }
            try await producer.close()
            for (partition, records) in try await client.everything(in: topic) {
                for record in records { #expect(theirs[record.keyText ?? ""] == partition) }
            }
        }
    }

    @Test("leaders that move while it is produced cost no record and no order", arguments: [true, false])
    func leadersMoveWhileProducing(isIdempotent: Bool) async throws {
        try await withCluster { cluster, client in
            let producer = client.makeProducer(
                options: options(isIdempotent: isIdempotent, keepsOrder: !isIdempotent))
            try await produce(
                4000, by: producer,
                // Never back to a broker: it would take what is on its way there behind what it refused.
                at: [
                    500: { try cluster.run("leader readings 0 2") },
                    1000: {
                        try cluster.run("leader readings 1 3")
                        try cluster.run("leader readings 2 1")
                    },
                    2000: { try cluster.run("leader readings 3 3") },
                    3000: {
                        try cluster.run("leader readings 0 3")
                        try cluster.run("leader readings 1 1")
                        try cluster.run("leader readings 2 2")
                        try cluster.run("leader readings 3 2")
                    },
                ])
            #expect(producer.statistics.recordsAcknowledged == 4000 && producer.statistics.recordsFailed == 0)
            try await producer.close()
            #expect(try await consume(4000, client) == expected(4000))
        }
    }

    @Test("leaders that move while it is consumed cost no record and bring none twice")
    func leadersMoveWhileConsuming() async throws {
        try await withCluster { cluster, client in
            let producer = client.makeProducer(options: options())
            try await produce(4000, by: producer)
            try await producer.close()
            let numbers = try await consume(
                4000, client,
                at: [
                    300: { try cluster.run("leader readings 0 3") },
                    800: { for partition in 0..<4 { try cluster.run("leader readings \(partition) 2") } },
                    1500: { try cluster.run("leader readings 1 1") },
                    1600: { try cluster.run("leader readings 1 3") },
                    2500: {
                        for partition in 0..<4 { try cluster.run("leader readings \(partition) \(partition % 3 + 1)") }
                    },
                ])
            #expect(numbers == expected(4000))
        }
    }

    @Test("a broker that goes and comes back is waited for; what others lead goes on")
    func brokerDown() async throws {
        try await withCluster { cluster, client in
            let producer = client.makeProducer(options: options())
            try await produce(
                3000, by: producer,
                at: [500: { try cluster.run("down 2") }, 2000: { try cluster.run("up 2") }])
            #expect(producer.statistics.recordsAcknowledged == 3000 && producer.statistics.recordsFailed == 0)
            try await producer.close()
            let numbers = try await consume(
                3000, client, at: [500: { try cluster.run("down 3") }, 1000: { try cluster.run("up 3") }])
            #expect(numbers == expected(3000))
        }
    }

    @Test("where the first of the bootstrap brokers is down, another tells of all")
    func bootstrapDown() async throws {
        try await withCluster { cluster, client in
            try cluster.run("down 1")
            let other = try await KafkaClient.connect(to: cluster.bootstrap)
            #expect(try await other.admin.listTopics().map(\.name) == [topic])
            await other.close()
            try cluster.run("up 1")
        }
    }

    @Test(
        "what brokers refuse for a while is sent again, in order",
        arguments: [
            // LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS, a lost connection.
            "5 5 5", "6 6 6 6", "7 7", "19 20 19", "-195 -195 -195", "5 6 7 -195 19 6",
        ])
    func produceErrors(codes: String) async throws {
        try await withCluster { cluster, client in
            let producer = client.makeProducer(options: options())
            try await produce(2000, by: producer, at: [400: { try cluster.run("errors 0 \(codes)") }])
            #expect(producer.statistics.recordsAcknowledged == 2000)
            #expect(producer.statistics.retries >= codes.split(separator: " ").count / 2)
            try await producer.close()
            #expect(try await consume(2000, client) == expected(2000))
        }
    }

    @Test(
        "a producer that brokers do not know any more goes on under a new id",
        // OUT_OF_ORDER_SEQUENCE_NUMBER, UNKNOWN_PRODUCER_ID, INVALID_PRODUCER_EPOCH.
        arguments: [45, 59, 47])
    func identityErrors(code: Int) async throws {
        try await withCluster { cluster, client in
            let producer = client.makeProducer(options: options())
            try await produce(2000, by: producer, at: [600: { try cluster.run("errors 0 \(code)") }])
            #expect(producer.statistics.recordsAcknowledged == 2000 && producer.statistics.recordsFailed == 0)
            try await producer.close()
            #expect(try await consume(2000, client) == expected(2000))
        }
    }

    @Test("a producer id is asked for again where the coordinator is not there", arguments: ["14 15 16", "-195 15"])
    func coordinatorErrors(codes: String) async throws {
        try await withCluster { cluster, client in
            try cluster.run("errors 22 \(codes)")
            let producer = client.makeProducer(options: options())
            try await produce(100, by: producer)
            try await producer.close()
            #expect(try await consume(100, client) == expected(100))
        }
    }

    @Test(
        "what goes wrong with fetches and look-ups is tried again",
        arguments: [(1, "6 6 5 -195 6"), (1, "74 75 78"), (2, "6 5 -195"), (3, "-195 -195"), (1, "7 56 9")])
    func consumeErrors(api: Int, codes: String) async throws {
        try await withCluster { cluster, client in
            let producer = client.makeProducer(options: options())
            try await produce(1000, by: producer)
            try await producer.close()
            if api == 2 { try cluster.run("errors 2 \(codes)") }
            let numbers = try await consume(1000, client, at: [200: { try cluster.run("errors \(api) \(codes)") }])
            #expect(numbers == expected(1000))
        }
    }

    @Test("a batch that a broker finds too large fails with what to do about it; the next arrives")
    func tooLarge() async throws {
        try await withCluster { cluster, client in
            let producer = client.makeProducer(options: options())
            try await producer.send(Record(value: "0"), to: topic, partition: 0)
            try cluster.run("errors 0 10")
            let error = await #expect(throws: KafkaClientError.self) {
                try await producer.send(Record(value: "1"), to: topic, partition: 0)
            }
            guard case .batchTooLarge("readings", 0, let bytes)? = error else {
                return #expect(Bool(false), "\(error as Any)")
            }
            #expect(bytes > 60 && error?.description.contains("max.message.bytes") == true)
            #expect(try await producer.send(Record(value: "2"), to: topic, partition: 0).offset == 1)
            try await producer.close()
        }
    }

    @Test("a broker that is slow is waited for; one that is too slow is a lost connection, and is asked again")
    func slow() async throws {
        try await MockCluster.with(brokers: 1) { cluster in
            try cluster.run("topic \(topic) \(partitionCount)")
            var limits = KafkaClientOptions()
            limits.requestTimeout = .seconds(4)
            let client = try await KafkaClient.connect(to: cluster.bootstrap, options: limits)
            try cluster.run("rtt 1 20")
            let producer = client.makeProducer(options: options())
            try await produce(400, by: producer)
            try cluster.run("late 1 1 20000")
            // The answer to one fetch comes too late, and the records are fetched again.
            #expect(try await consume(400, client) == expected(400))
            try await producer.close()
            await client.close()
        }
    }

    @Test(
        "each side's older versions will do",
        arguments: [
            // Not Produce 5: of that the mock cluster leaves the log's start out.
            "versions 0 0 3", "versions 0 0 4", "versions 0 0 6", "versions 0 0 8", "versions 1 0 4", "versions 1 0 6",
            "versions 1 0 8",
            "versions 1 0 10", "versions 2 0 1", "versions 2 0 3", "versions 2 0 5", "versions 3 0 1", "versions 3 0 4",
            "versions 3 0 8", "versions 3 0 11", "versions 22 0 0", "versions 22 0 1",
        ])
    func versions(command: String) async throws {
        try await MockCluster.with(brokers: 2) { cluster in
            try cluster.run(command)
            try cluster.run("topic \(topic) \(partitionCount)")
            let client = try await KafkaClient.connect(to: cluster.bootstrap)
            let producer = client.makeProducer(options: options())
            try await produce(200, by: producer)
            try await producer.close()
            #expect(try await consume(200, client) == expected(200))
            await client.close()
        }
    }

    @Test("a broker without an API, or only in versions before record batches, is told from one that is broken")
    func unsupported() async throws {
        try await withCluster { cluster, client in
            let error = await #expect(throws: KafkaClientError.self) { try await client.admin.createTopic("new") }
            #expect(error?.description.contains("does not offer CreateTopics") == true, "\(error as Any)")
            try cluster.run("versions 0 0 2")
            let other = try await KafkaClient.connect(to: cluster.bootstrap)
            let producer = other.makeProducer()
            let old = await #expect(throws: KafkaClientError.self) {
                try await producer.send(Record(value: "a"), to: topic)
            }
            #expect(old?.description.contains("does not offer Produce in a version") == true, "\(old as Any)")
            try await producer.close()
            await other.close()
        }
    }

    @Test("offsets are found by end and by time, over several leaders")
    func offsets() async throws {
        try await withCluster { cluster, client in
            let producer = client.makeProducer(options: options())
            try await produce(400, by: producer)
            try await producer.close()
            #expect(try await client.admin.listOffsets(topic, at: .earliest).map(\.offset) == [0, 0, 0, 0])
            #expect(try await client.admin.listOffsets(topic, at: .latest).map(\.offset) == [100, 100, 100, 100])
            let consumer = try await client.makeConsumer(topic: topic, until: .end)
            let place = TopicPartition(topic: topic, partition: 2)
            try consumer.pause(consumer.partitions.filter { $0 != place })
            try consumer.seek(place, to: 90)
            #expect(try await consumer.next()?.records().count ?? 0 > 0)
            await consumer.close()
        }
    }
}
