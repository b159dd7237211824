internal import EventLog
internal import KafkaProtocol
internal import Logging

/// The one node, and the topics with their partitions. Creates a topic that a client asks for where that is on.
enum MetadataHandler {
    static func handle(_ request: MetadataRequest, _ call: Call) {
        let context = call.connection.context
        let address = context.configuration.advertise ?? call.connection.localAddress ?? context.configuration.listen
        let builder = MetadataBuilder(log: context.log, address: address)
        guard !request.asksForAllTopics(version: call.version), let wanted = request.topics else {
            return call.reply(builder.response(builder.allTopics))
        }
        let partitions = request.allowAutoTopicCreation ? context.configuration.autoCreatePartitions : nil
        guard let partitions, wanted.contains(where: { builder.isMissing($0) }) else {
            return call.reply(builder.response(wanted.map { builder.topic($0) }))
        }
        // Creating waits for the disk.
        let logger = context.logger
        call.replyBlocking {
            for topic in wanted where builder.isMissing(topic) {
                guard let name = topic.name else { continue }
                do throws(LogError) {
                    try context.log.createTopic(name, partitions: partitions)
                    logger.info(
                        "created a topic that a client asked for",
                        metadata: ["topic": "\(name)", "partitions": "\(partitions)"])
                } catch {
                    // Another request may have been quicker; any other reason stands in the topic's answer.
                    logger.debug("a topic was not created", metadata: ["topic": "\(name)", "error": "\(error)"])
                }
            }
            return builder.response(wanted.map { builder.topic($0) })
        }
    }
}

struct MetadataBuilder: Sendable {
    let log: EventLog
    let address: HostPort

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
        }
    }

    var allTopics: [MetadataResponse.Topic] { log.topics.map(topic) }

    /// True: there is no such topic, and its name would do for one.
    func isMissing(_ wanted: MetadataRequest.Topic) -> Bool {
        guard wanted.topicID.isZero, let name = wanted.name else { return false }
        return log.topic(name) == nil && TopicName.problem(with: name) == nil
    }

    func topic(_ wanted: MetadataRequest.Topic) -> MetadataResponse.Topic {
        if !wanted.topicID.isZero {
            if let found = log.topic(id: TopicID(wanted.topicID)) { return topic(found) }
            return failed(wanted, .unknownTopicID)
        }
        guard let name = wanted.name else { return failed(wanted, .invalidRequest) }
        if let found = log.topic(name) { return topic(found) }
        return failed(wanted, TopicName.problem(with: name) == nil ? .unknownTopicOrPartition : .invalidTopicException)
    }

    private func failed(_ wanted: MetadataRequest.Topic, _ code: ErrorCode) -> MetadataResponse.Topic {
        MetadataResponse.Topic {
            $0.errorCode = code
            $0.name = wanted.name
            $0.topicID = wanted.topicID
        }
    }

    private func topic(_ topic: Topic) -> MetadataResponse.Topic {
        MetadataResponse.Topic {
            $0.name = topic.name
            $0.topicID = UUIDBytes(topic.id)
            $0.partitions = topic.partitions.map { partition in
                MetadataResponse.Partition {
                    $0.partitionIndex = Int32(clamping: partition.index)
                    $0.leaderID = BrokerContext.nodeID
                    $0.leaderEpoch = 0
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
