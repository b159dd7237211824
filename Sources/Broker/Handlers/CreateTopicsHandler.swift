internal import EventLog
internal import KafkaProtocol
internal import Logging

enum CreateTopicsHandler {
    static func handle(_ request: CreateTopicsRequest, _ call: Call) {
        let context = call.connection.context
        let defaultPartitions = context.settings.current.partitionCount
        let counts = Dictionary(request.topics.map { ($0.name, 1) }, uniquingKeysWith: +)
        call.replyBlocking {
            defer { context.groups.topicsChanged() }
            return CreateTopicsResponse {
                $0.topics = request.topics.map { topic in
                    if counts[topic.name] != 1 {
                        return failed(
                            topic, .invalidRequest, "the topic is in the request more than once: name it once")
                    }
                    return create(topic, context, defaultPartitions, validateOnly: request.validateOnly)
                }
            }
        }
    }

    private static func create(
        _ wanted: CreateTopicsRequest.Topic, _ context: BrokerContext, _ defaultPartitions: Int, validateOnly: Bool
    ) -> CreateTopicsResponse.TopicResult {
        guard !InternalTopics.contains(wanted.name) else {
            let refusal = Refusal.internalTopic(wanted.name, "it comes to be with the first group")
            return failed(wanted, refusal.code, refusal.message)
        }
        // One node: assignments can only say how many partitions there are to be.
        var count = Int(wanted.numPartitions)
        if !wanted.assignments.isEmpty {
            guard count == -1, wanted.replicationFactor == -1 else {
                return failed(
                    wanted, .invalidRequest,
                    "\(count) partitions and a replication factor of \(wanted.replicationFactor) are given, and "
                        + "assignments too: give -1 for both, or leave out the assignments")
            }
            count = wanted.assignments.count
            let given = Set(wanted.assignments.map(\.partitionIndex))
            if let missing = (0..<Int32(clamping: count)).first(where: { !given.contains($0) }) {
                return failed(
                    wanted, .invalidReplicaAssignment,
                    "of \(count) assignments none is for partition \(missing): number them from 0 on, each once")
            }
            if let problem = ReplicaAssignment.problem(with: wanted.assignments.lazy.map(\.brokerIDs)) {
                return failed(wanted, .invalidReplicaAssignment, problem)
            }
        } else if count == -1 {
            count = defaultPartitions
        }
        guard wanted.replicationFactor == -1 || wanted.replicationFactor > 0 else {
            return failed(
                wanted, .invalidReplicationFactor,
                "a replication factor of \(wanted.replicationFactor) is not possible: it must be 1 or more, or -1 for the "
                    + "default")
        }
        if let config = wanted.configs.first(where: { $0.value == nil }) {
            return failed(
                wanted, .invalidConfig,
                "setting '\(config.name.abbreviated)' has no value: give one, or leave it out")
        }
        do throws(Refusal) {
            return try create(wanted, partitions: count, context, validateOnly: validateOnly)
        } catch {
            return failed(wanted, error.code, error.message)
        }
    }

    private static func create(
        _ wanted: CreateTopicsRequest.Topic, partitions count: Int, _ context: BrokerContext, validateOnly: Bool
    ) throws(Refusal) -> CreateTopicsResponse.TopicResult {
        let settings: TopicSettings
        do throws(LogError) {
            settings = try context.log.checked(
                TopicSettings(wanted.configs.reduce(into: [:]) { $0[$1.name] = $1.value ?? "" }), ofTopic: wanted.name)
            try context.log.checkNewTopic(wanted.name, partitions: count)
        } catch {
            throw Refusal(error)
        }
        var result = CreateTopicsResponse.TopicResult()
        result.name = wanted.name
        result.numPartitions = Int32(clamping: count)
        // More replicas than one are asked for by habit, and would be refused by every client's defaults: take it.
        result.replicationFactor = 1
        result.configs = settings.wireConfigs(ofTopic: wanted.name, context.settings.layers)
        guard !validateOnly else {
            try context.checkRoom(topics: 1, partitions: count)
            return result
        }
        let topic = try context.withRoom(topics: 1, partitions: count) { () throws(LogError) in
            try context.log.createTopic(wanted.name, partitions: count, settings: settings)
        }
        result.topicID = UUIDBytes(topic.id)
        context.logger.info("created a topic", metadata: ["topic": "\(wanted.name)", "partitions": "\(count)"])
        return result
    }

    private static func failed(
        _ wanted: CreateTopicsRequest.Topic, _ code: ErrorCode, _ message: String
    ) -> CreateTopicsResponse.TopicResult {
        CreateTopicsResponse.TopicResult {
            $0.name = wanted.name
            $0.errorCode = code
            $0.errorMessage = message
        }
    }
}

extension TopicSettings {
    fileprivate func wireConfigs(ofTopic topic: String, _ layers: SettingLayers) -> [CreateTopicsResponse.Config] {
        TopicSettings.all.map { definition in
            let values = values(of: definition, ofTopic: topic, layers)
            return CreateTopicsResponse.Config {
                $0.name = definition.name
                $0.value = definition.value(self)
                $0.configSource = (values.first?.source ?? .unknown).rawValue
            }
        }
    }
}
