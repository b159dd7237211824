import ArgumentParser
import KafkaClient

struct GroupDiff: GroupSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Shows where two groups, or a group and a file, are not at the same offsets.",
        discussion: """
            Exit status 2: they differ.

            EXAMPLES
              martlet group diff analytics analytics-test
              martlet group diff analytics --file analytics.csv
              martlet group diff analytics analytics-test --topic readings --json
            """)

    @Argument(help: "The group's id.")
    var group: String

    @Argument(help: "The other group's.")
    var other: String?

    @Option(help: ArgumentHelp("A file of 'martlet group snapshot', instead of another group.", valueName: "file"))
    var file: String?

    @OptionGroup var selection: SelectionOptions
    @OptionGroup var source: SourceOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if (other == nil) == (file == nil) { throw ValidationError("give another group, or --file: one of the two") }
    }

    func perform(
        _ backend: any GroupBackend, now: Timestamp, to out: inout StandardOutput
    ) async throws -> ExitStatus {
        let snapshot = try file.map(OffsetsFile.read)
        let first = try await backend.existingOffsets(of: group)
        let second =
            if let snapshot { snapshot.offsets } else { try await backend.existingOffsets(of: other ?? "") }
        let diff = OffsetsDiff(first, second, selection.selection)
        guard selection.selection.isAll || diff.count > 0 else {
            throw Failure("neither has offsets of what --topic names: see 'martlet group describe \(group)'")
        }
        if output.json || !diff.isEmpty {
            try table(diff).print(asJSON: output.json, to: &out)
        }
        let status = diff.isEmpty ? ExitStatus.success : .threshold
        guard !output.json else { return status }
        if !diff.isEmpty { try out.writeLine("") }
        let same = "\(diff.same.grouped) partition\(diff.same == 1 ? " is" : "s are") the same"
        try out.writeLine(diff.isEmpty ? "No difference: \(same)" : "\(diff.rows.count.grouped) differ, \(same)")
        return status
    }

    private func table(_ diff: OffsetsDiff) -> Table {
        let second = other ?? file ?? ""
        var table = Table([
            .init("topic", "Topic"), .init("partition", "Partition", isNumber: true),
            .init("first", group, isNumber: true), .init("second", second, isNumber: true),
            .init("difference", "Difference", isNumber: true),
        ])
        for row in diff.rows {
            let difference = row.difference.map { count in
                Table.Cell.figure((count > 0 ? "+" : "") + count.grouped, json: String(count))
            }
            table.add(
                .text(row.partition.topic), .init(row.partition.partition), .init(row.first), .init(row.second),
                difference ?? .none)
        }
        return table
    }
}
