/// Why a request is refused.
package enum GroupError: Error, Hashable, Sendable {
    case coordinatorNotAvailable
    case notCoordinator
    case unknownMemberID
    case illegalGeneration
    case rebalanceInProgress
    case inconsistentGroupProtocol
    case invalidSessionTimeout
    case memberIDRequired
    case fencedInstanceID
    case groupMaxSizeReached
    case nonEmptyGroup
    case groupIDNotFound
    /// Offsets are being moved: one such change at a time.
    case alreadyFenced
    /// Offsets are being moved: this waits until that is done.
    case coordinatorLoadInProgress

    // Of the consumer protocol (KIP-848).
    case fencedMemberEpoch
    case staleMemberEpoch
    case unreleasedInstanceID
    case unsupportedAssignor
    /// With what is wrong about it.
    case invalidRegularExpression(String)
    /// With what is wrong about it.
    case invalidRequest(String)
}

extension GroupError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .coordinatorNotAvailable: "the group's state could not be stored: try again"
        case .notCoordinator: "the group is no longer coordinated here: look for its coordinator again"
        case .unknownMemberID: "the group has no such member: join without a member id"
        case .illegalGeneration: "the group has gone on to another generation: join again"
        case .rebalanceInProgress: "the group is rebalancing: join again"
        case .inconsistentGroupProtocol:
            "the group's members share no such protocol: offer one that all of them support"
        case .invalidSessionTimeout:
            "the session timeout is outside group.min.session.timeout.ms to group.max.session.timeout.ms"
        case .memberIDRequired: "join again with the member id of this answer"
        case .fencedInstanceID: "another process has joined with this group.instance.id: stop one of them"
        case .groupMaxSizeReached: "the group has group.max.size members: stop one, or raise the limit"
        case .nonEmptyGroup: "the group has members: stop them first"
        case .groupIDNotFound: "there is no such group"
        case .alreadyFenced: "the group's offsets are being moved by someone else: try again"
        case .coordinatorLoadInProgress: "the group's offsets are being moved: try again"
        case .fencedMemberEpoch: "the group has given up this member: abandon the partitions and join again"
        case .staleMemberEpoch: "the member has gone on to another epoch: try again with that"
        case .unreleasedInstanceID: "another process runs with this group.instance.id: stop it first"
        case .unsupportedAssignor: "the broker has no such assignor: use uniform or range"
        case .invalidRegularExpression(let fault): "the regular expression cannot be used: \(fault)"
        case .invalidRequest(let fault): fault
        }
    }
}
