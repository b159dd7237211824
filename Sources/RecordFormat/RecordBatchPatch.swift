/// Changes to a batch that stands in memory of one's own: what a broker does to a producer's batch.
public enum RecordBatchPatch {
    /// Gives the batch its place in the log. The checksum does not cover these fields.
    @inlinable
    public static func place(_ batch: UnsafeMutableRawBufferPointer, baseOffset: Offset, leaderEpoch: Int32) {
        precondition(batch.count >= RecordBatchLayout.headerSize, "a batch has a header")
        let start = batch.baseAddress.unsafelyUnwrapped
        start.storeBigEndian(baseOffset.value, at: RecordBatchLayout.baseOffset)
        start.storeBigEndian(leaderEpoch, at: RecordBatchLayout.partitionLeaderEpoch)
    }

    /// Sets the time of the append for all records, and the checksum anew.
    public static func setLogAppendTime(_ batch: UnsafeMutableRawBufferPointer, _ time: Timestamp) {
        precondition(batch.count >= RecordBatchLayout.headerSize, "a batch has a header")
        let start = batch.baseAddress.unsafelyUnwrapped
        let attributes = UnsafeRawPointer(start).bigEndian(UInt16.self, at: RecordBatchLayout.attributes)
        start.storeBigEndian(attributes | RecordAttributes.logAppendTimeBit, at: RecordBatchLayout.attributes)
        start.storeBigEndian(time.milliseconds, at: RecordBatchLayout.maxTimestamp)
        storeChecksum(batch)
    }

    /// Sets the latest time of the records, and the checksum anew.
    public static func setMaxTimestamp(_ batch: UnsafeMutableRawBufferPointer, _ time: Timestamp) {
        precondition(batch.count >= RecordBatchLayout.headerSize, "a batch has a header")
        batch.baseAddress.unsafelyUnwrapped.storeBigEndian(time.milliseconds, at: RecordBatchLayout.maxTimestamp)
        storeChecksum(batch)
    }

    static func storeChecksum(_ batch: UnsafeMutableRawBufferPointer) {
        let covered = UnsafeRawBufferPointer(rebasing: batch[RecordBatchLayout.attributes...])
        batch.baseAddress.unsafelyUnwrapped.storeBigEndian(crc32c(covered), at: RecordBatchLayout.crc)
    }
}
