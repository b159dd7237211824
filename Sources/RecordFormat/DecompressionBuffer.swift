internal import CLZ4

/// Memory that lz4 batches are decompressed into, used again from batch to batch. Never larger than its limit.
public struct DecompressionBuffer: ~Copyable {
    /// What a batch may take when decompressed, in bytes, unless said otherwise: 64 MiB.
    public static let defaultLimit = 64 << 20

    public let limit: Int
    /// How many times its own size a frame may take, where that is more than `anyRatioBytes`.
    package var ratioMax = Int.max
    private static let anyRatioBytes = 1 << 20
    private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var context: OpaquePointer?

    public init(limit: Int = defaultLimit) { self.limit = limit }

    deinit {
        memory.deallocate()
        if let context { LZ4F_freeDecompressionContext(context) }
    }

    /// What a frame of so many bytes may take at most.
    package func byteCountMax(of frameBytes: Int) -> Int {
        let (most, isLarge) = frameBytes.multipliedReportingOverflow(by: ratioMax)
        return isLarge ? limit : min(limit, max(Self.anyRatioBytes, most))
    }

    /// Decompresses one whole frame and returns its bytes, valid until the next call.
    mutating func decompress(_ frame: RawSpan) throws(BatchError) -> UnsafeMutableRawBufferPointer {
        let bound = try LZ4Frame.check(frame, decompressedBytesMax: .max)
        // The bound is exact within a block: so much memory is enough, unless that is more than the limit allows.
        let most = byteCountMax(of: frame.byteCount)
        grow(to: min(bound, most))
        let context = try decoder()
        let (count, status) = frame.withUnsafeBytes { frame in
            var (produced, consumed) = (min(memory.count, most), frame.count)
            let status = LZ4F_decompress(context, memory.baseAddress, &produced, frame.baseAddress, &consumed, nil)
            return (produced, status)
        }
        guard status == 0 else {
            // liblz4 does not forget what is left of a frame's stated size when the context is reset: a frame that is cut
            // short or lies about that would make the next ones wrong, whoever sent them.
            releaseDecoder()
            guard LZ4F_isError(status) == 0 else { throw .badCompressedData(.badBlock) }
            // The frame goes on past what there was room for.
            throw .decompressedTooLarge(limit: most)
        }
        return UnsafeMutableRawBufferPointer(rebasing: memory[..<count])
    }

    /// Gives the memory back where it is more than most batches take.
    public mutating func releaseIfLarge() {
        guard memory.count > Self.keptMax else { return }
        memory.deallocate()
        memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    private static let keptMax = 4 << 20

    private mutating func decoder() throws(BatchError) -> OpaquePointer {
        if let context {
            LZ4F_resetDecompressionContext(context)
            return context
        }
        var created: OpaquePointer?
        LZ4F_createDecompressionContext(&created, UInt32(LZ4F_VERSION))
        guard let created else { throw .decompressedTooLarge(limit: 0) }
        context = created
        return created
    }

    private mutating func releaseDecoder() {
        if let context { LZ4F_freeDecompressionContext(context) }
        context = nil
    }

    private mutating func grow(to count: Int) {
        guard count > memory.count else { return }
        memory.deallocate()
        memory = .allocate(byteCount: count, alignment: 16)
    }
}
