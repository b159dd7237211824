package import NIOCore

/// Asks to be a member of a group, or to stay one while it rebalances: answered once all members have asked, or their time
/// is up. From version 4 on a member without an id is answered with one, and asks again.
package struct JoinGroupRequest: RequestMessage {
    package typealias Response = JoinGroupResponse
    package static var apiKey: ApiKey { .joinGroup }
    package static var versions: ClosedRange<Int16> { 0...9 }
    package static var firstFlexibleVersion: Int16 { 6 }

    package var groupID = ""
    package var sessionTimeoutMs: Int32 = 0
    /// −1 in version 0: the session timeout counts.
    package var rebalanceTimeoutMs: Int32 = -1
    /// Empty: a new member.
    package var memberID = ""
    /// Of a static member, which keeps its place while it is away.
    package var groupInstanceID: String?
    /// `consumer`, for groups of consumers.
    package var protocolType = ""
    /// The assignors that the member knows, its favourite first.
    package var protocols: [GroupProtocol] = []
    package var reason: String?

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.string(&groupID)
        try c.int32(&sessionTimeoutMs)
        if c.version >= 1 { try c.int32(&rebalanceTimeoutMs) }
        try c.string(&memberID)
        if c.version >= 5 { try c.string(&groupInstanceID) }
        try c.string(&protocolType)
        try c.array(&protocols)
        if c.version >= 8 { try c.string(&reason) }
        try c.tags()
    }

    package struct GroupProtocol: WireStruct {
        package var name = ""
        /// `ConsumerProtocolSubscription`, for consumers.
        package var metadata = ByteBuffer()

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.bytes(&metadata)
            try c.tags()
        }
    }
}

package struct JoinGroupResponse: Message {
    package static var apiKey: ApiKey { .joinGroup }
    package static var versions: ClosedRange<Int16> { 0...9 }
    package static var firstFlexibleVersion: Int16 { 6 }

    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var generationID: Int32 = -1
    package var protocolType: String?
    /// The assignor that all members know. Null from version 7 on where there is an error.
    package var protocolName: String? = ""
    package var leader = ""
    /// The leader is to keep the assignment that there is.
    package var skipAssignment = false
    package var memberID = ""
    /// Only for the leader.
    package var members: [Member] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 2 { try c.int32(&throttleTimeMs) }
        try c.errorCode(&errorCode)
        try c.int32(&generationID)
        if c.version >= 7 { try c.string(&protocolType) }
        try c.string(&protocolName, nullable: c.version >= 7)
        try c.string(&leader)
        if c.version >= 9 { try c.bool(&skipAssignment) }
        try c.string(&memberID)
        try c.array(&members)
        try c.tags()
    }

    package struct Member: WireStruct {
        package var memberID = ""
        package var groupInstanceID: String?
        package var metadata = ByteBuffer()

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&memberID)
            if c.version >= 5 { try c.string(&groupInstanceID) }
            try c.bytes(&metadata)
            try c.tags()
        }
    }
}
