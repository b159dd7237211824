internal import EventLog
internal import GroupCoordination
internal import KafkaProtocol

extension GroupError {
    /// Kafka's code for what a group's state machine says: the one place where the two meet.
    var wireCode: ErrorCode {
        switch self {
        case .coordinatorNotAvailable: .coordinatorNotAvailable
        case .notCoordinator: .notCoordinator
        case .unknownMemberID: .unknownMemberID
        case .illegalGeneration: .illegalGeneration
        case .rebalanceInProgress: .rebalanceInProgress
        case .inconsistentGroupProtocol: .inconsistentGroupProtocol
        case .invalidSessionTimeout: .invalidSessionTimeout
        case .memberIDRequired: .memberIDRequired
        case .fencedInstanceID: .fencedInstanceID
        case .groupMaxSizeReached: .groupMaxSizeReached
        case .nonEmptyGroup: .nonEmptyGroup
        case .groupIDNotFound: .groupIDNotFound
        // Both pass by themselves: clients try again.
        case .alreadyFenced, .coordinatorLoadInProgress: .coordinatorLoadInProgress
        case .fencedMemberEpoch: .fencedMemberEpoch
        case .staleMemberEpoch: .staleMemberEpoch
        case .unreleasedInstanceID: .unreleasedInstanceID
        case .unsupportedAssignor: .unsupportedAssignor
        case .invalidRegularExpression: .invalidRegularExpression
        case .invalidRequest: .invalidRequest
        }
    }
}

extension Refusal {
    init(_ error: GroupError) {
        self.init(error.wireCode, error.description)
    }

    static let invalidGroupID = Refusal(.invalidGroupID, "the group has no name: give one")
}

extension LogError {
    /// The code for a change of a group that could not be stored. Clients of groups know what passes by itself under
    /// other names than producers do.
    var groupWireCode: ErrorCode {
        switch self {
        case .locked, .closed: .notCoordinator
        case .unknownTopic: .unknownTopicOrPartition
        // Clients tell their user, and do not try again by themselves.
        case .batchTooLarge, .offsetsFull: .invalidCommitOffsetSize
        case .invalidGroup: .invalidGroupID
        case .topicExists, .invalidTopicName, .invalidPartitionCount, .invalidSetting, .offsetOutOfRange,
            .corruptBatch, .unreadable, .damaged, .damagedRecords, .outOfOrderSequence, .producerFenced, .diskFull,
            .storage:
            .coordinatorNotAvailable
        }
    }
}
