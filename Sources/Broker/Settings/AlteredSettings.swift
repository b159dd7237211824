internal import EventLog

/// What was set of a resource, while a request changes it by name.
struct AlteredSettings {
    /// What is set, by name.
    private(set) var values: [String: String]
    private let definition: (String) -> Definition?
    private let unknown: (String) -> String
    /// Of what cannot change: its value, and why it cannot.
    private let readOnly: (String) -> (value: String, refusal: Refusal)?

    /// What a change must know of a setting.
    private struct Definition {
        let isList: Bool
        /// What is in force.
        let value: String
    }

    init(of settings: TopicSettings) {
        values = Dictionary(settings.overrides.map { ($0.name, $0.value) }) { $1 }
        definition = { name in
            TopicSettings.all.first { $0.name == name }
                .map { Definition(isList: $0.kind == .list, value: $0.value(settings)) }
        }
        unknown = TopicSettings.unknown
        readOnly = { _ in nil }
    }

    /// - Parameter layer: what is set in the layer that is changed.
    init(
        layer: [String: String], _ settings: BrokerSettings,
        readOnly: @escaping (String) -> (value: String, refusal: Refusal)?
    ) {
        values = layer
        definition = { name in
            BrokerSettings.definitions[name].map { Definition(isList: $0.kind == .list, value: $0.value(settings)) }
        }
        unknown = BrokerSettings.unknown
        self.readOnly = readOnly
    }

    /// Sets nothing any more.
    mutating func removeAll() { values = [:] }

    mutating func set(_ name: String, to value: String) throws(Refusal) {
        if let fixed = readOnly(name) {
            guard value == fixed.value else { throw fixed.refusal }
            return
        }
        _ = try find(name, value)
        values[name] = value
    }

    mutating func unset(_ name: String) throws(Refusal) {
        if let fixed = readOnly(name) { throw fixed.refusal }
        _ = try find(name, "")
        values[name] = nil
    }

    /// Adds elements to a list, or takes some from it; those that are there, or are not, are no error.
    mutating func change(_ name: String, by value: String, adds: Bool) throws(Refusal) {
        if let fixed = readOnly(name) { throw fixed.refusal }
        let found = try find(name, value)
        guard found.isList else {
            throw Refusal(
                .invalidSetting(name: name, value: value, reason: "it is no list: set it, or delete it"))
        }
        var elements = Self.elements(values[name] ?? found.value)
        for element in Self.elements(value) {
            if !adds {
                elements.removeAll { $0 == element }
            } else if !elements.contains(element) {
                elements.append(element)
            }
        }
        values[name] = elements.joined(separator: ",")
    }

    private static func elements(_ list: String) -> [String] {
        list.split(separator: ",").map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
    }

    private func find(_ name: String, _ value: String) throws(Refusal) -> Definition {
        guard let found = definition(name) else {
            throw Refusal(.invalidSetting(name: name, value: value, reason: unknown(name)))
        }
        return found
    }
}
