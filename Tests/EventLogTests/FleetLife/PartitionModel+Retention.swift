@testable import EventLog

/// Where retention lets the log begin.
extension PartitionModel {
    /// Where the log starts after a pass: at the first of these offsets or behind it, at most at the second.
    func retained(_ settings: TopicSettings, _ segments: [SegmentOnDisk], now: Int64) -> ClosedRange<Int64> {
        guard settings.cleanup.contains(.delete), !segments.isEmpty else { return start...start }
        let bySize = startBySize(settings, segments)
        let ages = startByAge(settings, segments, now: now)
        let lower = max(start, bySize, ages.lowerBound)
        return lower...max(lower, ages.upperBound)
    }

    /// When the oldest segment is as old as it may be; nil: it never is, or nobody knows when.
    func limit(_ settings: TopicSettings, _ segments: [SegmentOnDisk]) -> Int64? {
        guard settings.cleanup.contains(.delete), let age = ageMax(settings), let first = segments.first else {
            return nil
        }
        let range = offsets(from: first.base, to: segments.dropFirst().first?.base ?? end)
        guard first.base >= start, range.allSatisfy({ fates[$0] != .hidden }) else { return nil }
        let latest = range.filter { fates[$0] == .shown }.map { sent[$0].record.time }.max()
        return latest.flatMap { $0 < 0 ? nil : $0.plus(age) }
    }

    private func ageMax(_ settings: TopicSettings) -> Int64? {
        let ttl = settings.readsTTLHeaders ? nil : settings.recordTTLMilliseconds
        return [settings.retentionMilliseconds, ttl].compactMap(\.self).min()
    }

    /// The oldest go while the rest is as large as the limit, or larger.
    private func startBySize(_ settings: TopicSettings, _ segments: [SegmentOnDisk]) -> Int64 {
        guard let limit = settings.retentionBytes else { return 0 }
        var rest = segments.reduce(0) { $0 + $1.bytes }
        for segment in segments.dropLast() {
            guard rest - segment.bytes >= limit else { return segment.base }
            rest -= segment.bytes
        }
        return segments[segments.count - 1].base
    }

    /// The oldest go while all their records are older than the limit. What has expired may count or be gone already.
    private func startByAge(
        _ settings: TopicSettings, _ segments: [SegmentOnDisk], now: Int64
    ) -> ClosedRange<Int64> {
        guard let age = ageMax(settings) else { return 0...0 }
        let oldest = now.minus(age)
        var (lower, upper): (Int64, Int64) = (0, 0)
        var isCertain = true
        let ends = segments.dropFirst().map(\.base) + [end]
        for (segment, end) in zip(segments, ends) {
            let range = offsets(from: segment.base, to: end)
            guard range.allSatisfy({ fates[$0] != .shown || sent[$0].record.time < oldest }) else { break }
            // What was deleted before its file may go is in it still, and has its part in the file's age.
            isCertain =
                isCertain
                && (Int(min(segment.base, end))..<range.upperBound).allSatisfy {
                    $0 >= start && fates[$0] == .gone || isThere($0, orDeleted: true) && sent[$0].record.time < oldest
                }
            // One without times goes only with a later one.
            if isCertain, range.contains(where: { isThere($0) && sent[$0].record.time >= 0 }) { lower = end }
            let mayHaveTimes = range.contains { fates[$0] != .gone && sent[$0].record.time >= 0 }
            if mayHaveTimes || segment.base < start { upper = end }
        }
        return lower...max(lower, upper)
    }

    /// Whether a record is in its file for sure, though readers may not get it.
    private func isThere(_ i: Int, orDeleted: Bool = false) -> Bool {
        fates[i] == .shown || fates[i] == .hidden && i >= reachMax || orDeleted && i < start
    }
}
