import BrokerTestSupport
import KafkaProtocol
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import KafkaClient

@Suite("Leader epochs and damage")
struct TruncationTests {
    /// A batch of ten records that a leader of epoch 5 wrote.
    private static func batch(at offset: Int64) throws -> FetchRecords {
        var builder = RecordBatchBuilder(compression: .none)
        for number in 0..<10 {
            builder.append(Record(value: "\(offset + Int64(number))"), defaultTimestamp: Timestamp(milliseconds: 1))
        }
        try builder.finish(baseOffset: Offset(offset), leaderEpoch: 5)
        return .buffer(builder.withUnsafeBytes { ByteBuffer(bytes: $0) })
    }

    private static func answer(_ change: (inout FetchResponse.PartitionData) throws -> Void) rethrows -> FetchResponse {
        var data = FetchResponse.PartitionData()
        data.highWatermark = 100
        try change(&data)
        return FetchResponse {
            $0.responses = [
                FetchResponse.TopicResponse {
                    $0.topic = "readings"
                    $0.partitions = [data]
                }
            ]
        }
    }

    /// Offsets 0 to 19 are there; then the partition turns out to have been cut at 15.
    private static let truncated: ScriptedBroker.Script = { request in
        guard request.api == .fetch else { return nil }
        let offset = try request.read(FetchRequest.self).topics[0].partitions[0].fetchOffset
        return try answer {
            switch offset {
            case 20:
                $0.divergingEpoch = .init {
                    $0.epoch = 4
                    $0.endOffset = 15
                }
            case 0, 10, 15: $0.records = try batch(at: offset)
            default: break
            }
        }
    }

    @Test("a fetch says which leader it means, and which wrote what it read last")
    func epochs() async throws {
        try await withScriptedBroker(script: Self.truncated) { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            let consumer = try await client.makeConsumer(topic: "readings")
            for _ in 0..<2 { _ = try await consumer.next() }
            await consumer.close()
            await client.close()
            let asked = try broker.requests(.fetch).prefix(2).map {
                try $0.read(FetchRequest.self).topics[0].partitions[0]
            }
            #expect(asked.map(\.currentLeaderEpoch) == [5, 5] && asked.map(\.lastFetchedEpoch) == [-1, 5])
            let lookUp = try #require(broker.requests(.listOffsets).first).read(ListOffsetsRequest.self)
            #expect(lookUp.topics[0].partitions[0].currentLeaderEpoch == 5)
        }
    }

    @Test("records that were read and are gone are an error, which says from where")
    func truncationFails() async throws {
        try await withScriptedBroker(script: Self.truncated) { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            let consumer = try await client.makeConsumer(topic: "readings")
            for _ in 0..<2 { #expect(try await consumer.next()?.records().count == 10) }
            let error = KafkaClientError.logTruncated(topic: "readings", partition: 0, read: 20, kept: 15)
            await #expect(throws: error) { try await consumer.next() }
            #expect(error.description.contains("seek to 15"))
            try consumer.seek(TopicPartition(topic: "readings", partition: 0), to: 15)
            #expect(try await consumer.next()?.records().first?.offset == 15)
            await consumer.close()
            await client.close()
        }
    }

    @Test(
        "with a policy for offsets that are out of range, it reads what stands there now",
        arguments: [OutOfRangePolicy.earliest, .latest])
    func truncationFollowed(policy: OutOfRangePolicy) async throws {
        try await withScriptedBroker(script: Self.truncated) { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            var options = ConsumerOptions()
            options.outOfRange = policy
            let consumer = try await client.makeConsumer(topic: "readings", options: options)
            var offsets: [Int64] = []
            while offsets.count < 30, let batch = try await consumer.next() {
                offsets += try batch.records().map(\.offset.value)
            }
            #expect(offsets == Array(0..<20) + Array(15..<25))
            await consumer.close()
            await client.close()
        }
    }

    @Test("damage that the broker finds is an error at once, behind what was read before; a seek goes on behind it")
    func damage() async throws {
        let script: ScriptedBroker.Script = { request in
            guard request.api == .fetch else { return nil }
            let offset = try request.read(FetchRequest.self).topics[0].partitions[0].fetchOffset
            return try Self.answer {
                switch offset {
                case 10: $0.errorCode = .corruptMessage
                case 0, 20: $0.records = try Self.batch(at: offset)
                default: break
                }
            }
        }
        try await withScriptedBroker(script: script) { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            let consumer = try await client.makeConsumer(topic: "readings")
            #expect(try await consumer.next()?.records().count == 10)
            await #expect(throws: KafkaClientError.damagedPartition(topic: "readings", partition: 0, offset: 10)) {
                try await consumer.next()
            }
            let asked = try broker.requests(.fetch).map {
                try $0.read(FetchRequest.self).topics[0].partitions[0].fetchOffset
            }
            #expect(asked == [0, 10])
            try consumer.seek(TopicPartition(topic: "readings", partition: 0), to: 20)
            #expect(try await consumer.next()?.records().first?.offset == 20)
            await consumer.close()
            await client.close()
        }
    }

