import ArgumentParser
import KafkaClient

struct TopicDescribe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Shows a topic's partitions, settings, and what its acknowledgements promise.",
        discussion: """
            EXAMPLES
              martlet topic describe readings
              martlet topic describe readings --json
            """)

    @Argument(help: "The topic's name.")
    var name: String

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let topic = try await connection.withClient { client in try await client.admin.describeTopic(name) }
        var out = StandardOutput()
        if output.json {
            out.bytes.append(contentsOf: Self.json(topic))
            try out.writeLine("")
        } else {
            try print(topic, to: &out)
        }
        try out.flush()
    }

    private func print(_ topic: TopicDescription, to out: inout StandardOutput) throws {
        try out.writeLine("Topic       \(topic.name)")
        if let id = topic.id { try out.writeLine("Id          \(id)") }
        let records = topic.partitions.reduce(0) { $0 + max(0, $1.end.value - $1.logStart.value) }
        try out.writeLine("Records     \(records.grouped) in \(topic.partitions.count.grouped) partitions")
        try out.writeLine("Durability  \(Self.promise(of: topic))")
        try out.writeLine("")
        try Self.partitions(topic).print(asJSON: false, to: &out)
        try out.writeLine("")
        try Self.settings(topic).print(asJSON: false, to: &out)
    }

    private static func partitions(_ topic: TopicDescription) -> Table {
        var table = Table([
            .init("partition", "Partition", isNumber: true), .init("logStart", "Start", isNumber: true),
            .init("end", "End", isNumber: true), .init("records", "Records", isNumber: true),
        ])
        for partition in topic.partitions {
            let (start, end) = (partition.logStart.value, partition.end.value)
            table.add(.init(partition.index), .init(start), .init(end), .init(max(0, end - start)))
        }
        return table
    }

    private static func settings(_ topic: TopicDescription) -> Table {
        var table = Table([.init("name", "Setting"), .init("value", "Value"), .init("isDefault", "Default")])
        for setting in topic.settings { table.add(.text(setting.name), .init(setting.value), .flag(setting.isDefault)) }
        return table
    }

    private static func json(_ topic: TopicDescription) -> [UInt8] {
        var bytes: [UInt8] = Array(#"{"name":"#.utf8)
        JSONText.append(topic.name, to: &bytes)
        bytes.append(contentsOf: #","id":"#.utf8)
        Table.Cell(topic.id).append(to: &bytes)
        bytes.append(contentsOf: #","durability":"#.utf8)
        JSONText.append(promise(of: topic), to: &bytes)
        bytes.append(contentsOf: #","partitions":"#.utf8)
        bytes.append(contentsOf: partitions(topic).json)
        bytes.append(contentsOf: #","settings":"#.utf8)
        bytes.append(contentsOf: settings(topic).json)
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    private static func promise(of topic: TopicDescription) -> String {
        promise { name in topic.settings.first { $0.name == name }?.value }
    }

    /// What a power cut can cost of what was acknowledged. `value`: of a setting, by its name.
    static func promise(_ value: (String) -> String?) -> String {
        let messages = value("flush.messages").flatMap { Int64($0) } ?? 1
        let milliseconds = value("flush.ms").flatMap { Int64($0) } ?? .max
        if messages == 1 { return "an acknowledged record is on stable storage (with acks=all)" }
        var window: [String] = []
        if messages < .max { window.append("\(messages.grouped) records") }
        if milliseconds < .max { window.append("\(milliseconds.grouped) ms") }
        let bound =
            window.isEmpty ? "what the system has not written yet" : "the last " + window.joined(separator: " or ")
        return "a power cut can cost \(bound) of each partition, also of what was acknowledged"
    }
}
