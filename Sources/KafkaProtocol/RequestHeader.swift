public import NIOCore

/// What comes first in the frame of a request.
///
///     0  Int16   API key
///     2  Int16   version of the API, which is the version of the body
///     4  Int32   correlation id: the response bears it too
///     8  String? client id, with a 2-byte length even in flexible versions
///        tagged fields, where the API's version is flexible (header version 2)
@usableFromInline package struct RequestHeader: Equatable, Sendable {
    /// As it came: `ApiKey(rawValue:)` is `nil` for what is no API of Kafka's.
    @usableFromInline package var apiKey: Int16
    @usableFromInline package var apiVersion: Int16
    @usableFromInline package var correlationID: Int32
    @usableFromInline package var clientID: String?

    @inlinable
    package init(apiKey: ApiKey, apiVersion: Int16, correlationID: Int32, clientID: String?) {
        self.apiKey = apiKey.rawValue
        self.apiVersion = apiVersion
        self.correlationID = correlationID
        self.clientID = clientID
    }

    /// Whether the API is offered in this version. If not, only the first three fields were read: what follows them in
    /// the frame is in a layout that nobody here knows.
    @usableFromInline package var isSupported: Bool { SupportedVersions.contains(apiKey, version: apiVersion) }

    /// Reads the header off the front of a frame and leaves the body.
    @usableFromInline package init(reading frame: inout ByteBuffer) throws(ProtocolError) {
        var reader = ProtocolReader(frame, version: 0, isFlexible: false)
        self.apiKey = 0
        self.apiVersion = 0
        self.correlationID = 0
        try reader.int16(&apiKey)
        try reader.int16(&apiVersion)
        try reader.int32(&correlationID)
        if let row = SupportedVersions.row(of: apiKey), row.offered.contains(apiVersion) {
            try reader.string(&clientID)
            if apiVersion >= row.firstFlexibleVersion {
                reader = ProtocolReader(reader.remainder, version: 2, isFlexible: true)
                try reader.tags()
            }
        }
        frame = reader.remainder
    }

    /// - Parameter isFlexible: whether the API's version is flexible, which makes this a header of version 2.
    @usableFromInline package func write(to buffer: inout ByteBuffer, isFlexible: Bool) throws(ProtocolError) {
        buffer.writeInteger(apiKey)
        buffer.writeInteger(apiVersion)
        buffer.writeInteger(correlationID)
        let clientID = clientID?.utf8
        guard (clientID?.count ?? 0) <= Int(Int16.max) else {
            throw .tooLong(length: clientID?.count ?? 0, limit: Int(Int16.max))
        }
        buffer.writeInteger(Int16(truncatingIfNeeded: clientID?.count ?? -1))
        if let clientID { buffer.writeBytes(clientID) }
        if isFlexible { buffer.writeInteger(0 as UInt8) }
    }
}
