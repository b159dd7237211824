import ArgumentParser
import KafkaClient

struct TopicAlter: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alter",
        abstract: "Changes a topic's settings, or adds partitions.",
        discussion: """
            Partitions can only be added; keys may go to other partitions from then on.

            EXAMPLES
              martlet topic alter readings --set compression.type=producer
              martlet topic alter readings --reset compression.type
              martlet topic alter readings --partitions 16
            """)

    @Argument(help: "The topic's name.")
    var name: String

    @Option(help: ArgumentHelp("A setting to change; may be repeated.", valueName: "name=value"))
    var set: [SettingArgument] = []

    @Option(help: ArgumentHelp("A setting to take back to its default; may be repeated.", valueName: "name"))
    var reset: [String] = []

    @Option(name: [.short, .long], help: "How many partitions there shall be, more than there are.")
    var partitions: Int?

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        _ = try SettingArgument.dictionary(set)
        if set.isEmpty, reset.isEmpty, partitions == nil {
            throw ValidationError("there is nothing to change: give --set, --reset or --partitions")
        }
    }

    func run() async throws {
        let settings = try SettingArgument.dictionary(set)
        try await connection.withClient { client in
            if !settings.isEmpty || !reset.isEmpty {
                try await client.admin.alterTopic(name, set: settings, reset: reset)
            }
            if let partitions { try await client.admin.addPartitions(name, to: partitions) }
        }
        var out = StandardOutput()
        try out.writeLine("Changed topic \(name)")
        try out.flush()
    }
}
