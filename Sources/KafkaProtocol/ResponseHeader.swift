public import NIOCore

/// What comes first in the frame of a response: the correlation id of its request, then tagged fields where the API's
/// version is flexible.
@usableFromInline package struct ResponseHeader: Equatable, Sendable {
    @usableFromInline package var correlationID: Int32

    @inlinable
    package init(correlationID: Int32) { self.correlationID = correlationID }

    /// Whether the header ends with tagged fields (header version 1). Never for ApiVersions: a client that does not know
    /// what the broker speaks yet must be able to read the answer.
    @inlinable
    package static func isFlexible(_ message: any Message.Type, version: Int16) -> Bool {
        message.apiKey != .apiVersions && version >= message.firstFlexibleVersion
    }

    /// Reads the correlation id off the front of a frame. The rest of the header is read by `skipTags` once the request it
    /// answers, and with it the version, is known.
    @usableFromInline package init(reading frame: inout ByteBuffer) throws(ProtocolError) {
        guard let correlationID = frame.readInteger(as: Int32.self) else {
            throw .truncated(position: frame.readerIndex, needed: 4, have: frame.readableBytes)
        }
        self.correlationID = correlationID
    }

    @usableFromInline package static func skipTags(in frame: inout ByteBuffer) throws(ProtocolError) {
        var reader = ProtocolReader(frame, version: 1, isFlexible: true)
        try reader.tags()
        frame = reader.remainder
    }
}
