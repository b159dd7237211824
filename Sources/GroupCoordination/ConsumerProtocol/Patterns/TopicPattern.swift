/// A regular expression for topics' names, in the common part of RE2's syntax: literals, `.`, classes, `\d \w \s` and
/// their opposites, `^ $ \A \z \b \B`, groups, alternatives, `* + ? {n,m}`, `(?i)` and the other flags, `\Q…\E`. There
/// are no Unicode classes (`\p{…}`) and no octal escapes.
///
/// A name matches as a whole, as on Kafka's brokers: `telemetry` does not match `telemetry-2`, `telemetry.*` does. The
/// time that takes grows with the name's length and the expression's size alone, whatever the expression.
package struct TopicPattern: Sendable {
    /// A topic's name has 249 characters at most.
    static let charactersMax = 1000
    static let statesMax = 1500
    static let depthMax = 100
    /// States of all patterns of one group: so a topic that is created holds a group up for some milliseconds at most.
    package static let groupStatesMax = 15_000
    /// Steps from state to state over all topics, when a member brings a pattern: some tens of milliseconds. An ordinary
    /// one takes one or two a character.
    package static let stepsMax = 10_000_000

    private let program: PatternProgram

    package init(_ text: String) throws(PatternError) {
        let characters = Array(text.unicodeScalars.prefix(Self.charactersMax + 1))
        guard characters.count <= Self.charactersMax else { throw .tooLong }
        var parser = PatternParser(characters)
        program = try PatternProgram(try parser.parse())
    }

    var stateCount: Int { program.stateCount }

    package func matches(_ name: String) -> Bool {
        var steps = Int.max
        return program.matches(name, steps: &steps) ?? false
    }

    /// - Parameter steps: how many may be taken; those that were are gone.
    /// - Returns: nil: they did not do.
    func matches(_ name: String, steps: inout Int) -> Bool? { program.matches(name, steps: &steps) }
}
