/// Kafka's APIs by the number that a request's header carries. Only those in `SupportedVersions` are answered; the others
/// are here so that a log line can name what was asked for.
@usableFromInline package enum ApiKey: Int16, CaseIterable, Sendable {
    case produce = 0
    case fetch = 1
    case listOffsets = 2
    case metadata = 3
    case offsetCommit = 8
    case offsetFetch = 9
    case findCoordinator = 10
    case joinGroup = 11
    case heartbeat = 12
    case leaveGroup = 13
    case syncGroup = 14
    case describeGroups = 15
    case listGroups = 16
    case saslHandshake = 17
    case apiVersions = 18
    case createTopics = 19
    case deleteTopics = 20
    case deleteRecords = 21
    case initProducerID = 22
    case offsetForLeaderEpoch = 23
    case addPartitionsToTxn = 24
    case addOffsetsToTxn = 25
    case endTxn = 26
    case writeTxnMarkers = 27
    case txnOffsetCommit = 28
    case describeAcls = 29
    case createAcls = 30
    case deleteAcls = 31
    case describeConfigs = 32
    case alterConfigs = 33
    case alterReplicaLogDirs = 34
    case describeLogDirs = 35
    case saslAuthenticate = 36
    case createPartitions = 37
    case createDelegationToken = 38
    case renewDelegationToken = 39
    case expireDelegationToken = 40
    case describeDelegationToken = 41
    case deleteGroups = 42
    case electLeaders = 43
    case incrementalAlterConfigs = 44
    case alterPartitionReassignments = 45
    case listPartitionReassignments = 46
    case offsetDelete = 47
    case describeClientQuotas = 48
    case alterClientQuotas = 49
    case describeUserScramCredentials = 50
    case alterUserScramCredentials = 51
    case describeQuorum = 55
    case updateFeatures = 57
    case describeCluster = 60
    case describeProducers = 61
    case unregisterBroker = 64
    case describeTransactions = 65
    case listTransactions = 66
    case consumerGroupHeartbeat = 68
    case consumerGroupDescribe = 69
    case getTelemetrySubscriptions = 71
    case pushTelemetry = 72
    case listConfigResources = 74
    case describeTopicPartitions = 75
    case shareGroupHeartbeat = 76
    case shareGroupDescribe = 77
    case shareFetch = 78
    case shareAcknowledge = 79
    case describeShareGroupOffsets = 90
    case alterShareGroupOffsets = 91
    case deleteShareGroupOffsets = 92

    // Martlet's own, where Kafka's protocol has no call: see `ownKeys`.
    case alterGroupOffsets = 20000
    case describePositions = 20001
    case describeSegments = 20002
}

extension ApiKey {
    /// The numbers of APIs that are Martlet's own: far above Kafka's, so that neither side runs into the other.
    @usableFromInline package static let ownKeys: ClosedRange<Int16> = 20000...20099

    /// Kafka's name of the API, as its documentation writes it: `InitProducerId`.
    @usableFromInline package var name: String {
        let caseName = "\(self)"
        guard caseName.hasSuffix("ID") else { return caseName.prefix(1).uppercased() + caseName.dropFirst() }
        return caseName.prefix(1).uppercased() + caseName.dropFirst().dropLast(2) + "Id"
    }
}
