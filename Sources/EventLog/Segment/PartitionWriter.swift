internal import Storage

/// The writing end of a partition: appends batches that have their offsets to the last segment and starts new ones.
/// Used by the one thread that commits; the checkpointer looks in under the same lock.
struct PartitionWriter: ~Copyable {
    let directory: String
    private let fileSystem: any FileSystem
    private(set) var settings: TopicSettings
    private(set) var active: Segment
    /// nil: let go of.
    private var file: (any StorageFile)?
    /// Bytes in the active segment's file that are whole batches.
    private(set) var size: Int
    /// Of the first batch in the active segment that has one; nil while none has.
    private var firstTimestamp: Int64?
    private(set) var end: Offset
    /// What `publish` will let readers see.
    private var unpublished: [(segment: Segment, bytes: Int)] = []
    /// Of a topic that skips the journal: what was written since the last sync, and where.
    private var unsyncedRecords: Int64 = 0
    private var unsynced: [Segment] = []
    /// True: the directory may have names that are not durable, that of a new segment for one.
    private var hasUnsyncedNames = true
    /// The sync that failed, where one has: nothing is vouched for any more.
    private(set) var failedSync: FileError?
    /// The base of a segment that could not be begun: a file may be there under its name, empty.
    private var leftover: Offset?
    /// Segments with bytes that no checkpoint has synced.
    private var dirty: [Segment] = []
    /// The end that readers see, and where it lies.
    private(set) var published: LogEnd
    /// Segments that something was cut off, until they are synced: a power cut may bring it back. The one that was active
    /// when the log was opened, for what recovery cut, in this process or in one that was killed since, and segments
    /// that were removed; and those that were cut back to their whole batches since.
    private var unsettled: [Segment] = []
    private var cutCount: UInt64 = 0
    /// The active segment's file may hold more than whole batches: what a write that failed has left.
    private var hasRemains = false
    /// See `RefusedBatches`. Only batches of this era are written.
    private(set) var era: UInt64 = 0
    /// Set from a write that failed to the next that does not.
    private var trouble: Trouble?

    init(_ recovered: RecoveredPartition, _ fileSystem: any FileSystem) {
        directory = recovered.directory
        self.fileSystem = fileSystem
        settings = recovered.settings
        active = recovered.active
        file = recovered.activeFile
        firstTimestamp = recovered.firstTimestamp
        size = recovered.end.position
        end = recovered.end.offset
        published = recovered.end
        dirty = recovered.dirty
        unsettled = [recovered.active]
        guard !settings.isJournaled else { return }
        // With the one that was active: what recovery cut off it, in this process or in one that was killed since, must not
        // come back before records that are synced in a later segment.
        unsynced = recovered.dirty.filter { $0 !== recovered.active } + [recovered.active]
        unsyncedRecords = recovered.unsyncedRecords
    }

    mutating func apply(_ settings: TopicSettings) { self.settings = settings }

    /// Writes a partition's batches of one round, with as few calls as segments allow. Where it throws, those that were
    /// told of by `onWritten` are written, and of the others nothing counts; `endEra` then.
    mutating func write(
        _ group: StagingBuffer.Group, in staging: StagingBuffer, _ scratch: inout WriteScratch,
        onSegment: (Segment) -> Void, onWritten: (RoundEntry, [PayloadRun]) -> Void
    ) throws(FileError) {
        scratch.clear()
        try cutRemains()
        try synchronizeNames()
        var writtenTimestamp = firstTimestamp
        do throws(FileError) {
            var next = group.first
            while next >= 0 {
                let slice = staging.slices[Int(next)]
                if isRollDue(before: slice, pending: scratch.byteCount) {
                    try flush(group, in: staging, &scratch, onWritten)
                    writtenTimestamp = firstTimestamp
                    try roll(to: end)
                    writtenTimestamp = nil
                    onSegment(active)
                    try synchronizeNames()
                }
                scratch.add(next, slice)
                if firstTimestamp == nil, slice.maxTimestamp >= 0 { firstTimestamp = slice.maxTimestamp }
                next = slice.next
            }
            try flush(group, in: staging, &scratch, onWritten)
        } catch {
            firstTimestamp = writtenTimestamp
            throw error
        }
        guard unsyncedRecords >= settings.flushMessages, !settings.isJournaled else { return }
        do throws(FileError) { try synchronizeRelaxed() } catch {
            // What was written without being synced may not be answered, nor taken back any more.
            syncFailed(error)
            throw FileError(.synchronize, error.path, code: error.code)
        }
    }

