internal import KafkaProtocol
internal import NIOCore

/// Cuts a stream of bytes into frames. A frame that came whole in one read is a slice of it; only what a read cuts is
/// gathered, as it comes: a length alone takes no memory.
struct FrameBuffer {
    private var buffer = ByteBuffer()
    /// False: there is a part of a frame, or more.
    var isEmpty: Bool { buffer.readableBytes == 0 }

    mutating func append(_ bytes: ByteBuffer) {
        var bytes = bytes
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            buffer.discardReadBytes()
            if let missing = missingBytes, missing > bytes.readableBytes {
                // More of the same frame is to come: grow in steps that its bytes have paid for.
                buffer.reserveCapacity(
                    minimumWritableBytes: min(missing, max(buffer.readableBytes, bytes.readableBytes)))
            }
            buffer.writeBuffer(&bytes)
        }
    }

    private var missingBytes: Int? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: Int32.self), length >= 0 else { return nil }
        return Frame.lengthPrefix + Int(length) - buffer.readableBytes
    }

    /// The next whole frame, without its length; nil: it is not all there yet. Throws where it is longer than `limit`.
    mutating func next(limit: Int) throws -> ByteBuffer? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: Int32.self) else { return nil }
        guard length >= 0 else { throw FrameError.negativeLength(length) }
        guard Int(length) <= limit else { throw FrameError.tooLong(length, limit: limit) }
        guard buffer.readableBytes >= Frame.lengthPrefix + Int(length) else { return nil }
        buffer.moveReaderIndex(forwardBy: Frame.lengthPrefix)
        return buffer.readSlice(length: Int(length))
    }

    /// Gives a large buffer back between requests.
    mutating func releaseIfEmpty() {
        if buffer.readableBytes == 0 { buffer = ByteBuffer() }
    }
}

enum FrameError: Error, CustomStringConvertible {
    case negativeLength(Int32)
    case tooLong(Int32, limit: Int)

    var description: String {
        switch self {
        case .negativeLength(let length): "a request of \(length) bytes is not possible: is this a Kafka client?"
        case .tooLong(let length, let limit):
            "a request of \(length) bytes is over the limit of \(limit): is this a Kafka client, without TLS? "
                + "If so, let it send smaller batches, or fewer at a time"
        }
    }
}
