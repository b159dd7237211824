internal import Logging
internal import Synchronization

extension Partition {
    /// Takes note of what a reader has met, and passes it on. Damage leaves a line in the log once, however often it is met.
    func said(_ error: LogError) -> LogError {
        guard case .damagedRecords(let file, let position, let offsets, let reason) = error,
            saidDamage.withLock({ said in said.count < 10_000 && said.insert("\(file):\(position)").inserted })
        else { return error }
        checkpointer?.logger.error(
            "records are damaged and cannot be read: what lies before and behind them can",
            metadata: [
                "topic": "\(topicName)", "partition": "\(index)", "file": "\(file)", "position": "\(position)",
                "from": "\(offsets.lowerBound)", "to": "\(offsets.upperBound.advanced(by: -1))", "reason": "\(reason)",
            ])
        return error
    }
}
