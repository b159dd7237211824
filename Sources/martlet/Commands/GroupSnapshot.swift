import ArgumentParser
import KafkaClient

struct GroupSnapshot: GroupSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "Prints what a group has committed, as a file to keep.",
        discussion: """
            Lines of topic,partition,offset,metadata, which can be edited. 'martlet group restore', 'reset --from-file' and \
            'diff --file' read it.

            EXAMPLES
              martlet group snapshot analytics > analytics.csv
              martlet group snapshot analytics --topic readings --output readings.csv
              martlet group snapshot analytics --json
            """)

    @Argument(help: "The group's id.")
    var group: String

    @Option(
        name: [.short, .long], help: ArgumentHelp("The file to write, instead of standard output.", valueName: "file"))
    var output: String?

    @Flag(help: "Prints JSON instead of lines.")
    var json = false

    @OptionGroup var selection: SelectionOptions
    @OptionGroup var source: SourceOptions

    func perform(
        _ backend: any GroupBackend, now: Timestamp, to out: inout StandardOutput
    ) async throws -> ExitStatus {
        let offsets = try await backend.existingOffsets(of: group).filter { selection.selection.contains($0.key) }
        guard !offsets.isEmpty else { throw Failure("group '\(group)' has committed nothing that could be kept") }
        let bytes = json ? jsonObject(offsets, now) : OffsetsFile(group: group, taken: now, offsets: offsets).bytes
        if let output {
            try writeTextFile(bytes, to: output)
            StandardError.print("martlet: wrote \(output)")
        } else {
            out.bytes.append(contentsOf: bytes)
        }
        return .success
    }

    private func jsonObject(_ offsets: [TopicPartition: GroupOffset], _ now: Timestamp) -> [UInt8] {
        var table = Table([
            .init("topic", ""), .init("partition", ""), .init("offset", ""), .init("metadata", ""),
        ])
        for (partition, committed) in offsets.sorted(by: { $0.key < $1.key }) {
            table.add(
                .text(partition.topic), .init(partition.partition), .init(committed.offset), .text(committed.metadata))
        }
        var object = JSONObject()
        object.add("group", .text(group))
        object.add("taken", .time(now))
        object.add("partitions", json: table.json)
        return object.closed + [UInt8(ascii: "\n")]
    }
}
