internal import CLZ4

/// Memory that lz4 batches are decompressed into, used again from batch to batch. Never larger than its limit.
public struct DecompressionBuffer: ~Copyable {
    /// What a batch may take when decompressed, in bytes, unless said otherwise: 64 MiB.
    public static let defaultLimit = 64 << 20

    public let limit: Int
    private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var decoder = LZ4Decoder()

    public init(limit: Int = defaultLimit) { self.limit = limit }

    deinit { memory.deallocate() }

    /// Decompresses one whole frame and returns its bytes, valid until the next call.
    mutating func decompress(_ frame: RawSpan) throws(BatchError) -> UnsafeMutableRawBufferPointer {
        let bound = try LZ4Frame.check(frame, decompressedBytesMax: .max)
        // The bound is exact within a block: so much memory is enough, unless that is more than the limit allows.
        grow(to: min(bound, limit))
        let context = try decoder.begin()
        let (count, status) = frame.withUnsafeBytes { frame in
            var (produced, consumed) = (min(memory.count, limit), frame.count)
            let status = LZ4F_decompress(context, memory.baseAddress, &produced, frame.baseAddress, &consumed, nil)
            return (produced, status)
        }
        guard status == 0 else {
            decoder.release()
            guard LZ4F_isError(status) == 0 else { throw .badCompressedData(.badBlock) }
            // The frame goes on past what there was room for.
            throw .decompressedTooLarge(limit: limit)
        }
        return UnsafeMutableRawBufferPointer(rebasing: memory[..<count])
    }

    private mutating func grow(to count: Int) {
        guard count > memory.count else { return }
        memory.deallocate()
        memory = .allocate(byteCount: count, alignment: 16)
    }
}
