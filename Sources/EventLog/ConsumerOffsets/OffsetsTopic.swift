internal import Synchronization

/// The settings of `__consumer_offsets`: it is compacted, and of the last while everything is kept, which is the
/// history of the groups.
enum OffsetsTopic {
    /// `offsets.history.ms` where nobody says otherwise: seven days.
    static let historyDefault: Int64 = 604_800_000

    /// Of a new topic. A change of 10,000 partitions is one batch.
    static func settings(history milliseconds: Int64) throws(LogError) -> TopicSettings {
        var settings = try TopicSettings([
            "max.message.bytes": String(TopicSettings.batchBytesLimit), "segment.bytes": "104857600",
        ])
        try compact(&settings, history: milliseconds)
        return settings
    }

    /// What is younger than the history is not compacted. A segment that is written to is not compacted at all: so it
    /// ends after a part of that.
    static func compact(_ settings: inout TopicSettings, history milliseconds: Int64) throws(LogError) {
        try settings.set("cleanup.policy", to: "compact")
        try settings.set("min.compaction.lag.ms", to: String(milliseconds))
        // A longer max.compaction.lag.ms was right beside a shorter history.
        if settings.contradiction != nil { try settings.unset("max.compaction.lag.ms") }
        try settings.set("segment.ms", to: String(segmentMilliseconds(history: milliseconds)))
    }

    /// Gives the topic what it was not given.
    static func complete(_ settings: inout TopicSettings) throws(LogError) {
        func isSet(_ name: String) -> Bool { settings.overrides.contains { $0.name == name } }
        if !isSet("cleanup.policy") { try settings.set("cleanup.policy", to: "compact") }
        if !isSet("min.compaction.lag.ms") {
            // What is to be compacted sooner is so because somebody said so.
            let most = settings.compactionDelayMilliseconds ?? historyDefault
            try settings.set("min.compaction.lag.ms", to: String(min(historyDefault, most)))
        }
        if !isSet("segment.ms") {
            let milliseconds = segmentMilliseconds(history: settings.compactionLagMilliseconds)
            try settings.set("segment.ms", to: String(milliseconds))
        }
    }

    private static func segmentMilliseconds(history: Int64) -> Int64 { min(max(history / 7, 60_000), 86_400_000) }

    /// Throws where committed offsets would go by what these say.
    static func check(_ settings: TopicSettings) throws(LogError) {
        func refuse(_ name: String, _ value: String, _ reason: String) throws(LogError) {
            throw .invalidSetting(
                name: name, value: value,
                reason: "\(ConsumerOffsets.topicName) has what groups have committed: \(reason)")
        }
        if settings.cleanup != .compact {
            try refuse(
                "cleanup.policy", settings.cleanup.description,
                "it must be compact; how long a group keeps its offsets is offsets.retention.minutes")
        }
        if let milliseconds = settings.recordTTLMilliseconds {
            try refuse("record.ttl.ms", String(milliseconds), "nothing in it may expire")
        }
        if settings.readsTTLHeaders { try refuse("record.ttl.headers", "true", "nothing in it may expire") }
    }
}

extension TopicCatalogue {
    private static let historyNote = ownPrefix + "offsets.history.since.ms"

    /// What happened to groups before then may have been compacted while the history was shorter than it is now; nil: it
    /// was never made longer.
    var historyStart: Timestamp? {
        storedSettings.first { $0.name == Self.historyNote }.flatMap { Int64($0.value) }.map(Timestamp.init)
    }

    /// A longer history does not bring back what a shorter one has let go of.
    mutating func noteHistory(from old: TopicSettings, to new: TopicSettings, now: Timestamp) {
        guard new.compactionLagMilliseconds > old.compactionLagMilliseconds else { return }
        let (since, overflow) = now.milliseconds.subtractingReportingOverflow(old.compactionLagMilliseconds)
        let start = max(historyStart?.milliseconds ?? .min, overflow ? .min : since)
        storedSettings.removeAll { $0.name == Self.historyNote }
        storedSettings.append(SettingOverride(name: Self.historyNote, value: String(start)))
    }

    /// A directory of before topics were compacted has committed offsets without these settings.
    mutating func compactOffsetsTopic() {
        guard let at = topics.firstIndex(where: { $0.name == ConsumerOffsets.topicName }) else { return }
        // The names and values are right ones.
        try? OffsetsTopic.complete(&topics[at].settings)
    }
}

extension ConsumerOffsets {
    package static let historyDefault = OffsetsTopic.historyDefault

    /// `offsets.history.ms`: for how long everything that happens to groups is kept, in milliseconds. Of what is older
    /// the last record of each key is enough. Durable when it returns; in force as well for a topic that is created later.
    package func keepHistory(milliseconds: Int64) throws(LogError) {
        try withPreparation { () throws(LogError) in
            history.store(milliseconds, ordering: .releasing)
            guard let topic = offsetsTopic, topic.settings.compactionLagMilliseconds != milliseconds else { return }
            var settings = topic.settings
            try OffsetsTopic.compact(&settings, history: milliseconds)
            try topic.alter(settings)
        }
    }
}
