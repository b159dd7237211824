internal import EventLog
internal import KafkaProtocol

/// Tells how far it is from offsets to the ends of their partitions, in bytes and in time. An API of Martlet's own.
enum DescribePositionsHandler {
    static func handle(_ request: DescribePositionsRequest, _ call: Call) {
        let log = call.connection.context.log
        // A look may read a batch from the disk: one request gets each partition looked at once.
        call.replyBlocking {
            var once = PartitionsOnce()
            return DescribePositionsResponse {
                $0.topics = request.topics.map { topic in
                    let found = log.topic(topic.name)
                    return DescribePositionsResponse.TopicResponse {
                        $0.name = topic.name
                        $0.partitions = topic.partitions.map { wanted in
                            let isFirst = once.isFirst(topic.name, wanted.partitionIndex)
                            return answer(wanted, topic.name, found, isFirst: isFirst)
                        }
                    }
                }
            }
        }
    }

    private static func answer(
        _ wanted: DescribePositionsRequest.Partition, _ name: String, _ topic: Topic?, isFirst: Bool
    ) -> DescribePositionsResponse.PartitionResponse {
        var answer = DescribePositionsResponse.PartitionResponse()
        answer.partitionIndex = wanted.partitionIndex
        answer.offset = wanted.offset
        do throws(Refusal) {
            guard isFirst else {
                throw Refusal(.invalidRequest, "the partition is in the request more than once: name it once")
            }
            guard let topic else { throw Refusal(LogError.unknownTopic(name)) }
            guard let partition = topic.partition(Int(wanted.partitionIndex)) else {
                throw .noPartition(wanted.partitionIndex, of: topic)
            }
            let start = partition.logStart
            let end = max(start, partition.end)
            answer.logStartOffset = start.value
            answer.endOffset = end.value
            do throws(LogError) {
                // Committed offsets lie outside often enough, as records are deleted: the nearest end counts.
                let position = try partition.position(at: min(max(Offset(wanted.offset), start), end))
                answer.logStartOffset = position.logStart.value
                answer.endOffset = position.end.value
                answer.bytesToEnd = Int64(position.bytesToEnd)
                answer.nextTimestamp = position.nextTimestamp?.milliseconds ?? -1
            } catch {
                throw Refusal(error)
            }
        } catch {
            answer.errorCode = error.code
            answer.errorMessage = error.message
        }
        return answer
    }
}
