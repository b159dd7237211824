internal import EventLog
internal import KafkaProtocol
internal import Synchronization

/// What has settings, by type and name; and what the two APIs that change them have in common.
struct ConfigResource: Hashable, Sendable {
    let type: ConfigResourceType
    let name: String

    init(_ type: ConfigResourceType, _ name: String) {
        self.type = type
        self.name = name
    }

    /// Those that are there more than once.
    static func repeated(_ resources: some Sequence<ConfigResource>) -> Set<ConfigResource> {
        var seen: Set<ConfigResource> = []
        return Set(resources.filter { !seen.insert($0).inserted })
    }

    /// Changes the settings of a topic, or only looks whether that could be. Where it may wait for the disk.
    func alter(
        _ context: BrokerContext, validateOnly: Bool, _ change: (inout TopicSettings) throws(Refusal) -> Void
    ) throws(Refusal) {
        switch type {
        case .topic:
            guard !InternalTopics.contains(name) else {
                throw .internalTopic(name, "its settings are what groups need")
            }
        case .broker:
            throw Refusal(
                .invalidRequest, "a broker's settings are given to 'martlet serve': start it anew with others")
        default: throw .noSettings(type)
        }
        // One at a time: of two changes at once, none may be lost.
        try context.settingsChanges.withLock { _ throws(Refusal) in
            let topic = try context.log.existingTopic(name)
            var settings = topic.settings
            try change(&settings)
            guard !validateOnly else { return }
            do throws(LogError) { try topic.alter(settings) } catch { throw Refusal(error) }
        }
    }

    /// A setting that is named twice, or has no value.
    static func check(_ pairs: [(name: String, value: String?)]) throws(Refusal) {
        var names: Set<String> = []
        for (name, value) in pairs {
            guard names.insert(name).inserted else {
                throw Refusal(
                    .invalidRequest, "setting '\(name.abbreviated)' is in the request more than once: name it once")
            }
            guard value != nil else {
                throw Refusal(.invalidRequest, "setting '\(name.abbreviated)' has no value: give one, or delete it")
            }
        }
    }
}

extension Refusal {
    static let repeatedResource = Refusal(
        .invalidRequest, "the resource is in the request more than once: name it once, with all its settings")

    static func unknownTopic(_ id: UUIDBytes) -> Refusal {
        Refusal(.unknownTopicID, "there is no topic of id \(TopicID(id)): list the topics there are")
    }

    static func noSettings(_ type: ConfigResourceType) -> Refusal {
        Refusal(
            .invalidRequest, "resources of type \(type.rawValue) have no settings here: topics (2) and brokers (4) do")
    }
}

extension EventLog {
    /// A topic by its name, or why there is none.
    func existingTopic(_ name: String) throws(Refusal) -> Topic {
        guard let topic = topic(name) else { throw Refusal(.unknownTopic(name)) }
        return topic
    }
}
