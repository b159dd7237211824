import Broker
import EventLog

/// A setting as lists show it.
struct SettingRow {
    let name: String
    let type: String
    /// nil: it depends on the machine.
    let initial: String?
    let documentation: String
    var isReadOnly = false
    /// What the broker calls its default for topics.
    var brokerName: String?

    static var ofBroker: [SettingRow] {
        let program = BrokerSettings()
        let changeable = BrokerSettings.all.map { definition in
            SettingRow(
                name: definition.name, type: "\(definition.kind)", initial: definition.value(program),
                documentation: definition.documentation)
        }
        let fixed = ReadOnlySetting.all.map { setting in
            SettingRow(
                name: setting.name, type: "\(setting.kind)", initial: nil, documentation: setting.text, isReadOnly: true
            )
        }
        return (changeable + fixed).sorted { $0.name < $1.name }
    }

    static var ofTopics: [SettingRow] {
        let program = TopicSettings()
        return TopicSettings.all.map { definition in
            SettingRow(
                name: definition.name, type: "\(definition.kind)", initial: definition.value(program),
                documentation: definition.documentation, brokerName: definition.brokerName)
        }
    }
}

/// docs/SETTINGS.md: a test holds the two together.
enum SettingsDocument {
    static var text: String {
        let ofTopics = Set(SettingRow.ofTopics.compactMap(\.brokerName))
        return introduction
            + section("Topics", topicsText, SettingRow.ofTopics, hasBrokerNames: true)
            + section("The broker", brokerText, SettingRow.ofBroker.filter { !ofTopics.contains($0.name) })
    }

    private static func section(
        _ title: String, _ text: String, _ rows: [SettingRow], hasBrokerNames: Bool = false
    ) -> String {
        let head = hasBrokerNames ? ("| Default for all topics ", "|---") : ("", "")
        var lines = ["", "## \(title)", "", text, "", "| Setting | Type | Default \(head.0)| What it does |"]
        lines.append("|---|---|---\(head.1)|---|")
        for row in rows {
            let initial = row.initial.map { $0.isEmpty ? "" : "`\($0)`" } ?? "read only"
            let broker = row.brokerName.map { "| `\($0)` " } ?? ""
            lines.append(
                "| `\(row.name)` | \(row.type) | \(initial) \(broker)| "
                    + "\(row.documentation.split(separator: "|").joined(separator: "\\|")) |")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static let introduction = """
        # Settings

        Every setting, by Kafka's name where Kafka has it. This page is what `martlet config list --markdown` prints.

        A change is in force when it is answered, without a restart, and stays over one. A value that cannot be, or a name \
        that there is not, is refused with INVALID_CONFIG, the value and the reason; of settings that are altered together \
        all are taken or none.

        Where a value comes from, what counts first: what is set for a topic; what was set for the broker while it runs \
        (`martlet config alter`, or any Kafka tool on broker `1`); what was set for all brokers (broker without an id); \
        what `martlet serve` was given by flags and by its file; the default. DescribeConfigs names them as sources 1 to 5.

        ## The file

        `martlet serve --config martlet.toml` reads a file, and flags go over it. `martlet config check martlet.toml` says \
        what is wrong with it.

        ```toml
        data = "/var/lib/martlet"
        listen = "0.0.0.0:9092"
        advertise = "log.example.org:9092"
        log-level = "info"
        auto-create-partitions = 4

        [broker]
        retention.total.bytes = "80GiB"
        max.connections = 500
        log.cleaner.io.max.bytes.per.second = 20_000_000

        # What topics have that set nothing themselves, by the names of topics' settings.
        [topic-defaults]
        retention.ms = "7d"
        segment.bytes = "256MiB"
        ```

        The language is a part of TOML: tables, dotted and quoted keys, texts in one line, whole numbers with `_` between \
        digits, numbers with a fraction, `true`, `false`, comments. Settings in milliseconds, minutes and bytes also take \
        texts with units: `"30s"`, `"7d"`, `"512MiB"`. What else there is in TOML is refused with line and column.

        """

    private static let topicsText = """
        `martlet topic create` and `martlet topic alter` set them, and every Kafka tool. What a topic does not set, it has \
        from the broker, where the setting has the name in the fourth column. `__consumer_offsets` has none of those.
        """

    private static let brokerText = """
        Defaults for topics have the broker's names in the table above, and are settings of the broker like these. What \
        says who and where the broker is can only be read, and is given to `martlet serve`: a change is refused with \
        INVALID_REQUEST.
        """
}
