internal import EventLog
internal import KafkaProtocol

/// The settings of topics, and those of the broker, which can only be read.
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
        switch resource.resourceType {
        case .topic:
            if let problem = TopicName.problem(with: resource.resourceName) {
                throw Refusal(.invalidTopicName(resource.resourceName, reason: problem))
            }
            let settings = try context.log.existingTopic(resource.resourceName).settings
            return TopicSettings.all.map { config($0, settings, request) }
        case .broker:
            // Without an id: what is set for all brokers, over the wire. Nothing is.
            if resource.resourceName.isEmpty { return [] }
            guard resource.resourceName == "\(BrokerContext.nodeID)" else {
                throw Refusal(
                    .invalidRequest,
                    "there is no broker '\(resource.resourceName.abbreviated)': ask for \(BrokerContext.nodeID)")
            }
            return BrokerSettings(context, node: call.connection.nodeAddress).all.map { config($0, request) }
        default: throw .noSettings(resource.resourceType)
        }
    }

    private static func config(
        _ definition: TopicSettings.Definition, _ settings: TopicSettings, _ request: DescribeConfigsRequest
    ) -> DescribeConfigsResponse.Config {
        DescribeConfigsResponse.Config {
            $0.name = definition.name
            $0.value = definition.value(settings)
            let source = ConfigSource.of(definition, in: settings)
            $0.configSource = source.rawValue
            $0.configType = definition.kind.wireType.rawValue
            $0.documentation = request.includeDocumentation ? definition.documentation : nil
            guard request.includeSynonyms else { return }
            if source == .topic { $0.synonyms.append(.init(definition.name, definition.value(settings), source)) }
            $0.synonyms.append(.init(definition.brokerName, definition.value(TopicSettings()), .defaultConfig))
        }
    }

    private static func config(
        _ setting: BrokerSettings.Setting, _ request: DescribeConfigsRequest
    ) -> DescribeConfigsResponse.Config {
        DescribeConfigsResponse.Config {
            $0.name = setting.name
            $0.value = setting.value
            $0.readOnly = true
            $0.configSource = setting.source.rawValue
            $0.configType = setting.type.rawValue
            $0.documentation = request.includeDocumentation ? setting.documentation : nil
            if request.includeSynonyms { $0.synonyms = [.init(setting.name, setting.value, setting.source)] }
        }
    }
}

extension DescribeConfigsResponse.Synonym {
    fileprivate init(_ name: String, _ value: String, _ source: ConfigSource) {
        self.init()
        self.name = name
        self.value = value
        self.source = source.rawValue
    }
}
