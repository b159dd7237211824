import ArgumentParser
import KafkaClient
import RecordFormat

struct TopicDescribe: TopicSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Shows what a topic keeps and promises, its partitions, and the settings that are not the default.",
        discussion: """
            Growth and what the settings will hold the topic at are explained in 'martlet help disk'.

            EXAMPLES
              martlet topic describe readings
              martlet topic describe readings --all
              martlet topic describe readings --data martlet-data --json
            """)

    @Argument(help: "The topic's name.")
    var name: String

    @Flag(help: "Shows all settings, also those that have their defaults. JSON always has them.")
    var all = false

    @OptionGroup var source: SourceOptions
    @OptionGroup var output: OutputOptions

    func perform(
        _ backend: any TopicBackend, now: Timestamp, to out: inout StandardOutput
    ) async throws -> ExitStatus {
        let topic = try await backend.describe(name)
        let report = TopicReport(topic, try await DiskSurvey(of: [name], from: backend, now: now), showsAll: all)
        if output.json {
            out.bytes.append(contentsOf: report.json)
            try out.writeLine("")
        } else {
            try report.print(to: &out)
        }
        return .success
    }
}
