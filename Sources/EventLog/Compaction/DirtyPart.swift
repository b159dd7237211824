internal import RecordFormat

/// What the part of a partition that was not compacted yet says: the last offset of each of its keys, and so which of
/// its records stay.
struct DirtyPart: ~Copyable {
    let start: Offset
    /// All records from `start` up to here are known. Where the map was full before the part ended, the rest is left for
    /// the next pass.
    private(set) var end: Offset
    private(set) var isMapFull = false
    private(set) var map: OffsetMap
    private(set) var live: LiveOffsets
    /// The first batch that is whole and cannot be decoded all the same.
    private(set) var firstUnreadable: (offset: Offset, error: BatchError)?
    private(set) var bytesRead = 0
    #if PLANTED_BUGS
    private let lastBase: Offset
    #endif

    /// nil: there is no memory for it.
    init?(_ work: PartitionWork, _ limits: CompactionLimits, _ hasher: KeyHasher) {
        start = work.plan.dirtyStart
        end = work.plan.end
        #if PLANTED_BUGS
        lastBase = work.plan.segments.last?.base ?? 0
        #endif
        guard
            let map = OffsetMap(
                bytesMax: work.mapBytes, recordsMax: max(0, end.distance(from: start)), firstOffset: start,
                hasher: hasher, keysMax: limits.keysMax)
        else { return nil }
        self.map = map
        live = LiveOffsets(from: start, to: end, byteCountMax: limits.liveBytesMax)
    }

    /// Memory that is in use for keys and offsets.
    var byteCount: Int { map.byteCount + live.byteCount }

    /// Reads the keys of a segment. Segments come one after the other; the last one is followed by `finish`.
    mutating func add(
        _ segment: Segment, _ summary: CompactionPlan.SegmentSummary, _ control: inout CompactionControl,
        into scratch: inout DecompressionBuffer
    ) throws(CompactionInterruption) {
        var scan = try SegmentScan(segment, summary)
        while !isMapFull, let batch = try scan.nextHeader() {
            try control.pass(batch.byteCount)
            guard batch.lastOffset >= start, batch.hasKeys else {
                scan.skip(batch)
                continue
            }
            bytesRead += batch.byteCount
            let bytes = try scan.take(batch)
            do { try addKeys(of: RecordBatchView(trusting: bytes.bytes), into: &scratch) } catch {
                // It is kept whole, so its keys are not taken for known.
                live.insert(max(start, batch.baseOffset))
                live.insert(batch.lastOffset)
                if firstUnreadable == nil { firstUnreadable = (batch.baseOffset, error) }
            }
        }
    }

    private mutating func addKeys(
        of batch: RecordBatchView, into scratch: inout DecompressionBuffer
    ) throws(BatchError) {
        let cursor = try RecordCursor(batch, into: &scratch)
        // Wholly or not at all: a key whose last record cannot be read must not cost the ones before.
        var check = cursor
        try check.scan { _ in true }
        var records = cursor
        let start = start
        var full: Offset?
        try records.scan { record in
            guard record.offset >= start else { return true }
            guard let key = record.key else {
                live.insert(record.offset)
                return true
            }
            if key.withUnsafeBytes({ map.put($0, record.offset) }) { return true }
            full = record.offset
            return false
        }
        guard let full else { return }
        end = full
        isMapFull = true
    }

    /// All keys are read.
    mutating func finish() {
        #if PLANTED_BUGS
        if PlantedBug.newestCompactedAway.isPlanted {
            return map.forEachOffset { if $0 < lastBase { live.insert($0) } }
        }
        #endif
        map.forEachOffset { live.insert($0) }
    }

    /// About how many bytes of a segment stay: copying it may merge it with others by that.
    func expectedBytes(of segment: CompactionPlan.SegmentSummary) -> Int {
        guard segment.base >= start, segment.nextBase <= end, live.isExact else { return segment.byteCount }
        let offsets = max(1, segment.nextBase.distance(from: segment.base))
        let kept = Int64(live.count(from: segment.base, through: segment.nextBase.advanced(by: -1)))
        // Twice as much: what is left of a batch compresses less well.
        let (scaled, overflow) = (Int64(segment.byteCount) * 2).multipliedReportingOverflow(by: kept)
        return overflow ? segment.byteCount : min(segment.byteCount, Int(scaled / offsets))
    }
}

extension BatchLocation {
    /// Whether there are records in it whose keys can be read and count.
    var hasKeys: Bool { header.recordCount > 0 && header.isDecodable && !header.attributes.isControl }
}

/// Goes through a sealed segment's batches, and sees to it that their offsets rise and belong there: they are not in a
/// batch's checksum.
struct SegmentScan: ~Copyable {
    private var scan: BatchScan
    private let segment: Segment
    private var next: Offset
    private let end: Offset
    private let isWhole: Bool

    init(
        _ segment: Segment, _ summary: CompactionPlan.SegmentSummary, to position: Int? = nil
    ) throws(CompactionInterruption) {
        self.segment = segment
        next = summary.base
        end = summary.nextBase
        isWhole = position == nil
        do throws(LogError) {
            let size = try segment.visibleBytes()
            scan = BatchScan(try segment.file(), from: 0, to: position ?? size)
        } catch { throw .failed(error) }
    }

    mutating func nextHeader() throws(CompactionInterruption) -> BatchLocation? {
        do throws(LogError) {
            guard let batch = try scan.nextHeader() else {
                // Of offsets that are missing between segments nobody is to make a batch without records.
                guard !isWhole || next == end else {
                    throw .damaged(
                        file: segment.path, position: scan.position,
                        reason: "offsets \(next) to \(end.value - 1) behind it are missing")
                }
                return nil
            }
            guard batch.header.lastOffsetDelta >= 0, batch.header.recordCount >= 0, batch.baseOffset >= next,
                batch.lastOffset < end
            else {
                throw .damaged(
                    file: segment.path, position: batch.position,
                    reason: "offsets \(batch.baseOffset) to \(batch.lastOffset) do not belong there")
            }
            next = batch.lastOffset.advanced(by: 1)
            return batch
        } catch { throw .failed(error) }
    }

    mutating func take(_ batch: BatchLocation) throws(CompactionInterruption) -> UnsafeRawBufferPointer {
        do throws(LogError) { return try scan.take(batch) } catch { throw .failed(error) }
    }

    mutating func skip(_ batch: BatchLocation) { scan.skip(batch) }
}
