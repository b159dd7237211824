import RecordFormat
import TestSupport
import Testing

@testable import EventLog

/// The last offset of each key, in bounded memory.
@Suite struct OffsetMapTests {
    private static let hasher = KeyHasher(1, 2)

    /// A map whose keys are numbers.
    private final class NumberMap {
        private var map: OffsetMap

        init(bytesMax: Int = 1 << 20, first: Offset = 0, keysMax: Int = .max) throws {
            guard
                let map = OffsetMap(
                    bytesMax: bytesMax, recordsMax: 1 << 40, firstOffset: first, hasher: OffsetMapTests.hasher,
                    keysMax: keysMax)
            else { throw LogError.storage("no memory") }
            self.map = map
        }

        func put(_ key: Int, _ offset: Offset) -> Bool {
            withUnsafeBytes(of: key.littleEndian) { map.put($0, offset) }
        }

        subscript(key: Int) -> Offset? { withUnsafeBytes(of: key.littleEndian) { map.offset(of: $0) } }
        var count: Int { map.count }
        var byteCount: Int { map.byteCount }
        var offsets: Set<Offset> {
            var offsets: Set<Offset> = []
            map.forEachOffset { offsets.insert($0) }
            return offsets
        }
    }

    @Test("SipHash-2-4 with 128 bits is the published one")
    func publishedHashes() {
        let key = (0..<16).map { UInt8($0) }
        let words = key.withUnsafeBytes {
            (
                UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)),
                UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
        let hasher = KeyHasher(words.0, words.1)
        // The first lines of vectors_sip128 in the authors' code.
        let published = [
            "a3817f04ba25a8e66df67214c7550293", "da87c1d86b99af44347659119b22fc45", "8177228da4a45dc7fca38bdef60affe4",
        ]
        for (count, expected) in published.enumerated() {
            let hash = (0..<count).map { UInt8($0) }.withUnsafeBytes { hasher.hash($0, wordRounds: 2, finalRounds: 4) }
            var text = ""
            for half in [hash.high, hash.low] {
                withUnsafeBytes(of: half.littleEndian) { bytes in
                    for byte in bytes { text += (byte < 16 ? "0" : "") + String(byte, radix: 16) }
                }
            }
            #expect(text == expected)
        }
    }

    @Test("every bit of a key and its length change its hash")
    func everyBitCounts() {
        let key = [UInt8](repeating: 0xA5, count: 19)
        let hash = key.withUnsafeBytes { Self.hasher.hash($0) }
        for bit in 0..<key.count * 8 {
            var other = key
            other[bit / 8] ^= 1 << (bit % 8)
            #expect(other.withUnsafeBytes { Self.hasher.hash($0) } != hash)
        }
        var seen: Set<UInt64> = []
        for count in 0..<40 {
            seen.insert([UInt8](repeating: 0, count: count).withUnsafeBytes { Self.hasher.hash($0) }.high)
        }
        #expect(seen.count == 40)
        #expect(key.withUnsafeBytes { KeyHasher(1, 3).hash($0) } != hash)
    }

