internal import EventLog
internal import KafkaProtocol

/// Topics with their partitions, in order of name and a page at a time.
enum DescribeTopicPartitionsHandler {
    static func handle(_ request: DescribeTopicPartitionsRequest, _ call: Call) {
        let context = call.connection.context
        if let cursor = request.cursor, cursor.partitionIndex < 0 {
            return call.reply(
                DescribeTopicPartitionsResponse { $0.topics = request.topics.map { failed($0.name, .invalidRequest) } })
        }
        let limit = max(1, min(Int(request.responsePartitionLimit), call.connection.loop.limits.describedPartitions))
        var page = TopicPartitionPage(room: limit, cursor: request.cursor)
        if request.topics.isEmpty {
            for topic in context.log.topics where page.begins(before: topic.name) {
                guard page.add(topic) else { break }
            }
        } else {
            for name in Set(request.topics.map(\.name)).sorted() where page.begins(before: name) {
                guard page.add(context.log, name) else { break }
            }
        }
        call.reply(page.response)
    }

    fileprivate static func failed(_ name: String, _ code: ErrorCode) -> DescribeTopicPartitionsResponse.Topic {
        DescribeTopicPartitionsResponse.Topic {
            $0.name = name
            $0.errorCode = code
        }
    }
}

/// A page, as it fills.
private struct TopicPartitionPage {
    private(set) var response = DescribeTopicPartitionsResponse()
    private var room: Int
    private let cursor: DescribeTopicPartitionsRequest.Cursor?

    init(room: Int, cursor: DescribeTopicPartitionsRequest.Cursor?) {
        self.room = room
        self.cursor = cursor
    }

    func begins(before name: String) -> Bool { name >= cursor?.topicName ?? "" }

    /// False: the page is full.
    mutating func add(_ log: EventLog, _ name: String) -> Bool {
        if let topic = log.topic(name) { return add(topic) }
        guard room > 0 else { return end(at: name, 0) }
        let isValid = TopicName.problem(with: name) == nil
        response.topics.append(
            DescribeTopicPartitionsHandler.failed(name, isValid ? .unknownTopicOrPartition : .invalidTopicException))
        return true
    }

    /// False: the page is full.
    mutating func add(_ topic: Topic) -> Bool {
        guard room > 0 else { return end(at: topic.name, 0) }
        let partitions = topic.partitions
        let start = topic.name == cursor?.topicName ? Int(cursor?.partitionIndex ?? 0) : 0
        let page = partitions.dropFirst(start).prefix(room)
        response.topics.append(
            DescribeTopicPartitionsResponse.Topic {
                $0.name = topic.name
                $0.topicID = UUIDBytes(topic.id)
                $0.isInternal = InternalTopics.contains(topic.name)
                $0.partitions = page.map(Self.describe)
                $0.topicAuthorizedOperations = AuthorizedOperations.topic
            })
        room -= page.count
        return page.endIndex == partitions.endIndex ? true : end(at: topic.name, page.endIndex)
    }

    private mutating func end(at topic: String, _ partition: Int) -> Bool {
        response.nextCursor = DescribeTopicPartitionsResponse.Cursor {
            $0.topicName = topic
            $0.partitionIndex = Int32(clamping: partition)
        }
        return false
    }

    private static func describe(_ partition: Partition) -> DescribeTopicPartitionsResponse.Partition {
        DescribeTopicPartitionsResponse.Partition {
            $0.partitionIndex = Int32(clamping: partition.index)
            $0.leaderID = BrokerContext.nodeID
            $0.leaderEpoch = partition.leaderEpoch
            $0.replicaNodes = [BrokerContext.nodeID]
            $0.isrNodes = [BrokerContext.nodeID]
            $0.eligibleLeaderReplicas = []
            $0.lastKnownELR = []
        }
    }
}
