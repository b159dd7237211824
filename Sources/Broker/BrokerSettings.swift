internal import EventLog
internal import KafkaProtocol

/// The broker's settings by Kafka's names, for clients to read. They are given to `martlet serve`, or are fixed; what
/// topics take over from the broker is what a topic has that sets nothing.
struct BrokerSettings {
    let all: [Setting]

    struct Setting {
        let name: String
        let value: String
        let source: ConfigSource
        let type: ConfigType
        let documentation: String

        init(
            _ name: String, _ value: String, _ type: ConfigType, source: ConfigSource = .defaultConfig,
            _ documentation: String
        ) {
            self.name = name
            self.value = value
            self.type = type
            self.source = source
            self.documentation = documentation
        }
    }

    init(_ context: BrokerContext, node: HostPort) {
        let configuration = context.configuration
        let limits = configuration.limits
        let partitions = configuration.autoCreatePartitions
        let listen = HostPort(
            host: configuration.listen.host,
            port: configuration.listen.port == 0 ? node.port : configuration.listen.port)
        let own = [
            Setting(
                "advertised.listeners", "PLAINTEXT://\(node)", .string, source: .staticBroker,
                "What clients are told to connect to: --advertise."),
            Setting(
                "auto.create.topics.enable", "\(partitions != nil)", .boolean,
                source: partitions == nil ? .staticBroker : .defaultConfig,
                "Whether a topic is created by its first use: --auto-create-partitions."),
            Setting("broker.id", "\(BrokerContext.nodeID)", .int, "The id of the only node."),
            Setting(
                "connections.max.idle.ms", "\(limits.idleMilliseconds)", .long,
                "How long a connection may say nothing while no answer is due."),
            Setting("default.replication.factor", "1", .int, "There is one node."),
            Setting("delete.topic.enable", "true", .boolean, "Topics can be deleted."),
            Setting("fetch.max.bytes", "\(limits.fetchBytes)", .int, "The most bytes of records in one answer."),
            Setting(
                "listeners", "PLAINTEXT://\(listen)", .string, source: .staticBroker, "Where it listens: --listen."),
            Setting(
                "log.dirs", configuration.dataDirectory, .string, source: .staticBroker, "The data directory: --data."),
            Setting("max.connections", "\(limits.connections)", .int, "The most connections at a time."),
            Setting(
                "max.incremental.fetch.session.cache.slots", "\(limits.fetchSessions)", .int,
                "The most fetch sessions at a time."),
            Setting("node.id", "\(BrokerContext.nodeID)", .int, "The id of the only node."),
            Setting("num.network.threads", "\(context.loopCount)", .int, "Event loops."),
            Setting(
                "num.partitions", "\(partitions ?? 1)", .int,
                "Partitions of a topic that is created without a number: --auto-create-partitions."),
            Setting("socket.request.max.bytes", "\(limits.requestBytes)", .int, "The largest request."),
        ]
        let defaults = TopicSettings()
        let ofTopics = TopicSettings.all.map { definition in
            Setting(
                definition.brokerName, definition.value(defaults), definition.kind.wireType, definition.documentation)
        }
        let ofGroups = GroupSettings.all.map { definition in
            Setting(
                definition.name, "\(configuration.groups.value(definition))", definition.isLong ? .long : .int,
                source: configuration.groups.isSet(definition) ? .staticBroker : .defaultConfig,
                "\(definition.documentation) --set.")
        }
        all = (own + ofTopics + ofGroups).sorted { $0.name < $1.name }
    }
}

extension SettingDefinition<TopicSettings> {
    /// What the broker's default for the setting is called.
    var brokerName: String {
        switch name {
        case "cleanup.policy": "log.cleanup.policy"
        case "delete.retention.ms": "log.cleaner.delete.retention.ms"
        case "file.delete.delay.ms": "log.segment.delete.delay.ms"
        case "flush.messages": "log.flush.interval.messages"
        case "flush.ms": "log.flush.interval.ms"
        case "index.interval.bytes": "log.index.interval.bytes"
        case "max.compaction.lag.ms": "log.cleaner.max.compaction.lag.ms"
        case "max.message.bytes": "message.max.bytes"
        case "message.format.version": "log.message.format.version"
        case "message.timestamp.after.max.ms": "log.message.timestamp.after.max.ms"
        case "message.timestamp.before.max.ms": "log.message.timestamp.before.max.ms"
        case "message.timestamp.type": "log.message.timestamp.type"
        case "min.cleanable.dirty.ratio": "log.cleaner.min.cleanable.ratio"
        case "min.compaction.lag.ms": "log.cleaner.min.compaction.lag.ms"
        case "preallocate": "log.preallocate"
        case "record.ttl.headers": "log.record.ttl.headers"
        case "record.ttl.ms": "log.record.ttl.ms"
        case "retention.bytes": "log.retention.bytes"
        case "retention.ms": "log.retention.ms"
        case "segment.bytes": "log.segment.bytes"
        case "segment.jitter.ms": "log.roll.jitter.ms"
        case "segment.ms": "log.roll.ms"
        default: name
        }
    }
}

extension SettingKind {
    var wireType: ConfigType {
        switch self {
        case .boolean: .boolean
        case .string: .string
        case .int: .int
        case .long: .long
        case .double: .double
        case .list: .list
        }
    }
}

extension ConfigSource {
    static func of(_ definition: TopicSettings.Definition, in settings: TopicSettings) -> ConfigSource {
        settings.overrides.contains { $0.name == definition.name } ? .topic : .defaultConfig
    }
}
