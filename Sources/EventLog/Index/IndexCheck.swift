internal import Storage

/// Whether index files can be those of a segment: what is cheap to find out when they are first used. Each hit is
/// checked again against the batch that it names.
enum IndexCheck {
    static func holds(_ index: SealedIndex, of segment: Segment, interval: Int) throws(LogError) -> Bool {
        let end = try segment.visibleBytes()
        guard isAscending(index), index.timeEntryCount > 0 || end == 0 else { return false }
        return try covers(index, segment, end: end, interval: interval)
    }

    private static func isAscending(_ index: SealedIndex) -> Bool {
        var last = OffsetIndexEntry(relativeOffset: 0, position: 0)
        for i in 0..<index.offsetEntryCount {
            let entry = index.offsetEntry(i)
            // The first entry of a zeroed file is at position 0, where Kafka's rule never puts one.
            guard entry.relativeOffset > last.relativeOffset, entry.position > last.position else { return false }
            last = entry
        }
        var time = TimeIndexEntry(timestamp: -1, relativeOffset: 0)
        for i in 0..<index.timeEntryCount {
            let entry = index.timeEntry(i)
            guard entry.timestamp > time.timestamp, i == 0 || entry.relativeOffset > time.relativeOffset else {
                return false
            }
            time = entry
        }
        return true
    }

    /// The last entry names a batch, and from there to the end no further entry is due: the file was not cut short.
    private static func covers(
        _ index: SealedIndex, _ segment: Segment, end: Int, interval: Int
    ) throws(LogError) -> Bool {
        let count = index.offsetEntryCount
        let last = count > 0 ? index.offsetEntry(count - 1) : nil
        guard Int(last?.position ?? 0) < max(end, 1) else { return false }
        var rest = GrowingIndex()
        var walk = BatchWalk(try segment.file(), from: Int(last?.position ?? 0), to: end)
        guard let first = try? walk.next() else { return end == 0 }
        if let last, first.lastOffset.distance(from: segment.baseOffset) != Int64(last.relativeOffset) { return false }
        rest.add(first, base: segment.baseOffset, interval: interval)
        while let batch = try? walk.next() {
            rest.add(batch, base: segment.baseOffset, interval: interval)
            if !rest.offsets.isEmpty { return false }
        }
        // The last time entry is the segment's maximum: nothing after the last offset entry may be later.
        guard index.timeEntryCount > 0 else { return end == 0 }
        let latest = index.timeEntry(index.timeEntryCount - 1)
        let start = Int(index.entry(atOrBelow: latest.relativeOffset)?.position ?? 0)
        guard holds(latest, base: segment.baseOffset, try segment.file(), from: start, to: end) else { return false }
        return rest.maxTimestamp <= latest.timestamp
    }

    /// The batch that the last time entry names has that timestamp: whole segments are passed over by it. `start` is a
    /// batch's position, at or before it.
    static func holds(
        _ entry: TimeIndexEntry, base: Offset, _ file: any StorageFile, from start: Int, to end: Int
    ) -> Bool {
        var walk = BatchWalk(file, from: start, to: end)
        while let batch = try? walk.next() {
            let relative = batch.lastOffset.distance(from: base)
            if relative == Int64(entry.relativeOffset) { return batch.maxTimestamp.milliseconds == entry.timestamp }
            if relative > Int64(entry.relativeOffset) { return false }
        }
        return false
    }
}
