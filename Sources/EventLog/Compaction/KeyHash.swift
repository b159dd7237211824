internal import RecordFormat

/// What the offset map knows of a key: 128 bits of SipHash, of which it keeps 88. Keyed by chance, anew for each pass, so
/// that nobody can make keys whose hashes collide.
struct KeyHash: Equatable, Sendable {
    let high: UInt64
    let low: UInt64
}

/// SipHash with a result of 128 bits (Aumasson and Bernstein): one round for each word and three at the end, as for
/// hash tables in Swift, Rust and Ruby.
struct KeyHasher: Sendable {
    private let key: (UInt64, UInt64)
    private static let wordRounds = 1, finalRounds = 3

    init(_ first: UInt64, _ second: UInt64) { key = (first, second) }

    @inline(__always)
    func hash(_ bytes: UnsafeRawBufferPointer) -> KeyHash {
        hash(bytes, wordRounds: Self.wordRounds, finalRounds: Self.finalRounds)
    }

    /// With other numbers of rounds: 2 and 4 is the variant whose results are published.
    @inline(__always)
    func hash(_ bytes: UnsafeRawBufferPointer, wordRounds: Int, finalRounds: Int) -> KeyHash {
        var state = State(key)
        let wordsEnd = bytes.count & ~7
        var position = 0
        while position < wordsEnd {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            state.add(word, rounds: wordRounds)
            position += 8
        }
        var last = UInt64(truncatingIfNeeded: bytes.count) << 56
        var shift: UInt64 = 0
        while position < bytes.count {
            last |= UInt64(bytes[position]) << shift
            shift += 8
            position += 1
        }
        state.add(last, rounds: wordRounds)
        return state.finish(rounds: finalRounds)
    }

    private struct State {
        var v0: UInt64
        var v1: UInt64
        var v2: UInt64
        var v3: UInt64

        @inline(__always)
        init(_ key: (UInt64, UInt64)) {
            v0 = key.0 ^ 0x736f_6d65_7073_6575
            v1 = key.1 ^ 0x646f_7261_6e64_6f6d ^ 0xee
            v2 = key.0 ^ 0x6c79_6765_6e65_7261
            v3 = key.1 ^ 0x7465_6462_7974_6573
        }

        @inline(__always)
        mutating func add(_ word: UInt64, rounds: Int) {
            v3 ^= word
            mix(rounds)
            v0 ^= word
        }

        @inline(__always)
        mutating func finish(rounds: Int) -> KeyHash {
            v2 ^= 0xee
            mix(rounds)
            let first = v0 ^ v1 ^ v2 ^ v3
            v1 ^= 0xdd
            mix(rounds)
            return KeyHash(high: first, low: v0 ^ v1 ^ v2 ^ v3)
        }

        @inline(__always)
        private mutating func mix(_ rounds: Int) {
            for _ in 0..<rounds {
                v0 = v0 &+ v1
                v1 = rotate(v1, 13) ^ v0
                v0 = rotate(v0, 32)
                v2 = v2 &+ v3
                v3 = rotate(v3, 16) ^ v2
                v0 = v0 &+ v3
                v3 = rotate(v3, 21) ^ v0
                v2 = v2 &+ v1
                v1 = rotate(v1, 17) ^ v2
                v2 = rotate(v2, 32)
            }
        }

        @inline(__always)
        private func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 { value << count | value >> (64 - count) }
    }
}
