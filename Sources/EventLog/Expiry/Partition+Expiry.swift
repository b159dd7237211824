internal import Storage

/// What readers get of a partition whose records expire.
extension Partition {
    /// The batch that holds `offset`, or the first one after it, that is not expired.
    func locate(
        _ offset: Offset, hiding look: inout ExpiryLook, _ work: inout ExpiryWork
    ) throws(LogError) -> LiveBatch {
        var next = offset
        while true {
            next = look.skip(next)
            guard let (segment, first) = try locate(next) else { return .none(to: next) }
            var run = ExpiredRun(from: next)
            defer { look.note(run) }
            let file = try segment.file()
            var walk = try segment.walk(from: first.position)
            // To damage at most: the next look meets it.
            while let batch = try walk.nextOrDamage() {
                guard work.take(look.cost(of: batch)) else { return .unfinished(at: run.end) }
                guard let expiry = try look.expiry(of: batch, in: file) else { return .found(segment, batch) }
                run.add(batch.lastOffset, expiry: expiry)
            }
            next = run.end
        }
    }

    /// Bytes from the first batch that is not expired up to the next that is. `end`: where the log ended a moment ago.
    func liveSlice(
        from offset: Offset, maxBytes: Int, firstBatchWhole: Bool, before end: Offset, _ look: inout ExpiryLook,
        _ work: inout ExpiryWork
    ) throws(LogError) -> SliceOutcome {
        switch try locate(offset, hiding: &look, &work) {
        case .none(let next): return min(next, end) > offset ? .expired(to: min(next, end)) : .nothing
        case .unfinished(let next): return min(next, end) > offset ? .expired(to: min(next, end)) : .noRoom
        case .found(let segment, let batch):
            guard batch.baseOffset < end else { return end > offset ? .expired(to: end) : .nothing }
            guard batch.byteCount <= maxBytes || firstBatchWhole else { return .noRoom }
            let stop = try liveEnd(after: batch, in: segment, maxBytes, &look, &work)
            let count = try byteCount(from: batch, in: segment, atMost: stop - batch.position, before: end)
            return .slice(try segment.slice(from: batch, byteCount: count))
        }
    }

    private func liveEnd(
        after batch: BatchLocation, in segment: Segment, _ maxBytes: Int, _ look: inout ExpiryLook,
        _ work: inout ExpiryWork
    ) throws(LogError) -> Int {
        let file = try segment.file()
        let visible = try segment.visibleBytes()
        let limit = batch.position + min(max(maxBytes, batch.byteCount), visible - batch.position)
        var end = batch.position + batch.byteCount
        var walk = try segment.walk(from: end)
        while end < limit {
            // A batch that cannot be read ends the answer before it: it is the next that meets it.
            guard work.take(0), let next = try? walk.nextOrDamage(), work.take(look.cost(of: next)),
                try look.expiry(of: next, in: file) == nil
            else { return end }
            end = next.position + next.byteCount
        }
        return limit
    }
}

/// What lies before a reader.
enum LiveBatch {
    case found(Segment, BatchLocation)
    /// Nothing up to the durable end, which is here, that it gets.
    case none(to: Offset)
    /// More is expired than could be looked at: the look has come to here.
    case unfinished(at: Offset)
}

/// What a reader of bytes gets.
package enum SliceOutcome: Sendable {
    case slice(LogSlice)
    /// The next batch is larger than there is room for, or no more may be looked at.
    case noRoom
    /// There is nothing from the offset on.
    case nothing
    /// All from the offset up to this one is expired; what lies there is for the next call.
    case expired(to: Offset)
}
