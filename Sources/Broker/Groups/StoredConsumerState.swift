internal import EventLog
internal import GroupCoordination

// A group by the consumer protocol as its state machine hands it out to be stored, and as the engine stores it.

extension TopicKey {
    init(_ id: TopicID) { self.init(high: id.high, low: id.low) }
}

extension TopicID {
    init(_ key: TopicKey) { self.init(high: key.high, low: key.low) }
}

extension TopicShare {
    init(_ stored: TopicPartitions) { self.init(topic: TopicKey(stored.topicID), partitions: stored.partitions) }
}

extension TopicPartitions {
    init(_ share: TopicShare) { self.init(topicID: TopicID(share.topic), partitions: share.partitions) }
}

extension GroupEntry {
    init(_ record: ConsumerGroupRecord) {
        switch record {
        case .group(let epoch, let hash):
            self = .consumerGroup(ConsumerGroupMetadata(epoch: epoch.value, metadataHash: hash))
        case .removeGroup: self = .remove(.consumerGroup)
        case .member(let id, let member): self = .member(id.value, ConsumerMemberMetadata(member))
        case .removeMember(let id): self = .remove(.member(id.value))
        case .targetEpoch(let epoch): self = .targetAssignment(TargetAssignmentMetadata(epoch: epoch.value))
        case .removeTargetEpoch: self = .remove(.targetAssignment)
        case .target(let id, let shares): self = .memberTarget(id.value, shares.map { TopicPartitions($0) })
        case .removeTarget(let id): self = .remove(.memberTarget(id.value))
        case .current(let id, let current): self = .memberCurrent(id.value, CurrentAssignment(current))
        case .removeCurrent(let id): self = .remove(.memberCurrent(id.value))
        }
    }
}

extension ConsumerMemberMetadata {
    fileprivate init(_ member: ConsumerGroupRecord.Member) {
        self.init(
            instanceID: member.instanceID?.value, rackID: member.rackID, clientID: member.clientID,
            clientHost: member.clientHost, topicNames: member.topicNames, topicRegex: member.topicPattern,
            rebalanceTimeout: Int32(clamping: member.rebalanceTimeout), serverAssignor: member.assignor)
    }
}

extension CurrentAssignment {
    fileprivate init(_ current: ConsumerGroupRecord.Current) {
        self.init(
            memberEpoch: current.epoch.value, previousMemberEpoch: current.previousEpoch.value,
            state: current.progress.rawValue, assigned: current.assigned.map { TopicPartitions($0) },
            pendingRevocation: current.pendingRevocation.map { TopicPartitions($0) })
    }
}

extension StoredConsumerGroup {
    /// Members of Kafka's mixed groups, that speak the classic protocol, are left out: they join again.
    init(_ state: ConsumerGroupState) {
        self.init()
        epoch = state.metadata.map { GroupEpoch($0.epoch) }
        topicsHash = state.metadata?.metadataHash ?? 0
        targetEpoch = state.target.map { GroupEpoch($0.epoch) }
        for (name, member) in state.members {
            let id = MemberID(name)
            if let metadata = member.metadata, metadata.classicProtocols == nil {
                members[id] = ConsumerGroupRecord.Member(metadata)
            }
            // Of a member that is left out the group removes the rest.
            targets[id] = member.target?.map { TopicShare($0) }
            // A state that is not known here: without one, the member is fenced and joins again.
            currents[id] = member.current.flatMap { ConsumerGroupRecord.Current($0) }
        }
    }
}

extension ConsumerGroupRecord.Member {
    fileprivate init(_ member: ConsumerMemberMetadata) {
        self.init(
            instanceID: member.instanceID.map { InstanceID($0) }, rackID: member.rackID, clientID: member.clientID,
            clientHost: member.clientHost, topicNames: member.topicNames, topicPattern: member.topicRegex,
            rebalanceTimeout: Int64(member.rebalanceTimeout), assignor: member.serverAssignor)
    }
}

extension ConsumerGroupRecord.Current {
    fileprivate init?(_ current: CurrentAssignment) {
        guard let progress = MemberProgress(rawValue: current.state) else { return nil }
        self.init(
            epoch: GroupEpoch(current.memberEpoch), previousEpoch: GroupEpoch(current.previousMemberEpoch),
            progress: progress, assigned: current.assigned.map { TopicShare($0) },
            pendingRevocation: current.pendingRevocation.map { TopicShare($0) })
    }
}
