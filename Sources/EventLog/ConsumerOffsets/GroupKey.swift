/// What a record of `__consumer_offsets` is about, within its group: Kafka's keys. See docs/FORMAT.md, "Committed
/// offsets".
package enum GroupKey: Hashable, Sendable {
    /// OffsetCommitKey: type 0 is read, 1 is written.
    case offset(topic: String, partition: Int32)
    /// GroupMetadataKey, 2.
    case classicState
    /// ConsumerGroupMetadataKey, 3.
    case consumerGroup
    /// ConsumerGroupPartitionMetadataKey, 4: of Kafka 3.7 to 4.0. Only removed here.
    case partitionMetadata
    /// ConsumerGroupMemberMetadataKey, 5.
    case member(String)
    /// ConsumerGroupTargetAssignmentMetadataKey, 6.
    case targetAssignment
    /// ConsumerGroupTargetAssignmentMemberKey, 7.
    case memberTarget(String)
    /// ConsumerGroupCurrentMemberAssignmentKey, 8.
    case memberCurrent(String)
    /// ConsumerGroupRegularExpressionKey, 16.
    case regularExpression(String)
}

extension GroupKey {
    /// The group and the key in these bytes; nil: of a type that is not known here, which is no damage.
    static func decode(_ bytes: RawSpan) throws(SchemaError) -> (group: String, key: GroupKey)? {
        var fields = SchemaReader(bytes)
        let type = try fields.int16()
        guard 0...8 ~= type || type == 16 else { return nil }
        let group = try fields.string()
        switch type {
        case 0, 1: return (group, .offset(topic: try fields.string(), partition: try fields.int32()))
        case 2: return (group, .classicState)
        case 3: return (group, .consumerGroup)
        case 4: return (group, .partitionMetadata)
        case 5: return (group, .member(try fields.string()))
        case 6: return (group, .targetAssignment)
        case 7: return (group, .memberTarget(try fields.string()))
        case 8: return (group, .memberCurrent(try fields.string()))
        default: return (group, .regularExpression(try fields.string()))
        }
    }

    private var type: Int16 {
        switch self {
        case .offset: 1
        case .classicState: 2
        case .consumerGroup: 3
        case .partitionMetadata: 4
        case .member: 5
        case .targetAssignment: 6
        case .memberTarget: 7
        case .memberCurrent: 8
        case .regularExpression: 16
        }
    }

    func encode(of group: String, into bytes: inout SchemaWriter) {
        bytes.begin(type)
        bytes.add(group)
        switch self {
        case .classicState, .consumerGroup, .partitionMetadata, .targetAssignment: break
        case .offset(let topic, let partition):
            bytes.add(topic)
            bytes.add(partition)
        case .member(let text), .memberTarget(let text), .memberCurrent(let text), .regularExpression(let text):
            bytes.add(text)
        }
    }

    var isEncodable: Bool {
        switch self {
        case .classicState, .consumerGroup, .partitionMetadata, .targetAssignment: true
        case .offset(let text, _), .member(let text), .memberTarget(let text), .memberCurrent(let text),
            .regularExpression(let text):
            text.hasRoomInSchema
        }
    }
}
