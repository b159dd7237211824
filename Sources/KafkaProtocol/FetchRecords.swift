public import NIOCore

/// The record batches of one partition in a Fetch response.
@usableFromInline package enum FetchRecords: Equatable, Sendable {
    /// Null on the wire. Kafka sends zero bytes (`empty`) instead where there is nothing, and so should a broker.
    case none
    /// Batches in memory; when read, a slice of the frame.
    case buffer(ByteBuffer)
    /// `byteCount` bytes which the sender puts on the wire itself, from a file: `ProtocolWriter.externalRanges` says
    /// where they belong. Never the outcome of reading.
    case external(byteCount: Int)

    @usableFromInline package static let empty = FetchRecords.buffer(ByteBuffer())
}

/// Where bytes that are not in a writer's buffer belong: before the byte at `position` of the buffer.
@usableFromInline package struct ExternalRange: Equatable, Sendable {
    @usableFromInline package var position: Int
    @usableFromInline package var byteCount: Int

    @inlinable
    package init(position: Int, byteCount: Int) {
        self.position = position
        self.byteCount = byteCount
    }
}
