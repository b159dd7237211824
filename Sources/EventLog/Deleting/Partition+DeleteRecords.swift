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
        try checkpointer.exclusively { () throws(LogError) in
            try checkDeletion(before: offset)
            guard offset > logStart else { return }
            let removes = segments.dropFirst().first.map { $0.baseOffset <= offset } ?? false
            try storage { () throws(FileError) in
                try checkpointer.checkpointAlone(self, logStart: offset)
                // In both slots before a file goes: whichever is read one day, it must not name one that is gone.
                if removes { try checkpointer.checkpointAlone(self, logStart: offset) }
            }
            epochs.withLock { $0.trim(to: offset) }
            watermarks.publish(start: offset)
            wakeWatchers()
            checkpointer.removeDeleted(from: self)
        }
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

    /// Takes away the segments that lie wholly below the start, as far as the checkpoint's slots say so. By the
    /// checkpointer alone, after a checkpoint that is durable.
    func removeDeletedSegments() throws(FileError) {
        guard let vouched = vouchedStart else { return }
        let start = min(vouched.logStart, logStart)
        let deleted = takeSegments { $1.baseOffset <= start && $0.baseOffset < vouched.segment }
        for segment in deleted { try segment.remove() }
    }
}

extension Checkpointer {
    /// What cannot be removed now is when the directory is opened next.
    func removeDeleted(from partition: Partition) {
        do { try partition.removeDeletedSegments() } catch {
            logger.warning(
                "a segment whose records were deleted cannot be removed",
                metadata: ["topic": "\(partition.topicName)", "partition": "\(partition.index)", "error": "\(error)"])
        }
    }
}
