import ArgumentParser

struct TopicCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topic",
        abstract: "Creates, shows, changes and deletes topics.",
        discussion: """
            EXAMPLES
              martlet topic create readings --partitions 8
              martlet topic list
              martlet topic describe readings
              martlet topic alter readings --set compression.type=producer
              martlet topic delete readings
            """,
        subcommands: [
            TopicCreate.self, TopicList.self, TopicDescribe.self, TopicAlter.self, TopicDelete.self,
        ])
}

/// A topic's setting on the command line: `segment.ms=60000`, `retention.ms=7d`.
struct SettingArgument: ExpressibleByArgument {
    var name: String
    var value: String

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), equals > argument.startIndex else { return nil }
        name = String(argument[..<equals])
        value = String(argument[argument.index(after: equals)...])
    }

    /// As a broker takes them.
    static func dictionary(_ settings: [SettingArgument]) throws -> [String: String] {
        try Dictionary(settings.map { ($0.name, try SettingValue.wire($0.name, $0.value)) }) { _, _ in
            throw ValidationError("a setting is given twice")
        }
    }
}