    /// Of a topic that counts what is not synced, before anything is written under a new name: where the directory cannot be
    /// opened for it, what comes is refused and nothing is lost. Once records are written they can only be synced or lost.
    private mutating func synchronizeNames() throws(FileError) {
        guard hasUnsyncedNames, !settings.isJournaled, settings.flushMessages < .max else { return }
        try fileSystem.synchronizeDirectory(directory)
        hasUnsyncedNames = false
    }

    private func isRollDue(before slice: StagingBuffer.Slice, pending: Int) -> Bool {
        let bytes = size + pending
        guard bytes > 0 else { return false }
        if bytes + Int(slice.count) > settings.segmentBytes { return true }
        // Offsets in an index are 32 bits wide, relative to the segment's base.
        if slice.lastOffset - active.baseOffset.value > Int64(Int32.max) { return true }
        // A batch without a timestamp says nothing of the segment's age.
        guard let firstTimestamp, slice.maxTimestamp >= 0 else { return false }
        let (age, overflow) = slice.maxTimestamp.subtractingReportingOverflow(firstTimestamp)
        return overflow || age > settings.segmentMilliseconds
    }

    private mutating func flush(
        _ group: StagingBuffer.Group, in staging: StagingBuffer, _ scratch: inout WriteScratch,
        _ onWritten: (RoundEntry, [PayloadRun]) -> Void
    ) throws(FileError) {
        guard let firstSlice = scratch.slices.first, let lastSlice = scratch.slices.last else { return }
        guard let file else { throw FileError(.write, active.path, code: 0) }
        do throws(FileError) { try scratch.write(to: file, at: size, from: staging) } catch {
            hasRemains = true
            throw error
        }
        let start = size
        let interval = active.indexIntervalBytes
        let base = active.baseOffset.value
        active.extendIndex { index in
            var position = start
            for i in scratch.slices {
                let slice = staging.slices[Int(i)]
                index.add(
                    lastRelativeOffset: UInt32(truncatingIfNeeded: slice.lastOffset - base),
                    position: UInt32(truncatingIfNeeded: position), byteCount: Int(slice.count),
                    maxTimestamp: slice.maxTimestamp, interval: interval)
                position += Int(slice.count)
            }
        }
        size += scratch.byteCount
        let firstOffset = Offset(staging.slices[Int(firstSlice)].baseOffset)
        let newEnd = Offset(staging.slices[Int(lastSlice)].lastOffset + 1)
        end = newEnd
        noteWritten()
        if !settings.isJournaled { noteUnsynced(newEnd.value - firstOffset.value) }
        onWritten(
            RoundEntry(
                topic: group.partition.topicID, partition: group.partition.index, segment: active.baseOffset,
                position: start, baseOffset: firstOffset, endOffset: newEnd, byteCount: scratch.byteCount),
            scratch.runs)
        scratch.clear()
    }

    // MARK: Writes that fail

    /// Ends the era of batches whose write failed: the log goes on from `end`. A failed sync, where there was one.
    mutating func endEra() -> FileError? {
        era += 1
        do throws(FileError) { try cutRemains() } catch {
            // Tried again before the next write.
            return error.operation == .synchronize ? error : nil
        }
        return nil
    }

    /// Cuts the active segment back to its whole batches. Whoever reads it by its size, to open or to seal it, must not find
    /// what was refused.
    mutating func cutRemains() throws(FileError) {
        guard hasRemains, let file else { return }
        if try file.size() > size {
            try file.truncate(to: size)
            noteCut()
            // Without the journal, recovery goes by whole batches: the rest of those must not come back behind others.
            if !settings.isJournaled { try file.synchronize() }
        }
        hasRemains = false
    }

