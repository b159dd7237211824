internal import CLZ4

/// Makes the same frames as `LZ4F_compressFrame`, with tables that it keeps. That one clears 16 KiB for each frame, however
/// small; LZ4 clears tables that are kept once in 64 KB of small frames.
struct LZ4FrameCompressor: ~Copyable {
    private let context: OpaquePointer?

    init() {
        var created: OpaquePointer?
        LZ4F_createCompressionContext(&created, UInt32(LZ4F_VERSION))
        context = created
    }

    deinit { LZ4F_freeCompressionContext(context) }

    /// Compresses into `place`, which has room for `LZ4Frame.bound(bytes.count)`. nil: it did not work.
    func compress(_ bytes: UnsafeRawBufferPointer, into place: UnsafeMutableRawBufferPointer) -> Int? {
        guard let context, let start = place.baseAddress, place.count >= LZ4Frame.bound(bytes.count) else { return nil }
        var preferences = LZ4Frame.preferences
        // Each block is written at once, from where it is.
        preferences.autoFlush = 1
        var options = LZ4F_compressOptions_t()
        options.stableSrc = 1
        var count = LZ4F_compressBegin(context, start, place.count, &preferences)
        guard LZ4F_isError(count) == 0 else { return nil }
        let blocks = LZ4F_compressUpdate(
            context, start + count, place.count - count, bytes.baseAddress, bytes.count, &options)
        guard LZ4F_isError(blocks) == 0 else { return nil }
        count += blocks
        let end = LZ4F_compressEnd(context, start + count, place.count - count, &options)
        return LZ4F_isError(end) == 0 ? count + end : nil
    }
}
