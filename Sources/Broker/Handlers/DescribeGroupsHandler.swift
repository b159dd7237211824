internal import EventLog
internal import GroupCoordination
internal import KafkaProtocol
internal import NIOCore

/// What state groups are in, and who their members are.
enum DescribeGroupsHandler {
    /// The first version in which a group that is not there is an error; before, it is dead.
    private static let firstErrorVersion: Int16 = 6

    static func handle(_ request: DescribeGroupsRequest, _ call: Call) {
        let groups = call.connection.context.groups
        // Each once, however often it is asked for.
        var seen: Set<String> = []
        let ids = request.groups.filter { seen.insert($0).inserted }
        call.reply(
            DescribeGroupsResponse {
                $0.groups = ids.map { id in
                    var described = describe(id, groups, version: call.version)
                    if request.includeAuthorizedOperations {
                        described.authorizedOperations = AuthorizedOperations.group
                    }
                    return described
                }
            })
    }

    private static func describe(
        _ id: String, _ groups: GroupCoordinator, version: Int16
    ) -> DescribeGroupsResponse.DescribedGroup {
        // A group by the consumer protocol is none here, as Apache Kafka has it: ConsumerGroupDescribe tells of it.
        let found = groups.withExisting(id) { _, state, _ in state.machine.classic?.description }
        return DescribeGroupsResponse.DescribedGroup {
            $0.groupID = id
            guard let description = found ?? nil, description.state != .dead else {
                $0.groupState = GroupState.dead.wireName
                guard !groups.isStopped else { return $0.errorCode = .notCoordinator }
                guard version >= firstErrorVersion else { return }
                $0.errorCode = .groupIDNotFound
                $0.errorMessage = GroupError.groupIDNotFound.description
                return
            }
            $0.groupState = description.state.wireName
            $0.protocolType = description.protocolType
            $0.protocolData = description.protocolName
            $0.members = description.members.map(DescribeGroupsResponse.Member.init)
        }
    }
}

extension DescribeGroupsResponse.Member {
    fileprivate init(_ member: GroupDescription.Member) {
        self.init {
            $0.memberID = member.id.value
            $0.groupInstanceID = member.instanceID?.value
            $0.clientID = member.clientID
            $0.clientHost = member.clientHost
            $0.memberMetadata = ByteBuffer(bytes: member.metadata)
            $0.memberAssignment = ByteBuffer(bytes: member.assignment)
        }
    }
}

extension GroupState {
    /// As Kafka writes it.
    var wireName: String {
        switch self {
        case .empty: "Empty"
        case .preparingRebalance: "PreparingRebalance"
        case .completingRebalance: "CompletingRebalance"
        case .stable: "Stable"
        case .dead: "Dead"
        }
    }
}
