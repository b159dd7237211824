/// Which segments of a partition are past their topic's retention: decided by the times in the records and by bytes, never
/// by anything that files say of themselves. Pure: someone else deletes.
package struct Retention: Sendable {
    /// How old records may become, in milliseconds; nil: as old as they like.
    private let ageMax: Int64?
    /// How many bytes of batches a partition may have; nil: any.
    private let bytesMax: Int64?
    private let now: Timestamp

    /// nil: nothing goes by age or by size in such a topic.
    package init?(_ settings: TopicSettings, now: Timestamp) {
        guard settings.cleanup.contains(.delete) else { return nil }
        // Where headers may say otherwise, a record can outlive the topic's own time to live.
        let lifetime = settings.readsTTLHeaders ? nil : settings.recordTTLMilliseconds
        ageMax = [settings.retentionMilliseconds, lifetime].compactMap(\.self).min()
        bytesMax = settings.retentionBytes
        self.now = now
        if ageMax == nil && bytesMax == nil { return nil }
    }

    /// Where the log begins when all that is past the retention has gone: at the start of a segment, or at the end of the
    /// last one. nil: nothing goes. `segments`: all there are, oldest first; the last one is written to.
    package func newStart(of segments: [SegmentSummary]) -> Offset? {
        let count = goingCount(
            of: segments.count, bytes: { segments[$0].byteCount }, newest: { segments[$0].maxTimestamp })
        return count > 0 ? segments[count - 1].endOffset : nil
    }

    /// How many segments go, of `count`: all of them only by age. `newest`: of the segment at an index the latest time in
    /// its records, `none` where they have none; asked for no more segments than it takes.
    package func goingCount(of count: Int, bytes: (Int) -> Int, newest: (Int) -> Timestamp) -> Int {
        max(surplusCount(of: count, bytes: bytes), expiredCount(of: count, newest: newest))
    }

    /// Kafka's rule: the oldest go while what stays is no smaller than the limit. The last one always stays.
    private func surplusCount(of count: Int, bytes: (Int) -> Int) -> Int {
        guard let bytesMax, count > 1 else { return 0 }
        var rest = Int64((0..<count).reduce(0) { $0 + bytes($1) })
        for i in 0..<count - 1 {
            rest -= Int64(bytes(i))
            if rest < bytesMax { return i }
        }
        return count - 1
    }

    /// The oldest go while all their records are too old. What has no time, as what compaction leaves of a segment may
    /// have none, goes with the next that has one, and never by itself.
    private func expiredCount(of count: Int, newest: (Int) -> Timestamp) -> Int {
        guard let ageMax else { return 0 }
        let (oldest, overflow) = now.milliseconds.subtractingReportingOverflow(ageMax)
        guard !overflow else { return 0 }
        var expired = 0
        // Bytes are not asked for: none may be what a disk says that does not say.
        for i in 0..<count {
            let time = newest(i).milliseconds
            if time < 0 { continue }
            if time >= oldest { break }
            expired = i + 1
        }
        return expired
    }
}

/// What there is to know of a segment before anything of it is read.
package struct SegmentSummary: Sendable, Equatable {
    package let baseOffset: Offset
    /// Where the next one begins; of the last one, where the log ends.
    package let endOffset: Offset
    /// Bytes of batches.
    package let byteCount: Int
    /// `none`: no record has a time.
    package let maxTimestamp: Timestamp

    package init(baseOffset: Offset, endOffset: Offset, byteCount: Int, maxTimestamp: Timestamp) {
        self.baseOffset = baseOffset
        self.endOffset = endOffset
        self.byteCount = byteCount
        self.maxTimestamp = maxTimestamp
    }
}

extension Partition {
    /// All segments, oldest first; the last one is written to. Opens those whose times nobody has asked for yet.
    package func segmentSummaries() throws(LogError) -> [SegmentSummary] {
        let end = end
        let segments = segments
        var summaries: [SegmentSummary] = []
        for (i, segment) in segments.enumerated() {
            let isLast = i == segments.count - 1
            summaries.append(
                SegmentSummary(
                    baseOffset: segment.baseOffset,
                    endOffset: isLast ? max(end, segment.baseOffset) : segments[i + 1].baseOffset,
                    byteCount: segment.byteCount, maxTimestamp: try segment.newest(isSealed: !isLast)))
        }
        return summaries
    }
}
