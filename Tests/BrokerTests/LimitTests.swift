import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("What one client can cost the others", .timeLimit(.minutes(10)))
struct LimitTests {
    @Test("a connection over the limit is closed with a line in the log, and there is room again when one leaves")
    func connections() async throws {
        // The survivor's bystander and client are two.
        try await withSurvivor(limits: .with { $0.connections = 4 }) { broker in
            let third = try await WireClient.connect(to: broker.broker)
            _ = try await third.metadata(of: nil)
            let fourth = try await WireClient.connect(to: broker.broker)
            _ = try await fourth.metadata(of: nil)
            let fifth = try await WireClient.connect(to: broker.broker)
            await fifth.expectClosed()
            await broker.logs.line(with: "too many connections")
            _ = try await third.metadata(of: nil)
            await third.close()
            // The broker may hear of it a little later.
            while await !answers(broker.broker) {}
            await fourth.close()
            while await !answers(broker.broker) {}
        }
    }

    private func answers(_ broker: Broker) async -> Bool {
        guard let client = try? await WireClient.connect(to: broker) else { return false }
        let isAnswered = (try? await client.post(MetadataRequest.about(nil))) != nil
        return await client.receive() != nil && isAnswered
    }

    @Test("a connection that says nothing is closed, one that waits for its fetch is not")
    func idle() async throws {
        let logs = LogLines()
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.limits.idleMilliseconds = 1500
            configuration.logger = logs.makeLogger()
        }
        try await withBroker(configure: configure) { broker in
            let silent = try await WireClient.connect(to: broker)
            await silent.expectClosed()
            await logs.line(with: "a connection that says nothing is closed")
            // A frame that was announced and never comes.
            let half = try await WireClient.connect(to: broker)
            await half.send(Wire.bytes(Int32(1000)) + [0, 1])
            await half.expectClosed()
            #expect(try await firstAnswerToAWaitingFetch(broker)?.responses[0].partitions[0].highWatermark == 1)
        }
    }

    /// The answer to a fetch that waited for longer than a silent connection lives. Asked for again where this machine
    /// had no time to send it before its connection counted as silent too.
    private func firstAnswerToAWaitingFetch(_ broker: Broker) async throws -> FetchResponse? {
        for attempt in 0..<8 {
            let topic = try broker.log.createTopic("readings-\(attempt)")
            let waiting = try await WireClient.connect(to: broker)
            let fetch = try await waiting.post(FetchRequest.waiting(on: topic.name))
            let silent = try await WireClient.connect(to: broker)
            await silent.expectClosed()
            try await topic.partitions[0].append(Record(value: "wakes"))
            if let frame = await waiting.receive() { return try Wire.response(in: frame, to: fetch) }
        }
        return nil
    }

    @Test("a client that takes no answers is not read on, harms nobody, and gets them when it takes them")
    func slowReader() async throws {
        try await withSurvivor { broker in
            let writer = broker.client
            try await writer.create("large", ["compression.type": "producer"])
            let batch = try Batch([Record(key: nil, value: [UInt8](repeating: 7, count: 1_000_000))])
            for _ in 0..<8 { #expect(try await writer.produce(batch, to: "large").errorCode == .none) }
            let reader = try await WireClient.connect(to: broker.broker, reads: false)
            let request = try Wire.frame(FetchRequest.reading("large"))
            // 8 MB an answer, and more requests than two sockets hold: some stay here.
            let requests = reader.push(repeating: request, 300_000)
            for _ in 0..<20 { #expect(try await writer.fetch("large").records.bytes.count > 8_000_000) }
            #expect(!requests.isSent)
            // What it is owed comes when it takes it.
            try await reader.startReading()
            for _ in 0..<20 { #expect((await reader.receive()?.readableBytes ?? 0) > 8_000_000) }
            await reader.close()
        }
    }

    @Test("answers that are ready behind one that waits count against what a connection may have waiting")
    func readyAnswers() async throws {
        func configure(_ configuration: inout BrokerConfiguration) { configuration.limits.pendingBytes = 64 << 10 }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            try await client.create("many", partitions: 1000)
            var waiting = FetchRequest.waiting(on: "readings")
            waiting.maxWaitMs = 500
            let fetch = try await client.post(waiting)
            var described: [Posted<MetadataRequest>] = []
            for _ in 0..<8 { described.append(try await client.post(MetadataRequest.about(["many"]))) }
            let produce = try await client.post(ProduceRequest.sending(Batch("wakes"), to: "readings"))
            // What would have woken it was not looked at before its time was up.
            #expect(try await client.receive(fetch).responses[0].partitions[0].records == .empty)
            for posted in described {
                #expect(try await client.receive(posted).topics[0].partitions.count == 1000)
            }
            #expect(try await client.receive(produce).responses[0].partitionResponses[0].errorCode == .none)
        }
    }
}
