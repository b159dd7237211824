internal import GroupCoordination
internal import KafkaProtocol
internal import NIOCore

/// Gives a member its assignment. The answer comes when the leader's assignment is stored.
enum SyncGroupHandler {
    /// The first version that says which protocol the group has agreed on.
    private static let firstProtocolVersion: Int16 = 5

    static func handle(_ request: SyncGroupRequest, _ call: Call) {
        func refuse(_ code: ErrorCode) { call.reply(SyncGroupResponse { $0.errorCode = code }) }
        guard request.groupID.isGroupID else { return refuse(.invalidGroupID) }
        if call.version >= firstProtocolVersion, request.protocolType == nil || request.protocolName == nil {
            return refuse(.inconsistentGroupProtocol)
        }
        let groups = call.connection.context.groups
        let taken = groups.withExisting(request.groupID, mayDrop: true) { group, state, now -> Taken in
            guard let classic = state.machine.classic else { return .otherProtocol }
            var sync = SyncRequest(request)
            // It is the leader's to say what all of them get.
            guard groups.hasRoom(forMembers: classic.growth(by: sync)) else { return .tooMuch }
            sync.request = group.park(call, &state)
            state.machine.classic?.sync(sync, at: now)
            return .parked
        }
        switch taken {
        case .parked?: break
        case .tooMuch?: refuse(.groupMaxSizeReached)
        case .otherProtocol?, nil: refuse(.unknownMemberID)
        }
    }

    private enum Taken {
        case parked
        case otherProtocol
        case tooMuch
    }
}

extension SyncRequest {
    /// Its number it gets when it is parked.
    fileprivate init(_ request: SyncGroupRequest) {
        let assignments = request.assignments.map { (MemberID($0.memberID), Array($0.assignment.readableBytesView)) }
        self.init(
            request: RequestID(0), memberID: MemberID(request.memberID),
            instanceID: request.groupInstanceID.map { InstanceID($0) },
            generation: Generation(request.generationID), protocolType: request.protocolType,
            protocolName: request.protocolName, assignments: Dictionary(assignments) { $1 })
    }
}

extension SyncGroupResponse {
    init(_ answer: SyncAnswer) {
        self.init {
            $0.protocolType = answer.protocolType
            $0.protocolName = answer.protocolName
            $0.assignment = ByteBuffer(bytes: answer.assignment)
        }
    }
}
