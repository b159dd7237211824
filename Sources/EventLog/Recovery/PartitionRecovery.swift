internal import Logging
internal import Storage

/// A partition as recovery leaves it, ready to be served.
struct RecoveredPartition {
    var topicName: String
    var topicID: TopicID
    var index: Int
    var directory: String
    var settings: TopicSettings
    var logStart: Offset
    var end: LogEnd
    var epochs: LeaderEpochs
    var producers: ProducerTable
    /// Oldest first; the last one is `active`.
    var segments: [Segment]
    var active: Segment
    var activeFile: any StorageFile
    /// Of the active segment's first batch; nil while it is empty.
    var firstTimestamp: Int64?
    /// Segments that recovery wrote to, or found more in than the checkpoint knows: they may not be durable, whoever
    /// wrote them.
    var dirty: [Segment]
    /// How many records there are past the checkpoint.
    var unsyncedRecords: Int64
    /// Some of them are in no round of the journal, which a power cut would need to bring them back.
    var hasFoundRecords: Bool
    var compaction: CompactionMarks
    var checkpointFile: CheckpointFile
}

/// Brings one partition back: from its checkpoint, what the journal holds beyond it, and nothing else.
final class PartitionRecovery {
    private let topic: TopicCatalogue.Entry
    private let index: Int
    private let directory: String
    private let fileSystem: any FileSystem
    private let footprint: Footprint
    private let logger: Logger
    private var checkpointFile: CheckpointFile
    private var checkpoint: PartitionCheckpoint
    private var end: LogEnd
    private var epochs: LeaderEpochs
    private var producers: ProducerTable
    private var bases: [Offset]
    /// Base offsets that an index file names.
    private let indexed: Set<Offset>
    /// Base offsets of segments that were written to, or hold more than the checkpoint knows.
    private var touched: Set<Offset> = []
    /// No slot of the checkpoint is whole.
    private var hasNoCheckpoint = false
    /// One slot of the checkpoint alone says which rounds are not needed: a checkpoint is due.
    private let hasLoneClaim: Bool
    /// Where the first entry lies that the journal still has: what indexes say from there on may never have been durable.
    private var firstReplayed: (segment: Offset, position: Int)?
    /// Records were found that neither the checkpoint nor the journal knows of.
    private var hasFoundRecords = false
    /// Whoever had the directory open last did not close it.
    private var wasCut = false
    /// Names of segments were removed, or bytes cut: a power cut may bring them back.
    private var hasTakenAway = false
    /// Open while entries of one segment follow each other.
    private var current: (base: Offset, file: any StorageFile)?

    init(
        _ topic: TopicCatalogue.Entry, _ index: Int, in data: String, _ environment: Environment, logger: Logger,
        acceptsCheckpointLoss: Bool = false
    ) throws(LogError) {
        self.topic = topic
        self.index = index
        let fileSystem = environment.fileSystem
        self.fileSystem = fileSystem
        footprint = environment.footprint
        self.logger = logger
        let directory = "\(data)/\(TopicName.directory(topic.name, index))"
        self.directory = directory
        let names = try SwapRecovery(of: directory, fileSystem, logger: logger).run()
        do throws(FileError) {
            bases = SegmentFiles.baseOffsets(in: names)
            indexed = SegmentFiles.indexedBaseOffsets(in: names)
            var file = CheckpointFile(path: "\(directory)/\(CheckpointFile.name)", fileSystem)
            let read = try file.read()
            hasLoneClaim = file.hasLoneClaim
            // Who wrote it may have been killed before it was synced. By the one before it, rounds are needed that are
            // not replayed by this one, and what a reader has seen to be gone must not come back.
            if hasLoneClaim {
                try file.settle()
                try fileSystem.synchronizeDirectory(directory)
            }
            checkpointFile = file
            let start = bases.first ?? 0
            checkpoint =
                read
                ?? PartitionCheckpoint(
                    journalSequence: 0, logStart: start, end: LogEnd(offset: start, segment: start, position: 0))
            end = checkpoint.end
            epochs = checkpoint.epochs
            producers = checkpoint.producers
            hasNoCheckpoint = read == nil
        } catch {
            throw LogError(error)
        }
        try tellOfCheckpoint(acceptsLoss: acceptsCheckpointLoss)
    }

