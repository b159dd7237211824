package import EventLog

/// What a broker goes by that can change while it runs: its limits, groups, the log as a whole, and what topics have that
/// set nothing themselves.
package struct BrokerSettings: Sendable {
    package var limits = Limits()
    package var groups = GroupSettings()
    package var log = LogSettings()
    /// What topics have that set nothing.
    package var topics = TopicSettings()
    /// `auto.create.topics.enable`: whether a topic comes to be because a client asked for it.
    package var autoCreates = true
    /// `num.partitions`: of a topic that is created without a number.
    package var partitionCount = 4
    /// `sasl.kerberos.min.time.before.relogin`: taken and without effect.
    package var kerberosReloginMilliseconds: Int64 = 60_000

    package typealias Definition = SettingDefinition<BrokerSettings>

    package init() {}

    /// Those of a configuration: what the program says, but for what its owner has set.
    package init(_ configuration: BrokerConfiguration) throws(LogError) {
        limits = configuration.limits
        groups = configuration.groups
        log = configuration.log.settings
        autoCreates = configuration.autoCreatePartitions != nil
        partitionCount = configuration.autoCreatePartitions ?? 1
        for setting in configuration.settings { try set(setting.name, to: setting.value) }
    }

    /// Sets one by its name. Throws `invalidSetting` where there is none, or the value is none for it.
    package mutating func set(_ name: String, to value: String) throws(LogError) {
        guard let definition = Self.definitions[name] else {
            throw .invalidSetting(name: name, value: value, reason: Self.unknown(name))
        }
        if let problem = definition.assign(&self, value) {
            throw .invalidSetting(name: name, value: value, reason: problem)
        }
    }

    /// Throws where settings contradict each other.
    package func check() throws(LogError) {
        if let problem = groups.problem { throw problem }
        guard let (name, reason) = topics.contradiction,
            let definition = TopicSettings.all.first(where: { $0.name == name })
        else { return }
        throw .invalidSetting(name: definition.brokerName, value: definition.value(topics), reason: reason)
    }

    /// Why a name that there is not is refused.
    package static func unknown(_ name: String) -> String {
        // Kafka has some of its times in other units, too.
        if let unit = [".hours", ".minutes"].first(where: name.hasSuffix) {
            let inMilliseconds = name.dropLast(unit.count) + ".ms"
            if all.contains(where: { $0.name == inMilliseconds }) {
                return "it is given in milliseconds here, as \(inMilliseconds)"
            }
        }
        if let topics = TopicSettings.all.first(where: { $0.name == name }) {
            return "topics have it: for a broker it is '\(topics.brokerName)'"
        }
        guard let near = NearestName.of(name, in: all.lazy.map(\.name)) else {
            return "there is no such setting: 'martlet config list' names all there are"
        }
        return "there is no such setting: was '\(near)' meant?"
    }
}

// MARK: The settings

extension BrokerSettings {
    /// Every setting that can be changed, in order of name.
    package static let all: [Definition] = (own + ofLimits + ofLog + ofGroups + ofTopics).sorted { $0.name < $1.name }

    package static let definitions = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    private static let ofLog = LogSettings.all.map { $0.lifted(as: $0.name, through: \.log) }

    /// What topics have that set nothing, by the names that the broker has for it.
    private static let ofTopics = TopicSettings.all.map { $0.lifted(as: $0.brokerName, through: \.topics) }

    private static let ofGroups = GroupSettings.all.map { definition in
        Definition(
            name: definition.name, documentation: definition.documentation, kind: definition.isLong ? .long : .int,
            value: { String($0.groups.value(definition)) },
            assign: { $0.groups.assign(definition, $1) })
    }

    /// A limit that is a number of bytes, or of things.
    private static func limit(
        _ name: String, _ path: any WritableKeyPath<Limits, Int> & Sendable, _ documentation: String,
        from least: Int = 1, to most: Int = Int(Int32.max), kind: SettingKind = .int
    ) -> Definition {
        Definition(
            name: name, documentation: documentation, kind: kind, value: { String($0.limits[keyPath: path]) },
            assign: { SettingText.number(&$0.limits[keyPath: path], $1, in: least...most) })
    }

