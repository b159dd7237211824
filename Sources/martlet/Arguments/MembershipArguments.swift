import ArgumentParser
import KafkaClient

/// How a command is a member of a consumer group.
struct MembershipArguments: ParsableArguments {
    @Option(name: [.short, .long], help: ArgumentHelp("The consumer group to be a member of.", valueName: "group"))
    var group: String?

    @Option(
        help: ArgumentHelp(
            """
            How the group's partitions are divided: cooperative-sticky, range or roundrobin; may be repeated, the \
            favourite first. The members need one in common. (default: cooperative-sticky)
            """, valueName: "name"),
        transform: Self.assignor)
    var assignor: [GroupAssignor] = []

    @Option(
        help: ArgumentHelp(
            "The name of a static member, which keeps its partitions over a restart of less than 45 s.",
            valueName: "name"))
    var instanceID: String?

    @Option(
        help: ArgumentHelp(
            "Where a group begins that has committed nothing: earliest, latest, or none, which is an error. "
                + "(default: earliest)", valueName: "where"),
        transform: Self.offsetReset)
    var offsetReset: OffsetReset?

    func validate() throws {
        if let group {
            if group.isEmpty { throw ValidationError("a group's name has a character at least") }
            if instanceID?.isEmpty == true { throw ValidationError("--instance-id has a character at least") }
            if Set(assignor).count != assignor.count { throw ValidationError("--assignor names each once") }
            return
        }
        let alone: [(String, Bool)] = [
            ("--assignor", !assignor.isEmpty), ("--instance-id", instanceID != nil),
            ("--offset-reset", offsetReset != nil),
        ]
        if let (name, _) = alone.first(where: \.1) {
            throw ValidationError("\(name) is of a member of a group: give --group, too")
        }
    }

    var options: GroupConsumerOptions {
        var options = GroupConsumerOptions()
        if !assignor.isEmpty { options.assignors = assignor }
        options.instanceID = instanceID
        options.offsetReset = offsetReset ?? .earliest
        options.heartbeatInterval = .seconds(1)
        options.autoCommitInterval = .seconds(1)
        return options
    }

    private static func assignor(_ text: String) throws -> GroupAssignor {
        guard let assignor = GroupAssignor(rawValue: text) else {
            let all = GroupAssignor.allCases.map(\.name).joined(separator: ", ")
            throw ValidationError("there is no assignor '\(text)': there are \(all)")
        }
        return assignor
    }

    private static func offsetReset(_ text: String) throws -> OffsetReset {
        guard let reset = OffsetReset(rawValue: text) else {
            throw ValidationError("'\(text)' is no place to begin: give earliest, latest or none")
        }
        return reset
    }
}
