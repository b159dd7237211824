/// Asks which groups there are.
package struct ListGroupsRequest: RequestMessage {
    package typealias Response = ListGroupsResponse
    package static var apiKey: ApiKey { .listGroups }
    package static var versions: ClosedRange<Int16> { 0...5 }
    package static var firstFlexibleVersion: Int16 { 3 }

    /// Kafka's names of states; empty: all.
    package var statesFilter: [String] = []
    /// `classic`, `consumer`; empty: all.
    package var typesFilter: [String] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 4 { try c.array(&statesFilter) }
        if c.version >= 5 { try c.array(&typesFilter) }
        try c.tags()
    }
}

package struct ListGroupsResponse: Message {
    package static var apiKey: ApiKey { .listGroups }
    package static var versions: ClosedRange<Int16> { 0...5 }
    package static var firstFlexibleVersion: Int16 { 3 }

    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var groups: [ListedGroup] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 1 { try c.int32(&throttleTimeMs) }
        try c.errorCode(&errorCode)
        try c.array(&groups)
        try c.tags()
    }

    package struct ListedGroup: WireStruct {
        package var groupID = ""
        package var protocolType = ""
        package var groupState = ""
        package var groupType = ""

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&groupID)
            try c.string(&protocolType)
            if c.version >= 4 { try c.string(&groupState) }
            if c.version >= 5 { try c.string(&groupType) }
            try c.tags()
        }
    }
}