    private func tellOfCheckpoint(acceptsLoss: Bool) throws(LogError) {
        let path = "\(directory)/\(CheckpointFile.name)"
        if checkpointFile.hasDamagedSlot, !hasNoCheckpoint {
            logger.warning(
                "one of a checkpoint's two slots is not whole: the other one counts", metadata: ["file": "\(path)"])
        }
        guard hasNoCheckpoint else { return }
        guard acceptsLoss else {
            throw .damaged(
                file: path, position: 0,
                reason:
                    "\(fileSystem.exists(path) ? "neither of its two slots is whole" : "it is missing"), and it alone says "
                    + "which records were deleted: restore it from a copy of the directory, or accept its loss (martlet "
                    + "serve --accept-checkpoint-loss) to go on with what the segments hold")
        }
        logger.error(
            "a partition's checkpoint is given up: its segments are read from the start",
            metadata: ["directory": "\(directory)"])
    }

    /// What the checkpoint knows of the journal: it cannot be younger than the journal itself.
    var journalSequence: UInt64 { checkpoint.journalSequence }

    // MARK: Replaying the journal

    /// Writes an entry's bytes where the segment lacks them or holds others. Also where the checkpoint says that they
    /// are durable: while the journal still has them, that checkpoint may have reached the disk before they did.
    func apply(_ entry: RoundEntry, _ parts: [UnsafeRawBufferPointer]) throws(LogError) {
        guard entry.segment >= checkpoint.compaction.replayFrom else { return }
        // Also of records that were deleted since: the round is there because no checkpoint past it came to count.
        if firstReplayed == nil { firstReplayed = (entry.segment, entry.position) }
        guard entry.endOffset > checkpoint.logStart else { return }
        #if PLANTED_BUGS
        if PlantedBug.coveredNotRepaired.isPlanted, entry.endOffset <= checkpoint.end.offset { return }
        #endif
        // Rounds that were released are in the segments: a gap is what a damaged checkpoint no longer tells of.
        if entry.baseOffset > end.offset { try extendByScanning(to: entry.baseOffset) }
        try storage { () throws(FileError) in
            try write(parts, to: entry.segment, at: entry.position)
            if entry.endOffset > end.offset, entry.segment > end.segment { try moveOn(to: entry.segment) }
        }
        insertBase(entry.segment)
        guard entry.endOffset > end.offset else { return }
        for part in parts { noteBatches(in: part) }
        end = LogEnd(offset: entry.endOffset, segment: entry.segment, position: entry.position + entry.byteCount)
    }

    private func insertBase(_ base: Offset) {
        let next = bases.firstIndex { $0 >= base } ?? bases.count
        if next == bases.count || bases[next] != base { bases.insert(base, at: next) }
    }

    /// Bytes that are there already are written all the same: the process that wrote them may have failed to sync
    /// them, and the system does not write a page twice because someone asks.
    private func write(_ parts: [UnsafeRawBufferPointer], to segment: Offset, at start: Int) throws(FileError) {
        let file = try open(segment)
        touched.insert(segment)
        var position = start
        for part in parts {
            try file.write(part, at: position)
            position += part.count
        }
    }

    /// The log goes on in a later segment. What lies past the end in this one, and segments between the two, were never
    /// acknowledged; an earlier recovery took them away, but a power cut came before that was durable.
    private func moveOn(to next: Offset) throws(FileError) {
        try removeSegments { $0 > end.segment && $0 < next }
        touched.insert(end.segment)
        let path = "\(directory)/\(SegmentFiles.log(end.segment))"
        guard fileSystem.exists(path) else { return }
        try cut(try fileSystem.open(path, .update))
    }

    private func cut(_ file: any StorageFile) throws(FileError) {
        guard try file.size() > end.position else { return }
        try file.truncate(to: end.position)
        hasTakenAway = true
        touched.insert(end.segment)
    }

    private func open(_ segment: Offset) throws(FileError) -> any StorageFile {
        if let current, current.base == segment { return current.file }
        let file = try fileSystem.open("\(directory)/\(SegmentFiles.log(segment))", .create)
        current = (segment, file)
        return file
    }

    /// The batches of an entry were checked when they arrived, and the entry's checksum says that they are unharmed.
    private func noteBatches(in bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while rest.count >= RecordBatchLayout.headerSize, let header = try? RecordBatchHeader(parsing: rest.bytes),
            header.sizeInBytes <= rest.count
        {
            note(header)
            rest = rest.part(header.sizeInBytes, rest.count - header.sizeInBytes)
        }
    }

