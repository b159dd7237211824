package import Storage

/// Offsets and times to places in files.
extension Partition {
    /// The batch that holds `offset`, or the first one after it; nil at the durable end.
    func locate(_ offset: Offset) throws(LogError) -> (segment: Segment, batch: BatchLocation)? {
        guard offset < end else { return nil }
        guard var segment = segment(holding: offset) else {
            try checkThere()
            return nil
        }
        // The first segment is gone: nothing deleted it.
        try checkGap(before: segment, from: offset)
        while true {
            if let batch = try segment.batch(containing: offset) {
                // It was deleted since the caller looked: what lies after it is not what was asked for.
                if batch.baseOffset > offset { try checkRange(offset) }
                return (segment, batch)
            }
            guard let following = self.segment(after: segment) else { return nil }
            try checkGap(before: following, from: offset)
            segment = following
        }
    }

    /// Throws where the partition was deleted, and has let go of its segments.
    func checkThere() throws(LogError) {
        if segments.isEmpty { throw failure ?? .unknownTopic(topicName) }
    }

    /// Records between `offset` and the next segment are lost where they were durable once: that is said, not skipped.
    func checkGap(before following: Segment, from offset: Offset) throws(LogError) {
        guard following.baseOffset > offset else { return }
        try checkRange(offset)
        throw .damagedRecords(
            file: following.path, position: 0, offsets: offset..<following.baseOffset,
            reason: "what came before it is missing")
    }

    /// Where the index says to look for `offset`: the segment, by its base offset, and the position in bytes of a batch
    /// at or before the one that holds it. What a look-up costs without reading anything.
    public func indexedPosition(of offset: Offset) throws(LogError) -> (segment: Offset, position: Int) {
        try checkRange(offset)
        guard let segment = segment(holding: offset) else { return (logStart, 0) }
        return try reading(at: offset) { () throws(LogError) in
            (segment.baseOffset, try segment.indexedPosition(of: offset))
        }
    }

    /// Runs `body`, which reads at `offset`: where it fails because the records were deleted meanwhile, that is said.
    func reading<R>(at offset: Offset, _ body: () throws(LogError) -> R) throws(LogError) -> R {
        do { return try body() } catch {
            try checkRange(offset)
            throw said(error)
        }
    }

    /// How many bytes of batches that readers see the partition has on disk, without indexes. Asks the disk once for each
    /// segment that nobody has read from.
    public var byteCount: Int { segments.reduce(0) { $0 + $1.byteCount } }

    /// The same with indexes: what a partition takes of the disk, but for its checkpoint.
    public var diskBytes: Int { segments.reduce(0) { $0 + $1.byteCount + $1.indexByteCount } }

    /// Bytes of the log from the batch that holds `offset` on: at most `maxBytes`, but with `firstBatchWhole` at
    /// least that batch. They end at the durable end and within one segment. Batches that are expired are passed over:
    /// the bytes begin after them, or end before them.
    ///
    /// Throws `offsetOutOfRange`. `work`: how much of what is expired may be looked at.
    package func slice(
        from offset: Offset, maxBytes: Int, firstBatchWhole: Bool, _ work: inout ExpiryWork
    ) throws(LogError) -> SliceOutcome {
        // Before the bytes, which may be ahead of it.
        let end = end
        try checkRange(offset)
        do throws(LogError) {
            guard var look = ExpiryLook(self) else {
                return try locatedSlice(from: offset, maxBytes: maxBytes, firstBatchWhole: firstBatchWhole, before: end)
            }
            return try liveSlice(
                from: offset, maxBytes: maxBytes, firstBatchWhole: firstBatchWhole, before: end, &look, &work)
        } catch {
            // Deleted meanwhile, where it was not read yet.
            try checkRange(offset)
            throw said(error)
        }
    }

    /// `end`: where the log ended a moment ago.
    func locatedSlice(
        from offset: Offset, maxBytes: Int, firstBatchWhole: Bool, before end: Offset
    ) throws(LogError) -> SliceOutcome {
        guard let (segment, batch) = try locate(offset), batch.baseOffset < end else { return .nothing }
        var count = min(max(maxBytes, 0), try segment.visibleBytes() - batch.position)
        if count < batch.byteCount {
            guard firstBatchWhole else { return .noRoom }
            count = batch.byteCount
        }
        // What is known to be damaged is not sent as if it were whole.
        if let damaged = segment.damageStart(from: batch.position) { count = min(count, damaged - batch.position) }
        count = try byteCount(from: batch, in: segment, atMost: count, before: end)
        return .slice(try segment.slice(from: batch, byteCount: count))
    }

    /// How many of the bytes from a batch on are of batches before `end`. A round's bytes are visible a moment before the
    /// end is set: a client that had them by then would go on past an end that it may still be told of, as if the log had
    /// been truncated.
    func byteCount(
        from batch: BatchLocation, in segment: Segment, atMost count: Int, before end: Offset
    ) throws(LogError) -> Int {
        guard segment.offsetLimit > end else { return count }
        var walk = try segment.walk(from: batch.position)
        var stop = batch.position
        while stop - batch.position < count, let next = try walk.next(), next.baseOffset < end {
            stop = next.position + next.byteCount
        }
        return min(count, stop - batch.position)
    }

    /// The bytes alone; nil: there are none now.
    package func slice(from offset: Offset, maxBytes: Int, firstBatchWhole: Bool) throws(LogError) -> LogSlice? {
        var work = ExpiryWork.unlimited
        let outcome = try slice(from: offset, maxBytes: maxBytes, firstBatchWhole: firstBatchWhole, &work)
        if case .slice(let slice) = outcome { return slice }
        return nil
    }

