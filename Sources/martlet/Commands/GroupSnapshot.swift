import ArgumentParser
import KafkaClient

struct GroupSnapshot: AsyncParsableCommand {
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
    @OptionGroup var source: GroupOptions

    func run() async throws {
        try await source.withBackend { backend in
            var out = StandardOutput()
            try await perform(backend, now: .now, to: &out)
            guard let output else { return try out.flush() }
            try writeTextFile(out.bytes, to: output)
            StandardError.print("martlet: wrote \(output)")
        }
    }

    func perform(_ backend: any GroupBackend, now: Timestamp, to out: inout StandardOutput) async throws {
        let offsets = try await backend.existingOffsets(of: group).filter { selection.selection.contains($0.key) }
        guard !offsets.isEmpty else { throw Failure("group '\(group)' has committed nothing that could be kept") }
        let file = OffsetsFile(group: group, taken: now, offsets: offsets)
        guard json else { return out.bytes.append(contentsOf: file.bytes) }
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
        out.bytes.append(contentsOf: object.closed)
        out.bytes.append(UInt8(ascii: "\n"))
    }
}
