internal import Storage

/// The index of a segment that goes on being written, from what its files hold and the batches after that.
enum ActiveIndex {
    struct Restored {
        var index: GrowingIndex
        /// What of it came from the files.
        var files = IndexFilesState()
        /// Of the segment's first batch that has one; nil while none has.
        var firstTimestamp: Int64?
    }

    /// Throws where the segment cannot be read: an index that ends there would say of what follows that it is not there.
    ///
    /// `trusted`: how many bytes of the segment the files' entries may speak of. What was written to them since the
    /// last checkpoint that came to count, a power cut may have torn, and a time that is missing shows nowhere.
    static func restore(
        from directory: String, base: Offset, _ file: any StorageFile, byteCount: Int, end: Offset, trusted: Int,
        interval: Int, _ fileSystem: any FileSystem
    ) throws(LogError) -> Restored {
        #if PLANTED_BUGS
        let trusted = PlantedBug.indexTrusted.isPlanted ? .max : trusted
        #endif
        let offsetPath = "\(directory)/\(SegmentFiles.offsetIndex(base))"
        let timePath = "\(directory)/\(SegmentFiles.timeIndex(base))"
        let (offsetBytes, timeBytes) = (contents(offsetPath, fileSystem), contents(timePath, fileSystem))
        let areThere = fileSystem.exists(offsetPath) && fileSystem.exists(timePath)
        guard byteCount > 0 else {
            let files = IndexFilesState(areThere: areThere, hasMore: !offsetBytes.isEmpty || !timeBytes.isEmpty)
            return Restored(index: GrowingIndex(), files: files, firstTimestamp: nil)
        }
        let offsets = entries(offsetBytes, OffsetIndexEntryLayout.size) {
            OffsetIndexEntry(relativeOffset: $0.bigEndian(at: $1), position: $0.bigEndian(at: $1 + 4))
        }.prefix { Int($0.position) < trusted }
        let times = entries(timeBytes, TimeIndexEntryLayout.size) {
            TimeIndexEntry(timestamp: $0.bigEndian(at: $1), relativeOffset: $0.bigEndian(at: $1 + 8))
        }
        let batches = Batches(file: file, byteCount: byteCount, base: base, end: end)
        var index = try kept(Array(offsets), times, batches) ?? GrowingIndex()
        var files = IndexFilesState(offsetEntries: index.offsets.count, timeEntries: index.times.count)
        files.areThere = areThere
        files.hasMore = offsetBytes.count + timeBytes.count > files.byteCount
        try extend(&index, batches, interval)
        files.lacksTrusted =
            index.offsets.dropFirst(files.offsetEntries).first.map { Int($0.position) < trusted } ?? false
        return Restored(index: index, files: files, firstTimestamp: try firstTimestamp(batches, index))
    }

    /// The segment's batches. Damage is gone over: who reads there meets it.
    private struct Batches {
        let file: any StorageFile
        let byteCount: Int
        let base: Offset
        /// The offset after the last.
        let end: Offset

        func walk(from position: Int, to end: Int? = nil, windowSize: Int = 128) -> BatchWalk {
            BatchWalk(
                file, from: position, to: end ?? byteCount, windowSize: windowSize, base: base, below: self.end)
        }
    }

    private static func firstTimestamp(_ batches: Batches, _ index: GrowingIndex) throws(LogError) -> Int64? {
        // Not every batch is looked at for what none of them has.
        guard index.maxTimestamp >= 0 else { return nil }
        var walk = batches.walk(from: 0)
        while let batch = try walk.next() {
            if batch.maxTimestamp > .none { return batch.maxTimestamp.milliseconds }
        }
        return nil
    }

    /// The entries as an index that goes on from the last; nil where they cannot be this segment's.
    private static func kept(
        _ offsets: [OffsetIndexEntry], _ times: [TimeIndexEntry], _ batches: Batches
    ) throws(LogError) -> GrowingIndex? {
        #if PLANTED_BUGS
        if PlantedBug.indexTrusted.isPlanted { return GrowingIndex(offsets: offsets, times: times) }
        #endif
        guard let last = offsets.last, isAscending(offsets), isAscending(times) else { return nil }
        // A time entry stands with an offset entry, or none: those past the last belong to batches that were cut.
        let kept = times.prefix { $0.relativeOffset <= last.relativeOffset }
        guard let latest = kept.last else { return nil }
        var head = batches.walk(from: Int(last.position))
        guard let batch = try head.next(), last.isConfirmed(by: batch, base: batches.base) else { return nil }
        let index = GrowingIndex(offsets: offsets, times: Array(kept))
        let start = offsets.last(atOrBelow: latest.relativeOffset)?.position ?? 0
        // Up to the last entry of the other index: what follows is looked at anyway.
        let end = batch.position + batch.byteCount
        return try IndexCheck.holds(latest, base: batches.base, batches.walk(from: Int(start), to: end)) ? index : nil
    }

    private static func extend(_ index: inout GrowingIndex, _ batches: Batches, _ interval: Int) throws(LogError) {
        var walk = batches.walk(from: Int(index.offsets.last?.position ?? 0), windowSize: 8192)
        while let batch = try walk.next() { index.add(batch, base: batches.base, interval: interval) }
    }

    private static func isAscending(_ entries: [OffsetIndexEntry]) -> Bool {
        zip(entries, entries.dropFirst()).allSatisfy {
            $0.relativeOffset < $1.relativeOffset && $0.position < $1.position
        } && entries.first?.position != 0
    }

    private static func isAscending(_ entries: [TimeIndexEntry]) -> Bool {
        zip(entries, entries.dropFirst()).allSatisfy {
            $0.relativeOffset < $1.relativeOffset && $0.timestamp < $1.timestamp
        }
    }

    /// Nothing, where it cannot be read: the index is made anew.
    private static func contents(_ path: String, _ fileSystem: any FileSystem) -> [UInt8] {
        (try? fileSystem.contents(of: path)) ?? []
    }

    private static func entries<E>(
        _ bytes: [UInt8], _ size: Int, _ decode: (UnsafeRawBufferPointer, Int) -> E
    ) -> [E] {
        bytes.withUnsafeBytes { bytes in
            stride(from: 0, through: bytes.count - size, by: size).map { decode(bytes, $0) }
        }
    }
}
