internal import EventLog
internal import KafkaProtocol

/// The settings of topics and of the broker, with where their values come from.
enum DescribeConfigsHandler {
    static func handle(_ request: DescribeConfigsRequest, _ call: Call) {
        // Each resource once, however often it is asked for: the answer must not be larger than what there is.
        var seen: Set<ConfigResource> = []
        let resources = request.resources.filter { resource in
            seen.insert(ConfigResource(resource.resourceType, resource.resourceName)).inserted
        }
        call.reply(DescribeConfigsResponse { $0.results = resources.map { describe($0, request, call) } })
    }

    private static func describe(
        _ resource: DescribeConfigsRequest.Resource, _ request: DescribeConfigsRequest, _ call: Call
    ) -> DescribeConfigsResponse.Result {
        var result = DescribeConfigsResponse.Result()
        result.resourceType = resource.resourceType
        result.resourceName = resource.resourceName
        result.errorMessage = nil
        do throws(Refusal) {
            let wanted = resource.configurationKeys.map(Set.init)
            result.configs = try configs(of: resource, request, call).filter { wanted?.contains($0.name) ?? true }
        } catch {
            result.errorCode = error.code
            result.errorMessage = error.message
        }
        return result
    }

    private static func configs(
        of resource: DescribeConfigsRequest.Resource, _ request: DescribeConfigsRequest, _ call: Call
    ) throws(Refusal) -> [DescribeConfigsResponse.Config] {
        let context = call.connection.context
        let layers = context.settings.layers
        switch resource.resourceType {
        case .topic:
            if let problem = TopicName.problem(with: resource.resourceName) {
                throw Refusal(.invalidTopicName(resource.resourceName, reason: problem))
            }
            let topic = try context.log.existingTopic(resource.resourceName)
            let settings = topic.settings
            return TopicSettings.all.map { definition in
                config(
                    definition.name, definition.kind, definition.documentation,
                    settings.values(of: definition, ofTopic: topic.name, layers), request,
                    inForce: definition.value(settings))
            }
        case .broker:
            try ConfigResource(.broker, resource.resourceName).checkBroker()
            if resource.resourceName.isEmpty { return forAllBrokers(layers, request) }
            let changeable = BrokerSettings.all.map { definition in
                let values = layers.values(of: definition).map { (definition.name, $0.value, $0.source) }
                return config(
                    definition.name, definition.kind, definition.documentation, values, request,
                    inForce: definition.value(context.settings.current))
            }
            let node = call.connection.nodeAddress
            let fixed = ReadOnlySetting.all.map { setting in
                let value = (setting.name, setting.value(context, node: node), setting.source)
                return config(setting.name, setting.kind, setting.text, [value], request, readOnly: true)
            }
            return (changeable + fixed).sorted { $0.name < $1.name }
        default: throw .noSettings(resource.resourceType)
        }
    }

    /// Without an id: what is set for all brokers, over the wire.
    private static func forAllBrokers(
        _ layers: SettingLayers, _ request: DescribeConfigsRequest
    ) -> [DescribeConfigsResponse.Config] {
        BrokerSettings.all.compactMap { definition in
            guard let value = layers.forAll[definition.name] else { return nil }
            let values = [(definition.name, value, ConfigSource.dynamicDefaultBroker)]
            return config(definition.name, definition.kind, definition.documentation, values, request)
        }
    }

    /// - Parameters:
    ///   - values: of the layers, the one that counts first.
    ///   - inForce: where it may be another than that: flush.ms alone says what flush.messages is, too.
    private static func config(
        _ name: String, _ kind: SettingKind, _ documentation: String,
        _ values: [(name: String, value: String, source: ConfigSource)], _ request: DescribeConfigsRequest,
        readOnly: Bool = false, inForce: String? = nil
    ) -> DescribeConfigsResponse.Config {
        DescribeConfigsResponse.Config {
            $0.name = name
            $0.value = inForce ?? values.first?.value
            $0.readOnly = readOnly
            $0.configSource = (values.first?.source ?? .unknown).rawValue
            $0.configType = kind.wireType.rawValue
            $0.documentation = request.includeDocumentation ? documentation : nil
            guard request.includeSynonyms else { return }
            $0.synonyms = values.map { value in
                DescribeConfigsResponse.Synonym {
                    $0.name = value.name
                    $0.value = value.value
                    $0.source = value.source.rawValue
                }
            }
        }
    }
}

extension TopicSettings {
    /// The values that a setting of a topic has, the one in force first: the topic's own, then the broker's layers.
    func values(
        of definition: Definition, ofTopic topic: String, _ layers: SettingLayers
    ) -> [(name: String, value: String, source: ConfigSource)] {
        var values: [(name: String, value: String, source: ConfigSource)] = []
        if overrides.contains(where: { $0.name == definition.name }) {
            values.append((definition.name, definition.value(self), .topic))
        }
        guard let broker = BrokerSettings.definitions[definition.brokerName] else { return values }
        // The topic of offsets has what groups need, not what other topics have.
        let inherited = layers.values(of: broker).filter {
            !InternalTopics.contains(topic) || $0.source == .defaultConfig
        }
        return values + inherited.map { (broker.name, $0.value, $0.source) }
    }
}
