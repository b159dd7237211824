import ArgumentParser
import KafkaClient

struct GroupDeleteOffsets: GroupSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "delete-offsets",
        abstract: "Removes what a group has committed of topics that it no longer reads.",
        discussion: """
            Its consumers must not read them. Prints the plan, and does it only with --execute; 'martlet group undo' takes it \
            back.

            EXAMPLES
              martlet group delete-offsets analytics --topic old-readings
              martlet group delete-offsets analytics --topic 'test-*' --execute
            """)

    @Argument(help: "The group's id.")
    var group: String

    @OptionGroup var selection: SelectionOptions

    @Flag(help: "Does it. Without this, only the plan is printed.")
    var execute = false

    @OptionGroup var source: SourceOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if selection.topic.isEmpty {
            throw ValidationError("name what to remove with --topic; 'martlet group delete' removes the whole group")
        }
    }

    func perform(
        _ backend: any GroupBackend, now: Timestamp, to out: inout StandardOutput
    ) async throws -> ExitStatus {
        let planned = try await GroupPlanner(backend, now: now).remove(group, selection.selection)
        var changes = GroupChanges(backend, executes: execute, json: output.json)
        changes.removes = true
        try await changes.run(planned, to: &out)
        return .success
    }
}
