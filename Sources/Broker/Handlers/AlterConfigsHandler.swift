internal import EventLog
internal import KafkaProtocol

/// Replaces all settings of topics or of the broker: what is not named goes back to its default.
enum AlterConfigsHandler {
    static func handle(_ request: AlterConfigsRequest, _ call: Call) {
        let context = call.connection.context
        call.replyBlocking {
            let repeated = ConfigResource.repeated(request.resources.lazy.map(ConfigResource.init))
            return AlterConfigsResponse {
                $0.responses = request.resources.map {
                    alter($0, repeated, context, validateOnly: request.validateOnly)
                }
            }
        }
    }

    private static func alter(
        _ wanted: AlterConfigsRequest.Resource, _ repeated: Set<ConfigResource>, _ context: BrokerContext,
        validateOnly: Bool
    ) -> AlterConfigsResponse.ResourceResponse {
        var result = AlterConfigsResponse.ResourceResponse()
        result.resourceType = wanted.resourceType
        result.resourceName = wanted.resourceName
        result.errorMessage = nil
        do throws(Refusal) {
            let resource = ConfigResource(wanted)
            guard !repeated.contains(resource) else { throw .repeatedResource }
            if let config = wanted.configs.first(where: { $0.value == nil }) { throw .noValue(of: config.name) }
            try resource.alter(context, validateOnly: validateOnly) { settings throws(Refusal) in
                settings.removeAll()
                // Of a name that is there twice the last counts, as with Kafka's brokers before 3.3: clients that read
                // all settings, add theirs and write them back rely on it.
                for config in wanted.configs { try settings.set(config.name, to: config.value ?? "") }
            }
        } catch {
            result.errorCode = error.code
            result.errorMessage = error.message
        }
        return result
    }
}

extension ConfigResource {
    fileprivate init(_ resource: AlterConfigsRequest.Resource) {
        self.init(ConfigResourceType(rawValue: resource.resourceType), resource.resourceName)
    }
}
