internal import EventLog
internal import KafkaProtocol

/// The idempotent producers that partitions remember.
enum DescribeProducersHandler {
    static func handle(_ request: DescribeProducersRequest, _ call: Call) {
        let context = call.connection.context
        let limits = call.connection.loop.limits
        call.replyBlocking {
            var once = PartitionsOnce()
            var room = limits.describedProducers
            return DescribeProducersResponse {
                $0.topics = request.topics.map { topic in
                    let found = context.log.topic(topic.name)
                    return DescribeProducersResponse.TopicResponse {
                        $0.name = topic.name
                        $0.partitions = topic.partitionIndexes.map { index in
                            describe(
                                index, topic.name, found, isFirst: once.isFirst(topic.name, index), room: &room)
                        }
                    }
                }
            }
        }
    }

    private static func describe(
        _ index: Int32, _ name: String, _ topic: Topic?, isFirst: Bool, room: inout Int
    ) -> DescribeProducersResponse.PartitionResponse {
        var answer = DescribeProducersResponse.PartitionResponse()
        answer.partitionIndex = index
        func refused(
            _ code: ErrorCode, _ message: String
        ) -> DescribeProducersResponse.PartitionResponse {
            var answer = answer
            answer.errorCode = code
            answer.errorMessage = message
            return answer
        }
        if let problem = TopicName.problem(with: name) {
            return refused(.invalidTopicException, "no topic can have this name: \(problem)")
        }
        guard isFirst else { return refused(.invalidRequest, "the request names the partition twice: name it once") }
        guard let partition = topic?.partition(Int(index)) else {
            return refused(.unknownTopicOrPartition, "there is no such partition: list the topics there are")
        }
        let producers = partition.activeProducers
        guard producers.count <= room else {
            return refused(.invalidRequest, "its producers do not fit in this answer: ask for fewer partitions at once")
        }
        room -= producers.count
        answer.activeProducers = producers.map { producer in
            DescribeProducersResponse.ProducerState {
                $0.producerID = producer.id
                $0.producerEpoch = Int32(producer.epoch)
                $0.lastSequence = producer.lastSequence
                $0.lastTimestamp = producer.lastTimestamp.milliseconds
                // No coordinator of transactions ever wrote here.
                $0.coordinatorEpoch = -1
            }
        }
        return answer
    }
}