    private func note(_ header: RecordBatchHeader) {
        guard header.lastOffset >= checkpoint.end.offset else { return }
        epochs.begin(header.partitionLeaderEpoch, at: max(header.baseOffset, checkpoint.logStart))
        #if PLANTED_BUGS
        if PlantedBug.sequencesForgotten.isPlanted { return }
        #endif
        guard header.isNumbered else { return }
        producers.add(header, baseOffset: header.baseOffset, lastOffset: header.lastOffset, round: 0)
    }

    // MARK: Finishing

    /// Cuts what was never acknowledged and opens the last segment for writing. `losesJournal`: its rounds cannot all be
    /// had, so that whatever the segments hold is taken. `wasCut`: whoever had the directory open last did not close it.
    func finish(losesJournal: Bool = false, wasCut: Bool = false) throws(LogError) -> RecoveredPartition {
        current = nil
        self.wasCut = wasCut
        if !wasCut { checkpointFile.noteSettled() }
        // A slot that is damaged may be one that never came to count, or the one that did.
        if !topic.settings.isJournaled || losesJournal || hasNoCheckpoint || checkpointFile.hasDamagedSlot {
            try extendByScanning()
        }
        #if PLANTED_BUGS
        if PlantedBug.unacknowledgedTailKept.isPlanted { try extendByScanning() }
        #endif
        return try storage { () throws(FileError) in try openActive() }
    }

    /// Follows whole batches from the end on, through this segment and those after it, up to `limit`: what the segments
    /// hold beyond checkpoint and journal.
    private func extendByScanning(to limit: Offset = Offset(.max)) throws(LogError) {
        while true {
            let start = end.position
            let isWhole = try scanSegment(to: limit)
            if topic.settings.isJournaled, end.position > start { try keepFound(from: start) }
            guard end.offset < limit, let next = bases.first(where: { $0 > end.segment }) else {
                return isWhole ? () : tellOfCut()
            }
            if !isWhole || next != end.offset {
                // Past what a checkpoint vouches for, the log ends at the first harm. Without one, this segment may be
                // damaged and those after it are not to pay for it.
                guard hasNoCheckpoint, next >= end.offset else { return tellOfCut() }
                logger.error(
                    "a segment is damaged, and records in it are lost",
                    metadata: ["directory": "\(directory)", "from": "\(end.offset)", "to": "\(next)"])
            }
            // Sealed since the checkpoint: see `assemble`.
            touched.insert(end.segment)
            end = LogEnd(offset: next, segment: next, position: 0)
        }
    }

    /// What was found is read from now on, and must not vanish. It is written again, since whoever wrote it may have failed to
    /// sync it; the checkpoint that is due makes it durable.
    private func keepFound(from start: Int) throws(LogError) {
        #if PLANTED_BUGS
        if PlantedBug.unacknowledgedTailKept.isPlanted { return }
        #endif
        hasFoundRecords = true
        try storage { () throws(FileError) in
            let file = try fileSystem.open("\(directory)/\(SegmentFiles.log(end.segment))", .update)
            var position = start
            while position < end.position {
                let bytes = try file.read(upTo: min(1 << 20, end.position - position), at: position)
                guard !bytes.isEmpty else { return }
                try file.write(bytes, at: position)
                position += bytes.count
            }
        }
    }

    /// What is written past the end and not whole is cut: so it was when the process was stopped, or has been damaged since.
    private func tellOfCut() {
        let path = "\(directory)/\(SegmentFiles.log(end.segment))"
        guard fileSystem.exists(path) else { return }
        logger.warning(
            "what follows in a partition is not whole: its log ends here",
            metadata: ["file": "\(path)", "position": "\(end.position)", "next_offset": "\(end.offset)"])
    }

    /// False: the segment's bytes are no whole batches all the way.
    private func scanSegment(to limit: Offset) throws(LogError) -> Bool {
        let path = "\(directory)/\(SegmentFiles.log(end.segment))"
        guard fileSystem.exists(path) else { return false }
        let (file, size) = try storage { () throws(FileError) in
            let file = try fileSystem.open(path, .read)
            return (file, try file.size())
        }
        guard size >= end.position else { return false }
        while end.offset < limit, end.position < size {
            let whole = try follow(file, to: limit, size)
            if whole { return true }
            // Without a checkpoint nobody knows whether this is damage or where writing stopped: what is whole behind it may
            // have been acknowledged.
            guard hasNoCheckpoint, try goOverDamage(in: file, size) else { return false }
        }
        return true
    }

