/// Says that a member is alive; the answer says whether its group rebalances.
package struct HeartbeatRequest: RequestMessage {
    package typealias Response = HeartbeatResponse
    package static var apiKey: ApiKey { .heartbeat }
    package static var versions: ClosedRange<Int16> { 0...4 }
    package static var firstFlexibleVersion: Int16 { 4 }

    package var groupID = ""
    package var generationID: Int32 = 0
    package var memberID = ""
    package var groupInstanceID: String?

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.string(&groupID)
        try c.int32(&generationID)
        try c.string(&memberID)
        if c.version >= 3 { try c.string(&groupInstanceID) }
        try c.tags()
    }
}

package struct HeartbeatResponse: Message {
    package static var apiKey: ApiKey { .heartbeat }
    package static var versions: ClosedRange<Int16> { 0...4 }
    package static var firstFlexibleVersion: Int16 { 4 }

    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 1 { try c.int32(&throttleTimeMs) }
        try c.errorCode(&errorCode)
        try c.tags()
    }
}
