package import Logging
internal import Synchronization

/// What a log or a broker has said, for a test to look at: each line is a message with its metadata.
package final class LogLines: Sendable {
    private let state = Mutex(State())
    private let level: Logger.Level

    private struct State {
        var lines: [String] = []
        var waiting: [(text: String, continuation: CheckedContinuation<String, Never>)] = []
    }

    /// - Parameter level: what is less than this is not kept.
    package init(from level: Logger.Level = .info) { self.level = level }

    package var lines: [String] { state.withLock { $0.lines } }

    package func count(containing text: String) -> Int { lines.count { $0.contains(text) } }

    /// The first line that has `text` in it, once it is there.
    @discardableResult
    package func line(with text: String) async -> String {
        await withCheckedContinuation { continuation in
            let found = state.withLock { state in
                let line = state.lines.first { $0.contains(text) }
                if line == nil { state.waiting.append((text, continuation)) }
                return line
            }
            if let found { continuation.resume(returning: found) }
        }
    }

    package func makeLogger() -> Logger {
        Logger(label: "test") { _ in Handler(lines: self, logLevel: level) }
    }

    private func add(_ line: String) {
        let due = state.withLock { state in
            state.lines.append(line)
            let due = state.waiting.filter { line.contains($0.text) }
            state.waiting.removeAll { line.contains($0.text) }
            return due
        }
        for waiter in due { waiter.continuation.resume(returning: line) }
    }

    private struct Handler: LogHandler {
        let lines: LogLines
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let values = event.metadata ?? [:]
            let texts = values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            lines.add(([event.message.description] + texts).joined(separator: " "))
        }
    }
}
