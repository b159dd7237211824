internal import Storage

/// Bringing partitions to where their sealed segments may be exchanged.
extension Checkpointer {
    /// Sees to it that whatever is read one day, both slots of a checkpoint or one of them, either header of the journal
    /// or none, nothing is written into the segments that are sealed now, and no end lies in them: a round that is
    /// replayed names positions, and in a segment that was exchanged other batches lie there.
    ///
    /// `awaitPublished` waits until the journal's rounds below a number are published.
    func settle(_ partitions: [Partition], awaitPublished: (UInt64) -> Void) throws(FileError) {
        let sealed = partitions.map { ($0, $0.sealedTo) }.filter { $0.needsSettling(to: $1) }
        guard !sealed.isEmpty else { return }
        // A segment is sealed when the round is published that went past it: the journal has every round that it is in.
        awaitPublished(journal.nextSequence)
        try exclusively { () throws(FileError) in try settleInTurn(sealed) }
    }

    private func settleInTurn(_ sealed: [(Partition, Offset)]) throws(FileError) {
        try checkSound()
        #if PLANTED_BUGS
        if PlantedBug.exchangedUnsettled.isPlanted {
            for (partition, offset) in sealed { partition.settled(to: offset) }
            return
        }
        #endif
        let boundary = publishedSequence()
        let served = partitions()
        let serving = Set(served.map(ObjectIdentifier.init))
        let settling = sealed.filter { serving.contains(ObjectIdentifier($0.0)) && !$0.0.hasFailedSync }
        guard !settling.isEmpty else { return }
        for (partition, offset) in settling {
            partition.replay(from: offset)
            partition.wantCheckpoint()
        }
        let dirty = served.filter { $0.isDirty }
        try write(dirty, journalSequence: boundary)
        try write(settling.map(\.0), journalSequence: boundary)
        for partition in dirty { removeDeleted(from: partition) }
        try journal.releaseForGood(below: boundary)
        for (partition, offset) in settling { partition.settled(to: offset) }
    }
}

extension EventLog {
    /// Makes all segments of the partitions exchangeable that are sealed now. Waits for two checkpoints.
    func settleForCompaction(_ partitions: [Partition]) throws(LogError) {
        try storage { () throws(FileError) in
            try checkpointer.settle(partitions) { committer.waitPublished(below: $0) }
        }
    }
}
