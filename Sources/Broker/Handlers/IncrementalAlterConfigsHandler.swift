internal import EventLog
internal import KafkaProtocol

/// Sets and unsets settings of topics.
enum IncrementalAlterConfigsHandler {
    static func handle(_ request: IncrementalAlterConfigsRequest, _ call: Call) {
        let context = call.connection.context
        call.replyBlocking {
            IncrementalAlterConfigsResponse {
                $0.responses = request.resources.map { alter($0, context, validateOnly: request.validateOnly) }
            }
        }
    }

    private static func alter(
        _ resource: IncrementalAlterConfigsRequest.Resource, _ context: BrokerContext, validateOnly: Bool
    ) -> IncrementalAlterConfigsResponse.ResourceResult {
        var result = IncrementalAlterConfigsResponse.ResourceResult()
        result.resourceType = resource.resourceType
        result.resourceName = resource.resourceName
        result.errorMessage = nil
        guard resource.resourceType == .topic else {
            result.errorCode = .invalidRequest
            result.errorMessage = "only topics have settings that can be changed"
            return result
        }
        do throws(LogError) {
            guard let topic = context.log.topic(resource.resourceName) else {
                throw .unknownTopic(resource.resourceName)
            }
            var settings = topic.settings
            for config in resource.configs { try apply(config, to: &settings) }
            if !validateOnly { try topic.alter(settings) }
        } catch {
            result.errorCode = error.wireCode
            result.errorMessage = error.wireMessage
        }
        return result
    }

    private static func apply(
        _ config: IncrementalAlterConfigsRequest.Config, to settings: inout TopicSettings
    ) throws(LogError) {
        switch AlterConfigOperation(rawValue: config.configOperation) {
        case .set: try settings.set(config.name, to: config.value ?? "")
        case .delete: try settings.unset(config.name)
        case .append, .subtract, nil:
            throw .invalidSetting(
                name: config.name, value: config.value ?? "", reason: "it is no list: set it, or delete it")
        }
    }
}
