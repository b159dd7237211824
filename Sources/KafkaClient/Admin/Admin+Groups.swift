internal import KafkaProtocol
internal import NIOCore

// MARK: Groups

extension Admin {
    /// All consumer groups of the cluster, by id.
    public func listGroups() async throws(KafkaClientError) -> [GroupSummary] {
        try await cluster.retrying { () async throws(KafkaClientError) in
            _ = try await cluster.metadata(of: [], createMissing: false)
            var found: [String: GroupSummary] = [:]
            // Each broker knows those that it keeps.
            for node in await cluster.nodes.keys.sorted() {
                let response = try await cluster.connection(to: node).call(ListGroupsRequest())
                guard response.errorCode == .none else { throw KafkaClientError(response.errorCode) }
                for group in response.groups { found[group.groupID] = GroupSummary(group) }
            }
            return found.values.sorted { $0.id < $1.id }
        }
    }

    /// A group of either protocol, with its members.
    /// - Throws: `unknownGroup`.
    public func describeGroup(_ id: String) async throws(KafkaClientError) -> GroupDescription {
        try await cluster.retrying { () async throws(KafkaClientError) in
            let coordinator = try await cluster.coordinator(ofGroup: id)
            if let group = try await describeConsumerGroup(id, at: coordinator) { return group }
            var request = DescribeGroupsRequest()
            request.groups = [id]
            guard let group = try await coordinator.call(request).groups.first else {
                throw .invalidResponse("DescribeGroups without a group")
            }
            guard group.errorCode == .none else {
                throw KafkaClientError(group.errorCode, group: id, message: group.errorMessage)
            }
            // What brokers before Kafka 4.0 say of a group that is not there.
            guard group.groupState != "Dead" else { throw .unknownGroup(id) }
            return GroupDescription(group, at: coordinator.address)
        }
    }

    /// nil: the broker does not know groups of that protocol, or this is none.
    private func describeConsumerGroup(
        _ id: String, at coordinator: BrokerConnection
    ) async throws(KafkaClientError) -> GroupDescription? {
        var request = ConsumerGroupDescribeRequest()
        request.groupIDs = [id]
        let response: ConsumerGroupDescribeResponse
        do throws(KafkaClientError) {
            response = try await coordinator.call(request)
        } catch {
            guard case .unsupportedByBroker = error else { throw error }
            return nil
        }
        guard let group = response.groups.first else { throw .invalidResponse("ConsumerGroupDescribe without a group") }
        switch group.errorCode {
        case .none: return GroupDescription(group, at: coordinator.address)
        case .groupIDNotFound, .unsupportedVersion: return nil
        default: throw KafkaClientError(group.errorCode, group: id, message: group.errorMessage)
        }
    }

    /// Deletes groups that have no members, with what they have committed.
    /// - Throws: `unknownGroup`, `nonEmptyGroup`.
    public func deleteGroup(_ id: String) async throws(KafkaClientError) {
        var request = DeleteGroupsRequest()
        request.groupsNames = [id]
        try await changeGroup { () async throws(KafkaClientError) in
            let response = try await cluster.coordinator(ofGroup: id).call(request)
            guard let result = response.results.first else { throw .invalidResponse("DeleteGroups without a result") }
            guard result.errorCode == .none else { throw KafkaClientError(result.errorCode, group: id) }
        }
    }
}

// MARK: Offsets of groups

