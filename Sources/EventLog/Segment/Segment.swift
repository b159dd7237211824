internal import Storage
internal import Synchronization

/// One file of a partition's log with its two indexes: record batches one after the other, from `baseOffset` on.
///
/// The committer alone writes the last segment of a partition; readers see it up to `visibleBytes`, which only grows.
/// A sealed segment never changes. Readers hold the object, so its files stay readable after their names are gone.
final class Segment: Sendable {
    let baseOffset: Offset
    let directory: String
    private let fileSystem: any FileSystem
    private let indexInterval: Int
    let state: SegmentState
    private let visible: Atomic<Int>
    /// Every offset in the visible bytes is below it.
    private let limit: Atomic<Int64>
    /// Held while its index files are made anew, or must not be: by path, they may soon be another segment's.
    private let indexFiles = Mutex(())
    /// Of a sealed segment, once someone has asked: the latest timestamp, and the bytes of its index files.
    private let knownNewest = Atomic(Int64.min)
    private let knownIndexBytes = Atomic(-1)

    /// A segment that is there on disk and sealed: its files are opened by the first reader.
    init(sealed baseOffset: Offset, in directory: String, _ fileSystem: any FileSystem, indexInterval: Int) {
        self.baseOffset = baseOffset
        self.directory = directory
        self.fileSystem = fileSystem
        self.indexInterval = indexInterval
        state = SegmentState()
        visible = Atomic(-1)
        limit = Atomic(.max)
    }

    /// The segment that is written: `index` covers what the file holds, `indexFiles` says what of it
    /// its files have. `end`: the offset after its last.
    init(
        growing baseOffset: Offset, in directory: String, _ fileSystem: any FileSystem, indexInterval: Int,
        file: any StorageFile, index: GrowingIndex, indexFiles: IndexFilesState = IndexFilesState(), byteCount: Int,
        end: Offset
    ) {
        self.baseOffset = baseOffset
        self.directory = directory
        self.fileSystem = fileSystem
        self.indexInterval = indexInterval
        state = SegmentState(file: file, index: index, indexFiles: indexFiles)
        visible = Atomic(byteCount)
        limit = Atomic(end.value)
    }

    var path: String { "\(directory)/\(SegmentFiles.log(baseOffset))" }
    private var offsetIndexPath: String { "\(directory)/\(SegmentFiles.offsetIndex(baseOffset))" }
    private var timeIndexPath: String { "\(directory)/\(SegmentFiles.timeIndex(baseOffset))" }

    /// The file of batches, opened where it is not yet.
    func file() throws(LogError) -> any StorageFile {
        let (file, isNew) = try storage { () throws(FileError) in
            try state.withLock { state throws(FileError) in try openFile(&state) }
        }
        if isNew { OpenSegments.shared.add(state) }
        return file
    }

    private func openFile(_ state: inout SegmentState.Contents) throws(FileError) -> (
        file: any StorageFile, isNew: Bool
    ) {
        if let file = state.file { return (file, false) }
        let file = try fileSystem.open(path, .read)
        state.file = file
        return (file, true)
    }

    var isOpen: Bool { state.withLock { $0.file != nil } }

    /// How large its file is now; nil: it is not open.
    func openSize() throws(FileError) -> Int? { try state.withLock { $0.file }?.size() }

    /// Takes the files' names away. Whoever has them open reads on.
    func remove() throws(FileError) {
        try indexFiles.withLock { _ throws(FileError) in
            state.withLock { $0.isRemoved = true }
            // The log last: without it nobody knows that there was a segment.
            for path in [offsetIndexPath, timeIndexPath, path] where fileSystem.exists(path) {
                try fileSystem.remove(path)
            }
        }
    }

    /// Another segment takes its names: whoever holds this one reads on from the file that it has open from now on. By
    /// whoever exchanges segments, before a name changes.
    func retire() throws(FileError) {
        try indexFiles.withLock { _ throws(FileError) in
            try state.withLock { state throws(FileError) in
                let size = try openFile(&state).file.size()
                _ = visible.compareExchange(expected: -1, desired: size, ordering: .releasing)
                state.isRetired = true
            }
        }
    }

    /// It keeps its names after all.
    func reinstate() {
        state.withLock { $0.isRetired = false }
        OpenSegments.shared.add(state)
    }

    /// How many bytes of the file there are, without opening it: of the last segment, those that readers see. 0 where the
    /// disk does not say.
    var byteCount: Int {
        let bytes = visible.load(ordering: .acquiring)
        if bytes >= 0 { return bytes }
        guard let size = try? fileSystem.open(path, .read).size() else { return 0 }
        // Where it was retired meanwhile, this may be another one's size.
        let (isFirst, known) = visible.compareExchange(expected: -1, desired: size, ordering: .acquiringAndReleasing)
        return isFirst ? size : known
    }

