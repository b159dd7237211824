internal import KafkaProtocol

/// A setting of a topic or a broker, by Kafka's name, as `retention.ms`.
public struct Setting: Hashable, Sendable {
    public var name: String
    /// `nil`: the broker keeps it to itself, or it has none.
    public var value: String?
    /// What it would be where it is not set for this topic or broker, as far as the broker says.
    public var defaultValue: String?
    public var source: Source
    /// `nil`: the broker is too old to say.
    public var type: ValueType?
    public var isReadOnly: Bool
    /// True: a password or the like, whose value is not shown.
    public var isSensitive: Bool
    /// What it is for, where the broker says.
    public var documentation: String?

    package init(
        name: String, value: String?, defaultValue: String? = nil, source: Source, type: ValueType?,
        isReadOnly: Bool, isSensitive: Bool, documentation: String?
    ) {
        self.name = name
        self.value = value
        self.defaultValue = defaultValue
        self.source = source
        self.type = type
        self.isReadOnly = isReadOnly
        self.isSensitive = isSensitive
        self.documentation = documentation
    }

    /// True: it was not set for this topic or broker.
    public var isDefault: Bool {
        switch source {
        case .topic, .dynamicBroker: false
        case .dynamicDefaultBroker, .staticBroker, .default, .unknown: true
        }
    }

    /// Where a value comes from. The first that there is counts.
    public enum Source: Hashable, Sendable, CaseIterable {
        /// Set for the topic.
        case topic
        /// Set for the broker while it ran.
        case dynamicBroker
        /// Set for all brokers while they ran.
        case dynamicDefaultBroker
        /// Set in the broker's own configuration.
        case staticBroker
        /// Kafka's default, or the broker's.
        case `default`
        case unknown
    }

    /// What a value is, written as text.
    public enum ValueType: Hashable, Sendable, CaseIterable {
        case boolean, string, int, short, long, double
        /// With commas in between.
        case list
        /// The name of a class.
        case `class`
        case password
    }
}

extension Setting {
    init(_ config: DescribeConfigsResponse.Config, of resource: ConfigResourceType) {
        let source = Source(wire: config.configSource)
        // From what counts most to what counts least.
        let ownSource = resource == .topic ? Source.topic : .dynamicBroker
        let inherited = config.synonyms.first { Source(wire: $0.source) != ownSource }
        self.init(
            name: config.name, value: config.value, source: source, type: ValueType(wire: config.configType),
            isReadOnly: config.readOnly, isSensitive: config.isSensitive,
            documentation: config.documentation.flatMap { $0.isEmpty ? nil : $0 })
        defaultValue = inherited?.value ?? (isDefault ? config.value : nil)
    }
}

extension Setting.Source {
    fileprivate init(wire: Int8) {
        switch ConfigSource(rawValue: wire) {
        case .topic: self = .topic
        case .dynamicBroker: self = .dynamicBroker
        case .dynamicDefaultBroker: self = .dynamicDefaultBroker
        case .staticBroker: self = .staticBroker
        case .defaultConfig: self = .default
        case .unknown, nil: self = .unknown
        }
    }
}

extension Setting.ValueType {
    fileprivate init?(wire: Int8) {
        switch ConfigType(rawValue: wire) {
        case .boolean: self = .boolean
        case .string: self = .string
        case .int: self = .int
        case .short: self = .short
        case .long: self = .long
        case .double: self = .double
        case .list: self = .list
        case .class: self = .class
        case .password: self = .password
        case .unknown, nil: return nil
        }
    }
}
