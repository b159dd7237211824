public import NIOCore

/// Appends record batches to partitions. Versions 0–2 carry the record formats before batches and are decoded only to be
/// answered. From version 13 on topics are named by id.
@usableFromInline package struct ProduceRequest: RequestMessage {
    @usableFromInline package typealias Response = ProduceResponse
    @usableFromInline package static var apiKey: ApiKey { .produce }
    @usableFromInline package static var versions: ClosedRange<Int16> { 0...13 }
    @usableFromInline package static var firstFlexibleVersion: Int16 { 9 }
    /// The first version whose records are batches of message format 2.
    @usableFromInline package static let firstBatchVersion: Int16 = 3
    /// The first version whose batches may be compressed by zstd.
    @usableFromInline package static let firstZstdVersion: Int16 = 7
    /// The first version that names topics by id.
    @usableFromInline package static let firstTopicIDVersion: Int16 = 13

    @usableFromInline package var transactionalID: String?
    /// 0: no answer; 1: written; −1: durable (`acks=all`).
    @usableFromInline package var acks: Int16 = 0
    @usableFromInline package var timeoutMs: Int32 = 0
    @usableFromInline package var topicData: [TopicData] = []

    @usableFromInline package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 3 { try c.string(&transactionalID) }
        try c.int16(&acks)
        try c.int32(&timeoutMs)
        try c.array(&topicData)
        try c.tags()
    }

    @usableFromInline package struct TopicData: WireStruct {
        @usableFromInline package var name = ""
        @usableFromInline package var topicID = UUIDBytes()
        @usableFromInline package var partitionData: [PartitionData] = []

        @usableFromInline package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            if c.version <= 12 { try c.string(&name) } else { try c.uuid(&topicID) }
            try c.array(&partitionData)
            try c.tags()
        }
    }

    @usableFromInline package struct PartitionData: WireStruct {
        @usableFromInline package var index: Int32 = 0
        @usableFromInline package var records: ByteBuffer?

        @usableFromInline package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&index)
            try c.bytes(&records)
            try c.tags()
        }
    }
}

@usableFromInline package struct ProduceResponse: Message {
    @usableFromInline package static var apiKey: ApiKey { .produce }
    @usableFromInline package static var versions: ClosedRange<Int16> { 0...13 }
    @usableFromInline package static var firstFlexibleVersion: Int16 { 9 }

    @usableFromInline package var responses: [TopicResponse] = []
    @usableFromInline package var throttleTimeMs: Int32 = 0
    @usableFromInline package var nodeEndpoints: [NodeEndpoint] = []

    @usableFromInline package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.array(&responses)
        if c.version >= 1 { try c.int32(&throttleTimeMs) }
        try c.tags { (c) throws(ProtocolError) in
            guard c.version >= 10 else { return }
            try c.tag(0, isDefault: nodeEndpoints.isEmpty) { (c) throws(ProtocolError) in
                try c.array(&nodeEndpoints)
            }
        }
    }

    @usableFromInline package struct TopicResponse: WireStruct {
        @usableFromInline package var name = ""
        @usableFromInline package var topicID = UUIDBytes()
        @usableFromInline package var partitionResponses: [PartitionResponse] = []

        @usableFromInline package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            if c.version <= 12 { try c.string(&name) } else { try c.uuid(&topicID) }
            try c.array(&partitionResponses)
            try c.tags()
        }
    }

    @usableFromInline package struct PartitionResponse: WireStruct {
        @usableFromInline package var index: Int32 = 0
        @usableFromInline package var errorCode = ErrorCode.none
        /// −1 where nothing was appended.
        @usableFromInline package var baseOffset: Int64 = 0
        /// −1 unless the topic's timestamps are those of the append.
        @usableFromInline package var logAppendTimeMs: Int64 = -1
        @usableFromInline package var logStartOffset: Int64 = -1
        @usableFromInline package var recordErrors: [RecordError] = []
        @usableFromInline package var errorMessage: String?
        @usableFromInline package var currentLeader = LeaderAndEpoch()

        @usableFromInline package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&index)
            try c.errorCode(&errorCode)
            try c.int64(&baseOffset)
            if c.version >= 2 { try c.int64(&logAppendTimeMs) }
            if c.version >= 5 { try c.int64(&logStartOffset) }
            if c.version >= 8 {
                try c.array(&recordErrors)
                try c.string(&errorMessage)
            }
            try c.tags { (c) throws(ProtocolError) in
                guard c.version >= 10 else { return }
                try c.tag(0, isDefault: currentLeader == LeaderAndEpoch()) { (c) throws(ProtocolError) in
                    try currentLeader.code(&c)
                }
            }
        }
    }

    /// Which record of a rejected batch was at fault.
    @usableFromInline package struct RecordError: WireStruct {
        @usableFromInline package var batchIndex: Int32 = 0
        @usableFromInline package var batchIndexErrorMessage: String?

        @usableFromInline package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&batchIndex)
            try c.string(&batchIndexErrorMessage)
            try c.tags()
        }
    }
}