    /// How many bytes of the file readers may see: whole batches that are durable.
    func visibleBytes() throws(LogError) -> Int {
        let bytes = visible.load(ordering: .acquiring)
        if bytes >= 0 { return bytes }
        let file = try file()
        let size = try storage { () throws(FileError) in try file.size() }
        visible.store(size, ordering: .releasing)
        return size
    }

    /// Lets readers see more. `end`: the offset after the last that they see; nil: the segment is sealed.
    func publish(visibleBytes: Int, end: Offset?) {
        if let end { limit.store(end.value, ordering: .releasing) }
        visible.store(visibleBytes, ordering: .releasing)
    }

    /// Every offset in the visible bytes is below it. Read after them, as they grow.
    var offsetLimit: Offset { Offset(limit.load(ordering: .acquiring)) }

    /// Another segment follows, which begins with `next`.
    func precede(_ next: Offset) { limit.store(next.value, ordering: .releasing) }

    // MARK: Damage

    /// Goes through the visible batches from a position on, where one begins.
    func walk(
        from position: Int, windowSize: Int = 8192, checksEvery: Bool = false
    ) throws(LogError) -> BatchWalk {
        let end = try visibleBytes()
        return BatchWalk(
            try file(), from: position, to: end, windowSize: windowSize, base: baseOffset,
            below: offsetLimit, knowing: state.withLock { $0.damage },
            checksEvery: checksEvery)
    }

    /// Takes note of what a walk has gone over.
    func note(_ damage: [DamagedRange]) {
        guard !damage.isEmpty else { return }
        state.withLock { $0.damage.add(damage) }
    }

    /// Where the first damage at or behind a position begins that is known of; nil: of none.
    func damageStart(from position: Int) -> Int? {
        state.withLock { $0.damage.isEmpty ? nil : $0.damage.start(from: position) }
    }

    /// Looks at every byte of every batch, and takes note of what is damaged. Returns that, and where the end of the file is
    /// missing, a range without bytes for it.
    func checkEveryBatch() throws(LogError) -> [DamagedRange] {
        let limit = offsetLimit
        var walk = try walk(from: 0, windowSize: 64 << 10, checksEvery: true)
        while try walk.next() != nil {}
        note(walk.damage)
        guard limit < Offset(.max), walk.nextOffset < limit else { return walk.damage }
        let end = try visibleBytes()
        let missing = DamagedRange(
            bytes: end..<end, offsets: walk.nextOffset..<limit, reason: "the file ends early", isTail: true)
        return walk.damage + [missing]
    }

    // MARK: What is known of it

    /// The largest timestamp of a segment, remembered where it `isSealed`; `none`: it has none.
    func newest(isSealed: Bool) throws(LogError) -> Timestamp {
        let known = knownNewest.load(ordering: .acquiring)
        if known > .min { return Timestamp(milliseconds: known) }
        let newest = try maxTimestamp()?.timestamp ?? .none
        if isSealed { knownNewest.store(newest.milliseconds, ordering: .releasing) }
        return newest
    }

    /// How many bytes its index files have, or are to have; 0 where the disk does not say.
    var indexByteCount: Int {
        let known = knownIndexBytes.load(ordering: .acquiring)
        if known >= 0 { return known }
        let growing = state.withLock { state in
            if case .growing(let index) = state.index { index.byteCount } else { nil as Int? }
        }
        if let growing { return growing }
        guard let offsets = try? fileSystem.open(offsetIndexPath, .read).size(),
            let times = try? fileSystem.open(timeIndexPath, .read).size()
        else { return 0 }
        knownIndexBytes.store(offsets + times, ordering: .releasing)
        return offsets + times
    }

    /// The visible bytes, mapped. A growing segment is mapped as far as it is visible now.
    func mapped() throws(LogError) -> MappedFile {
        let count = try visibleBytes()
        let file = try file()
        return try storage { () throws(FileError) in
            try state.withLock { state throws(FileError) in
                if let mapping = state.mapping, mapping.count >= count, !mapping.isLost { return mapping }
                let mapping = try file.map(count: count)
                state.mapping = mapping
                return mapping
            }
        }
    }

    // MARK: Indexes

