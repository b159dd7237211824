internal import KafkaProtocol

extension Cluster {
    /// A record, or an end of the log, that was looked up.
    struct FoundOffset: Sendable {
        let offset: Offset
        let timestamp: Timestamp?
    }

    typealias OffsetQuestion = (partition: TopicPartition, query: OffsetQuery)

    /// Asks the leaders, and again where they move. The answers are in the order of the questions; nil: there is no such
    /// record.
    nonisolated(nonsending) func offsets(_ questions: [OffsetQuestion]) async throws(KafkaClientError) -> [FoundOffset?]
    {
        guard !questions.isEmpty else { return [] }
        return try await retrying { () async throws(KafkaClientError) in try await askLeaders(questions) }
    }

    private func askLeaders(_ questions: [OffsetQuestion]) async throws(KafkaClientError) -> [FoundOffset?] {
        var byLeader: [Int32: [(index: Int, epoch: Int32)]] = [:]
        for (index, (partition, _)) in questions.enumerated() {
            let route = try await route(of: partition.topic, createMissing: false)
            let leader = try route.leader(of: partition.partition)
            byLeader[leader.id, default: []].append((index, leader.epoch))
        }
        var found = [FoundOffset?](repeating: nil, count: questions.count)
        for (leader, asked) in byLeader.sorted(by: { $0.key < $1.key }) {
            let answers = try await ask(leader, asked.map { (questions[$0.index], $0.epoch) })
            for (asked, answer) in zip(asked, answers) { found[asked.index] = answer }
        }
        return found
    }

    private func ask(
        _ leader: Int32, _ questions: [(question: OffsetQuestion, leaderEpoch: Int32)]
    ) async throws(KafkaClientError) -> [FoundOffset?] {
        var request = ListOffsetsRequest()
        for ((partition, query), leaderEpoch) in questions {
            // One entry a topic, as long as its partitions stand together.
            if request.topics.last?.name != partition.topic {
                request.topics.append(ListOffsetsRequest.Topic { $0.name = partition.topic })
            }
            request.topics[request.topics.count - 1].partitions.append(
                ListOffsetsRequest.Partition {
                    $0.partitionIndex = Int32(clamping: partition.partition)
                    $0.currentLeaderEpoch = leaderEpoch
                    $0.timestamp = query.wireValue
                })
        }
        // Older brokers would take -3 for a time.
        let least: Int16 = questions.contains { $0.question.query == .maxTimestamp } ? 7 : 1
        let response = try await connection(to: leader).call(request, leastVersion: least)
        var answers: [TopicPartition: ListOffsetsResponse.Partition] = [:]
        for topic in response.topics {
            for answer in topic.partitions {
                answers[TopicPartition(topic: topic.name, partition: Int(answer.partitionIndex))] = answer
            }
        }
        var found: [FoundOffset?] = []
        for ((partition, _), _) in questions {
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
