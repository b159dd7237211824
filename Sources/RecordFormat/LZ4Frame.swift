internal import CLZ4

/// LZ4 frames, as Kafka's clients write the records of a batch. See the LZ4 frame format, version 1.6.
public enum LZ4Frame {
    static let magic: UInt32 = 0x184D_2204
    private static let headerSizeMin = 7
    private static let uncompressedBit: UInt32 = 1 << 31

    /// The largest size that `count` bytes can have when compressed.
    static func bound(_ count: Int) -> Int {
        var preferences = preferences
        return LZ4F_compressFrameBound(count, &preferences)
    }

    /// 64 KB blocks, each for itself: Kafka's Java client reads no others, and a block stays in the cache.
    static var preferences: LZ4F_preferences_t {
        var preferences = LZ4F_preferences_t()
        preferences.frameInfo.blockSizeID = LZ4F_max64KB
        preferences.frameInfo.blockMode = LZ4F_blockIndependent
        return preferences
    }

    /// Follows the frame from block to block without decompressing, and returns how many bytes it can come to at most.
    /// It must be one whole frame with nothing after it.
    @discardableResult
    public static func check(_ frame: RawSpan, decompressedBytesMax: Int) throws(BatchError) -> Int {
        let (size, problem) = frame.withUnsafeBytes { frame -> (Int, BatchError?) in
            do throws(BatchError) {
                return (try walk(frame, decompressedBytesMax), nil)
            } catch { return (0, error) }
        }
        if let problem { throw problem }
        return size
    }

    private static func walk(_ frame: UnsafeRawBufferPointer, _ limit: Int) throws(BatchError) -> Int {
        let header = try Header(frame)
        guard let bytes = frame.baseAddress else { throw .badCompressedData(.truncated) }
        var position = header.byteCount
        var total = 0
        while true {
            guard frame.count - position >= 4 else { throw .badCompressedData(.truncated) }
            let word = bytes.littleEndian(UInt32.self, at: position)
            position += 4
            if word == 0 { break }
            let size = Int(word & ~uncompressedBit)
            guard size <= header.blockSizeMax else { throw .badCompressedData(.badBlock) }
            guard size + header.blockTrailer <= frame.count - position else { throw .badCompressedData(.truncated) }
            // A byte of LZ4 brings 255 at most.
            total += word & uncompressedBit != 0 ? size : min(header.blockSizeMax, size * 255)
            guard total <= limit else { throw .decompressedTooLarge(limit: limit) }
            position += size + header.blockTrailer
        }
        guard frame.count - position >= header.frameTrailer else { throw .badCompressedData(.truncated) }
        guard frame.count - position == header.frameTrailer else { throw .badCompressedData(.bytesAfterEnd) }
        return total
    }

    private struct Header {
        let byteCount: Int
        let blockSizeMax: Int
        let blockTrailer: Int
        let frameTrailer: Int

        init(_ frame: UnsafeRawBufferPointer) throws(BatchError) {
            guard frame.count >= LZ4Frame.headerSizeMin, let bytes = frame.baseAddress,
                bytes.littleEndian(UInt32.self, at: 0) == LZ4Frame.magic
            else { throw .badCompressedData(.notAFrame) }
            let flags = frame[4]
            let hasContentSize = flags & 0b1000 != 0
            let hasDictionary = flags & 0b1 != 0
            let sizeCode = Int(frame[5] >> 4 & 0b111)
            // Version 1, no reserved bits, block sizes of 64 KB to 4 MB; nobody could know the dictionary.
            guard flags >> 6 == 1, flags & 0b10 == 0, frame[5] & 0b1000_1111 == 0, sizeCode >= 4, !hasDictionary else {
                throw .badCompressedData(.badHeader)
            }
            byteCount = LZ4Frame.headerSizeMin + (hasContentSize ? 8 : 0)
            guard frame.count >= byteCount else { throw .badCompressedData(.truncated) }
            let descriptor = UnsafeRawBufferPointer(rebasing: frame[4..<byteCount - 1])
            guard frame[byteCount - 1] == UInt8(truncatingIfNeeded: XXH32.hash(short: descriptor) >> 8) else {
                throw .badCompressedData(.badHeader)
            }
            blockSizeMax = 1 << (8 + 2 * sizeCode)
            blockTrailer = flags & 0b1_0000 != 0 ? 4 : 0
            frameTrailer = flags & 0b100 != 0 ? 4 : 0
        }
    }
}

/// xxHash32 of fewer than 16 bytes with seed 0: what an LZ4 frame's header is checked by.
private enum XXH32 {
    private static let prime1: UInt32 = 2_654_435_761
    private static let prime2: UInt32 = 2_246_822_519
    private static let prime3: UInt32 = 3_266_489_917
    private static let prime4: UInt32 = 668_265_263
    private static let prime5: UInt32 = 374_761_393

    static func hash(short bytes: UnsafeRawBufferPointer) -> UInt32 {
        precondition(bytes.count < 16, "longer input has four lanes")
        var hash = prime5 &+ UInt32(bytes.count)
        var position = 0
        while position + 4 <= bytes.count, let start = bytes.baseAddress {
            let word = start.littleEndian(UInt32.self, at: position)
            hash = rotate(hash &+ word &* prime3, 17) &* prime4
            position += 4
        }
        for byte in bytes[position...] { hash = rotate(hash &+ UInt32(byte) &* prime5, 11) &* prime1 }
        hash = (hash ^ hash >> 15) &* prime2
        hash = (hash ^ hash >> 13) &* prime3
        return hash ^ hash >> 16
    }

    private static func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 { value << count | value >> (32 - count) }
}