    /// Runs `body` on the index, loaded where it is not yet. Under the lock: a copy of a growing index that a reader
    /// kept would make the committer's next entry copy it all.
    func withIndex<R: Sendable>(_ body: (SegmentIndex) -> R) throws(LogError) -> R {
        if let result = state.withLock({ $0.answer(body) }) { return result }
        // Not looked up again: whoever opens another segment may have closed this one by then.
        if let loaded = try loadSealedIndex() {
            let isOwn = state.withLock { state in
                guard state.ownsNames else { return false }
                // Two readers may have come at once: the first one's stays.
                if state.index == nil { state.index = .sealed(loaded) }
                return true
            }
            // Else the files may have been another segment's.
            if isOwn, let result = SegmentIndex.sealed(loaded).answer(body) { return result }
        }
        if let result = try rebuildIndex()?.answer(body) { return result }
        // Another reader has made it meanwhile, in memory.
        guard let result = state.withLock({ $0.answer(body) }) else {
            throw LogError(FileError.unreadable(offsetIndexPath))
        }
        return result
    }

    /// The indexes as their files hold them, if they can be those of this segment.
    private func loadSealedIndex() throws(LogError) -> SealedIndex? {
        guard let offsets = try? map(offsetIndexPath, entrySize: OffsetIndexEntryLayout.size),
            let times = try? map(timeIndexPath, entrySize: TimeIndexEntryLayout.size)
        else { return nil }
        let index = SealedIndex(offsets: offsets, times: times)
        return try IndexCheck.holds(index, of: self, interval: indexInterval) && !index.isLost ? index : nil
    }

    private func map(_ path: String, entrySize: Int) throws(FileError) -> MappedFile? {
        let file = try fileSystem.open(path, .read)
        let size = try file.size()
        guard size % entrySize == 0 else { return nil }
        return try file.map(count: size)
    }

    /// Makes the indexes of a sealed segment anew from its batches and puts them in place; nil where it still grows.
    @discardableResult
    func rebuildIndex() throws(LogError) -> SegmentIndex? {
        if case .growing? = state.withLock({ $0.index }) { return nil }
        let file = try file()
        let (visible, size) = (try visibleBytes(), try storage { () throws(FileError) in try file.size() })
        // Sealed by the round that is being committed: its index knows of batches that nobody may see yet.
        guard visible == size else { return nil }
        let built = try buildIndex()
        return indexFiles.withLock { _ in
            // A disk that takes no index has the batches still: then memory holds it, and the next checkpoint tries again.
            let index =
                state.withLock { $0.ownsNames }
                ? (try? writeAndMap(built)).map(SegmentIndex.sealed) ?? .growing(built) : .growing(built)
            state.withLock { $0.index = index }
            return index
        }
    }

    private func buildIndex() throws(LogError) -> GrowingIndex {
        let (index, isSound) = try indexAndSoundness()
        // A batch may have been found to be damaged by what follows it, when it was in the index already.
        return isSound ? index : try indexAndSoundness().index
    }

    private func indexAndSoundness() throws(LogError) -> (index: GrowingIndex, isSound: Bool) {
        var index = GrowingIndex()
        var walk = try walk(from: 0)
        while let batch = try walk.next() { index.add(batch, base: baseOffset, interval: indexInterval) }
        index.addTimeEntry()
        let damage = walk.damage
        note(damage)
        let isSound = index.offsets.allSatisfy { entry in
            !damage.contains { $0.bytes.contains(Int(entry.position)) }
        }
        return (index, isSound)
    }

    private func writeAndMap(_ index: GrowingIndex) throws(FileError) -> SealedIndex {
        try replace(offsetIndexPath, with: index.offsets.encoded())
        try replace(timeIndexPath, with: index.times.encoded())
        let offsets = try fileSystem.open(offsetIndexPath, .read)
        let times = try fileSystem.open(timeIndexPath, .read)
        return SealedIndex(
            offsets: try offsets.map(count: index.offsets.count * OffsetIndexEntryLayout.size),
            times: try times.map(count: index.times.count * TimeIndexEntryLayout.size))
    }

