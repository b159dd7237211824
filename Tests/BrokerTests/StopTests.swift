import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("Stopping", .timeLimit(.minutes(10)))
struct StopTests {
    @Test("what was acknowledged before and while the broker stopped is there when it is opened again")
    func whileProducing() async throws {
        let directory = TemporaryDirectory()
        let acknowledged = try await withBroker(in: directory) { broker in
            let first = try await WireClient.connect(to: broker)
            try await first.create("readings", partitions: 4)
            return try await withThrowingTaskGroup { group in
                for partition in 0..<Int32(4) {
                    group.addTask {
                        (partition, try await Self.produceUntilClosed(to: partition, of: broker))
                    }
                }
                // Some of each are through when the broker is told to stop, and there are more behind.
                for partition in 0..<Int32(4) {
                    #expect(try await first.call(FetchRequest.waiting(on: "readings", partition)).errorCode == .none)
                }
                try await broker.stop()
                var acknowledged: [Int: Int] = [:]
                for try await (partition, count) in group { acknowledged[Int(partition)] = count }
                return acknowledged
            }
        }
        let log = try EventLog.open(at: directory.path, options: .quiet)
        let topic = try #require(log.topic("readings"))
        for partition in topic.partitions {
            let count = try #require(acknowledged[partition.index])
            let values = try partition.read(from: .earliest, maxBytes: .max).map(\.valueText)
            #expect(count > 0 && values.count >= count)
            #expect(values == values.indices.map { "\($0)" }, "in order and without a gap")
        }
        try log.close()
    }

    /// Keeps 50 requests in flight and returns how many were acknowledged.
    private static func produceUntilClosed(to partition: Int32, of broker: Broker) async throws -> Int {
        let client = try await WireClient.connect(to: broker)
        var (sent, acknowledged) = (0, 0)
        while true {
            while sent < acknowledged + 50 {
                let request = ProduceRequest.sending(try Batch("\(sent)"), to: "readings", partition)
                client.push(try Wire.frame(request, version: 9, correlationID: Int32(sent)))
                sent += 1
            }
            guard let frame = await client.receive() else { return acknowledged }
            let posted = Posted<ProduceRequest>(version: 9, correlationID: Int32(acknowledged))
            let answer = try Wire.response(in: frame, to: posted).responses[0].partitionResponses[0]
            guard answer.errorCode == .none else { return acknowledged }
            #expect(answer.baseOffset == Int64(acknowledged))
            acknowledged += 1
        }
    }

    @Test("a request that is on its way to the disk is answered before the connection closes")
    func inFlight() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            var posted: [Posted<ProduceRequest>] = []
            for _ in 0..<100 {
                posted.append(try await client.post(ProduceRequest.sending(Batch("x"), to: "readings")))
            }
            // The first answer says that the requests of its read are under way.
            #expect(try await client.receive(posted[0]).responses[0].partitionResponses[0].errorCode == .none)
            try await broker.stop()
            var answered = 1
            while let frame = await client.receive() {
                let answer = try Wire.response(in: frame, to: posted[answered])
                #expect(answer.responses[0].partitionResponses[0].errorCode == .none)
                answered += 1
            }
            #expect(broker.log.topic("readings")?.partitions[0].end == Offset(Int64(answered)))
        }
    }

    @Test("a fetch that waits is answered with what there is, then the connection closes")
    func waitingFetch() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            #expect(try await client.produce(Batch("one"), to: "readings").errorCode == .none)
            let fetch = try await client.post(FetchRequest.waiting(on: "readings", minBytes: 1_000_000))
            // Answered in order, so the one before is waiting when this stands behind it.
            _ = try await client.post(MetadataRequest.about(nil))
            async let stopped: Void = broker.stop()
            let answer = try await client.receive(fetch)
            #expect(try answer.responses[0].partitions[0].records.bytes.storedRecords.map(\.valueText) == ["one"])
            while await client.receive() != nil {}
            try await stopped
        }
    }

    @Test("an answer that is ready only after its connection was cut harms nobody")
    func lateAnswer() async throws {
        func configure(_ configuration: inout BrokerConfiguration) { configuration.limits.drainMilliseconds = 1 }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            let requests = [1, 300].map { CreateTopicsRequest.creating("topic-\($0)", partitions: $0) }
            await client.send(try requests.flatMap { try Wire.frame($0, correlationID: $0.topics[0].numPartitions) })
            // They were read together: when the first is answered, the second is under way.
            let version = Wire.newest(CreateTopicsRequest.self)
            let first = try await client.receive(Posted<CreateTopicsRequest>(version: version, correlationID: 1))
            #expect(first.topics[0].errorCode == .none)
            try await broker.stop()
        }
    }

    @Test("a connection that takes none of its answers does not keep the broker from stopping")
    func slowReader() async throws {
        func configure(_ configuration: inout BrokerConfiguration) { configuration.limits.drainMilliseconds = 50 }
        try await withBroker(configure: configure) { broker in
            let writer = try await WireClient.connect(to: broker)
            try await writer.create("readings", ["compression.type": "producer"])
            let batch = try Batch([Record(key: nil, value: [UInt8](repeating: 7, count: 1_000_000))])
            for _ in 0..<8 { #expect(try await writer.produce(batch, to: "readings").errorCode == .none) }
            let reader = try await WireClient.connect(to: broker, reads: false)
            for _ in 0..<10 { _ = try await reader.post(FetchRequest.reading("readings")) }
            try await broker.stop()
        }
    }

    @Test("stopping twice is stopping once")
    func twice() async throws {
        try await withBroker { broker in
            try await broker.stop()
            try await broker.stop()
        }
    }
}
