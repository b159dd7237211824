import ArgumentParser
import KafkaClient
import RecordFormat

struct TopicAlter: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alter",
        abstract: "Changes a topic's settings, or adds partitions.",
        discussion: """
            Spans and sizes take units: retention.ms=7d, retention.bytes=10GiB.

            A change that would delete records that are there, hide them from readers or compact them is not done but \
            shown: what would go, to the segment. It is done with --execute; what it deletes is gone for good. The exit \
            status is 1 where it was not done. All other changes are done at once.

            Partitions can only be added; keys may go to other partitions from then on.

            EXAMPLES
              martlet topic alter readings --set retention.ms=7d
              martlet topic alter readings --set retention.ms=7d --execute
              martlet topic alter readings --set retention.bytes=10GiB --json
              martlet topic alter readings --reset compression.type
              martlet topic alter readings --partitions 16
            """)

    @Argument(help: "The topic's name.")
    var name: String

    @Option(help: ArgumentHelp("A setting to change; may be repeated.", valueName: "name=value"))
    var set: [SettingArgument] = []

    @Option(help: ArgumentHelp("A setting to take back to its default; may be repeated.", valueName: "name"))
    var reset: [String] = []

    @Option(name: [.short, .long], help: "How many partitions there shall be, more than there are.")
    var partitions: Int?

    @Flag(help: "Does it, also where it deletes records.")
    var execute = false

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        let settings = try SettingArgument.dictionary(set)
        if set.isEmpty, reset.isEmpty, partitions == nil {
            throw ValidationError("there is nothing to change: give --set, --reset or --partitions")
        }
        if let both = reset.first(where: { settings[$0] != nil }) {
            throw ValidationError("'\(both)' is both set and reset: give one of them")
        }
    }

    func run() async throws {
        try await connection.withClient { client in
            var out = StandardOutput()
            let isDone = try await perform(client, now: .now, to: &out)
            try out.flush()
            guard isDone else {
                throw Failure("topic \(name) has not been changed: add --execute to do it, and what it deletes is gone")
            }
        }
    }

    /// False: it needs --execute, and nothing has changed.
    func perform(_ client: KafkaClient, now: Timestamp, to out: inout StandardOutput) async throws -> Bool {
        let settings = try SettingArgument.dictionary(set)
        var alteration: TopicAlteration?
        if !settings.isEmpty || !reset.isEmpty {
            // What the broker would refuse is not planned either.
            try await client.admin.alterTopic(name, set: settings, reset: reset, validateOnly: true)
            alteration = try await TopicAlteration(
                of: name, set: settings, reset: reset, from: BrokerTopics(client: client), now: now)
        }
        let isDone = execute || alteration?.effects.isEmpty ?? true
        if isDone {
            if alteration != nil { try await client.admin.alterTopic(name, set: settings, reset: reset) }
            if let partitions { try await client.admin.addPartitions(name, to: partitions) }
        }
        if output.json {
            out.bytes.append(contentsOf: json(alteration, isDone: isDone))
            try out.writeLine("")
        } else {
            try print(alteration, isDone: isDone, to: &out)
        }
        return isDone
    }

    private func print(_ alteration: TopicAlteration?, isDone: Bool, to out: inout StandardOutput) throws {
        if isDone { try out.writeLine("Changed topic \(name)") }
        guard let alteration else { return }
        for effect in alteration.effects { try out.writeLine((isDone ? "Will " : "Would ") + effect) }
        if alteration.deletesEverything {
            try out.writeLine(
                "That is everything there is: all records are older, or there are more of them, than is kept then")
        }
        let sentences = KeepingSentences(rules: alteration.after)
        try out.writeLine((isDone ? "Keeps " : "Would keep ") + sentences.keeps)
        for note in sentences.notes(isSet: { name in set.contains { $0.name == name } }) {
            try out.writeLine("Note: \(note)")
        }
    }

    private func json(_ alteration: TopicAlteration?, isDone: Bool) -> [UInt8] {
        var object = JSONObject()
        object.add("topic", .text(name))
        object.add("isDone", .flag(isDone))
        guard let alteration else { return object.closed }
        object.add("keeps", .text(KeepingSentences(rules: alteration.after).keeps))
        object.add("effects", alteration.effects)
        object.add("deletesEverything", .flag(alteration.deletesEverything))
        object.add("deletes", json: alteration.deletion.json)
        object.add("hiddenRecords", .init(alteration.hiddenRecords))
        return object.closed
    }
}

extension DeletionPlan {
    fileprivate var json: [UInt8] {
        var object = JSONObject()
        object.add("isUpperBound", .flag(isUpperBound))
        object.add("bytes", .size(bytes))
        object.add("ofBytes", .size(bytesBefore))
        object.add("segments", .init(segments))
        object.add("records", .init(records))
        object.add("newest", .time(newest))
        var table = Table([
            .init("partition", "Partition"), .init("records", "Records"), .init("bytes", "Bytes"),
            .init("segments", "Segments"), .init("newest", "Newest"), .init("isEverything", "Everything"),
        ])
        for part in parts {
            table.add(
                .init(part.partition), .init(part.records), .size(part.bytes),
                .init(part.segments.map(Int64.init)), .time(part.newest), .flag(part.isEverything))
        }
        object.add("partitions", json: table.json)
        return object.closed
    }
}
