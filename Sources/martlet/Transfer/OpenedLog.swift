import EventLog

/// A data directory that a command has open for as long as it works on it.
enum OpenedLog {
    static func open(at path: String) throws -> EventLog {
        var options = EventLogOptions()
        options.logger = WarningLines.logger
        // Who copies from it, or to it, wants nothing to go meanwhile.
        options.runsHousekeeping = false
        return try EventLog.open(at: path, options: options)
    }

    /// Runs `body` on the log in a directory, and closes it.
    static func with<R>(_ path: String, _ body: (EventLog) async throws -> R) async throws -> R {
        let log = try open(at: path)
        do {
            let result = try await body(log)
            try log.close()
            return result
        } catch {
            try? log.close()
            throw error
        }
    }
}
