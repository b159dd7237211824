internal import Synchronization

/// What is kept in memory of the groups of a directory, all together, and how much of it there may be: `OffsetsSize` says
/// what counts.
///
/// Each shard tells it what it keeps, and takes room for a change when that is appended: for all of the change, as it lies
/// beside what it replaces until it is applied. Whether there is room is asked for what the change may add to what is kept.
/// So what is kept grows to the limit and no further; changes on their way that add nothing come on top of it, as many as
/// rounds hold. While they are on their way there is less room for what is new.
final class OffsetsBudget: Sendable {
    private let used = Atomic<Int>(0)
    private let limit = Atomic<Int>(.max)

    /// In bytes.
    var byteCount: Int { used.load(ordering: .relaxed) }
    var byteCountMax: Int { limit.load(ordering: .relaxed) }

    func limit(to byteCount: Int) { limit.store(byteCount, ordering: .relaxed) }

    /// Counts what is there, whatever the limit.
    func add(_ byteCount: Int) { used.wrappingAdd(byteCount, ordering: .relaxed) }

    func hasRoom(for growth: Int) -> Bool { growth <= 0 || byteCount <= byteCountMax - growth }

    /// Counts so much where there is room for `growth`; false: there is none. What does not grow always has room.
    func take(_ byteCount: Int, growth: Int) -> Bool {
        var before = self.byteCount
        while growth <= 0 || before <= byteCountMax - growth {
            let (exchanged, original) = used.weakCompareExchange(
                expected: before, desired: before + byteCount, ordering: .relaxed)
            if exchanged { return true }
            before = original
        }
        return false
    }
}

/// What is kept of groups, in bytes: names and texts, and for each thing its places in tables where those are filled
/// least while they grow. Where most was removed a table is half as full at worst. What their members say is not in it.
enum OffsetsSize {
    /// A group that has something stored; and once more one that a broker coordinates.
    static func group(_ id: String) -> Int { 1024 + id.utf8.count }

    /// A topic of which a group has committed something.
    static func topic(_ name: String) -> Int { 256 + name.utf8.count }

    /// One partition's. Most have no text.
    static func offset(_ committed: CommittedOffset) -> Int {
        committed.metadata.isEmpty ? 128 : 192 + committed.metadata.utf8.count
    }
}

extension StoredGroup {
    /// What is kept of it.
    var byteCount: Int {
        offsets.reduce(OffsetsSize.group(id)) { count, topic in
            topic.value.values.reduce(count + OffsetsSize.topic(topic.key)) { $0 + OffsetsSize.offset($1) }
        }
    }

    /// By how much it grows at most with these entries. What one of them takes away makes no room for another: it may be
    /// gone by a change that is on its way.
    func growth(by entries: [GroupEntry]) -> Int {
        var (growth, name, partitions) = (0, String?.none, [Int32: CommittedOffset]?.none)
        for case .offset(let topic, let partition, let committed) in entries {
            if topic != name {
                (name, partitions) = (topic, offsets[topic])
                if partitions == nil { growth += OffsetsSize.topic(topic) }
            }
            growth += max(0, OffsetsSize.offset(committed) - (partitions?[partition].map(OffsetsSize.offset) ?? 0))
        }
        return growth
    }
}

extension GroupChange {
    /// What it takes while it is on its way; no group grows by more with it.
    func byteCount(in group: String) -> Int {
        var (count, name) = (OffsetsSize.group(group), String?.none)
        for case .offset(let topic, _, let committed) in entries {
            if topic != name {
                name = topic
                count += OffsetsSize.topic(topic)
            }
            count += OffsetsSize.offset(committed)
        }
        return count
    }
}
