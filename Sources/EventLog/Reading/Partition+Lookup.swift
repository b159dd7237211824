package import Storage

/// Offsets and times to places in files.
extension Partition {
    /// The batch that holds `offset`, or the first one after it; nil at the durable end.
    func locate(_ offset: Offset) throws(LogError) -> (segment: Segment, batch: BatchLocation)? {
        guard offset < end, var segment = segment(holding: offset) else { return nil }
        while true {
            if let batch = try segment.batch(containing: offset) { return (segment, batch) }
            guard let following = self.segment(after: segment) else { return nil }
            try checkGap(before: following, from: offset)
            segment = following
        }
    }

    /// Records between `offset` and the next segment are lost where they were durable once: that is said, not skipped.
    func checkGap(before following: Segment, from offset: Offset) throws(LogError) {
        guard following.baseOffset > offset else { return }
        throw .damaged(
            file: following.path, position: 0,
            reason: "offsets \(offset) to \(following.baseOffset.value - 1) before it are missing: read on from "
                + "\(following.baseOffset)")
    }

    /// Where the index says to look for `offset`: the segment, by its base offset, and the position in bytes of a batch
    /// at or before the one that holds it. What a look-up costs without reading anything.
    public func indexedPosition(of offset: Offset) throws(LogError) -> (segment: Offset, position: Int) {
        try checkRange(offset)
        guard let segment = segment(holding: offset) else { return (logStart, 0) }
        return (segment.baseOffset, try segment.indexedPosition(of: offset))
    }

    /// How many bytes of durable batches the partition has on disk, without indexes.
    public func byteCount() throws(LogError) -> Int {
        var total = 0
        for segment in segments { total += try segment.visibleBytes() }
        return total
    }

    /// Bytes of the log from the batch that holds `offset` on: at most `maxBytes`, but with `firstBatchWhole` at
    /// least that batch. They end at the durable end and within one segment. nil at the durable end.
    ///
    /// Throws `offsetOutOfRange`.
    package func slice(from offset: Offset, maxBytes: Int, firstBatchWhole: Bool) throws(LogError) -> LogSlice? {
        try checkRange(offset)
        guard let (segment, batch) = try locate(offset) else { return nil }
        var count = min(max(maxBytes, 0), try segment.visibleBytes() - batch.position)
        if count < batch.byteCount {
            guard firstBatchWhole else { return nil }
            count = batch.byteCount
        }
        return LogSlice(file: try segment.file(), position: batch.position, byteCount: count)
    }

    /// The first record, in order of offsets, of `timestamp` or later: exact, also inside a compressed batch. Of a
    /// batch whose codec is not read here, its first record. nil: all are earlier.
    public func offset(at timestamp: Timestamp) throws(LogError) -> (offset: Offset, timestamp: Timestamp)? {
        for segment in segments {
            guard let latest = try segment.maxTimestamp(), latest.timestamp >= timestamp,
                let batch = try segment.batch(notBefore: timestamp), batch.baseOffset < end
            else { continue }
            return try firstRecord(of: batch, in: segment) { $0 >= timestamp }
        }
        return nil
    }

    /// The first record that has the largest timestamp of all. nil: there is none with a timestamp.
    package func maxTimestampOffset() throws(LogError) -> (offset: Offset, timestamp: Timestamp)? {
        var found: (segment: Segment, entry: (timestamp: Timestamp, offset: Offset))?
        for segment in segments {
            guard let latest = try segment.maxTimestamp(before: end) else { continue }
            if let best = found?.entry.timestamp, best >= latest.timestamp { continue }
            found = (segment, latest)
        }
        guard let (segment, entry) = found, let batch = try segment.batch(containing: entry.offset) else { return nil }
        return try firstRecord(of: batch, in: segment) { $0 >= entry.timestamp }
    }

    private func firstRecord(
        of batch: BatchLocation, in segment: Segment, where matches: (Timestamp) -> Bool
    ) throws(LogError) -> (offset: Offset, timestamp: Timestamp)? {
        var window = ReadWindow()
        let bytes = try window.bytes(
            of: try segment.file(), at: batch.position, batch.byteCount, end: batch.position + batch.byteCount)
        do {
            var scratch = DecompressionBuffer()
            var cursor = try RecordCursor(try RecordBatchView(validating: bytes.bytes), into: &scratch)
            while let record = try cursor.next() {
                if matches(record.timestamp) { return (record.offset, record.timestamp) }
            }
        } catch BatchError.unsupportedCompression {
            // Better too early than too late: whoever reads from here skips what is older.
            return (batch.baseOffset, batch.maxTimestamp)
        } catch {
            throw .unreadable(offset: batch.baseOffset, error)
        }
        // The header promised such a record; the batch as a whole is the nearest that is true.
        return (batch.lastOffset, batch.maxTimestamp)
    }
}

/// A range of a segment's file that holds whole batches, but for the last, which may be cut.
package struct LogSlice: Sendable {
    /// Keeps the file open as long as the slice lives.
    package let file: any StorageFile
    /// In bytes.
    package let position: Int
    package let byteCount: Int
}
