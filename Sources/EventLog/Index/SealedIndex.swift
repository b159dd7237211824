internal import Storage

/// The mapped indexes of a sealed segment.
final class SealedIndex: Sendable {
    private let offsets: MappedFile
    private let times: MappedFile

    init(offsets: MappedFile, times: MappedFile) {
        self.offsets = offsets
        self.times = times
    }

    /// Whether a part of either file could not be read, since someone has cut it or the disk fails: then no answer counts.
    var isLost: Bool { offsets.isLost || times.isLost }

    var offsetEntryCount: Int { offsets.count / OffsetIndexEntryLayout.size }
    var timeEntryCount: Int { times.count / TimeIndexEntryLayout.size }

    func offsetEntry(_ i: Int) -> OffsetIndexEntry {
        let at = i * OffsetIndexEntryLayout.size
        return OffsetIndexEntry(
            relativeOffset: offsets.bytes.bigEndianUInt32(at: at + OffsetIndexEntryLayout.relativeOffset),
            position: offsets.bytes.bigEndianUInt32(at: at + OffsetIndexEntryLayout.position))
    }

    func timeEntry(_ i: Int) -> TimeIndexEntry {
        let at = i * TimeIndexEntryLayout.size
        return TimeIndexEntry(
            timestamp: times.bytes.bigEndianInt64(at: at + TimeIndexEntryLayout.timestamp),
            relativeOffset: times.bytes.bigEndianUInt32(at: at + TimeIndexEntryLayout.relativeOffset))
    }

    func entry(atOrBelow relativeOffset: UInt32) -> OffsetIndexEntry? {
        guard let start = offsets.bytes.baseAddress else { return nil }
        let next = BinarySearch.partitionPoint(of: offsetEntryCount) { i in
            let place = start + (i &* OffsetIndexEntryLayout.size &+ OffsetIndexEntryLayout.relativeOffset)
            return UInt32(bigEndian: place.loadUnaligned(as: UInt32.self)) <= relativeOffset
        }
        return next == 0 ? nil : offsetEntry(next - 1)
    }

    func entry(before timestamp: Int64) -> TimeIndexEntry? {
        guard let start = times.bytes.baseAddress else { return nil }
        let next = BinarySearch.partitionPoint(of: timeEntryCount) { i in
            let place = start + (i &* TimeIndexEntryLayout.size &+ TimeIndexEntryLayout.timestamp)
            return Int64(bigEndian: place.loadUnaligned(as: Int64.self)) < timestamp
        }
        return next == 0 ? nil : timeEntry(next - 1)
    }
}
