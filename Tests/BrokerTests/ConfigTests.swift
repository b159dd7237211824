import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("Settings", .timeLimit(.minutes(10)))
struct ConfigTests {
    private func withReadings(_ body: (WireClient, Broker) async throws -> Void) async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", ["segment.bytes": "20000"])
            try await body(client, broker)
        }
    }

    // MARK: Describing

    @Test("a topic's settings say their value, type and source, in every version", arguments: 1...4)
    func describe(version: Int16) async throws {
        try await withReadings { client, _ in
            let request = DescribeConfigsRequest.asking(.topic, "readings")
            let result = try await client.describe(request, version: version)
            #expect(result.errorCode == .none && result.configs.map(\.name) == TopicSettings.all.map(\.name))
            let own = try #require(result.configs.first { $0.name == "segment.bytes" })
            #expect(own.value == "20000" && own.configSource == ConfigSource.topic.rawValue)
            #expect(!own.readOnly && !own.isSensitive && own.synonyms.isEmpty)
            if version >= 3 { #expect(own.configType == ConfigType.int.rawValue && own.documentation == nil) }
            let other = try #require(result.configs.first { $0.name == "compression.type" })
            #expect(other.value == "lz4" && other.configSource == ConfigSource.defaultConfig.rawValue)
        }
    }

    @Test("synonyms name what is in force first and the broker's default last; documentation comes when asked for")
    func synonyms() async throws {
        try await withReadings { client, _ in
            let request = DescribeConfigsRequest.asking(.topic, "readings", ["segment.bytes", "segment.ms", "none"]) {
                $0.includeSynonyms = true
                $0.includeDocumentation = true
            }
            let configs = try await client.describe(request).configs
            #expect(configs.map(\.name) == ["segment.bytes", "segment.ms"])
            let synonyms = configs.map { $0.synonyms.map { "\($0.name)=\($0.value ?? "") from \($0.source)" } }
            #expect(synonyms[0] == ["segment.bytes=20000 from 1", "log.segment.bytes=1073741824 from 5"])
            #expect(synonyms[1] == ["log.roll.ms=604800000 from 5"])
            #expect(configs.allSatisfy { $0.documentation?.isEmpty == false })
        }
    }

    @Test("the broker's settings are what it runs with; who and where it is can only be read")
    func broker() async throws {
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.autoCreatePartitions = nil
            configuration.limits.connections = 77
        }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            let configs = try await client.describe(.asking(.broker, "1")).configs
            let values = Dictionary(uniqueKeysWithValues: configs.map { ($0.name, $0.value) })
            #expect(values["listeners"] == "PLAINTEXT://127.0.0.1:\(broker.address.port)")
            #expect(values["advertised.listeners"] == values["listeners"])
            #expect(values["log.dirs"] == broker.log.path)
            #expect(values["auto.create.topics.enable"] == "false" && values["max.connections"] == "77")
            #expect(values["log.segment.bytes"] == "1073741824" && values["broker.id"] == "1")
            #expect(values["log.cleanup.policy"] == "delete" && values["log.retention.ms"] == "-1")
            #expect(values["log.retention.bytes"] == "-1" && values["retention.ms"] == nil)
            #expect(configs.allSatisfy { $0.value != nil })
            let fixed = ["advertised.listeners", "broker.id", "default.replication.factor", "delete.topic.enable"]
            let places = ["listeners", "log.dirs", "node.id", "num.network.threads", "offsets.history.start.ms"]
            #expect(configs.filter(\.readOnly).map(\.name) == fixed + places)
            #expect(configs.map(\.name) == configs.map(\.name).sorted())
            let one = try await client.describe(.asking(.broker, "1", ["max.connections"])).configs
            #expect(one.map(\.name) == ["max.connections"])
            let forAll = try await client.describe(.asking(.broker, ""))
            #expect(forAll.errorCode == .none && forAll.configs.isEmpty)
        }
    }

    @Test("a resource that is asked for a thousand times is answered once")
    func repeatedly() async throws {
        try await withReadings { client, _ in
            var request = DescribeConfigsRequest.asking(.topic, "readings")
            request.resources = Array(repeating: request.resources[0], count: 1000)
            let results = try await client.call(request).results
            #expect(results.count == 1)
        }
    }

    @Test(
        "what has no settings, or is not there, is refused with the reason",
        arguments: [
            (ConfigResourceType.topic, "none", ErrorCode.unknownTopicOrPartition, "create it first"),
            (.topic, "a/b", .invalidTopicException, "only letters"),
            (.topic, "", .invalidTopicException, "it is empty"),
            (.broker, "2", .invalidRequest, "ask for 1"),
            (.broker, "x", .invalidRequest, "ask for 1"),
            (ConfigResourceType(rawValue: 8), "1", .invalidRequest, "topics (2) and brokers (4)"),
            (ConfigResourceType(rawValue: 32), "group", .invalidRequest, "topics (2) and brokers (4)"),
            (ConfigResourceType(rawValue: 0), "", .invalidRequest, "topics (2) and brokers (4)"),
            (ConfigResourceType(rawValue: -128), "", .invalidRequest, "topics (2) and brokers (4)"),
        ])
    func describeRefused(type: ConfigResourceType, name: String, code: ErrorCode, reason: String) async throws {
        try await withReadings { client, _ in
            let result = try await client.describe(.asking(type, name))
            #expect(result.errorCode == code && result.configs.isEmpty)
            #expect(result.errorMessage?.contains(reason) == true, "\(result)")
            #expect(result.resourceType == type && result.resourceName == name)
        }
    }

    // MARK: Changing

    @Test("single settings are set and unset, and the others stay", arguments: 0...1)
    func incremental(version: Int16) async throws {
        try await withReadings { client, broker in
            let topic = try #require(broker.log.topic("readings"))
            let set = IncrementalAlterConfigsRequest.changing("readings", [("compression.type", .set, "producer")])
            #expect(try await client.change(set, version: version).errorCode == .none)
            #expect(topic.settings.compression == .producer && topic.settings.segmentBytes == 20000)
            let unset = IncrementalAlterConfigsRequest.changing(
                "readings", [("segment.bytes", .delete, nil), ("flush.messages", .set, "7")])
            #expect(try await client.change(unset, version: version).errorCode == .none)
            #expect(topic.settings.segmentBytes == 1 << 30 && topic.settings.flushMessages == 7)
            #expect(topic.settings.compression == .producer)
        }
    }

    @Test("all settings are replaced by those of AlterConfigs", arguments: 0...2)
    func replaces(version: Int16) async throws {
        try await withReadings { client, broker in
            let topic = try #require(broker.log.topic("readings"))
            let request = AlterConfigsRequest.replacing("readings", [("compression.type", "producer")])
            #expect(try await client.change(request, version: version).errorCode == .none)
            #expect(topic.settings.overrides.map(\.name) == ["compression.type"])
            #expect(try await client.change(.replacing("readings", []), version: version).errorCode == .none)
            #expect(topic.settings == TopicSettings())
        }
    }

    @Test("validating alone changes nothing and says the same")
    func validateOnly() async throws {
        try await withReadings { client, broker in
            let before = try #require(broker.log.topic("readings")).settings
            var incremental = IncrementalAlterConfigsRequest.changing("readings", [("segment.bytes", .set, "30000")])
            incremental.validateOnly = true
            #expect(try await client.change(incremental).errorCode == .none)
            incremental.resources[0].configs[0].value = "1"
            #expect(try await client.change(incremental).errorCode == .invalidConfig)
            var whole = AlterConfigsRequest.replacing("readings", [("segment.bytes", "30000")])
            whole.validateOnly = true
            #expect(try await client.change(whole).errorCode == .none)
            whole.resources[0].configs[0].value = "1"
            #expect(try await client.change(whole).errorCode == .invalidConfig)
            #expect(broker.log.topic("readings")?.settings == before)
        }
    }

    @Test(
        "a change that cannot be is refused as a whole, with the reason, by both APIs",
        arguments: [
            ([("no.such", "1")], ErrorCode.invalidConfig, "there is no such setting"),
            ([("compression.type", "producer"), ("segment.bytes", "many")], .invalidConfig, "whole number"),
            ([("segment.bytes", "1")], .invalidConfig, "from 1024 to"),
            ([("segment.bytes", nil)], .invalidRequest, "has no value"),
        ] as [([(String, String?)], ErrorCode, String)])
    func refused(configs: [(String, String?)], code: ErrorCode, reason: String) async throws {
        try await withReadings { client, broker in
            let before = try #require(broker.log.topic("readings")).settings
            let whole = try await client.change(AlterConfigsRequest.replacing("readings", configs))
            #expect(whole.errorCode == code && whole.errorMessage?.contains(reason) == true, "\(whole)")
            let changes = configs.map { ($0.0, AlterConfigOperation.set, $0.1) }
            let single = try await client.change(IncrementalAlterConfigsRequest.changing("readings", changes))
            #expect(single.errorCode == code && single.errorMessage?.contains(reason) == true, "\(single)")
            #expect(broker.log.topic("readings")?.settings == before)
        }
    }

    @Test("a setting that is named twice is refused where single ones change; where all are replaced the last counts")
    func namedTwice() async throws {
        try await withReadings { client, broker in
            let topic = try #require(broker.log.topic("readings"))
            let single = IncrementalAlterConfigsRequest.changing(
                "readings", [("segment.ms", .set, "30000"), ("segment.ms", .set, "40000")])
            let refused = try await client.change(single)
            #expect(refused.errorCode == .invalidRequest && refused.errorMessage?.contains("more than once") == true)
            #expect(topic.settings.segmentMilliseconds == 604_800_000)
            let whole = AlterConfigsRequest.replacing("readings", [("segment.ms", "30000"), ("segment.ms", "40000")])
            #expect(try await client.change(whole).errorCode == .none)
            #expect(topic.settings.segmentMilliseconds == 40000)
        }
    }

    @Test("all settings that are described can be written back, and say the same then")
    func roundTrip() async throws {
        try await withReadings { client, broker in
            for (type, name) in [(ConfigResourceType.topic, "readings"), (.broker, "1")] {
                let before = try await client.describe(.asking(type, name)).configs
                var request = AlterConfigsRequest.replacing(name, before.map { ($0.name, $0.value) })
                request.resources[0].resourceType = type.rawValue
                let result = try await client.change(request)
                // Where the client reached it is not where it was told to listen, which is any port.
                let addresses = ["advertised.listeners", "listeners"]
                if type == .broker {
                    request.resources[0].configs.removeAll { addresses.contains($0.name) }
                    #expect(result.errorCode == .invalidRequest && result.errorMessage?.contains("--") == true)
                    #expect(try await client.change(request).errorCode == .none)
                } else {
                    #expect(result.errorCode == .none, "\(result)")
                }
                #expect(try await client.describe(.asking(type, name)).configs.map(\.value) == before.map(\.value))
            }
        }
    }

    @Test("to a list elements are appended, and taken from it", arguments: [ConfigResourceType.topic, .broker])
    func lists(type: ConfigResourceType) async throws {
        try await withReadings { client, broker in
            let (resource, setting) = type == .topic ? ("readings", "cleanup.policy") : ("1", "log.cleanup.policy")
            let steps: [(AlterConfigOperation, String, ErrorCode, String)] = [
                (.append, "compact", .none, "compact,delete"), (.append, "compact", .none, "compact,delete"),
                (.subtract, "delete", .none, "compact"), (.subtract, "delete", .none, "compact"),
                (.append, "delete,compact", .none, "compact,delete"),
                (.append, "shrink", .invalidConfig, "compact,delete"),
                (.subtract, "delete,compact", .invalidConfig, "compact,delete"), (.delete, "", .none, "delete"),
            ]
            for (operation, value, code, after) in steps {
                var request = IncrementalAlterConfigsRequest.changing(resource, [(setting, operation, value)])
                request.resources[0].resourceType = type
                #expect(try await client.change(request).errorCode == code, "\(operation) \(value)")
                let settings = try #require(broker.log.topic("readings")).settings
                #expect(settings.cleanup.description == after, "\(operation) \(value)")
            }
        }
    }

    @Test(
        "where a setting is no list, nothing is appended to it or taken from it; other operations there are none",
        arguments: [
            (2, ErrorCode.invalidConfig, "it is no list"), (3, .invalidConfig, "it is no list"),
            (4, .invalidRequest, "is no operation"), (-1, .invalidRequest, "is no operation"),
        ] as [(Int8, ErrorCode, String)])
    func operations(operation: Int8, code: ErrorCode, reason: String) async throws {
        try await withReadings { client, broker in
            var request = IncrementalAlterConfigsRequest.changing("readings", [("segment.bytes", .set, "30000")])
            request.resources[0].configs[0].configOperation = operation
            let result = try await client.change(request)
            #expect(result.errorCode == code && result.errorMessage?.contains(reason) == true, "\(result)")
            #expect(broker.log.topic("readings")?.settings.segmentBytes == 20000)
        }
    }

    @Test(
        "what cannot be changed, or is not there, is refused with the reason, before its settings are looked at",
        arguments: [
            (ConfigResourceType.topic, "none", ErrorCode.unknownTopicOrPartition, "create it first"),
            (.topic, "", .unknownTopicOrPartition, "create it first"),
            (.broker, "2", .invalidRequest, "ask for 1"),
            (.broker, "x", .invalidRequest, "ask for 1"),
            (ConfigResourceType(rawValue: 8), "1", .invalidRequest, "topics (2) and brokers (4)"),
            (ConfigResourceType(rawValue: 99), "1", .invalidRequest, "topics (2) and brokers (4)"),
        ])
    func changeRefused(type: ConfigResourceType, name: String, code: ErrorCode, reason: String) async throws {
        try await withReadings { client, _ in
            var single = IncrementalAlterConfigsRequest.changing(name, [("no.such", .set, "1")])
            single.resources[0].resourceType = type
            let first = try await client.change(single)
            #expect(first.errorCode == code && first.errorMessage?.contains(reason) == true, "\(first)")
            var whole = AlterConfigsRequest.replacing(name, [("no.such", "1")])
            whole.resources[0].resourceType = type.rawValue
            let second = try await client.change(whole)
            #expect(second.errorCode == code && second.errorMessage?.contains(reason) == true, "\(second)")
        }
    }

    @Test("a resource that is twice in a request is refused twice, and its neighbour changed")
    func repeated() async throws {
        try await withReadings { client, broker in
            try await client.create("other")
            var single = IncrementalAlterConfigsRequest.changing("readings", [("segment.bytes", .set, "30000")])
            single.resources += IncrementalAlterConfigsRequest.changing("other", [("segment.ms", .set, "9")]).resources
            single.resources.append(single.resources[0])
            let answers = try await client.call(single).responses
            #expect(answers.map(\.errorCode) == [.invalidRequest, .none, .invalidRequest])
            #expect(answers.map { $0.errorMessage != nil } == [true, false, true])
            var whole = AlterConfigsRequest.replacing("readings", [])
            whole.resources.append(whole.resources[0])
            #expect(try await client.call(whole).responses.map(\.errorCode) == [.invalidRequest, .invalidRequest])
            #expect(broker.log.topic("readings")?.settings.segmentBytes == 20000)
            #expect(broker.log.topic("other")?.settings.segmentMilliseconds == 9)
        }
    }

    @Test("of changes at once from many connections none is lost")
    func atOnce() async throws {
        try await withReadings { client, broker in
            let names = ["segment.bytes", "segment.ms", "index.interval.bytes", "max.message.bytes"]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for name in names {
                    group.addTask {
                        let client = try await WireClient.connect(to: broker)
                        for value in 20000..<20020 {
                            let request = IncrementalAlterConfigsRequest.changing(
                                "readings", [(name, .set, "\(value)")])
                            #expect(try await client.change(request).errorCode == .none)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let overrides = try #require(broker.log.topic("readings")).settings.overrides
            #expect(
                Dictionary(uniqueKeysWithValues: overrides.map { ($0.name, $0.value) })
                    == Dictionary(uniqueKeysWithValues: names.map { ($0, "20019") }))
        }
    }
}

extension DescribeConfigsRequest {
    static func asking(
        _ type: ConfigResourceType, _ name: String, _ keys: [String]? = nil,
        _ configure: (inout DescribeConfigsRequest) -> Void = { _ in }
    ) -> DescribeConfigsRequest {
        DescribeConfigsRequest {
            $0.resources = [
                .init {
                    $0.resourceType = type
                    $0.resourceName = name
                    $0.configurationKeys = keys
                }
            ]
            configure(&$0)
        }
    }
}

extension IncrementalAlterConfigsRequest {
    static func changing(
        _ topic: String, _ changes: [(name: String, operation: AlterConfigOperation, value: String?)]
    ) -> IncrementalAlterConfigsRequest {
        IncrementalAlterConfigsRequest {
            $0.resources = [
                .init {
                    $0.resourceType = .topic
                    $0.resourceName = topic
                    $0.configs = changes.map { change in
                        .init {
                            $0.name = change.name
                            $0.configOperation = change.operation.rawValue
                            $0.value = change.value
                        }
                    }
                }
            ]
        }
    }
}

extension AlterConfigsRequest {
    static func replacing(_ topic: String, _ configs: [(name: String, value: String?)]) -> AlterConfigsRequest {
        AlterConfigsRequest {
            $0.resources = [
                .init {
                    $0.resourceType = ConfigResourceType.topic.rawValue
                    $0.resourceName = topic
                    $0.configs = configs.map { config in
                        .init {
                            $0.name = config.name
                            $0.value = config.value
                        }
                    }
                }
            ]
        }
    }
}

extension WireClient {
    func describe(
        _ request: DescribeConfigsRequest, version: Int16? = nil
    ) async throws -> DescribeConfigsResponse.Result {
        try #require(try await call(request, version: version).results.first)
    }

    func change(
        _ request: IncrementalAlterConfigsRequest, version: Int16? = nil
    ) async throws -> IncrementalAlterConfigsResponse.ResourceResult {
        try #require(try await call(request, version: version).responses.first)
    }

    func change(
        _ request: AlterConfigsRequest, version: Int16? = nil
    ) async throws -> AlterConfigsResponse.ResourceResponse {
        try #require(try await call(request, version: version).responses.first)
    }
}
