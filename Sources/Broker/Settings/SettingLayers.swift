internal import EventLog
internal import KafkaProtocol

/// The broker's settings in their layers, each over the one before: what the program says, what the broker was started
/// with, what was set for all brokers while it ran, and what was set for this one.
struct SettingLayers: Sendable {
    /// What the broker was started with.
    let start: BrokerSettings
    /// The part of that which somebody set, by name.
    let atStart: [String: String]
    /// Set for all brokers (`""`), by name.
    var forAll: [String: String] = [:]
    /// Set for this one.
    var own: [String: String] = [:]
    /// What was stored and cannot be taken, because another version knew it: it is kept, and not in force.
    private(set) var untaken: [SettingOverride] = []

    init(_ configuration: BrokerConfiguration) throws(LogError) {
        start = try BrokerSettings(configuration)
        let program = BrokerSettings()
        var atStart = Dictionary(configuration.settings.map { ($0.name, "") }) { $1 }
        // What topics have is there by its name alone: where flush.ms says what flush.messages is, that is not set, and goes
        // with it.
        let ofTopics = Set(TopicSettings.all.map(\.brokerName))
        for definition in BrokerSettings.all {
            let value = definition.value(start)
            let isSet = !ofTopics.contains(definition.name) && value != definition.value(program)
            if atStart[definition.name] != nil || isSet {
                atStart[definition.name] = value
            }
        }
        self.atStart = atStart
    }

    /// What is in force. Throws where a value is none for its setting, or settings contradict each other.
    func settings() throws(LogError) -> BrokerSettings {
        var settings = start
        for layer in [forAll, own] {
            for (name, value) in layer.sorted(by: { $0.key < $1.key }) { try settings.set(name, to: value) }
        }
        try settings.check()
        return settings
    }

    /// Sets a value in a layer, as the setting writes it.
    static func set(_ name: String, to value: String, in layer: inout [String: String]) throws(LogError) {
        var settings = BrokerSettings()
        try settings.set(name, to: value)
        layer[name] = BrokerSettings.definitions[name]?.value(settings)
    }

    /// The values that a setting has in the layers, the one in force first; last what the program says.
    func values(of definition: BrokerSettings.Definition) -> [(value: String, source: ConfigSource)] {
        let layers = [(own, ConfigSource.dynamicBroker), (forAll, .dynamicDefaultBroker), (atStart, .staticBroker)]
        return layers.compactMap { layer, source in layer[definition.name].map { ($0, source) } }
            + [(definition.value(BrokerSettings()), .defaultConfig)]
    }

    /// What topics have that set nothing, where it is not what the program says; by the names that topics have for it.
    var topicDefaults: [SettingOverride] {
        TopicSettings.all.compactMap { definition in
            let name = definition.brokerName
            guard let value = own[name] ?? forAll[name] ?? atStart[name] else { return nil }
            return SettingOverride(name: definition.name, value: value)
        }
    }
}

// MARK: In the directory

extension SettingLayers {
    private static let ofAll = "brokers:", ofThis = "broker:"

    /// What is kept in the data directory.
    var stored: [SettingOverride] {
        let layers = [(Self.ofAll, forAll), (Self.ofThis, own)]
        let taken = layers.flatMap { prefix, layer in
            layer.map { SettingOverride(name: prefix + $0.key, value: $0.value) }
        }
        return (taken + untaken).sorted { $0.name < $1.name }
    }

    /// Takes back what is kept in the directory, and returns what cannot be taken, with the reason.
    mutating func restore(_ stored: [SettingOverride]) -> [LogError] {
        var problems: [LogError] = []
        for setting in stored {
            do throws(LogError) {
                if setting.name.hasPrefix(Self.ofAll) {
                    try Self.set(String(setting.name.dropFirst(Self.ofAll.count)), to: setting.value, in: &forAll)
                } else if setting.name.hasPrefix(Self.ofThis) {
                    try Self.set(String(setting.name.dropFirst(Self.ofThis.count)), to: setting.value, in: &own)
                } else {
                    throw .invalidSetting(name: setting.name, value: setting.value, reason: "it is no broker's")
                }
            } catch {
                untaken.append(setting)
                problems.append(error)
            }
        }
        return problems
    }
}