    @Test("the last offset of each key is there, through all growing", arguments: 0..<4)
    func lastOffsets(seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let first = Offset(seed == 3 ? 1 << 62 : 1000)
        let map = try NumberMap(first: first)
        var expected: [Int: Offset] = [:]
        for step in 0..<30_000 {
            let key = Int.random(in: 0..<20_000, using: &random)
            let offset = first.advanced(by: Int64(step) * 3)
            let isTaken = map.put(key, offset)
            #expect(isTaken)
            expected[key] = offset
        }
        #expect(map.count == expected.count)
        for key in 0..<20_000 { #expect(map[key] == expected[key]) }
        #expect(map.offsets == Set(expected.values))
    }

    @Test("a map that is full says so, knows what it took, and takes no more than its memory")
    func full() throws {
        let bytesMax = 512 << 10
        let map = try NumberMap(bytesMax: bytesMax)
        var taken = 0
        while map.put(taken, Offset(Int64(taken))) { taken += 1 }
        #expect(taken > bytesMax / OffsetMap.bytesPerKey)
        #expect(map.byteCount <= bytesMax)
        #expect(map.count == taken)
        for key in 0..<taken { #expect(map[key] == Offset(Int64(key))) }
        #expect(map[taken] == nil)
        // Of a key that it knows it takes note still.
        #expect(map.put(7, 99_999))
        #expect(map[7] == 99_999)
        #expect(!map.put(taken + 1, 100_000))
    }

    @Test("as few keys as it is told", arguments: [1, 2, 5])
    func keysMax(count: Int) throws {
        let map = try NumberMap(keysMax: count)
        for key in 0..<count { #expect(map.put(key, Offset(Int64(key)))) }
        #expect(!map.put(count, 10))
        #expect(map.count == count)
    }

    @Test("an offset too far from the first is not taken")
    func tooFar() throws {
        let map = try NumberMap(first: 5)
        #expect(map.put(1, Offset(5 + 1 << 40 - 2)))
        #expect(map[1] == Offset(5 + 1 << 40 - 2))
        #expect(!map.put(2, Offset(5 + 1 << 40)))
        #expect(!map.put(2, 4))
        #expect(!map.put(2, Offset(.max)))
        #expect(map[2] == nil)
    }

    @Test("memory is at most 24 bytes a key, whenever one looks")
    func memory() throws {
        let map = try NumberMap(bytesMax: 1 << 30)
        let base = map.byteCount
        for key in 0..<60_000 {
            _ = map.put(key, Offset(Int64(key)))
            if map.byteCount > base + (key + 1) * OffsetMap.bytesPerKey {
                Issue.record("\(map.byteCount) bytes for \(key + 1) keys")
                break
            }
        }
        #expect(map.count == 60_000)
    }
}

@Suite struct LiveOffsetsTests {
    @Test("ranges say whether any of their offsets is set", arguments: [1 << 20, 24])
    func ranges(bytes: Int) {
        var random = SeededRandom(seed: 7)
        let (first, end) = (Offset(900), Offset(1700))
        for count in [0, 1, 5, 60] {
            var live = LiveOffsets(from: first, to: end, byteCountMax: bytes)
            let isExact = live.isExact
            #expect(isExact == (bytes > 100))
            var set: Set<Int64> = []
            for _ in 0..<count {
                let offset = Int64.random(in: first.value..<end.value, using: &random)
                set.insert(offset)
                live.insert(Offset(offset))
            }
            for _ in 0..<300 {
                let start = Int64.random(in: 800..<1800, using: &random)
                let last = start + Int64.random(in: 0..<150, using: &random)
                let expected = set.contains { start...last ~= $0 }
                let found = live.containsAny(from: Offset(start), through: Offset(last))
                // Where bits are shared it may say so of neighbours, but never that there is none where there is one.
                #expect(isExact ? found == expected : found || !expected)
                guard isExact else { continue }
                let counted = live.count(from: Offset(start), through: Offset(last))
                #expect(counted == set.filter { start...last ~= $0 }.count)
            }
            for offset in first.value..<end.value where isExact {
                let isSet = live.contains(Offset(offset))
                #expect(isSet == set.contains(offset))
            }
        }
    }

    @Test("memory is bounded, whatever the range")
    func bounded() {
        var live = LiveOffsets(from: 0, to: Offset(.max), byteCountMax: 4096)
        let bytes = live.byteCount
        #expect(bytes <= 4096)
        live.insert(Offset(.max - 1))
        let (isAtEnd, isBefore) = (
            live.containsAny(from: Offset(.max - 1), through: Offset(.max)),
            live.containsAny(from: 0, through: Offset(1 << 40))
        )
        #expect(isAtEnd && !isBefore)
        let empty = LiveOffsets(from: 5, to: 5)
        let isAnything = empty.containsAny(from: 0, through: 100)
        #expect(!isAnything)
    }
}
