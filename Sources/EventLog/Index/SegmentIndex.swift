internal import Storage

/// The two sparse indexes of a segment: offset → file position, timestamp → offset.
///
/// While the segment is written they are arrays that the committer extends; their files follow at checkpoints. When
/// it is sealed the files are completed, and mapped read-only from then on. A file is never written through a mapping. Indexes are
/// caches: each answer is checked against the batch it points at, and what is wrong is rebuilt from the segment.
enum SegmentIndex: Sendable {
    case growing(GrowingIndex)
    case sealed(SealedIndex)

    /// What `body` finds in it; nil: its files could not be read, and what it found says nothing.
    @inline(__always)
    func answer<R>(_ body: (SegmentIndex) -> R) -> R? {
        let result = body(self)
        #if PLANTED_BUGS
        if PlantedBug.unreadableIndexTrusted.isPlanted { return result }
        #endif
        if case .sealed(let index) = self, index.isLost { return nil }
        return result
    }

    /// The entry to start from when looking for `relativeOffset`: the last one at or below it.
    func entry(atOrBelow relativeOffset: UInt32) -> OffsetIndexEntry? {
        switch self {
        case .growing(let index): index.offsets.last(atOrBelow: relativeOffset)
        case .sealed(let index): index.entry(atOrBelow: relativeOffset)
        }
    }

    /// The last entry whose timestamp lies before `timestamp`: up to its offset, every record is older.
    func entry(before timestamp: Int64) -> TimeIndexEntry? {
        switch self {
        case .growing(let index): index.times.last(before: timestamp)
        case .sealed(let index): index.entry(before: timestamp)
        }
    }

    /// The last entry whose batch ends below `relativeOffset`: no record up to it is later.
    func timeEntry(below relativeOffset: UInt32) -> TimeIndexEntry? {
        switch self {
        case .growing(let index): index.times.last { $0.relativeOffset < relativeOffset }
        case .sealed(let index):
            (0..<index.timeEntryCount).lazy.map(index.timeEntry).last { $0.relativeOffset < relativeOffset }
        }
    }

    /// The largest timestamp, and the last offset of the first batch that has it; nil when there is none.
    var maxTimestamp: TimeIndexEntry? {
        switch self {
        case .growing(let index):
            index.maxTimestamp < 0
                ? nil : TimeIndexEntry(timestamp: index.maxTimestamp, relativeOffset: index.relativeOffsetOfMax)
        case .sealed(let index):
            index.timeEntryCount == 0 ? nil : index.timeEntry(index.timeEntryCount - 1)
        }
    }
}

/// The indexes of a segment that still grows.
struct GrowingIndex: Sendable {
    private(set) var offsets: [OffsetIndexEntry] = []
    private(set) var times: [TimeIndexEntry] = []
    private var bytesSinceEntry = 0
    private(set) var maxTimestamp: Int64 = -1
    private(set) var relativeOffsetOfMax: UInt32 = 0

    init() {}

    /// Goes on from entries that were read back; `position` is where the last of them points.
    init(offsets: [OffsetIndexEntry], times: [TimeIndexEntry]) {
        self.offsets = offsets
        self.times = times
        if let last = times.last {
            maxTimestamp = last.timestamp
            relativeOffsetOfMax = last.relativeOffset
        }
    }

    /// Takes note of a batch of `byteCount` bytes at `position`: an entry where `interval` bytes have passed.
    @inline(__always)
    mutating func add(
        lastRelativeOffset: UInt32, position: UInt32, byteCount: Int, maxTimestamp: Int64, interval: Int
    ) {
        if maxTimestamp > self.maxTimestamp {
            self.maxTimestamp = maxTimestamp
            relativeOffsetOfMax = lastRelativeOffset
        }
        if bytesSinceEntry > interval {
            offsets.append(OffsetIndexEntry(relativeOffset: lastRelativeOffset, position: position))
            addTimeEntry()
            bytesSinceEntry = 0
        }
        bytesSinceEntry += byteCount
    }

    /// What its files will take.
    var byteCount: Int { offsets.count * OffsetIndexEntryLayout.size + times.count * TimeIndexEntryLayout.size }

    /// How many entries speak of the segment's first bytes alone.
    func entryCounts(below position: Int) -> (offsets: Int, times: Int) {
        let count = offsets.partitionPoint { Int($0.position) < position }
        // With the last entry of a segment that is sealed, which no offset entry stands beside.
        guard count < offsets.count else { return (count, times.count) }
        guard count > 0 else { return (0, 0) }
        let last = offsets[count - 1].relativeOffset
        return (count, times.partitionPoint { $0.relativeOffset <= last })
    }

    /// The entry of the largest timestamp so far, unless it stands there already.
    mutating func addTimeEntry() {
        guard maxTimestamp >= 0, maxTimestamp > times.last?.timestamp ?? -1 else { return }
        times.append(TimeIndexEntry(timestamp: maxTimestamp, relativeOffset: relativeOffsetOfMax))
    }
}

extension [OffsetIndexEntry] {
    func last(atOrBelow relativeOffset: UInt32) -> OffsetIndexEntry? {
        let next = partitionPoint { $0.relativeOffset <= relativeOffset }
        return next == 0 ? nil : self[next - 1]
    }
}

extension [TimeIndexEntry] {
    func last(before timestamp: Int64) -> TimeIndexEntry? {
        let next = partitionPoint { $0.timestamp < timestamp }
        return next == 0 ? nil : self[next - 1]
    }
}

extension Array {
    /// How many elements from the start on satisfy `belongs`, which must hold for a prefix and for nothing after it.
    @inline(__always)
    func partitionPoint(_ belongs: (Element) -> Bool) -> Int {
        withUnsafeBufferPointer { elements in
            BinarySearch.partitionPoint(of: elements.count) { belongs(elements[$0]) }
        }
    }
}

extension GrowingIndex {
    mutating func add(_ batch: BatchLocation, base: Offset, interval: Int) {
        add(
            lastRelativeOffset: UInt32(clamping: batch.lastOffset.distance(from: base)),
            position: UInt32(clamping: batch.position), byteCount: batch.byteCount,
            maxTimestamp: batch.maxTimestamp.milliseconds, interval: interval)
    }
}
