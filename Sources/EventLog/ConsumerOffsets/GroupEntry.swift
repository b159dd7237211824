/// One record of `__consumer_offsets`, as it changes its group.
package enum GroupEntry: Hashable, Sendable {
    case offset(topic: String, partition: Int32, CommittedOffset)
    case classicState(ClassicGroupState)
    case consumerGroup(ConsumerGroupMetadata)
    case member(String, ConsumerMemberMetadata)
    case targetAssignment(TargetAssignmentMetadata)
    case memberTarget(String, [TopicPartitions])
    case memberCurrent(String, CurrentAssignment)
    case regularExpression(String, ResolvedRegularExpression)
    /// What Kafka 3.7 to 4.0 wrote and nobody needs: it is not kept.
    case partitionMetadata
    /// A record without a value: what was there under the key is no more.
    case remove(GroupKey)

    package static func removeOffset(topic: String, partition: Int32) -> GroupEntry {
        .remove(.offset(topic: topic, partition: partition))
    }

    package var key: GroupKey {
        switch self {
        case .offset(let topic, let partition, _): .offset(topic: topic, partition: partition)
        case .classicState: .classicState
        case .consumerGroup: .consumerGroup
        case .member(let id, _): .member(id)
        case .targetAssignment: .targetAssignment
        case .memberTarget(let id, _): .memberTarget(id)
        case .memberCurrent(let id, _): .memberCurrent(id)
        case .regularExpression(let text, _): .regularExpression(text)
        case .partitionMetadata: .partitionMetadata
        case .remove(let key): key
        }
    }
}

extension GroupEntry {
    /// What a record's key and value say; nil: the key is of a type that is not known here. Throws where they are not
    /// by Kafka's schemas.
    static func decode(
        key: RawSpan, value: RawSpan?
    ) throws(SchemaError) -> (group: String, entry: GroupEntry)? {
        guard let (group, key) = try GroupKey.decode(key) else { return nil }
        guard let value else { return (group, .remove(key)) }
        let entry = try GroupEntry(key, value)
        // Flexible versions have room for longer texts than those that are written here, in snapshots for one.
        guard entry.isEncodable else { throw .badLength }
        return (group, entry)
    }

    private init(_ key: GroupKey, _ value: RawSpan) throws(SchemaError) {
        switch key {
        case .offset(let topic, let partition):
            self = .offset(topic: topic, partition: partition, try CommittedOffset(decoding: value))
        case .classicState: self = .classicState(try ClassicGroupState(decoding: value))
        case .consumerGroup: self = .consumerGroup(try ConsumerGroupMetadata(decoding: value))
        case .partitionMetadata: self = .partitionMetadata
        case .member(let id): self = .member(id, try ConsumerMemberMetadata(decoding: value))
        case .targetAssignment: self = .targetAssignment(try TargetAssignmentMetadata(decoding: value))
        case .memberTarget(let id): self = .memberTarget(id, try [TopicPartitions](decoding: value))
        case .memberCurrent(let id): self = .memberCurrent(id, try CurrentAssignment(decoding: value))
        case .regularExpression(let text):
            self = .regularExpression(text, try ResolvedRegularExpression(decoding: value))
        }
    }

    /// Writes the value; false: there is none.
    func encodeValue(into value: inout SchemaWriter) -> Bool {
        switch self {
        case .offset(_, _, let committed): committed.encode(into: &value)
        case .classicState(let state): state.encode(into: &value)
        case .consumerGroup(let metadata): metadata.encode(into: &value)
        case .member(_, let metadata): metadata.encode(into: &value)
        case .targetAssignment(let metadata): metadata.encode(into: &value)
        case .memberTarget(_, let target): target.encode(into: &value)
        case .memberCurrent(_, let current): current.encode(into: &value)
        case .regularExpression(_, let resolved): resolved.encode(into: &value)
        case .partitionMetadata, .remove: return false
        }
        return true
    }

    /// Whether the schemas have room for it.
    var isEncodable: Bool {
        guard key.isEncodable else { return false }
        switch self {
        case .offset(_, _, let committed): return committed.metadata.hasRoomInSchema
        case .classicState(let state): return state.isEncodable
        default: return true
        }
    }

    /// The same with the times that are to be those of storing it.
    func stamped(at now: Timestamp) -> GroupEntry {
        switch self {
        case .offset(let topic, let partition, var committed) where committed.timestamp == .none:
            committed.timestamp = now
            return .offset(topic: topic, partition: partition, committed)
        case .classicState(var state) where state.timestamp == .none:
            state.timestamp = now
            return .classicState(state)
        default: return self
        }
    }
}
