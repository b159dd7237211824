/// Deletes what a group has committed of partitions. An API without flexible versions.
package struct OffsetDeleteRequest: RequestMessage {
    package typealias Response = OffsetDeleteResponse
    package static var apiKey: ApiKey { .offsetDelete }
    package static var versions: ClosedRange<Int16> { 0...0 }
    package static var firstFlexibleVersion: Int16 { .max }

    package var groupID = ""
    package var topics: [Topic] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.string(&groupID)
        try c.array(&topics)
    }

    package struct Topic: WireStruct {
        package var name = ""
        package var partitions: [Partition] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.array(&partitions)
        }
    }

    package struct Partition: WireStruct {
        package var partitionIndex: Int32 = 0

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partitionIndex)
        }
    }
}

package struct OffsetDeleteResponse: Message {
    package static var apiKey: ApiKey { .offsetDelete }
    package static var versions: ClosedRange<Int16> { 0...0 }
    package static var firstFlexibleVersion: Int16 { .max }

    package var errorCode = ErrorCode.none
    package var throttleTimeMs: Int32 = 0
    package var topics: [TopicResponse] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.errorCode(&errorCode)
        try c.int32(&throttleTimeMs)
        try c.array(&topics)
    }

    package struct TopicResponse: WireStruct {
        package var name = ""
        package var partitions: [PartitionResponse] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.array(&partitions)
        }
    }

    package struct PartitionResponse: WireStruct {
        package var partitionIndex: Int32 = 0
        package var errorCode = ErrorCode.none

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int32(&partitionIndex)
            try c.errorCode(&errorCode)
        }
    }
}
