internal import GroupCoordination
internal import KafkaProtocol
internal import NIOCore

/// Lets a client into a group. The answer comes when all members have joined, or the time for that is up.
enum JoinGroupHandler {
    static func handle(_ request: JoinGroupRequest, _ call: Call) {
        func refuse(_ code: ErrorCode) {
            call.reply(
                JoinGroupResponse(refusing: code, member: MemberID(request.memberID), version: call.version))
        }
        guard request.groupID.isGroupID else { return refuse(.invalidGroupID) }
        guard request.hasStorableTexts else { return refuse(.invalidRequest) }
        let groups = call.connection.context.groups
        groups.prepared(call) { failure in
            if failure != nil { return refuse(.coordinatorNotAvailable) }
            let join = { (group: CoordinatedGroup, state: inout CoordinatedGroup.State, now: Instant) -> Taken in
                if request.memberID.isEmpty { group.becomeClassic(&state) }
                guard let classic = state.machine.classic else { return .otherProtocol }
                var join = JoinRequest(request, call)
                guard groups.hasRoom(forMembers: classic.growth(by: join)) else { return .tooMuch }
                join.request = group.park(call, &state)
                state.machine.classic?.join(join, at: now)
                return .parked
            }
            let isNew = request.memberID.isEmpty
            let taken =
                try? isNew
                ? groups.withGroup(request.groupID, mayDrop: true, join)
                : groups.withExisting(request.groupID, mayDrop: true, join)
            switch taken {
            case .parked?: break
            case .tooMuch?: refuse(.groupMaxSizeReached)
            // Its members speak the other protocol.
            case .otherProtocol? where isNew: refuse(.inconsistentGroupProtocol)
            // There may be no more groups.
            case nil where isNew: refuse(.groupMaxSizeReached)
            // Who has an id has it from a group that is there.
            case .otherProtocol?, nil: refuse(.unknownMemberID)
            }
        }
    }

    private enum Taken {
        case parked
        case otherProtocol
        case tooMuch
    }
}

extension JoinGroupRequest {
    /// The type stays with a group whose members have left, where nothing counts it. "consumer" has 8.
    private static var protocolTypeBytesMax: Int { 255 }

    /// Whether what is to be stored of the member has room in Kafka's schemas, and in answers of old versions.
    fileprivate var hasStorableTexts: Bool {
        let limit = Int(Int16.max)
        return protocolType.utf8.count <= Self.protocolTypeBytesMax && (groupInstanceID?.utf8.count ?? 0) <= limit - 64
            && protocols.allSatisfy { $0.name.utf8.count <= limit }
    }
}

extension String {
    /// Whether it will do for the name of a group that has members.
    var isGroupID: Bool { !isEmpty && isGroupIDOfOffsets }

    /// Whether it will do for a group that has offsets: Kafka stores them for the group without a name, too.
    var isGroupIDOfOffsets: Bool { utf8.count <= Int(Int16.max) }
}

extension JoinRequest {
    /// Its number it gets when it is parked.
    fileprivate init(_ request: JoinGroupRequest, _ call: Call) {
        let clientID = call.clientID ?? ""
        // Before version 1 one time counts for both.
        let rebalanceTimeout = call.version >= 1 ? request.rebalanceTimeoutMs : request.sessionTimeoutMs
        self.init(
            request: RequestID(0), memberID: MemberID(request.memberID),
            freshMemberID: .fresh(for: request.groupInstanceID ?? clientID),
            instanceID: request.groupInstanceID.map { InstanceID($0) }, clientID: clientID,
            clientHost: call.connection.clientHost, sessionTimeout: Int64(request.sessionTimeoutMs),
            rebalanceTimeout: Int64(rebalanceTimeout), protocolType: request.protocolType,
            protocols: request.protocols.map {
                GroupProtocol(name: $0.name, metadata: Array($0.metadata.readableBytesView))
            },
            requiresMemberID: call.version >= 4, canSkipAssignment: call.version >= 9)
    }
}

extension JoinGroupResponse {
    init(_ answer: JoinAnswer) {
        self.init {
            $0.generationID = answer.generation.value
            $0.protocolType = answer.protocolType
            $0.protocolName = answer.protocolName
            $0.leader = answer.leader.value
            $0.skipAssignment = answer.skipsAssignment
            $0.memberID = answer.memberID.value
            $0.members = answer.members.map { member in
                Member {
                    $0.memberID = member.id.value
                    $0.groupInstanceID = member.instanceID?.value
                    $0.metadata = ByteBuffer(bytes: member.metadata)
                }
            }
        }
    }

    init(refusing code: ErrorCode, member: MemberID, version: Int16) {
        self.init {
            $0.errorCode = code
            $0.memberID = member.value
            $0.protocolName = version >= 7 ? nil : ""
        }
    }
}
