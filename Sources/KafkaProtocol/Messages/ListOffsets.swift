/// Asks for the offset at a point in time, or at an end of the log.
package struct ListOffsetsRequest: RequestMessage {
    package typealias Response = ListOffsetsResponse
    package static var apiKey: ApiKey { .listOffsets }
    package static var versions: ClosedRange<Int16> { 1...7 }
    package static var firstFlexibleVersion: Int16 { 6 }

    /// Values of `Partition.timestamp` that mean a place, not a time.
    package static let latest: Int64 = -1
    package static let earliest: Int64 = -2
    /// The record with the newest timestamp, from version 7.
    package static let maxTimestamp: Int64 = -3

    /// Whether `timestamp` is a time, or a place that this version has.
    package static func isKnown(_ timestamp: Int64, version: Int16) -> Bool {
        timestamp >= latest || timestamp == earliest || (timestamp == maxTimestamp && version >= 7)
    }

    /// −1: a consumer.
    package var replicaID: Int32 = -1
    package var isolationLevel: Int8 = 0
    package var topics: [Topic] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.int32(&replicaID)
        if c.version >= 2 { try c.int8(&isolationLevel) }
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
        package var currentLeaderEpoch: Int32 = -1
        /// Milliseconds since 1970, or one of `latest`, `earliest`, `maxTimestamp`.
        package var timestamp: Int64 = 0

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partitionIndex)
            if c.version >= 4 { try c.int32(&currentLeaderEpoch) }
            try c.int64(&timestamp)
            try c.tags()
        }
    }
}

package struct ListOffsetsResponse: Message {
    package static var apiKey: ApiKey { .listOffsets }
    package static var versions: ClosedRange<Int16> { 1...7 }
    package static var firstFlexibleVersion: Int16 { 6 }

    package var throttleTimeMs: Int32 = 0
    package var topics: [Topic] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 2 { try c.int32(&throttleTimeMs) }
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
        package var errorCode = ErrorCode.none
        /// −1 where the answer is not a record.
        package var timestamp: Int64 = -1
        /// −1 where no record is as new as was asked.
        package var offset: Int64 = -1
        package var leaderEpoch: Int32 = -1

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partitionIndex)
            try c.errorCode(&errorCode)
            try c.int64(&timestamp)
            try c.int64(&offset)
            if c.version >= 4 { try c.int32(&leaderEpoch) }
            try c.tags()
        }
    }
}