extension Admin {
    /// All that a group has committed; nothing where there is no such group.
    public func groupOffsets(of id: String) async throws(KafkaClientError) -> [TopicPartition: GroupOffset] {
        var request = OffsetFetchRequest()
        request.groupID = id
        request.topics = nil
        request.groups = [
            OffsetFetchRequest.Group {
                $0.groupID = id
                $0.topics = nil
            }
        ]
        return try await cluster.retrying { () async throws(KafkaClientError) in
            // Before version 2 there is no asking for all.
            let response = try await cluster.coordinator(ofGroup: id).call(request, leastVersion: 2)
            let code = response.groups.first?.errorCode ?? response.errorCode
            if code == .groupIDNotFound { return [:] }
            guard code == .none else { throw KafkaClientError(code, group: id) }
            var offsets: [TopicPartition: GroupOffset] = [:]
            for topic in response.groups.first?.topics ?? response.topics {
                for partition in topic.partitions where partition.committedOffset >= 0 {
                    guard partition.errorCode == .none else {
                        throw KafkaClientError(partition.errorCode, group: id)
                    }
                    offsets[TopicPartition(topic: topic.name, partition: Int(partition.partitionIndex))] =
                        GroupOffset(partition)
                }
            }
            return offsets
        }
    }

    /// Moves what a group has committed, at once and all or nothing, also while it has members: those are put out and come
    /// back at the new offsets. Of Martlet's brokers only.
    /// - Parameters:
    ///   - offsets: by partition; nil removes what is committed.
    ///   - kind: what the group's history calls it: `reset`, `undo`, `restore`, `copy`.
    ///   - onlyIfEmpty: refuses with `nonEmptyGroup` where there are members.
    ///   - validateOnly: says what is wrong, and changes nothing.
    /// - Throws: `unsupportedByBroker` for other brokers; `unknownTopic`, `unknownPartition`; `offsetOutOfRange` for an
    ///   offset that a partition does not have.
    @discardableResult
    public func alterGroupOffsets(
        of id: String, to offsets: [TopicPartition: GroupOffset?], kind: String, onlyIfEmpty: Bool = false,
        validateOnly: Bool = false
    ) async throws(KafkaClientError) -> GroupOffsetsChange {
        var request = AlterGroupOffsetsRequest()
        request.groupID = id
        request.kind = kind
        request.onlyIfEmpty = onlyIfEmpty
        request.validateOnly = validateOnly
        request.topics = try byTopic(offsets.keys).map { topic, partitions throws(KafkaClientError) in
            AlterGroupOffsetsRequest.Topic {
                $0.name = topic
                $0.partitions = partitions.map { partition in
                    let target = offsets[partition] ?? nil
                    return AlterGroupOffsetsRequest.Partition {
                        $0.partitionIndex = Int32(clamping: partition.partition)
                        $0.offset = target?.offset.value ?? -1
                        $0.leaderEpoch = Int32(clamping: target?.leaderEpoch ?? -1)
                        $0.metadata = target?.metadata
                    }
                }
            }
        }
        return try await changeGroup { () async throws(KafkaClientError) in
            let response = try await cluster.coordinator(ofGroup: id).call(request)
            try check(response, offsets, group: id)
            return GroupOffsetsChange(response)
        }
    }

    /// What is wrong with a partition says more than that something is.
    private func check(
        _ response: AlterGroupOffsetsResponse, _ offsets: [TopicPartition: GroupOffset?], group: String
    ) throws(KafkaClientError) {
        for topic in response.topics {
            // What was not attempted is not what was wrong.
            let refused = topic.partitions.filter { $0.errorCode != .none && $0.errorCode != .operationNotAttempted }
            for result in refused {
                let partition = TopicPartition(topic: topic.name, partition: Int(result.partitionIndex))
                if result.errorCode == .offsetOutOfRange, let target = offsets[partition] ?? nil {
                    throw .offsetOutOfRange(
                        topic: topic.name, partition: partition.partition, offset: target.offset)
                }
                let reason = result.errorMessage.flatMap { $0.isEmpty ? nil : $0 } ?? result.errorCode.message
                throw KafkaClientError(result.errorCode, topic: topic.name, message: "\(partition): \(reason)")
            }
        }
        guard response.errorCode == .none else {
            throw KafkaClientError(response.errorCode, group: group, message: response.errorMessage)
        }
    }

