/// Deletes groups without members, and what they have committed.
package struct DeleteGroupsRequest: RequestMessage {
    package typealias Response = DeleteGroupsResponse
    package static var apiKey: ApiKey { .deleteGroups }
    package static var versions: ClosedRange<Int16> { 0...2 }
    package static var firstFlexibleVersion: Int16 { 2 }

    package var groupsNames: [String] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.array(&groupsNames)
        try c.tags()
    }
}

package struct DeleteGroupsResponse: Message {
    package static var apiKey: ApiKey { .deleteGroups }
    package static var versions: ClosedRange<Int16> { 0...2 }
    package static var firstFlexibleVersion: Int16 { 2 }

    package var throttleTimeMs: Int32 = 0
    package var results: [Result] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.int32(&throttleTimeMs)
        try c.array(&results)
        try c.tags()
    }

    package struct Result: WireStruct {
        package var groupID = ""
        package var errorCode = ErrorCode.none

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&groupID)
            try c.errorCode(&errorCode)
            try c.tags()
        }
    }
}