    /// What was taken away a power cut may bring back: no checkpoint names a later end before that is durable.
    private mutating func noteCut() {
        if !unsettled.contains(where: { $0 === active }) { unsettled.append(active) }
        cutCount += 1
    }

    /// True: it was written to before.
    mutating func beginTrouble() -> Bool {
        defer { trouble = Trouble(refusedRounds: (trouble?.refusedRounds ?? 0) + 1) }
        return trouble == nil
    }

    mutating func endTrouble() -> Trouble? {
        guard trouble != nil else { return nil }
        defer { trouble = nil }
        return trouble
    }

    private mutating func noteWritten() {
        if dirty.last !== active { dirty.append(active) }
        if unpublished.last?.segment === active {
            unpublished[unpublished.count - 1].bytes = size
        } else {
            unpublished.append((active, size))
        }
    }

    private mutating func noteUnsynced(_ recordCount: Int64) {
        unsyncedRecords += recordCount
        if unsynced.last !== active { unsynced.append(active) }
    }

    /// Ends the active segment, if it holds anything, and starts an empty one; false: it holds nothing. Where it throws,
    /// the active segment is what it was. `now`: only where it is older than it may become.
    mutating func roll(startedBefore now: Timestamp? = nil) throws(FileError) -> Bool {
        guard size > 0 else { return false }
        try cutRemains()
        if let now, !isAged(at: now) { return false }
        try roll(to: end)
        // A round that was written to the segment before may not be published yet.
        if unpublished.isEmpty { published = LogEnd(offset: end, segment: active.baseOffset, position: 0) }
        return true
    }

    /// Whether the segment has been written to for as long as it may be, by the time of its first record.
    private func isAged(at now: Timestamp) -> Bool {
        guard let firstTimestamp else { return false }
        let (age, overflow) = now.milliseconds.subtractingReportingOverflow(firstTimestamp)
        let most = min(settings.segmentMilliseconds, settings.compactionDelayMilliseconds ?? .max)
        return !overflow && age > most
    }

    private func removeLog(of base: Offset) throws(FileError) {
        let path = "\(directory)/\(SegmentFiles.log(base))"
        if fileSystem.exists(path) { try fileSystem.remove(path) }
    }

    /// Ends the active segment and starts the next one at `base`: where this one ends, so that from one segment to the
    /// next no offset is missing.
    private mutating func roll(to base: Offset) throws(FileError) {
        // What an attempt that failed has left would be taken for a segment in the middle of this one.
        if let leftover, leftover != base {
            try removeLog(of: leftover)
            noteCut()
        }
        leftover = base
        let next = try fileSystem.open("\(directory)/\(SegmentFiles.log(base))", .create)
        if try next.size() > 0 { try next.truncate(to: 0) }
        try active.seal()
        leftover = nil
        let old = active
        if unpublished.last?.segment !== old { OpenSegments.shared.add(old.state) }
        file = next
        active = Segment(
            growing: base, in: directory, fileSystem, indexInterval: settings.indexIntervalBytes, file: next,
            index: GrowingIndex(), byteCount: 0, end: base)
        old.precede(base)
        size = 0
        firstTimestamp = nil
        // Its indexes were completed.
        if dirty.last !== old { dirty.append(old) }
        dirty.append(active)
        hasUnsyncedNames = true
    }

    /// Lets readers see what was written.
    mutating func publish() -> Offset {
        for (segment, bytes) in unpublished {
            segment.publish(visibleBytes: bytes, end: segment === active ? end : nil)
            if segment !== active { OpenSegments.shared.add(segment.state) }
        }
        unpublished.removeAll(keepingCapacity: true)
        published = LogEnd(offset: end, segment: active.baseOffset, position: size)
        return end
    }

