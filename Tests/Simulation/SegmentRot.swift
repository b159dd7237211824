internal import RecordFormat
internal import TestSupport

/// Bits of segments that turn over, each in the cache and on the disk.
struct SegmentRot {
    /// Files with bits that did, and whether some were of an offset. Which batch lies where behind them, the bytes may not
    /// say any more.
    private var harmed: [String: Bool] = [:]

    struct Harm {
        /// Of the partition.
        let directory: String
        /// Of the records that they were in.
        let offsets: [Range<Int64>]
    }

    /// Turns over what a step says; nil: there is nothing that could.
    /// - Parameter skipsJournal: whether the topic of a partition's directory may.
    mutating func harm(_ disk: SimulatedDisk, _ step: Step, skipsJournal: (String) -> Bool) -> Harm? {
        let files = SegmentPath.all(of: disk)
        for i in files.indices {
            let at = (step[0] + i) % files.count
            let file = files[at]
            guard let bytes = disk.contents(file.path) else { continue }
            let map = SegmentMap(bytes, base: file.base)
            let end = harmed[file.path] == nil ? bytes.count : map.end
            guard end > 0 else { continue }
            let following = files[(at + 1)...].first.flatMap { $0.directory == file.directory ? $0.base : nil }
            let directory = String(file.directory)
            var offsets: [Range<Int64>] = []
            // Without the journal only by what follows: nothing tells that the last one is too large.
            let isRelaxed = skipsJournal(directory)
            for bit in 0..<(isRelaxed ? 1 : max(1, step[2])) {
                var place = Place(step[1] + bit * 7919, map, end: end)
                if isRelaxed, following == nil { place.spare(RecordBatchLayout.batchLength, of: map.batches.suffix(1)) }
                // An offset that is wrong is told by the headers around it: see docs/DURABILITY.md, "What cannot be seen".
                switch harmed[file.path] {
                case true?: place.spare(RecordBatchLayout.headerSize, of: map.batches[...])
                case false?: place.spare(RecordBatchLayout.batchLength, of: map.batches[...])
                case nil: harmed[file.path] = place.isOfOffset(map)
                }
                disk.flip(bit: place.bit, of: file.path, at: place.position)
                offsets.append(map.offsets(at: place.position, before: following ?? .max))
            }
            return Harm(directory: directory, offsets: offsets)
        }
        return nil
    }

    /// A bit of a file.
    private struct Place {
        private(set) var position: Int
        let bit: Int

        /// Every other one is in the header of a batch, which is small beside its records, and where more can go wrong.
        init(_ draw: Int, _ map: SegmentMap, end: Int) {
            bit = draw / 2 % 8
            let rest = draw / 16
            if draw % 2 == 0, !map.batches.isEmpty {
                let batch = map.batches[rest / RecordBatchLayout.headerSize % map.batches.count]
                position = batch.bytes.lowerBound + rest % RecordBatchLayout.headerSize
            } else {
                position = rest % end
            }
        }

        func isOfOffset(_ map: SegmentMap) -> Bool {
            map.batches.contains { $0.bytes.prefix(RecordBatchLayout.batchLength).contains(position) }
        }

        /// Leaves the first bytes of batches as they are.
        mutating func spare(_ count: Int, of batches: ArraySlice<SegmentMap.Batch>) {
            guard let batch = batches.first(where: { $0.bytes.prefix(count).contains(position) }) else { return }
            position = batch.bytes.lowerBound + count
        }
    }
}
