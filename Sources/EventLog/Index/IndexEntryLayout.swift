/// One entry of an offset index, big-endian, as Apache Kafka writes it: the last offset of a batch, relative to the
/// segment's base offset, and where in the segment's file that batch begins. docs/FORMAT.md, "Indexes", says which
/// batches have one.
///
///     0  UInt32  relativeOffset
///     4  UInt32  position
enum OffsetIndexEntryLayout {
    static let relativeOffset = 0, position = 4, size = 8
}

/// One entry of a time index, big-endian, as Apache Kafka writes it: the largest timestamp so far in the segment, and
/// the last offset, relative to the base offset, of the batch that brought it. See docs/FORMAT.md, "Indexes".
///
///     0  Int64   timestamp
///     8  UInt32  relativeOffset
enum TimeIndexEntryLayout {
    static let timestamp = 0, relativeOffset = 8, size = 12
}

/// An entry of an offset index in memory.
struct OffsetIndexEntry: Equatable, Sendable {
    var relativeOffset: UInt32
    var position: UInt32
}

/// An entry of a time index in memory.
struct TimeIndexEntry: Equatable, Sendable {
    var timestamp: Int64
    var relativeOffset: UInt32
}

extension OffsetIndexEntry {
    /// Whether the batch that was found when it was looked for where the entry points is the one that it means.
    func isConfirmed(by batch: BatchLocation?, base: Offset) -> Bool {
        #if PLANTED_BUGS
        if PlantedBug.indexTrusted.isPlanted { return true }
        #endif
        guard let batch, batch.position == Int(position) else { return false }
        return batch.lastOffset.distance(from: base) == Int64(relativeOffset)
    }
}

extension [OffsetIndexEntry] {
    func encoded() -> [UInt8] {
        var writer = FieldWriter()
        for entry in self {
            writer.add(entry.relativeOffset)
            writer.add(entry.position)
        }
        return writer.bytes
    }
}

extension [TimeIndexEntry] {
    func encoded() -> [UInt8] {
        var writer = FieldWriter()
        for entry in self {
            writer.add(entry.timestamp)
            writer.add(entry.relativeOffset)
        }
        return writer.bytes
    }
}
