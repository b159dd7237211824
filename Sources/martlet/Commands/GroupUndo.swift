import ArgumentParser
import KafkaClient

struct GroupUndo: GroupSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "undo",
        abstract: "Takes a group back to where it was before the last reset, or at a time.",
        discussion: """
            Resets, restores, copies and removals of offsets can be taken back, and so can an undo. What members have \
            committed since is not kept. Prints the plan, and moves only with --execute.

            EXAMPLES
              martlet group undo analytics
              martlet group undo analytics --execute
              martlet group undo analytics --at 2026-11-01T18:00Z --topic readings
              martlet group undo analytics --change 6f1c2d --execute
            """)

    @Argument(help: "The group's id.")
    var group: String

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("To what was committed at a time, or a time before now (-90m).", valueName: "time"),
        transform: Self.time)
    var at: Position?

    @Option(
        help: ArgumentHelp(
            "To what was committed before this change; 'martlet group history' names them.", valueName: "id"))
    var change: String?

    @OptionGroup var selection: SelectionOptions
    @OptionGroup var options: ChangeOptions
    @OptionGroup var source: SourceOptions
    @OptionGroup var output: OutputOptions

    static func time(_ text: String) throws -> Position {
        let position = try? Position(parsing: text)
        switch position {
        case .time, .ago: return position ?? .latest
        case .earliest, .latest, .offset, nil:
            throw ValidationError("'\(text)' is no time: give one such as 2026-01-31T12:30:00Z, or -90m")
        }
    }

    func validate() throws {
        if at != nil, change != nil { throw ValidationError("give --at or --change, not both") }
    }

    func perform(
        _ backend: any GroupBackend, now: Timestamp, to out: inout StandardOutput
    ) async throws -> ExitStatus {
        try await options.check(group, backend)
        let targets = try await targets(backend, now)
        let planner = GroupPlanner(backend, now: now, nearest: options.nearest)
        let planned = try await planner.restore(group, targets, selection.selection, kind: "undo")
        try await options.carryOut(planned, backend, json: output.json, to: &out)
        return .success
    }

    private func targets(
        _ backend: any GroupBackend, _ now: Timestamp
    ) async throws -> [TopicPartition: GroupOffset?] {
        var undo = OffsetsUndo(group: group, HistoryReach(wholeSince: try await backend.historyStart(now: now)))
        guard let at, case .timestamp(let time) = at.start(now: now) else {
            let hasGap = try await backend.reduceEvents(of: group, into: &undo) { $0.take($1, until: nil) }
            undo.end(hasGap: hasGap)
            return try undo.offsets(beforeChange: change)
        }
        guard time <= now else { throw Failure("--at is a time that has not come yet: give an earlier one") }
        let hasGap = try await backend.reduceEvents(of: group, into: &undo) { $0.take($1, until: time) }
        undo.end(hasGap: hasGap)
        return try undo.offsets(at: time)
    }
}
