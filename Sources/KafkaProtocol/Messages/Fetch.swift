/// Reads record batches of partitions from offsets on, and waits for `minBytes` of them.
package struct FetchRequest: RequestMessage {
    package typealias Response = FetchResponse
    package static var apiKey: ApiKey { .fetch }
    package static var versions: ClosedRange<Int16> { 4...12 }
    package static var firstFlexibleVersion: Int16 { 12 }

    package var clusterID: String?
    /// −1: a consumer.
    package var replicaID: Int32 = -1
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
        try c.int32(&replicaID)
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
        }
    }

    package struct Topic: WireStruct {
        package var topic = ""
        package var partitions: [Partition] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&topic)
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

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partition)
            if c.version >= 9 { try c.int32(&currentLeaderEpoch) }
            try c.int64(&fetchOffset)
            if c.version >= 12 { try c.int32(&lastFetchedEpoch) }
            if c.version >= 5 { try c.int64(&logStartOffset) }
            try c.int32(&partitionMaxBytes)
            try c.tags()
        }
    }

    /// Partitions that leave the session.
    package struct ForgottenTopic: WireStruct {
        package var topic = ""
        package var partitions: [Int32] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&topic)
            try c.array(&partitions)
            try c.tags()
        }
    }
}

package struct FetchResponse: Message {
    package static var apiKey: ApiKey { .fetch }
    package static var versions: ClosedRange<Int16> { 4...12 }
    package static var firstFlexibleVersion: Int16 { 12 }

    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    /// 0: the broker keeps no session.
    package var sessionID: Int32 = 0
    package var responses: [TopicResponse] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.int32(&throttleTimeMs)
        if c.version >= 7 {
            try c.errorCode(&errorCode)
            try c.int32(&sessionID)
        }
        try c.array(&responses)
        try c.tags()
    }

    package struct TopicResponse: WireStruct {
        package var topic = ""
        package var partitions: [PartitionData] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&topic)
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

    package struct LeaderAndEpoch: WireStruct {
        package var leaderID: Int32 = -1
        package var leaderEpoch: Int32 = -1

        @inlinable
        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&leaderID)
            try c.int32(&leaderEpoch)
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
