/// Asks what lies at and after offsets: how far it is to the end in bytes and in time. An API of Martlet's own.
package struct DescribePositionsRequest: RequestMessage {
    package typealias Response = DescribePositionsResponse
    package static var apiKey: ApiKey { .describePositions }
    package static var versions: ClosedRange<Int16> { 0...0 }
    package static var firstFlexibleVersion: Int16 { 0 }

    package var topics: [Topic] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
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
        package var offset: Int64 = 0

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partitionIndex)
            try c.int64(&offset)
            try c.tags()
        }
    }
}

package struct DescribePositionsResponse: Message {
    package static var apiKey: ApiKey { .describePositions }
    package static var versions: ClosedRange<Int16> { 0...0 }
    package static var firstFlexibleVersion: Int16 { 0 }

    package var throttleTimeMs: Int32 = 0
    package var topics: [TopicResponse] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.int32(&throttleTimeMs)
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
        /// As it was asked for.
        package var offset: Int64 = 0
        package var logStartOffset: Int64 = -1
        /// One past the last durable record.
        package var endOffset: Int64 = -1
        /// Of record batches on disk, from the one that holds `offset` to the end.
        package var bytesToEnd: Int64 = 0
        /// Milliseconds since 1970 of the first record at or after `offset`; −1: there is none.
        package var nextTimestamp: Int64 = -1

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partitionIndex)
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.int64(&offset)
            try c.int64(&logStartOffset)
            try c.int64(&endOffset)
            try c.int64(&bytesToEnd)
            try c.int64(&nextTimestamp)
            try c.tags()
        }
    }
}
