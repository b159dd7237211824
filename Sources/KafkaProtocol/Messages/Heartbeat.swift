/// Says that a member is alive; the answer says whether its group rebalances.
@usableFromInline package struct HeartbeatRequest: RequestMessage {
    @usableFromInline package typealias Response = HeartbeatResponse
    @usableFromInline package static var apiKey: ApiKey { .heartbeat }
    @usableFromInline package static var versions: ClosedRange<Int16> { 0...4 }
    @usableFromInline package static var firstFlexibleVersion: Int16 { 4 }

    @usableFromInline package var groupID = ""
    @usableFromInline package var generationID: Int32 = 0
    @usableFromInline package var memberID = ""
    @usableFromInline package var groupInstanceID: String?

    @usableFromInline package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.string(&groupID)
        try c.int32(&generationID)
        try c.string(&memberID)
        if c.version >= 3 { try c.string(&groupInstanceID) }
        try c.tags()
    }
}

@usableFromInline package struct HeartbeatResponse: Message {
    @usableFromInline package static var apiKey: ApiKey { .heartbeat }
    @usableFromInline package static var versions: ClosedRange<Int16> { 0...4 }
    @usableFromInline package static var firstFlexibleVersion: Int16 { 4 }

    @usableFromInline package var throttleTimeMs: Int32 = 0
    @usableFromInline package var errorCode = ErrorCode.none

    @usableFromInline package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 1 { try c.int32(&throttleTimeMs) }
        try c.errorCode(&errorCode)
        try c.tags()
    }
}
