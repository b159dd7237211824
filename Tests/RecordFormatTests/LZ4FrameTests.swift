import CLZ4
import TestSupport
import Testing

@testable import RecordFormat

@Suite("LZ4 frames")
struct LZ4FrameTests {
    /// What a frame may say of itself: every combination that the format has.
    struct Flags: Sendable, CustomTestStringConvertible {
        var blockSize = LZ4F_max64KB
        var blockSizeMax: Int { 1 << (8 + 2 * Int(blockSize.rawValue)) }
        var isLinked = false
        var hasBlockChecksums = false
        var hasContentChecksum = false
        var hasContentSize = false

        var testDescription: String {
            "\(blockSizeMax >> 10) KiB blocks\(isLinked ? ", linked" : "")\(hasBlockChecksums ? ", block checksums" : "")"
                + "\(hasContentChecksum ? ", content checksum" : "")\(hasContentSize ? ", content size" : "")"
        }

        static let all: [Flags] = [LZ4F_max64KB, LZ4F_max256KB, LZ4F_max1MB, LZ4F_max4MB].flatMap { size in
            (0..<16).map { bits in
                Flags(
                    blockSize: size, isLinked: bits & 1 != 0, hasBlockChecksums: bits & 2 != 0,
                    hasContentChecksum: bits & 4 != 0, hasContentSize: bits & 8 != 0)
            }
        }
        static let smallest = Flags.all.filter { $0.blockSize == LZ4F_max64KB }
    }

    /// The frame that liblz4 makes of `content`, as its command does.
    private func frame(_ content: [UInt8], _ flags: Flags = Flags(), dictionary: UInt32 = 0) -> [UInt8] {
        var preferences = LZ4F_preferences_t()
        preferences.frameInfo.blockSizeID = flags.blockSize
        preferences.frameInfo.blockMode = flags.isLinked ? LZ4F_blockLinked : LZ4F_blockIndependent
        preferences.frameInfo.blockChecksumFlag =
            flags.hasBlockChecksums ? LZ4F_blockChecksumEnabled : LZ4F_noBlockChecksum
        preferences.frameInfo.contentChecksumFlag =
            flags.hasContentChecksum ? LZ4F_contentChecksumEnabled : LZ4F_noContentChecksum
        preferences.frameInfo.contentSize = flags.hasContentSize ? UInt64(content.count) : 0
        preferences.frameInfo.dictID = dictionary
        let bound = LZ4F_compressFrameBound(content.count, &preferences)
        return [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            count = LZ4F_compressFrame(buffer.baseAddress, bound, content, content.count, &preferences)
            #expect(LZ4F_isError(count) == 0)
        }
    }

    private func decompress(_ frame: [UInt8], limit: Int = DecompressionBuffer.defaultLimit) throws(BatchError)
        -> [UInt8]
    {
        var buffer = DecompressionBuffer(limit: limit)
        return Array(try buffer.decompress(frame.span.bytes))
    }

    /// Whether the buffer takes no harm: it must still read a frame that says nothing of its size.
    private func readsOn(after frame: [UInt8], limit: Int) -> (isRefused: Bool, readsOn: Bool) {
        var buffer = DecompressionBuffer(limit: limit)
        let isRefused = (try? buffer.decompress(frame.span.bytes)) == nil
        let content = [UInt8](repeating: 7, count: 80)
        let next = (try? buffer.decompress(self.frame(content).span.bytes)).map { Array($0) }
        return (isRefused, next == content)
    }

    @Test("a frame that lies about its size, or is too large, costs itself: the same buffer reads the next one")
    func liars() {
        let sized = Flags(hasContentSize: true)
        let long = frame([UInt8](repeating: 1, count: 1000), sized)
        let short = frame([UInt8](repeating: 1, count: 10), sized)
        // A header of 15 bytes, with the size and a checksum that is right for it.
        for (liar, limit) in [(long[..<15] + short[15...], 2000), (short[..<15] + long[15...], 2000), (long[...], 100)]
        {
            let outcome = readsOn(after: Array(liar), limit: limit)
            #expect(outcome.isRefused && outcome.readsOn)
        }
    }

