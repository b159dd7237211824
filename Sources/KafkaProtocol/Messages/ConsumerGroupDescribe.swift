/// Asks what state groups of the new protocol (KIP-848) are in and who is a member.
package struct ConsumerGroupDescribeRequest: RequestMessage {
    package typealias Response = ConsumerGroupDescribeResponse
    package static var apiKey: ApiKey { .consumerGroupDescribe }
    package static var versions: ClosedRange<Int16> { 0...1 }
    package static var firstFlexibleVersion: Int16 { 0 }

    package var groupIDs: [String] = []
    package var includeAuthorizedOperations = false

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.array(&groupIDs)
        try c.bool(&includeAuthorizedOperations)
        try c.tags()
    }
}

package struct ConsumerGroupDescribeResponse: Message {
    package static var apiKey: ApiKey { .consumerGroupDescribe }
    package static var versions: ClosedRange<Int16> { 0...1 }
    package static var firstFlexibleVersion: Int16 { 0 }

    package var throttleTimeMs: Int32 = 0
    package var groups: [DescribedGroup] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.int32(&throttleTimeMs)
        try c.array(&groups)
        try c.tags()
    }

    package struct DescribedGroup: WireStruct {
        package var errorCode = ErrorCode.none
        package var errorMessage: String?
        package var groupID = ""
        /// As Kafka writes it: `Stable`, `Assigning`, `Reconciling`.
        package var groupState = ""
        package var groupEpoch: Int32 = 0
        package var assignmentEpoch: Int32 = 0
        package var assignorName = ""
        package var members: [Member] = []
        /// One bit an operation; `Int32.min`: not asked for.
        package var authorizedOperations: Int32 = Int32.min

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.string(&groupID)
            try c.string(&groupState)
            try c.int32(&groupEpoch)
            try c.int32(&assignmentEpoch)
            try c.string(&assignorName)
            try c.array(&members)
            try c.int32(&authorizedOperations)
            try c.tags()
        }
    }

    package struct Member: WireStruct {
        package var memberID = ""
        package var instanceID: String?
        package var rackID: String?
        package var memberEpoch: Int32 = 0
        package var clientID = ""
        package var clientHost = ""
        package var subscribedTopicNames: [String] = []
        package var subscribedTopicRegex: String?
        package var assignment = Assignment()
        package var targetAssignment = Assignment()
        /// −1: not known, 0: of the classic protocol, 1: of the new one.
        package var memberType: Int8 = -1

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&memberID)
            try c.string(&instanceID)
            try c.string(&rackID)
            try c.int32(&memberEpoch)
            try c.string(&clientID)
            try c.string(&clientHost)
            try c.array(&subscribedTopicNames)
            try c.string(&subscribedTopicRegex)
            try assignment.code(&c)
            try targetAssignment.code(&c)
            if c.version >= 1 { try c.int8(&memberType) }
            try c.tags()
        }
    }

    package struct Assignment: WireStruct {
        package var topicPartitions: [TopicPartitions] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.array(&topicPartitions)
            try c.tags()
        }
    }

    package struct TopicPartitions: WireStruct {
        package var topicID = UUIDBytes()
        package var topicName = ""
        package var partitions: [Int32] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.uuid(&topicID)
            try c.string(&topicName)
            try c.array(&partitions)
            try c.tags()
        }
    }
}
