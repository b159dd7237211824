internal import NIOCore

/// Cuts a stream of bytes into frames: a 4-byte length and that many bytes.
struct FrameAccumulator {
    /// A longer frame is an error.
    let frameBytesMax: Int
    private var bytes = ByteBuffer()

    init(frameBytesMax: Int) { self.frameBytesMax = frameBytesMax }

    mutating func append(_ more: ByteBuffer) {
        if bytes.readableBytes == 0 {
            bytes = more
        } else {
            bytes.writeImmutableBuffer(more)
        }
    }

    /// The next whole frame without its length; nil: there is none yet.
    mutating func next() throws(KafkaClientError) -> ByteBuffer? {
        guard let length = bytes.getInteger(at: bytes.readerIndex, as: Int32.self).map(Int.init) else { return nil }
        guard (0...frameBytesMax).contains(length) else {
            throw .invalidResponse("a frame of \(length) bytes, where \(frameBytesMax) are the limit")
        }
        let missing = length + MemoryLayout<Int32>.size - bytes.readableBytes
        guard missing <= 0 else {
            // All at once, or a long frame would be moved each time that the buffer doubles.
            bytes.reserveCapacity(minimumWritableBytes: missing)
            return nil
        }
        bytes.moveReaderIndex(forwardBy: MemoryLayout<Int32>.size)
        let frame = bytes.readSlice(length: length)
        // Lets go of the memory, which the frame's reader may then have alone.
        if bytes.readableBytes == 0 { bytes = ByteBuffer() }
        return frame
    }
}
