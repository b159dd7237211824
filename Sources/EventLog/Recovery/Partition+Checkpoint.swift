internal import Storage
internal import Synchronization

/// Checkpoints, by the checkpointer alone.
extension Partition {
    var isDirty: Bool { writer.withLock { $0.isDirty } }

    /// The next checkpoint covers this partition, whether it was written to or not.
    func wantCheckpoint() { writer.withLock { $0.wantCheckpoint() } }

    /// Whether the index files of the segment that ends the log lack anything, which checkpoints leave to whoever closes it.
    var lacksIndexEntries: Bool { writer.withLock { $0.failedSync == nil && $0.active.lacksIndexEntries } }

    /// Writes what these files lack, where the disk takes it. Returns the segment, which is to be synced then.
    func completeIndexes() throws(FileError) -> Segment {
        let (active, end) = writer.withLock { ($0.active, $0.published) }
        try active.writeIndexesIfPossible(below: active.baseOffset == end.segment ? end.position : 0)
        return active
    }

    func synchronizeRelaxed() throws(FileError) {
        try writer.withLock { writer throws(FileError) in try writer.synchronizeRelaxed() }
    }

    /// Writes what a checkpoint has to say and returns the segments to sync before it counts. `logStart`: the one that is
    /// to be, where records are being deleted.
    func writeCheckpoint(journalSequence: UInt64, logStart newStart: Offset? = nil) throws(FileError) -> [Segment] {
        let start = newStart ?? logStart
        let (end, unsettled, segments) = writer.withLock { ($0.published, $0.unsettledMark, $0.takeDirty()) }
        do throws(FileError) {
            let indexed = environment.footprint.indexedBytes(upTo: end.position)
            for segment in segments {
                if !environment.fileSystem.exists(segment.path) { throw FileError.gone(segment.path) }
                let isSealed = segment.baseOffset < end.segment
                // One behind the end has nothing yet that the checkpoint speaks of.
                let byteCount = isSealed ? Int.max : segment.baseOffset == end.segment ? indexed : 0
                try segment.writeIndexesIfPossible(below: byteCount)
            }
            try checkWhole(to: end)
            let producers = producers.truncated(to: end.offset)
            var epochs = epochs.withLock { $0 }
            epochs.trim(to: start)
            let checkpoint = PartitionCheckpoint(
                journalSequence: journalSequence, logStart: start, end: end,
                compaction: compaction.withLock { $0.marks }, epochs: epochs, producers: producers)
            // What is not replayed any more must be durable by then, of a segment that stays.
            let startsInside = segment(holding: start)?.baseOffset != start
            let advances = checkpoints.withLock { $0.isAdvanced(by: checkpoint, startsInside: startsInside) }
            if unsettled != nil || advances || !settings.isJournaled {
                try synchronize(newStart.map { lasting(segments, from: $0) } ?? segments)
            }
            if let unsettled { settle(unsettled) }
            try checkpoints.withLock { file throws(FileError) in try file.write(checkpoint) }
        } catch {
            writer.withLock { $0.putBack(segments) }
            throw error
        }
        return segments
    }

    /// Throws where someone has cut the segment that ends the log: no checkpoint may say that it holds what it does not.
    private func checkWhole(to end: LogEnd) throws(FileError) {
        guard let last = segment(holding: end.offset), last.baseOffset == end.segment else { return }
        if let size = try last.openSize(), size < end.position { throw FileError.gone(last.path) }
    }

    /// Whether segments must be synced before a checkpoint is even written: see `PartitionWriter`.
    var unsettledMark: UInt64? { writer.withLock { $0.unsettledMark } }

    /// Whether what was read of the checkpoint must be durable before another is written: see `CheckpointFile`.
    var mustSettleCheckpoint: Bool { checkpoints.withLock { $0.mustSettle } }

    /// Writes again what was read of it; then a sync, and `checkpointSettled`.
    func rewriteCheckpoint() throws(FileError) {
        try checkpoints.withLock { file throws(FileError) in try file.rewrite() }
    }

    func checkpointSettled() { checkpoints.withLock { $0.noteSettled() } }

    func settleCheckpoint() throws(FileError) {
        try checkpoints.withLock { file throws(FileError) in try file.settle() }
    }

    /// Everything is synced that was cut up to the mark.
    func settle(_ mark: UInt64) { writer.withLock { $0.settle(mark) } }

    /// Before the checkpoint: what skips the journal must be on disk before one may say so, and so must what recovery
    /// left before one names an end past it.
    private func synchronize(_ segments: [Segment]) throws(FileError) {
        for segment in segments { try segment.synchronize() }
        try environment.fileSystem.synchronizeDirectory(directory)
    }

    /// What the slots of the checkpoint agree on.
    var vouchedStart: (logStart: Offset, segment: Offset)? { checkpoints.withLock { $0.vouched } }

    /// The sync that failed, where one has: no checkpoint can be made any more.
    var failedSync: FileError? { writer.withLock { $0.failedSync } }
    var hasFailedSync: Bool { failedSync != nil }

    /// Segments that a checkpoint took and did not sync: the next one does.
    func putBackUnsynced(_ segments: [Segment]) { writer.withLock { $0.putBack(segments) } }

    /// A checkpoint was written, and could not be synced with what it speaks of, these segments.
    func giveUpCheckpoint(_ segments: [Segment]) {
        checkpoints.withLock { $0.giveUp() }
        putBackUnsynced(segments)
    }

    func synchronizeCheckpoint() throws(FileError) {
        try checkpoints.withLock { file throws(FileError) in try file.synchronize() }
    }

    /// The base of the segment that holds the end which readers see: those before it are sealed, and no round that is
    /// not published yet has anything for them.
    var sealedTo: Offset { writer.withLock { $0.published.segment } }
}
