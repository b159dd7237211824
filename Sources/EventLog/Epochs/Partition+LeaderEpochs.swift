internal import Synchronization

/// Who wrote what: for readers that find out whether the log was truncated under them.
extension Partition {
    /// Where the records of an epoch end: with the current one, the durable end; with an earlier one, the start of the
    /// next, and the largest epoch up to the one asked for. For an epoch before the first that is remembered, itself and
    /// where that first one begins. nil: there was no such epoch yet.
    package func endOffset(ofEpoch epoch: Int32) -> (epoch: Int32, endOffset: Offset)? {
        if epoch == leaderEpoch { return (epoch, end) }
        return epochs.withLock { $0.end(of: epoch) }
    }

    /// The epoch that wrote the record at `offset`, or would; nil: nobody remembers.
    package func leaderEpoch(at offset: Offset) -> Int32? { epochs.withLock { $0.epoch(at: offset) } }
}
