import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import Logging
import TestSupport
import Testing

@Suite("A directory between library and broker", .timeLimit(.minutes(10)))
struct LibraryGroupTests {
    private let directory = TemporaryDirectory.inMemory()

    private func withLog(_ body: (EventLog) throws -> Void) throws {
        var options = EventLogOptions()
        options.logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let log = try EventLog.open(at: directory.path, options: options)
        try body(log)
        try log.close()
    }

    private func withGroups(_ body: (WireClient) async throws -> Void) async throws {
        func configure(_ configuration: inout BrokerConfiguration) { configuration.hurryGroups() }
        try await withBroker(in: directory, configure: configure) { broker in
            try await body(try await WireClient.connect(to: broker))
        }
    }

    @Test("what the library commits a client reads, and what a client commits the library, members or not")
    func moves() async throws {
        try withLog { log in
            let topic = try log.createTopic("readings", partitions: 2)
            for partition in topic.partitions {
                try partition.append(contentsOf: (0..<20).map { Record(value: "\($0)") })
            }
            try log.group("g").commit([
                ConsumerGroup.Position(7, in: topic.partitions[0], metadata: "seven"),
                ConsumerGroup.Position(8, in: topic.partitions[1]),
            ])
            try log.group("alone").commit(3, in: topic.partitions[0])
        }
        try await withGroups { client async throws in
            let found = try await client.committedPartition()
            #expect(found.committedOffset == 7 && found.metadata == "seven")
            #expect(try await client.committed(in: "readings", 1) == 8)
            #expect(try await client.committed(of: "alone") == 3)
            let member = try await client.member()
            #expect(try await client.commit(11, by: member) == .none)
            #expect(try await client.commit(4, of: "other") == .none)
        }
        try withLog { log in
            let partitions = try #require(log.topic("readings")).partitions
            let group = log.group("g")
            #expect(try log.groupNames() == ["alone", "g", "other"])
            #expect(try partitions.map { try group.position(in: $0) } == [11, 8])
            #expect(try log.group("other").position(in: partitions[0]) == 4)
            #expect(try group.lag(in: partitions[0]).records == 9)
            try group.commit(12, in: partitions[0])
        }
        try await withGroups { client async throws in
            #expect(try await client.committed() == 12)
            #expect(try await client.committed(in: "readings", 1) == 8)
        }
    }
}
