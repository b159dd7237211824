/// A set of characters: which of ASCII, and whether all others. Topics' names are ASCII.
struct CharacterClass: Hashable, Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0
    private var hasOthers = false

    init() {}

    init(_ ranges: ClosedRange<UInt8>...) {
        for range in ranges { insert(range) }
    }

    static let digits = CharacterClass(48...57)
    static let letters = CharacterClass(65...90, 97...122)
    static let wordCharacters = digits.union(letters).union(CharacterClass(95...95))
    static let whitespace = CharacterClass(9...10, 12...13, 32...32)
    static let newline = CharacterClass(10...10)
    static let all = CharacterClass().inverted

    /// Those between brackets and colons: `[[:alpha:]]`.
    static let named: [String: CharacterClass] = [
        "alnum": digits.union(letters), "alpha": letters, "ascii": CharacterClass(0...127),
        "blank": CharacterClass(9...9, 32...32), "cntrl": CharacterClass(0...31, 127...127), "digit": digits,
        "graph": CharacterClass(33...126), "lower": CharacterClass(97...122), "print": CharacterClass(32...126),
        "punct": CharacterClass(33...47, 58...64, 91...96, 123...126), "space": CharacterClass(9...13, 32...32),
        "upper": CharacterClass(65...90), "word": wordCharacters,
        "xdigit": CharacterClass(48...57, 65...70, 97...102),
    ]

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<64: low & 1 << scalar.value != 0
        case 64..<128: high & 1 << (scalar.value - 64) != 0
        default: hasOthers
        }
    }

    /// Those beyond ASCII are left out: no topic's name has them.
    mutating func insert(_ range: ClosedRange<Unicode.Scalar>) {
        guard range.lowerBound.isASCII else { return }
        insert(UInt8(range.lowerBound.value)...UInt8(min(range.upperBound.value, 127)))
    }

    private mutating func insert(_ range: ClosedRange<UInt8>) {
        for value in range {
            if value < 64 { low |= 1 << UInt64(value) } else { high |= 1 << UInt64(value - 64) }
        }
    }

    func union(_ other: CharacterClass) -> CharacterClass {
        var result = self
        result.low |= other.low
        result.high |= other.high
        result.hasOthers = hasOthers || other.hasOthers
        return result
    }

    var inverted: CharacterClass {
        var result = CharacterClass()
        result.low = ~low
        result.high = ~high
        result.hasOthers = !hasOthers
        return result
    }

    func subtracting(_ other: CharacterClass) -> CharacterClass { inverted.union(other).inverted }

    /// With each letter in both cases.
    var foldingCase: CharacterClass {
        // Upper and lower case differ by 32 in `high`: A is bit 1, a is bit 33.
        let letters: UInt64 = 0x07FF_FFFE
        let both = (high | high >> 32) & letters
        var result = self
        result.high |= both | both << 32
        return result
    }
}
