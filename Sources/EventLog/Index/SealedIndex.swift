internal import Storage

/// The mapped indexes of a sealed segment.
final class SealedIndex: Sendable {
    private let offsets: MappedFile
    private let times: MappedFile

    init(offsets: MappedFile, times: MappedFile) {
        self.offsets = offsets
        self.times = times
    }

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
        var low = 0
        var high = offsetEntryCount
        while low < high {
            let middle = (low + high) / 2
            let value = offsets.bytes.bigEndianUInt32(at: middle * OffsetIndexEntryLayout.size)
            if value <= relativeOffset { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : offsetEntry(low - 1)
    }

    func entry(before timestamp: Int64) -> TimeIndexEntry? {
        var low = 0
        var high = timeEntryCount
        while low < high {
            let middle = (low + high) / 2
            let value = times.bytes.bigEndianInt64(at: middle * TimeIndexEntryLayout.size)
            if value < timestamp { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : timeEntry(low - 1)
    }
}
