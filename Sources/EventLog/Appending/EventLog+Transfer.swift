/// What a copy of a topic from elsewhere needs.
extension EventLog {
    /// Blocks until a round is committed, leading it where nobody else does.
    package func wait(forRound round: UInt64) { committer.waitLeading(for: round) }

    /// Makes the topic's batches that were appended so far durable: in topics that skip the journal, too.
    package func synchronize() throws(LogError) {
        committer.flush()
        try checkpoint()
    }
}
