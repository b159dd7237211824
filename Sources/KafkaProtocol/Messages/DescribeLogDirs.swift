/// Asks for the data directories, and for the size of partitions in them.
package struct DescribeLogDirsRequest: RequestMessage {
    package typealias Response = DescribeLogDirsResponse
    package static var apiKey: ApiKey { .describeLogDirs }
    package static var versions: ClosedRange<Int16> { 1...5 }
    package static var firstFlexibleVersion: Int16 { 2 }

    /// `nil`: all topics.
    package var topics: [Topic]? = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.array(&topics)
        try c.tags()
    }

    package struct Topic: WireStruct {
        package var topic = ""
        package var partitions: [Int32] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&topic)
            try c.array(&partitions)
            try c.tags()
        }
    }
}

package struct DescribeLogDirsResponse: Message {
    package static var apiKey: ApiKey { .describeLogDirs }
    package static var versions: ClosedRange<Int16> { 1...5 }
    package static var firstFlexibleVersion: Int16 { 2 }

    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var results: [Result] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.int32(&throttleTimeMs)
        if c.version >= 3 { try c.errorCode(&errorCode) }
        try c.array(&results)
        try c.tags()
    }

    package struct Result: WireStruct {
        package var errorCode = ErrorCode.none
        /// An absolute path.
        package var logDir = ""
        package var topics: [Topic] = []
        /// Of the volume that the directory is on; −1 where that is not known.
        package var totalBytes: Int64 = -1
        package var usableBytes: Int64 = -1
        package var isCordoned = false

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.errorCode(&errorCode)
            try c.string(&logDir)
            try c.array(&topics)
            if c.version >= 4 {
                try c.int64(&totalBytes)
                try c.int64(&usableBytes)
            }
            if c.version >= 5 { try c.bool(&isCordoned) }
            try c.tags()
        }
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
        /// Bytes of all its segments.
        package var partitionSize: Int64 = 0
        package var offsetLag: Int64 = 0
        /// Whether the log is one that is to take the place of another.
        package var isFutureKey = false

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partitionIndex)
            try c.int64(&partitionSize)
            try c.int64(&offsetLag)
            try c.bool(&isFutureKey)
            try c.tags()
        }
    }
}
