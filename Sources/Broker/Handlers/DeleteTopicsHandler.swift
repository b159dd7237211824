internal import EventLog
internal import KafkaProtocol
internal import Logging

enum DeleteTopicsHandler {
    static func handle(_ request: DeleteTopicsRequest, _ call: Call) {
        let context = call.connection.context
        let byName = request.topicNames.map { name in DeleteTopicsRequest.Topic { $0.name = name } }
        call.replyBlocking {
            DeleteTopicsResponse { $0.responses = (request.topics + byName).map { delete($0, context) } }
        }
    }

    private static func delete(
        _ wanted: DeleteTopicsRequest.Topic, _ context: BrokerContext
    ) -> DeleteTopicsResponse.TopicResult {
        var result = DeleteTopicsResponse.TopicResult()
        result.name = wanted.name
        result.topicID = wanted.topicID
        let isByID = wanted.name == nil
        let topic = isByID ? context.log.topic(id: TopicID(wanted.topicID)) : wanted.name.flatMap(context.log.topic)
        guard let topic else {
            result.errorCode = isByID ? .unknownTopicID : .unknownTopicOrPartition
            result.errorMessage = "there is no such topic"
            return result
        }
        result.name = topic.name
        result.topicID = UUIDBytes(topic.id)
        do throws(LogError) {
            try context.log.deleteTopic(topic.name)
            context.logger.info("deleted a topic", metadata: ["topic": "\(topic.name)"])
        } catch {
            result.errorCode = error.wireCode
            result.errorMessage = error.wireMessage
        }
        return result
    }
}
