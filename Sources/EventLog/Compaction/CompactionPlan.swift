internal import RecordFormat

/// Which part of a partition is to be compacted, and whether that is due. Pure: what the segments are like and the time
/// in, a plan out.
struct CompactionPlan: Equatable {
    /// What a plan needs to know of a segment.
    struct SegmentSummary: Equatable {
        var base: Offset
        /// The base of the one after it.
        var nextBase: Offset
        var byteCount: Int
        /// `none`: it has no timestamps.
        var maxTimestamp: Timestamp
    }

    /// Why a partition is compacted now, the most urgent last.
    enum Reason: Int, Comparable {
        /// Enough of it is new.
        case ratio
        /// Tombstones or records past their time lie in what was compacted.
        case horizon
        /// A record has waited for `max.compaction.lag.ms`.
        case lag

        static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    }

    /// The segments that are gone through: all of the log's, up to the end of the dirty part.
    var segments: [SegmentSummary]
    /// Where the dirty part begins: what lies before was compacted.
    var dirtyStart: Offset
    var cleanBytes: Int
    var dirtyBytes: Int
    /// nil: nothing is due.
    var reason: Reason?

    var end: Offset { segments.last?.nextBase ?? dirtyStart }
    var dirtyRatio: Double {
        dirtyBytes == 0 ? 0 : Double(dirtyBytes) / Double(cleanBytes + dirtyBytes)
    }

    /// `sealed`: the partition's segments, oldest first, without those that may not be touched. `oldestDirty`: of a
    /// segment that begins at this offset or before it, the first timestamp in it; `none`: it has none.
    init(
        _ sealed: [SegmentSummary], logStart: Offset, cleanedTo: Offset, nextHorizon: Timestamp,
        settings: TopicSettings, now: Timestamp, oldestDirty: (SegmentSummary) -> Timestamp
    ) {
        let eligible = sealed.prefix { Self.isOldEnough($0, settings, now) }
        segments = Array(eligible)
        let start = max(cleanedTo, logStart, eligible.first?.base ?? cleanedTo)
        dirtyStart = min(start, eligible.last?.nextBase ?? start)
        // A segment that is clean in part counts as dirty: its bytes are read for the keys behind that part.
        let firstDirty = eligible.firstIndex { $0.nextBase > start } ?? eligible.endIndex
        cleanBytes = eligible[..<firstDirty].reduce(0) { $0 + $1.byteCount }
        dirtyBytes = eligible[firstDirty...].reduce(0) { $0 + $1.byteCount }
        reason = nil
        guard settings.isCompacted, !segments.isEmpty else { return }
        if let limit = settings.compactionDelayMilliseconds,
            Self.hasWaited(eligible[firstDirty...], limit, now, oldestDirty)
        {
            reason = .lag
        } else if nextHorizon > .none, nextHorizon <= now, dirtyStart > eligible[0].base {
            reason = .horizon
        } else if dirtyBytes > 0, dirtyRatio >= settings.dirtyRatioMin {
            reason = .ratio
        }
    }

    /// By the first segment that has a time: one without says nothing of how long its records have waited.
    private static func hasWaited(
        _ dirty: ArraySlice<SegmentSummary>, _ limit: Int64, _ now: Timestamp,
        _ oldest: (SegmentSummary) -> Timestamp
    ) -> Bool {
        for segment in dirty where segment.byteCount > 0 {
            let time = oldest(segment)
            if time > .none { return now.isLater(than: time, by: limit) }
        }
        return false
    }

    /// Kafka's rule: by the latest record of the segment.
    private static func isOldEnough(_ segment: SegmentSummary, _ settings: TopicSettings, _ now: Timestamp) -> Bool {
        let lag = settings.compactionLagMilliseconds
        return lag == 0 || segment.maxTimestamp <= .none || now.isLater(than: segment.maxTimestamp, by: lag)
    }

    /// Whether this partition's turn comes before the other's.
    func isDueBefore(_ other: CompactionPlan) -> Bool {
        let (mine, theirs) = (reason?.rawValue ?? -1, other.reason?.rawValue ?? -1)
        return mine == theirs ? dirtyRatio > other.dirtyRatio : mine > theirs
    }
}

extension Timestamp {
    /// Whether at least so many milliseconds have passed since `earlier`; saturates.
    func isLater(than earlier: Timestamp, by span: Int64) -> Bool {
        let (passed, overflow) = milliseconds.subtractingReportingOverflow(earlier.milliseconds)
        return overflow ? milliseconds > earlier.milliseconds : passed >= span
    }

    /// So many milliseconds later, or the last moment that there is.
    func advanced(by span: Int64) -> Timestamp {
        let (sum, overflow) = milliseconds.addingReportingOverflow(span)
        return Timestamp(milliseconds: overflow ? .max : sum)
    }
}

extension CompactionPlan {
    /// Segments of one exchange: its manifest names each.
    static let groupSegmentsMax = 64
    /// Bytes that are read before what was written counts: so much work may be lost when a pass is stopped.
    static let groupInputBytesMax = 4 << 30

    /// Which neighbours are written into one new segment: as many as fit into `segmentBytes`, so that small ones do not
    /// stay. `expectedBytes`: what will be left of each.
    static func groups(
        _ segments: [SegmentSummary], expectedBytes: (SegmentSummary) -> Int, segmentBytes: Int
    ) -> [Range<Int>] {
        var groups: [Range<Int>] = []
        var (start, input, output) = (0, 0, 0)
        for (index, segment) in segments.enumerated() {
            let expected = expectedBytes(segment)
            let isFull =
                index - start == groupSegmentsMax || input + segment.byteCount > groupInputBytesMax
                || output + expected > segmentBytes
                // Offsets in an index are 32 bits wide, relative to the segment's base.
                || segment.nextBase.distance(from: segments[start].base) > Int64(Int32.max)
            if isFull, index > start {
                groups.append(start..<index)
                (start, input, output) = (index, 0, 0)
            }
            input += segment.byteCount
            output += expected
        }
        if start < segments.count { groups.append(start..<segments.count) }
        return groups
    }
}
