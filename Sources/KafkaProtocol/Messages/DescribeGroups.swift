package import NIOCore

/// Asks what state groups are in and who is a member.
package struct DescribeGroupsRequest: RequestMessage {
    package typealias Response = DescribeGroupsResponse
    package static var apiKey: ApiKey { .describeGroups }
    package static var versions: ClosedRange<Int16> { 0...6 }
    package static var firstFlexibleVersion: Int16 { 5 }

    package var groups: [String] = []
    package var includeAuthorizedOperations = false

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.array(&groups)
        if c.version >= 3 { try c.bool(&includeAuthorizedOperations) }
        try c.tags()
    }
}

package struct DescribeGroupsResponse: Message {
    package static var apiKey: ApiKey { .describeGroups }
    package static var versions: ClosedRange<Int16> { 0...6 }
    package static var firstFlexibleVersion: Int16 { 5 }

    package var throttleTimeMs: Int32 = 0
    package var groups: [DescribedGroup] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 1 { try c.int32(&throttleTimeMs) }
        try c.array(&groups)
        try c.tags()
    }

    package struct DescribedGroup: WireStruct {
        package var errorCode = ErrorCode.none
        package var errorMessage: String?
        package var groupID = ""
        /// As Kafka writes it: `Stable`, `PreparingRebalance`, `Dead`.
        package var groupState = ""
        package var protocolType = ""
        /// The assignor that was chosen.
        package var protocolData = ""
        package var members: [Member] = []
        /// One bit an operation; `Int32.min`: not asked for.
        package var authorizedOperations: Int32 = Int32.min

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.errorCode(&errorCode)
            if c.version >= 6 { try c.string(&errorMessage) }
            try c.string(&groupID)
            try c.string(&groupState)
            try c.string(&protocolType)
            try c.string(&protocolData)
            try c.array(&members)
            if c.version >= 3 { try c.int32(&authorizedOperations) }
            try c.tags()
        }
    }

    package struct Member: WireStruct {
        package var memberID = ""
        package var groupInstanceID: String?
        package var clientID = ""
        package var clientHost = ""
        package var memberMetadata = ByteBuffer()
        package var memberAssignment = ByteBuffer()

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&memberID)
            if c.version >= 4 { try c.string(&groupInstanceID) }
            try c.string(&clientID)
            try c.string(&clientHost)
            try c.bytes(&memberMetadata)
            try c.bytes(&memberAssignment)
            try c.tags()
        }
    }
}
