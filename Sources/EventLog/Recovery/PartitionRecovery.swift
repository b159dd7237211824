internal import Glibc
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
    var producers: ProducerTable
    /// Oldest first; the last one is `active`.
    var segments: [Segment]
    var active: Segment
    var activeFile: any StorageFile
    /// Of the active segment's first batch; nil while it is empty.
    var firstTimestamp: Int64?
    /// True: bytes were written that no checkpoint has made durable.
    var isDirty: Bool
    var checkpointFile: CheckpointFile
}

/// Brings one partition back: from its checkpoint, what the journal holds beyond it, and nothing else.
final class PartitionRecovery {
    private let topic: TopicCatalogue.Entry
    private let index: Int
    private let directory: String
    private let fileSystem: any FileSystem
    private let logger: Logger
    private var checkpointFile: CheckpointFile
    private var checkpoint: PartitionCheckpoint
    private var end: LogEnd
    private var producers: ProducerTable
    private var bases: [Offset]
    private var isDirty = false
    /// Open while entries of one segment follow each other.
    private var current: (base: Offset, file: any StorageFile)?

    init(
        _ topic: TopicCatalogue.Entry, _ index: Int, in data: String, _ fileSystem: any FileSystem, logger: Logger
    ) throws(LogError) {
        self.topic = topic
        self.index = index
        self.fileSystem = fileSystem
        self.logger = logger
        let directory = "\(data)/\(TopicName.directory(topic.name, index))"
        self.directory = directory
        do {
            bases = SegmentFiles.baseOffsets(in: try fileSystem.list(directory))
            var file = CheckpointFile(path: "\(directory)/\(CheckpointFile.name)", fileSystem)
            let read = try file.read()
            checkpointFile = file
            let start = bases.first ?? 0
            checkpoint =
                read
                ?? PartitionCheckpoint(
                    journalSequence: 0, logStart: start, end: LogEnd(offset: start, segment: start, position: 0),
                    producers: ProducerTable())
            end = checkpoint.end
            producers = checkpoint.producers
            if read == nil { try scanWithoutCheckpoint() }
        } catch let error as FileError {
            throw LogError(error)
        } catch let error as LogError {
            throw error
        } catch {
            throw .storage("\(error)")
        }
    }

    /// What the checkpoint knows of the journal: it cannot be younger than the journal itself.
    var journalSequence: UInt64 { checkpoint.journalSequence }

    private func scanWithoutCheckpoint() throws(LogError) {
        logger.warning(
            "a partition's checkpoint is missing or damaged: its segments are read from the start",
            metadata: ["directory": "\(directory)"])
        isDirty = true
        // Damage here may be years old: what follows it is kept, and readers meet the damage themselves.
        try extendByScanning(pastDamage: true)
    }

    // MARK: Replaying the journal

    /// Writes an entry's bytes where the segment lacks them or holds others. Also where the checkpoint says that they
    /// are durable: while the journal still has them, that checkpoint may have reached the disk before they did.
    func apply(_ entry: RoundEntry, _ parts: [UnsafeRawBufferPointer]) throws(LogError) {
        guard entry.endOffset > checkpoint.logStart else { return }
        try storage { () throws(FileError) in try write(parts, to: entry.segment, at: entry.position) }
        if let next = bases.firstIndex(where: { $0 >= entry.segment }) {
            if bases[next] != entry.segment { bases.insert(entry.segment, at: next) }
        } else {
            bases.append(entry.segment)
        }
        guard entry.endOffset > end.offset else { return }
        for part in parts { noteProducers(in: part) }
        end = LogEnd(offset: entry.endOffset, segment: entry.segment, position: entry.position + entry.byteCount)
    }

    private func write(_ parts: [UnsafeRawBufferPointer], to segment: Offset, at start: Int) throws(FileError) {
        let file = try open(segment)
        isDirty = true
        var position = start
        for part in parts {
            if try !holds(file, part, at: position) { try file.write(part, at: position) }
            position += part.count
        }
    }

    private func open(_ segment: Offset) throws(FileError) -> any StorageFile {
        if let current, current.base == segment { return current.file }
        let file = try fileSystem.open("\(directory)/\(SegmentFiles.log(segment))", .create)
        current = (segment, file)
        return file
    }

    private func holds(_ file: any StorageFile, _ bytes: UnsafeRawBufferPointer, at position: Int) throws(FileError)
        -> Bool
    {
        let stored = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        defer { stored.deallocate() }
        guard try file.read(into: stored, at: position) == bytes.count else { return false }
        return UnsafeRawBufferPointer(stored).isEqual(to: bytes)
    }

    /// The batches of an entry were checked when they arrived, and the entry's checksum says that they are unharmed.
    private func noteProducers(in bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while rest.count >= RecordBatchLayout.headerSize, let header = try? RecordBatchHeader(parsing: rest.bytes),
            header.sizeInBytes <= rest.count
        {
            note(header)
            rest = rest.part(header.sizeInBytes, rest.count - header.sizeInBytes)
        }
    }

