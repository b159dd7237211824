import Broker
import BrokerTestSupport
import KafkaProtocol
import Synchronization
import TestSupport
import Testing

@testable import EventLog

@Suite("Fetching from topics whose records expire", .timeLimit(.minutes(10)))
struct ExpiryTests {
    private static let start: Int64 = 1_700_000_000_000

    private final class Clock: Sendable {
        let time = Atomic(ExpiryTests.start)
        func set(_ milliseconds: Int64) { time.store(ExpiryTests.start + milliseconds, ordering: .releasing) }
    }

    private func withTopic(
        _ settings: [String: String] = ["record.ttl.ms": "100"],
        _ body: (WireClient, Broker, Clock) async throws -> Void
    ) async throws {
        let clock = Clock()
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.log.environment.now = { Timestamp(milliseconds: clock.time.load(ordering: .acquiring)) }
        }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create(
                "readings", settings.merging(["compression.type": "producer"], uniquingKeysWith: { a, _ in a }))
            try await body(client, broker, clock)
        }
    }

    private func batch(_ value: String, at time: Int64) throws -> Batch {
        try Batch([Record(value: value, timestamp: Timestamp(milliseconds: Self.start + time))])
    }

    @Test(
        "a fetch inside a stretch that is expired begins after it, and ends before the next"
    )
    func goesOn() async throws {
        try await withTopic { client, _, clock in
            for time in [0, 0, 0, 500, 500, 0, 500] as [Int64] {
                _ = try await client.produce(batch("at \(time)", at: time), to: "readings")
            }
            clock.set(100)
            for from in 0...3 as ClosedRange<Int64> {
                let data = try await client.fetch("readings", from: from)
                #expect(data.errorCode == .none && data.highWatermark == 7)
                #expect(try data.records.bytes.storedRecords.map(\.offset) == [3, 4])
            }
            #expect(try await client.fetch("readings", from: 5).records.bytes.storedRecords.map(\.offset) == [6])
            #expect(try await client.values(in: "readings") == ["at 500", "at 500", "at 500"])
        }
    }

    @Test("where all is expired the client learns that it is at the end, and waits there", arguments: [true, false])
    func nothingLeft(inSession: Bool) async throws {
        try await withTopic { client, broker, clock in
            for _ in 0..<3 { _ = try await client.produce(batch("old", at: 0), to: "readings") }
            clock.set(100)
            for from in 0..<3 as Range<Int64> {
                // It would wait a minute.
                let answer = try await client.call(FetchRequest.waiting(on: "readings", from: from))
                let header = try #require(try answer.responses[0].partitions[0].records.bytes.batchHeaders.first)
                #expect(header.baseOffset.value == from && header.lastOffset == 2 && header.recordCount == 0)
                #expect(header.partitionLeaderEpoch == broker.log.leaderEpoch)
                _ = try RecordBatchView(validating: answer.responses[0].partitions[0].records.bytes.span.bytes)
            }
            let id = inSession ? try await client.beginSession(of: "readings", [0]) : 0
            var request =
                inSession ? FetchRequest.goingOn(id, epoch: 1, [.place(0, 3)]) : .waiting(on: "readings", from: 3)
            request.waitForAByte()
            let waiting = try await client.post(request)
            let other = try await WireClient.connect(to: broker)
            _ = try await other.produce(batch("new", at: 100), to: "readings")
            let answer = try await client.receive(waiting)
            let records = try #require(answer.responses.first?.partitions.first).records
            #expect(try records.bytes.storedRecords.map(\.offset) == [3])
        }
    }

    @Test("a stretch too long for one look is gone over in several, and each tells the client how far it has come")
    func longStretch() async throws {
        try await withTopic(["record.ttl.headers": "true"]) { client, _, clock in
            let header = RecordHeader(name: "martlet-ttl-ms", value: Array("100".utf8))
            let text = String(repeating: "x", count: 900_000)
            for _ in 0..<12 {
                let record = Record(value: text, headers: [header], timestamp: Timestamp(milliseconds: Self.start))
                _ = try await client.produce(Batch([record]), to: "readings")
            }
            _ = try await client.produce(batch("live", at: 0), to: "readings")
            clock.set(100)
            var (answers, next) = (0, Int64(0))
            while next < 12 {
                answers += 1
                // It would wait a minute.
                let answer = try await client.call(FetchRequest.waiting(on: "readings", from: next))
                let headers = try answer.responses[0].partitions[0].records.bytes.batchHeaders
                let last = try #require(headers.last)
                #expect(last.lastOffset.value >= next)
                next = last.lastOffset.value + 1
            }
            #expect(answers > 1 && answers < 6)
            #expect(
                try await client.fetch("readings", from: 12).records.bytes.storedRecords.map(\.valueText) == ["live"])
        }
    }
}
