internal import Glibc

/// Which offsets of the dirty part have records that stay: whoever copies it need not open a batch that has none. A bit
/// an offset; where that would be too much memory, a bit for 2, 4, … neighbours, and then a set bit only says perhaps.
struct LiveOffsets: ~Copyable {
    static let byteCountMax = 4 << 20

    let first: Offset
    private let end: Offset
    private let shift: Int64
    private let words: UnsafeMutablePointer<UInt64>
    private let wordCount: Int

    /// True: what is set has a record that stays, and all else has none.
    var isExact: Bool { shift == 0 }
    var byteCount: Int { wordCount * 8 }

    init(from first: Offset, to end: Offset, byteCountMax: Int = Self.byteCountMax) {
        let count = max(0, end.distance(from: first))
        var shift: Int64 = 0
        while count >> shift > Int64(byteCountMax) * 8 - 64 { shift += 1 }
        self.first = first
        self.end = max(first, end)
        self.shift = shift
        wordCount = Int(count >> shift) / 64 + 1
        words = .allocate(capacity: wordCount)
        words.initialize(repeating: 0, count: wordCount)
    }

    deinit { words.deallocate() }

    /// `offset`: from `first` on, before the end.
    @inline(__always)
    mutating func insert(_ offset: Offset) {
        let bit = (offset.value &- first.value) >> shift
        // By a pointer, not a subscript: for that Swift 6.3 makes code under ThreadSanitizer that it cannot compile.
        (words + Int(bit >> 6)).pointee |= 1 << UInt64(bit & 63)
    }

    /// Whether the record at `offset`, which lies in the range, stays; where bits are shared: may stay.
    @inline(__always)
    func contains(_ offset: Offset) -> Bool {
        let bit = (offset.value &- first.value) >> shift
        return words[Int(bit >> 6)] >> UInt64(bit & 63) & 1 != 0
    }

    /// Whether any record from `start` through `last` may stay. What lies outside of the range has none.
    func containsAny(from start: Offset, through last: Offset) -> Bool {
        guard let (from, to) = bits(start, last) else { return false }
        var word = from >> 6
        let (lastWord, lastMask) = (to >> 6, UInt64.max >> UInt64(63 - to & 63))
        var mask = UInt64.max << UInt64(from & 63)
        while word < lastWord {
            if words[word] & mask != 0 { return true }
            mask = .max
            word += 1
        }
        return words[word] & mask & lastMask != 0
    }

    /// How many bits are set from `start` through `last`: as many records stay at least, where bits are shared.
    func count(from start: Offset, through last: Offset) -> Int {
        guard let (from, to) = bits(start, last) else { return 0 }
        var (count, mask) = (0, UInt64.max << UInt64(from & 63))
        for word in from >> 6...to >> 6 {
            if word == to >> 6 { mask &= UInt64.max >> UInt64(63 - to & 63) }
            count += (words[word] & mask).nonzeroBitCount
            mask = .max
        }
        return count
    }

    private func bits(_ start: Offset, _ last: Offset) -> (from: Int, to: Int)? {
        let (from, to) = (max(start, first), min(last, end.advanced(by: -1)))
        guard from <= to else { return nil }
        return (Int((from.value - first.value) >> shift), Int((to.value - first.value) >> shift))
    }
}