    private func check(_ frame: [UInt8], limit: Int = .max) throws(BatchError) -> Int {
        try LZ4Frame.check(frame.span.bytes, decompressedBytesMax: limit)
    }

    /// Text with much to repeat, and noise that has nothing: so that some blocks are stored as they are.
    private func content(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        var bytes: [UInt8] = []
        while bytes.count < count {
            if bytes.count / 70_000 % 3 == 2 {
                for _ in 0..<1000 { withUnsafeBytes(of: random.next()) { bytes += $0 } }
            } else {
                bytes += #"{"device":"device-\#(random.next() % 50)","temperature":\#(random.next() % 40)}"#.utf8
            }
        }
        return Array(bytes[..<count])
    }

    @Test("frames of all flags are decompressed, also where they have several blocks", arguments: Flags.all)
    func allFlags(flags: Flags) throws {
        for count in [0, 1, 100, 65_535, 65_536, 65_537, 400_000] {
            let content = content(count)
            let frame = frame(content, flags)
            #expect(try decompress(frame) == content, "\(count) bytes")
            let bound = try check(frame)
            #expect(bound >= count)
            // Each block is bounded by its size: only the last may be guessed too large.
            #expect(bound <= (count + flags.blockSizeMax - 1) / flags.blockSizeMax * flags.blockSizeMax)
        }
    }

    @Test("several blocks of 4 MiB are decompressed", arguments: [false, true])
    func largeBlocks(isLinked: Bool) throws {
        let content = content(9 << 20)
        let flags = Flags(blockSize: LZ4F_max4MB, isLinked: isLinked, hasContentChecksum: true)
        #expect(try decompress(frame(content, flags)) == content)
    }

    @Test("what is compressed here is what liblz4 makes of it, and comes back, through memory that is used again")
    func roundTrip() throws {
        let compressor = LZ4FrameCompressor()
        var buffer = DecompressionBuffer()
        var random = SeededRandom(seed: 9)
        for count in [0, 1, 5, 300_000, 12, 65_536, 1000, 131_073] + (0..<200).map({ $0 * 7 }) {
            let content = content(count, seed: random.next())
            let compressed = [UInt8](unsafeUninitializedCapacity: LZ4Frame.bound(count)) { place, filled in
                filled =
                    content.withUnsafeBytes { compressor.compress($0, into: UnsafeMutableRawBufferPointer(place)) } ?? 0
            }
            #expect(compressed == frame(content))
            #expect(Array(try buffer.decompress(compressed.span.bytes)) == content)
        }
    }

    @Test("compressing into too little room fails")
    func noRoom() {
        let content = content(1000)
        var place = [UInt8](repeating: 0, count: 20)
        let size = content.withUnsafeBytes { content in
            place.withUnsafeMutableBytes { LZ4FrameCompressor().compress(content, into: $0) }
        }
        #expect(size == nil)
    }

    @Test("a frame cut at any byte is an error", arguments: Flags.smallest)
    func truncated(flags: Flags) {
        let frame = frame(content(300), flags)
        for count in 0..<frame.count {
            let error = #expect(throws: BatchError.self, "\(count)") { try decompress(Array(frame[..<count])) }
            #expect(error == .badCompressedData(count < 7 ? .notAFrame : .truncated), "\(count)")
        }
    }

    @Test("a long frame cut about the end of each block is an error")
    func truncatedBetweenBlocks() {
        let frame = frame(content(200_000), Flags(isLinked: true, hasBlockChecksums: true))
        for count in stride(from: 0, to: frame.count, by: 997) {
            #expect(throws: BatchError.self, "\(count)") { try decompress(Array(frame[..<count])) }
        }
    }

