/// One setting of `Settings`: its name, its type, what it holds now, its documentation, and how a text is taken.
public struct SettingDefinition<Settings: Sendable>: Sendable {
    public let name: String
    public let kind: SettingKind
    public let documentation: String
    /// The value in force, as text.
    public let value: @Sendable (Settings) -> String
    /// Takes the text, or says why not.
    package let assign: @Sendable (inout Settings, String) -> String?

    package init(
        name: String, documentation: String, kind: SettingKind, value: @escaping @Sendable (Settings) -> String,
        assign: @escaping @Sendable (inout Settings, String) -> String?
    ) {
        self.name = name
        self.kind = kind
        self.documentation = documentation
        self.value = value
        self.assign = assign
    }

    /// A setting that tools give, with the one value that is true here.
    package static func fixed(
        _ name: String, _ kind: SettingKind, at value: String, because reason: String, documentation: String
    ) -> Self {
        Self(
            name: name, documentation: documentation, kind: kind, value: { _ in value },
            assign: { _, text in text == value ? nil : "it must be \(value): \(reason)" })
    }
}

/// The types that Kafka gives to settings.
public enum SettingKind: Sendable {
    case boolean, string, int, long, double
    /// Texts, with commas between them.
    case list
}

/// A setting that has another value than its default.
public struct SettingOverride: Sendable, Hashable {
    public let name: String
    public let value: String

    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}
