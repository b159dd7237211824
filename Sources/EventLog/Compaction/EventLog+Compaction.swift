/// Compaction of topics with `cleanup.policy=compact`.
extension EventLog {
    /// Compacts every partition where that is due, on the caller's thread, and says what was done. The log does so by
    /// itself each `log.cleaner.backoff.ms`. Ends early where the log is closed meanwhile.
    @discardableResult
    public func compactNow() -> CompactionResult { compactNow(until: CompactionStop()) }

    /// The same, until `stop` says so; with no more keys in a pass than `keysMax`, whatever memory there is.
    package func compactNow(until stop: CompactionStop, keysMax: Int = .max) -> CompactionResult {
        var limits = CompactionLimits()
        limits.keysMax = keysMax
        return compactor.run(on: kept, until: stop, limits)
    }
}
