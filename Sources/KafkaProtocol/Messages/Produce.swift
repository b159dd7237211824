package import NIOCore

/// Appends record batches to partitions. Versions 0–2 carry the record formats before batches and are decoded only to be
/// answered. From version 13 on topics are named by id.
package struct ProduceRequest: RequestMessage {
    package typealias Response = ProduceResponse
    package static var apiKey: ApiKey { .produce }
    package static var versions: ClosedRange<Int16> { 0...13 }
    package static var firstFlexibleVersion: Int16 { 9 }
    /// The first version whose records are batches of message format 2.
    package static let firstBatchVersion: Int16 = 3
    /// The first version whose batches may be compressed by zstd.
    package static let firstZstdVersion: Int16 = 7
    /// The first version that names topics by id.
    package static let firstTopicIDVersion: Int16 = 13

    package var transactionalID: String?
    /// 0: no answer; 1: written; −1: durable (`acks=all`).
    package var acks: Int16 = 0
    package var timeoutMs: Int32 = 0
    package var topicData: [TopicData] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 3 { try c.string(&transactionalID) }
        try c.int16(&acks)
        try c.int32(&timeoutMs)
        try c.array(&topicData)
        try c.tags()
    }

    package struct TopicData: WireStruct {
        package var name = ""
        package var topicID = UUIDBytes()
        package var partitionData: [PartitionData] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            if c.version <= 12 { try c.string(&name) } else { try c.uuid(&topicID) }
            try c.array(&partitionData)
            try c.tags()
        }
    }

    package struct PartitionData: WireStruct {
        package var index: Int32 = 0
        package var records: ByteBuffer?

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&index)
            try c.bytes(&records)
            try c.tags()
        }
    }
}

package struct ProduceResponse: Message {
    package static var apiKey: ApiKey { .produce }
    package static var versions: ClosedRange<Int16> { 0...13 }
    package static var firstFlexibleVersion: Int16 { 9 }

    package var responses: [TopicResponse] = []
    package var throttleTimeMs: Int32 = 0
    package var nodeEndpoints: [NodeEndpoint] = []

    package init() {}

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

    package struct TopicResponse: WireStruct {
        package var name = ""
        package var topicID = UUIDBytes()
        package var partitionResponses: [PartitionResponse] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            if c.version <= 12 { try c.string(&name) } else { try c.uuid(&topicID) }
            try c.array(&partitionResponses)
            try c.tags()
        }
    }

    package struct PartitionResponse: WireStruct {
        package var index: Int32 = 0
        package var errorCode = ErrorCode.none
        /// −1 where nothing was appended.
        package var baseOffset: Int64 = 0
        /// −1 unless the topic's timestamps are those of the append.
        package var logAppendTimeMs: Int64 = -1
        package var logStartOffset: Int64 = -1
        package var recordErrors: [RecordError] = []
        package var errorMessage: String?
        package var currentLeader = LeaderAndEpoch()

        package init() {}

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
    package struct RecordError: WireStruct {
        package var batchIndex: Int32 = 0
        package var batchIndexErrorMessage: String?

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&batchIndex)
            try c.string(&batchIndexErrorMessage)
            try c.tags()
        }
    }
}
