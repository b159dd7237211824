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
        let version = call.version
        if isInMemory { return call.reply(answer(request, log, version)) }
        call.replyBlocking { answer(request, log, version) }
    }

    private static func answer(_ request: ListOffsetsRequest, _ log: EventLog, _ version: Int16) -> ListOffsetsResponse
    {
        var once = PartitionsOnce()
        return ListOffsetsResponse {
            $0.topics = request.topics.map { topic in
                let found = log.topic(topic.name)
                return ListOffsetsResponse.Topic {
                    $0.name = topic.name
                    $0.partitions = topic.partitions.map { wanted in
                        // A look-up may decompress a batch: one request gets each partition looked at once.
                        let isFirst = once.isFirst(topic.name, wanted.partitionIndex)
                        return answer(wanted, found, version, isFirst: isFirst)
                    }
                }
            }
        }
    }

    private static func answer(
        _ wanted: ListOffsetsRequest.Partition, _ topic: Topic?, _ version: Int16, isFirst: Bool
    ) -> ListOffsetsResponse.Partition {
        var answer = ListOffsetsResponse.Partition()
        answer.partitionIndex = wanted.partitionIndex
        guard isFirst else {
            answer.errorCode = .invalidRequest
            return answer
        }
        // Below 0 are names of places, of which later versions know more.
        guard ListOffsetsRequest.isKnown(wanted.timestamp, version: version) else {
            answer.errorCode = .unsupportedVersion
            return answer
        }
        guard let partition = topic?.partition(Int(wanted.partitionIndex)) else {
            answer.errorCode = .unknownTopicOrPartition
            return answer
        }
        if let code = partition.fencing(wanted.currentLeaderEpoch) {
            answer.errorCode = code
            return answer
        }
        do throws(LogError) {
            if let (offset, timestamp) = try lookUp(wanted.timestamp, partition) {
                answer.offset = offset.value
                answer.timestamp = timestamp.milliseconds
                answer.leaderEpoch = partition.leaderEpoch(at: offset) ?? -1
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
