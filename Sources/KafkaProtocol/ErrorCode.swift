/// A result code as it travels on the wire. A struct, not an enum: a code that this list lacks is kept as it came.
///
/// Source: Kafka's `org.apache.kafka.common.protocol.Errors` (4.x).
@usableFromInline package struct ErrorCode: RawRepresentable, Hashable, Sendable {
    @usableFromInline package var rawValue: Int16

    @inlinable
    package init(rawValue: Int16) { self.rawValue = rawValue }
    @inlinable
    package init() { self.init(rawValue: 0) }
}

// MARK: The codes

extension ErrorCode {
    @inlinable package static var unknownServerError: ErrorCode { ErrorCode(rawValue: -1) }
    @inlinable package static var none: ErrorCode { ErrorCode(rawValue: 0) }
    @inlinable package static var offsetOutOfRange: ErrorCode { ErrorCode(rawValue: 1) }
    @inlinable package static var corruptMessage: ErrorCode { ErrorCode(rawValue: 2) }
    @inlinable package static var unknownTopicOrPartition: ErrorCode { ErrorCode(rawValue: 3) }
    @inlinable package static var invalidFetchSize: ErrorCode { ErrorCode(rawValue: 4) }
    @inlinable package static var leaderNotAvailable: ErrorCode { ErrorCode(rawValue: 5) }
    @inlinable package static var notLeaderOrFollower: ErrorCode { ErrorCode(rawValue: 6) }
    @inlinable package static var requestTimedOut: ErrorCode { ErrorCode(rawValue: 7) }
    @inlinable package static var brokerNotAvailable: ErrorCode { ErrorCode(rawValue: 8) }
    @inlinable package static var replicaNotAvailable: ErrorCode { ErrorCode(rawValue: 9) }
    @inlinable package static var messageTooLarge: ErrorCode { ErrorCode(rawValue: 10) }
    @inlinable package static var staleControllerEpoch: ErrorCode { ErrorCode(rawValue: 11) }
    @inlinable package static var offsetMetadataTooLarge: ErrorCode { ErrorCode(rawValue: 12) }
    @inlinable package static var networkException: ErrorCode { ErrorCode(rawValue: 13) }
    @inlinable package static var coordinatorLoadInProgress: ErrorCode { ErrorCode(rawValue: 14) }
    @inlinable package static var coordinatorNotAvailable: ErrorCode { ErrorCode(rawValue: 15) }
    @inlinable package static var notCoordinator: ErrorCode { ErrorCode(rawValue: 16) }
    @inlinable package static var invalidTopicException: ErrorCode { ErrorCode(rawValue: 17) }
    @inlinable package static var recordListTooLarge: ErrorCode { ErrorCode(rawValue: 18) }
    @inlinable package static var notEnoughReplicas: ErrorCode { ErrorCode(rawValue: 19) }
    @inlinable package static var notEnoughReplicasAfterAppend: ErrorCode { ErrorCode(rawValue: 20) }
    @inlinable package static var invalidRequiredAcks: ErrorCode { ErrorCode(rawValue: 21) }
    @inlinable package static var illegalGeneration: ErrorCode { ErrorCode(rawValue: 22) }
    @inlinable package static var inconsistentGroupProtocol: ErrorCode { ErrorCode(rawValue: 23) }
    @inlinable package static var invalidGroupID: ErrorCode { ErrorCode(rawValue: 24) }
    @inlinable package static var unknownMemberID: ErrorCode { ErrorCode(rawValue: 25) }
    @inlinable package static var invalidSessionTimeout: ErrorCode { ErrorCode(rawValue: 26) }
    @inlinable package static var rebalanceInProgress: ErrorCode { ErrorCode(rawValue: 27) }
    @inlinable package static var invalidCommitOffsetSize: ErrorCode { ErrorCode(rawValue: 28) }
    @inlinable package static var topicAuthorizationFailed: ErrorCode { ErrorCode(rawValue: 29) }
    @inlinable package static var groupAuthorizationFailed: ErrorCode { ErrorCode(rawValue: 30) }
    @inlinable package static var clusterAuthorizationFailed: ErrorCode { ErrorCode(rawValue: 31) }
    @inlinable package static var invalidTimestamp: ErrorCode { ErrorCode(rawValue: 32) }
    @inlinable package static var unsupportedSASLMechanism: ErrorCode { ErrorCode(rawValue: 33) }
    @inlinable package static var illegalSASLState: ErrorCode { ErrorCode(rawValue: 34) }
    @inlinable package static var unsupportedVersion: ErrorCode { ErrorCode(rawValue: 35) }
    @inlinable package static var topicAlreadyExists: ErrorCode { ErrorCode(rawValue: 36) }
    @inlinable package static var invalidPartitions: ErrorCode { ErrorCode(rawValue: 37) }
    @inlinable package static var invalidReplicationFactor: ErrorCode { ErrorCode(rawValue: 38) }
    @inlinable package static var invalidReplicaAssignment: ErrorCode { ErrorCode(rawValue: 39) }
    @inlinable package static var invalidConfig: ErrorCode { ErrorCode(rawValue: 40) }
    @inlinable package static var notController: ErrorCode { ErrorCode(rawValue: 41) }
    @inlinable package static var invalidRequest: ErrorCode { ErrorCode(rawValue: 42) }
    @inlinable package static var unsupportedForMessageFormat: ErrorCode { ErrorCode(rawValue: 43) }
    @inlinable package static var policyViolation: ErrorCode { ErrorCode(rawValue: 44) }
    @inlinable package static var outOfOrderSequenceNumber: ErrorCode { ErrorCode(rawValue: 45) }
    @inlinable package static var duplicateSequenceNumber: ErrorCode { ErrorCode(rawValue: 46) }
    @inlinable package static var invalidProducerEpoch: ErrorCode { ErrorCode(rawValue: 47) }
    @inlinable package static var invalidTxnState: ErrorCode { ErrorCode(rawValue: 48) }
    @inlinable package static var invalidProducerIDMapping: ErrorCode { ErrorCode(rawValue: 49) }
    @inlinable package static var invalidTransactionTimeout: ErrorCode { ErrorCode(rawValue: 50) }
    @inlinable package static var concurrentTransactions: ErrorCode { ErrorCode(rawValue: 51) }
    @inlinable package static var transactionCoordinatorFenced: ErrorCode { ErrorCode(rawValue: 52) }
    @inlinable package static var transactionalIDAuthorizationFailed: ErrorCode { ErrorCode(rawValue: 53) }
    @inlinable package static var securityDisabled: ErrorCode { ErrorCode(rawValue: 54) }
    @inlinable package static var operationNotAttempted: ErrorCode { ErrorCode(rawValue: 55) }
    @inlinable package static var kafkaStorageError: ErrorCode { ErrorCode(rawValue: 56) }
    @inlinable package static var logDirNotFound: ErrorCode { ErrorCode(rawValue: 57) }
    @inlinable package static var saslAuthenticationFailed: ErrorCode { ErrorCode(rawValue: 58) }
    @inlinable package static var unknownProducerID: ErrorCode { ErrorCode(rawValue: 59) }
    @inlinable package static var reassignmentInProgress: ErrorCode { ErrorCode(rawValue: 60) }
    @inlinable package static var delegationTokenAuthDisabled: ErrorCode { ErrorCode(rawValue: 61) }
    @inlinable package static var delegationTokenNotFound: ErrorCode { ErrorCode(rawValue: 62) }
    @inlinable package static var delegationTokenOwnerMismatch: ErrorCode { ErrorCode(rawValue: 63) }
    @inlinable package static var delegationTokenRequestNotAllowed: ErrorCode { ErrorCode(rawValue: 64) }
    @inlinable package static var delegationTokenAuthorizationFailed: ErrorCode { ErrorCode(rawValue: 65) }
    @inlinable package static var delegationTokenExpired: ErrorCode { ErrorCode(rawValue: 66) }
    @inlinable package static var invalidPrincipalType: ErrorCode { ErrorCode(rawValue: 67) }
    @inlinable package static var nonEmptyGroup: ErrorCode { ErrorCode(rawValue: 68) }
    @inlinable package static var groupIDNotFound: ErrorCode { ErrorCode(rawValue: 69) }
    @inlinable package static var fetchSessionIDNotFound: ErrorCode { ErrorCode(rawValue: 70) }
    @inlinable package static var invalidFetchSessionEpoch: ErrorCode { ErrorCode(rawValue: 71) }
    @inlinable package static var listenerNotFound: ErrorCode { ErrorCode(rawValue: 72) }
    @inlinable package static var topicDeletionDisabled: ErrorCode { ErrorCode(rawValue: 73) }
    @inlinable package static var fencedLeaderEpoch: ErrorCode { ErrorCode(rawValue: 74) }
    @inlinable package static var unknownLeaderEpoch: ErrorCode { ErrorCode(rawValue: 75) }
    @inlinable package static var unsupportedCompressionType: ErrorCode { ErrorCode(rawValue: 76) }
    @inlinable package static var staleBrokerEpoch: ErrorCode { ErrorCode(rawValue: 77) }
    @inlinable package static var offsetNotAvailable: ErrorCode { ErrorCode(rawValue: 78) }
    @inlinable package static var memberIDRequired: ErrorCode { ErrorCode(rawValue: 79) }
    @inlinable package static var preferredLeaderNotAvailable: ErrorCode { ErrorCode(rawValue: 80) }
    @inlinable package static var groupMaxSizeReached: ErrorCode { ErrorCode(rawValue: 81) }
    @inlinable package static var fencedInstanceID: ErrorCode { ErrorCode(rawValue: 82) }
    @inlinable package static var eligibleLeadersNotAvailable: ErrorCode { ErrorCode(rawValue: 83) }
    @inlinable package static var electionNotNeeded: ErrorCode { ErrorCode(rawValue: 84) }
    @inlinable package static var noReassignmentInProgress: ErrorCode { ErrorCode(rawValue: 85) }
    @inlinable package static var groupSubscribedToTopic: ErrorCode { ErrorCode(rawValue: 86) }
    @inlinable package static var invalidRecord: ErrorCode { ErrorCode(rawValue: 87) }
    @inlinable package static var unstableOffsetCommit: ErrorCode { ErrorCode(rawValue: 88) }
    @inlinable package static var throttlingQuotaExceeded: ErrorCode { ErrorCode(rawValue: 89) }
    @inlinable package static var producerFenced: ErrorCode { ErrorCode(rawValue: 90) }
    @inlinable package static var resourceNotFound: ErrorCode { ErrorCode(rawValue: 91) }
    @inlinable package static var duplicateResource: ErrorCode { ErrorCode(rawValue: 92) }
    @inlinable package static var unacceptableCredential: ErrorCode { ErrorCode(rawValue: 93) }
    @inlinable package static var inconsistentVoterSet: ErrorCode { ErrorCode(rawValue: 94) }
    @inlinable package static var invalidUpdateVersion: ErrorCode { ErrorCode(rawValue: 95) }
    @inlinable package static var featureUpdateFailed: ErrorCode { ErrorCode(rawValue: 96) }
    @inlinable package static var principalDeserializationFailure: ErrorCode { ErrorCode(rawValue: 97) }
    @inlinable package static var snapshotNotFound: ErrorCode { ErrorCode(rawValue: 98) }
    @inlinable package static var positionOutOfRange: ErrorCode { ErrorCode(rawValue: 99) }
    @inlinable package static var unknownTopicID: ErrorCode { ErrorCode(rawValue: 100) }
    @inlinable package static var duplicateBrokerRegistration: ErrorCode { ErrorCode(rawValue: 101) }
    @inlinable package static var brokerIDNotRegistered: ErrorCode { ErrorCode(rawValue: 102) }
    @inlinable package static var inconsistentTopicID: ErrorCode { ErrorCode(rawValue: 103) }
    @inlinable package static var inconsistentClusterID: ErrorCode { ErrorCode(rawValue: 104) }
    @inlinable package static var transactionalIDNotFound: ErrorCode { ErrorCode(rawValue: 105) }
    @inlinable package static var fetchSessionTopicIDError: ErrorCode { ErrorCode(rawValue: 106) }
    @inlinable package static var ineligibleReplica: ErrorCode { ErrorCode(rawValue: 107) }
    @inlinable package static var newLeaderElected: ErrorCode { ErrorCode(rawValue: 108) }
    @inlinable package static var offsetMovedToTieredStorage: ErrorCode { ErrorCode(rawValue: 109) }
    @inlinable package static var fencedMemberEpoch: ErrorCode { ErrorCode(rawValue: 110) }
    @inlinable package static var unreleasedInstanceID: ErrorCode { ErrorCode(rawValue: 111) }
    @inlinable package static var unsupportedAssignor: ErrorCode { ErrorCode(rawValue: 112) }
    @inlinable package static var staleMemberEpoch: ErrorCode { ErrorCode(rawValue: 113) }
    @inlinable package static var mismatchedEndpointType: ErrorCode { ErrorCode(rawValue: 114) }
    @inlinable package static var unsupportedEndpointType: ErrorCode { ErrorCode(rawValue: 115) }
    @inlinable package static var unknownControllerID: ErrorCode { ErrorCode(rawValue: 116) }
    @inlinable package static var unknownSubscriptionID: ErrorCode { ErrorCode(rawValue: 117) }
    @inlinable package static var telemetryTooLarge: ErrorCode { ErrorCode(rawValue: 118) }
    @inlinable package static var invalidRegistration: ErrorCode { ErrorCode(rawValue: 119) }
    @inlinable package static var transactionAbortable: ErrorCode { ErrorCode(rawValue: 120) }
    @inlinable package static var invalidRecordState: ErrorCode { ErrorCode(rawValue: 121) }
    @inlinable package static var shareSessionNotFound: ErrorCode { ErrorCode(rawValue: 122) }
    @inlinable package static var invalidShareSessionEpoch: ErrorCode { ErrorCode(rawValue: 123) }
    @inlinable package static var fencedStateEpoch: ErrorCode { ErrorCode(rawValue: 124) }
    @inlinable package static var invalidVoterKey: ErrorCode { ErrorCode(rawValue: 125) }
    @inlinable package static var duplicateVoter: ErrorCode { ErrorCode(rawValue: 126) }
    @inlinable package static var voterNotFound: ErrorCode { ErrorCode(rawValue: 127) }
    @inlinable package static var invalidRegularExpression: ErrorCode { ErrorCode(rawValue: 128) }
    @inlinable package static var rebootstrapRequired: ErrorCode { ErrorCode(rawValue: 129) }
    @inlinable package static var streamsInvalidTopology: ErrorCode { ErrorCode(rawValue: 130) }
    @inlinable package static var streamsInvalidTopologyEpoch: ErrorCode { ErrorCode(rawValue: 131) }
    @inlinable package static var streamsTopologyFenced: ErrorCode { ErrorCode(rawValue: 132) }
    @inlinable package static var shareSessionLimitReached: ErrorCode { ErrorCode(rawValue: 133) }
}

