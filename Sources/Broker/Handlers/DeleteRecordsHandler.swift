internal import EventLog
internal import KafkaProtocol
internal import Logging

/// Deletes records up to an offset, durably. The request's time-out is not looked at: there is nobody else to wait for.
enum DeleteRecordsHandler {
    static func handle(_ request: DeleteRecordsRequest, _ call: Call) {
        let context = call.connection.context
        call.replyBlocking {
            // Each deletion waits for the disk: one request gets each partition done once.
            var once = PartitionsOnce()
            return DeleteRecordsResponse {
                $0.topics = request.topics.map { topic in
                    let found = context.log.topic(topic.name)
                    return DeleteRecordsResponse.TopicResult {
                        $0.name = topic.name
                        $0.partitions = topic.partitions.map { wanted in
                            let isFirst = once.isFirst(topic.name, wanted.partitionIndex)
                            return delete(wanted, found, isFirst: isFirst, context.logger)
                        }
                    }
                }
            }
        }
    }

    private static func delete(
        _ wanted: DeleteRecordsRequest.Partition, _ topic: Topic?, isFirst: Bool, _ logger: Logger
    ) -> DeleteRecordsResponse.PartitionResult {
        var result = DeleteRecordsResponse.PartitionResult()
        result.partitionIndex = wanted.partitionIndex
        result.lowWatermark = -1
        guard isFirst else {
            result.errorCode = .invalidRequest
            return result
        }
        guard let partition = topic?.partition(Int(wanted.partitionIndex)) else {
            result.errorCode = .unknownTopicOrPartition
            return result
        }
        // Kafka's code for a topic that is not to lose records so: of one that is only compacted, each key stays.
        guard !InternalTopics.contains(partition.topicName), partition.settings.cleanup.contains(.delete) else {
            result.errorCode = .policyViolation
            return result
        }
        let place: Logger.Metadata = ["topic": "\(partition.topicName)", "partition": "\(partition.index)"]
        do throws(LogError) {
            let end = wanted.offset == DeleteRecordsRequest.highWatermark ? partition.end : Offset(wanted.offset)
            result.lowWatermark = try partition.deleteRecords(before: end).value
            logger.info("deleted records", metadata: place.merging(["log_start": "\(result.lowWatermark)"]) { $1 })
        } catch {
            result.errorCode = error.wireCode
            logger.warning("records were not deleted", metadata: place.merging(["error": "\(error)"]) { $1 })
        }
        return result
    }
}
