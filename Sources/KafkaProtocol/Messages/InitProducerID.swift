/// Asks for a producer id, under which the broker recognises batches that are sent twice.
package struct InitProducerIDRequest: RequestMessage {
    package typealias Response = InitProducerIDResponse
    package static var apiKey: ApiKey { .initProducerID }
    package static var versions: ClosedRange<Int16> { 0...4 }
    package static var firstFlexibleVersion: Int16 { 2 }

    package var transactionalID: String?
    package var transactionTimeoutMs: Int32 = 0
    package var producerID: Int64 = -1
    package var producerEpoch: Int16 = -1

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.string(&transactionalID)
        try c.int32(&transactionTimeoutMs)
        if c.version >= 3 {
            try c.int64(&producerID)
            try c.int16(&producerEpoch)
        }
        try c.tags()
    }
}

package struct InitProducerIDResponse: Message {
    package static var apiKey: ApiKey { .initProducerID }
    package static var versions: ClosedRange<Int16> { 0...4 }
    package static var firstFlexibleVersion: Int16 { 2 }

    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var producerID: Int64 = -1
    package var producerEpoch: Int16 = 0

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.int32(&throttleTimeMs)
        try c.errorCode(&errorCode)
        try c.int64(&producerID)
        try c.int16(&producerEpoch)
        try c.tags()
    }
}