    /// Commits offsets for a group that has no members, as any Kafka broker lets its clients do.
    /// - Throws: `nonEmptyGroup` where it has; `unknownTopic`. Partitions before the one that is refused may be committed.
    public func commitGroupOffsets(
        of id: String, _ offsets: [TopicPartition: GroupOffset]
    ) async throws(KafkaClientError) {
        var request = OffsetCommitRequest()
        request.groupID = id
        request.topics = try byTopic(offsets.keys).map { topic, partitions throws(KafkaClientError) in
            OffsetCommitRequest.Topic {
                $0.name = topic
                $0.partitions = partitions.compactMap { partition in
                    offsets[partition].map { target in
                        OffsetCommitRequest.Partition {
                            $0.partitionIndex = Int32(clamping: partition.partition)
                            $0.committedOffset = target.offset.value
                            $0.committedLeaderEpoch = Int32(clamping: target.leaderEpoch ?? -1)
                            $0.committedMetadata = target.metadata
                        }
                    }
                }
            }
        }
        // Doing it twice does no more than doing it once.
        try await cluster.retrying { () async throws(KafkaClientError) in
            let response = try await cluster.coordinator(ofGroup: id).call(request)
            for topic in response.topics {
                for partition in topic.partitions {
                    switch partition.errorCode {
                    case .none: continue
                    // What a commit of no member gets where there are members.
                    case .unknownMemberID, .illegalGeneration, .staleMemberEpoch, .rebalanceInProgress:
                        throw .nonEmptyGroup(id)
                    case .unknownTopicOrPartition: throw .unknownTopic(topic.name)
                    default: throw KafkaClientError(partition.errorCode, group: id)
                    }
                }
            }
        }
    }

    /// Deletes what a group has committed of partitions.
    /// - Throws: `unknownGroup`; `subscribedGroup` for topics that its members read.
    public func deleteGroupOffsets(
        of id: String, _ partitions: some Sequence<TopicPartition>
    ) async throws(KafkaClientError) {
        var request = OffsetDeleteRequest()
        request.groupID = id
        request.topics = try byTopic(partitions).map { topic, partitions throws(KafkaClientError) in
            OffsetDeleteRequest.Topic {
                $0.name = topic
                $0.partitions = partitions.map { partition in
                    OffsetDeleteRequest.Partition { $0.partitionIndex = Int32(clamping: partition.partition) }
                }
            }
        }
        try await changeGroup { () async throws(KafkaClientError) in
            let response = try await cluster.coordinator(ofGroup: id).call(request)
            guard response.errorCode == .none else { throw KafkaClientError(response.errorCode, group: id) }
            for topic in response.topics {
                for partition in topic.partitions where partition.errorCode != .none {
                    if partition.errorCode == .unknownTopicOrPartition { throw .unknownTopic(topic.name) }
                    throw KafkaClientError(partition.errorCode, group: id)
                }
            }
        }
    }

    /// Asks what lies at offsets, or at the nearest that there are, and how far it is from there to the end. Of Martlet's
    /// brokers only. Partitions that are not there are left out of the answer.
    /// - Throws: `unsupportedByBroker` for other brokers.
    public func positions(
        at offsets: [TopicPartition: Offset]
    ) async throws(KafkaClientError) -> [TopicPartition: DescribedPosition] {
        guard !offsets.isEmpty else { return [:] }
        return try await cluster.retrying { () async throws(KafkaClientError) in
            var byLeader: [Int32: [TopicPartition]] = [:]
            for (topic, partitions) in try byTopic(offsets.keys) {
                guard let route = try await routeIfThere(topic) else { continue }
                for partition in partitions where route.leaders.indices.contains(partition.partition) {
                    byLeader[try route.leader(of: partition.partition).id, default: []].append(partition)
                }
            }
            var found: [TopicPartition: DescribedPosition] = [:]
            for (leader, partitions) in byLeader.sorted(by: { $0.key < $1.key }) {
                var asked = offsets.filter { partitions.contains($0.key) }
                // Records may be deleted between two questions.
                for _ in 0..<5 where !asked.isEmpty {
                    asked = try await positions(at: asked, of: leader, into: &found)
                }
            }
            return found
        }
    }

