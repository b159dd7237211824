import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("Metadata", .timeLimit(.minutes(10)))
struct MetadataTests {
    @Test("no list asks for all topics, an empty one for none; version 0 has no null", arguments: 0...13)
    func lists(version: Int16) async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            for name in ["b", "a"] { try await client.create(name) }
            let none = try await client.metadata(of: [], version: version).topics
            #expect(none.map(\.name) == (version == 0 ? ["a", "b"] : []))
            if version > 0 {
                #expect(try await client.metadata(of: nil, version: version).topics.map(\.name) == ["a", "b"])
            }
        }
    }

    @Test("a topic has its partitions, all led by the one node", arguments: 0...13)
    func topic(version: Int16) async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", partitions: 3)
            let answer = try await client.metadata(of: ["readings"], version: version)
            let node = try #require(answer.brokers.first?.nodeID)
            #expect(answer.brokers.count == 1)
            if version >= 1 { #expect(answer.controllerID == node) }
            if version >= 2 { #expect(answer.clusterID?.isEmpty == false) }
            let topic = try #require(answer.topics.first)
            #expect(topic.errorCode == .none && topic.partitions.map(\.partitionIndex) == [0, 1, 2])
            #expect(
                topic.partitions.allSatisfy { $0.leaderID == node && $0.isrNodes == [node] && $0.errorCode == .none })
            if version >= 10 { #expect(!topic.topicID.isZero) }
        }
    }

    // MARK: Creation

    @Test("a topic that is missing is created with the configured partitions", arguments: 0...13)
    func creates(version: Int16) async throws {
        func configure(_ configuration: inout BrokerConfiguration) { configuration.autoCreatePartitions = 3 }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            let topic = try #require(try await client.metadata(of: ["new"], version: version).topics.first)
            #expect(topic.errorCode == .none && topic.partitions.count == 3)
            #expect(broker.log.topic("new")?.partitions.count == 3)
        }
    }

    @Test("where creation is off, a missing topic is unknown")
    func creationOff() async throws {
        func configure(_ configuration: inout BrokerConfiguration) { configuration.autoCreatePartitions = nil }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            #expect(try await client.metadata(of: ["new"]).topics.map(\.errorCode) == [.unknownTopicOrPartition])
            #expect(broker.log.topics.isEmpty)
        }
    }

    @Test("a client that does not want creation gets none; before version 4 it cannot say so", arguments: 3...13)
    func clientDeclines(version: Int16) async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            let topic = try #require(
                try await client.metadata(of: ["new"], autoCreates: false, version: version).topics.first)
            #expect(topic.errorCode == (version < 4 ? .none : .unknownTopicOrPartition))
            #expect(broker.log.topics.isEmpty == (version >= 4))
        }
    }

    @Test("one bad name among good ones harms only itself")
    func badNameAmongGood() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            let topics = try await client.metadata(of: ["good", "a/b", "fine"]).topics
            #expect(topics.map(\.errorCode) == [.none, .invalidTopicException, .none])
        }
    }

    @Test(
        "a name that Kafka forbids is refused, and nothing is created",
        arguments: ["a/b", "..", ".", "", "tö", "a b", "a\nb", "a\u{0}b", String(repeating: "x", count: 250)])
    func badName(name: String) async throws {
        try await withSurvivor { broker in
            #expect(try await broker.client.metadata(of: [name]).topics.map(\.errorCode) == [.invalidTopicException])
            let created = try await broker.client.call(CreateTopicsRequest.creating(name)).topics
            #expect(created.map(\.errorCode) == [.invalidTopicException])
            #expect(created.first?.errorMessage?.isEmpty == false)
            #expect(broker.broker.log.topics.map(\.name) == ["kept"])
        }
    }

    @Test("a name of 249 characters is good")
    func longestName() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            let name = String(repeating: "x", count: 249)
            #expect(try await client.metadata(of: [name]).topics.map(\.errorCode) == [.none])
            #expect(try await client.produce(Batch("one"), to: name).baseOffset == 0)
        }
    }

    @Test("a name as long as the wire allows is refused, with a message that fits")
    func longestOnTheWire() async throws {
        try await withSurvivor { broker in
            let name = String(repeating: "x", count: Int(Int16.max))
            for version in Wire.versions(CreateTopicsRequest.self) {
                let answer = try await broker.client.call(CreateTopicsRequest.creating(name), version: version)
                #expect(answer.topics.map(\.errorCode) == [.invalidTopicException])
            }
        }
    }

    @Test("a name that differs from another only in '.' and '_' is refused, not called unknown")
    func collision() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("a.b")
            #expect(try await client.metadata(of: ["a_b"]).topics.map(\.errorCode) == [.invalidTopicException])
        }
    }

    // MARK: Bounds

    @Test("a topic that is asked for a thousand times is answered once")
    func repeated() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", partitions: 100)
            let names = Array(repeating: "readings", count: 1000)
            #expect(try await client.metadata(of: names).topics.map(\.name) == ["readings"])
        }
    }

    @Test("one request creates so many topics and no more; asked again, the next")
    func creationLimit() async throws {
        try await withSurvivor(limits: .with { $0.autoCreatedTopics = 3 }) { broker in
            let names = (0..<5).map { "topic-\($0)" }
            let codes = try await broker.client.metadata(of: names).topics.map(\.errorCode)
            #expect(codes == [.none, .none, .none, .unknownTopicOrPartition, .unknownTopicOrPartition])
            #expect(try await broker.client.metadata(of: names).topics.allSatisfy { $0.errorCode == .none })
        }
    }

    // MARK: Ids

    @Test("a topic is found by its id, and another id is unknown", arguments: 10...13)
    func byID(version: Int16) async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            let id = try #require(try await client.metadata(of: ["readings"]).topics.first?.topicID)
            var request = MetadataRequest.about([""])
            request.topics?[0].name = nil
            request.topics?[0].topicID = id
            let found = try #require(try await client.call(request, version: version).topics.first)
            #expect(found.errorCode == .none && found.name == "readings" && found.topicID == id)
            request.topics?[0].topicID = UUIDBytes(high: 1, low: 2)
            let unknown = try #require(try await client.call(request, version: version).topics.first)
            #expect(unknown.errorCode == .unknownTopicID && unknown.topicID == UUIDBytes(high: 1, low: 2))
            #expect(unknown.name == (version < 12 ? "" : nil))
        }
    }

    @Test("ids outlive a restart, and a topic made anew under an old name has another")
    func idsLast() async throws {
        let directory = TemporaryDirectory()
        let first = try await withBroker(in: directory) { broker in
            try await WireClient.connect(to: broker).metadata(of: ["readings"])
        }
        try await withBroker(in: directory) { broker in
            let client = try await WireClient.connect(to: broker)
            let second = try await client.metadata(of: ["readings"])
            #expect(second.topics.map(\.topicID) == first.topics.map(\.topicID))
            #expect(second.clusterID == first.clusterID)
            _ = try await client.call(DeleteTopicsRequest.deleting("readings"), version: 5)
            #expect(try await client.metadata(of: ["readings"]).topics.map(\.topicID) != first.topics.map(\.topicID))
        }
    }

    // MARK: Addresses

    @Test("the advertised address is the one that the client connected to")
    func address() async throws {
        try await withBroker { broker in
            let node = try #require(try await WireClient.connect(to: broker).metadata(of: []).brokers.first)
            #expect(node.host == "127.0.0.1" && node.port == Int32(broker.address.port))
        }
    }

    @Test("of a broker that listens everywhere, too")
    func wildcardAddress() async throws {
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.listen = HostPort(host: "0.0.0.0", port: 0)
        }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: HostPort(host: "127.0.0.2", port: broker.address.port))
            let node = try #require(try await client.metadata(of: []).brokers.first)
            #expect(node.host == "127.0.0.2" && node.port == Int32(broker.address.port))
        }
    }

    @Test("unless another is given")
    func advertised() async throws {
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.advertise = HostPort(host: "log.example.org", port: 19092)
        }
        try await withBroker(configure: configure) { broker in
            let node = try #require(try await WireClient.connect(to: broker).metadata(of: []).brokers.first)
            #expect(node.host == "log.example.org" && node.port == 19092)
        }
    }
}
