internal import KafkaProtocol

/// Which segments a partition has.
public struct DescribedSegments: Hashable, Sendable {
    /// The first record there is.
    public var logStart: Offset
    /// After the last record that consumers see.
    public var end: Offset
    /// What lies before it has been compacted; `nil`: nothing has.
    public var cleanedTo: Offset?
    /// The oldest first; the last one is written to.
    public var segments: [Segment]

    package init(logStart: Offset, end: Offset, cleanedTo: Offset?, segments: [Segment]) {
        self.logStart = logStart
        self.end = end
        self.cleanedTo = cleanedTo
        self.segments = segments
    }

    /// A file of a partition: what retention deletes, whole.
    public struct Segment: Hashable, Sendable {
        public var base: Offset
        /// After the last offset that it holds or held.
        public var next: Offset
        /// Of record batches.
        public var bytes: Int64
        /// Of the newest record; `nil`: none has one.
        public var maxTimestamp: Timestamp?

        package init(base: Offset, next: Offset, bytes: Int64, maxTimestamp: Timestamp?) {
            self.base = base
            self.next = next
            self.bytes = bytes
            self.maxTimestamp = maxTimestamp
        }
    }
}

extension Admin {
    /// Asks which segments partitions of a topic have. Of Martlet's brokers only.
    /// - Returns: by partition; those that are not there are left out.
    /// - Throws: `unsupportedByBroker` for other brokers; `unknownTopic`; `rejected` where a segment cannot be read.
    public func segments(
        of topic: String, partitions: [Int]
    ) async throws(KafkaClientError) -> [Int: DescribedSegments] {
        guard !partitions.isEmpty else { return [:] }
        return try await cluster.retrying { () async throws(KafkaClientError) in
            let route = try await cluster.route(of: topic, createMissing: false, isFresh: true)
            var byLeader: [Int32: [Int]] = [:]
            for partition in Set(partitions).sorted() where route.leaders.indices.contains(partition) {
                byLeader[try route.leader(of: partition).id, default: []].append(partition)
            }
            var found: [Int: DescribedSegments] = [:]
            for (leader, partitions) in byLeader.sorted(by: { $0.key < $1.key }) {
                let connection = try await cluster.connection(to: leader)
                // One answer holds the segments of so many partitions of any size.
                for start in stride(from: 0, to: partitions.count, by: 100) {
                    let asked = partitions[start..<min(start + 100, partitions.count)]
                    for answer in try await segments(of: topic, asked, at: connection) where answer.errorCode == .none {
                        found[Int(answer.partitionIndex)] = DescribedSegments(answer)
                    }
                }
            }
            return found
        }
    }

    private func segments(
        of topic: String, _ partitions: ArraySlice<Int>, at connection: BrokerConnection
    ) async throws(KafkaClientError) -> [DescribeSegmentsResponse.PartitionResponse] {
        var request = DescribeSegmentsRequest()
        request.topics = [
            DescribeSegmentsRequest.Topic {
                $0.name = topic
                $0.partitions = partitions.map { Int32(clamping: $0) }
            }
        ]
        let answers = try await connection.call(request, byteCount: 64 + 4 * partitions.count).topics
            .flatMap(\.partitions)
        for answer in answers where answer.errorCode != .none && answer.errorCode != .unknownTopicOrPartition {
            throw KafkaClientError(answer.errorCode, topic: topic, message: answer.errorMessage)
        }
        return answers
    }
}

extension DescribedSegments {
    fileprivate init(_ answer: DescribeSegmentsResponse.PartitionResponse) {
        self.init(
            logStart: Offset(answer.logStartOffset), end: Offset(answer.endOffset),
            cleanedTo: answer.cleanedToOffset < 0 ? nil : Offset(answer.cleanedToOffset),
            segments: answer.segments.map { segment in
                Segment(
                    base: Offset(segment.baseOffset), next: Offset(segment.nextOffset), bytes: segment.bytes,
                    maxTimestamp: segment.maxTimestamp < 0 ? nil : Timestamp(milliseconds: segment.maxTimestamp))
            })
    }
}
