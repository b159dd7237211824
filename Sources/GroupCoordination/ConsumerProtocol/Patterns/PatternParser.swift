/// Reads a regular expression.
struct PatternParser {
    private let characters: [Unicode.Scalar]
    private var position = 0
    private var depth = 0
    private var flags = Flags()

    private struct Flags {
        var ignoresCase = false
        var isMultiline = false
        var dotMatchesNewline = false
    }

    init(_ characters: [Unicode.Scalar]) { self.characters = characters }

    mutating func parse() throws(PatternError) -> PatternNode {
        let node = try alternatives()
        guard peek == nil else { throw fault("this parenthesis closes nothing") }
        return node
    }

    // MARK: Characters

    private var peek: Unicode.Scalar? { position < characters.count ? characters[position] : nil }

    private mutating func next() -> Unicode.Scalar? {
        defer { position += 1 }
        return peek
    }

    private mutating func skip(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard characters[min(position, characters.count)...].starts(with: wanted) else { return false }
        position += wanted.count
        return true
    }

    private func fault(_ text: String) -> PatternError { .syntax(min(position, characters.count), text) }

    // MARK: Structure

    private mutating func alternatives() throws(PatternError) -> PatternNode {
        var nodes = [try sequence()]
        while skip("|") { nodes.append(try sequence()) }
        return nodes.count == 1 ? nodes[0] : .alternatives(nodes)
    }

    private mutating func sequence() throws(PatternError) -> PatternNode {
        var nodes: [PatternNode] = []
        while let character = peek, character != "|", character != ")" {
            if skip("\\Q") {
                try quoted(&nodes)
            } else if let atom = try atom() {
                nodes.append(try repeated(atom))
            }
        }
        return .sequence(nodes)
    }

    /// All up to `\E` stands for itself. What follows repeats the last character.
    private mutating func quoted(_ nodes: inout [PatternNode]) throws(PatternError) {
        var count = 0
        while peek != nil, !skip("\\E") {
            if let character = next() { nodes.append(literal(character)) }
            count += 1
        }
        if count > 0, let last = nodes.popLast() { nodes.append(try repeated(last)) }
    }

    /// One part that may be repeated; nil for what only sets flags.
    private mutating func atom() throws(PatternError) -> PatternNode? {
        guard let character = next() else { return nil }
        switch character {
        case "(": return try group()
        case "[": return .characters(try bracketed())
        case ".": return .characters(flags.dotMatchesNewline ? .all : CharacterClass.newline.inverted)
        case "^": return .assertion(flags.isMultiline ? .lineStart : .textStart)
        case "$": return .assertion(flags.isMultiline ? .lineEnd : .textEnd)
        case "*", "+", "?":
            position -= 1
            throw fault("there is nothing to repeat")
        case "\\": return try escaped()
        default: return literal(character)
        }
    }

    private func literal(_ character: Unicode.Scalar) -> PatternNode {
        var characters = CharacterClass()
        characters.insert(character...character)
        return .characters(flags.ignoresCase ? characters.foldingCase : characters)
    }

    // MARK: Repetition

    private mutating func repeated(_ node: PatternNode) throws(PatternError) -> PatternNode {
        guard let (least, most) = try repetition() else { return node }
        // Whether few or many are tried first makes no difference to a whole match.
        _ = skip("?")
        let end = position
        guard try repetition() == nil else {
            position = end
            throw fault("a repetition of a repetition needs parentheses")
        }
        return .repetition(node, least: least, most: most)
    }

    private mutating func repetition() throws(PatternError) -> (Int, Int?)? {
        if skip("*") { return (0, nil) }
        if skip("+") { return (1, nil) }
        if skip("?") { return (0, 1) }
        guard peek == "{", let (counts, end) = counts() else { return nil }
        guard counts.0 <= 1000, counts.1 ?? 0 <= 1000, counts.1.map({ counts.0 <= $0 }) ?? true else {
            throw fault("a repetition is from 0 to 1000 times, the smaller number first")
        }
        position = end
        return counts
    }

    /// `{n}`, `{n,}` or `{n,m}`, and where it ends. Anything else stands for itself.
    private func counts() -> ((Int, Int?), end: Int)? {
        var index = position + 1
        func number() -> Int? {
            var value: Int?
            while index < characters.count, let digit = characters[index].decimal {
                value = min((value ?? 0) * 10 + digit, 100_000)
                index += 1
            }
            return value
        }
        func isNext(_ character: Unicode.Scalar) -> Bool {
            guard index < characters.count, characters[index] == character else { return false }
            index += 1
            return true
        }
        guard let least = number() else { return nil }
        if isNext("}") { return ((least, least), index) }
        guard isNext(",") else { return nil }
        let most = number()
        return isNext("}") ? ((least, most), index) : nil
    }

    // MARK: Groups

    private mutating func group() throws(PatternError) -> PatternNode? {
        let outer = flags
        if skip("?P<") || skip("?<") {
            try groupName()
        } else if skip("?") {
            guard try flagSettings() else { return nil }
        }
        depth += 1
        guard depth <= TopicPattern.depthMax else { throw .tooLarge }
        let node = try alternatives()
        depth -= 1
        guard skip(")") else { throw fault("a parenthesis is not closed") }
        flags = outer
        return node
    }

