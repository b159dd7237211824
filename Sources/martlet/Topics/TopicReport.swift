import KafkaClient
import RecordFormat

/// What `martlet topic describe` says of a topic.
struct TopicReport {
    let topic: TopicDescription
    let rules: KeepingRules
    /// By partition.
    let uses: [PartitionUse]
    let showsAll: Bool
    private let use: DiskUse
    private var sentences: KeepingSentences { KeepingSentences(rules: rules) }

    init(_ topic: TopicDescription, _ survey: DiskSurvey, showsAll: Bool) {
        self.topic = topic
        self.showsAll = showsAll
        rules = survey.rules[topic.name] ?? KeepingRules()
        uses = survey.uses(ofTopic: topic.name)
        use = DiskUse(uses)
    }

    // MARK: For people

    func print(to out: inout StandardOutput) throws {
        try out.writeLine("Topic       \(topic.name)")
        if let id = topic.id { try out.writeLine("Id          \(id)") }
        let records = topic.partitions.reduce(Int64(0)) { $0 + max(0, $1.end.distance(from: $1.logStart)) }
        try out.writeLine("Records     \(records.grouped) in \(topic.partitions.count.counted("partition"))")
        for (title, text) in meaning {
            try out.writeLine(title + String(repeating: " ", count: 12 - title.count) + text)
        }
        try out.writeLine("")
        var partitions = partitions
        if uses.allSatisfy({ $0.note == nil }) { partitions.removeColumn("note") }
        try partitions.print(asJSON: false, to: &out)
        try out.writeLine("")
        if shown.isEmpty {
            try out.writeLine("All settings have their defaults: see them with --all")
        } else {
            var settings = settings(shown)
            settings.removeColumn("isDefault")
            try settings.print(asJSON: false, to: &out)
            if !showsAll { try out.writeLine("All others have their defaults: see them with --all") }
        }
    }

    /// What holds for it, a line each.
    private var meaning: [(title: String, text: String)] {
        var lines = [("Keeps", "\(sentences.keeps); \(now)")]
        for text in sentences.deletes { lines.append(("Deletes", text)) }
        if let text = sentences.compacts { lines.append(("Compacts", "\(text); \(newPart)")) }
        if let text = sentences.hides { lines.append(("Hides", text)) }
        if let text = sentences.timestamps { lines.append(("Timestamps", text)) }
        lines.append(("Durability", promise))
        for note in notes { lines.append(("Note", note)) }
        return lines
    }

    private var notes: [String] {
        sentences.notes { name in topic.settings.contains { $0.name == name && $0.source == .topic } }
    }

    /// `3.1 GiB now, oldest 2026-11-16 10:04Z, 450.0 MiB more a day, held at 3.4 GiB`.
    private var now: String {
        guard let bytes = use.bytes else { return "how much there is, is not known" }
        guard bytes > 0 else { return "nothing now" }
        var parts = [BinarySize.text(bytes) + " now"]
        if let oldest = use.oldest { parts.append("oldest \(TimeText.minute(oldest.milliseconds))") }
        if let growth = use.growth { parts.append("\(BinarySize.text(growth.perDay)) more a day") }
        if let held = use.bound.bytes { parts.append("held at \(BinarySize.text(held))") }
        return parts.joined(separator: ", ")
    }

    /// How much has come since the last compaction.
    private var newPart: String {
        guard let bytes = use.bytes, bytes > 0 else { return "there is nothing yet" }
        guard let compacted = use.compacted else { return "nothing has been compacted yet" }
        let part = 1 - min(1, Double(compacted) / Double(bytes))
        return "\(Int((part * 100).rounded())) % is new now"
    }

    private var partitions: Table {
        var table = Table([
            .init("partition", "Partition", isNumber: true), .init("logStart", "Start", isNumber: true),
            .init("end", "End", isNumber: true), .init("records", "Records", isNumber: true),
            .init("bytes", "Bytes", isNumber: true), .init("oldest", "Oldest"), .init("note", "Note"),
        ])
        for partition in topic.partitions {
            let use = uses.first { $0.partition.partition == partition.index }
            table.add(
                .init(partition.index), .init(partition.logStart), .init(partition.end),
                .init(max(0, partition.end.distance(from: partition.logStart))), .size(use?.bytes),
                .minute(use?.oldest?.milliseconds), .init(use?.note))
        }
        return table
    }

    private var shown: [Setting] { showsAll ? topic.settings : topic.settings.filter { $0.scope != .default } }

    private func settings(_ settings: [Setting]) -> Table {
        var table = Table([
            .init("name", "Setting"), .init("value", "Value"), .init("meaning", "Means"), .init("source", "Set for"),
            .init("default", "Otherwise"), .init("isDefault", "Default"),
        ])
        for setting in settings {
            let meaning = setting.value.flatMap { SettingValue.meaning(setting.name, $0) }
            table.add(
                .text(setting.name), .init(setting.value), .init(meaning), .text(setting.scope.rawValue),
                .init(setting.defaultValue), .flag(setting.isDefault))
        }
        return table
    }

    // MARK: For programs

    var json: [UInt8] {
        var object = JSONObject()
        object.add("name", .text(topic.name))
        object.add("id", .init(topic.id))
        object.add("keeps", .text(sentences.keeps))
        object.add("deletes", sentences.deletes)
        object.add("compacts", .init(sentences.compacts))
        object.add("hides", .init(sentences.hides))
        object.add("durability", .text(promise))
        object.add("notes", notes)
        object.add("bytes", .size(use.bytes))
        object.add("oldest", .time(use.oldest))
        object.add("growthPerDay", .size(use.growth?.perDay))
        object.add("heldAt", .size(use.bound.bytes))
        object.add("compactedBytes", .size(use.compacted))
        object.add("partitions", json: partitions.json)
        object.add("settings", json: settings(topic.settings).json)
        return object.closed
    }

    private var promise: String { Self.promise { name in topic.settings.first { $0.name == name }?.value } }

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

extension Setting {
    enum Scope: String { case topic, broker, `default` }

    /// What a value is set for: whoever set nothing has the default.
    var scope: Scope {
        switch source {
        case .topic: .topic
        case .dynamicBroker, .dynamicDefaultBroker, .staticBroker: .broker
        case .default, .unknown: .default
        }
    }
}
