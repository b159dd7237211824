import RecordFormat

@testable import EventLog

/// Writes segments of a partition anew as a compaction does, without its rules: batches are kept or left out.
struct Rewriting {
    let partition: Partition

    /// Begins an exchange and writes the new segment: of the batches that `isKept`, and an empty one where the end needs it.
    func begin(
        _ segments: [Segment], keeping isKept: (RecordBatchHeader) -> Bool
    ) throws(LogError) -> SegmentSwap {
        let swap = try SegmentSwap.begin(partition, replacing: segments)
        for segment in segments {
            var scan = BatchScan(try segment.file(), from: 0, to: try segment.visibleBytes())
            while let (batch, bytes) = try scan.next() {
                if batch.header.recordCount > 0, isKept(batch.header) { try swap.append(bytes, batch.header) }
            }
        }
        if swap.end < swap.nextBase { try swap.appendEmpty() }
        return swap
    }

    /// Exchanges all that may be for one segment.
    @discardableResult
    func run(keeping isKept: (RecordBatchHeader) -> Bool) throws(LogError) -> Bool {
        try begin(partition.exchangeableSegments(), keeping: isKept).commit()
    }
}

extension SegmentSwap {
    /// A batch without records up to the end that the segment must have.
    func appendEmpty() throws(LogError) {
        let bytes = emptyBatch(from: end, to: nextBase)
        try bytes.withUnsafeBufferPointer { bytes throws(LogError) in
            let bytes = UnsafeRawBufferPointer(bytes)
            guard let header = try? RecordBatchHeader(parsing: bytes.bytes) else { return }
            try append(bytes, header)
        }
    }
}

/// A batch without records, for the offsets from `start` up to `end`.
func emptyBatch(from start: Offset, to end: Offset) -> [UInt8] {
    var writer = FieldWriter()
    writer.add(Int16(0))
    writer.add(Int32(end.value - start.value - 1))
    writer.add(Int64(-1))
    writer.add(Int64(-1))
    writer.add(Int64(-1))
    writer.add(Int16(-1))
    writer.add(Int32(-1))
    writer.add(Int32(0))
    let checked = writer.bytes
    var head = FieldWriter()
    head.add(start.value)
    head.add(Int32(RecordBatchLayout.headerSize - 12))
    head.add(Int32(0))
    head.add(Int8(2))
    head.add(checked.withUnsafeBytes { crc32c($0) })
    return head.bytes + checked
}

extension SegmentSwap {
    /// What its manifest will say.
    func manifestBytes() throws(LogError) -> [UInt8] {
        try finishWriting()
        return files.manifest.encoded()
    }
}
