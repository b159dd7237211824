internal import Logging
internal import NIOCore
internal import Synchronization

/// Keeps the log from being filled by what clients do: of each kind of line so many are written in a while, and the first
/// one afterwards says how many were not.
struct LineLimiter {
    static let linesMax = 20
    static let windowMilliseconds: Int64 = 10_000

    private var windows: [String: Window] = [:]

    private struct Window {
        var begin: NIODeadline
        var written = 0
        var leftOut = 0
    }

    /// nil: the line is left out; else how many of its kind were since the last one that was written.
    /// - Parameter kind: one of few, none that a client makes up.
    mutating func admit(_ kind: String, at now: NIODeadline) -> Int? {
        var window = windows[kind] ?? Window(begin: now)
        defer { windows[kind] = window }
        if now - window.begin >= .milliseconds(Self.windowMilliseconds) {
            window.begin = now
            window.written = 0
        }
        guard window.written < Self.linesMax else {
            window.leftOut += 1
            return nil
        }
        window.written += 1
        defer { window.leftOut = 0 }
        return window.leftOut
    }
}

/// Writes lines about clients, no more than a `LineLimiter` admits.
final class ClientLog: Sendable {
    private let logger: Logger
    private let limiter = Mutex(LineLimiter())

    init(_ logger: Logger) { self.logger = logger }

    /// The message is the kind.
    func write(_ level: Logger.Level, _ message: StaticString, _ metadata: @autoclosure () -> Logger.Metadata) {
        guard logger.logLevel <= level, let leftOut = limiter.withLock({ $0.admit("\(message)", at: .now()) })
        else { return }
        var metadata = metadata()
        if leftOut > 0 { metadata["left out"] = "\(leftOut)" }
        logger.log(level: level, "\(message)", metadata: metadata)
    }
}
