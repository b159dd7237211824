/// Asks how far groups have come: one group up to version 7, several from version 8 on.
package struct OffsetFetchRequest: RequestMessage {
    package typealias Response = OffsetFetchResponse
    package static var apiKey: ApiKey { .offsetFetch }
    package static var versions: ClosedRange<Int16> { 1...9 }
    package static var firstFlexibleVersion: Int16 { 6 }

    /// Up to version 7, like `topics`.
    package var groupID = ""
    /// Null from version 2 on: all that the group has committed.
    package var topics: [Topic]? = []
    /// From version 8.
    package var groups: [Group] = []
    /// To be asked again while offsets of an open transaction are pending.
    package var requireStable = false

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version <= 7 {
            try c.string(&groupID)
            try c.array(&topics, nullable: c.version >= 2)
        } else {
            try c.array(&groups)
        }
        if c.version >= 7 { try c.bool(&requireStable) }
        try c.tags()
    }

    package struct Topic: WireStruct {
        package var name = ""
        package var partitionIndexes: [Int32] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.array(&partitionIndexes)
            try c.tags()
        }
    }

    package struct Group: WireStruct {
        package var groupID = ""
        package var memberID: String?
        /// −1: of the classic protocol, or no member.
        package var memberEpoch: Int32 = -1
        /// Null: all that the group has committed.
        package var topics: [Topic]? = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&groupID)
            if c.version >= 9 {
                try c.string(&memberID)
                try c.int32(&memberEpoch)
            }
            try c.array(&topics)
            try c.tags()
        }
    }
}

package struct OffsetFetchResponse: Message {
    package static var apiKey: ApiKey { .offsetFetch }
    package static var versions: ClosedRange<Int16> { 1...9 }
    package static var firstFlexibleVersion: Int16 { 6 }

    package var throttleTimeMs: Int32 = 0
    /// Up to version 7, like `errorCode`.
    package var topics: [TopicResponse] = []
    package var errorCode = ErrorCode.none
    /// From version 8.
    package var groups: [GroupResponse] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 3 { try c.int32(&throttleTimeMs) }
        if c.version <= 7 { try c.array(&topics) }
        if c.version >= 2 && c.version <= 7 { try c.errorCode(&errorCode) }
        if c.version >= 8 { try c.array(&groups) }
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
        /// −1: nothing is committed.
        package var committedOffset: Int64 = -1
        package var committedLeaderEpoch: Int32 = -1
        package var metadata: String? = ""
        package var errorCode = ErrorCode.none

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partitionIndex)
            try c.int64(&committedOffset)
            if c.version >= 5 { try c.int32(&committedLeaderEpoch) }
            try c.string(&metadata)
            try c.errorCode(&errorCode)
            try c.tags()
        }
    }

    package struct GroupResponse: WireStruct {
        package var groupID = ""
        package var topics: [TopicResponse] = []
        package var errorCode = ErrorCode.none

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&groupID)
            try c.array(&topics)
            try c.errorCode(&errorCode)
            try c.tags()
        }
    }
}
