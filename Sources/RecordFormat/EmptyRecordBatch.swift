/// A batch without records: it tells a reader how far it has come where there is nothing for it.
package enum EmptyRecordBatch {
    package static let byteCount = RecordBatchLayout.headerSize

    /// The most offsets that one stands for.
    package static let offsetsMax = Int64(Int32.max) + 1

    /// Writes a batch that stands for the offsets from `first` to `last`, of which there are `offsetsMax` at most.
    package static func write(
        to bytes: UnsafeMutableRawBufferPointer, from first: Offset, through last: Offset, leaderEpoch: Int32
    ) {
        precondition(bytes.count == byteCount, "an empty batch is a header")
        let delta = last.distance(from: first)
        precondition(0..<offsetsMax ~= delta, "no batch stands for the offsets \(first) to \(last)")
        let start = bytes.baseAddress.unsafelyUnwrapped
        start.storeBigEndian(Int32(byteCount - RecordBatchLayout.lengthPrefix), at: RecordBatchLayout.batchLength)
        start.storeBigEndian(RecordBatchLayout.currentMagic, at: RecordBatchLayout.magic)
        start.storeBigEndian(UInt16(0), at: RecordBatchLayout.attributes)
        start.storeBigEndian(Int32(truncatingIfNeeded: delta), at: RecordBatchLayout.lastOffsetDelta)
        start.storeBigEndian(Timestamp.none.milliseconds, at: RecordBatchLayout.baseTimestamp)
        start.storeBigEndian(Timestamp.none.milliseconds, at: RecordBatchLayout.maxTimestamp)
        start.storeBigEndian(Int64(-1), at: RecordBatchLayout.producerID)
        start.storeBigEndian(Int16(-1), at: RecordBatchLayout.producerEpoch)
        start.storeBigEndian(Int32(-1), at: RecordBatchLayout.baseSequence)
        start.storeBigEndian(Int32(0), at: RecordBatchLayout.recordCount)
        RecordBatchPatch.place(bytes, baseOffset: first, leaderEpoch: leaderEpoch)
        RecordBatchPatch.storeChecksum(bytes)
    }

    /// Runs `body` with such a batch.
    package static func withBytes<R, E: Error>(
        from first: Offset, through last: Offset, leaderEpoch: Int32, _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 8)
        defer { bytes.deallocate() }
        write(to: bytes, from: first, through: last, leaderEpoch: leaderEpoch)
        return try body(UnsafeRawBufferPointer(bytes))
    }
}
