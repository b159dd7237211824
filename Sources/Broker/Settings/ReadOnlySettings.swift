package import EventLog
internal import KafkaProtocol

/// What DescribeConfigs says of the broker that cannot change while it runs: who and where it is, and what is so in any
/// case.
package struct ReadOnlySetting: Sendable {
    package let name: String
    package let kind: SettingKind
    package let documentation: String
    /// How it is given instead; nil: it cannot be another.
    package let flag: String?

    package static let all = [
        Self("advertised.listeners", .string, "What clients are told to connect to.", flag: "--advertise"),
        Self("broker.id", .int, "The id of the only node."),
        Self("default.replication.factor", .int, "There is one node."),
        Self("delete.topic.enable", .boolean, "Topics can be deleted."),
        Self("listeners", .string, "Where it listens.", flag: "--listen"),
        Self("log.dirs", .string, "The data directory.", flag: "--data"),
        Self("node.id", .int, "The id of the only node."),
        Self("num.network.threads", .int, "Event loops: one a core."),
        Self(
            "offsets.history.start.ms", .long,
            """
            Martlet's own. Since when nothing is gone that happened to groups, in milliseconds since 1970; 0: nothing is. It \
            follows offsets.history.ms; what was let go of before that became longer does not come back.
            """),
    ]

    private init(_ name: String, _ kind: SettingKind, _ documentation: String, flag: String? = nil) {
        self.name = name
        self.kind = kind
        self.documentation = documentation
        self.flag = flag
    }

    package var text: String { flag.map { "\(documentation) Given by \($0)." } ?? documentation }

    /// nil: it can be changed, or is not there.
    static func named(_ name: String) -> ReadOnlySetting? { all.first { $0.name == name } }

    /// - Parameter node: where the client reaches the broker.
    func value(_ context: BrokerContext, node: HostPort) -> String {
        switch name {
        case "advertised.listeners": "PLAINTEXT://\(node)"
        case "broker.id", "node.id": "\(BrokerContext.nodeID)"
        case "default.replication.factor": "1"
        case "delete.topic.enable": "true"
        case "listeners": "PLAINTEXT://\(listen(context, node))"
        case "log.dirs": context.configuration.dataDirectory
        case "num.network.threads": "\(context.loopCount)"
        case "offsets.history.start.ms":
            String(max(0, context.groups.offsets.historyStart(now: context.now())?.milliseconds ?? 0))
        default: preconditionFailure("a setting without a value: \(name)")
        }
    }

    private func listen(_ context: BrokerContext, _ node: HostPort) -> HostPort {
        let listen = context.configuration.listen
        return HostPort(host: listen.host, port: listen.port == 0 ? node.port : listen.port)
    }

    var source: ConfigSource { flag == nil ? .defaultConfig : .staticBroker }

    /// Why it is not changed.
    var refusal: Refusal {
        let advice = flag.map { "start the broker with another \($0)" } ?? "leave it out"
        return Refusal(.invalidRequest, "'\(name)' cannot change while the broker runs: \(advice)")
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
