/// Takes members out of a group; several at once from version 3.
package struct LeaveGroupRequest: RequestMessage {
    package typealias Response = LeaveGroupResponse
    package static var apiKey: ApiKey { .leaveGroup }
    package static var versions: ClosedRange<Int16> { 0...5 }
    package static var firstFlexibleVersion: Int16 { 4 }

    package var groupID = ""
    /// Up to version 2.
    package var memberID = ""
    /// From version 3.
    package var members: [MemberIdentity] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.string(&groupID)
        if c.version <= 2 { try c.string(&memberID) }
        if c.version >= 3 { try c.array(&members) }
        try c.tags()
    }

    package struct MemberIdentity: WireStruct {
        /// May be empty for a static member.
        package var memberID = ""
        package var groupInstanceID: String?
        package var reason: String?

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&memberID)
            try c.string(&groupInstanceID)
            if c.version >= 5 { try c.string(&reason) }
            try c.tags()
        }
    }
}

package struct LeaveGroupResponse: Message {
    package static var apiKey: ApiKey { .leaveGroup }
    package static var versions: ClosedRange<Int16> { 0...5 }
    package static var firstFlexibleVersion: Int16 { 4 }

    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var members: [MemberResponse] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 1 { try c.int32(&throttleTimeMs) }
        try c.errorCode(&errorCode)
        if c.version >= 3 { try c.array(&members) }
        try c.tags()
    }

    package struct MemberResponse: WireStruct {
        package var memberID = ""
        package var groupInstanceID: String?
        package var errorCode = ErrorCode.none

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&memberID)
            try c.string(&groupInstanceID)
            try c.errorCode(&errorCode)
            try c.tags()
        }
    }
}
