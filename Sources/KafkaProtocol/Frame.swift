public import NIOCore

/// A request or response on the wire: a 4-byte length, a header, a body.
@usableFromInline package enum Frame {
    /// The length field, which does not count itself.
    @usableFromInline package static let lengthPrefix = 4

    /// Appends a response to `buffer`, which may hold others already. On an error `buffer` is left as it was.
    /// - Parameter externalRanges: gains the places of records that are not in `buffer`, counted from its index 0.
    @inlinable
    package static func append<Response: Message>(
        _ response: Response, version: Int16, correlationID: Int32, to buffer: inout ByteBuffer,
        externalRanges: inout [ExternalRange]
    ) throws(ProtocolError) {
        try append(response, version: version, to: &buffer, externalRanges: &externalRanges) { header in
            header.writeInteger(correlationID)
            if ResponseHeader.isFlexible(Response.self, version: version) { header.writeInteger(0 as UInt8) }
        }
    }

    /// Appends a response that holds all its bytes.
    @inlinable
    package static func append<Response: Message>(
        _ response: Response, version: Int16, correlationID: Int32, to buffer: inout ByteBuffer
    ) throws(ProtocolError) {
        var externalRanges: [ExternalRange] = []
        try append(
            response, version: version, correlationID: correlationID, to: &buffer, externalRanges: &externalRanges)
        precondition(externalRanges.isEmpty, "external records in a response that is to hold all its bytes")
    }

    /// Appends a request to `buffer`, which may hold others already. On an error `buffer` is left as it was.
    @inlinable
    package static func append<Request: RequestMessage>(
        request: Request, version: Int16, correlationID: Int32, clientID: String?, to buffer: inout ByteBuffer
    ) throws(ProtocolError) {
        let header = RequestHeader(
            apiKey: Request.apiKey, apiVersion: version, correlationID: correlationID, clientID: clientID)
        var externalRanges: [ExternalRange] = []
        try append(request, version: version, to: &buffer, externalRanges: &externalRanges) {
            (buffer) throws(ProtocolError) in
            try header.write(to: &buffer, isFlexible: version >= Request.firstFlexibleVersion)
        }
    }

    @inlinable
    static func append<Body: Message>(
        _ body: Body, version: Int16, to buffer: inout ByteBuffer, externalRanges: inout [ExternalRange],
        header: (inout ByteBuffer) throws(ProtocolError) -> Void
    ) throws(ProtocolError) {
        guard Body.versions.contains(version) else {
            throw .unsupportedVersion(api: Body.apiKey.rawValue, version: version)
        }
        let start = buffer.writerIndex
        // The buffer moves into the writer and back: two owners of its storage would make the first write copy it.
        var writer = ProtocolWriter(version: version, isFlexible: version >= Body.firstFlexibleVersion)
        swap(&buffer, &writer.buffer)
        defer { swap(&buffer, &writer.buffer) }
        do throws(ProtocolError) {
            writer.buffer.writeInteger(0 as Int32)
            try header(&writer.buffer)
            var body = body
            try body.code(&writer)
            let external = writer.externalRanges.reduce(0) { $0 + $1.byteCount }
            let length = writer.buffer.writerIndex - start - lengthPrefix + external
            guard let wireLength = Int32(exactly: length) else {
                throw ProtocolError.tooLong(length: length, limit: Int(Int32.max))
            }
            writer.buffer.setInteger(wireLength, at: start)
            externalRanges.append(contentsOf: writer.externalRanges)
        } catch {
            writer.buffer.moveWriterIndex(to: start)
            throw error
        }
    }
}
