/// Has leaders of partitions elected.
package struct ElectLeadersRequest: RequestMessage {
    package typealias Response = ElectLeadersResponse
    package static var apiKey: ApiKey { .electLeaders }
    package static var versions: ClosedRange<Int16> { 0...2 }
    package static var firstFlexibleVersion: Int16 { 2 }

    /// 0: the preferred replica; 1: any that is alive, where none is in sync.
    package var electionType: Int8 = 0
    /// `nil`: all partitions.
    package var topicPartitions: [Topic]? = []
    package var timeoutMs: Int32 = 60000

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 1 { try c.int8(&electionType) }
        try c.array(&topicPartitions)
        try c.int32(&timeoutMs)
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

package struct ElectLeadersResponse: Message {
    package static var apiKey: ApiKey { .electLeaders }
    package static var versions: ClosedRange<Int16> { 0...2 }
    package static var firstFlexibleVersion: Int16 { 2 }

    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var replicaElectionResults: [ElectionResult] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.int32(&throttleTimeMs)
        if c.version >= 1 { try c.errorCode(&errorCode) }
        try c.array(&replicaElectionResults)
        try c.tags()
    }

    package struct ElectionResult: WireStruct {
        package var topic = ""
        package var partitionResult: [PartitionResult] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&topic)
            try c.array(&partitionResult)
            try c.tags()
        }
    }

    package struct PartitionResult: WireStruct {
        package var partitionID: Int32 = 0
        package var errorCode = ErrorCode.none
        package var errorMessage: String? = ""

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partitionID)
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.tags()
        }
    }
}
