internal import EventLog
internal import GroupCoordination

// A group as its state machine hands it out to be stored, and as the engine stores it.

extension ClassicGroupState {
    init(_ record: GroupRecord) {
        self.init(
            protocolType: record.protocolType, generation: record.generation.value, protocolName: record.protocolName,
            leader: record.leader?.value, members: record.members.map(Member.init))
    }
}

extension ClassicGroupState.Member {
    init(_ member: GroupRecord.Member) {
        self.init(
            id: member.id.value, instanceID: member.instanceID?.value, clientID: member.clientID,
            clientHost: member.clientHost, rebalanceTimeout: Int32(clamping: member.rebalanceTimeout),
            sessionTimeout: Int32(clamping: member.sessionTimeout), metadata: member.metadata,
            assignment: member.assignment)
    }
}

extension GroupRecord {
    init(_ state: ClassicGroupState) {
        self.init(
            protocolType: state.protocolType, generation: Generation(state.generation),
            protocolName: state.protocolName, leader: state.leader.map { MemberID($0) },
            members: state.members.map(Member.init))
    }
}

extension GroupRecord.Member {
    init(_ member: ClassicGroupState.Member) {
        self.init(
            id: MemberID(member.id), instanceID: member.instanceID.map { InstanceID($0) }, clientID: member.clientID,
            clientHost: member.clientHost, sessionTimeout: Int64(member.sessionTimeout),
            rebalanceTimeout: Int64(member.rebalanceTimeout), metadata: member.metadata,
            assignment: member.assignment)
    }
}
