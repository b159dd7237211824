import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import Storage
import TestSupport
import Testing

/// What a broker's settings do when they are altered while it runs, and after a restart.
@Suite("Settings of the broker", .timeLimit(.minutes(10)))
struct BrokerSettingTests {
    private typealias Change = (name: String, value: String?)

    /// Sets what has a value, and unsets what has none.
    private func alter(
        _ client: WireClient, _ changes: [Change], broker: String = "1", validateOnly: Bool = false
    ) async throws -> (code: ErrorCode, message: String?) {
        var request = IncrementalAlterConfigsRequest.changing(
            broker, changes.map { ($0.name, $0.value == nil ? .delete : .set, $0.value) })
        request.resources[0].resourceType = .broker
        request.validateOnly = validateOnly
        let result = try await client.change(request)
        return (result.errorCode, result.errorMessage)
    }

    private func expectAltered(_ client: WireClient, _ changes: [Change], broker: String = "1") async throws {
        let answer = try await alter(client, changes, broker: broker)
        #expect(answer.code == .none, "\(answer)")
    }

    private func described(
        _ client: WireClient, _ name: String, of resource: (type: ConfigResourceType, name: String) = (.broker, "1")
    ) async throws -> DescribeConfigsResponse.Config {
        let request = DescribeConfigsRequest.asking(resource.type, resource.name, [name]) { $0.includeSynonyms = true }
        return try #require(try await client.describe(request).configs.first)
    }

    private func values(_ config: DescribeConfigsResponse.Config) -> [String] {
        config.synonyms.map { "\($0.name)=\($0.value ?? "null") \($0.source)" }
    }

    // MARK: Layers

