import ArgumentParser
import Broker
import EventLog
import KafkaClient
import Storage

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Checks a configuration file; shows and changes what a broker goes by.",
        discussion: """
            Of a setting counts first what was set for the broker while it runs, then what was set for all brokers, then \
            what 'martlet serve' was given by flags and by its file, then the default.

            EXAMPLES
              martlet config check martlet.toml
              martlet config list
              martlet config show
              martlet config alter --set log.retention.ms=7d --set max.connections=500
              martlet config alter --unset log.retention.ms
            """,
        subcommands: [ConfigCheck.self, ConfigShow.self, ConfigAlter.self, ConfigList.self])
}

struct ConfigCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Says what is wrong with a configuration file, and what in it is hardly meant.",
        discussion: """
            Prints a line for each, with file, line and column. Exit status 0: the file can be used, with warnings or \
            without; 1: it cannot.

            EXAMPLES
              martlet config check
              martlet config check /etc/martlet.toml
            """)

    @Argument(help: "The file; -: standard input.")
    var file = "martlet.toml"

    func run() throws {
        let config = ConfigFile(try readTextFile(file, byteCountMax: ConfigFile.byteCountMax))
        var out = StandardOutput()
        for problem in config.problems { try out.writeLine("error: \(problem.line(in: file))") }
        guard config.problems.isEmpty else {
            try out.flush()
            let count = config.problems.count
            throw Failure("\(file) cannot be used: \(count) \(count == 1 ? "error" : "errors")")
        }
        let warnings = config.warnings(diskBytes: Self.diskBytes(of: config.data ?? Serve.dataDefault))
        for warning in warnings { try out.writeLine("warning: \(warning.line(in: file))") }
        let count = config.settings.count
        try out.writeLine("\(file) can be used: \(count) \(count == 1 ? "setting" : "settings")")
        try out.flush()
    }

    /// How large the disk is that holds the directory, or will hold it.
    static func diskBytes(of directory: String) -> Int64? {
        var path = directory
        let files = PosixFileSystem()
        while true {
            if let space = try? files.space(at: path) { return Int64(space.total) }
            guard let slash = path.lastIndex(of: "/") else {
                return (try? files.space(at: ".")).map { Int64($0.total) }
            }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
    }
}

struct ConfigShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows what a broker goes by: what was set, and by whom.",
        discussion: """
            EXAMPLES
              martlet config show
              martlet config show --all
              martlet config show --all --json
            """)

    @Flag(help: "All settings, not only those that were set.")
    var all = false

    @Option(help: ArgumentHelp("Which broker, by its id; the first that there is if not given.", valueName: "id"))
    var id: Int?

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let settings = try await connection.withClient { client in
            try await client.admin.settings(ofBroker: try await ConfigBroker.id(id, client))
        }
        let shown = settings.filter { all || $0.source != .default }
        var table = Table([
            .init("name", "Setting"), .init("value", "Value"), .init("meaning", "Meaning"), .init("source", "Set by"),
            .init("default", "Otherwise"),
        ])
        for setting in shown {
            let meaning = setting.value.flatMap { SettingValue.meaning(setting.name, $0) }
            table.add(
                .text(setting.name), .init(setting.value), .init(meaning), .text(Self.text(setting.source)),
                .init(setting.source == .default ? nil : setting.defaultValue))
        }
        var out = StandardOutput()
        if shown.isEmpty, !output.json {
            try out.writeLine("Nothing is set: all is as 'martlet config list' says")
        } else {
            try table.print(asJSON: output.json, to: &out)
        }
        try out.flush()
    }

    private static func text(_ source: Setting.Source) -> String {
        switch source {
        case .topic: "the topic"
        case .dynamicBroker: "config alter"
        case .dynamicDefaultBroker: "config alter --all-brokers"
        case .staticBroker: "its start"
        case .default: "default"
        case .unknown: "unknown"
        }
    }
}