    private func routeIfThere(_ topic: String) async throws(KafkaClientError) -> TopicRoute? {
        do throws(KafkaClientError) {
            return try await cluster.route(of: topic, createMissing: false, isFresh: true)
        } catch {
            guard case .unknownTopic = error else { throw error }
            return nil
        }
    }

    /// Returns the partitions that do not have the offset, with the nearest that they have.
    private func positions(
        at offsets: [TopicPartition: Offset], of leader: Int32, into found: inout [TopicPartition: DescribedPosition]
    ) async throws(KafkaClientError) -> [TopicPartition: Offset] {
        var request = DescribePositionsRequest()
        request.topics = try byTopic(offsets.keys).map { topic, partitions throws(KafkaClientError) in
            DescribePositionsRequest.Topic {
                $0.name = topic
                $0.partitions = partitions.map { partition in
                    DescribePositionsRequest.Partition {
                        $0.partitionIndex = Int32(clamping: partition.partition)
                        $0.offset = offsets[partition]?.value ?? 0
                    }
                }
            }
        }
        let response = try await cluster.connection(to: leader).call(request, byteCount: 64 + 16 * offsets.count)
        var outside: [TopicPartition: Offset] = [:]
        for topic in response.topics {
            for answer in topic.partitions {
                let partition = TopicPartition(topic: topic.name, partition: Int(answer.partitionIndex))
                switch answer.errorCode {
                case .none: found[partition] = DescribedPosition(answer)
                case .unknownTopicOrPartition: continue
                case .offsetOutOfRange where answer.logStartOffset <= answer.endOffset:
                    let offset = offsets[partition]?.value ?? 0
                    outside[partition] = Offset(min(max(offset, answer.logStartOffset), answer.endOffset))
                default:
                    throw KafkaClientError(answer.errorCode, topic: topic.name, message: answer.errorMessage)
                }
            }
        }
        return outside
    }

    private func byTopic(
        _ partitions: some Sequence<TopicPartition>
    ) throws(KafkaClientError) -> [(topic: String, partitions: [TopicPartition])] {
        let sorted = partitions.sorted()
        guard sorted.allSatisfy({ (0...Int(Int32.max)).contains($0.partition) }) else {
            throw .invalidArgument("a partition is 0 or more")
        }
        return sorted.reduce(into: []) { topics, partition in
            if topics.last?.topic == partition.topic {
                topics[topics.count - 1].partitions.append(partition)
            } else {
                topics.append((partition.topic, [partition]))
            }
        }
    }

    private func changeGroup<R>(
        _ body: () async throws(KafkaClientError) -> R
    ) async throws(KafkaClientError) -> R {
        try await cluster.retrying(.onlyIfUndone, body)
    }
}

// MARK: Answers

extension GroupSummary {
    fileprivate init(_ group: ListGroupsResponse.ListedGroup) {
        self.init(
            id: group.groupID, state: group.groupState,
            type: group.groupType.isEmpty ? nil : group.groupType.lowercased(),
            protocolType: group.protocolType)
    }
}

extension GroupDescription {
    fileprivate init(
        _ group: DescribeGroupsResponse.DescribedGroup, at coordinator: BrokerAddress
    ) {
        let isOfConsumers = group.protocolType == ConsumerProtocolAssignment.protocolType
        let members = group.members.map { Member($0, isConsumer: isOfConsumers) }
        self.init(
            id: group.groupID, state: group.groupState, type: "classic", assignor: group.protocolData, epoch: nil,
            coordinator: coordinator, members: members)
    }

