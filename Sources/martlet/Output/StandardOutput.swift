import Glibc

/// A command's result, gathered and written in large pieces. `flush` at the end.
struct StandardOutput: ~Copyable {
    var bytes: [UInt8] = []
    private static let flushSize = 64 << 10

    static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    init() { bytes.reserveCapacity(2 * Self.flushSize) }

    mutating func writeLine(_ line: String) throws {
        bytes.append(contentsOf: line.utf8)
        bytes.append(UInt8(ascii: "\n"))
        try flushIfLarge()
    }

    mutating func flushIfLarge() throws {
        if bytes.count >= Self.flushSize { try flush() }
    }

    mutating func flush() throws {
        defer { bytes.removeAll(keepingCapacity: true) }
        try bytes.withUnsafeBytes { all in
            var rest = all
            while let start = rest.baseAddress, rest.count > 0 {
                let count = Glibc.write(STDOUT_FILENO, start, rest.count)
                if count < 0 {
                    if errno == EINTR { continue }
                    // Whoever reads has enough, as in `consume | head`: that is no failure.
                    if errno == EPIPE { exit(ExitStatus.success.rawValue) }
                    throw Failure("cannot write the output: \(String(cString: strerror(errno)))")
                }
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
    }
}
