internal import EventLog
internal import KafkaProtocol
internal import Logging

/// The one node, and the topics with their partitions. Creates a topic that a client asks for where that is on.
enum MetadataHandler {
    static func handle(_ request: MetadataRequest, _ call: Call) {
        let context = call.connection.context
        let builder = MetadataBuilder(
            log: context.log, address: call.connection.nodeAddress, version: call.version,
            tellsOperationsOfCluster: request.includeClusterAuthorizedOperations,
            tellsOperationsOfTopics: request.includeTopicAuthorizedOperations)
        guard !request.asksForAllTopics(version: call.version), let topics = request.topics else {
            return call.reply(builder.response(builder.allTopics))
        }
        let wanted = distinct(topics)
        let partitions = request.allowAutoTopicCreation ? context.autoCreatePartitions : nil
        let missing = partitions == nil ? [] : wanted.filter { builder.isMissing($0) }.compactMap(\.name)
        guard let partitions, !missing.isEmpty else {
            return call.reply(builder.response(wanted.map { builder.topic($0) }))
        }
        // Creating waits for the disk. What is over the limit is not there yet, and asked for again.
        let names = missing.prefix(call.connection.loop.limits.autoCreatedTopics)
        call.replyBlocking {
            let errors = create(names, partitions: partitions, context)
            context.groups.topicsChanged()
            return builder.response(wanted.map { builder.topic($0, errors: errors) })
        }
    }

    /// Each topic once, however often it is asked for: the answer must not be larger than what there is.
    private static func distinct(_ topics: [MetadataRequest.Topic]) -> [MetadataRequest.Topic] {
        var names: Set<String> = []
        var ids: Set<UUIDBytes> = []
        return topics.filter { topic in
            if !topic.topicID.isZero { return ids.insert(topic.topicID).inserted }
            return names.insert(topic.name ?? "").inserted
        }
    }

    /// Why topics were not created, by name.
    private static func create(
        _ names: some Sequence<String>, partitions: Int, _ context: BrokerContext
    ) -> [String: ErrorCode] {
        var errors: [String: ErrorCode] = [:]
        for name in names {
            do throws(Refusal) {
                _ = try context.withRoom(topics: 1, partitions: partitions) { () throws(LogError) in
                    try context.log.createTopic(name, partitions: partitions)
                }
                context.logger.info(
                    "created a topic that a client asked for",
                    metadata: ["topic": "\(name)", "partitions": "\(partitions)"])
            } catch {
                // Another request was quicker.
                if error.code == .topicAlreadyExists { continue }
                errors[name] = error.code
                context.clientLog.write(
                    .warning, "a topic was not created", ["topic": "\(name)", "error": "\(error.message)"])
            }
        }
        return errors
    }
}

struct MetadataBuilder: Sendable {
    let log: EventLog
    let address: HostPort
    let version: Int16
    let tellsOperationsOfCluster: Bool
    let tellsOperationsOfTopics: Bool

    func response(_ topics: [MetadataResponse.Topic]) -> MetadataResponse {
        MetadataResponse {
            $0.brokers = [
                MetadataResponse.Broker {
                    $0.nodeID = BrokerContext.nodeID
                    $0.host = address.host
                    $0.port = Int32(clamping: address.port)
                }
            ]
            $0.clusterID = log.directoryID
            $0.controllerID = BrokerContext.nodeID
            $0.topics = topics
            if tellsOperationsOfCluster { $0.clusterAuthorizedOperations = AuthorizedOperations.cluster }
        }
    }

    var allTopics: [MetadataResponse.Topic] { log.topics.map(topic) }

    /// True: there is no such topic, and its name would do for one.
    func isMissing(_ wanted: MetadataRequest.Topic) -> Bool {
        guard wanted.topicID.isZero, let name = wanted.name else { return false }
        return log.topic(name) == nil && !InternalTopics.contains(name) && TopicName.problem(with: name) == nil
    }

    /// - Parameter errors: why topics could not be created.
    func topic(_ wanted: MetadataRequest.Topic, errors: [String: ErrorCode] = [:]) -> MetadataResponse.Topic {
        if !wanted.topicID.isZero {
            if let found = log.topic(id: TopicID(wanted.topicID)) { return topic(found) }
            return failed(wanted, .unknownTopicID)
        }
        guard let name = wanted.name else { return failed(wanted, .invalidRequest) }
        if let found = log.topic(name) { return topic(found) }
        let isValid = TopicName.problem(with: name) == nil
        return failed(wanted, errors[name] ?? (isValid ? .unknownTopicOrPartition : .invalidTopicException))
    }

    private func failed(_ wanted: MetadataRequest.Topic, _ code: ErrorCode) -> MetadataResponse.Topic {
        MetadataResponse.Topic {
            $0.errorCode = code
            // A topic that is asked for by its id has no name, which versions 10 and 11 cannot say.
            $0.name = wanted.name ?? (version < 12 ? "" : nil)
            $0.topicID = wanted.topicID
        }
    }

    private func topic(_ topic: Topic) -> MetadataResponse.Topic {
        MetadataResponse.Topic {
            $0.name = topic.name
            $0.topicID = UUIDBytes(topic.id)
            $0.isInternal = InternalTopics.contains(topic.name)
            if tellsOperationsOfTopics { $0.topicAuthorizedOperations = AuthorizedOperations.topic }
            $0.partitions = topic.partitions.map { partition in
                MetadataResponse.Partition {
                    $0.partitionIndex = Int32(clamping: partition.index)
                    $0.leaderID = BrokerContext.nodeID
                    $0.leaderEpoch = partition.leaderEpoch
                    $0.replicaNodes = [BrokerContext.nodeID]
                    $0.isrNodes = [BrokerContext.nodeID]
                }
            }
        }
    }
}

extension UUIDBytes {
    init(_ id: TopicID) { self.init(high: id.high, low: id.low) }
}

extension TopicID {
    init(_ bytes: UUIDBytes) { self.init(high: bytes.high, low: bytes.low) }
}
