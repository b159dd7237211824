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
            guard let (segment, first) = try locate(next) else { return .none }
            var run = ExpiredRun(from: next)
            defer { look.note(run) }
            let file = try segment.file()
            var walk = BatchWalk(file, from: first.position, to: try segment.visibleBytes())
            while let batch = try walk.next() {
                guard work.take(look.cost(of: batch)) else { return .unfinished }
                guard let expiry = try look.expiry(of: batch, in: file) else { return .found(segment, batch) }
                run.add(batch.lastOffset, expiry: expiry)
            }
            next = run.end
        }
    }

    /// Bytes from the first batch that is not expired up to the next that is.
    func liveSlice(
        from offset: Offset, maxBytes: Int, firstBatchWhole: Bool, _ look: inout ExpiryLook, _ work: inout ExpiryWork
    ) throws(LogError) -> SliceOutcome {
        switch try locate(offset, hiding: &look, &work) {
        case .none: return .nothing
        case .unfinished: return .unfinished
        case .found(let segment, let batch):
            guard batch.byteCount <= maxBytes || firstBatchWhole else { return .noRoom }
            let end = try liveEnd(after: batch, in: segment, maxBytes, &look, &work)
            return .slice(
                LogSlice(file: try segment.file(), position: batch.position, byteCount: end - batch.position))
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
        var walk = BatchWalk(file, from: end, to: visible)
        while end < limit {
            // A batch that cannot be read ends the answer before it: it is the next that meets it.
            guard work.take(0), let next = try? walk.next(), work.take(look.cost(of: next)),
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
    /// Nothing up to the durable end that it gets.
    case none
    /// More is expired than could be looked at.
    case unfinished
}

/// What a reader of bytes gets.
package enum SliceOutcome: Sendable {
    case slice(LogSlice)
    /// The next batch is larger than there is room for.
    case noRoom
    /// There is nothing up to the durable end, or nothing that is not expired.
    case nothing
    /// So much is expired that looking on has to wait for the next call: it goes on from there, and should come soon.
    case unfinished
}