    /// Syncs a partition that skips the journal.
    mutating func synchronizeRelaxed() throws(FileError) {
        guard unsyncedRecords > 0 else { return }
        do throws(FileError) {
            // A list of its own: a checkpoint that has taken the dirty ones may not have synced them yet.
            for segment in unsynced { try segment.synchronizeBatches() }
            if hasUnsyncedNames { try fileSystem.synchronizeDirectory(directory) }
        } catch {
            if error.operation == .synchronize { syncFailed(error) }
            throw error
        }
        unsynced.removeAll(keepingCapacity: true)
        hasUnsyncedNames = false
        unsyncedRecords = 0
    }

    /// These are removed: there is nothing to sync of them.
    mutating func forget(_ segments: [Segment]) {
        dirty.removeAll { segment in segments.contains { $0 === segment } }
        unsynced.removeAll { segment in segments.contains { $0 === segment } }
        unsettled.removeAll { segment in segments.contains { $0 === segment } }
    }

    /// Lets go of all segments and files: nothing is written any more.
    mutating func discard() {
        active = Segment(
            sealed: end, in: directory, fileSystem, indexInterval: settings.indexIntervalBytes)
        file = nil
        unpublished = []
        unsynced = []
        unsyncedRecords = 0
        dirty = []
        unsettled = []
        hasRemains = false
    }

    mutating func syncFailed(_ error: FileError) { if failedSync == nil { failedSync = error } }

    /// Segments to sync for a checkpoint; from now on they count as clean.
    mutating func takeDirty() -> [Segment] {
        // What is written but not published yet lies past the end that this checkpoint names: the next one is due.
        defer { dirty = unpublished.map(\.segment) }
        let dirty = dirty
        return unsettled.filter { segment in !dirty.contains { $0 === segment } } + dirty
    }

    /// After a sync that failed: they are dirty still.
    mutating func putBack(_ segments: [Segment]) {
        dirty = segments + dirty.filter { segment in !segments.contains { $0 === segment } }
    }

    /// Whether a checkpoint has something to say. After a sync that failed it must not: pages were given up, and a sync
    /// that succeeds later says nothing of them.
    var isDirty: Bool { !dirty.isEmpty && failedSync == nil }

    mutating func wantCheckpoint() {
        if dirty.isEmpty { dirty = [active] }
    }

    /// Where not nil, no checkpoint may name a new end before the segments and the directory are synced: by the old end
    /// the journal's entries tell what was cut. Then `settle`, with this mark.
    var unsettledMark: UInt64? { unsettled.isEmpty ? nil : cutCount }

    /// What was cut since the mark was taken stays.
    mutating func settle(_ mark: UInt64) { if mark == cutCount { unsettled = [] } }
}

/// A time in which a partition's segments cannot be written.
struct Trouble {
    var refusedRounds: Int
}

/// Where a log ends: the next offset, and the place in the last segment's file.
struct LogEnd: Equatable, Sendable {
    var offset: Offset
    var segment: Offset
    /// In bytes.
    var position: Int
}

/// Lists that are used again for each write, so that a round allocates nothing.
struct WriteScratch {
    /// Indexes into the staging buffer's slices.
    private(set) var slices: [Int32] = []
    private(set) var runs: [PayloadRun] = []
    private var parts: [UnsafeRawBufferPointer] = []
    private(set) var byteCount = 0

    mutating func add(_ index: Int32, _ slice: StagingBuffer.Slice) {
        slices.append(index)
        let start = Int(slice.start)
        if let last = runs.last, last.start + last.count == start {
            runs[runs.count - 1].count += Int(slice.count)
        } else {
            runs.append(PayloadRun(start: start, count: Int(slice.count)))
        }
        byteCount += Int(slice.count)
    }

    mutating func write(to file: any StorageFile, at position: Int, from staging: StagingBuffer) throws(FileError) {
        let payload = UnsafeRawBufferPointer(staging.bytes).part(RoundLayout.headerSize, staging.payloadCount)
        parts.removeAll(keepingCapacity: true)
        for run in runs { parts.append(payload.part(run.start, run.count)) }
        try parts.withUnsafeBufferPointer { parts throws(FileError) in try file.write(parts: parts, at: position) }
    }

    mutating func clear() {
        slices.removeAll(keepingCapacity: true)
        runs.removeAll(keepingCapacity: true)
        byteCount = 0
    }
}