    @Test("topics are journaled again when flush.ms is taken back that the broker was started with")
    func flushTime() async throws {
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.settings = [SettingOverride(name: "log.flush.interval.ms", value: "500")]
        }
        try await withBroker(in: .inMemory(), configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            let topic = try #require(broker.log.topic("readings"))
            #expect(!topic.settings.isJournaled && topic.settings.flushMilliseconds == 500)
            // What is said is what is so.
            let messages = "9223372036854775807"
            #expect(try await described(client, "flush.messages", of: (.topic, "readings")).value == messages)
            #expect(try await described(client, "log.flush.interval.messages").value == messages)
            try await expectAltered(client, [("log.flush.interval.ms", "9223372036854775807")])
            #expect(topic.settings.isJournaled && topic.settings.flushMilliseconds == nil)
            await client.close()
        }
    }

    @Test("a broker's own value goes over that of all brokers, that over the file's, and that over the default")
    func layers() async throws {
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.settings = [SettingOverride(name: "log.retention.ms", value: "4000")]
        }
        let directory = TemporaryDirectory.inMemory()
        try await withBroker(in: directory, configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            var all = ["log.retention.ms=4000 4", "log.retention.ms=-1 5"]
            for (resource, value, source) in [("", "3000", 3), ("1", "2000", 2)] {
                try await expectAltered(client, [("log.retention.ms", value)], broker: resource)
                all.insert("log.retention.ms=\(value) \(source)", at: 0)
                let config = try await described(client, "log.retention.ms")
                #expect(values(config) == all && config.value == value && config.configSource == source)
                #expect(!config.readOnly)
                let topic = try await described(client, "retention.ms", of: (.topic, "readings"))
                #expect(topic.value == value && topic.configSource == source && values(topic) == all)
                #expect(broker.log.topic("readings")?.settings.retentionMilliseconds == Int64(value))
            }
            let forAll = try await described(client, "log.retention.ms", of: (.broker, ""))
            #expect(forAll.value == "3000" && forAll.configSource == ConfigSource.dynamicDefaultBroker.rawValue)
            try await client.create("short", ["retention.ms": "1000"])
            let own = try await described(client, "retention.ms", of: (.topic, "short"))
            #expect(values(own) == ["retention.ms=1000 1"] + all)
        }
        try await withBroker(in: directory, configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            for (resource, value) in [("1", "3000"), ("", "4000")] {
                try await expectAltered(client, [("log.retention.ms", nil)], broker: resource)
                #expect(try await described(client, "log.retention.ms").value == value)
                #expect(broker.log.topic("readings")?.settings.retentionMilliseconds == Int64(value))
            }
            #expect(broker.log.topic("short")?.settings.retentionMilliseconds == 1000)
        }
        try await withBroker(in: directory) { broker in
            #expect(broker.log.topic("readings")?.settings.retentionMilliseconds == nil)
        }
    }

    @Test("every setting that can change is taken, says its value, comes back after a restart, and goes back")
    func all() async throws {
        let directory = TemporaryDirectory.inMemory()
        // What else than the default is right.
        let others = Dictionary(
            uniqueKeysWithValues: BrokerSettings.all.compactMap { definition -> (String, String)? in
                let value = definition.value(BrokerSettings())
                let candidates = [
                    "true", "false", "70000", "7", "0.7", "2000000", "compact", "producer", "LogAppendTime", "2.8",
                ]
                for candidate in candidates where candidate != value {
                    var settings = BrokerSettings()
                    guard (try? settings.set(definition.name, to: candidate)) != nil, (try? settings.check()) != nil,
                        definition.value(settings) != value
                    else { continue }
                    return (definition.name, candidate)
                }
                return nil
            })
        // The others can have but one value.
        #expect(
            Set(BrokerSettings.all.map(\.name)).subtracting(others.keys)
                == ["log.preallocate", "log.roll.jitter.ms", "min.insync.replicas", "unclean.leader.election.enable"])
        var expected: [String: String] = [:]
        func configure(_ configuration: inout BrokerConfiguration) { configuration.limits = Limits() }
        try await withBroker(in: directory, configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            for (name, value) in others {
                try await expectAltered(client, [(name, value)])
                let config = try await described(client, name)
                #expect(config.configSource == ConfigSource.dynamicBroker.rawValue, "\(name)")
                expected[name] = config.value
                try await expectAltered(client, [(name, nil)])
                #expect(
                    try await described(client, name).configSource == ConfigSource.defaultConfig.rawValue, "\(name)")
            }
            for (name, value) in others { try await expectAltered(client, [(name, value)]) }
        }
        try await withBroker(in: directory) { broker in
            let client = try await WireClient.connect(to: broker)
            let configs = try await client.describe(.asking(.broker, "1")).configs
            for config in configs where config.configSource == ConfigSource.dynamicBroker.rawValue {
                #expect(config.value == expected[config.name], "\(config.name)")
            }
            let count = configs.count { $0.configSource == ConfigSource.dynamicBroker.rawValue }
            #expect(count == others.count)
        }
    }

    // MARK: Refusing

    @Test(
        "what is no setting, or no value for one, is refused with its name, the value and the reason",
        arguments: [
            ("log.retention.sm", "5", ErrorCode.invalidConfig, ["log.retention.sm=5", "was 'log.retention.ms' meant"]),
            ("log.retention.hours", "5", .invalidConfig, ["in milliseconds here, as log.retention.ms"]),
            ("log.roll.hours", "5", .invalidConfig, ["in milliseconds here, as log.roll.ms"]),
            ("retention.ms", "5", .invalidConfig, ["for a broker it is 'log.retention.ms'"]),
            ("flurb", "5", .invalidConfig, ["flurb=5", "martlet config list"]),
            ("max.connections", "0", .invalidConfig, ["max.connections=0", "a whole number from 1 to"]),
            ("max.connections", "", .invalidConfig, ["a whole number"]),
            ("num.partitions", "10001", .invalidConfig, ["from 1 to 10000"]),
            ("auto.create.topics.enable", "yes", .invalidConfig, ["true or false"]),
            ("log.cleanup.policy", "shrink", .invalidConfig, ["log.cleanup.policy=shrink", "delete, compact"]),
            ("min.insync.replicas", "2", .invalidConfig, ["it must be 1"]),
            ("group.min.session.timeout.ms", "2000000", .invalidConfig, ["above group.max.session.timeout.ms"]),
            ("log.cleaner.min.compaction.lag.ms", "-1", .invalidConfig, ["a whole number from 0"]),
            ("log.dirs", "/tmp", .invalidRequest, ["'log.dirs'", "another --data"]),
            ("broker.id", "2", .invalidRequest, ["'broker.id'", "leave it out"]),
        ] as [(String, String, ErrorCode, [String])])
    func refused(name: String, value: String, code: ErrorCode, says: [String]) async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            for resource in ["1", ""] {
                for validateOnly in [true, false] {
                    let other: [Change] = name == "num.partitions" ? [] : [("num.partitions", "9")]
                    let changes = other + [(name, value)]
                    let answer = try await alter(client, changes, broker: resource, validateOnly: validateOnly)
                    #expect(answer.code == code, "\(answer)")
                    for text in says { #expect(answer.message?.contains(text) == true, "\(answer)") }
                }
            }
            // Nothing of it.
            #expect(try await described(client, "num.partitions").value == "4")
            #expect(try broker.log.storedSettings().isEmpty)
        }
    }

    @Test("settings that only together are right are altered together")
    func together() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            let both: [Change] = [
                ("group.min.session.timeout.ms", "2000000"), ("group.max.session.timeout.ms", "3000000"),
            ]
            #expect(try await alter(client, [both[0]]).code == .invalidConfig)
            try await expectAltered(client, both)
            #expect(try await alter(client, [(both[1].name, nil)]).code == .invalidConfig)
            let contradiction: [Change] = [
                ("log.cleaner.max.compaction.lag.ms", "5"), ("log.cleaner.min.compaction.lag.ms", "6"),
            ]
            let answer = try await alter(client, contradiction)
            #expect(
                answer.code == .invalidConfig && answer.message?.contains("log.cleaner.max.compaction.lag.ms=5") == true
            )
        }
    }

    @Test("a default that contradicts what a topic has itself is refused, and names the topic")
    func contradictsTopic() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("late", ["min.compaction.lag.ms": "1000"])
            let answer = try await alter(client, [("log.cleaner.max.compaction.lag.ms", "500")])
            #expect(answer.code == .invalidConfig && answer.message?.contains("'late'") == true, "\(answer)")
            #expect(try await described(client, "log.cleaner.max.compaction.lag.ms").value == "\(Int64.max)")
        }
    }

    @Test("to validate alone changes nothing")
    func validateOnly() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            let answer = try await alter(client, [("log.retention.ms", "5")], validateOnly: true)
            #expect(answer.code == .none)
            #expect(try await described(client, "log.retention.ms").value == "-1")
            #expect(broker.log.topic("readings")?.settings.retentionMilliseconds == nil)
            #expect(try broker.log.storedSettings().isEmpty)
        }
    }

    @Test("AlterConfigs replaces the layer that it names, and no other")
    func replaces() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await expectAltered(client, [("num.partitions", "7")], broker: "")
            try await expectAltered(client, [("max.connections", "70"), ("num.partitions", "8")])
            var request = AlterConfigsRequest.replacing("1", [("max.connections", "71")])
            request.resources[0].resourceType = ConfigResourceType.broker.rawValue
            #expect(try await client.change(request).errorCode == .none)
            #expect(try await described(client, "max.connections").value == "71")
            let partitions = try await described(client, "num.partitions")
            #expect(partitions.value == "7" && values(partitions) == ["num.partitions=7 3", "num.partitions=4 5"])
        }
    }

    @Test("what another version has stored is kept and said, and keeps nobody from starting")
    func storedByAnother() async throws {
        let directory = TemporaryDirectory.inMemory()
        let stored = [
            SettingOverride(name: "broker:max.connections", value: "many"),
            SettingOverride(name: "broker:num.partitions", value: "6"),
            SettingOverride(name: "brokers:new.setting", value: "1"), SettingOverride(name: "other", value: "1"),
        ]
        do {
            let log = try EventLog.open(at: directory.path, options: .quiet)
            try log.store(stored)
            try log.close()
        }
        let logs = LogLines()
        func configure(_ configuration: inout BrokerConfiguration) { configuration.logger = logs.makeLogger() }
        try await withBroker(in: directory, configure: configure) { broker in
            await logs.line(with: "max.connections=many")
            let client = try await WireClient.connect(to: broker)
            #expect(try await described(client, "num.partitions").value == "6")
            try await expectAltered(client, [("num.partitions", nil)])
            #expect(try broker.log.storedSettings() == stored.filter { $0.name != "broker:num.partitions" })
        }
    }

    @Test("a broker does not start on settings that contradict those in its directory, and says which")
    func contradictsStored() async throws {
        let directory = TemporaryDirectory.inMemory()
        try await withBroker(in: directory) { broker in
            let client = try await WireClient.connect(to: broker)
            try await expectAltered(client, [("group.min.session.timeout.ms", "10000")])
        }
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.settings = [SettingOverride(name: "group.max.session.timeout.ms", value: "9000")]
        }
        let error = await #expect(throws: LogError.self) {
            try await withBroker(in: directory, configure: configure) { _ in }
        }
        #expect(error?.description.contains("group.min.session.timeout.ms=10000") == true)
        try await withBroker(in: directory) { _ in }
    }

    // MARK: Effects

    @Test("num.partitions and auto.create.topics.enable count for the next topic")
    func creating() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await expectAltered(client, [("num.partitions", "7")])
            _ = try await client.metadata(of: ["first"])
            #expect(broker.log.topic("first")?.partitions.count == 7)
            try await client.create("second", partitions: -1)
            #expect(broker.log.topic("second")?.partitions.count == 7)
            try await expectAltered(client, [("auto.create.topics.enable", "false")])
            _ = try await client.metadata(of: ["third"])
            #expect(broker.log.topic("third") == nil)
        }
    }

    @Test("max.connections counts for who comes next")
    func connections() async throws {
        try await withBroker { broker in
            let first = try await WireClient.connect(to: broker)
            try await expectAltered(first, [("max.connections", "1")])
            let second = try await WireClient.connect(to: broker)
            await second.expectClosed()
            try await expectAltered(first, [("max.connections", "2")])
            _ = try await WireClient.connect(to: broker).metadata(of: [])
        }
    }

    @Test("connections.max.idle.ms counts for connections that are there")
    func idle() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await expectAltered(client, [("connections.max.idle.ms", "50")])
            await client.expectClosed()
        }
    }

    @Test("fetch.max.bytes and socket.request.max.bytes count for the next request")
    func sizes() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", ["compression.type": "producer"])
            for _ in 0..<4 { _ = try await client.produce(Batch(String(repeating: "x", count: 2000)), to: "readings") }
            #expect(try await client.fetch("readings").records.bytes.batchHeaders.count == 4)
            try await expectAltered(client, [("fetch.max.bytes", "1500"), ("socket.request.max.bytes", "65536")])
            #expect(try await client.fetch("readings").records.bytes.batchHeaders.count == 1)
            // Its length is enough.
            await client.send(Wire.bytes(Int32(65_537)))
            await client.expectClosed()
        }
    }

    @Test("group settings count for groups that are there")
    func groups() async throws {
        try await withBroker(configure: patient) { broker in
            let client = try await WireClient.connect(to: broker)
            var join = JoinGroupRequest.joining("team")
            join.sessionTimeoutMs = 10_000
            #expect(try await client.call(join).errorCode == .memberIDRequired)
            try await expectAltered(client, [("group.min.session.timeout.ms", "11000")])
            #expect(try await client.call(join).errorCode == .invalidSessionTimeout)
            try await expectAltered(client, [("group.min.session.timeout.ms", nil)])
            #expect(try await client.call(join).errorCode == .memberIDRequired)
        }
    }

    @Test("max.message.bytes of a topic that sets none follows the broker's")
    func messageBytes() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            try await client.create("own", ["max.message.bytes": "5000"])
            let batch = try Batch(String(repeating: "x", count: 2000))
            for (limit, code) in [("1000", ErrorCode.messageTooLarge), ("3000", .none)] as [(String, ErrorCode)] {
                try await expectAltered(client, [("message.max.bytes", limit)], broker: "")
                #expect(try await client.produce(batch, to: "readings").errorCode == code)
                #expect(try await client.produce(batch, to: "own").errorCode == .none)
            }
        }
    }

    @Test("what the log goes by follows the broker's settings, and is so after a restart")
    func logSettings() async throws {
        let directory = TemporaryDirectory.inMemory()
        try await withBroker(in: directory) { broker in
            let client = try await WireClient.connect(to: broker)
            try await expectAltered(client, [("retention.total.bytes", "1000000"), ("log.cleaner.enable", "false")])
            #expect(broker.log.settings.retentionTotalBytes == 1_000_000 && !broker.log.settings.compacts)
        }
        try await withBroker(in: directory) { broker in
            #expect(broker.log.settings.retentionTotalBytes == 1_000_000 && !broker.log.settings.compacts)
        }
    }

    @Test("a full disk refuses a change, and nothing of it is in force")
    func fullDisk() async throws {
        let disk = SimulatedDisk()
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.dataDirectory = "/data"
            configuration.log.environment.fileSystem = disk
        }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            // Not even by the room that is kept for the catalogue.
            for _ in 0..<2 {
                disk.add(.init(at: disk.operations + 1, .error(28), path: "/data/catalogue.tmp", operation: .write))
            }
            let answer = try await alter(client, [("log.retention.ms", "5"), ("num.partitions", "9")])
            #expect(answer.code == .kafkaStorageError && answer.message?.contains("disk is full") == true, "\(answer)")
            #expect(try await described(client, "num.partitions").value == "4")
            #expect(broker.log.topic("readings")?.settings.retentionMilliseconds == nil)
            try await expectAltered(client, [("num.partitions", "9")])

            // The history of groups is the last to follow: its write is the second one.
            try broker.log.consumerOffsets().prepare(partitionCount: 1)
            let topic = try #require(broker.log.topic("__consumer_offsets"))
            let before = topic.settings.compactionLagMilliseconds
            let second = disk.operations + 4
            // Also when room is made for it.
            for _ in 0..<2 {
                disk.add(.init(at: second, .error(28), path: "/data/catalogue.tmp", operation: .write))
            }
            let refused = try await alter(client, [("offsets.history.ms", "5000")])
            #expect(refused.code == .kafkaStorageError, "\(refused)")
            #expect(topic.settings.compactionLagMilliseconds == before)
            #expect(try await described(client, "offsets.history.ms").value == "\(before)")
            try await expectAltered(client, [("offsets.history.ms", "5000")])
            #expect(topic.settings.compactionLagMilliseconds == 5000)
        }
    }
}
