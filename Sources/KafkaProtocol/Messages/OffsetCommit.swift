/// Stores how far a group has come in partitions.
@usableFromInline package struct OffsetCommitRequest: RequestMessage {
    @usableFromInline package typealias Response = OffsetCommitResponse
    @usableFromInline package static var apiKey: ApiKey { .offsetCommit }
    @usableFromInline package static var versions: ClosedRange<Int16> { 2...9 }
    @usableFromInline package static var firstFlexibleVersion: Int16 { 8 }

    @usableFromInline package var groupID = ""
    /// −1 and no member id: of a consumer or a tool that is no member.
    @usableFromInline package var generationIDOrMemberEpoch: Int32 = -1
    @usableFromInline package var memberID = ""
    @usableFromInline package var groupInstanceID: String?
    /// Up to version 4. −1: as the broker says.
    @usableFromInline package var retentionTimeMs: Int64 = -1
    @usableFromInline package var topics: [Topic] = []

    @usableFromInline package init() {}

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

    @usableFromInline package struct Topic: WireStruct {
        @usableFromInline package var name = ""
        @usableFromInline package var partitions: [Partition] = []

        @usableFromInline package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.array(&partitions)
            try c.tags()
        }
    }

    @usableFromInline package struct Partition: WireStruct {
        @usableFromInline package var partitionIndex: Int32 = 0
        /// Of the record that comes next.
        @usableFromInline package var committedOffset: Int64 = 0
        /// Of the record before it; −1: not known.
        @usableFromInline package var committedLeaderEpoch: Int32 = -1
        @usableFromInline package var committedMetadata: String? = ""

        @usableFromInline package init() {}

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

@usableFromInline package struct OffsetCommitResponse: Message {
    @usableFromInline package static var apiKey: ApiKey { .offsetCommit }
    @usableFromInline package static var versions: ClosedRange<Int16> { 2...9 }
    @usableFromInline package static var firstFlexibleVersion: Int16 { 8 }

    @usableFromInline package var throttleTimeMs: Int32 = 0
    @usableFromInline package var topics: [TopicResponse] = []

    @usableFromInline package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 3 { try c.int32(&throttleTimeMs) }
        try c.array(&topics)
        try c.tags()
    }

    @usableFromInline package struct TopicResponse: WireStruct {
        @usableFromInline package var name = ""
        @usableFromInline package var partitions: [PartitionResponse] = []

        @usableFromInline package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.array(&partitions)
            try c.tags()
        }
    }

    @usableFromInline package struct PartitionResponse: WireStruct {
        @usableFromInline package var partitionIndex: Int32 = 0
        @usableFromInline package var errorCode = ErrorCode.none

        @usableFromInline package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partitionIndex)
            try c.errorCode(&errorCode)
            try c.tags()
        }
    }
}