    private func note(_ header: RecordBatchHeader) {
        guard header.isNumbered, header.lastOffset >= checkpoint.end.offset else { return }
        producers.add(header, baseOffset: header.baseOffset, lastOffset: header.lastOffset, round: 0)
    }

    // MARK: Finishing

    /// Cuts what was never acknowledged and opens the last segment for writing.
    func finish() throws(LogError) -> RecoveredPartition {
        current = nil
        if !topic.settings.isJournaled { try extendByScanning(pastDamage: false) }
        return try storage { () throws(FileError) in try openActive() }
    }

    /// Follows whole batches from the end on, through this segment and those after it: what a topic that skips the
    /// journal has beyond its checkpoint. `pastDamage`: a segment that is not whole, or missing, does not end the log
    /// where there is a later one.
    private func extendByScanning(pastDamage: Bool) throws(LogError) {
        while true {
            let path = "\(directory)/\(SegmentFiles.log(end.segment))"
            guard fileSystem.exists(path) else { return }
            let file = try storage { () throws(FileError) in try fileSystem.open(path, .read) }
            let size = try storage { () throws(FileError) in try file.size() }
            guard size >= end.position else { return }
            var scan = BatchScan(file, from: end.position, to: size)
            var isWhole = true
            do {
                while let (batch, _) = try scan.next() {
                    // After compaction offsets have gaps, so they need only grow.
                    guard batch.baseOffset >= end.offset else {
                        throw LogError.damaged(file: path, position: batch.position, reason: "offsets go backwards")
                    }
                    note(batch.header)
                    end.offset = batch.lastOffset.advanced(by: 1)
                    end.position = batch.position + batch.byteCount
                    isDirty = true
                }
            } catch { isWhole = false }
            guard let next = bases.first(where: { $0 > end.segment }) else { return }
            guard (isWhole && next == end.offset) || (pastDamage && next >= end.offset) else { return }
            end = LogEnd(offset: next, segment: next, position: 0)
        }
    }

    private func openActive() throws(FileError) -> RecoveredPartition {
        for base in bases where base > end.segment { try removeSegment(base) }
        bases.removeAll { $0 > end.segment }
        if bases.isEmpty { bases = [end.segment] }
        var path = "\(directory)/\(SegmentFiles.log(end.segment))"
        if try size(of: path) < end.position {
            // Durable bytes are gone. Offsets must not be given twice, so what follows begins a new segment.
            logger.error(
                "a segment is shorter than its checkpoint says: records in it are lost, later ones get offsets after them",
                metadata: ["file": "\(path)", "checkpoint": "\(end.position)", "next_offset": "\(end.offset)"])
            end = LogEnd(offset: end.offset, segment: end.offset, position: 0)
            bases.append(end.offset)
            path = "\(directory)/\(SegmentFiles.log(end.segment))"
            isDirty = true
        }
        let file = try fileSystem.open(path, .create)
        if try file.size() > end.position {
            try file.truncate(to: end.position)
            isDirty = true
        }
        return try assemble(file)
    }

    private func size(of path: String) throws(FileError) -> Int {
        fileSystem.exists(path) ? try fileSystem.open(path, .read).size() : 0
    }

    private func removeSegment(_ base: Offset) throws(FileError) {
        for name in [SegmentFiles.log(base), SegmentFiles.offsetIndex(base), SegmentFiles.timeIndex(base)] {
            let path = "\(directory)/\(name)"
            if fileSystem.exists(path) { try fileSystem.remove(path) }
        }
        isDirty = true
    }

    private func assemble(_ file: any StorageFile) throws(FileError) -> RecoveredPartition {
        let interval = topic.settings.indexIntervalBytes
        var sealed: [Segment] = []
        for base in bases where base < end.segment {
            sealed.append(Segment(sealed: base, in: directory, fileSystem, indexInterval: interval))
        }
        let restored = ActiveIndex.restore(
            from: directory, base: end.segment, file, byteCount: end.position, interval: interval, fileSystem)
        let active = Segment(
            growing: end.segment, in: directory, fileSystem, indexInterval: interval, file: file,
            index: restored.index, byteCount: end.position)
        return RecoveredPartition(
            topicName: topic.name, topicID: topic.id, index: index, directory: directory, settings: topic.settings,
            logStart: checkpoint.logStart, end: end, producers: producers, segments: sealed + [active],
            active: active, activeFile: file, firstTimestamp: restored.firstTimestamp, isDirty: isDirty,
            checkpointFile: checkpointFile)
    }
}

extension UnsafeRawBufferPointer {
    func isEqual(to other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        guard let a = baseAddress, let b = other.baseAddress else { return true }
        return memcmp(a, b, count) == 0
    }
}
