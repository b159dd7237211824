import ArgumentParser
import KafkaClient

struct GroupRestore: GroupSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Moves a group to where a snapshot has it.",
        discussion: """
            Partitions that the file does not name stay where they are. A group that is not there is made. Prints the plan, \
            and moves only with --execute.

            EXAMPLES
              martlet group restore analytics analytics.csv
              martlet group restore analytics analytics.csv --topic readings --execute
            """)

    @Argument(help: "The group's id.")
    var group: String

    @Argument(help: "The file; -: standard input.")
    var file: String

    @OptionGroup var selection: SelectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var source: SourceOptions
    @OptionGroup var output: OutputOptions

    func perform(
        _ backend: any GroupBackend, now: Timestamp, to out: inout StandardOutput
    ) async throws -> ExitStatus {
        let snapshot = try OffsetsFile.read(file)
        try await change.check(group, backend)
        let planner = GroupPlanner(backend, now: now, nearest: change.nearest)
        let planned = try await planner.reset(
            group, to: .file(file), selection.selection, given: snapshot.offsets, mayBeNew: true, kind: "restore")
        try await change.carryOut(planned, backend, json: output.json, to: &out)
        return .success
    }
}
