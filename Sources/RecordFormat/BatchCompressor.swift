/// Compresses batches that came uncompressed, into memory that it keeps.
public struct BatchCompressor: ~Copyable {
    private var buffer = GrowingBuffer()
    private let frames = LZ4FrameCompressor()

    public init() {}

    /// Makes an lz4 batch of `batch`, the same in all but attributes, length and checksum. False: it would not be
    /// smaller, or is compressed already; `bytes` says nothing then.
    public mutating func compress(_ batch: RecordBatchView) -> Bool {
        guard batch.header.compression == Compression.none else { return false }
        return batch.bytes.withUnsafeBytes { source in
            let payload = UnsafeRawBufferPointer(rebasing: source[RecordBatchLayout.headerSize...])
            guard buffer.setCompressed(payload, after: RecordBatchLayout.headerSize, by: frames) else { return false }
            let header = UnsafeRawBufferPointer(rebasing: source[..<RecordBatchLayout.headerSize])
            buffer.memory.copyMemory(from: header)
            let attributes = batch.header.attributes.rawValue | UInt16(Compression.lz4.rawValue)
            let length = Int32(truncatingIfNeeded: buffer.count - RecordBatchLayout.lengthPrefix)
            buffer.start.storeBigEndian(attributes, at: RecordBatchLayout.attributes)
            buffer.start.storeBigEndian(length, at: RecordBatchLayout.batchLength)
            RecordBatchPatch.storeChecksum(UnsafeMutableRawBufferPointer(rebasing: buffer.memory[..<buffer.count]))
            return true
        }
    }

    /// The batch that `compress` made, until the next call.
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        get { _overrideLifetime(RawSpan(_unsafeStart: buffer.start, byteCount: buffer.count), borrowing: self) }
    }

    /// The same for code that keeps the compressor where no span can be borrowed from, in a class for one.
    public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try body(UnsafeRawBufferPointer(start: buffer.start, count: buffer.count))
    }
}
