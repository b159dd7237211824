internal import Storage

/// Finding batches by offset and by time, from where the index sends.
extension Segment {
    /// The first batch that ends at `offset` or after it; nil if no visible one does. Throws `damagedRecords` where the
    /// offset lies in damage. `checksIt`: also where the batch's checksum is wrong.
    func batch(containing offset: Offset, checksIt: Bool = false) throws(LogError) -> BatchLocation? {
        let relative = UInt32(clamping: max(0, offset.distance(from: baseOffset)))
        var hit = try entry(atOrBelow: relative)
        /// An entry that names no whole batch.
        var doubtful: OffsetIndexEntry?
        while true {
            var walk = try walk(from: Int(hit?.position ?? 0))
            var (batch, passed): (BatchLocation?, BatchLocation?) = (try walk.next(), nil)
            if let entry = hit, !entry.isConfirmed(by: batch, base: baseOffset) {
                // Either the index lies, which is a cache, or the batch is damaged: what lies before it tells.
                // One entry back, then the start.
                let isFirst = doubtful == nil && entry.relativeOffset > 0
                doubtful = doubtful ?? entry
                hit = isFirst ? try self.entry(atOrBelow: entry.relativeOffset - 1) : nil
                continue
            }
            while let found = batch {
                if found.lastOffset >= offset, try !walk.isOverrun(at: offset) { break }
                passed = found
                batch = try walk.next()
            }
            note(walk.damage)
            if let doubtful, !walk.damage.contains(where: { $0.bytes.contains(Int(doubtful.position)) }) {
                try rebuildIndex()
            }
            if let damage = walk.damage.first(where: { $0.offsets.contains(offset) }) { throw damage.error(in: path) }
            guard let batch else { return nil }
            try check(batch, passed, at: offset, &walk, checksIt: checksIt)
            return batch
        }
    }

    /// So many bytes from a batch on, or as many as the file has: where somebody has cut it, a socket that is sent more than
    /// there is would wait for the rest for ever. Throws `damagedRecords` where the batch itself is cut.
    func slice(from batch: BatchLocation, byteCount: Int) throws(LogError) -> LogSlice {
        let file = try file()
        let size = try storage { () throws(FileError) in try file.size() }
        let there = min(byteCount, size - batch.position)
        guard there >= min(byteCount, batch.byteCount) else {
            let end = batch.position + batch.byteCount
            // What a damaged header says of its last offset may be anything.
            let next = max(batch.baseOffset, batch.lastOffset.advanced(by: 1))
            throw DamagedRange(
                bytes: batch.position..<end, offsets: batch.baseOffset..<next,
                reason: "the file ends early", isTail: true
            ).error(in: path)
        }
        return LogSlice(file: file, position: batch.position, byteCount: there)
    }

    /// nil also where the index can be neither had nor made, since a part of the segment cannot be read: what lies before
    /// that is there all the same.
    private func entry(atOrBelow relativeOffset: UInt32) throws(LogError) -> OffsetIndexEntry? {
        do { return try withIndex { $0.entry(atOrBelow: relativeOffset) } } catch {
            guard error.isOfStorage else { throw error }
            return nil
        }
    }

    private func check(
        _ batch: BatchLocation, _ passed: BatchLocation?, at offset: Offset, _ walk: inout BatchWalk, checksIt: Bool
    ) throws(LogError) {
        // The offset is in no batch, as after a compaction; or the one before says that it ends before it does.
        if batch.baseOffset > offset, let passed, let damage = try walk.damage(of: passed, before: batch) {
            note([damage])
            if damage.offsets.contains(offset) { throw damage.error(in: path) }
        }
        if checksIt, let damage = try walk.damageOfLast() {
            note([damage])
            throw damage.error(in: path)
        }
    }

