internal import Storage

/// What a reader at an offset has before it.
package struct PartitionPosition: Hashable, Sendable {
    /// The offset that was asked for, or where the log starts or ends where that lies outside it.
    package let offset: Offset
    package let logStart: Offset
    package let end: Offset
    /// From the batch of the next record that a reader gets to the end, as they lie on disk; 0 where there is none.
    package let bytesToEnd: Int
    /// Of the first record at `offset` or after it that is not expired; nil: there is none yet.
    package let nextTimestamp: Timestamp?

    package var recordsToEnd: Int64 { end.distance(from: offset) }
}

extension Partition {
    /// What lies between an offset and the end: exact, but for a batch whose codec is not read here, of which the first
    /// record's timestamp counts. An offset before the log's start or past its end is taken for that.
    ///
    /// Throws `damaged` and `unreadable` where the next record cannot be read.
    package func position(at offset: Offset) throws(LogError) -> PartitionPosition {
        while true {
            let start = logStart
            do throws(LogError) { return try position(at: min(max(offset, start), end), start: start) } catch {
                // Deleted meanwhile: then it stands further on.
                if logStart == start { throw error }
            }
        }
    }

    private func position(at offset: Offset, start: Offset) throws(LogError) -> PartitionPosition {
        try reading(at: offset) { () throws(LogError) in
            let end = end
            guard let (segment, batch) = try locateLive(offset) else {
                return PartitionPosition(
                    offset: offset, logStart: start, end: end, bytesToEnd: 0, nextTimestamp: nil)
            }
            let all = segments
            guard let at = all.firstIndex(where: { $0 === segment }) else {
                // Exchanged meanwhile: what follows it in the list may hold the same records.
                return try position(at: offset, start: start)
            }
            return PartitionPosition(
                offset: offset, logStart: start, end: end,
                bytesToEnd: all[(at + 1)...].reduce(try segment.visibleBytes() - batch.position) { $0 + $1.byteCount },
                nextTimestamp: try nextTimestamp(at: offset, segment, batch))
        }
    }

    /// The batch that holds `offset`, or the first one after it, that readers get.
    private func locateLive(_ offset: Offset) throws(LogError) -> (Segment, BatchLocation)? {
        guard var look = ExpiryLook(self) else { return try locate(offset) }
        var work = ExpiryWork.unlimited
        guard case .found(let segment, let batch) = try locate(offset, hiding: &look, &work) else { return nil }
        return (segment, batch)
    }

    private func nextTimestamp(
        at offset: Offset, _ segment: Segment, _ batch: BatchLocation
    ) throws(LogError) -> Timestamp? {
        var (segment, batch) = (segment, batch)
        while true {
            if let timestamp = try timestamp(at: offset, in: segment, batch) { return timestamp }
            // Compaction has taken what the batch had from there on.
            guard let next = try locateLive(batch.lastOffset.advanced(by: 1)) else { return nil }
            (segment, batch) = next
        }
    }

    private func timestamp(
        at offset: Offset, in segment: Segment, _ batch: BatchLocation
    ) throws(LogError) -> Timestamp? {
        var window = ReadWindow()
        let bytes = try window.bytes(
            of: try segment.file(), at: batch.position, batch.byteCount, end: batch.position + batch.byteCount)
        do {
            var timestamp: Timestamp?
            var records = RecordWindow()
            try records.scan(try RecordBatchView(validating: bytes.bytes)) { record in
                if record.offset >= offset { timestamp = record.timestamp }
                return timestamp == nil
            }
            return timestamp
        } catch BatchError.unsupportedCompression {
            let header = batch.header
            return header.attributes.usesLogAppendTime ? header.maxTimestamp : header.baseTimestamp
        } catch BatchError.checksumMismatch {
            throw try damage(of: batch, in: segment)
        } catch {
            throw .unreadable(offset: batch.baseOffset, error)
        }
    }
}
