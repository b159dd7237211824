/// All that a member of a group says in the new protocol (KIP-848): joins, owns, is alive, leaves. What has not changed since
/// the last one may be null.
package struct ConsumerGroupHeartbeatRequest: RequestMessage {
    package typealias Response = ConsumerGroupHeartbeatResponse
    package static var apiKey: ApiKey { .consumerGroupHeartbeat }
    package static var versions: ClosedRange<Int16> { 0...1 }
    package static var firstFlexibleVersion: Int16 { 0 }

    package var groupID = ""
    /// Chosen by the member from version 1 on; by the broker in version 0, where it is empty at first.
    package var memberID = ""
    /// 0: joins; −1: leaves; −2: a static member that will be back.
    package var memberEpoch: Int32 = 0
    package var instanceID: String?
    package var rackID: String?
    /// −1: as it was.
    package var rebalanceTimeoutMs: Int32 = -1
    package var subscribedTopicNames: [String]?
    /// Empty: none any more.
    package var subscribedTopicRegex: String?
    package var serverAssignor: String?
    /// What the member owns now.
    package var topicPartitions: [TopicPartitions]?

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.string(&groupID)
        try c.string(&memberID)
        try c.int32(&memberEpoch)
        try c.string(&instanceID)
        try c.string(&rackID)
        try c.int32(&rebalanceTimeoutMs)
        try c.array(&subscribedTopicNames)
        if c.version >= 1 { try c.string(&subscribedTopicRegex) }
        try c.string(&serverAssignor)
        try c.array(&topicPartitions)
        try c.tags()
    }

    package struct TopicPartitions: WireStruct {
        package var topicID = UUIDBytes()
        package var partitions: [Int32] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.uuid(&topicID)
            try c.array(&partitions)
            try c.tags()
        }
    }
}

package struct ConsumerGroupHeartbeatResponse: Message {
    package static var apiKey: ApiKey { .consumerGroupHeartbeat }
    package static var versions: ClosedRange<Int16> { 0...1 }
    package static var firstFlexibleVersion: Int16 { 0 }

    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var errorMessage: String?
    package var memberID: String?
    package var memberEpoch: Int32 = 0
    package var heartbeatIntervalMs: Int32 = 0
    /// Null: as it was.
    package var assignment: Assignment?

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.int32(&throttleTimeMs)
        try c.errorCode(&errorCode)
        try c.string(&errorMessage)
        try c.string(&memberID)
        try c.int32(&memberEpoch)
        try c.int32(&heartbeatIntervalMs)
        try c.optional(&assignment)
        try c.tags()
    }

    package struct Assignment: WireStruct {
        package var topicPartitions: [ConsumerGroupHeartbeatRequest.TopicPartitions] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.array(&topicPartitions)
            try c.tags()
        }
    }
}
