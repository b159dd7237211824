/// A part of a regular expression.
indirect enum PatternNode {
    case characters(CharacterClass)
    case assertion(Assertion)
    /// One after the other; none: the empty text.
    case sequence([PatternNode])
    case alternatives([PatternNode])
    /// No largest number: as often as may be.
    case repetition(PatternNode, least: Int, most: Int?)

    /// What holds between two characters.
    enum Assertion {
        case textStart
        case textEnd
        case lineStart
        case lineEnd
        case wordBoundary
        case noWordBoundary

        func holds(between before: Unicode.Scalar?, and after: Unicode.Scalar?) -> Bool {
            switch self {
            case .textStart: before == nil
            case .textEnd: after == nil
            case .lineStart: before == nil || before == "\n"
            case .lineEnd: after == nil || after == "\n"
            case .wordBoundary: Self.isWord(before) != Self.isWord(after)
            case .noWordBoundary: Self.isWord(before) == Self.isWord(after)
            }
        }

        private static func isWord(_ scalar: Unicode.Scalar?) -> Bool {
            scalar.map { CharacterClass.wordCharacters.contains($0) } ?? false
        }
    }
}
