import Glibc

/// Shows one page after another in the same place of a terminal; one below the other where there is none.
struct Screen {
    private let isTerminal = StandardOutput.isTerminal
    private var isFirst = true

    mutating func show(_ page: inout StandardOutput) throws {
        defer { isFirst = false }
        guard isTerminal else { return try page.flush() }
        let lines = page.bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        // The last one is empty: what follows the last line's end.
        page.bytes = Self.drawn(lines.dropLast().map(Array.init), rows: Self.rows, isFirst: isFirst)
        try page.flush()
    }

    /// From the top left; each line clears what was right of it, the last what was below. Lines that do not fit are left out,
    /// so that nothing scrolls.
    static func drawn(_ lines: [[UInt8]], rows: Int, isFirst: Bool) -> [UInt8] {
        var bytes = Array((isFirst ? "\u{1B}[H\u{1B}[2J" : "\u{1B}[H").utf8)
        for line in lines.prefix(max(1, rows - 1)) {
            bytes.append(contentsOf: line)
            bytes.append(contentsOf: "\u{1B}[K\n".utf8)
        }
        bytes.append(contentsOf: "\u{1B}[J".utf8)
        return bytes
    }

    private static var rows: Int {
        var size = winsize()
        let isKnown = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_row > 0
        return isKnown ? Int(size.ws_row) : 24
    }
}