    @Test("bytes after a frame are an error, another frame too", arguments: Flags.smallest)
    func trailing(flags: Flags) {
        let frame = frame(content(300), flags)
        #expect(throws: BatchError.badCompressedData(.bytesAfterEnd)) { try decompress(frame + [0]) }
        #expect(throws: BatchError.badCompressedData(.bytesAfterEnd)) { try decompress(frame + frame) }
    }

    @Test(
        "a flipped bit changes nothing unseen where the content has a checksum, and never traps",
        arguments: Flags.smallest)
    func flipped(flags: Flags) throws {
        let content = content(400)
        var frame = frame(content, flags)
        // The context goes on after each error.
        var buffer = DecompressionBuffer(limit: 100_000)
        for bit in 0..<frame.count * 8 {
            frame[bit / 8] ^= 1 << (bit % 8)
            do {
                let bytes = Array(try buffer.decompress(frame.span.bytes))
                // A match may be found in two places that are the same.
                #expect(!flags.hasContentChecksum || bytes == content, "bit \(bit)")
                #expect(bytes.count <= 100_000)
            } catch {
                #expect(error != .badCompressedData(.notAFrame) || bit < 32)
            }
            frame[bit / 8] ^= 1 << (bit % 8)
        }
        #expect(Array(try buffer.decompress(frame.span.bytes)) == content)
    }

