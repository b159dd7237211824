/// Reads record batches of partitions from offsets on, and waits for `minBytes` of them. From version 13 on topics are
/// named by id.
@usableFromInline package struct FetchRequest: RequestMessage {
    @usableFromInline package typealias Response = FetchResponse
    @usableFromInline package static var apiKey: ApiKey { .fetch }
    @usableFromInline package static var versions: ClosedRange<Int16> { 4...18 }
    @usableFromInline package static var firstFlexibleVersion: Int16 { 12 }
    /// The first version that names topics by id.
    @usableFromInline package static let firstTopicIDVersion: Int16 = 13
    /// The first version whose answer says who leads a partition that is asked for at the wrong broker or epoch.
    @usableFromInline package static let firstLeaderVersion: Int16 = 16

    @usableFromInline package var clusterID: String?
    /// −1: a consumer. From version 15 on in `replicaState`.
    @usableFromInline package var replicaID: Int32 = -1
    @usableFromInline package var replicaState = ReplicaState()
    @usableFromInline package var maxWaitMs: Int32 = 0
    @usableFromInline package var minBytes: Int32 = 0
    @usableFromInline package var maxBytes = Int32.max
    /// 0: read uncommitted, 1: read committed.
    @usableFromInline package var isolationLevel: Int8 = 0
    /// 0: no session, or a new one (`sessionEpoch` 0).
    @usableFromInline package var sessionID: Int32 = 0
    @usableFromInline package var sessionEpoch: Int32 = -1
    @usableFromInline package var topics: [Topic] = []
    @usableFromInline package var forgottenTopicsData: [ForgottenTopic] = []
    @usableFromInline package var rackID = ""

    @usableFromInline package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version <= 14 { try c.int32(&replicaID) }
        try c.int32(&maxWaitMs)
        try c.int32(&minBytes)
        try c.int32(&maxBytes)
        try c.int8(&isolationLevel)
        if c.version >= 7 {
            try c.int32(&sessionID)
            try c.int32(&sessionEpoch)
        }
        try c.array(&topics)
        if c.version >= 7 { try c.array(&forgottenTopicsData) }
        if c.version >= 11 { try c.string(&rackID) }
        try c.tags { (c) throws(ProtocolError) in
            try c.tag(0, isDefault: clusterID == nil) { (c) throws(ProtocolError) in try c.string(&clusterID) }
            guard c.version >= 15 else { return }
            try c.tag(1, isDefault: replicaState == ReplicaState()) { (c) throws(ProtocolError) in
                try replicaState.code(&c)
            }
        }
    }

    /// Who asks, where that is a follower.
    @usableFromInline package struct ReplicaState: WireStruct {
        @usableFromInline package var replicaID: Int32 = -1
        @usableFromInline package var replicaEpoch: Int64 = -1

        @inlinable
        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&replicaID)
            try c.int64(&replicaEpoch)
            try c.tags()
        }
    }

    @usableFromInline package struct Topic: WireStruct {
        @usableFromInline package var topic = ""
        @usableFromInline package var topicID = UUIDBytes()
        @usableFromInline package var partitions: [Partition] = []

        @usableFromInline package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            if c.version <= 12 { try c.string(&topic) } else { try c.uuid(&topicID) }
            try c.array(&partitions)
            try c.tags()
        }
    }

    @usableFromInline package struct Partition: WireStruct {
        @usableFromInline package var partition: Int32 = 0
        @usableFromInline package var currentLeaderEpoch: Int32 = -1
        @usableFromInline package var fetchOffset: Int64 = 0
        @usableFromInline package var lastFetchedEpoch: Int32 = -1
        @usableFromInline package var logStartOffset: Int64 = -1
        @usableFromInline package var partitionMaxBytes: Int32 = 0
        /// Of a follower, as is `highWatermark`.
        @usableFromInline package var replicaDirectoryID = UUIDBytes()
        @usableFromInline package var highWatermark = Int64.max

        @usableFromInline package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partition)
            if c.version >= 9 { try c.int32(&currentLeaderEpoch) }
            try c.int64(&fetchOffset)
            if c.version >= 12 { try c.int32(&lastFetchedEpoch) }
            if c.version >= 5 { try c.int64(&logStartOffset) }
            try c.int32(&partitionMaxBytes)
            try c.tags { (c) throws(ProtocolError) in
                guard c.version >= 17 else { return }
                try c.tag(0, isDefault: replicaDirectoryID.isZero) { (c) throws(ProtocolError) in
                    try c.uuid(&replicaDirectoryID)
                }
                guard c.version >= 18 else { return }
                try c.tag(1, isDefault: highWatermark == Int64.max) { (c) throws(ProtocolError) in
                    try c.int64(&highWatermark)
                }
            }
        }
    }

    /// Partitions that leave the session.
    @usableFromInline package struct ForgottenTopic: WireStruct {
        @usableFromInline package var topic = ""
        @usableFromInline package var topicID = UUIDBytes()
        @usableFromInline package var partitions: [Int32] = []

        @usableFromInline package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            if c.version <= 12 { try c.string(&topic) } else { try c.uuid(&topicID) }
            try c.array(&partitions)
            try c.tags()
        }
    }
}

