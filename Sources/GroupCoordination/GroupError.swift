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
        }
    }
}
