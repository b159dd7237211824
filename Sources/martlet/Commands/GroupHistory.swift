import ArgumentParser
import KafkaClient

struct GroupHistory: GroupSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Shows who committed or moved what, and when.",
        discussion: """
            Read from the log of committed offsets, where each stands with who wrote it: principal, client id and address. \
            Times are when the broker wrote it. Whole for offsets.history.ms; of what is older, what was committed last is \
            there. '?' stands for what was there before and is not known any more.

            EXAMPLES
              martlet group history analytics --since -1h
              martlet group history analytics --changes-only
              martlet group history analytics --topic readings:3 --last 20
              martlet group history analytics --json
            """)

    @Argument(help: "The group's id.")
    var group: String

    @Option(
        parsing: .unconditional, help: ArgumentHelp("From a time on, or a time before now (-1h).", valueName: "time"),
        transform: GroupUndo.time)
    var since: Position?

    @Option(
        parsing: .unconditional, help: ArgumentHelp("Before a time.", valueName: "time"), transform: GroupUndo.time)
    var until: Position?

    @Flag(help: "Leaves out what consumers commit as they go.")
    var changesOnly = false

    @Option(help: ArgumentHelp("Only the last so many.", valueName: "n"))
    var last: Int?

    @OptionGroup var selection: SelectionOptions
    @OptionGroup var source: SourceOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let last, last < 1 { throw ValidationError("--last takes 1 or more") }
    }

    func perform(
        _ backend: any GroupBackend, now: Timestamp, to out: inout StandardOutput
    ) async throws -> ExitStatus {
        let filter = HistoryFilter(
            since: since?.start(now: now).time, until: until?.start(now: now).time, selection: selection.selection,
            changesOnly: changesOnly)
        let reach = HistoryReach(wholeSince: try await backend.historyStart(now: now))
        var selected = SelectedEvents(filter, last: last, reach)
        try await backend.reduceEvents(of: group, into: &selected) { $0.take($1) }
        if selected.isEmpty { _ = try await backend.describe(group) }
        let shown = selected.shown
        guard output.json || !shown.isEmpty else {
            try out.writeLine("Nothing of that kind is written down of group \(group)")
            return .success
        }
        var table = Self.table(shown)
        if !output.json, shown.allSatisfy({ $0.change == nil }) { table.removeColumn("change") }
        try table.print(asJSON: output.json, to: &out)
        return .success
    }

    private static func table(_ events: [GroupEvent]) -> Table {
        var table = Table([
            .init("time", "Time"), .init("kind", "What"), .init("topic", "Topic"),
            .init("partition", "Partition", isNumber: true), .init("before", "Before", isNumber: true),
            .init("after", "After", isNumber: true), .init("by", "By"), .init("change", "Change"),
            .init("note", "Note"),
        ])
        for event in events {
            let time = Table.Cell.time(event.time)
            switch event.what {
            case .offset(let partition, let before, let after, let metadata):
                table.add(
                    time, .text(event.kind), .text(partition.topic), .init(partition.partition),
                    before == .unknown ? .figure("?", json: "null") : .init(before.offset),
                    after.map { .init($0) } ?? .figure("removed", json: "null"), .init(event.author),
                    .init(event.change), .init(metadata.isEmpty ? nil : metadata))
            case .members(let members):
                table.add(
                    time, .text(event.kind), .none, .none, .none, .none, .init(event.author), .init(event.change),
                    .text(members))
            case .end:
                table.add(
                    time, .text(event.kind), .none, .none, .none, .none, .init(event.author), .init(event.change),
                    .text("the group is gone"))
            }
        }
        return table
    }
}

extension StartPosition {
    fileprivate var time: Timestamp? { if case .timestamp(let time) = self { time } else { nil } }
}
