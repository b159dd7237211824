/// Asks for topics' partitions a page at a time.
package struct DescribeTopicPartitionsRequest: RequestMessage {
    package typealias Response = DescribeTopicPartitionsResponse
    package static var apiKey: ApiKey { .describeTopicPartitions }
    package static var versions: ClosedRange<Int16> { 0...0 }
    package static var firstFlexibleVersion: Int16 { 0 }

    /// Empty: all topics.
    package var topics: [Topic] = []
    /// How many partitions a page holds at most.
    package var responsePartitionLimit: Int32 = 2000
    /// Where the page begins; `nil`: at the first topic.
    package var cursor: Cursor?

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.array(&topics)
        try c.int32(&responsePartitionLimit)
        try c.optional(&cursor)
        try c.tags()
    }

    package struct Topic: WireStruct {
        package var name = ""

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.tags()
        }
    }

    package struct Cursor: WireStruct {
        package var topicName = ""
        package var partitionIndex: Int32 = 0

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&topicName)
            try c.int32(&partitionIndex)
            try c.tags()
        }
    }
}

package struct DescribeTopicPartitionsResponse: Message {
    package static var apiKey: ApiKey { .describeTopicPartitions }
    package static var versions: ClosedRange<Int16> { 0...0 }
    package static var firstFlexibleVersion: Int16 { 0 }

    package var throttleTimeMs: Int32 = 0
    package var topics: [Topic] = []
    /// Where the next page begins; `nil`: this is the last.
    package var nextCursor: Cursor?

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.int32(&throttleTimeMs)
        try c.array(&topics)
        try c.optional(&nextCursor)
        try c.tags()
    }

    package typealias Cursor = DescribeTopicPartitionsRequest.Cursor

    package struct Topic: WireStruct {
        package var errorCode = ErrorCode.none
        package var name: String? = ""
        package var topicID = UUIDBytes()
        package var isInternal = false
        package var partitions: [Partition] = []
        package var topicAuthorizedOperations = MetadataResponse.noAuthorizedOperations

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.errorCode(&errorCode)
            try c.string(&name)
            try c.uuid(&topicID)
            try c.bool(&isInternal)
            try c.array(&partitions)
            try c.int32(&topicAuthorizedOperations)
            try c.tags()
        }
    }

    package struct Partition: WireStruct {
        package var errorCode = ErrorCode.none
        package var partitionIndex: Int32 = 0
        package var leaderID: Int32 = 0
        package var leaderEpoch: Int32 = -1
        package var replicaNodes: [Int32] = []
        package var isrNodes: [Int32] = []
        /// Replicas that may lead though they are not in sync; `nil`: the broker keeps none.
        package var eligibleLeaderReplicas: [Int32]?
        package var lastKnownELR: [Int32]?
        package var offlineReplicas: [Int32] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.errorCode(&errorCode)
            try c.int32(&partitionIndex)
            try c.int32(&leaderID)
            try c.int32(&leaderEpoch)
            try c.array(&replicaNodes)
            try c.array(&isrNodes)
            try c.array(&eligibleLeaderReplicas)
            try c.array(&lastKnownELR)
            try c.array(&offlineReplicas)
            try c.tags()
        }
    }
}
