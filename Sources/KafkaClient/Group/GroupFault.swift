internal import KafkaProtocol

/// Why a coordinator did not do what a member asked for, as far as that matters to what the member does next.
enum GroupFault: Error, Equatable, Sendable {
    /// Ask again with this member id.
    case memberIDRequired(String)
    /// The group rebalances: the member is to join.
    case rebalanceInProgress
    /// The group is at a generation without the member.
    case illegalGeneration
    /// The group has no such member.
    case unknownMember
    /// Somebody else goes by the static member's name.
    case fenced
    /// The group is kept elsewhere, or nowhere at the moment, or the connection to where it was broke.
    case coordinatorLost
    /// The coordinator cannot tell yet.
    case notNow
    case fatal(KafkaClientError)
}

extension GroupFault {
    /// - Parameters:
    ///   - code: not `none`.
    ///   - memberID: the one that came with it.
    init(_ code: ErrorCode, group: String, memberID: String = "") {
        switch code {
        case .memberIDRequired: self = .memberIDRequired(memberID)
        case .rebalanceInProgress: self = .rebalanceInProgress
        case .illegalGeneration: self = .illegalGeneration
        case .unknownMemberID: self = .unknownMember
        case .fencedInstanceID: self = .fenced
        case .notCoordinator, .coordinatorNotAvailable: self = .coordinatorLost
        case .coordinatorLoadInProgress: self = .notNow
        case .inconsistentGroupProtocol: self = .fatal(.inconsistentAssignors(group: group))
        default: self = code.isRetriable ? .notNow : .fatal(KafkaClientError(code, group: group))
        }
    }

    init(_ error: KafkaClientError) {
        switch error {
        case .closed, .cancelled, .unsupportedByBroker, .invalidArgument: self = .fatal(error)
        case .rejected(let code, _, _):
            guard let code = Int16(exactly: code).map(ErrorCode.init(rawValue:)), code.isRetriable else {
                self = .fatal(error)
                return
            }
            self = .coordinatorLost
        default: self = error.mayPass || error.isOfConnection ? .coordinatorLost : .fatal(error)
        }
    }
}
