import Broker
import BrokerTestSupport
import KafkaClient
import TestSupport
import Testing

@Suite("A consumer that pauses, seeks and is slow")
struct PauseTests {
    private let partitions = (0..<2).map { TopicPartition(topic: "readings", partition: $0) }

    /// Two partitions, each of so many records of 1,000 bytes, ten a batch, whose timestamps are 10 apart.
    private func fill(_ client: KafkaClient, count: Int) async throws {
        // As large as they are: the broker compresses what comes to it otherwise.
        try await client.admin.createTopic("readings", partitions: 2, settings: ["compression.type": "producer"])
        var options = ProducerOptions()
        options.compression = .none
        let producer = client.makeProducer(options: options)
        for start in stride(from: 0, to: count, by: 10) {
            let records = (start..<start + 10).map { number in
                Record(
                    key: "\(number)", value: String(repeating: "x", count: 1000),
                    timestamp: Timestamp(milliseconds: Int64(number) * 10))
            }
            for partition in 0..<2 { try await producer.sendBatch(records, to: "readings", partition: partition) }
        }
        try await producer.close()
    }

    private func options(bufferBytesMax: Int) -> ConsumerOptions {
        var options = ConsumerOptions()
        options.bufferBytesMax = bufferBytesMax
        return options
    }

    /// Waits until nothing more is fetched: the buffer has what it may, or all there is.
    private func settledBytes(_ consumer: Consumer) async throws -> Int {
        var last = -1
        var unchanged = 0
        while unchanged < 20 {
            let now = consumer.bufferedBytes
            unchanged = now == last && now > 0 ? unchanged + 1 : 0
            last = now
            try await Task.sleep(for: .milliseconds(5))
        }
        return last
    }

    @Test("what is fetched ahead for a reader that is slow stays within the bound, and nothing is lost")
    func slowReader() async throws {
        try await withClient { client in
            try await fill(client, count: 500)
            let bound = 200_000
            let consumer = try await client.makeConsumer(
                topic: "readings", until: .end, options: options(bufferBytesMax: bound))
            while consumer.bufferedBytes < bound / 4 { try await Task.sleep(for: .milliseconds(1)) }
            #expect(try await settledBytes(consumer) <= bound)
            var offsets: [Int: [Int64]] = [:]
            var peak = 0
            while let batch = try await consumer.next() {
                peak = max(peak, consumer.bufferedBytes)
                offsets[batch.partition, default: []] += try batch.records().map(\.offset.value)
                await Task.yield()
            }
            #expect(peak > 0 && peak <= bound)
            #expect(offsets == [0: Array(0..<500), 1: Array(0..<500)])
            #expect(consumer.bufferedBytes == 0)
            await consumer.close()
        }
    }

    @Test("a partition that is paused brings nothing and holds nothing; resumed it goes on where it was")
    func pause() async throws {
        try await withClient { client in
            try await fill(client, count: 200)
            let consumer = try await client.makeConsumer(
                topic: "readings", until: .end, options: options(bufferBytesMax: 100_000))
            var offsets: [Int: [Int64]] = [:]
            func take() async throws {
                guard let batch = try await consumer.next() else { return }
                offsets[batch.partition, default: []] += try batch.records().map(\.offset.value)
            }
            while offsets[0] == nil { try await take() }
            _ = try await settledBytes(consumer)
            try consumer.pause([partitions[0]])
            #expect(consumer.paused == [partitions[0]])
            let before = offsets[0]
            // All of the other, though the paused one's records were ahead of it in the buffer.
            while (offsets[1]?.count ?? 0) < 200 { try await take() }
            #expect(offsets[0] == before && consumer.bufferedBytes == 0)
            #expect(consumer.positions[partitions[0]]?.value == before?.last.map { $0 + 1 })

            try consumer.pause([partitions[1]])
            try consumer.resume(partitions)
            #expect(consumer.paused.isEmpty)
            while let batch = try await consumer.next() {
                #expect(batch.partition == 0)
                offsets[0]? += try batch.records().map(\.offset.value)
            }
            #expect(offsets == [0: Array(0..<200), 1: Array(0..<200)])
            await consumer.close()
        }
    }

