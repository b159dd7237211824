internal import KafkaProtocol

/// Commits and reads a group's offsets at its coordinator; one request each, whatever comes of it.
enum GroupOffsets {
    /// Who commits.
    struct Member: Equatable, Sendable {
        var group: String
        var memberID: String
        var generation: Int32
        var instanceID: String?
    }

    /// - Returns: of each partition what is wrong with it, where something is.
    static func commit(
        _ positions: [TopicPartition: GroupOffset], of member: Member, at coordinator: BrokerConnection
    ) async throws(KafkaClientError) -> [TopicPartition: ErrorCode] {
        var request = OffsetCommitRequest()
        request.groupID = member.group
        request.memberID = member.memberID
        request.generationIDOrMemberEpoch = member.generation
        request.groupInstanceID = member.instanceID
        for (partition, position) in positions.sorted(by: { $0.key < $1.key }) {
            if request.topics.last?.name != partition.topic {
                request.topics.append(OffsetCommitRequest.Topic { $0.name = partition.topic })
            }
            request.topics[request.topics.count - 1].partitions.append(
                OffsetCommitRequest.Partition {
                    $0.partitionIndex = Int32(clamping: partition.partition)
                    $0.committedOffset = position.offset.value
                    $0.committedLeaderEpoch = position.wireEpoch
                    $0.committedMetadata = position.metadata
                })
        }
        // A static member's commit has to name it, or another of the same name could commit for it.
        let response = try await coordinator.call(
            request, leastVersion: member.instanceID == nil ? 2 : 7, byteCount: 64 * (positions.count + 2))
        var refused: [TopicPartition: ErrorCode] = [:]
        for topic in response.topics {
            for partition in topic.partitions where partition.errorCode != .none {
                refused[TopicPartition(topic: topic.name, partition: Int(partition.partitionIndex))] =
                    partition.errorCode
            }
        }
        return refused
    }

    /// - Returns: of each partition what is committed; nil: nothing is.
    static func fetch(
        _ partitions: [TopicPartition], of group: String, at coordinator: BrokerConnection
    ) async throws(GroupFault) -> [TopicPartition: GroupOffset?] {
        let topics = [ConsumerProtocolTopicPartitions](partitions).map { topic in
            OffsetFetchRequest.Topic {
                $0.name = topic.topic
                $0.partitionIndexes = topic.partitions
            }
        }
        var request = OffsetFetchRequest()
        request.groupID = group
        request.topics = topics
        request.groups = [
            OffsetFetchRequest.Group {
                $0.groupID = group
                $0.topics = topics
            }
        ]
        // What is part of an open transaction may be decided in a moment.
        request.requireStable = true
        let response: OffsetFetchResponse
        do throws(KafkaClientError) {
            response = try await coordinator.call(request, byteCount: 16 * (partitions.count + 8))
        } catch {
            throw GroupFault(error)
        }
        let answer = response.groups.first
        let code = answer?.errorCode ?? response.errorCode
        guard code == .none else { throw GroupFault(code, group: group) }
        var found: [TopicPartition: GroupOffset?] = [:]
        for topic in answer?.topics ?? response.topics {
            for partition in topic.partitions {
                guard partition.errorCode == .none else { throw GroupFault(partition.errorCode, group: group) }
                found[TopicPartition(topic: topic.name, partition: Int(partition.partitionIndex))] =
                    partition.committedOffset < 0 ? .some(nil) : GroupOffset(partition)
            }
        }
        if let missing = partitions.first(where: { found[$0] == nil }) {
            throw .fatal(.invalidResponse("OffsetFetch without \(missing)"))
        }
        return found
    }
}
