internal import EventLog
internal import KafkaProtocol

enum CreatePartitionsHandler {
    static func handle(_ request: CreatePartitionsRequest, _ call: Call) {
        let context = call.connection.context
        let counts = Dictionary(request.topics.map { ($0.name, 1) }, uniquingKeysWith: +)
        call.replyBlocking {
            defer { context.groups.topicsChanged() }
            return CreatePartitionsResponse {
                $0.results = request.topics.map { topic in
                    add(topic, context, isRepeated: counts[topic.name] != 1, validateOnly: request.validateOnly)
                }
            }
        }
    }

    private static func add(
        _ wanted: CreatePartitionsRequest.Topic, _ context: BrokerContext, isRepeated: Bool, validateOnly: Bool
    ) -> CreatePartitionsResponse.TopicResult {
        var result = CreatePartitionsResponse.TopicResult()
        result.name = wanted.name
        do throws(Refusal) {
            guard !isRepeated else {
                throw Refusal(.invalidRequest, "the topic is in the request more than once: name it once")
            }
            guard !InternalTopics.contains(wanted.name) else {
                throw .internalTopic(wanted.name, "where a group's offsets are depends on how many partitions it has")
            }
            try add(wanted, to: context.log.existingTopic(wanted.name), context, validateOnly: validateOnly)
        } catch {
            result.errorCode = error.code
            result.errorMessage = error.message
        }
        return result
    }

    private static func add(
        _ wanted: CreatePartitionsRequest.Topic, to topic: Topic, _ context: BrokerContext, validateOnly: Bool
    ) throws(Refusal) {
        do throws(LogError) { try topic.checkPartitions(to: Int(wanted.count)) } catch { throw Refusal(error) }
        try check(wanted.assignments, ofNew: Int(wanted.count) - topic.partitions.count)
        let count = Int(wanted.count) - topic.partitions.count
        guard !validateOnly else { return try context.checkRoom(topics: 0, partitions: count) }
        try context.withRoom(topics: 0, partitions: count) { () throws(LogError) in
            try topic.addPartitions(to: Int(wanted.count))
        }
    }

    private static func check(_ assignments: [CreatePartitionsRequest.Assignment]?, ofNew count: Int) throws(Refusal) {
        guard let assignments else { return }
        guard assignments.count == count else {
            throw Refusal(
                .invalidReplicaAssignment,
                "\(assignments.count) assignments do not fit \(count) new partitions: give one for each, or none")
        }
        if let problem = ReplicaAssignment.problem(with: assignments.lazy.map(\.brokerIDs)) {
            throw Refusal(.invalidReplicaAssignment, problem)
        }
    }
}
