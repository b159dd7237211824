internal import EventLog
internal import KafkaProtocol

enum CreatePartitionsHandler {
    static func handle(_ request: CreatePartitionsRequest, _ call: Call) {
        let context = call.connection.context
        call.replyBlocking {
            CreatePartitionsResponse {
                $0.results = request.topics.map { add($0, context, validateOnly: request.validateOnly) }
            }
        }
    }

    private static func add(
        _ wanted: CreatePartitionsRequest.Topic, _ context: BrokerContext, validateOnly: Bool
    ) -> CreatePartitionsResponse.TopicResult {
        var result = CreatePartitionsResponse.TopicResult()
        result.name = wanted.name
        do throws(LogError) {
            guard let topic = context.log.topic(wanted.name) else { throw .unknownTopic(wanted.name) }
            if validateOnly {
                try topic.checkPartitions(to: Int(wanted.count))
            } else {
                try topic.addPartitions(to: Int(wanted.count))
            }
        } catch {
            result.errorCode = error.wireCode
            result.errorMessage = error.wireMessage
        }
        return result
    }
}
