/// Why a regular expression cannot be used.
package enum PatternError: Error, Hashable, Sendable, CustomStringConvertible {
    case tooLong
    /// It would need too many states, or is nested too deeply.
    case tooLarge
    /// At which character of the expression, and what is wrong there.
    case syntax(Int, String)

    package var description: String {
        switch self {
        case .tooLong: "it is longer than \(TopicPattern.charactersMax) characters"
        case .tooLarge: "it is too large: use fewer or smaller repetitions"
        case .syntax(let position, let fault): "at character \(position + 1): \(fault)"
        }
    }
}
