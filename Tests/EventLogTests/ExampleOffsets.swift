@testable import EventLog

/// The records and the snapshot of docs/FORMAT.md, "Committed offsets".
enum ExampleOffsets {
    static let time = Timestamp(milliseconds: ExampleDirectory.start)
    static let offset = GroupEntry.offset(
        topic: "readings", partition: 1, CommittedOffset(17, leaderEpoch: 0, metadata: "half", timestamp: time))
    static let state = GroupEntry.classicState(
        ClassicGroupState(
            protocolType: "consumer", generation: 5, protocolName: "range", leader: "m-1", timestamp: time,
            members: [
                ClassicGroupState.Member(
                    id: "m-1", instanceID: nil, clientID: "c", clientHost: "h", rebalanceTimeout: 300_000,
                    sessionTimeout: 45_000, metadata: [0, 1], assignment: [0, 2])
            ]))

    static let labels = ["offset-key", "offset-value", "group-key", "group-value", "offsets-snapshot"]

    static func bytes(_ label: String) -> [UInt8] {
        switch label {
        case "offset-key": key(offset)
        case "offset-value": value(offset)
        case "group-key": key(state)
        case "group-value": value(state)
        default: snapshot.encoded()
        }
    }

    private static func key(_ entry: GroupEntry) -> [UInt8] {
        var writer = SchemaWriter()
        entry.key.encode(of: "analytics", into: &writer)
        return writer.bytes
    }

    private static func value(_ entry: GroupEntry) -> [UInt8] {
        var writer = SchemaWriter()
        return entry.encodeValue(into: &writer) ? writer.bytes : []
    }

    private static var snapshot: OffsetsSnapshot {
        var group = StoredGroup(id: "analytics")
        for entry in [offset, state] { group.apply(entry, at: time) }
        return OffsetsSnapshot(
            topic: TopicID(high: 0x0123_4567_89ab_4def, low: 0x8123_4567_89ab_cdef), partition: 42, logStart: 0,
            end: 1, batches: [BatchMark(baseOffset: 0, crc: 0x89ab_cdef)], groups: ["analytics": group])
    }
}
