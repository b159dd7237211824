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

    /// Changes the settings of a topic or of the broker, or only looks whether that could be. Where it may wait for the
    /// disk.
    func alter(
        _ context: BrokerContext, validateOnly: Bool, _ change: (inout AlteredSettings) throws(Refusal) -> Void
    ) throws(Refusal) {
        switch type {
        case .topic:
            guard !InternalTopics.contains(name) else {
                throw .internalTopic(name, "its settings are what groups need")
            }
        case .broker: try checkBroker()
        default: throw .noSettings(type)
        }
        // One at a time: of two changes at once, none may be lost.
        try context.settingsChanges.withLock { _ throws(Refusal) in
            if type == .broker {
                try alterBroker(context, validateOnly: validateOnly, change)
            } else {
                try alterTopic(context, validateOnly: validateOnly, change)
            }
        }
    }

    private func alterTopic(
        _ context: BrokerContext, validateOnly: Bool, _ change: (inout AlteredSettings) throws(Refusal) -> Void
    ) throws(Refusal) {
        let topic = try context.log.existingTopic(name)
        let before = topic.settings
        var altered = AlteredSettings(of: before)
        try change(&altered)
        do throws(LogError) {
            var settings = TopicSettings()
            for (name, value) in altered.values.sorted(by: { $0.key < $1.key }) { try settings.set(name, to: value) }
            if validateOnly {
                _ = try context.log.checked(settings, ofTopic: name)
            } else {
                try topic.alter(settings)
            }
        } catch {
            throw Refusal(error)
        }
    }

    private func alterBroker(
        _ context: BrokerContext, validateOnly: Bool, _ change: (inout AlteredSettings) throws(Refusal) -> Void
    ) throws(Refusal) {
        let isForAll = name.isEmpty
        let layers = context.settings.layers
        let inForce = context.settings.current
        var altered = AlteredSettings(
            layer: isForAll ? layers.forAll : layers.own, inForce,
            // To be told what cannot change is no change.
            readOnly: { name in
                ReadOnlySetting.named(name).map { setting in
                    (setting.value(context, node: context.configuration.listen), setting.refusal)
                }
            })
        try change(&altered)
        do throws(LogError) {
            let settings = try context.settings.alter(validateOnly: validateOnly, context.groups.offsets) {
                layers throws(LogError) in
                var layer: [String: String] = [:]
                for (name, value) in altered.values { try SettingLayers.set(name, to: value, in: &layer) }
                if isForAll { layers.forAll = layer } else { layers.own = layer }
            }
            if !validateOnly { context.take(settings) }
        } catch {
            throw Refusal(error)
        }
    }

    /// All brokers, by no name; or the only one there is.
    func checkBroker() throws(Refusal) {
        guard name.isEmpty || name == "\(BrokerContext.nodeID)" else {
            throw Refusal(
                .invalidRequest,
                "there is no broker '\(name.abbreviated)': ask for \(BrokerContext.nodeID)")
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
            guard value != nil else { throw .noValue(of: name) }
        }
    }
}

extension Refusal {
    static let repeatedResource = Refusal(
        .invalidRequest, "the resource is in the request more than once: name it once, with all its settings")

    static func noValue(of name: String) -> Refusal {
        Refusal(.invalidRequest, "setting '\(name.abbreviated)' has no value: give one, or delete it")
    }

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
