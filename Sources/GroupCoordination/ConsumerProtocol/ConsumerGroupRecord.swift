/// What is stored of a group by the consumer protocol, piece by piece; a later one of the same kind and member is
/// instead of that before.
package enum ConsumerGroupRecord: Hashable, Sendable {
    /// With a number that is another when subscribed topics have changed.
    case group(GroupEpoch, topicsHash: Int64)
    case removeGroup
    case member(MemberID, Member)
    case removeMember(MemberID)
    /// To which epoch the targets belong.
    case targetEpoch(GroupEpoch)
    case removeTargetEpoch
    case target(MemberID, [TopicShare])
    case removeTarget(MemberID)
    case current(MemberID, Current)
    case removeCurrent(MemberID)

    /// About how long it is when it is stored.
    var approximateBytes: Int {
        func bytes(_ shares: [TopicShare]) -> Int { shares.reduce(0) { $0 + 24 + 4 * $1.partitions.count } }
        let fixed = 128
        return switch self {
        case .group, .removeGroup, .targetEpoch, .removeTargetEpoch: fixed
        case .removeMember(let id), .removeTarget(let id), .removeCurrent(let id): fixed + id.value.utf8.count
        case .target(let id, let shares): fixed + id.value.utf8.count + bytes(shares)
        case .current(let id, let current):
            fixed + id.value.utf8.count + bytes(current.assigned) + bytes(current.pendingRevocation)
        case .member(let id, let member):
            member.topicNames.reduce(fixed + id.value.utf8.count + member.clientID.utf8.count) {
                $0 + 2 + $1.utf8.count
            } + (member.topicPattern?.utf8.count ?? 0) + (member.instanceID?.value.utf8.count ?? 0)
        }
    }

    /// Who a member is, and what it asked for.
    package struct Member: Hashable, Sendable {
        package var instanceID: InstanceID?
        package var rackID: String?
        package var clientID: String
        package var clientHost: String
        package var topicNames: [String]
        package var topicPattern: String?
        /// In milliseconds.
        package var rebalanceTimeout: Int64
        package var assignor: String?

        package init(
            instanceID: InstanceID?, rackID: String?, clientID: String, clientHost: String, topicNames: [String],
            topicPattern: String?, rebalanceTimeout: Int64, assignor: String?
        ) {
            self.instanceID = instanceID
            self.rackID = rackID
            self.clientID = clientID
            self.clientHost = clientHost
            self.topicNames = topicNames
            self.topicPattern = topicPattern
            self.rebalanceTimeout = rebalanceTimeout
            self.assignor = assignor
        }
    }

    /// How far a member has come.
    package struct Current: Hashable, Sendable {
        package var epoch: GroupEpoch
        package var previousEpoch: GroupEpoch
        package var progress: MemberProgress
        package var assigned: [TopicShare]
        package var pendingRevocation: [TopicShare]

        package init(
            epoch: GroupEpoch, previousEpoch: GroupEpoch, progress: MemberProgress, assigned: [TopicShare],
            pendingRevocation: [TopicShare]
        ) {
            self.epoch = epoch
            self.previousEpoch = previousEpoch
            self.progress = progress
            self.assigned = assigned
            self.pendingRevocation = pendingRevocation
        }
    }
}
