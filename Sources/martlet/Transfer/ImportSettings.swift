/// The settings of a topic that an import makes: while it is filled, all that comes stays, so that it can be read back
/// and compared; then it gets those that it is to have.
enum ImportSettings {
    /// What would take records away, change them, or refuse them for their age.
    private static let withheld: Set<String> = [
        "cleanup.policy", "retention.ms", "retention.bytes", "record.ttl.ms", "record.ttl.headers",
        "message.timestamp.type", "message.timestamp.before.max.ms", "message.timestamp.after.max.ms",
        "min.compaction.lag.ms", "max.compaction.lag.ms",
    ]
    private static let keeping = ["cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"]

    /// What the topic is created with.
    static func whileFilling(_ settings: [String: String]) -> [String: String] {
        settings.filter { !withheld.contains($0.key) }.merging(keeping) { $1 }
    }

    /// What takes it from there to its own settings.
    static func afterwards(_ settings: [String: String]) -> (set: [String: String], reset: [String]) {
        (settings.filter { withheld.contains($0.key) }, keeping.keys.filter { settings[$0] == nil }.sorted())
    }
}