    @Test("with all partitions paused a reader waits; resuming or closing wakes it")
    func pausedReader() async throws {
        try await withClient { client in
            try await fill(client, count: 10)
            let consumer = try await client.makeConsumer(topic: "readings", until: .end)
            try consumer.pause(partitions)
            let first = Task { try await consumer.next() }
            try consumer.resume([partitions[1]])
            #expect(try await first.value?.partition == 1)
            let second = Task { try await consumer.next() }
            await consumer.close()
            await #expect(throws: KafkaClientError.closed) { try await second.value }
        }
    }

    @Test("a seek while paused counts when it is resumed")
    func seekWhilePaused() async throws {
        try await withClient { client in
            try await fill(client, count: 100)
            let consumer = try await client.makeConsumer(topic: "readings", partitions: [0], until: .end)
            try consumer.pause([partitions[0]])
            try consumer.seek(partitions[0], to: 90)
            #expect(consumer.positions[partitions[0]] == 90)
            try consumer.resume([partitions[0]])
            #expect(try await consumer.next()?.records().map(\.offset.value) == Array(90..<100))
            #expect(try await consumer.next() == nil)
            await consumer.close()
        }
    }

    @Test("a seek goes to a time, an offset, or an end of the partition, also back from its stop")
    func seek() async throws {
        try await withClient { client in
            try await fill(client, count: 100)
            let consumer = try await client.makeConsumer(topic: "readings", partitions: [0], until: .end)
            func rest() async throws -> [Int64] {
                var offsets: [Int64] = []
                while let batch = try await consumer.next() { offsets += try batch.records().map(\.offset.value) }
                return offsets
            }
            #expect(try await rest() == Array(0..<100))
            let cases: [(StartPosition, Range<Int64>)] = [
                (.timestamp(Timestamp(milliseconds: 501)), 51..<100),
                (.timestamp(Timestamp(milliseconds: 500)), 50..<100),
                (.timestamp(Timestamp(milliseconds: 5000)), 100..<100), (.earliest, 0..<100), (.latest, 100..<100),
                (.offset(99), 99..<100),
            ]
            for (position, expected) in cases {
                try await consumer.seek(partitions[0], to: position)
                #expect(consumer.positions[partitions[0]]?.value == expected.lowerBound, "\(position)")
                #expect(try await rest() == Array(expected), "\(position)")
            }
            await consumer.close()
        }
    }

    @Test("after an error a seek takes the partition up again; the others go on meanwhile")
    func seekAfterError() async throws {
        try await withClient { client in
            try await fill(client, count: 20)
            let consumer = try await client.makeConsumer(of: [
                PartitionAssignment(topic: "readings", partition: 0, start: .offset(1000), stop: .never),
                PartitionAssignment(topic: "readings", partition: 1, stop: .end),
            ])
            let error = KafkaClientError.offsetOutOfRange(topic: "readings", partition: 0, offset: 1000)
            var errors: [KafkaClientError] = []
            var offsets: [Int64] = []
            while offsets.count < 20 || errors.isEmpty {
                do throws(KafkaClientError) {
                    offsets += try await consumer.next()?.records().map(\.offset.value) ?? []
                } catch {
                    errors.append(error)
                }
            }
            #expect(offsets == Array(0..<20) && errors.allSatisfy { $0 == error })
            await #expect(throws: error) { try await consumer.next() }
            try consumer.seek(partitions[0], to: 15)
            #expect(try await consumer.next()?.records().map(\.offset.value).first == 15)
            await consumer.close()
        }
    }

    @Test("partitions that are not the consumer's are refused, and then nothing is changed")
    func foreign() async throws {
        try await withClient { client in
            try await fill(client, count: 10)
            let consumer = try await client.makeConsumer(topic: "readings", partitions: [0])
            #expect(consumer.partitions == [partitions[0]])
            #expect(throws: KafkaClientError.self) { try consumer.pause(partitions) }
            #expect(consumer.paused.isEmpty)
            #expect(throws: KafkaClientError.self) { try consumer.resume([partitions[1]]) }
            await #expect(throws: KafkaClientError.self) { try await consumer.seek(partitions[1], to: .earliest) }
            await consumer.close()
        }
    }
}
