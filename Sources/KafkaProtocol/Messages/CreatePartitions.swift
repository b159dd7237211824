/// Adds partitions to topics.
package struct CreatePartitionsRequest: RequestMessage {
    package typealias Response = CreatePartitionsResponse
    package static var apiKey: ApiKey { .createPartitions }
    package static var versions: ClosedRange<Int16> { 0...3 }
    package static var firstFlexibleVersion: Int16 { 2 }

    package var topics: [Topic] = []
    package var timeoutMs: Int32 = 0
    package var validateOnly = false

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.array(&topics)
        try c.int32(&timeoutMs)
        try c.bool(&validateOnly)
        try c.tags()
    }

    package struct Topic: WireStruct {
        package var name = ""
        /// How many there are to be in all.
        package var count: Int32 = 0
        package var assignments: [Assignment]? = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.int32(&count)
            try c.array(&assignments)
            try c.tags()
        }
    }

    package struct Assignment: WireStruct {
        package var brokerIDs: [Int32] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.array(&brokerIDs)
            try c.tags()
        }
    }
}

package struct CreatePartitionsResponse: Message {
    package static var apiKey: ApiKey { .createPartitions }
    package static var versions: ClosedRange<Int16> { 0...3 }
    package static var firstFlexibleVersion: Int16 { 2 }

    package var throttleTimeMs: Int32 = 0
    package var results: [TopicResult] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.int32(&throttleTimeMs)
        try c.array(&results)
        try c.tags()
    }

    package struct TopicResult: WireStruct {
        package var name = ""
        package var errorCode = ErrorCode.none
        package var errorMessage: String?

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.tags()
        }
    }
}
