import ArgumentParser
import KafkaClient

struct GroupLag: GroupSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "lag",
        abstract: "Shows how far groups are behind, once or all the time.",
        discussion: """
            In records, in bytes as they are stored, and in time: now minus the timestamp of the first record that has not \
            been consumed. Rows that are sums have the time of the partition furthest behind. All groups, if none is named.

            Exit status 2: a row passes one of the thresholds. With --watch it is that of the last round (--rounds).

            EXAMPLES
              martlet group lag
              martlet group lag analytics --by member
              martlet group lag analytics --watch --sort seconds --top 20
              martlet group lag analytics --by group --max-seconds 300 --max-bytes 1GB
              martlet group lag analytics --topic 'sensor-*' --json
            """)

    @Argument(help: "The groups' ids.")
    var groups: [String] = []

    @OptionGroup var lag: LagArguments

    @Flag(name: [.short, .long], help: "Goes on, and draws the rows anew.")
    var watch = false

    @Option(
        help: ArgumentHelp("The time between two rounds of --watch. (default: 2s)", valueName: "duration"),
        transform: GroupList.duration)
    var interval: Int64 = 2000

    @Option(help: ArgumentHelp("Ends --watch after so many rounds.", valueName: "n"))
    var rounds: Int?

    @OptionGroup var selection: SelectionOptions
    @OptionGroup var source: SourceOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let rounds, rounds < 1 { throw ValidationError("--rounds takes 1 or more") }
        if rounds != nil, !watch { throw ValidationError("--rounds goes with --watch: give that, too") }
        guard (10...86_400_000).contains(interval) else { throw ValidationError("--interval takes 10ms to 1d") }
    }

    func run() async throws {
        guard watch else { return try await runOnce() }
        let status = try await source.withGroups { try await keepWatching($0) }
        try status.endUnlessSuccess()
    }

    private func keepWatching(_ backend: any GroupBackend) async throws -> ExitStatus {
        var screen = Screen()
        var round = 1
        while true {
            var out = StandardOutput()
            let now = Timestamp.now
            if !output.json {
                try out.writeLine("\(TimeText.format(now.milliseconds))  every \(SpanText.forPeople(interval))")
            }
            let status = try await watched(backend, now, isFirst: round == 1, to: &out)
            try screen.show(&out)
            if round == rounds { return status }
            round += 1
            try await Task.sleep(for: .milliseconds(interval))
        }
    }

    /// Who watches wants to see a broker go and come back; one that was never there is an error.
    private func watched(
        _ backend: any GroupBackend, _ now: Timestamp, isFirst: Bool, to out: inout StandardOutput
    ) async throws -> ExitStatus {
        do {
            return try await perform(backend, now: now, to: &out)
        } catch {
            guard !isFirst, let failure = Failure(error), failure.status == .unreachable else { throw error }
            StandardError.print("martlet: \(failure.message)")
            return failure.status
        }
    }

    func perform(
        _ backend: any GroupBackend, now: Timestamp, to out: inout StandardOutput
    ) async throws -> ExitStatus {
        let names = groups.isEmpty ? try await backend.groups().map(\.id) : groups
        let surveys = try await GroupSurvey.all(
            names, selection.selection, passingOverMissing: groups.isEmpty, from: backend, now: now)
        let lags = surveys.flatMap(\.lags)
        let level = lag.by ?? (groups.count == 1 ? .partition : .group)
        let rows = LagRow.rows(lags, level: level, order: lag.sort)
        let shown = lag.top.map { Array(rows.prefix($0)) } ?? rows
        if output.json {
            try table(shown, level).print(asJSON: true, to: &out)
        } else if rows.isEmpty {
            try out.writeLine(names.isEmpty ? "There are no groups yet: a consumer makes one" : "Nothing is committed")
        } else {
            try print(shown, hidden: rows.count - shown.count, level, LagTotal(lags), to: &out)
        }
        return rows.contains { lag.thresholds.arePassed(by: $0.total) } ? .threshold : .success
    }

    private func print(
        _ rows: [LagRow], hidden: Int, _ level: LagLevel, _ total: LagTotal, to out: inout StandardOutput
    ) throws {
        var table = table(rows, level)
        if !lag.thresholds.isSet { table.removeColumn("isPassed") }
        if rows.allSatisfy({ $0.note == nil }) { table.removeColumn("note") }
        if groups.count == 1, level != .group { table.removeColumn("group") }
        if level != .topic, level != .partition { table.removeColumn("topic") }
        if level != .partition { table.removeColumn("partition") }
        if level == .partition { table.removeColumn("partitions") }
        if level != .member, rows.allSatisfy({ $0.member == nil }) { table.removeColumn("member") }
        try table.print(asJSON: false, to: &out)
        if hidden > 0 { try out.writeLine("and \(hidden.grouped) more") }
        try out.writeLine("")
        try out.writeLine("In all: \(total.text)")
    }

    private func table(_ rows: [LagRow], _ level: LagLevel) -> Table {
        var table = Table([
            .init("isPassed", "Over"), .init("group", "Group"), .init("topic", "Topic"),
            .init("partition", "Partition", isNumber: true), .init("member", "Member"),
            .init("partitions", "Partitions", isNumber: true), .init("records", "Records", isNumber: true),
            .init("bytes", "Bytes", isNumber: true), .init("seconds", "Behind", isNumber: true), .init("note", "Note"),
        ])
        for row in rows {
            let isPassed = lag.thresholds.arePassed(by: row.total)
            table.add(
                .figure(isPassed ? "!" : "", json: String(isPassed)), .text(row.group), .init(row.topic),
                row.partition.map { .init($0) } ?? .none, .init(row.member), .init(row.total.partitions),
                .init(row.total.records), .bytes(row.total.bytes), .span(row.total.milliseconds), .init(row.note))
        }
        return table
    }
}
