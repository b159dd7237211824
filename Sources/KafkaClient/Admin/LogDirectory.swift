internal import KafkaProtocol

/// A directory of a broker, what partitions take in it, and how much room its volume has.
public struct LogDirectory: Hashable, Sendable {
    /// The broker's id.
    public var broker: Int
    /// As the broker has it.
    public var path: String
    /// Bytes of the volume that it is on; `nil`: the broker does not say.
    public var totalBytes: Int64?
    /// How many of them can still be used; `nil`: the broker does not say.
    public var usableBytes: Int64?
    /// Bytes of the record batches of each partition that is in it.
    public var sizes: [TopicPartition: Int64]

    package init(
        broker: Int, path: String, totalBytes: Int64?, usableBytes: Int64?, sizes: [TopicPartition: Int64]
    ) {
        self.broker = broker
        self.path = path
        self.totalBytes = totalBytes
        self.usableBytes = usableBytes
        self.sizes = sizes
    }
}

extension Admin {
    /// The directories of all brokers, with what is in them.
    /// - Throws: `rejected` where a directory does not answer.
    public func logDirectories() async throws(KafkaClientError) -> [LogDirectory] {
        try await cluster.retrying { () async throws(KafkaClientError) in
            _ = try await cluster.metadata(of: [], createMissing: false)
            var directories: [LogDirectory] = []
            for node in await cluster.nodes.keys.sorted() {
                var request = DescribeLogDirsRequest()
                request.topics = nil
                let response = try await cluster.connection(to: node).call(request)
                guard response.errorCode == .none else { throw KafkaClientError(response.errorCode) }
                for result in response.results {
                    guard result.errorCode == .none else { throw KafkaClientError(result.errorCode) }
                    directories.append(LogDirectory(result, of: Int(node)))
                }
            }
            return directories
        }
    }
}

extension LogDirectory {
    fileprivate init(_ result: DescribeLogDirsResponse.Result, of broker: Int) {
        var sizes: [TopicPartition: Int64] = [:]
        for topic in result.topics {
            // A copy that is being made is not yet what the partition is.
            for partition in topic.partitions where !partition.isFutureKey {
                sizes[TopicPartition(topic: topic.name, partition: Int(partition.partitionIndex))] =
                    max(0, partition.partitionSize)
            }
        }
        self.init(
            broker: broker, path: result.logDir, totalBytes: result.totalBytes < 0 ? nil : result.totalBytes,
            usableBytes: result.usableBytes < 0 ? nil : result.usableBytes, sizes: sizes)
    }
}
