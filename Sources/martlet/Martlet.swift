import ArgumentParser
import EventLog
import Glibc
import KafkaClient

/// The one binary.
@main
struct Martlet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet",
        abstract: "An append-only event log with replay that every Kafka client already speaks to.",
        discussion: """
            EXAMPLES
              martlet serve
              martlet topic create readings --partitions 4
              martlet produce readings data.ndjson --key-field device
              martlet consume readings --from -1h --format '%k %s\\n'
              martlet verify martlet-data

            EXIT STATUS
              \(ExitStatus.list)
            """,
        version: Martlet.version,
        subcommands: [
            Serve.self, ConfigCommand.self, TopicCommand.self, Disk.self, GroupCommand.self, Produce.self, Consume.self,
            Export.self, Import.self, FleetCommand.self, BenchCommand.self, Dump.self, Verify.self,
        ])

    static let version = "0.1.0"

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            if let failure = Failure(error) {
                StandardError.print("martlet: \(failure.message)")
                Glibc.exit(failure.status.rawValue)
            }
            guard exitCode(for: error).rawValue == ExitStatus.usage.rawValue else { exit(withError: error) }
            StandardError.print("martlet: \(UsageError.line(for: error))")
            Glibc.exit(ExitStatus.usage.rawValue)
        }
    }
}
