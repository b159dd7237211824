import ArgumentParser
import Glibc
import KafkaClient

struct GroupDelete: GroupSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Deletes a group that has no members, with what it has committed.",
        discussion: """
            Asks first on a terminal. 'martlet group undo' brings back what it had committed.

            EXAMPLES
              martlet group delete analytics-test
              martlet group delete analytics-test --yes
            """)

    @Argument(help: "The group's id.")
    var group: String

    @Flag(name: [.short, .long], help: "Does not ask.")
    var yes = false

    @OptionGroup var source: SourceOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        if !yes, isatty(STDIN_FILENO) == 1 {
            StandardError.write("Delete group \(group) with all that it has committed? Type its id to go on: ")
            guard readLine() == group else { throw Failure("nothing was deleted: that was not the group's id") }
        }
        try await runOnce()
    }

    func perform(
        _ backend: any GroupBackend, now: Timestamp, to out: inout StandardOutput
    ) async throws -> ExitStatus {
        let count = try await backend.existingOffsets(of: group).count
        try await backend.delete(group)
        guard output.json else {
            let partitions = count.counted("partition")
            try out.writeLine("Deleted group \(group), which had committed offsets of \(partitions)")
            return .success
        }
        var object = JSONObject()
        object.add("group", .text(group))
        object.add("kind", .text("delete"))
        object.add("partitions", .init(count))
        out.bytes.append(contentsOf: object.closed)
        try out.writeLine("")
        return .success
    }
}
