import ArgumentParser
import Glibc
import KafkaClient

struct TopicDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Deletes a topic with all its records.",
        discussion: """
            Asks first on a terminal.

            EXAMPLES
              martlet topic delete readings
              martlet topic delete readings --yes
            """)

    @Argument(help: "The topic's name.")
    var name: String

    @Flag(name: [.short, .long], help: "Does not ask.")
    var yes = false

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        if !yes, isatty(STDIN_FILENO) == 1 {
            StandardError.write("Delete topic \(name) with all its records? Type its name to go on: ")
            guard readLine() == name else { throw Failure("nothing was deleted: that was not the topic's name") }
        }
        try await connection.withClient { client in try await client.admin.deleteTopic(name) }
        var out = StandardOutput()
        try out.writeLine("Deleted topic \(name)")
        try out.flush()
    }
}
