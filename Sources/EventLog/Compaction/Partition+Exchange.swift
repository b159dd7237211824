internal import Storage
internal import Synchronization

/// Which segments may be exchanged, and what compaction has come to.
extension Partition {
    /// Up to where records were compacted: what follows is new since.
    package var cleanedTo: Offset { max(logStart, compaction.withLock { $0.marks.cleanedTo }) }

    /// When the first of what compaction left is due to go; `none`: nothing is.
    var nextHorizon: Timestamp { compaction.withLock { $0.marks.nextHorizon } }

    /// Takes note of a compaction that has come to its end. The next checkpoint says so: after a crash before that, the
    /// same records are compacted once more.
    func finishCompaction(cleanedTo: Offset, nextHorizon: Timestamp) {
        compaction.withLock { state in
            state.marks.cleanedTo = cleanedTo
            state.marks.nextHorizon = nextHorizon
        }
        wantCheckpoint()
    }

    /// The segments that may be exchanged, oldest first: those that were sealed when the partition was last settled.
    func exchangeableSegments() -> [Segment] {
        let limit = compaction.withLock { $0.isHalted ? 0 : $0.exchangeableTo }
        let segments = segments
        let count = zip(segments, segments.dropFirst()).prefix { $1.baseOffset <= limit }.count
        return Array(segments[..<count])
    }

    func needsSettling(to offset: Offset) -> Bool {
        compaction.withLock { !$0.isHalted && $0.exchangeableTo < offset }
    }

    /// Rounds for segments before `offset` need not be replayed any more, once a checkpoint says so.
    func replay(from offset: Offset) {
        compaction.withLock { $0.marks.replayFrom = max($0.marks.replayFrom, offset) }
    }

    func settled(to offset: Offset) {
        compaction.withLock { $0.exchangeableTo = max($0.exchangeableTo, offset) }
    }

    var exchangesAreHalted: Bool { compaction.withLock { $0.isHalted } }

    /// No segment is exchanged any more, until the log is opened again.
    func haltExchanges() { compaction.withLock { $0.isHalted = true } }

    /// Whether neighbours are the partition's still, and may be exchanged: false where they were deleted. By whoever has the
    /// checkpointer's turn.
    func mayExchange(_ replaced: [Segment]) throws(LogError) -> Bool {
        switch failure {
        case .closed: throw .closed
        case .unknownTopic: return false
        case let failure? where hasFailedSync: throw failure
        default: break
        }
        if exchangesAreHalted {
            throw .storage(
                "an exchange of segments in \(directory) could not be finished: open the log again, which finishes it")
        }
        let segments = exchangeableSegments()
        guard let first = segments.firstIndex(where: { $0 === replaced.first }),
            segments.count - first >= replaced.count
        else { return false }
        return zip(segments[first...], replaced).allSatisfy { $0 === $1 }
    }
}
