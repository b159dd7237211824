/// Deletes the records of partitions below an offset.
package struct DeleteRecordsRequest: RequestMessage {
    package typealias Response = DeleteRecordsResponse
    package static var apiKey: ApiKey { .deleteRecords }
    package static var versions: ClosedRange<Int16> { 0...2 }
    package static var firstFlexibleVersion: Int16 { 2 }

    /// The value of `Partition.offset` that means the high watermark.
    package static let highWatermark: Int64 = -1

    package var topics: [Topic] = []
    package var timeoutMs: Int32 = 0

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.array(&topics)
        try c.int32(&timeoutMs)
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
        /// The first offset that is to stay, or `highWatermark`.
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

package struct DeleteRecordsResponse: Message {
    package static var apiKey: ApiKey { .deleteRecords }
    package static var versions: ClosedRange<Int16> { 0...2 }
    package static var firstFlexibleVersion: Int16 { 2 }

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
        package var name = ""
        package var partitions: [PartitionResult] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.array(&partitions)
            try c.tags()
        }
    }

    package struct PartitionResult: WireStruct {
        package var partitionIndex: Int32 = 0
        /// The first offset that is left; −1 where nothing was deleted.
        package var lowWatermark: Int64 = 0
        package var errorCode = ErrorCode.none

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partitionIndex)
            try c.int64(&lowWatermark)
            try c.errorCode(&errorCode)
            try c.tags()
        }
    }
}
