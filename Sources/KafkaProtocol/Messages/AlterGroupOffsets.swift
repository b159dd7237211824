/// Moves the offsets of a group at once, be its members alive: they are fenced and join anew at the new offsets. All or
/// nothing: where one partition has an error, nothing has changed. An API of Martlet's own.
package struct AlterGroupOffsetsRequest: RequestMessage {
    package typealias Response = AlterGroupOffsetsResponse
    package static var apiKey: ApiKey { .alterGroupOffsets }
    package static var versions: ClosedRange<Int16> { 0...0 }
    package static var firstFlexibleVersion: Int16 { 0 }

    package var groupID = ""
    /// What is done, for the record of it: `reset`, `undo`, `restore`, `copy`.
    package var kind = ""
    /// Refuse where the group has members.
    package var onlyIfEmpty = false
    /// Say what would happen and change nothing.
    package var validateOnly = false
    package var topics: [Topic] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.string(&groupID)
        try c.string(&kind)
        try c.bool(&onlyIfEmpty)
        try c.bool(&validateOnly)
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
        /// −1: remove what is committed.
        package var offset: Int64 = 0
        package var leaderEpoch: Int32 = -1
        package var metadata: String?

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partitionIndex)
            try c.int64(&offset)
            try c.int32(&leaderEpoch)
            try c.string(&metadata)
            try c.tags()
        }
    }
}

package struct AlterGroupOffsetsResponse: Message {
    package static var apiKey: ApiKey { .alterGroupOffsets }
    package static var versions: ClosedRange<Int16> { 0...0 }
    package static var firstFlexibleVersion: Int16 { 0 }

    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var errorMessage: String?
    /// Names the change in the group's history; empty where nothing has changed.
    package var changeID = ""
    /// How many members were put out and join anew.
    package var fencedMembers: Int32 = 0
    package var topics: [TopicResponse] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.int32(&throttleTimeMs)
        try c.errorCode(&errorCode)
        try c.string(&errorMessage)
        try c.string(&changeID)
        try c.int32(&fencedMembers)
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
        package var errorMessage: String?
        /// −1: nothing was committed.
        package var before: Int64 = -1
        /// −1: nothing is committed.
        package var after: Int64 = -1

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partitionIndex)
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.int64(&before)
            try c.int64(&after)
            try c.tags()
        }
    }
}
