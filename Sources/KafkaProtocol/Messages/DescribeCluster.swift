/// Asks for the brokers, without topics.
package struct DescribeClusterRequest: RequestMessage {
    package typealias Response = DescribeClusterResponse
    package static var apiKey: ApiKey { .describeCluster }
    package static var versions: ClosedRange<Int16> { 0...2 }
    package static var firstFlexibleVersion: Int16 { 0 }

    package var includeClusterAuthorizedOperations = false
    /// 1: brokers; 2: controllers.
    package var endpointType: Int8 = 1
    package var includeFencedBrokers = false

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.bool(&includeClusterAuthorizedOperations)
        if c.version >= 1 { try c.int8(&endpointType) }
        if c.version >= 2 { try c.bool(&includeFencedBrokers) }
        try c.tags()
    }
}

package struct DescribeClusterResponse: Message {
    package static var apiKey: ApiKey { .describeCluster }
    package static var versions: ClosedRange<Int16> { 0...2 }
    package static var firstFlexibleVersion: Int16 { 0 }

    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var errorMessage: String?
    /// As in the request.
    package var endpointType: Int8 = 1
    package var clusterID = ""
    package var controllerID: Int32 = -1
    package var brokers: [Broker] = []
    package var clusterAuthorizedOperations = MetadataResponse.noAuthorizedOperations

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.int32(&throttleTimeMs)
        try c.errorCode(&errorCode)
        try c.string(&errorMessage)
        if c.version >= 1 { try c.int8(&endpointType) }
        try c.string(&clusterID)
        try c.int32(&controllerID)
        try c.array(&brokers)
        try c.int32(&clusterAuthorizedOperations)
        try c.tags()
    }

    package struct Broker: WireStruct {
        package var brokerID: Int32 = 0
        package var host = ""
        package var port: Int32 = 0
        package var rack: String?
        package var isFenced = false

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&brokerID)
            try c.string(&host)
            try c.int32(&port)
            try c.string(&rack)
            if c.version >= 2 { try c.bool(&isFenced) }
            try c.tags()
        }
    }
}