    /// A new file under the name: someone may have the old one mapped, and a mapped file never shrinks.
    private func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
        let temporary = path + ".tmp"
        if fileSystem.exists(temporary) { try fileSystem.remove(temporary) }
        let file = try fileSystem.open(temporary, .create)
        try file.write(bytes, at: 0)
        try fileSystem.rename(temporary, to: path)
    }

    // MARK: Writing, by the committer alone

    /// Takes note of batches that were written to the file; readers do not see them before `publish`.
    func extendIndex(_ body: (inout GrowingIndex) -> Void) {
        state.withLock { state in
            guard case .growing(var index) = state.index else {
                preconditionFailure("a sealed segment was written to")
            }
            state.index = nil
            body(&index)
            state.index = .growing(index)
        }
    }

    var indexIntervalBytes: Int { indexInterval }

    /// Writes what the index files lack of the segment's first `byteCount` bytes, for a checkpoint. That must not fail for want
    /// of room: an index is a cache, and the next time makes up for it. What they have too much must go.
    func writeIndexesIfPossible(below byteCount: Int) throws(FileError) {
        try state.withLock { state throws(FileError) in try cut(&state.files) }
        do throws(FileError) {
            try state.withLock { state throws(FileError) in
                guard case .growing(let index) = state.index else { return }
                let (offsets, times) = index.entryCounts(below: byteCount)
                guard state.files.lack(offsets: offsets, times: times) || !state.files.areThere,
                    offsets >= state.files.offsetEntries, times >= state.files.timeEntries
                else { return }
                try write(index.offsets[..<offsets], index.times[..<times], &state.files)
            }
        } catch {
            if error.operation == .synchronize { throw error }
            state.withLock { $0.files.lacksTrusted = true }
        }
    }

    /// Whether the index files lack anything that the index has, or have something that it does not.
    var lacksIndexEntries: Bool {
        state.withLock { state in
            guard case .growing(let index) = state.index else { return false }
            return state.files.lack(offsets: index.offsets.count, times: index.times.count)
        }
    }

    private func cut(_ files: inout IndexFilesState) throws(FileError) {
        guard files.hasMore else { return }
        for (path, byteCount) in [
            (timeIndexPath, files.timeEntries * TimeIndexEntryLayout.size),
            (offsetIndexPath, files.offsetEntries * OffsetIndexEntryLayout.size),
        ] where fileSystem.exists(path) {
            let file = try fileSystem.open(path, .update)
            if try file.size() > byteCount { try file.truncate(to: byteCount) }
        }
        files.hasMore = false
    }

    /// Writes what the index files lack of these entries, the first ones.
    private func write(
        _ offsets: ArraySlice<OffsetIndexEntry>, _ times: ArraySlice<TimeIndexEntry>, _ files: inout IndexFilesState
    ) throws(FileError) {
        // Times first: recovery drops those that have no offset entry yet, but could not miss one.
        try append(to: timeIndexPath, after: files.timeEntries, of: TimeIndexEntryLayout.size) {
            Array(times[$0...]).encoded()
        }
        if files.lacksTrusted { try fileSystem.open(timeIndexPath, .update).synchronize() }
        try append(to: offsetIndexPath, after: files.offsetEntries, of: OffsetIndexEntryLayout.size) {
            Array(offsets[$0...]).encoded()
        }
        files = IndexFilesState(offsetEntries: offsets.count, timeEntries: times.count, areThere: true)
    }

    /// Writes the entries of an index file from the one on that it lacks: behind the first `count`, or all where somebody has
    /// cut it below that.
    private func append(
        to path: String, after count: Int, of entrySize: Int, _ entries: (_ first: Int) -> [UInt8]
    ) throws(FileError) {
        let file = try fileSystem.open(path, .create)
        let size = try file.size()
        let first = size < count * entrySize ? 0 : count
        // What a write that failed half-way left.
        if size > first * entrySize { try file.truncate(to: first * entrySize) }
        try file.write(entries(first), at: first * entrySize)
    }

    /// Ends the segment: the indexes go to their files, and are mapped.
    func seal() throws(FileError) {
        extendIndex { $0.addTimeEntry() }
        try state.withLock { state throws(FileError) in
            guard case .growing(let index) = state.index else { return }
            try write(index.offsets[...], index.times[...], &state.files)
        }
        let offsets = try fileSystem.open(offsetIndexPath, .read)
        let times = try fileSystem.open(timeIndexPath, .read)
        let index = SealedIndex(
            offsets: try offsets.map(count: offsets.size()), times: try times.map(count: times.size()))
        state.withLock { $0.index = .sealed(index) }
    }

    /// Makes the batches durable.
    func synchronizeBatches() throws(FileError) {
        // A sealed segment that nobody reads is not kept open for this.
        if let file = state.withLock({ $0.file }) { return try file.synchronize() }
        try fileSystem.open(path, .read).synchronize()
    }

    /// Makes batches and indexes durable.
    func synchronize() throws(FileError) {
        try synchronizeBatches()
        for path in [offsetIndexPath, timeIndexPath] where fileSystem.exists(path) {
            try fileSystem.open(path, .update).synchronize()
        }
    }
}
