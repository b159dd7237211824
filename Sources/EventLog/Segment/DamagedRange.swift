/// Bytes of a segment that are no whole batch in their place, and the offsets that are missing with them. What lies before
/// and behind is whole.
package struct DamagedRange: Hashable, Sendable {
    /// In the segment's file.
    package var bytes: Range<Int>
    /// The upper bound is where to go on.
    package var offsets: Range<Offset>
    package var reason: String
    /// No whole batch follows in the file: there may be more by now.
    package var isTail: Bool

    func error(in file: String) -> LogError {
        .damagedRecords(file: file, position: bytes.lowerBound, offsets: offsets, reason: reason)
    }
}

/// What is known to be damaged of one segment, in order of positions. Whoever meets it once need not look for its end
/// again.
struct DamagedRanges: Sendable {
    private(set) var ranges: [DamagedRange] = []

    static let countMax = 4096

    var isEmpty: Bool { ranges.isEmpty }

    func range(holding offset: Offset) -> DamagedRange? { ranges.first { $0.offsets.contains(offset) } }

    /// Where the first damage at or behind a position begins.
    func start(from position: Int) -> Int? {
        ranges.first { $0.bytes.upperBound > position }.map { max($0.bytes.lowerBound, position) }
    }

    /// Takes note of what was found. What it overlaps was found by a look that saw less.
    mutating func add(_ found: [DamagedRange]) {
        for range in found where !ranges.contains(range) {
            ranges.removeAll { $0.bytes.overlaps(range.bytes) || $0.bytes.lowerBound == range.bytes.lowerBound }
            guard ranges.count < Self.countMax else { return }
            let at = ranges.firstIndex { $0.bytes.lowerBound > range.bytes.lowerBound } ?? ranges.count
            ranges.insert(range, at: at)
        }
    }
}
