internal import Storage

/// Whether index files can be those of a segment: what is cheap to find out when they are first used. Each hit is
/// checked again against the batch that it names. What cannot be read says nothing: that is thrown.
enum IndexCheck {
    static func holds(_ index: SealedIndex, of segment: Segment, interval: Int) throws(LogError) -> Bool {
        #if PLANTED_BUGS
        if PlantedBug.indexTrusted.isPlanted { return true }
        #endif
        let end = try segment.visibleBytes()
        guard isAscending(index) else { return false }
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
        var walk = try segment.walk(from: Int(last?.position ?? 0))
        guard let first = try walk.next() else { return end == 0 }
        if let last, first.lastOffset.distance(from: segment.baseOffset) != Int64(last.relativeOffset) { return false }
        rest.add(first, base: segment.baseOffset, interval: interval)
        while let batch = try walk.next() {
            rest.add(batch, base: segment.baseOffset, interval: interval)
            if !rest.offsets.isEmpty { return false }
        }
        guard index.timeEntryCount > 0 else { return try hasNoTimestamp(segment) }
        let latest = index.timeEntry(index.timeEntryCount - 1)
        let start = Int(index.entry(atOrBelow: latest.relativeOffset)?.position ?? 0)
        return try holds(latest, base: segment.baseOffset, try segment.walk(from: start))
    }

    private static func hasNoTimestamp(_ segment: Segment) throws(LogError) -> Bool {
        var walk = try segment.walk(from: 0)
        while let batch = try walk.next() {
            if batch.maxTimestamp > .none { return false }
        }
        return true
    }

    /// The batch that the last time entry names has that timestamp, and none after it a later one: whole segments are passed
    /// over by it, and a file that lost its last entries shows it nowhere else. `walk` begins with a batch at or before it.
    /// Where times ascend with offsets, as they mostly do, that batch is near the end.
    static func holds(
        _ entry: TimeIndexEntry, base: Offset, _ walk: consuming BatchWalk
    ) throws(LogError) -> Bool {
        var isFound = false
        while let batch = try walk.next() {
            let relative = batch.lastOffset.distance(from: base)
            if relative == Int64(entry.relativeOffset) {
                guard batch.maxTimestamp.milliseconds == entry.timestamp else { return false }
                isFound = true
            } else if relative > Int64(entry.relativeOffset) {
                guard isFound, batch.maxTimestamp.milliseconds <= entry.timestamp else { return false }
            }
        }
        return isFound
    }
}