    /// Martlet's own, where nothing else is said.
    private static let ofLimits = [
        limit(
            "auto.create.topics.max", \.autoCreatedTopics,
            "Topics that one Metadata request creates because they are missing; a client asks again for more.", from: 0),
        limit(
            "connection.outbound.max.bytes", \.outboundBytes,
            "Of answers that a client does not take; past it its connection is not read.", from: 1024),
        limit(
            "connection.requests.max", \.pendingRequests,
            "Requests of a connection that wait for their answers; past it the connection is not read."),
        limit(
            "connection.requests.max.bytes", \.pendingBytes,
            "Of a connection's requests that wait for answers, and of answers that wait for those before them; past it "
                + "the connection is not read.", from: 1024),
        limit(
            "connections.first.request.max.ms", \.firstRequestMilliseconds,
            "How long a connection may take until its first request is there; then it is closed.", kind: .long),
        limit(
            "decompressed.max.bytes", \.decompressedBytes,
            "What an lz4 batch may take when decompressed; one that could take more is refused.", from: 65_536),
        limit(
            "decompressed.max.ratio", \.decompressedRatio,
            "How many times its size an lz4 batch may take that the broker opens, where that is more than 1 MiB.",
            from: 2),
        limit(
            "describe.producers.max", \.describedProducers,
            "Producers in one answer to DescribeProducers."),
        limit(
            "describe.segments.max", \.describedSegments,
            "Segments in one answer to DescribeSegments."),
        limit(
            "fetch.session.keep.min.ms", \.fetchSessionMilliseconds,
            "How long a fetch session need not make room for another: since it was used, or where the other is larger "
                + "since it was made.", from: 0, kind: .long),
        limit(
            "fetch.session.partitions.max", \.fetchSessionPartitions,
            "Partitions of one fetch session. Who asks for more is told of every partition in each answer."),
        limit(
            "fetch.sessions.partitions.max", \.fetchSessionsPartitions,
            "Partitions of all fetch sessions together: some 300 bytes each."),
        limit(
            "fetch.wait.max.ms", \.fetchWaitMilliseconds,
            "The longest that a fetch waits for records, whatever a client asks for.", from: 0, kind: .long),
        limit(
            "groups.max.count", \.groups,
            "Consumer groups that have members, and those that have offsets. One more is refused with "
                + "GROUP_MAX_SIZE_REACHED, a commit to one with POLICY_VIOLATION."),
        limit(
            "groups.members.max.bytes", \.groupBytes,
            "What the members of all groups say of themselves and are assigned. Past it nobody joins, with "
                + "GROUP_MAX_SIZE_REACHED.", kind: .long),
        limit(
            "groups.offsets.max.bytes", \.offsetBytes,
            "What groups are called and have committed, as it is kept in memory. Past it a commit of something new, or of "
                + "longer metadata, is refused with INVALID_COMMIT_OFFSET_SIZE, and a new group with "
                + "GROUP_MAX_SIZE_REACHED.", to: Int.max, kind: .long),
        limit(
            "max.connections.per.ip", \.connectionsOfAddress,
            "The most connections of one address; the next is closed at once."),
        limit(
            "memory.max.bytes", \.memoryBytes,
            "Of all clients together: requests that come and are worked on, as they were sent and as they are read, and "
                + "answers that are not taken. A connection may hold as much as is free, and is not read past that.",
            from: 1 << 20, to: Int.max, kind: .long),
        limit(
            "memory.wait.max.ms", \.memoryWaitMilliseconds,
            "How long a connection may be in the way of others while there is no memory left; then the one that holds "
                + "most is closed.", kind: .long),
        limit(
            "partitions.max.count", \.partitions,
            "Partitions of all topics together; what goes past it is refused with POLICY_VIOLATION."),
        limit(
            "record.headers.max", \.recordHeaders,
            "Headers of a record, in batches that are looked into: those that are not compressed, and those that are "
                + "opened. More are refused with INVALID_RECORD.", from: 0),
        limit(
            "record.headers.max.bytes", \.recordHeaderBytes,
            "What a record's headers take, names, values and lengths, in the same batches. More is refused with "
                + "INVALID_RECORD.", from: 5),
        limit(
            "record.key.max.bytes", \.keyBytes,
            "A record's key, in the same batches. A longer one is refused with INVALID_RECORD.", from: 0),
        limit(
            "request.receive.max.ms", \.receiveMilliseconds,
            "How long a request may take from its first byte to its last; then its connection is closed. The time that "
                + "the broker does not read is not counted.", kind: .long),
        limit(
            "shutdown.answers.max.ms", \.drainMilliseconds,
            "How long a stop waits for answers that are under way.", from: 0, kind: .long),
        limit(
            "socket.request.small.max.bytes", \.smallRequestBytes,
            "The largest request of an API whose requests name a few things, such as ApiVersions and Heartbeat.",
            from: 16_384),
        limit(
            "topics.max.count", \.topics, "Topics; one more is refused with POLICY_VIOLATION."),
    ]

