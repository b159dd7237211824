/// Asks which APIs the broker offers in which versions: the first thing that a client says.
package struct ApiVersionsRequest: RequestMessage {
    package typealias Response = ApiVersionsResponse
    package static var apiKey: ApiKey { .apiVersions }
    package static var versions: ClosedRange<Int16> { 0...4 }
    package static var firstFlexibleVersion: Int16 { 3 }

    package var clientSoftwareName = ""
    package var clientSoftwareVersion = ""

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        if c.version >= 3 {
            try c.string(&clientSoftwareName)
            try c.string(&clientSoftwareVersion)
        }
        try c.tags()
    }
}

/// The header of this response is version 0 in every version: see `ResponseHeader.isFlexible`.
package struct ApiVersionsResponse: Message {
    package static var apiKey: ApiKey { .apiVersions }
    package static var versions: ClosedRange<Int16> { 0...4 }
    package static var firstFlexibleVersion: Int16 { 3 }

    package var errorCode = ErrorCode.none
    package var apiKeys: [Version] = []
    package var throttleTimeMs: Int32 = 0
    package var supportedFeatures: [SupportedFeature] = []
    package var finalizedFeaturesEpoch: Int64 = -1
    package var finalizedFeatures: [FinalizedFeature] = []
    package var zkMigrationReady = false

    package init() {}

    @inlinable
    package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
        try c.errorCode(&errorCode)
        try c.array(&apiKeys)
        if c.version >= 1 { try c.int32(&throttleTimeMs) }
        try c.tags { (c) throws(ProtocolError) in
            try c.tag(0, isDefault: supportedFeatures.isEmpty) { (c) throws(ProtocolError) in
                try c.array(&supportedFeatures)
            }
            try c.tag(1, isDefault: finalizedFeaturesEpoch == -1) { (c) throws(ProtocolError) in
                try c.int64(&finalizedFeaturesEpoch)
            }
            try c.tag(2, isDefault: finalizedFeatures.isEmpty) { (c) throws(ProtocolError) in
                try c.array(&finalizedFeatures)
            }
            try c.tag(3, isDefault: !zkMigrationReady) { (c) throws(ProtocolError) in
                try c.bool(&zkMigrationReady)
            }
        }
    }

    package struct Version: WireStruct {
        package var apiKey: Int16 = 0
        package var minVersion: Int16 = 0
        package var maxVersion: Int16 = 0

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.int16(&apiKey)
            try c.int16(&minVersion)
            try c.int16(&maxVersion)
            try c.tags()
        }
    }

    package struct SupportedFeature: WireStruct {
        package var name = ""
        package var minVersion: Int16 = 0
        package var maxVersion: Int16 = 0

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.int16(&minVersion)
            try c.int16(&maxVersion)
            try c.tags()
        }
    }

    package struct FinalizedFeature: WireStruct {
        package var name = ""
        package var maxVersionLevel: Int16 = 0
        package var minVersionLevel: Int16 = 0

        package init() {}

        @inlinable
        package mutating func code<C: Coder>(_ c: inout C) throws(ProtocolError) {
            try c.string(&name)
            try c.int16(&maxVersionLevel)
            try c.int16(&minVersionLevel)
            try c.tags()
        }
    }
}

// MARK: The broker's answer

extension ApiVersionsResponse {
    /// What a broker answers to a request of any version, known or not, and the version to write it in.
    ///
    /// A client that speaks a newer version than the broker does cannot be parsed, nor can it parse more than version 0
    /// of the answer: it is told so, with the versions of this API alone, and asks again.
    package static func answer(to version: Int16) -> (response: ApiVersionsResponse, version: Int16) {
        let isKnown = SupportedVersions.contains(ApiKey.apiVersions.rawValue, version: version)
        let response = ApiVersionsResponse {
            $0.errorCode = isKnown ? .none : .unsupportedVersion
            $0.apiKeys = SupportedVersions.rows
                .filter { isKnown || $0.key == .apiVersions }
                .map(Version.init(row:))
        }
        return (response, isKnown ? version : 0)
    }

    /// Leaves out the features that a client of this version refuses: before version 4 a minimum of 0 breaks Java clients
    /// (KAFKA-17011).
    package mutating func removeFeatures(unreadableIn version: Int16) {
        if version < 4 { supportedFeatures.removeAll { $0.minVersion == 0 } }
    }
}

extension ApiVersionsResponse.Version {
    init(row: SupportedVersions.Row) {
        apiKey = row.key.rawValue
        minVersion = row.offered.lowerBound
        maxVersion = row.offered.upperBound
    }
}
