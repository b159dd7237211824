internal import EventLog
internal import KafkaProtocol
internal import Logging

enum DeleteTopicsHandler {
    static func handle(_ request: DeleteTopicsRequest, _ call: Call) {
        let context = call.connection.context
        let byName = request.topicNames.map { name in DeleteTopicsRequest.Topic { $0.name = name } }
        let topics = request.topics + byName
        let counts = Dictionary(topics.map { (Key($0), 1) }, uniquingKeysWith: +)
        call.replyBlocking {
            defer { context.groups.topicsChanged() }
            return DeleteTopicsResponse {
                $0.responses = topics.map { delete($0, context, isRepeated: counts[Key($0)] != 1) }
            }
        }
    }

    /// How a topic is named.
    private struct Key: Hashable {
        let name: String?
        let id: UUIDBytes

        init(_ topic: DeleteTopicsRequest.Topic) {
            name = topic.name
            id = topic.topicID
        }
    }

    private static func delete(
        _ wanted: DeleteTopicsRequest.Topic, _ context: BrokerContext, isRepeated: Bool
    ) -> DeleteTopicsResponse.TopicResult {
        var result = DeleteTopicsResponse.TopicResult()
        result.name = wanted.name
        result.topicID = wanted.topicID
        do throws(Refusal) {
            guard !isRepeated else {
                throw Refusal(.invalidRequest, "the topic is in the request more than once: name it once")
            }
            let topic = try find(wanted, in: context.log)
            result.name = topic.name
            result.topicID = UUIDBytes(topic.id)
            guard !InternalTopics.contains(topic.name) else {
                throw .internalTopic(topic.name, "delete the groups instead")
            }
            do throws(LogError) { try context.log.deleteTopic(topic.name) } catch { throw Refusal(error) }
            context.logger.info("deleted a topic", metadata: ["topic": "\(topic.name)"])
        } catch {
            result.errorCode = error.code
            result.errorMessage = error.message
        }
        return result
    }

    private static func find(_ wanted: DeleteTopicsRequest.Topic, in log: EventLog) throws(Refusal) -> Topic {
        switch (wanted.name, wanted.topicID.isZero) {
        case (let name?, true): return try log.existingTopic(name)
        case (nil, false):
            if let topic = log.topic(id: TopicID(wanted.topicID)) { return topic }
            throw .unknownTopic(wanted.topicID)
        case (_?, false): throw Refusal(.invalidRequest, "name a topic by its name or its id, not by both")
        case (nil, true): throw Refusal(.invalidRequest, "a topic has neither name nor id: give one of them")
        }
    }
}
