internal import Logging
internal import Storage
internal import Synchronization

/// Deleting records from the start of a partition on.
extension Partition {
    /// Deletes all records before `offset` and returns the log's new start. That is durable when it returns, and before
    /// any file goes. Segments that lie wholly before it are removed, the one that is written to after it has ended.
    /// Readers at work may finish; who comes later gets `offsetOutOfRange`. A start that is further on already stays.
    ///
    /// Throws `offsetOutOfRange` past the durable end. Waits for the disk, and for a checkpoint.
    @discardableResult
    public func deleteRecords(before offset: Offset) throws(LogError) -> Offset {
        guard let checkpointer else { throw .closed }
        // First by itself: what is wrong with it is to be said, where of many it is only left out.
        try checkDeletion(before: offset)
        var removed: [RemovedSegments] = []
        try checkpointer.exclusively { () throws(LogError) in
            try checkDeletion(before: offset)
            guard offset > logStart else { return }
            removed = try storage { () throws(FileError) in
                try checkpointer.advanceInTurn([Deletion(partition: self, start: offset)])
            }
        }
        for removed in removed { checkpointer.removeFiles(removed) }
        return logStart
    }

    /// Where an append has failed, deleting may be what makes room. Where a sync has, nothing can be made durable.
    private func checkDeletion(before offset: Offset) throws(LogError) {
        switch failure {
        case .closed: throw .closed
        case .unknownTopic(let name): throw .unknownTopic(name)
        case let failure? where hasFailedSync: throw failure
        default: break
        }
        guard offset >= 0, offset <= end else {
            throw .offsetOutOfRange(requested: offset, start: logStart, end: end)
        }
    }

    /// Whether the deletion can be: it may no longer be what it was when it was decided on.
    fileprivate func takes(_ deletion: Deletion) -> Bool {
        do { try checkDeletion(before: deletion.start) } catch { return false }
        return deletion.start > logStart || hasDeletedSegments
    }

    /// True: there are segments that lie wholly before the start, and may be removed when checkpoints say so.
    var hasDeletedSegments: Bool {
        let segments = segments
        guard segments.count > 1, segments[1].baseOffset <= logStart else { return false }
        // Of a partition that has failed the checkpoints' end may stay in a segment that has ended.
        return segments[0].baseOffset < sealedTo
    }

    fileprivate func begin(at start: Offset) {
        guard start > logStart else { return }
        epochs.withLock { $0.trim(to: start) }
        watermarks.publish(start: start)
        wakeWatchers()
    }

    /// Takes the segments from the list that lie wholly below the start, as far as the checkpoint's slots say so. By the
    /// checkpointer alone, after a checkpoint that is durable.
    fileprivate func takeDeletedSegments() -> [Segment] {
        guard let vouched = vouchedStart else { return [] }
        let start = min(vouched.logStart, logStart)
        return takeSegments { $1.baseOffset <= start && $0.baseOffset < vouched.segment }
    }
}

/// Where a log is to begin.
struct Deletion {
    let partition: Partition
    let start: Offset
}

/// Segments that no list has any more, and whose files are to go.
struct RemovedSegments {
    let partition: Partition
    let segments: [Segment]
}

extension Checkpointer {
    /// Moves the starts of logs, durably in both slots, and takes the segments before them from their lists. Those are left
    /// out that cannot be: a partition that was deleted, or has failed to sync. By whoever has the turn.
    func advanceInTurn(_ deletions: [Deletion]) throws(FileError) -> [RemovedSegments] {
        let deletions = deletions.filter { $0.partition.takes($0) }
        guard !deletions.isEmpty else { return [] }
        let starts = deletions.map { max($0.start, $0.partition.logStart) }
        try checkpointAlone(deletions.map(\.partition), starts: starts)
        // In both slots before a file goes: whichever is read one day, it must not name one that is gone.
        let removing = zip(deletions, starts).filter { deletion, start in
            deletion.partition.segments.dropFirst().first.map { $0.baseOffset <= start } ?? false
        }
        if !removing.isEmpty { try checkpointAlone(removing.map(\.0.partition), starts: removing.map(\.1)) }
        for (deletion, start) in zip(deletions, starts) { deletion.partition.begin(at: start) }
        return removing.map(\.0.partition).map {
            RemovedSegments(partition: $0, segments: $0.takeDeletedSegments())
        }
    }

    /// Removes files without the turn: a thousand of them hold up nobody. What cannot be removed now is when the directory
    /// is opened next. Ends early where the partition does.
    func removeFiles(_ removed: RemovedSegments) {
        for start in stride(from: 0, to: removed.segments.count, by: Self.removedAtOnce) {
            let part = removed.segments[start..<min(start + Self.removedAtOnce, removed.segments.count)]
            let goesOn = removing {
                // Whoever deletes the topic removes all its files, and another may have its name by now. Of a log that
                // is closed the directory may be another process's.
                switch removed.partition.failure {
                case .unknownTopic, .closed: return false
                default: break
                }
                return remove(Array(part), of: removed.partition)
            }
            if !goesOn { return }
        }
    }

    /// After so many segments others get their turn at removing.
    private static let removedAtOnce = 16

    /// After a checkpoint, and in its turn: what it has made the slots agree on.
    func removeDeleted(from partition: Partition) {
        _ = remove(partition.takeDeletedSegments(), of: partition)
    }

    /// False: one could not be removed.
    private func remove(_ segments: [Segment], of partition: Partition) -> Bool {
        do throws(FileError) {
            for segment in segments { try segment.remove() }
            return true
        } catch {
            logger.warning(
                "a segment whose records were deleted cannot be removed",
                metadata: partition.metadata("error", "\(error)"))
            return false
        }
    }
}
