internal import Storage
internal import Synchronization

/// What holds for the directory as a whole, and what its topics have: changed by name, in force at once.
extension EventLog {
    // MARK: The directory's

    /// How the directory is kept in bounds.
    public var settings: LogSettings { kept.settings }

    /// Takes over new settings, and has the log kept in bounds by them at once. They are not stored: who opens the log
    /// says them, or keeps them by `store`.
    public func apply(_ settings: LogSettings) {
        kept.state.settings.withLock { $0 = settings }
        committer.reserve?.look()
        housekeeping.wake()
    }

    /// Settings that the log keeps for whoever opens it, and does not look at.
    package func storedSettings() throws(LogError) -> [SettingOverride] {
        try change { catalogue in catalogue.storedSettings.filter { !$0.isOwn } }
    }

    /// Puts others in their place. Durable when it returns.
    package func store(_ settings: [SettingOverride]) throws(LogError) {
        try change { catalogue throws(LogError) in
            for setting in settings {
                guard setting.name.utf8.count <= UInt16.max, setting.value.utf8.count <= UInt16.max else {
                    throw .invalidSetting(
                        name: setting.name, value: setting.value,
                        reason: "it is longer than the \(UInt16.max) bytes that the catalogue has room for")
                }
            }
            let settings = settings + catalogue.storedSettings.filter(\.isOwn)
            guard settings.count <= TopicCatalogue.settingsMax else {
                throw .invalidSetting(
                    name: "", value: "", reason: "\(settings.count) are more than the catalogue has room for")
            }
            guard settings != catalogue.storedSettings else { return }
            catalogue.storedSettings = settings
            try catalogueFile.write(catalogue)
        }
    }

    // MARK: Topics'

    /// What topics have that set nothing, by the names of topics' settings; in order of name. They are kept in the
    /// directory. `__consumer_offsets` has none of them.
    public func topicDefaults() throws(LogError) -> [SettingOverride] {
        try change { catalogue in catalogue.topicDefaults }
    }

    /// Puts others in their place, for the topics that there are and those to come. Durable when it returns.
    ///
    /// Throws `invalidSetting` for a name that is no topic's setting, a value out of its range, and where a topic's own
    /// settings contradict them.
    public func alterTopicDefaults(_ defaults: [SettingOverride]) throws(LogError) {
        try change { catalogue throws(LogError) in
            let before = catalogue
            try catalogue.take(defaults)
            guard catalogue.topicDefaults != before.topicDefaults else { return }
            var altered: [(topic: Topic, settings: TopicSettings)] = []
            for entry in catalogue.topics where !entry.isBeingDeleted {
                guard let topic = topicTable.topic(entry.id) else { continue }
                altered.append((topic, entry.settings))
            }
            try put(altered, by: catalogue)
        }
    }

    /// Whether `alterTopicDefaults` could be; throws why not.
    package func checkTopicDefaults(_ defaults: [SettingOverride]) throws(LogError) {
        try change { catalogue throws(LogError) in
            var trial = catalogue
            try trial.take(defaults)
        }
    }

    /// What the topic would have with these settings and the defaults; throws where they contradict each other.
    package func checked(_ settings: TopicSettings, ofTopic name: String) throws(LogError) -> TopicSettings {
        try change { catalogue throws(LogError) in try catalogue.checked(settings, of: name) }
    }

    func alter(_ topic: Topic, _ settings: TopicSettings) throws(LogError) {
        try change { catalogue throws(LogError) in
            let at = try index(of: topic, catalogue)
            let settings = try catalogue.checked(settings, of: topic.name)
            if topic.name == ConsumerOffsets.topicName {
                let now = options.environment.now()
                catalogue.noteHistory(from: catalogue.topics[at].settings, to: settings, now: now)
            }
            catalogue.topics[at].settings = settings
            try put([(topic, settings)], by: catalogue)
            historyStart.store(catalogue.historyStart?.milliseconds ?? .min, ordering: .releasing)
        }
    }

    /// Writes the catalogue, and has the topics follow it.
    private func put(
        _ altered: [(topic: Topic, settings: TopicSettings)], by catalogue: TopicCatalogue
    ) throws(LogError) {
        let changesLane = altered.filter { $0.topic.settings.isJournaled != $0.settings.isJournaled }.map(\.topic)
        // Where the way to durability changes, appends pause until what was appended the old way is on disk.
        if !changesLane.isEmpty { try pauseAppends(to: changesLane) }
        defer { if !changesLane.isEmpty { resumeAppends(to: changesLane) } }
        try catalogueFile.write(catalogue)
        for (topic, settings) in altered {
            topic.take(settings)
            for partition in topic.partitions { partition.apply(settings) }
        }
    }

    private func pauseAppends(to topics: [Topic]) throws(LogError) {
        let partitions = topics.flatMap(\.partitions)
        for partition in partitions { partition.pause() }
        committer.flush()
        // Of a partition that is clean the last checkpoint may have been written by a process that was killed before it
        // was durable. A topic that skips the journal does without; one that is cut at its checkpoint's end does not.
        for partition in partitions { partition.wantCheckpoint() }
        // Nor does it help one whose sync has failed.
        if let failure = partitions.lazy.compactMap(\.failure).first {
            resumeAppends(to: topics)
            throw failure
        }
        do { try storage { () throws(FileError) in try checkpointer.checkpoint() } } catch {
            resumeAppends(to: topics)
            throw error
        }
    }

    private func resumeAppends(to topics: [Topic]) {
        for partition in topics.flatMap(\.partitions) { partition.resume() }
        committer.wakeWaiting()
    }
}

extension TopicCatalogue {
    /// How the names of stored settings begin that are the log's own.
    static let ownPrefix = "log:"

    /// Takes the defaults, if no topic contradicts them.
    fileprivate mutating func take(_ defaults: [SettingOverride]) throws(LogError) {
        var settings = TopicSettings()
        try settings.rebase(on: defaults)
        try settings.check()
        let before = self
        try rebase(on: defaults)
        for (old, new) in zip(before.topics, topics) where old.settings.contradiction == nil {
            try new.settings.check(of: new.name)
        }
    }

    /// The settings over the defaults that hold for the topic; throws where they contradict each other.
    func checked(_ settings: TopicSettings, of topic: String) throws(LogError) -> TopicSettings {
        var settings = settings
        try settings.rebase(on: defaults(of: topic))
        if topic == ConsumerOffsets.topicName {
            try OffsetsTopic.complete(&settings)
            try OffsetsTopic.check(settings)
        }
        try settings.check()
        return settings
    }
}

extension SettingOverride {
    fileprivate var isOwn: Bool { name.hasPrefix(TopicCatalogue.ownPrefix) }
}

extension TopicSettings {
    /// Throws `contradiction` as an error; `topic`: whose settings they are, where the caller did not name it.
    fileprivate func check(of topic: String? = nil) throws(LogError) {
        guard let (name, reason) = contradiction else { return }
        let value = Self.all.first { $0.name == name }?.value(self) ?? ""
        let whose = topic.map { "topic '\($0.abbreviated)' contradicts it: " } ?? ""
        throw .invalidSetting(name: name, value: value, reason: whose + reason)
    }
}