struct ConfigAlter: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alter",
        abstract: "Changes what a broker goes by, at once and for good.",
        discussion: """
            In force when the command returns, and after a restart. Settings that only together are right are given \
            together. What may delete, hide or compact records of every topic that sets nothing of its own is done with \
            --execute only; the exit status is 1 without.

            EXAMPLES
              martlet config alter --set log.retention.ms=7d --execute
              martlet config alter --set retention.total.bytes=80GiB --dry-run
              martlet config alter --unset log.retention.ms
            """)

    @Option(help: ArgumentHelp("A setting to change; may be repeated.", valueName: "name=value"))
    var set: [SettingArgument] = []

    @Option(help: ArgumentHelp("A setting to take back; may be repeated.", valueName: "name"))
    var unset: [String] = []

    @Flag(help: "For all brokers that do not set it themselves.")
    var allBrokers = false

    @Flag(help: "Only says whether it could be.")
    var dryRun = false

    @Flag(help: "Does it also where records of topics may go.")
    var execute = false

    @Option(help: ArgumentHelp("Which broker, by its id; the first that there is if not given.", valueName: "id"))
    var id: Int?

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        let names = Set(try SettingArgument.dictionary(set).keys)
        if set.isEmpty, unset.isEmpty { throw ValidationError("there is nothing to change: give --set or --unset") }
        if let both = unset.first(where: names.contains) {
            throw ValidationError("\(both) is to be set and unset: give one of them")
        }
        if Set(unset).count != unset.count { throw ValidationError("a setting is given twice") }
        if allBrokers, id != nil {
            throw ValidationError("--id names one broker, and --all-brokers all: give one of them")
        }
    }

    func run() async throws {
        let settings = try SettingArgument.dictionary(set)
        let deleting = execute ? [] : DeletingSettings.among(settings, reset: unset)
        try await connection.withClient { client in
            let broker = allBrokers ? nil : try await ConfigBroker.id(id, client)
            // What the broker would refuse is not asked about either.
            try await client.admin.alterBroker(
                broker, set: settings, reset: unset, validateOnly: dryRun || !deleting.isEmpty)
        }
        guard dryRun || deleting.isEmpty else {
            throw Failure(
                "nothing has been changed: by \(deleting.joined(separator: ", ")) records may go of every topic that sets "
                    + "nothing of its own ('martlet topic alter' shows which, topic by topic): add --execute to do it")
        }
        var out = StandardOutput()
        try out.writeLine(dryRun ? "It could be changed so" : "Changed: in force now, and after a restart")
        try out.flush()
    }
}

struct ConfigList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists every setting of the broker and of topics, with type, default and what it does.",
        discussion: """
            EXAMPLES
              martlet config list
              martlet config list --topics --json
            """)

    @Flag(help: "Only those of topics.")
    var topics = false

    @Flag(help: "As docs/SETTINGS.md has it.")
    var markdown = false

    @OptionGroup var output: OutputOptions

    func run() throws {
        var out = StandardOutput()
        if markdown {
            out.bytes.append(contentsOf: SettingsDocument.text.utf8)
            return try out.flush()
        }
        let rows = topics ? SettingRow.ofTopics : SettingRow.ofBroker
        if output.json {
            var table = Table([
                .init("name", "Setting"), .init("type", "Type"), .init("default", "Default"),
                .init("documentation", "Documentation"), .init("isReadOnly", "Read only"),
            ])
            for row in rows {
                table.add(
                    .text(row.name), .text(row.type), .init(row.initial), .text(row.documentation),
                    .flag(row.isReadOnly))
            }
            try table.print(asJSON: true, to: &out)
        } else {
            for row in rows {
                try out.writeLine("\(row.name)  (\(row.type)\(row.initial.map { ", \($0)" } ?? ""))")
                try out.writeLine("    \(row.documentation)")
            }
        }
        try out.flush()
    }
}

enum ConfigBroker {
    /// The one that was asked for, or the first that there is.
    static func id(_ given: Int?, _ client: KafkaClient) async throws -> Int {
        if let given { return given }
        guard let first = try await client.admin.describeCluster().brokers.first else {
            throw Failure("the cluster says it has no brokers: try again, or give --id")
        }
        return first.id
    }
}