    private mutating func groupName() throws(PatternError) {
        let start = position
        while let character = peek, CharacterClass.wordCharacters.contains(character) { position += 1 }
        guard position > start, skip(">") else { throw fault("a group's name is of letters, digits and underscores") }
    }

    /// Sets flags; returns whether a group with them follows, or they hold to the end of the group around.
    private mutating func flagSettings() throws(PatternError) -> Bool {
        var value = true
        while let character = next() {
            switch character {
            case "i": flags.ignoresCase = value
            case "m": flags.isMultiline = value
            case "s": flags.dotMatchesNewline = value
            case "U": break
            case "-" where value: value = false
            case ":": return true
            case ")": return false
            default:
                position -= 1
                throw fault("there is no such group or flag")
            }
        }
        throw fault("a parenthesis is not closed")
    }

    // MARK: Escapes and classes

    private mutating func escaped() throws(PatternError) -> PatternNode {
        switch peek {
        case "A": return assertion(.textStart)
        case "z": return assertion(.textEnd)
        case "b": return assertion(.wordBoundary)
        case "B": return assertion(.noWordBoundary)
        default: break
        }
        if let characters = escapedClass() { return .characters(characters) }
        return literal(try escapedCharacter())
    }

    private mutating func assertion(_ assertion: PatternNode.Assertion) -> PatternNode {
        position += 1
        return .assertion(assertion)
    }

    private mutating func escapedClass() -> CharacterClass? {
        let characters: CharacterClass
        switch peek {
        case "d": characters = .digits
        case "D": characters = CharacterClass.digits.inverted
        case "w": characters = .wordCharacters
        case "W": characters = CharacterClass.wordCharacters.inverted
        case "s": characters = .whitespace
        case "S": characters = CharacterClass.whitespace.inverted
        default: return nil
        }
        position += 1
        return characters
    }

    private mutating func escapedCharacter() throws(PatternError) -> Unicode.Scalar {
        guard let character = next() else { throw fault("nothing follows the backslash") }
        switch character {
        case "n": return "\n"
        case "t": return "\t"
        case "r": return "\r"
        case "f": return "\u{C}"
        case "v": return "\u{B}"
        case "a": return "\u{7}"
        case "x": return try hexadecimal()
        default: break
        }
        guard character.isASCII, !CharacterClass.digits.union(.letters).contains(character) else {
            position -= 1
            throw fault("there is no such escape")
        }
        return character
    }

    /// `\x7F` or `\x{7F}`, behind the x.
    private mutating func hexadecimal() throws(PatternError) -> Unicode.Scalar {
        let isBraced = skip("{")
        var value: UInt32 = 0
        var count = 0
        while count < (isBraced ? 8 : 2), let digit = peek?.hexadecimal {
            value = value << 4 | digit
            count += 1
            position += 1
        }
        let isWhole = isBraced ? count > 0 && skip("}") : count == 2
        guard isWhole, let character = Unicode.Scalar(value) else { throw fault("this is no character's number") }
        return character
    }

    /// A class, behind its opening bracket.
    private mutating func bracketed() throws(PatternError) -> CharacterClass {
        let isInverted = skip("^")
        var result = CharacterClass()
        var isFirst = true
        while isFirst || peek != "]" {
            isFirst = false
            guard peek != nil else { throw fault("a bracket is not closed") }
            if skip("[:") {
                result = result.union(try namedClass())
            } else if peek == "\\", let characters = classAfterBackslash() {
                result = result.union(characters)
            } else {
                result.insert(try range())
            }
        }
        position += 1
        if flags.ignoresCase { result = result.foldingCase }
        return isInverted ? result.inverted : result
    }

    private mutating func classAfterBackslash() -> CharacterClass? {
        position += 1
        if let characters = escapedClass() { return characters }
        position -= 1
        return nil
    }

    private mutating func namedClass() throws(PatternError) -> CharacterClass {
        let isInverted = skip("^")
        var name = ""
        while let character = peek, character != ":" {
            name.unicodeScalars.append(character)
            position += 1
        }
        guard skip(":]"), let characters = CharacterClass.named[name] else { throw fault("there is no such class") }
        return isInverted ? characters.inverted : characters
    }

    private mutating func range() throws(PatternError) -> ClosedRange<Unicode.Scalar> {
        let first = try classCharacter()
        guard peek == "-", position + 1 < characters.count, characters[position + 1] != "]" else {
            return first...first
        }
        position += 1
        let last = try classCharacter()
        guard first <= last else { throw fault("a range ends before it begins") }
        return first...last
    }

    private mutating func classCharacter() throws(PatternError) -> Unicode.Scalar {
        guard let character = next() else { throw fault("a bracket is not closed") }
        return character == "\\" ? try escapedCharacter() : character
    }
}

extension Unicode.Scalar {
    fileprivate var decimal: Int? { ("0"..."9").contains(self) ? Int(value) - 48 : nil }

    fileprivate var hexadecimal: UInt32? {
        switch self {
        case "0"..."9": value - 48
        case "a"..."f": value - 87
        case "A"..."F": value - 55
        default: nil
        }
    }
}