@usableFromInline package struct FetchResponse: Message {
    @usableFromInline package static var apiKey: ApiKey { .fetch }
    @usableFromInline package static var versions: ClosedRange<Int16> { 4...18 }
    @usableFromInline package static var firstFlexibleVersion: Int16 { 12 }

    @usableFromInline package var throttleTimeMs: Int32 = 0
    @usableFromInline package var errorCode = ErrorCode.none
    /// 0: the broker keeps no session.
    @usableFromInline package var sessionID: Int32 = 0
    @usableFromInline package var responses: [TopicResponse] = []
    @usableFromInline package var nodeEndpoints: [NodeEndpoint] = []

    @usableFromInline package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.int32(&throttleTimeMs)
        if c.version >= 7 {
            try c.errorCode(&errorCode)
            try c.int32(&sessionID)
        }
        try c.array(&responses)
        try c.tags { (c) throws(ProtocolError) in
            guard c.version >= 16 else { return }
            try c.tag(0, isDefault: nodeEndpoints.isEmpty) { (c) throws(ProtocolError) in
                try c.array(&nodeEndpoints)
            }
        }
    }

    @usableFromInline package struct TopicResponse: WireStruct {
        @usableFromInline package var topic = ""
        @usableFromInline package var topicID = UUIDBytes()
        @usableFromInline package var partitions: [PartitionData] = []

        @usableFromInline package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            if c.version <= 12 { try c.string(&topic) } else { try c.uuid(&topicID) }
            try c.array(&partitions)
            try c.tags()
        }
    }

    @usableFromInline package struct PartitionData: WireStruct {
        @usableFromInline package var partitionIndex: Int32 = 0
        @usableFromInline package var errorCode = ErrorCode.none
        @usableFromInline package var highWatermark: Int64 = 0
        @usableFromInline package var lastStableOffset: Int64 = -1
        @usableFromInline package var logStartOffset: Int64 = -1
        @usableFromInline package var divergingEpoch = EpochEndOffset()
        @usableFromInline package var currentLeader = LeaderAndEpoch()
        @usableFromInline package var snapshotID = SnapshotID()
        @usableFromInline package var abortedTransactions: [AbortedTransaction]? = []
        @usableFromInline package var preferredReadReplica: Int32 = -1
        @usableFromInline package var records = FetchRecords.empty

        @usableFromInline package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partitionIndex)
            try c.errorCode(&errorCode)
            try c.int64(&highWatermark)
            try c.int64(&lastStableOffset)
            if c.version >= 5 { try c.int64(&logStartOffset) }
            try c.array(&abortedTransactions)
            if c.version >= 11 { try c.int32(&preferredReadReplica) }
            try c.records(&records)
            try c.tags { (c) throws(ProtocolError) in
                try c.tag(0, isDefault: divergingEpoch == EpochEndOffset()) { (c) throws(ProtocolError) in
                    try divergingEpoch.code(&c)
                }
                try c.tag(1, isDefault: currentLeader == LeaderAndEpoch()) { (c) throws(ProtocolError) in
                    try currentLeader.code(&c)
                }
                try c.tag(2, isDefault: snapshotID == SnapshotID()) { (c) throws(ProtocolError) in
                    try snapshotID.code(&c)
                }
            }
        }
    }

    @usableFromInline package struct EpochEndOffset: WireStruct {
        @usableFromInline package var epoch: Int32 = -1
        @usableFromInline package var endOffset: Int64 = -1

        @inlinable
        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&epoch)
            try c.int64(&endOffset)
            try c.tags()
        }
    }

    @usableFromInline package struct SnapshotID: WireStruct {
        @usableFromInline package var endOffset: Int64 = -1
        @usableFromInline package var epoch: Int32 = -1

        @inlinable
        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int64(&endOffset)
            try c.int32(&epoch)
            try c.tags()
        }
    }

    @usableFromInline package struct AbortedTransaction: WireStruct {
        @usableFromInline package var producerID: Int64 = 0
        @usableFromInline package var firstOffset: Int64 = 0

        @usableFromInline package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int64(&producerID)
            try c.int64(&firstOffset)
            try c.tags()
        }
    }
}
