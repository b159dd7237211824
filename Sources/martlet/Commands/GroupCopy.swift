import ArgumentParser
import KafkaClient

struct GroupCopy: GroupSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "copy",
        abstract: "Makes a new group that is where another one is.",
        discussion: """
            Prints the plan, and makes the group only with --execute. A group that is there is moved with 'martlet group \
            reset --to-group'.

            EXAMPLES
              martlet group copy analytics analytics-test
              martlet group copy analytics analytics-test --topic readings --execute
            """)

    @Argument(help: "The group to copy.")
    var group: String

    @Argument(help: "The new group's id.")
    var new: String

    @OptionGroup var selection: SelectionOptions

    @Flag(help: "Does it. Without this, only the plan is printed.")
    var execute = false

    @Flag(help: "Takes the nearest offset that a partition has, where one lies outside it.")
    var nearest = false

    @OptionGroup var source: SourceOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if group == new { throw ValidationError("the new group has the same id: give another") }
    }

    func perform(
        _ backend: any GroupBackend, now: Timestamp, to out: inout StandardOutput
    ) async throws -> ExitStatus {
        let offsets = try await backend.existingOffsets(of: group)
        guard try await isNew(backend) else {
            throw Failure(
                "group '\(new)' is there already: move it with 'martlet group reset \(new) --to-group \(group)'")
        }
        let planner = GroupPlanner(backend, now: now, nearest: nearest)
        let planned = try await planner.reset(
            new, to: .group(group), selection.selection, given: offsets, mayBeNew: true, kind: "copy")
        let changes = GroupChanges(backend, executes: execute, onlyIfEmpty: true, json: output.json)
        try await changes.run(planned, to: &out)
        return .success
    }

    private func isNew(_ backend: any GroupBackend) async throws -> Bool {
        guard try await backend.offsets(of: new).isEmpty else { return false }
        do {
            _ = try await backend.describe(new)
            return false
        } catch KafkaClientError.unknownGroup {
            return true
        }
    }
}
