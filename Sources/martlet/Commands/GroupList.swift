import ArgumentParser
import KafkaClient

struct GroupList: GroupSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the groups, and what of them would expire.",
        discussion: """
            What a group has committed is kept for ever, unless the broker's offsets.retention.minutes says otherwise; then \
            it expires so long after the last thing that happened to a group without members.

            EXAMPLES
              martlet group list
              martlet group list --state empty
              martlet group list --retention 30d
              martlet group list --data martlet-data --json
            """)

    @Option(
        help: ArgumentHelp("Only groups in a state, such as stable or empty; may be repeated.", valueName: "state"),
        transform: Self.state)
    var state: [String] = []

    @Option(
        help: ArgumentHelp("Only groups of a type, classic or consumer; may be repeated.", valueName: "type"),
        transform: Self.type)
    var type: [String] = []

    @Option(
        help: ArgumentHelp(
            "Shows what would expire with this retention, instead of the broker's own.", valueName: "duration"),
        transform: Self.duration)
    var retention: Int64?

    @OptionGroup var source: SourceOptions
    @OptionGroup var output: OutputOptions

    /// Those of Kafka's brokers, which share groups and streams also come in.
    private static let states = [
        "empty", "stable", "preparingrebalance", "completingrebalance", "assigning", "reconciling", "notready", "dead",
    ]
    private static let types = ["classic", "consumer", "share", "streams"]

    static func state(_ text: String) throws -> String {
        guard states.contains(text.lowercased()) else {
            throw ValidationError(
                "there is no state '\(text)': give Empty, Stable, PreparingRebalance, CompletingRebalance, Assigning or "
                    + "Reconciling")
        }
        return text.lowercased()
    }

    static func type(_ text: String) throws -> String {
        guard types.contains(text.lowercased()) else {
            throw ValidationError("there is no type '\(text)': give classic or consumer")
        }
        return text.lowercased()
    }

    static func duration(_ text: String) throws -> Int64 {
        guard let duration = DurationText.parse(text) else {
            throw ValidationError("'\(text)' is no span of time: give \(DurationText.example)")
        }
        return duration
    }

    func perform(
        _ backend: any GroupBackend, now: Timestamp, to out: inout StandardOutput
    ) async throws -> ExitStatus {
        let all = try await backend.groups()
        let shown = all.filter { group in
            (state.isEmpty || state.contains(group.state.lowercased()))
                && (type.isEmpty || group.type.map { type.contains($0.lowercased()) } ?? false)
        }
        let kept = if let retention { retention } else { try await backend.offsetsRetention() }
        var rows: [Row] = []
        let latest = kept == nil ? [:] : try await backend.lastEvents()
        for group in shown {
            rows.append(try await row(group, backend, kept, latest[group.id]))
        }
        if output.json || !rows.isEmpty {
            try table(rows).print(asJSON: output.json, to: &out)
        } else {
            try out.writeLine(
                all.isEmpty
                    ? "There are no groups yet: a consumer makes one"
                    : "No group is like that: see them all "
                        + "without --state and --type")
        }
        if !output.json, let kept { try warn(rows, kept, now, to: &out) }
        return .success
    }

    private struct Row {
        var group: GroupSummary
        var members: Int
        var partitions: Int
        var expires: Timestamp?
    }

    private func row(
        _ group: GroupSummary, _ backend: any GroupBackend, _ retention: Int64?, _ latest: Timestamp?
    ) async throws -> Row {
        let members: Int
        do {
            members = try await backend.describe(group.id).members.count
        } catch KafkaClientError.unknownGroup {
            // It went meanwhile.
            members = 0
        }
        let offsets = try await backend.offsets(of: group.id)
        var expires: Timestamp?
        if members == 0, !offsets.isEmpty, let retention, let latest {
            expires = Timestamp(milliseconds: latest.milliseconds.addingReportingOverflow(retention).partialValue)
        }
        return Row(group: group, members: members, partitions: offsets.count, expires: expires)
    }

    private func table(_ rows: [Row]) -> Table {
        var table = Table([
            .init("group", "Group"), .init("state", "State"), .init("type", "Type"),
            .init("members", "Members", isNumber: true), .init("partitions", "Partitions", isNumber: true),
            .init("expires", "Expires"),
        ])
        for row in rows {
            table.add(
                .text(row.group.id), .init(row.group.state.isEmpty ? nil : row.group.state), .init(row.group.type),
                .init(row.members), .init(row.partitions), .time(row.expires))
        }
        if !output.json, rows.allSatisfy({ $0.expires == nil }) { table.removeColumn("expires") }
        return table
    }

    private func warn(_ rows: [Row], _ retention: Int64, _ now: Timestamp, to out: inout StandardOutput) throws {
        let due = rows.filter { $0.expires.map { $0 <= now } ?? false }.count
        let later = rows.filter { $0.expires.map { $0 > now } ?? false }.count
        guard due + later > 0 else { return }
        let span = SpanText.forPeople(retention)
        try out.writeLine("")
        try out.writeLine(
            "With a retention of \(span), \(due.grouped) of these groups would be gone now, and \(later.grouped) will be "
                + "unless they are used")
    }
}