    /// False: at the end there is no whole batch.
    private func follow(_ file: any StorageFile, to limit: Offset, _ size: Int) throws(LogError) -> Bool {
        var scan = BatchScan(file, from: end.position, to: size)
        do throws(LogError) {
            while end.offset < limit, let (batch, _) = try scan.next() {
                guard try follows(batch, in: file, size) else { return false }
                note(batch.header)
                end.offset = batch.lastOffset.advanced(by: 1)
                end.position = batch.position + batch.byteCount
                touched.insert(end.segment)
            }
        } catch {
            if error.isOfStorage { throw error }
            return false
        }
        return true
    }

    /// Whether a batch has an offset that can come now. It is not in the checksum; after compaction some are left out, so
    /// they need only grow: the next batch, or segment, tells whether one has grown too far.
    private func follows(
        _ batch: BatchLocation, in file: any StorageFile, _ size: Int
    ) throws(LogError) -> Bool {
        guard batch.baseOffset >= end.offset, batch.lastOffset.distance(from: end.segment) <= Int64(Int32.max) else {
            return false
        }
        if batch.baseOffset == end.offset { return true }
        var rest = BatchScan(file, from: batch.position + batch.byteCount, to: size)
        do throws(LogError) {
            if let next = try rest.next() { return next.batch.baseOffset > batch.lastOffset }
        } catch {
            if error.isOfStorage { throw error }
        }
        return bases.first { $0 > end.segment }.map { batch.lastOffset < $0 } ?? true
    }

    /// Moves the end to the next whole batch of the segment. False: there is none.
    private func goOverDamage(in file: any StorageFile, _ size: Int) throws(LogError) -> Bool {
        let next = bases.first { $0 > end.segment } ?? Offset(.max)
        var walk = BatchWalk(file, from: end.position, to: size, base: end.offset, below: next, checksEvery: true)
        guard let batch = try walk.next(), let damage = walk.damage.first else { return false }
        logger.error(
            "a segment is damaged, and records in it are lost",
            metadata: [
                "file": "\(file.path)", "position": "\(damage.bytes.lowerBound)", "from": "\(end.offset)",
                "to": "\(batch.baseOffset.advanced(by: -1))", "reason": "\(damage.reason)",
            ])
        end.offset = batch.baseOffset
        end.position = batch.position
        return true
    }

    private func openActive() throws(FileError) -> RecoveredPartition {
        try removeSegments { $0 > end.segment }
        // A segment that was begun may have lost its name.
        insertBase(end.segment)
        var path = "\(directory)/\(SegmentFiles.log(end.segment))"
        if try size(of: path) < end.position {
            // Durable bytes are gone. Offsets must not be given twice, so what follows begins a new segment.
            logger.error(
                "a segment is shorter than its checkpoint says: records in it are lost, later ones get offsets after them",
                metadata: ["file": "\(path)", "checkpoint": "\(end.position)", "next_offset": "\(end.offset)"])
            // One that is gone altogether is none that anybody could open.
            if !fileSystem.exists(path) { bases.removeAll { $0 == end.segment } }
            path = beginSegment()
        }
        let file = try fileSystem.open(path, .create)
        try cut(file)
        // The journal would bring back what was appended since, and with it where the log goes on.
        if hasTakenAway, !topic.settings.isJournaled {
            try file.synchronize()
            try fileSystem.synchronizeDirectory(directory)
        }
        guard let restored = restoreIndex(file, path) else {
            // What follows begins a new segment. This one's index is made when somebody reads there, as often as it takes.
            touched.insert(end.segment)
            path = beginSegment()
            return try assemble(
                try fileSystem.open(path, .create), ActiveIndex.Restored(index: GrowingIndex(), firstTimestamp: nil))
        }
        return try assemble(file, restored)
    }

    /// nil: a part of the segment cannot be read now. The log opens all the same: who reads there is told.
    private func restoreIndex(_ file: any StorageFile, _ path: String) -> ActiveIndex.Restored? {
        do throws(LogError) {
            return try ActiveIndex.restore(
                from: directory, base: end.segment, file, byteCount: end.position, end: end.offset,
                trusted: indexedBytes, interval: topic.settings.indexIntervalBytes, fileSystem)
        } catch {
            logger.error(
                "a segment cannot be read, and is ended: later records begin a new one",
                metadata: ["file": "\(path)", "next_offset": "\(end.offset)", "error": "\(error)"])
            return nil
        }
    }

    /// The log goes on at its end in a segment of its own, of which this is the path.
    private func beginSegment() -> String {
        end = LogEnd(offset: end.offset, segment: end.offset, position: 0)
        bases.append(end.offset)
        touched.insert(end.segment)
        return "\(directory)/\(SegmentFiles.log(end.segment))"
    }