    fileprivate init(_ group: ConsumerGroupDescribeResponse.DescribedGroup, at coordinator: BrokerAddress) {
        self.init(
            id: group.groupID, state: group.groupState, type: "consumer", assignor: group.assignorName,
            epoch: Int(group.groupEpoch), coordinator: coordinator,
            members: group.members.map(Member.init))
    }
}

extension GroupDescription.Member {
    /// A member of a classic group, by what it told the others.
    /// - Parameters:
    ///   - metadata: its subscription, in the bytes of Kafka's consumer protocol.
    ///   - assignment: the same of what it is to read. Where either is something else, the member is shown without it.
    package init(
        id: String, instanceID: String?, clientID: String, host: String, metadata: [UInt8], assignment: [UInt8]
    ) {
        self.init(
            id: id, instanceID: instanceID, clientID: clientID, host: host, topics: [], assignment: [], epoch: nil)
        read(ByteBuffer(bytes: metadata), ByteBuffer(bytes: assignment))
    }

    fileprivate init(_ member: DescribeGroupsResponse.Member, isConsumer: Bool) {
        self.init(
            id: member.memberID, instanceID: member.groupInstanceID, clientID: member.clientID,
            host: member.clientHost, topics: [], assignment: [], epoch: nil)
        if isConsumer { read(member.memberMetadata, member.memberAssignment) }
    }

    private mutating func read(_ metadata: ByteBuffer, _ assignment: ByteBuffer) {
        if let subscription = try? ConsumerProtocolSubscription(reading: metadata) {
            topics = subscription.topics.sorted()
        }
        if let shared = try? ConsumerProtocolAssignment(reading: assignment) {
            self.assignment = shared.assignedPartitions.flatMap { topic in
                topic.partitions.map { TopicPartition(topic: topic.topic, partition: Int($0)) }
            }.sorted()
        }
    }

    fileprivate init(_ member: ConsumerGroupDescribeResponse.Member) {
        self.init(
            id: member.memberID, instanceID: member.instanceID, clientID: member.clientID, host: member.clientHost,
            topics: member.subscribedTopicNames.sorted(),
            assignment: member.assignment.topicPartitions.flatMap { topic in
                topic.partitions.map { TopicPartition(topic: topic.topicName, partition: Int($0)) }
            }.sorted(),
            epoch: Int(member.memberEpoch))
    }
}

extension GroupOffset {
    init(_ answer: OffsetFetchResponse.PartitionResponse) {
        self.init(
            offset: Offset(answer.committedOffset), wireEpoch: answer.committedLeaderEpoch,
            metadata: answer.metadata ?? "")
    }

    /// - Parameter wireEpoch: -1: not known.
    init(offset: Offset, wireEpoch: Int32, metadata: String = "") {
        self.init(offset: offset, leaderEpoch: wireEpoch < 0 ? nil : Int(wireEpoch), metadata: metadata)
    }

    var wireEpoch: Int32 { leaderEpoch.map { Int32(clamping: $0) } ?? -1 }
}

extension GroupOffsetsChange {
    fileprivate init(_ response: AlterGroupOffsetsResponse) {
        self.init(id: response.changeID, fencedMembers: Int(response.fencedMembers), before: [:])
        for topic in response.topics {
            for partition in topic.partitions {
                before[TopicPartition(topic: topic.name, partition: Int(partition.partitionIndex))] =
                    .some(partition.before < 0 ? nil : Offset(partition.before))
            }
        }
    }
}

extension DescribedPosition {
    fileprivate init(_ answer: DescribePositionsResponse.PartitionResponse) {
        self.init(
            logStart: Offset(answer.logStartOffset), end: Offset(answer.endOffset),
            bytesToEnd: answer.bytesToEnd < 0 ? nil : Int(answer.bytesToEnd),
            nextTimestamp: answer.nextTimestamp < 0 ? nil : Timestamp(milliseconds: answer.nextTimestamp))
    }
}
