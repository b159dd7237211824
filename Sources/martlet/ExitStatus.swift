/// What the process leaves behind for a script.
enum ExitStatus: Int32, CaseIterable {
    case success = 0
    case failure = 1
    case threshold = 2
    case damage = 3
    case unreachable = 4
    /// The one that ArgumentParser uses.
    case usage = 64
    /// As a shell has it for a process that SIGINT ended.
    case interrupted = 130

    var meaning: String {
        switch self {
        case .success: "done"
        case .failure: "it could not be done; the message says why and what to do"
        case .threshold:
            "a group is further behind than was allowed, a disk is fuller, or two that were compared differ"
        case .damage: "damage was found: damaged files, or a replay that is not what was sent"
        case .unreachable: "no broker could be reached, or the connection was lost"
        case .usage: "the arguments are wrong"
        case .interrupted: "it was interrupted (Ctrl-C); what was acknowledged by then stays"
        }
    }

    static var list: String {
        allCases.map { status in
            let number = String(status.rawValue)
            return number + String(repeating: " ", count: 5 - number.count) + status.meaning
        }.joined(separator: "\n  ")
    }
}
