import ArgumentParser
import KafkaClient

struct GroupReset: GroupSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "reset",
        abstract: "Moves a group: back to replay, or on to skip.",
        discussion: """
            Prints the plan, and moves only with --execute, all partitions or none. Works on a group that runs: its members \
            are put out and come back at the new offsets. 'martlet group undo' takes it back.

            Without --topic it is about all partitions of the topics that the group has committed offsets of.

            TARGETS
              \(ResetTarget.list.indented)

            EXAMPLES
              martlet group reset analytics --to -2h
              martlet group reset analytics --to 2026-11-01T10:00Z --execute
              martlet group reset analytics --to earliest --topic readings:0,3-5
              martlet group reset analytics --shift -500 --topic 'sensor-*' --execute
              martlet group reset analytics --to-group analytics-old --execute
              martlet group reset analytics --from-file offsets.csv --only-if-empty
            """)

    @Argument(help: "The group's id.")
    var group: String

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("earliest, latest, an offset, a time, or a time before now (-90m).", valueName: "position"),
        transform: Position.init(parsing:))
    var to: Position?

    @Option(
        parsing: .unconditional, help: ArgumentHelp("So many records on (+1000) or back (-500).", valueName: "n"),
        transform: ResetTarget.shift(parsing:))
    var shift: Int64?

    @Option(help: ArgumentHelp("Where another group is.", valueName: "group"))
    var toGroup: String?

    @Option(help: ArgumentHelp("Where a file of 'martlet group snapshot' says.", valueName: "file"))
    var fromFile: String?

    @Flag(help: "Takes a group that is not there yet, too.")
    var create = false

    @OptionGroup var selection: SelectionOptions
    @OptionGroup var change: ChangeOptions
    @OptionGroup var source: SourceOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        let count = [to != nil, shift != nil, toGroup != nil, fromFile != nil].count { $0 }
        guard count == 1 else {
            throw ValidationError("give one target: --to, --shift, --to-group or --from-file")
        }
        if shift != nil, create { throw ValidationError("--shift is for a group that is there: leave --create out") }
        if toGroup == group { throw ValidationError("--to-group names the group itself: name another") }
    }

    private var target: ResetTarget {
        if let to { return .position(to) }
        if let shift { return .shift(shift) }
        if let toGroup { return .group(toGroup) }
        return .file(fromFile ?? "")
    }

    func perform(
        _ backend: any GroupBackend, now: Timestamp, to out: inout StandardOutput
    ) async throws -> ExitStatus {
        try await change.check(group, backend)
        var given: [TopicPartition: GroupOffset] = [:]
        if let toGroup { given = try await backend.existingOffsets(of: toGroup) }
        if let fromFile { given = try OffsetsFile.read(fromFile).offsets }
        let planner = GroupPlanner(backend, now: now, nearest: change.nearest)
        let planned = try await planner.reset(
            group, to: target, selection.selection, given: given, mayBeNew: create)
        try await change.carryOut(planned, backend, json: output.json, to: &out)
        return .success
    }
}

extension ChangeOptions {
    /// A plan that could not be carried out is refused, too.
    func check(_ group: String, _ backend: any GroupBackend) async throws {
        guard onlyIfEmpty else { return }
        do {
            guard try await backend.describe(group).members.isEmpty else { throw KafkaClientError.nonEmptyGroup(group) }
        } catch KafkaClientError.unknownGroup {
            // One that is not there has no members.
        }
    }

    func carryOut(
        _ planned: PlannedChange, _ backend: any GroupBackend, json: Bool, to out: inout StandardOutput
    ) async throws {
        let changes = GroupChanges(backend, executes: execute, onlyIfEmpty: onlyIfEmpty, json: json)
        try await changes.run(planned, to: &out)
    }
}

extension GroupBackend {
    /// What a group has committed. Throws `unknownGroup`.
    func existingOffsets(of group: String) async throws -> [TopicPartition: GroupOffset] {
        let offsets = try await offsets(of: group)
        if offsets.isEmpty { _ = try await describe(group) }
        return offsets
    }
}

extension OffsetsFile {
    /// `-`: standard input.
    static func read(_ path: String) throws -> OffsetsFile {
        do {
            return try OffsetsFile(parsing: try readTextFile(path, byteCountMax: byteCountMax))
        } catch let error as Malformed {
            throw Failure("\(path == "-" ? "standard input" : path), \(error.description)")
        }
    }
}