    /// The first batch with a record from `offset` on that holds one of `timestamp` or later; nil if none does. Damage is
    /// passed over.
    func batch(notBefore timestamp: Timestamp, from offset: Offset) throws(LogError) -> BatchLocation? {
        let isWanted = { (batch: BatchLocation) in batch.maxTimestamp >= timestamp && batch.lastOffset >= offset }
        let hit = try withIndex { $0.entry(before: timestamp.milliseconds) }
        guard let hit, baseOffset.advanced(by: Int64(hit.relativeOffset)) >= offset else {
            return try first(from: offset, isWanted)
        }
        // Up to the entry's offset every record is older: its batch is where to go on from.
        guard let start = try? batch(containing: baseOffset.advanced(by: Int64(hit.relativeOffset))),
            start.maxTimestamp.milliseconds == hit.timestamp,
            start.lastOffset.distance(from: baseOffset) == Int64(hit.relativeOffset)
        else {
            try rebuildIndex()
            return try first(from: offset, isWanted)
        }
        return try first(at: start.position, isWanted)
    }

    /// The first batch that is wanted, from the one on that holds `offset`.
    private func first(
        from offset: Offset, _ isWanted: (BatchLocation) -> Bool
    ) throws(LogError) -> BatchLocation? {
        var start: BatchLocation?
        if offset > baseOffset {
            do throws(LogError) {
                guard let found = try batch(containing: offset) else { return nil }
                start = found
            } catch {
                guard case .damagedRecords = error else { throw error }
            }
        }
        return try first(at: start?.position ?? 0, isWanted)
    }

    private func first(at position: Int, _ isWanted: (BatchLocation) -> Bool) throws(LogError) -> BatchLocation? {
        var walk = try walk(from: position)
        defer { note(walk.damage) }
        while let batch = try walk.next() {
            if isWanted(batch) { return batch }
        }
        return nil
    }

    /// Where the index sends a reader of `offset`, in bytes: what a lookup costs without the walk that follows it.
    package func indexedPosition(of offset: Offset) throws(LogError) -> Int {
        let relative = UInt32(clamping: max(0, offset.distance(from: baseOffset)))
        return try withIndex { Int($0.entry(atOrBelow: relative)?.position ?? 0) }
    }

    /// The largest timestamp in the segment, and the last offset of the batch that has it first; nil when empty. It may
    /// be of a batch that is not visible yet.
    func maxTimestamp() throws(LogError) -> (timestamp: Timestamp, offset: Offset)? {
        guard let entry = try withIndex({ $0.maxTimestamp }) else { return nil }
        return (Timestamp(milliseconds: entry.timestamp), baseOffset.advanced(by: Int64(entry.relativeOffset)))
    }

    /// The same among the visible batches, which end before `end`, of those that begin at `start` or later.
    func maxTimestamp(
        from start: Offset, before end: Offset
    ) throws(LogError) -> (timestamp: Timestamp, offset: Offset)? {
        guard start > baseOffset else { return try maxTimestamp(before: end) }
        guard let first = try batch(containing: start) else { return nil }
        var found: (timestamp: Timestamp, offset: Offset)?
        var walk = try walk(from: first.position)
        while let batch = try walk.next(), batch.lastOffset < end {
            guard batch.baseOffset >= start else { continue }
            if batch.maxTimestamp > found?.timestamp ?? .none { found = (batch.maxTimestamp, batch.lastOffset) }
        }
        return found
    }

    /// The same among the visible batches, which end before `end`.
    private func maxTimestamp(before end: Offset) throws(LogError) -> (timestamp: Timestamp, offset: Offset)? {
        guard let latest = try maxTimestamp() else { return nil }
        if latest.offset < end { return latest }
        // The latest is written but not published: what is visible lies between the entry before it and the end.
        let relative = UInt32(clamping: max(0, end.value - baseOffset.value))
        let entry = try withIndex { $0.timeEntry(below: relative) }
        let start = try entry.map { entry throws(LogError) in
            try batch(containing: baseOffset.advanced(by: Int64(entry.relativeOffset)))?.position ?? 0
        }
        var found: (timestamp: Timestamp, offset: Offset)?
        var walk = try walk(from: start ?? 0)
        while let batch = try walk.next(), batch.lastOffset < end {
            if batch.maxTimestamp > found?.timestamp ?? .none { found = (batch.maxTimestamp, batch.lastOffset) }
        }
        return found
    }
}
