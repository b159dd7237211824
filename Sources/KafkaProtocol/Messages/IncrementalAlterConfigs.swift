/// Changes single settings and leaves the others as they are.
package struct IncrementalAlterConfigsRequest: RequestMessage {
    package typealias Response = IncrementalAlterConfigsResponse
    package static var apiKey: ApiKey { .incrementalAlterConfigs }
    package static var versions: ClosedRange<Int16> { 0...1 }
    package static var firstFlexibleVersion: Int16 { 1 }

    package var resources: [Resource] = []
    package var validateOnly = false

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.array(&resources)
        try c.bool(&validateOnly)
        try c.tags()
    }

    package struct Resource: WireStruct {
        package var resourceType = ConfigResourceType.unknown
        package var resourceName = ""
        package var configs: [Config] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int8(&resourceType.rawValue)
            try c.string(&resourceName)
            try c.array(&configs)
            try c.tags()
        }
    }

    package struct Config: WireStruct {
        package var name = ""
        /// See `AlterConfigOperation`.
        package var configOperation: Int8 = 0
        package var value: String? = ""

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.int8(&configOperation)
            try c.string(&value)
            try c.tags()
        }
    }
}

package struct IncrementalAlterConfigsResponse: Message {
    package static var apiKey: ApiKey { .incrementalAlterConfigs }
    package static var versions: ClosedRange<Int16> { 0...1 }
    package static var firstFlexibleVersion: Int16 { 1 }

    package var throttleTimeMs: Int32 = 0
    package var responses: [ResourceResult] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.int32(&throttleTimeMs)
        try c.array(&responses)
        try c.tags()
    }

    package struct ResourceResult: WireStruct {
        package var errorCode = ErrorCode.none
        package var errorMessage: String? = ""
        package var resourceType = ConfigResourceType.unknown
        package var resourceName = ""

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.int8(&resourceType.rawValue)
            try c.string(&resourceName)
            try c.tags()
        }
    }
}

/// What happens to a setting: values of `configOperation`.
package enum AlterConfigOperation: Int8, Sendable {
    case set = 0
    /// Back to the default.
    case delete = 1
    /// Adds to a list.
    case append = 2
    /// Takes from a list.
    case subtract = 3
}
