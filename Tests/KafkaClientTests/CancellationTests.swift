import KafkaProtocol
import Testing

@testable import KafkaClient

/// A broker whose answers are held back while a call waits for one; then the call's task is cancelled, or what it belongs to
/// is closed.
@Suite("Calls that are cancelled or closed")
struct CancellationTests {
    /// The error with which `call` ends when it is cancelled, once the broker has its request.
    private func cancel(
        _ broker: ScriptedBroker, waitingFor api: ApiKey, _ call: @escaping @Sendable () async throws -> Void
    ) async throws -> KafkaClientError? {
        try await end(broker, waitingFor: api, call) { $0.cancel() }
    }

    private func end(
        _ broker: ScriptedBroker, waitingFor api: ApiKey, _ call: @escaping @Sendable () async throws -> Void,
        by ending: (Task<KafkaClientError?, any Error>) async throws -> Void
    ) async throws -> KafkaClientError? {
        let before = broker.requests(api).count
        broker.hold(api)
        let task = Task { () -> KafkaClientError? in
            do {
                try await call()
                return nil
            } catch let error as KafkaClientError {
                return error
            }
        }
        await broker.waitForRequests(api, count: before + 1)
        try await ending(task)
        return try await task.value
    }

    @Test("connecting", arguments: [ApiKey.apiVersions, .metadata])
    func connect(api: ApiKey) async throws {
        try await withScriptedBroker { broker in
            let error = try await cancel(broker, waitingFor: api) {
                _ = try await KafkaClient.connect(to: broker.address)
            }
            #expect(error == .cancelled)
            broker.release()
            try await KafkaClient.connect(to: broker.address).close()
        }
    }

    private static let adminCalls: [(api: ApiKey, call: @Sendable (Admin) async throws -> Void)] = [
        (.metadata, { _ = try await $0.listTopics() }),
        (.metadata, { _ = try await $0.describeCluster() }),
        (.listOffsets, { _ = try await $0.listOffsets("readings", at: .earliest) }),
        (.listOffsets, { _ = try await $0.describeTopic("readings") }),
        (.createTopics, { _ = try await $0.createTopic("alarms") }),
        (.deleteTopics, { try await $0.deleteTopic("readings") }),
        (.describeConfigs, { _ = try await $0.settings(ofTopic: "readings") }),
        (.describeConfigs, { _ = try await $0.settings(ofBroker: 1) }),
        (.deleteRecords, { _ = try await $0.deleteRecords(of: "readings", before: [0: 1]) }),
    ]

    private static let adminScript: ScriptedBroker.Script = { request in
        switch request.api {
        case .createTopics: CreateTopicsResponse()
        case .deleteTopics: DeleteTopicsResponse()
        case .describeConfigs: DescribeConfigsResponse()
        case .deleteRecords: DeleteRecordsResponse()
        default: nil
        }
    }

    @Test("calls of the admin are cancelled, and others go on over the same connection", arguments: adminCalls.indices)
    func admin(index: Int) async throws {
        let (api, call) = Self.adminCalls[index]
        try await withScriptedBroker(script: Self.adminScript) { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            #expect(try await cancel(broker, waitingFor: api) { try await call(client.admin) } == .cancelled)
            broker.release()
            #expect(try await client.admin.listTopics().map(\.name) == ["readings"])
            #expect(broker.connectionCount == 1)
            await client.close()
        }
    }

    @Test("calls of the admin end when the client is closed", arguments: adminCalls.indices)
    func closedAdmin(index: Int) async throws {
        let (api, call) = Self.adminCalls[index]
        try await withScriptedBroker(script: Self.adminScript) { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            let error = try await end(broker, waitingFor: api) {
                try await call(client.admin)
            } by: { _ in
                await client.close()
            }
            #expect(error == .closed)
        }
    }

    private static let producerCalls: [@Sendable (Producer) async throws -> Void] = [
        { try await $0.send(Record(value: "a"), to: "readings") },
        { try await $0.sendBatch([Record(value: "a"), Record(value: "b")], to: "readings") },
        {
            try await $0.enqueue(Record(value: "a"), to: "readings")
            try await $0.flush()
        },
        {
            // More than the buffer holds.
            for _ in 0..<100 {
                try await $0.enqueue(Record(value: [UInt8](repeating: 0, count: 1000)), to: "readings")
            }
        },
    ]

    private func makeProducer(_ client: KafkaClient) -> Producer {
        var options = ProducerOptions()
        options.bufferBytesMax = 20_000
        options.batchBytesMax = 5000
        return client.makeProducer(options: options)
    }

