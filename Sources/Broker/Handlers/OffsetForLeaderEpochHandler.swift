internal import EventLog
internal import KafkaProtocol

/// Where the records of a leader epoch end: by that a client finds out that what it has read was truncated.
enum OffsetForLeaderEpochHandler {
    static func handle(_ request: OffsetForLeaderEpochRequest, _ call: Call) {
        let log = call.connection.context.log
        call.reply(
            OffsetForLeaderEpochResponse {
                $0.topics = request.topics.map { topic in
                    let found = log.topic(topic.topic)
                    return OffsetForLeaderEpochResponse.TopicResult {
                        $0.topic = topic.topic
                        $0.partitions = topic.partitions.map { answer($0, found) }
                    }
                }
            })
    }

    private static func answer(
        _ wanted: OffsetForLeaderEpochRequest.Partition, _ topic: Topic?
    ) -> OffsetForLeaderEpochResponse.EpochEndOffset {
        var answer = OffsetForLeaderEpochResponse.EpochEndOffset()
        answer.partition = wanted.partition
        guard let partition = topic?.partition(Int(wanted.partition)) else {
            answer.errorCode = .unknownTopicOrPartition
            return answer
        }
        if let code = partition.fencing(wanted.currentLeaderEpoch) {
            answer.errorCode = code
            return answer
        }
        // An epoch that there was not yet has no end: −1, and no error.
        if let (epoch, endOffset) = partition.endOffset(ofEpoch: wanted.leaderEpoch) {
            answer.leaderEpoch = epoch
            answer.endOffset = endOffset.value
        }
        return answer
    }
}
