package import NIOCore

/// Asks for a member's assignment in a generation; the leader sends those of all members with it.
package struct SyncGroupRequest: RequestMessage {
    package typealias Response = SyncGroupResponse
    package static var apiKey: ApiKey { .syncGroup }
    package static var versions: ClosedRange<Int16> { 0...5 }
    package static var firstFlexibleVersion: Int16 { 4 }

    package var groupID = ""
    package var generationID: Int32 = 0
    package var memberID = ""
    package var groupInstanceID: String?
    package var protocolType: String?
    package var protocolName: String?
    /// Only of the leader.
    package var assignments: [Assignment] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.string(&groupID)
        try c.int32(&generationID)
        try c.string(&memberID)
        if c.version >= 3 { try c.string(&groupInstanceID) }
        if c.version >= 5 {
            try c.string(&protocolType)
            try c.string(&protocolName)
        }
        try c.array(&assignments)
        try c.tags()
    }

    package struct Assignment: WireStruct {
        package var memberID = ""
        /// `ConsumerProtocolAssignment`, for consumers.
        package var assignment = ByteBuffer()

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&memberID)
            try c.bytes(&assignment)
            try c.tags()
        }
    }
}

package struct SyncGroupResponse: Message {
    package static var apiKey: ApiKey { .syncGroup }
    package static var versions: ClosedRange<Int16> { 0...5 }
    package static var firstFlexibleVersion: Int16 { 4 }

    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var protocolType: String?
    package var protocolName: String?
    package var assignment = ByteBuffer()

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 1 { try c.int32(&throttleTimeMs) }
        try c.errorCode(&errorCode)
        if c.version >= 5 {
            try c.string(&protocolType)
            try c.string(&protocolName)
        }
        try c.bytes(&assignment)
        try c.tags()
    }
}
