/// Asks for the brokers, and for topics with their partitions and leaders.
package struct MetadataRequest: RequestMessage {
    package typealias Response = MetadataResponse
    package static var apiKey: ApiKey { .metadata }
    package static var versions: ClosedRange<Int16> { 0...13 }
    package static var firstFlexibleVersion: Int16 { 9 }

    /// `nil`: all topics. In version 0, which has no null, an empty list says so (`asksForAllTopics`).
    package var topics: [Topic]? = []
    package var allowAutoTopicCreation = true
    package var includeClusterAuthorizedOperations = false
    package var includeTopicAuthorizedOperations = false

    package init() {}

    package func asksForAllTopics(version: Int16) -> Bool {
        topics == nil || (version == 0 && topics?.isEmpty == true)
    }

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.array(&topics, nullable: c.version >= 1)
        if c.version >= 4 { try c.bool(&allowAutoTopicCreation) }
        if (8...10).contains(c.version) { try c.bool(&includeClusterAuthorizedOperations) }
        if c.version >= 8 { try c.bool(&includeTopicAuthorizedOperations) }
        try c.tags()
    }

    package struct Topic: WireStruct {
        package var topicID = UUIDBytes()
        package var name: String? = ""

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            if c.version >= 10 { try c.uuid(&topicID) }
            try c.string(&name, nullable: c.version >= 10)
            try c.tags()
        }
    }
}

package struct MetadataResponse: Message {
    package static var apiKey: ApiKey { .metadata }
    package static var versions: ClosedRange<Int16> { 0...13 }
    package static var firstFlexibleVersion: Int16 { 9 }

    /// The value of the authorized operations where none were asked for.
    package static let noAuthorizedOperations = Int32.min

    package var throttleTimeMs: Int32 = 0
    package var brokers: [Broker] = []
    package var clusterID: String?
    package var controllerID: Int32 = -1
    package var topics: [Topic] = []
    package var clusterAuthorizedOperations = MetadataResponse.noAuthorizedOperations
    package var errorCode = ErrorCode.none

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 3 { try c.int32(&throttleTimeMs) }
        try c.array(&brokers)
        if c.version >= 2 { try c.string(&clusterID) }
        if c.version >= 1 { try c.int32(&controllerID) }
        try c.array(&topics)
        if (8...10).contains(c.version) { try c.int32(&clusterAuthorizedOperations) }
        if c.version >= 13 { try c.errorCode(&errorCode) }
        try c.tags()
    }

    package struct Broker: WireStruct {
        package var nodeID: Int32 = 0
        package var host = ""
        package var port: Int32 = 0
        package var rack: String?

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&nodeID)
            try c.string(&host)
            try c.int32(&port)
            if c.version >= 1 { try c.string(&rack) }
            try c.tags()
        }
    }

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
            try c.string(&name, nullable: c.version >= 12)
            if c.version >= 10 { try c.uuid(&topicID) }
            if c.version >= 1 { try c.bool(&isInternal) }
            try c.array(&partitions)
            if c.version >= 8 { try c.int32(&topicAuthorizedOperations) }
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
        package var offlineReplicas: [Int32] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.errorCode(&errorCode)
            try c.int32(&partitionIndex)
            try c.int32(&leaderID)
            if c.version >= 7 { try c.int32(&leaderEpoch) }
            try c.array(&replicaNodes)
            try c.array(&isrNodes)
            if c.version >= 5 { try c.array(&offlineReplicas) }
            try c.tags()
        }
    }
}
