/// The broker's settings by which records of every topic may go that sets nothing of its own.
enum DeletingSettings {
    /// Of a change those that may delete, hide or compact what is there, in order of name. `reset`: back to a default
    /// that is not known here.
    static func among(_ settings: [String: String], reset: [String]) -> [String] {
        let changed = settings.filter { names.contains($0) && !keepsAll.contains($1) }.map(\.key)
        return (changed + reset.filter(names.contains)).sorted()
    }

    private static let names: Set<String> = [
        "log.cleanup.policy", "log.record.ttl.headers", "log.record.ttl.ms", "log.retention.bytes",
        "log.retention.ms", "retention.total.bytes",
    ]
    /// Values by which nothing goes.
    private static let keepsAll: Set<String> = ["-1", "false"]
}
