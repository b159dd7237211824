import ArgumentParser

/// What is said about arguments that make no sense: one line, which says where to read on.
enum UsageError {
    static func line(for error: any Error) -> String {
        var message = Substring(Martlet.message(for: error))
        while let last = message.last, last == "." || last.isNewline { message.removeLast() }
        let oneLine = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        return "\(oneLine): see '\(helpCommand(in: Martlet.fullMessage(for: error)))'"
    }

    /// The parser's own text ends by naming the help of the command at fault: See 'martlet consume --help' for more…
    private static func helpCommand(in text: String) -> Substring {
        let quoted = text.split(whereSeparator: \.isNewline).last?.split(separator: "'") ?? []
        return quoted.count >= 2 ? quoted[1] : "martlet --help"
    }
}
