import KafkaProtocol
import NIOCore
import Synchronization
import Testing

@testable import KafkaClient

/// Partitions that take an idempotent producer's batches as Kafka's brokers do, and fail as they are told.
private final class SequencedLog: Sendable {
    private struct Partition {
        /// By producer id.
        var next: [Int64: Int32] = [:]
        var records: [String] = []
        var producerIDs: [Int64] = []
        var batches = 0
    }

    private struct State {
        var partitions: [Int32: Partition] = [:]
        var lastProducerID: Int64 = 6
        var requests = 0
    }

    enum Fate {
        /// As it should be.
        case taken
        case refused(ErrorCode)
        /// The partition has forgotten all producers, and answers so.
        case forgotten(ErrorCode)
    }

    /// Whether a request is carried out and answered, by its number from 1; false: its connection is closed.
    enum RequestFate {
        case answered
        case carriedOutAndLost
        case lost
    }

    private let state = Mutex(State())
    private let batchFate: @Sendable (_ partition: Int32, _ number: Int) -> Fate
    private let requestFate: @Sendable (_ number: Int) -> RequestFate

    init(
        batch: @escaping @Sendable (_ partition: Int32, _ number: Int) -> Fate = { _, _ in .taken },
        request: @escaping @Sendable (_ number: Int) -> RequestFate = { _ in .answered }
    ) {
        batchFate = batch
        requestFate = request
    }

    func records(of partition: Int32) -> [String] { state.withLock { $0.partitions[partition]?.records ?? [] } }
    func producerIDs(of partition: Int32) -> [Int64] { state.withLock { $0.partitions[partition]?.producerIDs ?? [] } }

    var script: ScriptedBroker.Script {
        { [self] request in
            switch request.api {
            case .initProducerID:
                return state.withLock { state in
                    state.lastProducerID += 1
                    return InitProducerIDResponse { $0.producerID = state.lastProducerID }
                }
            case .produce: return try produce(try request.read(ProduceRequest.self))
            default: return nil
            }
        }
    }

    private func produce(_ request: ProduceRequest) throws -> ProduceResponse? {
        try state.withLock { state in
            state.requests += 1
            let fate = requestFate(state.requests)
            var response = ProduceResponse()
            for topic in request.topicData where fate != .lost {
                var answers: [ProduceResponse.PartitionResponse] = []
                for data in topic.partitionData {
                    let records = try #require(data.records)
                    let code = try take(records, into: &state.partitions[data.index, default: Partition()], data.index)
                    answers.append(
                        ProduceResponse.PartitionResponse {
                            $0.index = data.index
                            $0.errorCode = code
                        })
                }
                response.responses.append(
                    ProduceResponse.TopicResponse {
                        $0.name = topic.name
                        $0.partitionResponses = answers
                    })
            }
            if fate == .answered { return response }
            throw ScriptedBroker.Disconnect()
        }
    }

    private func take(_ bytes: ByteBuffer, into partition: inout Partition, _ index: Int32) throws -> ErrorCode {
        let batch = try RecordBatchView(validating: bytes.readableBytesUInt8Span.bytes)
        let header = batch.header
        partition.batches += 1
        switch batchFate(index, partition.batches) {
        case .taken: break
        case .refused(let code): return code
        case .forgotten(let code):
            partition.next = [:]
            return code
        }
        let next = partition.next[header.producerID]
        if let next, header.baseSequence < next { return .duplicateSequenceNumber }
        guard header.baseSequence == next ?? 0 else {
            return next == nil ? .unknownProducerID : .outOfOrderSequenceNumber
        }
        partition.next[header.producerID] = header.baseSequence + header.recordCount
        if partition.producerIDs.last != header.producerID { partition.producerIDs.append(header.producerID) }
        var scratch = DecompressionBuffer(limit: 1 << 20)
        var cursor = try RecordCursor(batch, into: &scratch)
        while let record = try cursor.next() { partition.records.append(record.makeStoredRecord().valueText ?? "") }
        return .none
    }
}

@Suite("Idempotence against brokers that forget, refuse and lose")
struct IdempotenceTests {
    private func withProducer(
        _ log: SequencedLog, deliveryTimeout: Duration = .seconds(60), _ body: (Producer) async throws -> Void
    ) async throws {
        try await withScriptedBroker(topics: ["readings": 2], script: log.script) { broker in
            let client = try await KafkaClient.connect(to: broker.address)
            var options = ProducerOptions()
            options.batchBytesMax = 200
            options.linger = .zero
            options.retryBackoff = .milliseconds(1)
            options.deliveryTimeout = deliveryTimeout
            let producer = client.makeProducer(options: options)
            try await body(producer)
            try await producer.close()
            await client.close()
        }
    }

