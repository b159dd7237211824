/// Asks which segments partitions have: what is deleted at once, whole. An API of Martlet's own.
package struct DescribeSegmentsRequest: RequestMessage {
    package typealias Response = DescribeSegmentsResponse
    package static var apiKey: ApiKey { .describeSegments }
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
        package var partitions: [Int32] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.array(&partitions)
            try c.tags()
        }
    }
}

package struct DescribeSegmentsResponse: Message {
    package static var apiKey: ApiKey { .describeSegments }
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
        package var logStartOffset: Int64 = -1
        /// One past the last durable record.
        package var endOffset: Int64 = -1
        /// What lies before it has been compacted; −1: nothing has.
        package var cleanedToOffset: Int64 = -1
        /// The oldest first.
        package var segments: [Segment] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partitionIndex)
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.int64(&logStartOffset)
            try c.int64(&endOffset)
            try c.int64(&cleanedToOffset)
            try c.array(&segments)
            try c.tags()
        }
    }

    package struct Segment: WireStruct {
        package var baseOffset: Int64 = 0
        /// One past the last offset that it holds or held.
        package var nextOffset: Int64 = 0
        /// Of record batches.
        package var bytes: Int64 = 0
        /// The newest of its records; −1: none has a timestamp.
        package var maxTimestamp: Int64 = -1

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int64(&baseOffset)
            try c.int64(&nextOffset)
            try c.int64(&bytes)
            try c.int64(&maxTimestamp)
            try c.tags()
        }
    }
}
