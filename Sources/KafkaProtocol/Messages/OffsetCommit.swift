/// Stores how far a group has come in partitions.
package struct OffsetCommitRequest: RequestMessage {
    package typealias Response = OffsetCommitResponse
    package static var apiKey: ApiKey { .offsetCommit }
    package static var versions: ClosedRange<Int16> { 2...9 }
    package static var firstFlexibleVersion: Int16 { 8 }

    package var groupID = ""
    /// −1 and no member id: of a consumer or a tool that is no member.
    package var generationIDOrMemberEpoch: Int32 = -1
    package var memberID = ""
    package var groupInstanceID: String?
    /// Up to version 4. −1: as the broker says.
    package var retentionTimeMs: Int64 = -1
    package var topics: [Topic] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.string(&groupID)
        try c.int32(&generationIDOrMemberEpoch)
        try c.string(&memberID)
        if c.version >= 7 { try c.string(&groupInstanceID) }
        if c.version <= 4 { try c.int64(&retentionTimeMs) }
        try c.array(&topics)
        try c.tags()
    }

    package struct Topic: WireStruct {
        package var name = ""
        package var partitions: [Partition] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.array(&partitions)
            try c.tags()
        }
    }

    package struct Partition: WireStruct {
        package var partitionIndex: Int32 = 0
        /// Of the record that comes next.
        package var committedOffset: Int64 = 0
        /// Of the record before it; −1: not known.
        package var committedLeaderEpoch: Int32 = -1
        package var committedMetadata: String? = ""

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partitionIndex)
            try c.int64(&committedOffset)
            if c.version >= 6 { try c.int32(&committedLeaderEpoch) }
            try c.string(&committedMetadata)
            try c.tags()
        }
    }
}

package struct OffsetCommitResponse: Message {
    package static var apiKey: ApiKey { .offsetCommit }
    package static var versions: ClosedRange<Int16> { 2...9 }
    package static var firstFlexibleVersion: Int16 { 8 }

    package var throttleTimeMs: Int32 = 0
    package var topics: [TopicResponse] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 3 { try c.int32(&throttleTimeMs) }
        try c.array(&topics)
        try c.tags()
    }

    package struct TopicResponse: WireStruct {
        package var name = ""
        package var partitions: [PartitionResponse] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.array(&partitions)
            try c.tags()
        }
    }

    package struct PartitionResponse: WireStruct {
        package var partitionIndex: Int32 = 0
        package var errorCode = ErrorCode.none

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partitionIndex)
            try c.errorCode(&errorCode)
            try c.tags()
        }
    }
}
