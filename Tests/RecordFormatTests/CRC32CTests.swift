import CInstructions
import TestSupport
import Testing

@testable import RecordFormat

@Suite("CRC32C")
struct CRC32CTests {
    /// RFC 3720, B.4, and the check value of the catalogue of CRCs.
    @Test(
        "the known values",
        arguments: [
            ([], 0),
            (Array("123456789".utf8), 0xE306_9283),
            ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
            ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
            (Array(0..<32), 0x46DD_794E),
            ((0..<32).reversed(), 0x113F_DB5C),
        ] as [([UInt8], UInt32)])
    func known(bytes: [UInt8], expected: UInt32) {
        #expect(crc32c(bytes.span.bytes) == expected)
        #expect(portable(bytes[...]) == expected)
    }

    /// Bit by bit, as the polynomial is defined.
    private func slow(_ bytes: ArraySlice<UInt8>, seed: UInt32 = 0) -> UInt32 {
        var crc = ~seed
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0x82F6_3B78 : crc >> 1 }
        }
        return ~crc
    }

    private func portable(_ bytes: ArraySlice<UInt8>, seed: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes { $0.baseAddress.map { martlet_crc32c_portable(seed, $0, bytes.count) } ?? seed }
    }

    private func fast(_ bytes: ArraySlice<UInt8>, seed: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes { crc32c($0, seed: seed) }
    }

    private func noise(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    @Test("instruction, tables and definition agree for all short lengths")
    func shortLengths() {
        let bytes = noise(2000, seed: 1)
        for count in 0...2000 {
            let part = bytes[..<count]
            let expected = portable(part)
            #expect(fast(part) == expected, "\(count)")
            // The definition is slow: where the streams of the instruction begin, and a sample.
            if count < 40 || count % 97 == 0 || (380...390).contains(count) {
                #expect(slow(part) == expected, "\(count)")
            }
        }
    }

    /// Three streams of 128, 1024 or 8192 bytes go side by side: about each of these sums, and sums of them.
    @Test(
        "they agree about the sizes where streams come and go",
        arguments: [
            3 * 128, 3 * 1024, 3 * 8192, 6 * 8192, 3 * (8192 + 1024 + 128), 3 * (2 * 8192 + 2 * 1024 + 7 * 128),
        ])
    func streams(size: Int) {
        let bytes = noise(size + 40, seed: UInt64(size))
        for near in -9...9 {
            let part = bytes[..<(size + near)]
            #expect(fast(part) == portable(part), "\(size + near)")
        }
        #expect(fast(bytes[..<size]) == slow(bytes[..<size]))
    }

    @Test("they agree wherever the bytes lie in memory")
    func alignments() {
        let bytes = noise(30_000, seed: 3)
        for start in 0..<17 {
            for count in [0, 1, 7, 8, 9, 63, 383, 384, 385, 3071, 3073, 24_577, 29_000] {
                let part = bytes[start..<start + count]
                #expect(fast(part) == portable(part), "\(count) bytes from \(start)")
            }
        }
    }

    @Test("pieces one after the other come to the same as the whole")
    func pieces() {
        let bytes = noise(5000, seed: 4)
        let whole = fast(bytes[...])
        for cut in stride(from: 0, through: 5000, by: 61) {
            #expect(fast(bytes[cut...], seed: fast(bytes[..<cut])) == whole, "\(cut)")
            #expect(portable(bytes[cut...], seed: portable(bytes[..<cut])) == whole, "\(cut)")
        }
        #expect(bytes.reduce(UInt32(0)) { fast([$1][...], seed: $0) } == whole)
        #expect(crc32c(UnsafeRawBufferPointer(start: nil, count: 0), seed: 0xDEAD_BEEF) == 0xDEAD_BEEF)
    }

    @Test("each flipped bit shows")
    func flips() {
        var bytes = noise(700, seed: 5)
        let whole = fast(bytes[...])
        for bit in 0..<bytes.count * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8)
            #expect(fast(bytes[...]) != whole, "\(bit)")
            bytes[bit / 8] ^= 1 << (bit % 8)
        }
    }
}
