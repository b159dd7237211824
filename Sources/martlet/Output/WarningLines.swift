import Logging

/// What the client warns of while a command works, as lines for people: why it waits, above all.
struct WarningLines: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.warning

    static let logger = Logger(label: "martlet") { _ in WarningLines() }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { StandardError.print(Self.line(event.message, event.metadata ?? [:])) }

    /// The message, then the error, then what else there is to it.
    static func line(_ message: Logger.Message, _ metadata: Logger.Metadata) -> String {
        let error = metadata["error"].map { ": \($0)" } ?? ""
        let others = metadata.filter { $0.key != "error" }.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        return "martlet: \(message)\(error)" + (others.isEmpty ? "" : " (\(others.joined(separator: ", ")))")
    }
}
