package struct CreateTopicsRequest: RequestMessage {
    package typealias Response = CreateTopicsResponse
    package static var apiKey: ApiKey { .createTopics }
    package static var versions: ClosedRange<Int16> { 0...7 }
    package static var firstFlexibleVersion: Int16 { 5 }

    package var topics: [Topic] = []
    package var timeoutMs: Int32 = 60_000
    package var validateOnly = false

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.array(&topics)
        try c.int32(&timeoutMs)
        if c.version >= 1 { try c.bool(&validateOnly) }
        try c.tags()
    }

    package struct Topic: WireStruct {
        package var name = ""
        /// −1: the broker's default (from version 4), or as many as there are `assignments`.
        package var numPartitions: Int32 = 0
        /// −1: the broker's default (from version 4), or as `assignments` say.
        package var replicationFactor: Int16 = 0
        package var assignments: [ReplicaAssignment] = []
        package var configs: [Config] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.int32(&numPartitions)
            try c.int16(&replicationFactor)
            try c.array(&assignments)
            try c.array(&configs)
            try c.tags()
        }
    }

    package struct ReplicaAssignment: WireStruct {
        package var partitionIndex: Int32 = 0
        package var brokerIDs: [Int32] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partitionIndex)
            try c.array(&brokerIDs)
            try c.tags()
        }
    }

    package struct Config: WireStruct {
        package var name = ""
        package var value: String?

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.string(&value)
            try c.tags()
        }
    }
}

package struct CreateTopicsResponse: Message {
    package static var apiKey: ApiKey { .createTopics }
    package static var versions: ClosedRange<Int16> { 0...7 }
    package static var firstFlexibleVersion: Int16 { 5 }

    package var throttleTimeMs: Int32 = 0
    package var topics: [TopicResult] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 2 { try c.int32(&throttleTimeMs) }
        try c.array(&topics)
        try c.tags()
    }

    package struct TopicResult: WireStruct {
        package var name = ""
        package var topicID = UUIDBytes()
        package var errorCode = ErrorCode.none
        package var errorMessage: String?
        package var topicConfigErrorCode = ErrorCode.none
        package var numPartitions: Int32 = -1
        package var replicationFactor: Int16 = -1
        /// The schema allows null; librdkafka and others do not.
        package var configs: [Config]? = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            if c.version >= 7 { try c.uuid(&topicID) }
            try c.errorCode(&errorCode)
            if c.version >= 1 { try c.string(&errorMessage) }
            if c.version >= 5 {
                try c.int32(&numPartitions)
                try c.int16(&replicationFactor)
                try c.array(&configs)
            }
            try c.tags { (c) throws(ProtocolError) in
                try c.tag(0, isDefault: topicConfigErrorCode == .none) { (c) throws(ProtocolError) in
                    try c.errorCode(&topicConfigErrorCode)
                }
            }
        }
    }

    package struct Config: WireStruct {
        package var name = ""
        package var value: String? = ""
        package var readOnly = false
        package var configSource: Int8 = -1
        package var isSensitive = false

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.string(&value)
            try c.bool(&readOnly)
            try c.int8(&configSource)
            try c.bool(&isSensitive)
            try c.tags()
        }
    }
}
