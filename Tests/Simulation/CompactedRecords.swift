/// Which records of a partition a compaction may have taken away, and which are seen to be gone.
struct CompactedRecords {
    /// Of each key the records that a compaction could know, in order of offsets.
    private var known: [Int: [Int64]] = [:]
    /// When a compaction could first meet a tombstone, by its offset.
    private var tombstones: [Int64: Int64] = [:]
    /// Tombstones that have been there for long enough by then.
    private var due: Set<Int64> = []
    private var gone: Set<Int64> = []

    /// A compaction can know of a record.
    mutating func note(_ key: Int, at offset: Int64) {
        if let last = known[key]?.last, last >= offset { return }
        known[key, default: []].append(offset)
    }

    /// A compaction can meet a tombstone.
    mutating func noteTombstone(at offset: Int64, time: Int64, retention: Int64) {
        if let met = tombstones[offset], time - met >= retention { due.insert(offset) }
        tombstones[offset] = min(time, tombstones[offset] ?? time)
    }

    /// Whether a later record of its key takes its place.
    func isReplaced(_ key: Int, at offset: Int64) -> Bool { known[key]?.last.map { $0 > offset } ?? false }

    func mayBeGone(_ key: Int, at offset: Int64) -> Bool { isReplaced(key, at: offset) || due.contains(offset) }

    /// Whether a record of the key is there before the offset, from another one on.
    func isThere(_ key: Int, before offset: Int64, from first: Int64) -> Bool {
        known[key]?.contains { $0 >= first && $0 < offset && !isGone($0) } ?? false
    }

    /// A reader has passed over the offset.
    mutating func passedOver(_ offset: Int64) { gone.insert(offset) }
    func isGone(_ offset: Int64) -> Bool { gone.contains(offset) }

    /// Records from `end` on are no more: they take no other's place.
    mutating func truncate(to end: Int64) {
        known = known.mapValues { $0.filter { $0 < end } }
        tombstones = tombstones.filter { $0.key < end }
        due = due.filter { $0 < end }
        gone = gone.filter { $0 < end }
    }
}
