/// Replaces all settings of resources: what is not named goes back to its default.
package struct AlterConfigsRequest: RequestMessage {
    package typealias Response = AlterConfigsResponse
    package static var apiKey: ApiKey { .alterConfigs }
    package static var versions: ClosedRange<Int16> { 0...2 }
    package static var firstFlexibleVersion: Int16 { 2 }

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
        package var resourceType: Int8 = 0
        package var resourceName = ""
        package var configs: [Config] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int8(&resourceType)
            try c.string(&resourceName)
            try c.array(&configs)
            try c.tags()
        }
    }

    package struct Config: WireStruct {
        package var name = ""
        package var value: String? = ""

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.string(&value)
            try c.tags()
        }
    }
}

package struct AlterConfigsResponse: Message {
    package static var apiKey: ApiKey { .alterConfigs }
    package static var versions: ClosedRange<Int16> { 0...2 }
    package static var firstFlexibleVersion: Int16 { 2 }

    package var throttleTimeMs: Int32 = 0
    package var responses: [ResourceResponse] = []

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.int32(&throttleTimeMs)
        try c.array(&responses)
        try c.tags()
    }

    package struct ResourceResponse: WireStruct {
        package var errorCode = ErrorCode.none
        package var errorMessage: String? = ""
        package var resourceType: Int8 = 0
        package var resourceName = ""

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.int8(&resourceType)
            try c.string(&resourceName)
            try c.tags()
        }
    }
}
