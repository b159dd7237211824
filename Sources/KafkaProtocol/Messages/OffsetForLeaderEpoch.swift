/// Asks where a leader epoch ends, by which a reader finds out whether the log was cut behind its back.
package struct OffsetForLeaderEpochRequest: RequestMessage {
    package typealias Response = OffsetForLeaderEpochResponse
    package static var apiKey: ApiKey { .offsetForLeaderEpoch }
    package static var versions: ClosedRange<Int16> { 2...4 }
    package static var firstFlexibleVersion: Int16 { 4 }

    /// −1: a consumer; −2: one that does not say.
    package var replicaID: Int32 = -2
    package var topics: [Topic] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 3 { try c.int32(&replicaID) }
        try c.array(&topics)
        try c.tags()
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
        /// What the reader takes for the newest epoch; −1: it does not say.
        package var currentLeaderEpoch: Int32 = -1
        /// The epoch whose end is asked for.
        package var leaderEpoch: Int32 = 0

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partition)
            try c.int32(&currentLeaderEpoch)
            try c.int32(&leaderEpoch)
            try c.tags()
        }
    }
}

package struct OffsetForLeaderEpochResponse: Message {
    package static var apiKey: ApiKey { .offsetForLeaderEpoch }
    package static var versions: ClosedRange<Int16> { 2...4 }
    package static var firstFlexibleVersion: Int16 { 4 }

    package var throttleTimeMs: Int32 = 0
    package var topics: [TopicResult] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.int32(&throttleTimeMs)
        try c.array(&topics)
        try c.tags()
    }

    package struct TopicResult: WireStruct {
        package var topic = ""
        package var partitions: [EpochEndOffset] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&topic)
            try c.array(&partitions)
            try c.tags()
        }
    }

    package struct EpochEndOffset: WireStruct {
        package var errorCode = ErrorCode.none
        package var partition: Int32 = 0
        /// The largest epoch that is not above the one asked for; −1 where there is none.
        package var leaderEpoch: Int32 = -1
        /// The first offset after that epoch.
        package var endOffset: Int64 = -1

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.errorCode(&errorCode)
            try c.int32(&partition)
            try c.int32(&leaderEpoch)
            try c.int64(&endOffset)
            try c.tags()
        }
    }
}
