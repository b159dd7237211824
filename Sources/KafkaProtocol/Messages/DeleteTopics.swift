package struct DeleteTopicsRequest: RequestMessage {
    package typealias Response = DeleteTopicsResponse
    package static var apiKey: ApiKey { .deleteTopics }
    package static var versions: ClosedRange<Int16> { 0...6 }
    package static var firstFlexibleVersion: Int16 { 4 }

    /// From version 6, by name or id.
    package var topics: [Topic] = []
    /// Up to version 5.
    package var topicNames: [String] = []
    package var timeoutMs: Int32 = 0

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 6 { try c.array(&topics) } else { try c.array(&topicNames) }
        try c.int32(&timeoutMs)
        try c.tags()
    }

    package struct Topic: WireStruct {
        package var name: String?
        package var topicID = UUIDBytes()

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.uuid(&topicID)
            try c.tags()
        }
    }
}

package struct DeleteTopicsResponse: Message {
    package static var apiKey: ApiKey { .deleteTopics }
    package static var versions: ClosedRange<Int16> { 0...6 }
    package static var firstFlexibleVersion: Int16 { 4 }

    package var throttleTimeMs: Int32 = 0
    package var responses: [TopicResult] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 1 { try c.int32(&throttleTimeMs) }
        try c.array(&responses)
        try c.tags()
    }

    package struct TopicResult: WireStruct {
        package var name: String? = ""
        package var topicID = UUIDBytes()
        package var errorCode = ErrorCode.none
        package var errorMessage: String?

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name, nullable: c.version >= 6)
            if c.version >= 6 { try c.uuid(&topicID) }
            try c.errorCode(&errorCode)
            if c.version >= 5 { try c.string(&errorMessage) }
            try c.tags()
        }
    }
}
