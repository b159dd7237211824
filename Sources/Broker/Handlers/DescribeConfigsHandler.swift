internal import EventLog
internal import KafkaProtocol

/// The settings of topics; of the broker there are none that could be set over the wire.
enum DescribeConfigsHandler {
    static func handle(_ request: DescribeConfigsRequest, _ call: Call) {
        let log = call.connection.context.log
        call.reply(DescribeConfigsResponse { $0.results = request.resources.map { describe($0, request, log) } })
    }

    private static func describe(
        _ resource: DescribeConfigsRequest.Resource, _ request: DescribeConfigsRequest, _ log: EventLog
    ) -> DescribeConfigsResponse.Result {
        var result = DescribeConfigsResponse.Result()
        result.resourceType = resource.resourceType
        result.resourceName = resource.resourceName
        switch resource.resourceType {
        case .topic:
            guard let topic = log.topic(resource.resourceName) else {
                result.errorCode = .unknownTopicOrPartition
                result.errorMessage = "there is no such topic"
                return result
            }
            let wanted = resource.configurationKeys.map(Set.init)
            let settings = topic.settings
            result.configs = TopicSettings.all
                .filter { wanted?.contains($0.name) ?? true }
                .map { config($0, settings, request) }
        case .broker: break
        default:
            result.errorCode = .invalidRequest
            result.errorMessage = "only topics and brokers have settings"
        }
        return result
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
            if request.includeSynonyms {
                $0.synonyms = [
                    DescribeConfigsResponse.Synonym {
                        $0.name = definition.name
                        $0.value = definition.value(settings)
                        $0.source = source.rawValue
                    }
                ]
            }
        }
    }
}

extension ConfigSource {
    static func of(_ definition: TopicSettings.Definition, in settings: TopicSettings) -> ConfigSource {
        settings.overrides.contains { $0.name == definition.name } ? .topic : .defaultConfig
    }
}

extension TopicSettings.Definition.Kind {
    fileprivate var wireType: ConfigType {
        switch self {
        case .string: .string
        case .int: .int
        case .long: .long
        }
    }
}
