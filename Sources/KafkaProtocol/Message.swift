public import NIOCore

/// The body of a request or a response.
@usableFromInline package protocol Message: WireStruct {
    static var apiKey: ApiKey { get }
    /// The versions that `code` describes. `SupportedVersions` says which of them are offered to clients.
    static var versions: ClosedRange<Int16> { get }
    /// The first version with compact lengths and tagged fields.
    static var firstFlexibleVersion: Int16 { get }
    /// Whether bytes after the last field are passed over.
    static var ignoresTrailingBytes: Bool { get }
}

/// The body of a request, which names that of its response: key and versions are theirs in common.
@usableFromInline package protocol RequestMessage: Message {
    associatedtype Response: Message
}

extension RequestMessage {
    /// As Apache Kafka's broker does, and as clients count on: librdkafka 2 leaves three bytes too many in a flexible
    /// Metadata request for all topics.
    @inlinable package static var ignoresTrailingBytes: Bool { true }
}

extension Message {
    @inlinable package static var ignoresTrailingBytes: Bool { false }

    /// Reads a whole body; bytes left over are an error, unless the message ignores them.
    /// - Parameters:
    ///   - body: what follows the header in a frame.
    ///   - version: the version of the API, which the request's header names.
    @inlinable
    package init(
        reading body: ByteBuffer, version: Int16, elementsMax: Int = ProtocolReader.elementsMax,
        ignoresTrailingBytes: Bool = Self.ignoresTrailingBytes
    ) throws(ProtocolError) {
        var memory = 0
        try self.init(
            reading: body, version: version, elementsMax: elementsMax, ignoresTrailingBytes: ignoresTrailingBytes,
            memory: &memory)
    }

    /// The same.
    /// - Parameter memory: gains what the message's arrays take, in bytes: it may be far more than the frame does.
    @inlinable
    package init(
        reading body: ByteBuffer, version: Int16, elementsMax: Int = ProtocolReader.elementsMax,
        ignoresTrailingBytes: Bool = Self.ignoresTrailingBytes, memory: inout Int
    ) throws(ProtocolError) {
        guard Self.versions.contains(version) else {
            throw .unsupportedVersion(api: Self.apiKey.rawValue, version: version)
        }
        var reader = ProtocolReader(
            body, version: version, isFlexible: version >= Self.firstFlexibleVersion, elementsMax: elementsMax)
        self.init()
        try code(&reader)
        memory += reader.memory
        let left = reader.remainder.readableBytes
        guard left == 0 || ignoresTrailingBytes else { throw .trailingBytes(count: left) }
    }
}
