import ArgumentParser
import KafkaClient

struct GroupDescribe: GroupSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Shows a group's members, and how far each partition is behind.",
        discussion: """
            Behind is exact: now minus the timestamp of the first record that has not been consumed, but in batches by gzip, \
            snappy or zstd, which are not opened, that of the batch's first record. Bytes are those of the record batches \
            from there to the end, as they are stored.

            EXAMPLES
              martlet group describe analytics
              martlet group describe analytics --topic 'sensor-*'
              martlet group describe analytics --data martlet-data --json
            """)

    @Argument(help: "The group's id.")
    var group: String

    @OptionGroup var selection: SelectionOptions
    @OptionGroup var source: SourceOptions
    @OptionGroup var output: OutputOptions

    func perform(
        _ backend: any GroupBackend, now: Timestamp, to out: inout StandardOutput
    ) async throws -> ExitStatus {
        let survey = try await GroupSurvey(group, selection.selection, from: backend, now: now)
        if output.json {
            out.bytes.append(contentsOf: json(survey))
            try out.writeLine("")
        } else {
            try print(survey, to: &out)
        }
        return .success
    }

    private func print(_ survey: GroupSurvey, to out: inout StandardOutput) throws {
        let group = survey.description
        let total = LagTotal(survey.lags)
        try out.writeLine("Group     \(group.id)")
        try out.writeLine("State     \(group.state)")
        try out.writeLine("Type      \(group.type)\(group.assignor.isEmpty ? "" : ", \(group.assignor)")")
        try out.writeLine("Members   \(group.members.count.grouped)")
        try out.writeLine("Behind    \(total.text)")
        if !group.members.isEmpty {
            try out.writeLine("")
            try members(survey).print(asJSON: false, to: &out)
        }
        guard !survey.lags.isEmpty else { return }
        try out.writeLine("")
        var partitions = partitions(survey)
        if survey.lags.allSatisfy({ $0.note == nil }) { partitions.removeColumn("note") }
        if group.members.isEmpty { partitions.removeColumn("member") }
        try partitions.print(asJSON: false, to: &out)
        try out.writeLine("")
        try topics(survey).print(asJSON: false, to: &out)
    }

    private func members(_ survey: GroupSurvey) -> Table {
        var table = Table([
            .init("name", "Member"), .init("host", "Host"), .init("partitions", "Partitions"),
            .init("records", "Records", isNumber: true), .init("bytes", "Bytes", isNumber: true),
            .init("seconds", "Behind", isNumber: true), .init("id", "Id"),
        ])
        for (member, name) in zip(survey.description.members, survey.names) {
            let total = survey.total(ofMember: name)
            let list = PartitionListText.text(member.assignment)
            table.add(
                .text(name), .text(member.host.hasPrefix("/") ? String(member.host.dropFirst()) : member.host),
                .init(list.isEmpty ? nil : list), .init(total.records),
                .bytes(total.bytes), .span(total.milliseconds), .text(member.id))
        }
        return table
    }

    private func partitions(_ survey: GroupSurvey) -> Table {
        var table = Table([
            .init("topic", "Topic"), .init("partition", "Partition", isNumber: true),
            .init("committed", "Committed", isNumber: true), .init("end", "End", isNumber: true),
            .init("records", "Records", isNumber: true), .init("bytes", "Bytes", isNumber: true),
            .init("seconds", "Behind", isNumber: true), .init("member", "Member"), .init("note", "Note"),
        ])
        for lag in survey.lags {
            table.add(
                .text(lag.partition.topic), .init(lag.partition.partition), .init(lag.committed), .init(lag.end),
                .init(lag.records), .bytes(lag.bytes), .span(lag.milliseconds), .init(lag.member), .init(lag.note))
        }
        return table
    }

    private func topics(_ survey: GroupSurvey) -> Table {
        var table = Table([
            .init("topic", "Topic"), .init("partitions", "Partitions", isNumber: true),
            .init("records", "Records", isNumber: true), .init("bytes", "Bytes", isNumber: true),
            .init("seconds", "Behind", isNumber: true),
        ])
        for topic in survey.topics {
            let total = survey.total(ofTopic: topic)
            table.add(
                .text(topic), .init(total.partitions), .init(total.records), .bytes(total.bytes),
                .span(total.milliseconds))
        }
        return table
    }

    private func json(_ survey: GroupSurvey) -> [UInt8] {
        let group = survey.description
        let total = LagTotal(survey.lags)
        var object = JSONObject()
        object.add("group", .text(group.id))
        object.add("state", .text(group.state))
        object.add("type", .text(group.type))
        object.add("assignor", .init(group.assignor.isEmpty ? nil : group.assignor))
        object.add("epoch", group.epoch.map { .init($0) } ?? .none)
        object.add("records", .init(total.records))
        object.add("bytes", .bytes(total.bytes))
        object.add("seconds", .span(total.milliseconds))
        object.add(
            "members",
            array: zip(group.members, survey.names).map { member, name in
                json(member, name, survey.total(ofMember: name))
            })
        object.add("partitions", json: partitions(survey).json)
        object.add("topics", json: topics(survey).json)
        return object.closed
    }

    private func json(_ member: GroupDescription.Member, _ name: String, _ total: LagTotal) -> [UInt8] {
        var object = JSONObject()
        object.add("name", .text(name))
        object.add("id", .text(member.id))
        object.add("instanceId", .init(member.instanceID))
        object.add("clientId", .text(member.clientID))
        object.add("host", .text(member.host))
        object.add("epoch", member.epoch.map { .init($0) } ?? .none)
        object.add("topics", member.topics)
        object.add(
            "assignment",
            array: member.assignment.map { partition in
                var object = JSONObject()
                object.add("topic", .text(partition.topic))
                object.add("partition", .init(partition.partition))
                return object.closed
            })
        object.add("records", .init(total.records))
        object.add("bytes", .bytes(total.bytes))
        object.add("seconds", .span(total.milliseconds))
        return object.closed
    }
}

extension LagTotal {
    /// `1,234 records, 5.6 MB, 3 min 20 s`.
    var text: String {
        guard let records else { return "nothing is committed" }
        guard records > 0 else { return "nothing: all is consumed" }
        var parts = [records.counted("record")]
        if let bytes { parts.append(bytes.asBytes) }
        if let milliseconds { parts.append(SpanText.forPeople(milliseconds)) }
        return parts.joined(separator: ", ")
    }
}
