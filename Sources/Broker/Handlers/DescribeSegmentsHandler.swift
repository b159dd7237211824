internal import EventLog
internal import KafkaProtocol

/// Tells which segments partitions have. An API of Martlet's own.
enum DescribeSegmentsHandler {
    static func handle(_ request: DescribeSegmentsRequest, _ call: Call) {
        let context = call.connection.context
        // The newest record of a segment is looked up in its index on disk.
        let limits = call.connection.loop.limits
        call.replyBlocking {
            var once = PartitionsOnce()
            var room = limits.describedSegments
            return DescribeSegmentsResponse {
                $0.topics = request.topics.map { topic in
                    let found = context.log.topic(topic.name)
                    return DescribeSegmentsResponse.TopicResponse {
                        $0.name = topic.name
                        $0.partitions = topic.partitions.map { index in
                            answer(index, topic.name, found, isFirst: once.isFirst(topic.name, index), room: &room)
                        }
                    }
                }
            }
        }
    }

    private static func answer(
        _ index: Int32, _ name: String, _ topic: Topic?, isFirst: Bool, room: inout Int
    ) -> DescribeSegmentsResponse.PartitionResponse {
        var answer = DescribeSegmentsResponse.PartitionResponse()
        answer.partitionIndex = index
        do throws(Refusal) {
            guard isFirst else {
                throw Refusal(.invalidRequest, "the partition is in the request more than once: name it once")
            }
            guard let topic else { throw Refusal(LogError.unknownTopic(name)) }
            guard let partition = topic.partition(Int(index)) else { throw .noPartition(index, of: topic) }
            let segments: [SegmentSummary]
            do throws(LogError) { segments = try summaries(of: partition) } catch { throw Refusal(error) }
            guard segments.count <= room else {
                throw Refusal(
                    .invalidRequest, "its segments do not fit in this answer: ask for fewer partitions at once")
            }
            room -= segments.count
            answer.logStartOffset = partition.logStart.value
            answer.endOffset = max(partition.logStart, partition.end).value
            // Where nothing has been compacted yet, it is where the log starts.
            let cleanedTo = partition.cleanedTo
            if cleanedTo > partition.logStart { answer.cleanedToOffset = cleanedTo.value }
            answer.segments = segments.map { segment in
                DescribeSegmentsResponse.Segment {
                    $0.baseOffset = segment.baseOffset.value
                    $0.nextOffset = segment.endOffset.value
                    $0.bytes = Int64(segment.byteCount)
                    $0.maxTimestamp = segment.maxTimestamp.milliseconds
                }
            }
        } catch {
            answer.errorCode = error.code
            answer.errorMessage = error.message
        }
        return answer
    }

    private static func summaries(of partition: Partition) throws(LogError) -> [SegmentSummary] {
        while true {
            let start = partition.logStart
            do throws(LogError) { return try partition.segmentSummaries() } catch {
                // They may have been deleted while they were looked at.
                if partition.logStart == start { throw error }
            }
        }
    }
}