    @Test(
        "where a leader moves, it is looked for again, after a pause, and the partition goes on",
        arguments: [
            ErrorCode.notLeaderOrFollower, .leaderNotAvailable, .fencedLeaderEpoch, .unknownLeaderEpoch,
            .unknownTopicOrPartition, .replicaNotAvailable, .offsetNotAvailable, .kafkaStorageError,
        ])
    func leaderMoves(code: ErrorCode) async throws {
        let failures = Mutex(3)
        let script: ScriptedBroker.Script = { request in
            guard request.api == .fetch else { return nil }
            let offset = try request.read(FetchRequest.self).topics[0].partitions[0].fetchOffset
            let fails = failures.withLock { left in
                left -= 1
                return left >= 0
            }
            return try Self.answer {
                if fails { $0.errorCode = code } else if offset == 0 { $0.records = try Self.batch(at: 0) }
            }
        }
        try await withScriptedBroker(script: script) { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            var options = ConsumerOptions()
            options.retryBackoff = .milliseconds(1)
            let consumer = try await client.makeConsumer(topic: "readings", options: options)
            #expect(try await consumer.next()?.records().count == 10)
            #expect(broker.requests(.metadata).count >= 5)
            await consumer.close()
            await client.close()
        }
    }

    @Test("a partition without a leader that answers is given up after a time, with the reason")
    func leaderStaysAway() async throws {
        let script: ScriptedBroker.Script = { request in
            request.api == .fetch ? Self.answer { $0.errorCode = .notLeaderOrFollower } : nil
        }
        try await withScriptedBroker(script: script) { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            var options = ConsumerOptions()
            options.retryBackoff = .milliseconds(5)
            options.retryTimeout = .milliseconds(50)
            let consumer = try await client.makeConsumer(topic: "readings", options: options)
            let error = await #expect(throws: KafkaClientError.self) { try await consumer.next() }
            guard case .rejected(6, "NOT_LEADER_OR_FOLLOWER", _)? = error else {
                return #expect(Bool(false), "\(error as Any)")
            }
            // The pauses held it back.
            #expect(broker.requests(.fetch).count < 20)
            await consumer.close()
            await client.close()
        }
    }

    @Test("before that, who watches is told once why nothing comes")
    func warning() async throws {
        let script: ScriptedBroker.Script = { request in
            request.api == .fetch ? Self.answer { $0.errorCode = .notLeaderOrFollower } : nil
        }
        try await withScriptedBroker(script: script) { broker in
            let log = LogLines()
            var limits = KafkaClientOptions()
            limits.logger = log.makeLogger()
            let client = try await KafkaClient.connect(to: broker.address, options: limits)
            var options = ConsumerOptions()
            options.retryBackoff = .milliseconds(1)
            let consumer = try await client.makeConsumer(topic: "readings", options: options)
            let line = await log.line(with: "tried again for 60.0 seconds")
            #expect(line.contains("NOT_LEADER_OR_FOLLOWER") && line.contains("partitions=1"), "\(line)")
            await broker.waitForRequests(.fetch, count: 6)
            #expect(log.lines == [line])
            await consumer.close()
            await client.close()
        }
    }
}
