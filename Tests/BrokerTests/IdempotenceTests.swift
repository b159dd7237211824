import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("Idempotent producers", .timeLimit(.minutes(10)))
struct IdempotenceTests {
    /// A batch of `count` records of producer 7.
    private static func batch(
        _ sequence: Int32, count: Int = 1, epoch: Int16 = 0, producer: Int64 = 7
    ) throws -> Batch {
        let records = (0..<count).map { Record(value: "\(sequence) and \($0)") }
        return try Batch(records, producer: (producer, epoch, sequence))
    }

    private func withReadings(_ body: (WireClient, Broker) async throws -> Void) async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", partitions: 2)
            try await body(client, broker)
        }
    }

    @Test("a batch that is sent again gets its offset again and is stored once", arguments: [1, -1] as [Int16])
    func duplicate(acks: Int16) async throws {
        try await withReadings { client, _ in
            for _ in 0..<3 {
                let answer = try await client.produce(Self.batch(0, count: 3), to: "readings", acks: acks)
                #expect(answer.errorCode == .none && answer.baseOffset == 0)
            }
            #expect(try await client.produce(Self.batch(3), to: "readings").baseOffset == 3)
            #expect(try await client.values(in: "readings").count == 4)
        }
    }

    @Test("so is one that is sent again before the first is on disk")
    func duplicateInFlight() async throws {
        try await withReadings { client, _ in
            var posted: [Posted<ProduceRequest>] = []
            for sequence in [0, 0, 1, 1, 0] as [Int32] {
                posted.append(try await client.post(ProduceRequest.sending(Self.batch(sequence), to: "readings")))
            }
            var offsets: [Int64] = []
            for produce in posted {
                offsets.append(try await client.receive(produce).responses[0].partitionResponses[0].baseOffset)
            }
            #expect(offsets == [0, 0, 1, 1, 0])
            #expect(try await client.values(in: "readings").count == 2)
        }
    }

    @Test("the last five batches are known, one from before is out of order")
    func fiveBatches() async throws {
        try await withReadings { client, _ in
            for sequence in 0..<Int32(6) {
                #expect(try await client.produce(Self.batch(sequence), to: "readings").baseOffset == Int64(sequence))
            }
            for sequence in 1..<Int32(6) {
                #expect(try await client.produce(Self.batch(sequence), to: "readings").baseOffset == Int64(sequence))
            }
            let forgotten = try await client.produce(Self.batch(0), to: "readings")
            #expect(forgotten.errorCode == .outOfOrderSequenceNumber && forgotten.baseOffset == -1)
            #expect(try await client.values(in: "readings").count == 6)
        }
    }

    @Test("a gap is refused, and what follows it, until the batch that is due comes")
    func gap() async throws {
        try await withReadings { client, _ in
            #expect(try await client.produce(Self.batch(0, count: 2), to: "readings").errorCode == .none)
            for sequence in [3, 4, 1, Int32.max] as [Int32] {
                let answer = try await client.produce(Self.batch(sequence), to: "readings")
                #expect(answer.errorCode == .outOfOrderSequenceNumber, "\(sequence)")
            }
            #expect(try await client.produce(Self.batch(2), to: "readings").baseOffset == 2)
        }
    }

    @Test("an older epoch is fenced; a newer one begins at 0")
    func epochs() async throws {
        try await withReadings { client, _ in
            #expect(try await client.produce(Self.batch(0, epoch: 1), to: "readings").errorCode == .none)
            let old = try await client.produce(Self.batch(1, epoch: 0), to: "readings")
            #expect(old.errorCode == .invalidProducerEpoch)
            let newButLate = try await client.produce(Self.batch(1, epoch: 2), to: "readings")
            #expect(newButLate.errorCode == .outOfOrderSequenceNumber)
            #expect(try await client.produce(Self.batch(0, epoch: 2), to: "readings").baseOffset == 1)
            #expect(
                try await client.produce(Self.batch(1, epoch: 1), to: "readings").errorCode == .invalidProducerEpoch)
            #expect(try await client.produce(Self.batch(1, epoch: 2), to: "readings").baseOffset == 2)
        }
    }

    @Test("sequence numbers go on with 0 after the largest, also within a batch")
    func wrap() async throws {
        try await withReadings { (client, _) async throws in
            #expect(try await client.produce(Self.batch(.max), to: "readings").baseOffset == 0)
            #expect(try await client.produce(Self.batch(0), to: "readings").baseOffset == 1)
            // Of the other partition: from two before the end, four records.
            #expect(try await client.produce(Self.batch(.max - 1, count: 4), to: "readings", 1).baseOffset == 0)
            #expect(try await client.produce(Self.batch(.max - 1, count: 4), to: "readings", 1).baseOffset == 0)
            #expect(try await client.produce(Self.batch(2), to: "readings", 1).baseOffset == 4)
        }
    }

    @Test("partitions and producers count for themselves")
    func apart() async throws {
        try await withReadings { client, _ in
            for partition in 0..<Int32(2) {
                for producer in 0..<Int64(3) {
                    let batch = try Self.batch(0, producer: producer)
                    #expect(try await client.produce(batch, to: "readings", partition).baseOffset == producer)
                }
            }
        }
    }

    @Test("what is known of producers outlives a clean stop, and a kill", arguments: [true, false])
    func restart(isClean: Bool) async throws {
        let directory = TemporaryDirectory()
        let left = try await withBroker(in: directory) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            // Some in a checkpoint, some in the journal alone.
            for sequence in 0..<Int32(4) { _ = try await client.produce(Self.batch(sequence), to: "readings") }
            try broker.log.checkpoint()
            for sequence in 4..<Int32(7) { _ = try await client.produce(Self.batch(sequence), to: "readings") }
            return isClean ? directory : try broker.log.withoutCheckpoints { try directory.copy() }
        }
        try await withBroker(in: left) { broker in
            let client = try await WireClient.connect(to: broker)
            for sequence in 2..<Int32(7) {
                #expect(try await client.produce(Self.batch(sequence), to: "readings").baseOffset == Int64(sequence))
            }
            let late = try await client.produce(Self.batch(8), to: "readings")
            #expect(late.errorCode == .outOfOrderSequenceNumber)
            let fenced = try await client.produce(Self.batch(7, epoch: -1), to: "readings")
            #expect(fenced.errorCode == .invalidProducerEpoch)
            #expect(try await client.produce(Self.batch(7), to: "readings").baseOffset == 7)
            #expect(try await client.values(in: "readings").count == 8)
        }
    }

    @Test("each producer id is given once, whatever happens to the broker in between", arguments: 0...4)
    func producerIDs(version: Int16) async throws {
        var directory = TemporaryDirectory()
        var ids: [Int64] = []
        for round in 0..<4 {
            directory = try await withBroker(in: directory) { broker in
                let client = try await WireClient.connect(to: broker)
                for _ in 0..<5 {
                    let answer = try await client.call(InitProducerIDRequest(), version: version)
                    #expect(answer.errorCode == .none && answer.producerEpoch == 0)
                    ids.append(answer.producerID)
                }
                return round % 2 == 0 ? directory : try broker.log.withoutCheckpoints { try directory.copy() }
            }
        }
        #expect(Set(ids).count == 20 && ids.allSatisfy { $0 >= 0 })
    }

    @Test("a transactional id is refused", arguments: 0...4)
    func transactional(version: Int16) async throws {
        try await withReadings { client, _ in
            let request = InitProducerIDRequest { $0.transactionalID = "transaction" }
            let answer = try await client.call(request, version: version)
            #expect(answer.errorCode == .invalidRequest && answer.producerID == -1)
            var produce = ProduceRequest.sending(try Batch("x"), to: "readings")
            produce.transactionalID = "transaction"
            let refused = try await client.call(produce)
            #expect(refused.responses[0].partitionResponses.map(\.errorCode) == [.invalidTxnState])
        }
    }

    @Test("acks other than 0, 1 and all are refused", arguments: [2, -2, Int16.max, Int16.min])
    func acks(acks: Int16) async throws {
        try await withReadings { client, broker in
            let answer = try await client.produce(Batch("x"), to: "readings", acks: acks)
            #expect(answer.errorCode == .invalidRequiredAcks)
            #expect(broker.log.topic("readings")?.partitions[0].end == 0)
        }
    }
}