// MARK: What they mean

extension ErrorCode {
    /// Kafka's name: `UNKNOWN_TOPIC_OR_PARTITION`.
    @usableFromInline package var name: String { entry?.name ?? "ERROR_\(rawValue)" }
    /// What it says, in a few words that fit into a sentence.
    @usableFromInline package var message: String { entry?.message ?? "an error that this version does not know" }
    /// Whether the same request may succeed later, maybe on another broker.
    @usableFromInline package var isRetriable: Bool { entry?.isRetriable ?? false }

    private var entry: Entry? {
        let index = Int(rawValue) - Int(Self.firstCode)
        return Self.entries.indices.contains(index) ? Self.entries[index] : nil
    }

    private struct Entry {
        var name: String
        var isRetriable: Bool
        var message: String

        init(_ name: String, _ isRetriable: Bool, _ message: String) {
            self.name = name
            self.isRetriable = isRetriable
            self.message = message
        }
    }

    /// All codes that have an entry.
    @usableFromInline package static var allKnown: [ErrorCode] {
        entries.indices.map { ErrorCode(rawValue: Int16($0) + firstCode) }
    }

    private static let firstCode: Int16 = -1
    /// In order of the code, from `firstCode`, without a gap.
    private static let entries: [Entry] = [
        Entry("UNKNOWN_SERVER_ERROR", false, "the server failed in a way it did not expect"),
        Entry("NONE", false, "no error"),
        Entry("OFFSET_OUT_OF_RANGE", false, "the offset is outside the range that the partition holds"),
        Entry("CORRUPT_MESSAGE", true, "the batch fails its checksum, has an invalid size or is otherwise damaged"),
        Entry("UNKNOWN_TOPIC_OR_PARTITION", true, "this broker has no such topic or partition"),
        Entry("INVALID_FETCH_SIZE", false, "the requested fetch size is invalid"),
        Entry("LEADER_NOT_AVAILABLE", true, "the partition has no leader at the moment"),
        Entry("NOT_LEADER_OR_FOLLOWER", true, "this broker does not lead the partition"),
        Entry("REQUEST_TIMED_OUT", true, "the request took longer than its timeout"),
        Entry("BROKER_NOT_AVAILABLE", false, "the broker is not available"),
        Entry("REPLICA_NOT_AVAILABLE", true, "the replica is not available"),
        Entry("MESSAGE_TOO_LARGE", false, "the batch is larger than the topic's max.message.bytes"),
        Entry("STALE_CONTROLLER_EPOCH", false, "the controller moved to another broker"),
        Entry("OFFSET_METADATA_TOO_LARGE", false, "the metadata of the committed offset is too large"),
        Entry("NETWORK_EXCEPTION", true, "the server disconnected before a response came"),
        Entry("COORDINATOR_LOAD_IN_PROGRESS", true, "the coordinator is loading its state"),
        Entry("COORDINATOR_NOT_AVAILABLE", true, "there is no coordinator at the moment"),
        Entry("NOT_COORDINATOR", true, "this broker is not the coordinator"),
        Entry("INVALID_TOPIC_EXCEPTION", false, "the topic's name is invalid, or the topic may not be written to"),
        Entry("RECORD_LIST_TOO_LARGE", false, "the batch is larger than a segment may be"),
        Entry("NOT_ENOUGH_REPLICAS", true, "fewer replicas are in sync than the topic requires"),
        Entry("NOT_ENOUGH_REPLICAS_AFTER_APPEND", true, "written, but to fewer replicas than the topic requires"),
        Entry("INVALID_REQUIRED_ACKS", false, "acks is none of 0, 1 and -1 (all)"),
        Entry("ILLEGAL_GENERATION", false, "the group's generation is another one"),
        Entry("INCONSISTENT_GROUP_PROTOCOL", false, "the group's members share no protocol"),
        Entry("INVALID_GROUP_ID", false, "the group's id is invalid"),
        Entry("UNKNOWN_MEMBER_ID", false, "the group has no such member"),
        Entry("INVALID_SESSION_TIMEOUT", false, "the session timeout is outside what the broker allows"),
        Entry("REBALANCE_IN_PROGRESS", false, "the group is rebalancing: rejoin"),
        Entry("INVALID_COMMIT_OFFSET_SIZE", false, "the committed offset's data is too large"),
        Entry("TOPIC_AUTHORIZATION_FAILED", false, "not authorised for the topic"),
        Entry("GROUP_AUTHORIZATION_FAILED", false, "not authorised for the group"),
        Entry("CLUSTER_AUTHORIZATION_FAILED", false, "not authorised for the cluster"),
        Entry("INVALID_TIMESTAMP", false, "the record's timestamp is out of the accepted range"),
        Entry("UNSUPPORTED_SASL_MECHANISM", false, "the SASL mechanism is not supported"),
        Entry("ILLEGAL_SASL_STATE", false, "the request does not fit the SASL state"),
        Entry("UNSUPPORTED_VERSION", false, "the version of the API is not supported"),
        Entry("TOPIC_ALREADY_EXISTS", false, "a topic of this name exists"),
        Entry("INVALID_PARTITIONS", false, "the number of partitions is invalid"),
        Entry("INVALID_REPLICATION_FACTOR", false, "the replication factor is invalid"),
        Entry("INVALID_REPLICA_ASSIGNMENT", false, "the replica assignment is invalid"),
        Entry("INVALID_CONFIG", false, "a setting's name or value is invalid"),
        Entry("NOT_CONTROLLER", true, "this broker is not the controller"),
        Entry("INVALID_REQUEST", false, "the request contradicts itself"),
        Entry("UNSUPPORTED_FOR_MESSAGE_FORMAT", false, "the message format does not support this"),
        Entry("POLICY_VIOLATION", false, "a policy of the broker forbids the request"),
        Entry("OUT_OF_ORDER_SEQUENCE_NUMBER", false, "the producer's sequence number is not the next one"),
        Entry("DUPLICATE_SEQUENCE_NUMBER", false, "the producer's sequence number came before"),
        Entry("INVALID_PRODUCER_EPOCH", false, "the producer's epoch is an old one"),
        Entry("INVALID_TXN_STATE", false, "the transaction is not in a state for this"),
        Entry("INVALID_PRODUCER_ID_MAPPING", false, "the producer id does not belong to the transactional id"),
        Entry("INVALID_TRANSACTION_TIMEOUT", false, "the transaction's timeout is larger than the broker allows"),
        Entry("CONCURRENT_TRANSACTIONS", true, "another operation on the transaction is under way"),
        Entry("TRANSACTION_COORDINATOR_FENCED", false, "the transaction's coordinator was replaced"),
        Entry("TRANSACTIONAL_ID_AUTHORIZATION_FAILED", false, "not authorised for the transactional id"),
        Entry("SECURITY_DISABLED", false, "security is not enabled"),
        Entry("OPERATION_NOT_ATTEMPTED", false, "not attempted, because another part of the request failed"),
        Entry("KAFKA_STORAGE_ERROR", true, "the broker's disk failed on the log"),
        Entry("LOG_DIR_NOT_FOUND", false, "the broker has no such log directory"),
        Entry("SASL_AUTHENTICATION_FAILED", false, "SASL authentication failed"),
        Entry("UNKNOWN_PRODUCER_ID", false, "the broker knows nothing of this producer id any more"),
        Entry("REASSIGNMENT_IN_PROGRESS", false, "a reassignment of partitions is under way"),
        Entry("DELEGATION_TOKEN_AUTH_DISABLED", false, "delegation tokens are not enabled"),
        Entry("DELEGATION_TOKEN_NOT_FOUND", false, "there is no such delegation token"),
        Entry("DELEGATION_TOKEN_OWNER_MISMATCH", false, "the delegation token has another owner"),
        Entry(
            "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED", false,
            "delegation tokens cannot be requested on this connection"),
        Entry("DELEGATION_TOKEN_AUTHORIZATION_FAILED", false, "not authorised for the delegation token"),
        Entry("DELEGATION_TOKEN_EXPIRED", false, "the delegation token has expired"),
        Entry("INVALID_PRINCIPAL_TYPE", false, "the principal's type is not supported"),
        Entry("NON_EMPTY_GROUP", false, "the group has members"),
        Entry("GROUP_ID_NOT_FOUND", false, "there is no such group"),
        Entry("FETCH_SESSION_ID_NOT_FOUND", true, "there is no such fetch session"),
        Entry("INVALID_FETCH_SESSION_EPOCH", true, "the fetch session's epoch is another one"),
        Entry("LISTENER_NOT_FOUND", true, "the leader has no listener like the one asked through"),
        Entry("TOPIC_DELETION_DISABLED", false, "deleting topics is disabled"),
        Entry("FENCED_LEADER_EPOCH", true, "the leader epoch is older than the broker's"),
        Entry("UNKNOWN_LEADER_EPOCH", true, "the leader epoch is newer than the broker's"),
        Entry("UNSUPPORTED_COMPRESSION_TYPE", false, "the batch's compression is not supported"),
        Entry("STALE_BROKER_EPOCH", false, "the broker's epoch has changed"),
        Entry("OFFSET_NOT_AVAILABLE", true, "the leader cannot answer for offsets yet"),
        Entry("MEMBER_ID_REQUIRED", false, "join again with the member id given"),
        Entry("PREFERRED_LEADER_NOT_AVAILABLE", true, "the preferred leader is not available"),
        Entry("GROUP_MAX_SIZE_REACHED", false, "the group is full"),
        Entry("FENCED_INSTANCE_ID", false, "another member took the group instance id"),
        Entry("ELIGIBLE_LEADERS_NOT_AVAILABLE", true, "no eligible leader is available"),
        Entry("ELECTION_NOT_NEEDED", true, "the partition needs no election"),
        Entry("NO_REASSIGNMENT_IN_PROGRESS", false, "no reassignment is under way"),
        Entry("GROUP_SUBSCRIBED_TO_TOPIC", false, "the group is subscribed to the topic"),
        Entry("INVALID_RECORD", false, "a record of the batch is invalid"),
        Entry("UNSTABLE_OFFSET_COMMIT", true, "offsets of an open transaction are pending"),
        Entry("THROTTLING_QUOTA_EXCEEDED", true, "a quota is used up"),
        Entry("PRODUCER_FENCED", false, "a newer producer has the same transactional id"),
        Entry("RESOURCE_NOT_FOUND", false, "there is no such resource"),
        Entry("DUPLICATE_RESOURCE", false, "the request names a resource twice"),
        Entry("UNACCEPTABLE_CREDENTIAL", false, "the credential does not meet what is required"),
        Entry("INCONSISTENT_VOTER_SET", false, "sender or receiver is no expected voter"),
        Entry("INVALID_UPDATE_VERSION", false, "the update's version is invalid"),
        Entry("FEATURE_UPDATE_FAILED", false, "the features could not be updated"),
        Entry("PRINCIPAL_DESERIALIZATION_FAILURE", false, "the forwarded principal cannot be read"),
        Entry("SNAPSHOT_NOT_FOUND", false, "there is no such snapshot"),
        Entry("POSITION_OUT_OF_RANGE", false, "the position lies outside the snapshot"),
        Entry("UNKNOWN_TOPIC_ID", true, "this broker has no topic with this id"),
        Entry("DUPLICATE_BROKER_REGISTRATION", false, "the broker id is in use"),
        Entry("BROKER_ID_NOT_REGISTERED", false, "the broker id is not registered"),
        Entry("INCONSISTENT_TOPIC_ID", true, "the topic id is not the log's"),
        Entry("INCONSISTENT_CLUSTER_ID", false, "the cluster id is not the server's"),
        Entry("TRANSACTIONAL_ID_NOT_FOUND", false, "there is no such transactional id"),
        Entry("FETCH_SESSION_TOPIC_ID_ERROR", true, "the fetch session mixes topic ids and names"),
        Entry("INELIGIBLE_REPLICA", false, "a replica cannot join the set in sync"),
        Entry("NEW_LEADER_ELECTED", false, "the partition has a new leader"),
        Entry("OFFSET_MOVED_TO_TIERED_STORAGE", false, "the offset lies in tiered storage"),
        Entry("FENCED_MEMBER_EPOCH", false, "the member was fenced: rejoin"),
        Entry("UNRELEASED_INSTANCE_ID", false, "another member still holds the instance id"),
        Entry("UNSUPPORTED_ASSIGNOR", false, "the group does not support the assignor"),
        Entry("STALE_MEMBER_EPOCH", false, "the member's epoch is stale: heartbeat, then retry"),
        Entry("MISMATCHED_ENDPOINT_TYPE", false, "the endpoint is of another type"),
        Entry("UNSUPPORTED_ENDPOINT_TYPE", false, "the endpoint's type is not supported"),
        Entry("UNKNOWN_CONTROLLER_ID", false, "there is no such controller"),
        Entry("UNKNOWN_SUBSCRIPTION_ID", false, "the telemetry subscription is unknown"),
        Entry("TELEMETRY_TOO_LARGE", false, "the telemetry is larger than the broker accepts"),
        Entry("INVALID_REGISTRATION", false, "the broker's registration is invalid"),
        Entry("TRANSACTION_ABORTABLE", false, "the transaction failed: abort it to go on"),
        Entry("INVALID_RECORD_STATE", false, "the record's state allows no acknowledgement"),
        Entry("SHARE_SESSION_NOT_FOUND", true, "there is no such share session"),
        Entry("INVALID_SHARE_SESSION_EPOCH", true, "the share session's epoch is another one"),
        Entry("FENCED_STATE_EPOCH", false, "the share group's state epoch is another one"),
        Entry("INVALID_VOTER_KEY", false, "the voter's key is not the receiver's"),
        Entry("DUPLICATE_VOTER", false, "the voter is already in the set"),
        Entry("VOTER_NOT_FOUND", false, "the voter is not in the set"),
        Entry("INVALID_REGULAR_EXPRESSION", false, "the regular expression is invalid"),
        Entry("REBOOTSTRAP_REQUIRED", false, "the client's metadata is stale: bootstrap again"),
        Entry("STREAMS_INVALID_TOPOLOGY", false, "the topology is invalid"),
        Entry("STREAMS_INVALID_TOPOLOGY_EPOCH", false, "the topology's epoch is invalid"),
        Entry("STREAMS_TOPOLOGY_FENCED", false, "the topology's epoch is outdated"),
        Entry("SHARE_SESSION_LIMIT_REACHED", true, "the broker holds no more share sessions"),
    ]
}

extension ErrorCode: CustomStringConvertible {
    @usableFromInline package var description: String { "\(name) (\(rawValue)): \(message)" }
}