    @Test("what takes more than the limit is refused, what takes just as much is not", arguments: Flags.smallest)
    func limit(flags: Flags) throws {
        for count in [1, 1000, 65_536, 200_000] {
            let content = content(count)
            let frame = frame(content, flags)
            #expect(try decompress(frame, limit: count) == content)
            #expect(throws: BatchError.decompressedTooLarge(limit: count - 1)) {
                try decompress(frame, limit: count - 1)
            }
            #expect(throws: BatchError.decompressedTooLarge(limit: 0)) { try decompress(frame, limit: 0) }
        }
    }

    @Test(
        "a frame that expands a thousand times is refused before it is decompressed, and stays within the limit if it is"
    )
    func bomb() throws {
        let flags = Flags(blockSize: LZ4F_max4MB)
        let frame = frame([UInt8](repeating: 0, count: 65 << 20), flags)
        #expect(frame.count < 300_000)
        #expect(throws: BatchError.decompressedTooLarge(limit: 64 << 20)) { try check(frame, limit: 64 << 20) }
        #expect(throws: BatchError.decompressedTooLarge(limit: 1 << 20)) { try decompress(frame, limit: 1 << 20) }
        #expect(throws: BatchError.decompressedTooLarge(limit: 64 << 20)) { try decompress(frame) }
        #expect(try decompress(frame, limit: 65 << 20).count == 65 << 20)
    }

    /// The header of a frame with blocks of 64 KiB and nothing else.
    private let plainHeader: [UInt8] = [0x04, 0x22, 0x4D, 0x18, 0x60, 0x40, 0x82]

    @Test("a frame put together by hand from stored blocks is read")
    func stored() throws {
        let block: [UInt8] = [3, 0, 0, 0x80] + Array("abc".utf8)
        #expect(try decompress(plainHeader + block + block + [0, 0, 0, 0]) == Array("abcabc".utf8))
        #expect(try decompress(plainHeader + [0, 0, 0, 0]) == [])
    }

    @Test("stored blocks of no bytes, however many, come to nothing")
    func emptyBlocks() throws {
        let blocks = [[UInt8]](repeating: [0, 0, 0, 0x80], count: 10_000).flatMap { $0 }
        #expect(try check(plainHeader + blocks + [0, 0, 0, 0]) == 0)
        // liblz4 may take or refuse them.
        if let bytes = try? decompress(plainHeader + blocks + [0, 0, 0, 0]) { #expect(bytes.isEmpty) }
    }

    @Test(
        "a block larger than the frame's blocks is damage, whether stored or compressed",
        arguments: [0x80, 0] as [UInt8])
    func oversizedBlock(kind: UInt8) {
        let block = [1, 0, 1, kind] + [UInt8](repeating: 0, count: 65_537)
        #expect(throws: BatchError.badCompressedData(.badBlock)) { try decompress(plainHeader + block + [0, 0, 0, 0]) }
    }

    @Test("a block that says more than there is, up to what a number holds, is cut")
    func lyingBlock() {
        for word in [[4, 0, 0, 0], [0, 0, 1, 0], [4, 0, 0, 0x80]] as [[UInt8]] {
            #expect(throws: BatchError.badCompressedData(.truncated)) {
                try decompress(plainHeader + word + [1, 2, 3])
            }
        }
        for word in [[0xFF, 0xFF, 0xFF, 0x7F], [0xFF, 0xFF, 0xFF, 0xFF]] as [[UInt8]] {
            #expect(throws: BatchError.badCompressedData(.badBlock)) { try decompress(plainHeader + word + [1, 2, 3]) }
        }
    }

    @Test("bytes in a block that are no LZ4 are damage")
    func noLZ4() {
        // A match that begins before the start.
        let block: [UInt8] = [6, 0, 0, 0, 0x10, 0x41, 0xFF, 0xFF, 0, 0]
        #expect(throws: BatchError.badCompressedData(.badBlock)) { try decompress(plainHeader + block + [0, 0, 0, 0]) }
    }

    @Test("a frame that needs a dictionary is refused")
    func dictionary() {
        #expect(throws: BatchError.badCompressedData(.badHeader)) { try decompress(frame(content(100), dictionary: 7)) }
    }

    @Test("exactly one byte is right for a header's checksum")
    func headerChecksum() {
        for flags in Flags.smallest {
            var frame = frame(content(100), flags)
            let place = flags.hasContentSize ? 14 : 6
            let right = frame[place]
            let accepted = (0...255 as ClosedRange<UInt8>).filter {
                frame[place] = $0
                return (try? check(frame)) != nil
            }
            #expect(accepted == [right], "\(flags)")
        }
    }

    @Test("a content size that is not true is damage")
    func lyingContentSize() throws {
        var frame = frame(content(1000), Flags(hasContentSize: true))
        for size in [0xE7, 0xE9] as [UInt8] {
            frame[6] = size
            // The checksum that makes the header right again.
            frame[14] = try #require(
                (0...255 as ClosedRange<UInt8>).first {
                    frame[14] = $0
                    return (try? check(frame)) != nil
                })
            #expect(throws: BatchError.badCompressedData(.badBlock)) { try decompress(frame) }
        }
    }

    @Test("what is no LZ4 frame says so: legacy and skippable frames, other codecs, nothing")
    func notAFrame() {
        let others: [[UInt8]] = [
            [], [0x04], [0x02, 0x21, 0x4C, 0x18, 0, 0, 0, 0], [0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0],
            [0x1F, 0x8B, 8, 0, 0, 0, 0, 0], [0x28, 0xB5, 0x2F, 0xFD, 0, 0, 0, 0],
        ]
        for bytes in others {
            #expect(throws: BatchError.badCompressedData(.notAFrame), "\(bytes)") { try decompress(bytes) }
        }
    }

    @Test(
        "bytes at random after a good header are an error or decompressed; they never trap",
        arguments: [21, 22] as [UInt64])
    func noise(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var buffer = DecompressionBuffer(limit: 1 << 20)
        for _ in 0..<5000 {
            let count = Int.random(in: 0..<60, using: &random)
            var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            // A block's length that fits, more often than not.
            if count >= 8, Bool.random(using: &random) {
                bytes.replaceSubrange(0..<4, with: [UInt8(count - 8), 0, 0, 0])
            }
            if count >= 8, Bool.random(using: &random) { bytes.replaceSubrange(count - 4..<count, with: [0, 0, 0, 0]) }
            _ = try? buffer.decompress((plainHeader + bytes).span.bytes)
        }
    }
}
