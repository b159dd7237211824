import EventLog
import KafkaClient

/// Records of `__consumer_offsets` to what happened to a group.
enum GroupEventDecoder {
    /// nil: it is about another group, or nothing that an operator would look for.
    static func event(
        key: [UInt8]?, value: [UInt8]?, headers: [RecordHeader], timestamp: Timestamp, of group: String
    ) -> GroupEvent? {
        // What is not by Kafka's schemas is no event; whoever wrote it meant something else.
        let decoded = try? DecodedGroupRecord.decode(key: key, value: value, headers: headers, timestamp: timestamp)
        guard let record = decoded ?? nil, record.group == group else { return nil }
        return GroupEvent(record)
    }
}

extension GroupEvent {
    /// nil: it is nothing that an operator would look for.
    init?(_ record: DecodedGroupRecord) {
        guard let what = What(record) else { return nil }
        self.init(
            time: record.timestamp, kind: record.note?.kind ?? (what.isOffset ? Self.commit : "members"),
            author: record.author.map { "\($0.principal) \($0.clientID)@\($0.address)" }, change: record.note?.id,
            what: what)
    }
}

extension GroupEvent.What {
    fileprivate var isOffset: Bool { if case .offset = self { true } else { false } }

    fileprivate init?(_ record: DecodedGroupRecord) {
        switch record.entry {
        case .offset(let topic, let partition, let committed):
            self = .offset(
                TopicPartition(topic: topic, partition: Int(partition)), before: Self.prior(record),
                after: committed.offset, metadata: committed.metadata)
        case .remove(.offset(let topic, let partition)):
            self = .offset(
                TopicPartition(topic: topic, partition: Int(partition)), before: Self.prior(record), after: nil,
                metadata: "")
        case .classicState(let state): self = .members(Self.text(state))
        case .consumerGroup(let metadata): self = .members("epoch \(metadata.epoch)")
        case .member(let id, let metadata): self = .members("member \(metadata.instanceID ?? id)")
        case .remove(.member(let id)): self = .members("member \(id) left")
        case .remove(.classicState), .remove(.consumerGroup): self = .end
        case .targetAssignment, .memberTarget, .memberCurrent, .regularExpression, .partitionMetadata, .remove:
            return nil
        }
    }

    /// Plain commits say nothing of what was there: the records before them do.
    private static func prior(_ record: DecodedGroupRecord) -> GroupEvent.Prior {
        guard let note = record.note else { return .unknown }
        return note.before.map { .offset($0) } ?? .nothing
    }

    private static func text(_ state: ClassicGroupState) -> String {
        let count = state.members.count
        let who = count == 0 ? "no members" : count.counted("member")
        return "generation \(state.generation): \(who)" + (state.protocolName.map { ", \($0)" } ?? "")
    }
}