    @Test(
        "calls of a producer are cancelled; their records arrive, and those to come", arguments: producerCalls.indices)
    func producer(index: Int) async throws {
        try await withScriptedBroker { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            let producer = makeProducer(client)
            let error = try await cancel(broker, waitingFor: .produce) { try await Self.producerCalls[index](producer) }
            #expect(error == .cancelled)
            #expect(producer.statistics.recordsAcknowledged == 0)
            broker.release()
            try await producer.send(Record(value: "after"), to: "readings")
            try await producer.flush()
            let statistics = producer.statistics
            #expect(statistics.recordsAcknowledged == statistics.recordsEnqueued && statistics.recordsEnqueued >= 2)
            #expect(statistics.bufferedBytes == 0)
            try await producer.close()
            await client.close()
        }
    }

    @Test("a producer that is asked for an unknown topic's partitions can be cancelled")
    func producerTopic() async throws {
        try await withScriptedBroker { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            let producer = makeProducer(client)
            let error = try await cancel(broker, waitingFor: .metadata) { _ = try await producer.topic("readings") }
            #expect(error == .cancelled)
            broker.release()
            #expect(try await producer.topic("readings").partitionCount == 1)
            try await producer.close()
            await client.close()
        }
    }

    @Test("a close that is cancelled gives up what is not acknowledged, and those who wait for it are told")
    func producerClose() async throws {
        try await withScriptedBroker { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            let producer = makeProducer(client)
            broker.hold(.produce)
            let sending = Task { try await producer.send(Record(value: "a"), to: "readings") }
            await broker.waitForRequests(.produce)
            let closing = Task { try await producer.close() }
            closing.cancel()
            await #expect(throws: KafkaClientError.cancelled) { try await closing.value }
            await #expect(throws: KafkaClientError.closed) { try await sending.value }
            await #expect(throws: KafkaClientError.closed) {
                try await producer.enqueue(Record(value: "b"), to: "readings")
            }
            #expect(producer.statistics.recordsFailed == 1 && producer.statistics.bufferedBytes == 0)
            await client.close()
        }
    }

    @Test("who waits for room when a producer is closed is told so; what was taken is delivered")
    func closedWhileFull() async throws {
        try await withScriptedBroker { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            let producer = makeProducer(client)
            let error = try await end(broker, waitingFor: .produce) {
                try await Self.producerCalls[3](producer)
            } by: { _ in
                let closing = Task { try await producer.close() }
                // The call that waits for room ends before what is in the buffer may go.
                while producer.isOpen { await Task.yield() }
                broker.release()
                try await closing.value
            }
            #expect(error == .closed)
            let statistics = producer.statistics
            #expect(statistics.recordsAcknowledged == statistics.recordsEnqueued)
            await client.close()
        }
    }

    @Test("a consumer's calls are cancelled, and it goes on")
    func consumer() async throws {
        try await withScriptedBroker { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            let making = try await cancel(broker, waitingFor: .listOffsets) {
                _ = try await client.makeConsumer(topic: "readings")
            }
            #expect(making == .cancelled)
            broker.release()
            let consumer = try await client.makeConsumer(topic: "readings")
            let waiting = try await cancel(broker, waitingFor: .fetch) { _ = try await consumer.next() }
            #expect(waiting == .cancelled)
            broker.release()
            let seeking = try await cancel(broker, waitingFor: .listOffsets) {
                try await consumer.seek(TopicPartition(topic: "readings", partition: 0), to: .latest)
            }
            #expect(seeking == .cancelled)
            broker.release()
            try await consumer.seek(TopicPartition(topic: "readings", partition: 0), to: .latest)
            let closed = try await end(broker, waitingFor: .fetch) {
                _ = try await consumer.next()
            } by: { _ in
                await consumer.close()
            }
            #expect(closed == .closed)
            await client.close()
        }
    }

    @Test("several tasks may wait for one consumer")
    func tasks() async throws {
        try await withScriptedBroker { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            let consumer = try await client.makeConsumer(topic: "readings")
            let tasks = (0..<5).map { _ in Task { try await consumer.next() } }
            await broker.waitForRequests(.fetch)
            tasks[2].cancel()
            await #expect(throws: KafkaClientError.cancelled) { try await tasks[2].value }
            await consumer.close()
            for index in [0, 1, 3, 4] {
                await #expect(throws: KafkaClientError.closed) { try await tasks[index].value }
            }
            await client.close()
        }
    }
}
