/// Asks which broker coordinates a group or a transaction; several at once from version 4. Version 5 may be answered
/// TRANSACTION_ABORTABLE, version 6 knows share groups.
package struct FindCoordinatorRequest: RequestMessage {
    package typealias Response = FindCoordinatorResponse
    package static var apiKey: ApiKey { .findCoordinator }
    package static var versions: ClosedRange<Int16> { 0...6 }
    package static var firstFlexibleVersion: Int16 { 3 }

    /// Values of `keyType`.
    package static let groupKey: Int8 = 0
    package static let transactionKey: Int8 = 1
    /// From version 6.
    package static let shareKey: Int8 = 2

    /// Up to version 3.
    package var key = ""
    package var keyType: Int8 = 0
    /// From version 4.
    package var coordinatorKeys: [String] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version <= 3 { try c.string(&key) }
        if c.version >= 1 { try c.int8(&keyType) }
        if c.version >= 4 { try c.array(&coordinatorKeys) }
        try c.tags()
    }
}

package struct FindCoordinatorResponse: Message {
    package static var apiKey: ApiKey { .findCoordinator }
    package static var versions: ClosedRange<Int16> { 0...6 }
    package static var firstFlexibleVersion: Int16 { 3 }

    package var throttleTimeMs: Int32 = 0
    /// Up to version 3, like the fields up to `port`.
    package var errorCode = ErrorCode.none
    package var errorMessage: String? = ""
    package var nodeID: Int32 = 0
    package var host = ""
    package var port: Int32 = 0
    /// From version 4.
    package var coordinators: [Coordinator] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 1 { try c.int32(&throttleTimeMs) }
        if c.version <= 3 {
            try c.errorCode(&errorCode)
            if c.version >= 1 { try c.string(&errorMessage) }
            try c.int32(&nodeID)
            try c.string(&host)
            try c.int32(&port)
        } else {
            try c.array(&coordinators)
        }
        try c.tags()
    }

    package struct Coordinator: WireStruct {
        package var key = ""
        package var nodeID: Int32 = 0
        package var host = ""
        package var port: Int32 = 0
        package var errorCode = ErrorCode.none
        package var errorMessage: String? = ""

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&key)
            try c.int32(&nodeID)
            try c.string(&host)
            try c.int32(&port)
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.tags()
        }
    }
}
