/// What is stored of a group.
package struct StoredGroup: Hashable, Sendable {
    package let id: String
    /// By topic and partition.
    package internal(set) var offsets: [String: [Int32: CommittedOffset]] = [:]
    /// nil: it is none of the classic protocol, or nobody has ever joined.
    package internal(set) var classicState: ClassicGroupState?
    /// nil: it is none of the consumer protocol.
    package internal(set) var consumerState: ConsumerGroupState?
    /// The time of its last record.
    package internal(set) var lastChange = Timestamp.none

    init(id: String) { self.id = id }

    package var isEmpty: Bool { offsets.isEmpty && classicState == nil && consumerState == nil }

    package var offsetCount: Int { offsets.values.reduce(0) { $0 + $1.count } }

    /// Whether there are members that a coordinator would take back after a restart.
    package var hasMembers: Bool {
        !(classicState?.members.isEmpty ?? true) || !(consumerState?.members.isEmpty ?? true)
    }

    func committed(_ key: GroupKey) -> CommittedOffset? {
        guard case .offset(let topic, let partition) = key else { return nil }
        return offsets[topic]?[partition]
    }

    /// What removes all that is stored of the group.
    package var removal: [GroupEntry] { (offsetKeys + stateKeys).map { .remove($0) } }

    package var offsetKeys: [GroupKey] {
        offsets.sorted { $0.key < $1.key }.flatMap { topic, partitions in
            partitions.keys.sorted().map { .offset(topic: topic, partition: $0) }
        }
    }

    /// What is stored but offsets.
    package var stateKeys: [GroupKey] {
        var keys: [GroupKey] = classicState == nil ? [] : [.classicState]
        guard let consumerState else { return keys }
        for (id, member) in consumerState.members.sorted(by: { $0.key < $1.key }) {
            if member.current != nil { keys.append(.memberCurrent(id)) }
            if member.target != nil { keys.append(.memberTarget(id)) }
            if member.metadata != nil { keys.append(.member(id)) }
        }
        keys += consumerState.regularExpressions.keys.sorted().map { .regularExpression($0) }
        if consumerState.target != nil { keys.append(.targetAssignment) }
        if consumerState.metadata != nil { keys.append(.consumerGroup) }
        return keys
    }
}

extension StoredGroup {
    /// Returns by how much `byteCount` has grown.
    @discardableResult
    mutating func apply(_ entry: GroupEntry) -> Int {
        switch entry {
        case .offset(let topic, let partition, let committed): return set(committed, topic, partition)
        case .remove(.offset(let topic, let partition)): return removeOffset(topic, partition)
        case .classicState(let state): classicState = state
        case .consumerGroup(let metadata): changeConsumerState { $0.metadata = metadata }
        case .member(let id, let metadata): changeMember(id) { $0.metadata = metadata }
        case .targetAssignment(let target): changeConsumerState { $0.target = target }
        case .memberTarget(let id, let target): changeMember(id) { $0.target = target }
        case .memberCurrent(let id, let current): changeMember(id) { $0.current = current }
        case .regularExpression(let text, let resolved):
            changeConsumerState { $0.regularExpressions[text] = resolved }
        case .partitionMetadata: break
        case .remove(let key): removeState(key)
        }
        return 0
    }

    private mutating func set(_ committed: CommittedOffset, _ topic: String, _ partition: Int32) -> Int {
        let topicCount = offsets.count
        let before = offsets[topic, default: [:]].updateValue(committed, forKey: partition)
        let growth = OffsetsSize.offset(committed) - (before.map(OffsetsSize.offset) ?? 0)
        return offsets.count == topicCount ? growth : growth + OffsetsSize.topic(topic)
    }

    private mutating func removeOffset(_ topic: String, _ partition: Int32) -> Int {
        let before = offsets[topic]?.removeValue(forKey: partition)
        let shrinking = before.map(OffsetsSize.offset) ?? 0
        guard offsets[topic]?.isEmpty == true else {
            offsets[topic]?.shrink()
            return -shrinking
        }
        offsets[topic] = nil
        offsets.shrink()
        return -shrinking - OffsetsSize.topic(topic)
    }

    private mutating func removeState(_ key: GroupKey) {
        switch key {
        case .offset, .partitionMetadata: break
        case .classicState: classicState = nil
        case .consumerGroup: changeConsumerState { $0.metadata = nil }
        case .member(let id): changeMember(id) { $0.metadata = nil }
        case .targetAssignment: changeConsumerState { $0.target = nil }
        case .memberTarget(let id): changeMember(id) { $0.target = nil }
        case .memberCurrent(let id): changeMember(id) { $0.current = nil }
        case .regularExpression(let text): changeConsumerState { $0.regularExpressions[text] = nil }
        }
    }

    private mutating func changeConsumerState(_ body: (inout ConsumerGroupState) -> Void) {
        var state = consumerState ?? ConsumerGroupState()
        consumerState = nil
        body(&state)
        consumerState = state.isEmpty ? nil : state
    }

    private mutating func changeMember(_ id: String, _ body: (inout ConsumerGroupState.Member) -> Void) {
        changeConsumerState { state in
            body(&state.members[id, default: ConsumerGroupState.Member()])
            if state.members[id]?.isEmpty == true { state.members[id] = nil }
        }
    }
}
