internal import EventLog
internal import KafkaProtocol

/// Offsets at the ends of partitions, and at points in time.
enum ListOffsetsHandler {
    static func handle(_ request: ListOffsetsRequest, _ call: Call) {
        let log = call.connection.context.log
        // The ends are in memory; a time may have to be looked up in a compressed batch on disk.
        let isInMemory = request.topics.allSatisfy { topic in
            topic.partitions.allSatisfy {
                $0.timestamp == ListOffsetsRequest.latest || $0.timestamp == ListOffsetsRequest.earliest
            }
        }
        if isInMemory { return call.reply(answer(request, log)) }
        call.replyBlocking { answer(request, log) }
    }

    private static func answer(_ request: ListOffsetsRequest, _ log: EventLog) -> ListOffsetsResponse {
        ListOffsetsResponse {
            $0.topics = request.topics.map { topic in
                let found = log.topic(topic.name)
                return ListOffsetsResponse.Topic {
                    $0.name = topic.name
                    $0.partitions = topic.partitions.map { answer($0, found) }
                }
            }
        }
    }

    private static func answer(
        _ wanted: ListOffsetsRequest.Partition, _ topic: Topic?
    ) -> ListOffsetsResponse.Partition {
        var answer = ListOffsetsResponse.Partition()
        answer.partitionIndex = wanted.partitionIndex
        guard let partition = topic?.partition(Int(wanted.partitionIndex)) else {
            answer.errorCode = .unknownTopicOrPartition
            return answer
        }
        guard wanted.currentLeaderEpoch <= 0 else {
            answer.errorCode = .unknownLeaderEpoch
            return answer
        }
        do throws(LogError) {
            if let (offset, timestamp) = try lookUp(wanted.timestamp, partition) {
                answer.offset = offset.value
                answer.timestamp = timestamp.milliseconds
                answer.leaderEpoch = 0
            }
        } catch {
            answer.errorCode = error.wireCode
        }
        return answer
    }

    private static func lookUp(
        _ timestamp: Int64, _ partition: Partition
    ) throws(LogError) -> (offset: Offset, timestamp: Timestamp)? {
        switch timestamp {
        case ListOffsetsRequest.latest: (partition.end, .none)
        case ListOffsetsRequest.earliest: (partition.logStart, .none)
        case ListOffsetsRequest.maxTimestamp: try partition.maxTimestampOffset()
        default: try partition.offset(at: Timestamp(milliseconds: timestamp))
        }
    }
}
