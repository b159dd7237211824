import ArgumentParser
import KafkaClient

/// Where a command finds groups or topics.
struct SourceOptions: ParsableArguments {
    @OptionGroup var connection: ConnectionOptions

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "A stopped broker's data directory, to work on instead of a broker.", valueName: "path"))
    var data: String?

    func validate() throws {
        if data?.isEmpty == true { throw ValidationError("--data is empty: give a directory") }
    }

    /// Connects or opens, does the work, and closes.
    func withGroups<R>(_ body: (any GroupBackend) async throws -> R) async throws -> R {
        guard let data else {
            return try await connection.withClient { try await body(BrokerGroups(client: $0)) }
        }
        let groups = try DirectoryGroups(at: data)
        return try await Self.use(groups, closing: groups.close, body)
    }

    /// The same with the topics.
    func withTopics<R>(_ body: (any TopicBackend) async throws -> R) async throws -> R {
        guard let data else {
            return try await connection.withClient { try await body(BrokerTopics(client: $0)) }
        }
        let topics = try DirectoryTopics(at: data)
        return try await Self.use(topics, closing: topics.close, body)
    }

    private static func use<B, R>(
        _ backend: B, closing close: () throws -> Void, _ body: (B) async throws -> R
    ) async throws -> R {
        do {
            let result = try await body(backend)
            try close()
            return result
        } catch {
            try? close()
            throw error
        }
    }
}

/// Which partitions a command is about.
struct SelectionOptions: ParsableArguments {
    @Option(
        name: [.short, .long], help: ArgumentHelp(PartitionSelection.Term.help, valueName: "topic"),
        transform: PartitionSelection.Term.init(parsing:))
    var topic: [PartitionSelection.Term] = []

    var selection: PartitionSelection { PartitionSelection(terms: topic) }
}

/// How a change is made: only when it is asked for.
struct ChangeOptions: ParsableArguments {
    @Flag(help: "Does it. Without this, only the plan is printed.")
    var execute = false

    @Flag(help: "Refuses where the group has members.")
    var onlyIfEmpty = false

    @Flag(help: "Takes the nearest offset that a partition has, where one lies outside it.")
    var nearest = false
}
