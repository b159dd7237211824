/// Asks for the settings of topics or brokers.
package struct DescribeConfigsRequest: RequestMessage {
    package typealias Response = DescribeConfigsResponse
    package static var apiKey: ApiKey { .describeConfigs }
    package static var versions: ClosedRange<Int16> { 1...4 }
    package static var firstFlexibleVersion: Int16 { 4 }

    package var resources: [Resource] = []
    package var includeSynonyms = false
    package var includeDocumentation = false

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.array(&resources)
        try c.bool(&includeSynonyms)
        if c.version >= 3 { try c.bool(&includeDocumentation) }
        try c.tags()
    }

    package struct Resource: WireStruct {
        package var resourceType = ConfigResourceType.unknown
        package var resourceName = ""
        /// `nil`: all settings.
        package var configurationKeys: [String]? = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int8(&resourceType.rawValue)
            try c.string(&resourceName)
            try c.array(&configurationKeys)
            try c.tags()
        }
    }
}

package struct DescribeConfigsResponse: Message {
    package static var apiKey: ApiKey { .describeConfigs }
    package static var versions: ClosedRange<Int16> { 1...4 }
    package static var firstFlexibleVersion: Int16 { 4 }

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
        package var errorCode = ErrorCode.none
        package var errorMessage: String? = ""
        package var resourceType = ConfigResourceType.unknown
        package var resourceName = ""
        package var configs: [Config] = []

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.int8(&resourceType.rawValue)
            try c.string(&resourceName)
            try c.array(&configs)
            try c.tags()
        }
    }

    package struct Config: WireStruct {
        package var name = ""
        package var value: String? = ""
        package var readOnly = false
        /// See `ConfigSource`.
        package var configSource: Int8 = -1
        package var isSensitive = false
        package var synonyms: [Synonym] = []
        /// See `ConfigType`.
        package var configType: Int8 = 0
        package var documentation: String? = ""

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.string(&value)
            try c.bool(&readOnly)
            try c.int8(&configSource)
            try c.bool(&isSensitive)
            try c.array(&synonyms)
            if c.version >= 3 {
                try c.int8(&configType)
                try c.string(&documentation)
            }
            try c.tags()
        }
    }

    /// Another place where the setting has a value, in order of precedence.
    package struct Synonym: WireStruct {
        package var name = ""
        package var value: String? = ""
        package var source: Int8 = 0

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.string(&value)
            try c.int8(&source)
            try c.tags()
        }
    }
}

/// What has settings.
package struct ConfigResourceType: RawRepresentable, Hashable, Sendable {
    package var rawValue: Int8

    @inlinable
    package init(rawValue: Int8) { self.rawValue = rawValue }

    package static let unknown = ConfigResourceType(rawValue: 0)
    package static let topic = ConfigResourceType(rawValue: 2)
    package static let broker = ConfigResourceType(rawValue: 4)
}

/// Where a setting's value comes from: values of `configSource`.
package enum ConfigSource: Int8, Sendable {
    case unknown = 0
    case topic = 1
    case dynamicBroker = 2
    case dynamicDefaultBroker = 3
    case staticBroker = 4
    case defaultConfig = 5
}

/// The type of a setting: values of `configType`.
package enum ConfigType: Int8, Sendable {
    case unknown = 0
    case boolean = 1
    case string = 2
    case int = 3
    case short = 4
    case long = 5
    case double = 6
    case list = 7
    case `class` = 8
    case password = 9
}