    private static let own = [
        Definition(
            name: "auto.create.topics.enable",
            documentation: "Whether a topic is created when a client asks for one that is not there.",
            kind: .boolean, value: { String($0.autoCreates) },
            assign: { SettingText.boolean(&$0.autoCreates, $1) }),
        Definition(
            name: "connections.max.idle.ms",
            documentation: "How long a connection may say nothing while no answer is due; then it is closed.",
            kind: .long, value: { String($0.limits.idleMilliseconds) },
            assign: { SettingText.number(&$0.limits.idleMilliseconds, $1, in: 1...Int.max) }),
        Definition(
            name: "fetch.max.bytes",
            documentation: "The most bytes of records in one answer, whatever a client asks for.",
            kind: .int, value: { String($0.limits.fetchBytes) },
            assign: { SettingText.number(&$0.limits.fetchBytes, $1, in: 1024...Int(Int32.max)) }),
        Definition(
            name: "max.connections",
            documentation: "The most connections at a time; the next is closed at once. Those there are stay.",
            kind: .int, value: { String($0.limits.connections) },
            assign: { SettingText.number(&$0.limits.connections, $1, in: 1...Int(Int32.max)) }),
        Definition(
            name: "max.incremental.fetch.session.cache.slots",
            documentation:
                "The most fetch sessions at a time. Who gets none is told of every partition in each answer.",
            kind: .int, value: { String($0.limits.fetchSessions) },
            assign: { SettingText.number(&$0.limits.fetchSessions, $1, in: 0...Int(Int32.max)) }),
        Definition(
            name: "max.request.partition.size.limit",
            documentation: "The most partitions on one page of what topics are said to have.",
            kind: .int, value: { String($0.limits.describedPartitions) },
            assign: { SettingText.number(&$0.limits.describedPartitions, $1, in: 1...Int(Int32.max)) }),
        Definition(
            name: "num.partitions",
            documentation: "Partitions of a topic that is created without a number.",
            kind: .int, value: { String($0.partitionCount) },
            assign: { SettingText.number(&$0.partitionCount, $1, in: 1...EventLog.partitionsMax) }),
        Definition(
            name: "sasl.kerberos.min.time.before.relogin",
            documentation: "Without effect: there is no authentication. Taken because tools set it.",
            kind: .long, value: { String($0.kerberosReloginMilliseconds) },
            assign: { SettingText.number(&$0.kerberosReloginMilliseconds, $1, in: 0...Int64.max) }),
        Definition(
            name: "socket.request.max.bytes",
            documentation: "The largest request. A longer one closes its connection.",
            kind: .int, value: { String($0.limits.requestBytes) },
            assign: { SettingText.number(&$0.limits.requestBytes, $1, in: 65_536...Int(Int32.max)) }),
    ]
}

extension SettingDefinition {
    /// The same as a part of the broker's.
    fileprivate func lifted(
        as name: String, through path: any WritableKeyPath<BrokerSettings, Settings> & Sendable
    ) -> BrokerSettings.Definition {
        BrokerSettings.Definition(
            name: name, documentation: documentation, kind: kind, value: { value($0[keyPath: path]) },
            assign: { assign(&$0[keyPath: path], $1) })
    }
}

extension SettingDefinition<TopicSettings> {
    /// What the broker's default for the setting is called.
    package var brokerName: String {
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
