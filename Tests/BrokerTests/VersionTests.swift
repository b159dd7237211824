import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("What is offered", .timeLimit(.minutes(10)))
struct VersionTests {
    @Test("every version of ApiVersions lists the same, behind a header without tagged fields", arguments: 0...4)
    func everyVersion(version: Int16) async throws {
        try await withBroker { broker in
            // `call` reads the header as version 0: a tagged field in it would shift the body.
            let answer = try await WireClient.connect(to: broker).call(ApiVersionsRequest(), version: version)
            #expect(answer.errorCode == .none)
            let offered = answer.apiKeys.map { OfferedRange(key: $0.apiKey, versions: $0.minVersion...$0.maxVersion) }
            #expect(offered == SupportedVersions.rows.map { .init(key: $0.key.rawValue, versions: $0.offered) })
            #expect(answer.supportedFeatures.isEmpty && answer.finalizedFeatures.isEmpty)
        }
    }

    private struct OfferedRange: Equatable {
        let key: Int16
        let versions: ClosedRange<Int16>
    }

    /// Each of these costs librdkafka something where it is otherwise: docs/PROTOCOL.md says what.
    @Test(
        "what librdkafka judges a broker by is offered",
        arguments: [
            (ApiKey.produce, 0, 7), (.findCoordinator, 0, 0), (.metadata, 0, 4), (.apiVersions, 0, 3),
            (.initProducerID, 0, 1), (.fetch, 4, 11), (.listOffsets, 1, 2), (.joinGroup, 0, 5), (.syncGroup, 0, 3),
            (.heartbeat, 0, 3), (.leaveGroup, 0, 1), (.offsetCommit, 2, 7), (.offsetFetch, 1, 7),
        ] as [(ApiKey, Int16, Int16)])
    func traps(key: ApiKey, lowest: Int16, highest: Int16) async throws {
        try await withBroker { broker in
            let answer = try await WireClient.connect(to: broker).call(ApiVersionsRequest())
            let row = try #require(answer.apiKeys.first { $0.apiKey == key.rawValue })
            #expect(row.minVersion <= lowest && row.maxVersion >= highest)
        }
    }

    @Test(
        "versions of Produce from before record batches are read, and refused partition by partition", arguments: 0...2)
    func oldProduce(version: Int16) async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            let answer = try await client.produce(Batch("x"), to: "readings", version: version)
            #expect(answer.errorCode == .unsupportedForMessageFormat)
            #expect(try await client.values(in: "readings").isEmpty)
        }
    }

    @Test("every version of Produce that has batches appends", arguments: 3...12)
    func produce(version: Int16) async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            for offset in 0..<Int64(2) {
                let answer = try await client.produce(Batch("x"), to: "readings", version: version)
                #expect(answer.errorCode == .none && answer.baseOffset == offset)
            }
        }
    }

    @Test("every version of Fetch brings the same records", arguments: 4...12)
    func fetch(version: Int16) async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            _ = try await client.produce(Batch("one", "two"), to: "readings")
            let data = try await client.fetch("readings", version: version)
            #expect(try data.records.bytes.storedRecords.map(\.valueText) == ["one", "two"])
            #expect(data.highWatermark == 2 && data.lastStableOffset == 2)
            if version >= 5 { #expect(data.logStartOffset == 0) }
        }
    }

    @Test("transactions are refused by the coordinator's name, in every version that knows them", arguments: 1...6)
    func coordinator(version: Int16) async throws {
        try await withBroker { broker in
            let request = FindCoordinatorRequest {
                $0.key = "mine"
                $0.keyType = FindCoordinatorRequest.transactionKey
                $0.coordinatorKeys = ["mine", "other"]
            }
            let answer = try await WireClient.connect(to: broker).call(request, version: version)
            let codes = version >= 4 ? answer.coordinators.map(\.errorCode) : [answer.errorCode]
            #expect(codes == Array(repeating: .coordinatorNotAvailable, count: version >= 4 ? 2 : 1))
        }
    }
}
