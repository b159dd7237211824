import ArgumentParser
import KafkaClient
import RecordFormat

struct TopicList: TopicSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the topics, and what they take on the disk.",
        discussion: """
            EXAMPLES
              martlet topic list
              martlet topic list --json --broker log.example.org:9092
              martlet topic list --data martlet-data
            """)

    @OptionGroup var source: SourceOptions
    @OptionGroup var output: OutputOptions

    func perform(
        _ backend: any TopicBackend, now: Timestamp, to out: inout StandardOutput
    ) async throws -> ExitStatus {
        let topics = try await backend.topics()
        if topics.isEmpty, !output.json {
            try out.writeLine("There are no topics yet. Make one: martlet topic create NAME")
            return .success
        }
        var sizes: [TopicPartition: Int64] = [:]
        for directory in try await backend.directories() { sizes.merge(directory.sizes) { max($0, $1) } }
        var bytes: [String: Int64] = [:]
        for (partition, size) in sizes { bytes[partition.topic, default: 0].add(size) }
        try Self.table(topics, bytes: bytes).print(asJSON: output.json, to: &out)
        return .success
    }

    /// - Parameter bytes: by topic; what is not there is not known.
    static func table(_ topics: [TopicSummary], bytes: [String: Int64]) -> Table {
        var table = Table([
            .init("name", "Topic"), .init("partitions", "Partitions", isNumber: true),
            .init("bytes", "Bytes", isNumber: true), .init("id", "Id"),
        ])
        for topic in topics {
            table.add(.text(topic.name), .init(topic.partitionCount), .size(bytes[topic.name]), .init(topic.id))
        }
        return table
    }
}

extension Int64 {
    fileprivate mutating func add(_ other: Int64) { self = addingClamped(other) }
}
