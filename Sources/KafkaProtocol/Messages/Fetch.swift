/// Reads record batches of partitions from offsets on, and waits for `minBytes` of them. From version 13 on topics are
/// named by id.
package struct FetchRequest: RequestMessage {
    package typealias Response = FetchResponse
    package static var apiKey: ApiKey { .fetch }
    package static var versions: ClosedRange<Int16> { 4...18 }
    package static var firstFlexibleVersion: Int16 { 12 }
    /// The first version that names topics by id.
    package static let firstTopicIDVersion: Int16 = 13
    /// The first version whose answer says who leads a partition that is asked for at the wrong broker or epoch.
    package static let firstLeaderVersion: Int16 = 16

    package var clusterID: String?
    /// −1: a consumer. From version 15 on in `replicaState`.
    package var replicaID: Int32 = -1
    package var replicaState = ReplicaState()
    package var maxWaitMs: Int32 = 0
    package var minBytes: Int32 = 0
    package var maxBytes = Int32.max
    /// 0: read uncommitted, 1: read committed.
    package var isolationLevel: Int8 = 0
    /// 0: no session, or a new one (`sessionEpoch` 0).
    package var sessionID: Int32 = 0
    package var sessionEpoch: Int32 = -1
    package var topics: [Topic] = []
    package var forgottenTopicsData: [ForgottenTopic] = []
    package var rackID = ""

    package init() {}

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
    package struct ReplicaState: WireStruct {
        package var replicaID: Int32 = -1
        package var replicaEpoch: Int64 = -1

        @inlinable
        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&replicaID)
            try c.int64(&replicaEpoch)
            try c.tags()
        }
    }

    package struct Topic: WireStruct {
        package var topic = ""
        package var topicID = UUIDBytes()
        package var partitions: [Partition] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            if c.version <= 12 { try c.string(&topic) } else { try c.uuid(&topicID) }
            try c.array(&partitions)
            try c.tags()
        }
    }

    package struct Partition: WireStruct {
        package var partition: Int32 = 0
        package var currentLeaderEpoch: Int32 = -1
        package var fetchOffset: Int64 = 0
        package var lastFetchedEpoch: Int32 = -1
        package var logStartOffset: Int64 = -1
        package var partitionMaxBytes: Int32 = 0
        /// Of a follower, as is `highWatermark`.
        package var replicaDirectoryID = UUIDBytes()
        package var highWatermark = Int64.max

        package init() {}

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
    package struct ForgottenTopic: WireStruct {
        package var topic = ""
        package var topicID = UUIDBytes()
        package var partitions: [Int32] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            if c.version <= 12 { try c.string(&topic) } else { try c.uuid(&topicID) }
            try c.array(&partitions)
            try c.tags()
        }
    }
}

package struct FetchResponse: Message {
    package static var apiKey: ApiKey { .fetch }
    package static var versions: ClosedRange<Int16> { 4...18 }
    package static var firstFlexibleVersion: Int16 { 12 }

    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    /// 0: the broker keeps no session.
    package var sessionID: Int32 = 0
    package var responses: [TopicResponse] = []
    package var nodeEndpoints: [NodeEndpoint] = []

    package init() {}

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

    package struct TopicResponse: WireStruct {
        package var topic = ""
        package var topicID = UUIDBytes()
        package var partitions: [PartitionData] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            if c.version <= 12 { try c.string(&topic) } else { try c.uuid(&topicID) }
            try c.array(&partitions)
            try c.tags()
        }
    }

    package struct PartitionData: WireStruct {
        package var partitionIndex: Int32 = 0
        package var errorCode = ErrorCode.none
        package var highWatermark: Int64 = 0
        package var lastStableOffset: Int64 = -1
        package var logStartOffset: Int64 = -1
        package var divergingEpoch = EpochEndOffset()
        package var currentLeader = LeaderAndEpoch()
        package var snapshotID = SnapshotID()
        package var abortedTransactions: [AbortedTransaction]? = []
        package var preferredReadReplica: Int32 = -1
        package var records = FetchRecords.empty

        package init() {}

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

    package struct EpochEndOffset: WireStruct {
        package var epoch: Int32 = -1
        package var endOffset: Int64 = -1

        @inlinable
        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&epoch)
            try c.int64(&endOffset)
            try c.tags()
        }
    }

    package struct SnapshotID: WireStruct {
        package var endOffset: Int64 = -1
        package var epoch: Int32 = -1

        @inlinable
        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int64(&endOffset)
            try c.int32(&epoch)
            try c.tags()
        }
    }

    package struct AbortedTransaction: WireStruct {
        package var producerID: Int64 = 0
        package var firstOffset: Int64 = 0

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int64(&producerID)
            try c.int64(&firstOffset)
            try c.tags()
        }
    }
}