    /// Ever so many batches, alternately to both partitions.
    private func produce(_ count: Int, by producer: Producer) async throws {
        let topic = try await producer.topic("readings")
        for number in 0..<count { #expect(try topic.tryEnqueue(Record(value: "\(number)"), partition: number % 2)) }
        try await producer.flush()
    }

    @Test(
        "where a partition has forgotten the producer, it goes on under a new id there, and under the old one elsewhere",
        arguments: [
            ErrorCode.outOfOrderSequenceNumber, .unknownProducerID, .invalidProducerEpoch, .producerFenced,
        ])
    func forgotten(code: ErrorCode) async throws {
        let log = SequencedLog(batch: { partition, number in
            partition == 0 && number == 7 ? .forgotten(code) : .taken
        })
        try await withProducer(log) { producer in
            try await produce(1000, by: producer)
            #expect(producer.statistics.recordsAcknowledged == 1000 && producer.statistics.recordsFailed == 0)
        }
        #expect(log.records(of: 0) == stride(from: 0, to: 1000, by: 2).map { "\($0)" })
        #expect(log.records(of: 1) == stride(from: 1, to: 1000, by: 2).map { "\($0)" })
        #expect(log.producerIDs(of: 0) == [7, 8] && log.producerIDs(of: 1) == [7])
    }

    @Test(
        "what a broker refuses for a while is sent again, in order",
        arguments: [
            ErrorCode.notLeaderOrFollower, .leaderNotAvailable, .requestTimedOut, .notEnoughReplicas, .networkException,
            .unknownTopicOrPartition, .corruptMessage, .kafkaStorageError,
        ])
    func refused(code: ErrorCode) async throws {
        let log = SequencedLog(batch: { partition, number in
            partition == 0 && (5..<9).contains(number) ? .refused(code) : .taken
        })
        try await withProducer(log) { producer in
            try await produce(400, by: producer)
            #expect(producer.statistics.retries >= 4)
        }
        #expect(log.records(of: 0) == stride(from: 0, to: 400, by: 2).map { "\($0)" })
        #expect(log.records(of: 1) == stride(from: 1, to: 400, by: 2).map { "\($0)" })
        #expect(log.producerIDs(of: 0) == [7] && log.producerIDs(of: 1) == [7])
    }

    @Test("a batch that a broker refuses for good fails alone, with its error")
    func refusedForGood() async throws {
        let log = SequencedLog(batch: { partition, number in
            partition == 0 && number == 3 ? .refused(.invalidRecord) : .taken
        })
        try await withProducer(log) { producer in
            for number in 0..<6 {
                do throws(KafkaClientError) {
                    try await producer.send(Record(value: "\(number)"), to: "readings", partition: 0)
                    #expect(number != 2)
                } catch {
                    guard case .rejected(87, "INVALID_RECORD", _) = error, number == 2 else {
                        return #expect(Bool(false), "\(number): \(error)")
                    }
                }
            }
        }
        #expect(log.records(of: 0) == ["0", "1", "3", "4", "5"] && log.producerIDs(of: 0) == [7])
    }

    @Test(
        "what expires in doubt is neither written twice nor does it hold up what comes after", arguments: [true, false])
    func expiredInDoubt(isCarriedOut: Bool) async throws {
        let loses = Mutex(false)
        let log = SequencedLog(request: { _ in
            loses.withLock { $0 } ? (isCarriedOut ? .carriedOutAndLost : .lost) : .answered
        })
        // On a machine that is busy others may expire, too: what was acknowledged is what counts.
        var sent: [String] = []
        var acknowledged: [String] = []
        try await withProducer(log, deliveryTimeout: .seconds(2)) { producer in
            func send(_ value: String) async throws {
                sent.append(value)
                do throws(KafkaClientError) {
                    try await producer.send(Record(value: value), to: "readings", partition: 0)
                    acknowledged.append(value)
                } catch {
                    guard case .deliveryTimedOut("readings", 0, 1, _) = error else { throw error }
                }
            }
            while acknowledged.isEmpty { try await send("before \(sent.count)") }
            loses.withLock { $0 = true }
            try await send("doubtful")
            #expect(acknowledged.last != "doubtful")
            loses.withLock { $0 = false }
            let before = acknowledged.count
            while acknowledged.count < before + 5 { try await send("after \(sent.count)") }
        }
        let records = log.records(of: 0)
        #expect(records == sent.filter(Set(records).contains), "something twice, or in another order")
        #expect(Set(records).isSuperset(of: acknowledged))
        #expect(records.contains("doubtful") == isCarriedOut)
        // A broker that has it all knows the producer on.
        if sent.count == acknowledged.count + 1 {
            #expect(log.producerIDs(of: 0) == (isCarriedOut ? [7] : [7, 8]))
        }
    }
}
