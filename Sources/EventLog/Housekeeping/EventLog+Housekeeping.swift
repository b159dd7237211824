internal import Storage

/// Keeping the log in bounds, in the background or when asked.
extension EventLog {
    /// Begins to delete what is past its retention, and to compact, where the log was opened without (`runsHousekeeping`).
    /// The first pass is due after an interval.
    public func startHousekeeping() { housekeeping.start() }

    /// Deletes what is past its retention now, on the caller's thread. The log does so by itself each
    /// `log.retention.check.interval.ms`.
    @discardableResult
    public func retainNow() -> RetentionResult { retainer.run() }

    static func tasks(_ kept: KeptLog, _ retainer: Retainer, _ compactor: Compactor) -> [HousekeepingTask] {
        let stop = CompactionStop()
        return [
            HousekeepingTask(
                name: "martlet-retain", interval: { kept.settings.retentionIntervalMilliseconds },
                body: { retainer.run() }),
            HousekeepingTask(
                name: "martlet-clean", interval: { kept.settings.compactionIntervalMilliseconds },
                onStop: { stop.stop() },
                body: {
                    ThreadPriority.lower()
                    if kept.settings.compacts { compactor.run(on: kept, until: stop) }
                }),
        ]
    }
}
