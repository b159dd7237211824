/// What a log's threads do, for whoever has it run none: see `Footprint.runsThreads`.
extension EventLog {
    /// Does on this thread what is due in the background.
    /// - Parameter milliseconds: how long ago that was done last; after 15 seconds a checkpoint is due.
    package func work(milliseconds: Int) { checkpointer.work(milliseconds: milliseconds) }

    /// Returns when the round is committed, which this thread does where nobody else is at it.
    package func commit(round: UInt64) { committer.waitLeading(for: round) }
}
