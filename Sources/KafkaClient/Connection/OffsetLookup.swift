internal import KafkaProtocol

extension Cluster {
    /// A record, or an end of the log, that was looked up.
    struct FoundOffset: Sendable {
        let offset: Offset
        let timestamp: Timestamp?
        let leaderEpoch: Int32
    }

    /// Asks the leaders, each once. The answers are in the order of the questions; nil: there is no such record.
    func offsets(
        _ queries: [(partition: TopicPartition, query: OffsetQuery)]
    ) async throws(KafkaClientError) -> [FoundOffset?] {
        var byLeader: [Int32: [Int]] = [:]
        for (index, (partition, _)) in queries.enumerated() {
            let route = try await route(of: partition.topic, createMissing: false)
            try route.check(partition.partition)
            guard let leader = route.leaders[partition.partition] else {
                throw KafkaClientError(.leaderNotAvailable, topic: partition.topic)
            }
            byLeader[leader, default: []].append(index)
        }
        var found = [FoundOffset?](repeating: nil, count: queries.count)
        for (leader, indices) in byLeader.sorted(by: { $0.key < $1.key }) {
            let answers = try await ask(leader, indices.map { queries[$0] })
            for (index, answer) in zip(indices, answers) { found[index] = answer }
        }
        return found
    }

    private func ask(
        _ leader: Int32, _ queries: [(partition: TopicPartition, query: OffsetQuery)]
    ) async throws(KafkaClientError) -> [FoundOffset?] {
        var request = ListOffsetsRequest()
        for (partition, query) in queries {
            // One entry a topic, as long as its partitions stand together.
            if request.topics.last?.name != partition.topic {
                request.topics.append(ListOffsetsRequest.Topic { $0.name = partition.topic })
            }
            request.topics[request.topics.count - 1].partitions.append(
                ListOffsetsRequest.Partition {
                    $0.partitionIndex = Int32(clamping: partition.partition)
                    $0.timestamp = query.wireValue
                })
        }
        // Older brokers would take -3 for a time.
        let least: Int16 = queries.contains { $0.query == .maxTimestamp } ? 7 : 1
        let response = try await connection(to: leader).call(request, leastVersion: least)
        var answers: [TopicPartition: ListOffsetsResponse.Partition] = [:]
        for topic in response.topics {
            for answer in topic.partitions {
                answers[TopicPartition(topic: topic.name, partition: Int(answer.partitionIndex))] = answer
            }
        }
        var found: [FoundOffset?] = []
        for (partition, _) in queries {
            guard let answer = answers[partition] else { throw .invalidResponse("ListOffsets without \(partition)") }
            guard answer.errorCode == .none else { throw KafkaClientError(answer.errorCode, topic: partition.topic) }
            found.append(answer.offset < 0 ? nil : FoundOffset(answer))
        }
        return found
    }
}

extension Cluster.FoundOffset {
    init(_ answer: ListOffsetsResponse.Partition) {
        offset = Offset(answer.offset)
        timestamp = answer.timestamp < 0 ? nil : Timestamp(milliseconds: answer.timestamp)
        leaderEpoch = answer.leaderEpoch
    }
}

extension OffsetQuery {
    fileprivate var wireValue: Int64 {
        switch self {
        case .earliest: ListOffsetsRequest.earliest
        case .latest: ListOffsetsRequest.latest
        case .timestamp(let time): max(0, time.milliseconds)
        case .maxTimestamp: ListOffsetsRequest.maxTimestamp
        }
    }
}
