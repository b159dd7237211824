internal import CLZ4

/// What liblz4 keeps while it decompresses, used again from frame to frame: up to two of the frame's blocks.
struct LZ4Decoder: ~Copyable {
    private var context: OpaquePointer?

    deinit { if let context { LZ4F_freeDecompressionContext(context) } }

    /// For a frame's first bytes.
    mutating func begin() throws(BatchError) -> OpaquePointer {
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

    /// After a frame that was not read to its end. liblz4 does not forget what is left of a frame's stated size when the
    /// context is reset: a frame that is cut short or lies about that would make the next ones wrong, whoever sent them.
    mutating func release() {
        if let context { LZ4F_freeDecompressionContext(context) }
        context = nil
    }
}
