internal import EventLog
internal import KafkaProtocol
internal import Logging

/// The one data directory, what partitions take in it, and how much room there is.
enum DescribeLogDirsHandler {
    static func handle(_ request: DescribeLogDirsRequest, _ call: Call) {
        let context = call.connection.context
        call.replyBlocking {
            DescribeLogDirsResponse { $0.results = [directory(request, context)] }
        }
    }

    private static func directory(
        _ request: DescribeLogDirsRequest, _ context: BrokerContext
    ) -> DescribeLogDirsResponse.Result {
        var result = DescribeLogDirsResponse.Result()
        result.logDir = context.log.absolutePath
        do throws(LogError) {
            let space = try context.log.space()
            result.totalBytes = Int64(space.total)
            result.usableBytes = Int64(space.usable)
        } catch {
            context.logger.error("the data directory does not answer", metadata: ["error": "\(error)"])
            result.errorCode = error.wireCode
            return result
        }
        if let wanted = request.topics {
            var once = PartitionsOnce()
            result.topics = wanted.compactMap { topic in
                guard let found = context.log.topic(topic.topic) else { return nil }
                // As often as it is asked for, what is there is said once.
                let indexes = topic.partitions.filter { once.isFirst(topic.topic, $0) }
                return describe(found.name, indexes.compactMap { found.partition(Int($0)) })
            }
        } else {
            result.topics = context.log.topics.compactMap { describe($0.name, $0.partitions) }
        }
        return result
    }

    /// What is not there is left out.
    private static func describe(_ topic: String, _ partitions: [Partition]) -> DescribeLogDirsResponse.Topic? {
        guard !partitions.isEmpty else { return nil }
        return DescribeLogDirsResponse.Topic {
            $0.name = topic
            $0.partitions = partitions.map { partition in
                DescribeLogDirsResponse.Partition {
                    $0.partitionIndex = Int32(clamping: partition.index)
                    $0.partitionSize = Int64(partition.byteCount)
                }
            }
        }
    }
}