    private func size(of path: String) throws(FileError) -> Int {
        fileSystem.exists(path) ? try fileSystem.open(path, .read).size() : 0
    }

    private func removeSegments(where isDoomed: (Offset) -> Bool) throws(FileError) {
        for base in bases where isDoomed(base) {
            try removeSegment(base)
            hasTakenAway = true
        }
        bases.removeAll(where: isDoomed)
    }

    private func removeSegment(_ base: Offset) throws(FileError) {
        touched.remove(base)
        try remove(SegmentFiles.log(base))
        try removeIndexes(of: base)
    }

    private func removeIndexes(of base: Offset) throws(FileError) {
        try remove(SegmentFiles.offsetIndex(base))
        try remove(SegmentFiles.timeIndex(base))
    }

    private func remove(_ name: String) throws(FileError) {
        let path = "\(directory)/\(name)"
        if fileSystem.exists(path) { try fileSystem.remove(path) }
    }

    /// How much of the active segment its index files were durable for: what a checkpoint says whose rounds are gone
    /// from the journal. At the last one before the directory is closed they are completed.
    private var indexedBytes: Int {
        guard !hasNoCheckpoint, checkpoint.end.segment == end.segment else { return 0 }
        var vouched = checkpoint.end.position
        if let firstReplayed {
            vouched = firstReplayed.segment < end.segment ? 0 : min(vouched, firstReplayed.position)
        }
        return wasCut ? footprint.indexedBytes(upTo: vouched) : vouched
    }

    /// Removes segments whose records were all deleted; a power cut may have brought them back. True: there are more, of
    /// which only one slot of the checkpoint says so yet.
    private func removeDeleted() throws(FileError) -> Bool {
        func count(below start: Offset, in segment: Offset) -> Int {
            zip(bases, bases.dropFirst()).prefix { $1 <= start && $0 < segment }.count
        }
        let vouched = checkpointFile.vouched.map { count(below: $0.logStart, in: $0.segment) } ?? 0
        if vouched > 0 {
            // A slot may be in memory alone, where who wrote it was killed before it was synced.
            try checkpointFile.settle()
            let first = bases[vouched]
            try removeSegments { $0 < first }
        }
        // Of a segment that was removed a power cut may bring back an index alone, or leave it where the log's name is gone.
        let kept = min(checkpoint.logStart, bases.first ?? checkpoint.logStart)
        for base in indexed where base < kept || base > end.segment { try removeIndexes(of: base) }
        return count(below: checkpoint.logStart, in: end.segment) > 0
    }

    private func assemble(
        _ file: any StorageFile, _ restored: ActiveIndex.Restored
    ) throws(FileError) -> RecoveredPartition {
        let leavesDeleted = try removeDeleted()
        let interval = topic.settings.indexIntervalBytes
        var sealed: [Segment] = []
        for base in bases where base < end.segment {
            // Sealed since the last checkpoint that came to count: its index files may be torn.
            #if PLANTED_BUGS
            let isTorn = touched.contains(base) && !PlantedBug.indexTrusted.isPlanted
            #else
            let isTorn = touched.contains(base)
            #endif
            if isTorn { try removeIndexes(of: base) }
            sealed.append(Segment(sealed: base, in: directory, fileSystem, indexInterval: interval))
        }
        let active = Segment(
            growing: end.segment, in: directory, fileSystem, indexInterval: interval, file: file,
            index: restored.index, indexFiles: restored.files, byteCount: end.position, end: end.offset)
        // Something was taken away or added: the next checkpoint says where the log ends now.
        //
        // Who wrote the checkpoint may have been killed before it was synced. Without the journal the log ends at the first
        // harm behind the one that a loss of power leaves: the next one is to be that.
        let isUnsettled = wasCut && !topic.settings.isJournaled
        let isChanged = !touched.isEmpty || hasNoCheckpoint || leavesDeleted || hasLoneClaim || isUnsettled
        let dirty = sealed.filter { touched.contains($0.baseOffset) } + (isChanged ? [active] : [])
        return RecoveredPartition(
            topicName: topic.name, topicID: topic.id, index: index, directory: directory, settings: topic.settings,
            logStart: checkpoint.logStart, end: end, epochs: epochs, producers: producers,
            segments: sealed + [active], active: active, activeFile: file, firstTimestamp: restored.firstTimestamp,
            dirty: dirty,
            unsyncedRecords: end.offset.value - checkpoint.end.offset.value, hasFoundRecords: hasFoundRecords,
            compaction: checkpoint.compaction,
            checkpointFile: checkpointFile)
    }
}
