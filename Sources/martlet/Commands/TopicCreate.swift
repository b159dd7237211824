import ArgumentParser
import KafkaClient

struct TopicCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Creates a topic.",
        discussion: """
            EXAMPLES
              martlet topic create readings --partitions 8
              martlet topic create metrics --set retention.ms=7d
              martlet topic create metrics --set retention.bytes=10GiB -p 8
              martlet topic create devices --set cleanup.policy=compact
              martlet topic create traces --set flush.messages=10000 --set flush.ms=1000
            """)

    @Argument(help: "The topic's name.")
    var name: String

    @Option(name: [.short, .long], help: "How many partitions; the broker's default if not given.")
    var partitions: Int?

    @Option(help: ArgumentHelp("A setting of the topic; may be repeated.", valueName: "name=value"))
    var set: [SettingArgument] = []

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws { _ = try SettingArgument.dictionary(set) }

    func run() async throws {
        let settings = try SettingArgument.dictionary(set)
        let (topic, rules) = try await connection.withClient { client in
            let topic = try await client.admin.createTopic(name, partitions: partitions, settings: settings)
            let values = try await client.admin.settings(ofTopic: name)
            return (topic, KeepingRules { name in values.first { $0.name == name }?.value })
        }
        var out = StandardOutput()
        if output.json {
            try TopicList.table([topic], bytes: [topic.name: 0]).print(asJSON: true, to: &out)
        } else {
            try out.writeLine("Created topic \(topic.name) with \(topic.partitionCount.counted("partition"))")
            try out.writeLine("Keeps \(KeepingSentences(rules: rules).keeps)")
        }
        try out.flush()
    }
}
