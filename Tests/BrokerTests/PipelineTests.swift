import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("Many requests of one connection", .timeLimit(.minutes(10)))
struct PipelineTests {
    @Test("thousands of small requests behind one that waits are answered in their order")
    func behindOneThatWaits() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            let other = try await WireClient.connect(to: broker)
            try await client.create("readings")
            let waiting = try await client.post(FetchRequest.waiting(on: "readings"))
            let ids = Int32(1000)..<25_000
            client.push(ids.flatMap { Wire.prefixed(Wire.header(api: 18, version: 0, correlationID: $0)) })
            // They are answered only now that there is something to fetch.
            #expect(try await other.produce(Batch("wakes"), to: "readings").errorCode == .none)
            let fetched = try await client.receive(waiting)
            #expect(try fetched.responses[0].partitions[0].records.bytes.storedRecords.count == 1)
            for id in ids {
                let answer = try await client.receive(Posted<ApiVersionsRequest>(version: 0, correlationID: id))
                #expect(answer.errorCode == .none)
            }
        }
    }

    @Test("hundreds of requests of all kinds in flight are answered in their order, each with its own answer")
    func mixed() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            try await client.create("silent")
            var posted: [(Posted<ProduceRequest>, Posted<FetchRequest>, Posted<CreateTopicsRequest>)] = []
            for round in 0..<200 {
                let produce = try await client.post(ProduceRequest.sending(Batch("\(round)"), to: "readings"))
                // At first what this waits for is on its way to the disk.
                let fetch = try await client.post(FetchRequest.waiting(on: "readings"))
                await client.send(try Wire.frame(ProduceRequest.sending(Batch("\(round)"), to: "silent", acks: 0)))
                // Answered on another thread.
                let create = try await client.post(CreateTopicsRequest.creating("readings"))
                posted.append((produce, fetch, create))
            }
            for (round, (produce, fetch, create)) in posted.enumerated() {
                let produced = try await client.receive(produce)
                #expect(produced.responses[0].partitionResponses[0].baseOffset == Int64(round))
                let fetched = try await client.receive(fetch)
                #expect(try fetched.responses[0].partitions[0].records.bytes.storedRecords.first?.valueText == "0")
                #expect(try await client.receive(create).topics[0].errorCode == .topicAlreadyExists)
            }
            #expect(try await client.values(in: "silent") == (0..<200).map { "\($0)" })
        }
    }

    @Test("what a request finds is what those before it have done, also where they wait for the disk")
    func oneAfterTheOther() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            for round in 0..<50 {
                let create = try await client.post(CreateTopicsRequest.creating("readings-\(round)"))
                let produce = try await client.post(ProduceRequest.sending(Batch("x"), to: "readings-\(round)"))
                #expect(try await client.receive(create).topics[0].errorCode == .none)
                let produced = try await client.receive(produce)
                #expect(produced.responses[0].partitionResponses[0].errorCode == .none)
            }
        }
    }

    @Test("a request with acks=0 gets no answer, and the next one gets its own")
    func silent() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            for version in ProduceRequest.firstBatchVersion..<ProduceRequest.firstTopicIDVersion {
                let request = ProduceRequest.sending(try Batch("\(version)"), to: "readings", acks: 0)
                await client.send(try Wire.frame(request, version: version, correlationID: 12345))
                // `call` expects its own correlation id.
                #expect(try await client.metadata(of: ["readings"]).topics.first?.errorCode == ErrorCode.none)
            }
            #expect(try await client.values(in: "readings") == (3...12).map { "\($0)" })
        }
    }

    @Test("requests beyond what may wait are taken when there is room, and none is lost", arguments: [1, 3, 256])
    func pendingLimit(limit: Int) async throws {
        func configure(_ configuration: inout BrokerConfiguration) { configuration.limits.pendingRequests = limit }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            var posted: [Posted<ProduceRequest>] = []
            for index in 0..<500 {
                posted.append(try await client.post(ProduceRequest.sending(Batch("\(index)"), to: "readings")))
            }
            for (index, produce) in posted.enumerated() {
                let answer = try await client.receive(produce)
                #expect(answer.responses[0].partitionResponses[0].baseOffset == Int64(index))
            }
        }
    }

    @Test("requests that wait may take only so many bytes: the rest waits in the client's socket")
    func pendingBytes() async throws {
        func configure(_ configuration: inout BrokerConfiguration) { configuration.limits.pendingBytes = 100 }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            var posted: [Posted<FetchRequest>] = []
            for _ in 0..<50 { posted.append(try await client.post(FetchRequest.waiting(on: "readings"))) }
            let other = try await WireClient.connect(to: broker)
            #expect(try await other.produce(Batch("wakes"), to: "readings").errorCode == .none)
            for fetch in posted {
                let answer = try await client.receive(fetch)
                #expect(answer.responses[0].partitions[0].highWatermark == 1)
            }
        }
    }

    @Test("a request that waits for room is answered for each topic and partition once", arguments: [Int16(1), -1])
    func manyRounds(acks: Int16) async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            let settings = ["compression.type": "producer", "flush.messages": "1000000"]
            let names = (0..<8).map { "readings-\($0)" }
            for name in names { try await client.create(name, partitions: 2, settings) }
            // Some of them fill a round of those that skip the journal.
            let batch = try Batch(String(repeating: "x", count: 400_000))
            for round in 0..<20 {
                let request = ProduceRequest {
                    $0.acks = acks
                    $0.topicData = names.map { name in
                        .init {
                            $0.name = name
                            $0.partitionData = (0..<2).map { index in
                                .init {
                                    $0.index = Int32(index)
                                    $0.records = ByteBuffer(bytes: batch.bytes)
                                }
                            }
                        }
                    }
                }
                let answer = try await client.call(request, version: 7)
                #expect(answer.responses.map(\.name) == names)
                for topic in answer.responses {
                    #expect(topic.partitionResponses.map(\.index) == [0, 1])
                    #expect(topic.partitionResponses.map(\.errorCode) == [.none, .none])
                    #expect(topic.partitionResponses.map(\.baseOffset) == [Int64(round), Int64(round)])
                }
            }
        }
    }
}