    /// The first record, in order of offsets, of `timestamp` or later: exact, also inside a compressed batch. Of a
    /// batch whose codec is not read here, its first record. nil: all are earlier.
    public func offset(at timestamp: Timestamp) throws(LogError) -> (offset: Offset, timestamp: Timestamp)? {
        try searching { start throws(LogError) in try offset(at: timestamp, from: start) }
    }

    /// The first record that has the largest timestamp of all. nil: there is none with a timestamp.
    package func maxTimestampOffset() throws(LogError) -> (offset: Offset, timestamp: Timestamp)? {
        try searching { start throws(LogError) in try maxTimestampOffset(from: start) }
    }

    /// Runs `body` with the log's start: again, where records were deleted meanwhile and it may have met that.
    private func searching<R>(_ body: (Offset) throws(LogError) -> R) throws(LogError) -> R {
        while true {
            let start = logStart
            do throws(LogError) {
                let result = try body(start)
                if logStart == start { return result }
            } catch {
                if logStart == start { throw said(error) }
            }
        }
    }

    private func offset(
        at timestamp: Timestamp, from start: Offset
    ) throws(LogError) -> (offset: Offset, timestamp: Timestamp)? {
        for segment in segments(from: start) {
            guard let latest = try segment.maxTimestamp(), latest.timestamp >= timestamp else { continue }
            var next = start
            while let batch = try segment.batch(notBefore: timestamp, from: next), batch.baseOffset < end {
                // One without records, which compaction has left, may say of when they were.
                if batch.header.recordCount > 0 {
                    do throws(LogError) {
                        if let found = try firstRecord(of: batch, in: segment, from: start, { $0 >= timestamp }) {
                            return found
                        }
                    } catch {
                        // Of what nobody can read, no record is the first.
                        guard case .damagedRecords(_, _, let offsets, _) = said(error) else { throw error }
                        next = max(next.advanced(by: 1), offsets.upperBound)
                        continue
                    }
                }
                next = batch.lastOffset.advanced(by: 1)
            }
        }
        return nil
    }

    private func maxTimestampOffset(from start: Offset) throws(LogError) -> (offset: Offset, timestamp: Timestamp)? {
        var found: (segment: Segment, entry: (timestamp: Timestamp, offset: Offset))?
        for segment in segments(from: start) {
            guard let latest = try segment.maxTimestamp(from: start, before: end) else { continue }
            if let best = found?.entry.timestamp, best >= latest.timestamp { continue }
            found = (segment, latest)
        }
        // The batch in which the log begins counts only as far as it is there.
        let first = try firstBatchMaxTimestamp(from: start)
        guard let (segment, entry) = found, entry.timestamp > first?.timestamp ?? .none,
            let batch = try segment.batch(containing: entry.offset)
        else { return first }
        return try firstRecord(of: batch, in: segment, from: start) { $0 >= entry.timestamp }
    }

    /// Of a batch that lies before and behind `start`: the first record from there on that has the largest timestamp.
    private func firstBatchMaxTimestamp(from start: Offset) throws(LogError) -> (offset: Offset, timestamp: Timestamp)?
    {
        guard let (segment, batch) = try locate(start), batch.baseOffset < start else { return nil }
        var latest = Timestamp.none
        let whole = try firstRecord(of: batch, in: segment, from: start) { timestamp in
            latest = max(latest, timestamp)
            return false
        }
        // Not decoded here: the header's is the nearest that is true.
        if let whole { return whole.timestamp > .none ? whole : nil }
        guard latest > .none else { return nil }
        return try firstRecord(of: batch, in: segment, from: start) { $0 >= latest }
    }

    /// What there is to say of a batch whose checksum is wrong.
    func damage(of batch: BatchLocation, in segment: Segment) throws(LogError) -> LogError {
        _ = try segment.batch(containing: max(batch.baseOffset, segment.baseOffset), checksIt: true)
        // It is right by now: somebody has written it meanwhile.
        return .damaged(file: segment.path, position: batch.position, reason: "a batch's checksum was wrong")
    }

    /// The segments that have records from `start` on.
    private func segments(from start: Offset) -> ArraySlice<Segment> {
        let all = segments
        return all[max(0, all.partitionPoint { $0.baseOffset <= start } - 1)...]
    }

    /// The first record from `start` on whose timestamp matches. Where none does, of a batch that lies wholly behind
    /// `start` its last one; of another nil.
    private func firstRecord(
        of batch: BatchLocation, in segment: Segment, from start: Offset, _ matches: (Timestamp) -> Bool
    ) throws(LogError) -> (offset: Offset, timestamp: Timestamp)? {
        var window = ReadWindow()
        let bytes = try window.bytes(
            of: try segment.file(), at: batch.position, batch.byteCount, end: batch.position + batch.byteCount)
        do {
            var found: (offset: Offset, timestamp: Timestamp)?
            var records = RecordWindow()
            try records.scan(try RecordBatchView(validating: bytes.bytes)) { record in
                guard record.offset >= start, matches(record.timestamp) else { return true }
                found = (record.offset, record.timestamp)
                return false
            }
            if let found { return found }
        } catch BatchError.unsupportedCompression {
            // Better too early than too late: whoever reads from here skips what is older.
            return (max(start, batch.baseOffset), batch.maxTimestamp)
        } catch BatchError.checksumMismatch {
            throw try damage(of: batch, in: segment)
        } catch {
            throw .unreadable(offset: batch.baseOffset, error)
        }
        if batch.baseOffset < start { return nil }
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
