import ArgumentParser
import KafkaClient

struct TopicList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the topics.",
        discussion: """
            EXAMPLES
              martlet topic list
              martlet topic list --json --broker log.example.org:9092
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let topics = try await connection.withClient { client in try await client.admin.listTopics() }
        var out = StandardOutput()
        if topics.isEmpty, !output.json {
            try out.writeLine("There are no topics yet. Make one: martlet topic create NAME")
        } else {
            try Self.table(topics).print(asJSON: output.json, to: &out)
        }
        try out.flush()
    }

    static func table(_ topics: [TopicSummary]) -> Table {
        var table = Table([
            .init("name", "Topic"), .init("partitions", "Partitions", isNumber: true), .init("id", "Id"),
        ])
        for topic in topics { table.add(.text(topic.name), .init(topic.partitionCount), .init(topic.id)) }
        return table
    }
}
