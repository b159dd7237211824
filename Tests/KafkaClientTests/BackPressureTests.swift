import KafkaProtocol
import Synchronization
import Testing

@testable import KafkaClient

@Suite("A producer whose broker is slow")
struct BackPressureTests {
    private func makeProducer(_ client: KafkaClient, bufferBytesMax: Int) -> Producer {
        var options = ProducerOptions()
        options.bufferBytesMax = bufferBytesMax
        options.batchBytesMax = 8 << 10
        options.compression = .none
        return client.makeProducer(options: options)
    }

    /// Waits until nothing more is taken.
    private func settle(_ producer: Producer) async throws -> ProducerStatistics {
        var last = producer.statistics
        var unchanged = 0
        while unchanged < 20 {
            try await Task.sleep(for: .milliseconds(5))
            let now = producer.statistics
            unchanged = now == last ? unchanged + 1 : 0
            last = now
        }
        return last
    }

    @Test("while nothing is acknowledged, many tasks that produce take no more than the bound, then wait; all arrives")
    func stalled() async throws {
        try await withScriptedBroker(topics: ["readings": 3]) { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            let producer = makeProducer(client, bufferBytesMax: 64 << 10)
            broker.hold(.produce)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<20 {
                    group.addTask {
                        for number in 0..<20 {
                            let record = Record(key: "\(task)-\(number)", value: String(repeating: "x", count: 1000))
                            switch task % 3 {
                            case 0: try await producer.send(record, to: "readings")
                            case 1: try await producer.enqueue(record, to: "readings")
                            default: try await producer.sendBatch([record, record], to: "readings")
                            }
                        }
                    }
                }
                await broker.waitForRequests(.produce)
                let stalled = try await settle(producer)
                #expect(stalled.bufferedBytes <= 64 << 10 && stalled.recordsEnqueued <= 66)
                #expect(stalled.recordsAcknowledged == 0)
                broker.release()
                try await group.waitForAll()
            }
            try await producer.flush()
            let done = producer.statistics
            // Seven tasks send, seven enqueue, six send two at a time.
            #expect(done.recordsAcknowledged == 14 * 20 + 6 * 40 && done.recordsFailed == 0 && done.bufferedBytes == 0)
            try await producer.close()
            await client.close()
        }
    }

    @Test("records of a size that the buffer holds but one of pass one after the other")
    func large() async throws {
        try await withScriptedBroker { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            let producer = makeProducer(client, bufferBytesMax: 10_000)
            let topic = try await producer.topic("readings")
            var peak = 0
            for _ in 0..<20 {
                while !(try topic.tryEnqueue(Record(value: [UInt8](repeating: 0, count: 6000)))) {
                    try await producer.waitForSpace()
                }
                peak = max(peak, producer.statistics.bufferedBytes)
            }
            try await producer.flush()
            #expect(peak <= 10_000 && producer.statistics.recordsAcknowledged == 20)
            try await producer.close()
            await client.close()
        }
    }

    @Test("who waits for room waits until there is room for its record")
    func roomForRecord() async throws {
        try await withScriptedBroker { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            let producer = makeProducer(client, bufferBytesMax: 10_000)
            broker.hold(.produce)
            try await producer.enqueue(Record(value: [UInt8](repeating: 0, count: 5000)), to: "readings")
            // Half of the buffer is free, which is enough for others.
            let topic = try await producer.topic("readings")
            #expect(try topic.tryEnqueue(Record(value: "small")))
            #expect(try !topic.tryEnqueue(Record(value: [UInt8](repeating: 0, count: 6000))))
            let isOver = Mutex(false)
            let waiting = Task {
                try await producer.waitForSpace()
                isOver.withLock { $0 = true }
            }
            await broker.waitForRequests(.produce)
            try await Task.sleep(for: .milliseconds(50))
            #expect(isOver.withLock { !$0 })
            broker.release()
            try await waiting.value
            #expect(try topic.tryEnqueue(Record(value: [UInt8](repeating: 0, count: 6000))))
            try await producer.close()
            await client.close()
        }
    }
}
