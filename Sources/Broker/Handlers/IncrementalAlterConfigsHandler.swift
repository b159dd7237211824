internal import EventLog
internal import KafkaProtocol

/// Sets and unsets settings of topics and of the broker, and leaves the others as they are.
enum IncrementalAlterConfigsHandler {
    static func handle(_ request: IncrementalAlterConfigsRequest, _ call: Call) {
        let context = call.connection.context
        call.replyBlocking {
            let repeated = ConfigResource.repeated(
                request.resources.lazy.map { ConfigResource($0.resourceType, $0.resourceName) })
            return IncrementalAlterConfigsResponse {
                $0.responses = request.resources.map {
                    alter($0, repeated, context, validateOnly: request.validateOnly)
                }
            }
        }
    }

    private static func alter(
        _ wanted: IncrementalAlterConfigsRequest.Resource, _ repeated: Set<ConfigResource>, _ context: BrokerContext,
        validateOnly: Bool
    ) -> IncrementalAlterConfigsResponse.ResourceResult {
        var result = IncrementalAlterConfigsResponse.ResourceResult()
        result.resourceType = wanted.resourceType
        result.resourceName = wanted.resourceName
        result.errorMessage = nil
        do throws(Refusal) {
            let resource = ConfigResource(wanted.resourceType, wanted.resourceName)
            guard !repeated.contains(resource) else { throw .repeatedResource }
            try ConfigResource.check(
                wanted.configs.map { config in
                    // What is deleted needs no value.
                    let isDeleted = config.configOperation == AlterConfigOperation.delete.rawValue
                    return (config.name, isDeleted ? "" : config.value)
                })
            try resource.alter(context, validateOnly: validateOnly) { settings throws(Refusal) in
                for config in wanted.configs { try apply(config, to: &settings) }
            }
        } catch {
            result.errorCode = error.code
            result.errorMessage = error.message
        }
        return result
    }

    private static func apply(
        _ config: IncrementalAlterConfigsRequest.Config, to settings: inout AlteredSettings
    ) throws(Refusal) {
        let value = config.value ?? ""
        switch AlterConfigOperation(rawValue: config.configOperation) {
        case .set: try settings.set(config.name, to: value)
        case .delete: try settings.unset(config.name)
        case .append: try settings.change(config.name, by: value, adds: true)
        case .subtract: try settings.change(config.name, by: value, adds: false)
        case nil:
            throw Refusal(
                .invalidRequest, "\(config.configOperation) is no operation: 0 sets, 1 deletes, 2 appends, 3 subtracts")
        }
    }
}
