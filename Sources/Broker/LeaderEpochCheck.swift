internal import EventLog
internal import KafkaProtocol

/// What a client may ask by the leader epoch that it knows.
extension Partition {
    /// Why a client that takes `epoch` for the current one gets no answer; nil: it gets one. −1: it does not say.
    func fencing(_ epoch: Int32) -> ErrorCode? {
        guard epoch != -1, epoch != leaderEpoch else { return nil }
        return epoch < leaderEpoch ? .fencedLeaderEpoch : .unknownLeaderEpoch
    }

    /// Where the log departs from what a reader has read up to `offset`, the last of it written by `epoch`; nil: it does
    /// not, or the reader does not say. Throws `offsetOutOfRange` where the epoch is none that there was.
    func divergence(from epoch: Int32, at offset: Offset) throws(LogError) -> FetchResponse.EpochEndOffset? {
        guard epoch != -1 else { return nil }
        let start = logStart
        guard offset >= start, let known = endOffset(ofEpoch: epoch) else {
            throw .offsetOutOfRange(requested: offset, start: start, end: end)
        }
        guard known.epoch < epoch || known.endOffset < offset else { return nil }
        var diverging = FetchResponse.EpochEndOffset()
        diverging.epoch = known.epoch
        diverging.endOffset = known.endOffset.value
        return diverging
    }
}
