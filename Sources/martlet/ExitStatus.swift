/// What the process leaves behind for a script.
enum ExitStatus: Int32, CaseIterable {
    case success = 0
    case failure = 1
    case damage = 3
    case unreachable = 4
    /// The one that ArgumentParser uses.
    case usage = 64

    var meaning: String {
        switch self {
        case .success: "done"
        case .failure: "it could not be done; the message says why and what to do"
        case .damage: "damage was found: damaged files, or a replay that is not what was sent"
        case .unreachable: "no broker could be reached, or the connection was lost"
        case .usage: "the arguments are wrong"
        }
    }

    static var list: String {
        allCases.map { "\($0.rawValue)\($0.rawValue < 10 ? " " : "")  \($0.meaning)" }.joined(separator: "\n  ")
    }
}
