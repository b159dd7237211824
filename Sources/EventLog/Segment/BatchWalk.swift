internal import Storage

/// Where a batch lies in its segment's file, and what its header says.
package struct BatchLocation: Sendable {
    /// In bytes, from the start of the file.
    package let position: Int
    package let header: RecordBatchHeader

    package var byteCount: Int { header.sizeInBytes }
    var baseOffset: Offset { header.baseOffset }
    var lastOffset: Offset { header.lastOffset }
    var maxTimestamp: Timestamp { header.maxTimestamp }
}

/// Goes from batch to batch of a segment by their headers, without reading what lies between large ones, and over what is
/// damaged: one bad byte costs the batch that it is in.
///
/// Headers have to fit each other: lengths lead from one to the next, offsets ascend and belong to the segment. Where one
/// does not fit, checksums tell which of the two neighbours is at fault, and the next batch is looked for that is whole and
/// whose offsets fit. Offsets are not in a batch's checksum, so one that is wrong and fits cannot be told: where offsets
/// follow each other without a gap there is none that does.
struct BatchWalk: ~Copyable {
    private let file: any StorageFile
    private var position: Int
    private let end: Int
    /// Of the segment: no offset is below it.
    private let base: Offset
    /// Every offset is below it.
    private let limit: Offset
    private let known: [DamagedRange]
    private let checksEvery: Bool
    /// What the next batch begins with, where no offset is missing; nil: nobody knows.
    private var expected: Offset?
    private var previous: Passed?
    /// What was gone over, in order.
    private(set) var damage: [DamagedRange] = []
    /// A piece of the file: most walks end within the first.
    private let window: UnsafeMutableRawBufferPointer
    private var windowStart = 0
    private var windowCount = 0
    private let windowSize: Int

    private struct Passed {
        var batch: BatchLocation
        var expected: Offset?
    }

    /// - Parameters:
    ///   - position: where a batch begins.
    ///   - base: the segment's first offset.
    ///   - limit: all offsets in these bytes are below it.
    ///   - known: damage that was found before.
    ///   - checksEvery: whether each batch's checksum is looked at, too.
    init(
        _ file: any StorageFile, from position: Int, to end: Int, windowSize: Int = 8192, base: Offset = 0,
        below limit: Offset = Offset(.max), knowing known: DamagedRanges = DamagedRanges(), checksEvery: Bool = false
    ) {
        self.file = file
        self.position = position
        self.end = end
        self.windowSize = windowSize
        self.base = base
        self.limit = limit
        self.known = known.ranges
        self.checksEvery = checksEvery
        expected = position == 0 ? base : nil
        window = .allocate(byteCount: windowSize, alignment: 16)
    }

    deinit { window.deallocate() }

    /// The next whole batch; nil at the end. What is damaged before it is in `damage` then.
    mutating func next() throws(LogError) -> BatchLocation? {
        while position < end {
            if let batch = try nextOrDamage() { return batch }
        }
        return nil
    }

    /// The same, but nil once where it goes over damage: `damage` has it then.
    mutating func nextOrDamage() throws(LogError) -> BatchLocation? {
        guard position < end else { return nil }
        if !known.isEmpty, let range = known.first(where: { $0.bytes.lowerBound == position }),
            range.bytes.upperBound <= end
        {
            goOver(try completed(range))
            return nil
        }
        switch try look() {
        case .batch(let batch):
            previous = Passed(batch: batch, expected: expected)
            position += batch.byteCount
            expected = batch.lastOffset.advanced(by: 1)
            return batch
        case .damage(let start, let first, let reason):
            goOver(try damagedRange(from: start, first, reason))
            return nil
        }
    }

    /// At the end, the offset after the last.
    var nextOffset: Offset { expected ?? base }

    /// What was at the end of a segment when it was found may have a batch behind it now, which says where it ended.
    private mutating func completed(_ range: DamagedRange) throws(LogError) -> DamagedRange {
        guard range.isTail, range.bytes.upperBound < end,
            case .success(let header) = try self.header(at: range.bytes.upperBound),
            header.baseOffset > range.offsets.lowerBound, header.baseOffset < range.offsets.upperBound
        else { return range }
        var range = range
        range.offsets = range.offsets.lowerBound..<header.baseOffset
        range.isTail = false
        return range
    }

    private mutating func goOver(_ range: DamagedRange) {
        damage.append(range)
        position = range.bytes.upperBound
        expected = range.offsets.upperBound
        previous = nil
    }

    private enum Look {
        case batch(BatchLocation)
        /// `from`: the first offset that is in doubt.
        case damage(at: Int, from: Offset?, reason: String)
    }

    private mutating func look() throws(LogError) -> Look {
        let header: RecordBatchHeader
        switch try self.header(at: position) {
        case .success(let found): header = found
        case .failure(let problem): return try blame(problem.reason)
        }
        guard header.lastOffsetDelta >= 0, header.baseOffset >= base, header.lastOffset < limit,
            header.baseOffset >= expected ?? base
        else { return try blame("offsets \(header.baseOffset) to \(header.lastOffset) do not belong there") }
        let batch = BatchLocation(position: position, header: header)
        if let expected, header.baseOffset > expected, try !fits(batch, before: expected) {
            return .damage(
                at: position, from: expected,
                reason: "offset \(header.baseOffset) does not belong there: \(expected) was due")
        }
        if checksEvery, let problem = try problem(with: batch) {
            return .damage(at: position, from: expected, reason: problem)
        }
        return .batch(batch)
    }

    /// What does not fit is this place's fault, or that of the batch before it, which said that the next one begins here.
    private mutating func blame(_ reason: String) throws(LogError) -> Look {
        if let previous, !checksEvery, let problem = try problem(with: previous.batch) {
            return .damage(at: previous.batch.position, from: previous.expected, reason: problem)
        }
        return .damage(at: position, from: expected, reason: reason)
    }

    /// Offsets are missing before `batch`, as they may be after a compaction: whether its own are right, as far as what
    /// follows tells.
    private mutating func fits(_ batch: BatchLocation, before expected: Offset) throws(LogError) -> Bool {
        let after = batch.position + batch.byteCount
        guard after < end else { return true }
        if try isDue(at: expected, batch) { return false }
        guard case .success(let following) = try header(at: after) else { return try problem(with: batch) == nil }
        if following.baseOffset > batch.lastOffset { return true }
        if try problem(with: batch) != nil { return false }
        // One of the two is wrong.
        if following.baseOffset < expected { return true }
        let next = BatchLocation(position: after, header: following)
        if try problem(with: next) != nil { return true }
        // Both are whole. That what follows begins where the second would end, if that came right behind this one, tells that
        // the second is wrong. Else either may be: neither is believed, unless the second leads on itself.
        return try isDue(at: batch.lastOffset.advanced(by: 1), next)
    }

    /// Whether what follows a batch begins where that would end which is due there: then it is, whatever it says itself, and
    /// whatever else is wrong with what follows.
    private mutating func isDue(at first: Offset, _ batch: BatchLocation) throws(LogError) -> Bool {
        try offset(behind: batch) == first.advanced(by: Int64(batch.header.lastOffsetDelta) + 1)
    }

    /// What takes the place of the batch that was returned last, where its bytes are damaged: for whoever was told so, and
    /// does not go on. nil: they are whole.
    mutating func damageOfLast() throws(LogError) -> DamagedRange? {
        guard let previous, let problem = try problem(with: previous.batch) else { return nil }
        return try damagedRange(from: previous.batch.position, previous.expected, problem)
    }

    /// The same of `passed`, which came right before `batch`, the last one: offsets between the two are missing.
    func damage(of passed: BatchLocation, before batch: BatchLocation) throws(LogError) -> DamagedRange? {
        guard let problem = try problem(with: passed) else { return nil }
        let first = min(max(passed.baseOffset, base), batch.baseOffset)
        return DamagedRange(
            bytes: passed.position..<batch.position, offsets: first..<batch.baseOffset, reason: problem, isTail: false)
    }

    /// Whether the batch that was returned last only says that it holds an offset: it is damaged, and the next one begins
    /// there or before. Who looks for the offset goes on.
    mutating func isOverrun(at wanted: Offset) throws(LogError) -> Bool {
        guard let batch = previous?.batch, batch.baseOffset < wanted, let following = try offset(behind: batch),
            following > batch.baseOffset, following <= wanted
        else { return false }
        return try problem(with: batch) != nil
    }

    // MARK: The end of damage

    private mutating func damagedRange(
        from start: Int, _ first: Offset?, _ reason: String
    ) throws(LogError) -> DamagedRange {
        let from = first ?? base
        let found = try wholeBatch(behind: start, from)
        let to = max(from, found?.baseOffset ?? limit)
        return DamagedRange(
            bytes: start..<(found?.position ?? end), offsets: from..<to, reason: reason, isTail: found == nil)
    }

    /// The next whole batch behind one at `start` that is not, and is to begin with `first`.
    private mutating func wholeBatch(behind start: Int, _ first: Offset) throws(LogError) -> BatchLocation? {
        #if PLANTED_BUGS
        if PlantedBug.damageReachesOn.isPlanted { return nil }
        #endif
        var due: (position: Int, offset: Offset)?
        var at = start + 1
        // Where the header is right about its length and its offsets, it leads there. Inside the batch bytes are not looked
        // at then: they may be such as look like a batch.
        if case .success(let header) = try self.header(at: start) {
            let after = start + header.sizeInBytes
            due = (after, first.advanced(by: Int64(header.lastOffsetDelta) + 1))
            if after < end, let next = try checkedBatch(at: after),
                next.baseOffset == header.lastOffset.advanced(by: 1),
                next.baseOffset > first, next.lastOffset < limit
            {
                return next
            }
            // Its checksum is right, so that its length is, too: only its offset is wrong; or that of the next one, which is
            // as whole.
            if let batch = try checkedBatch(at: start) {
                at = after
                if let other = try rival(of: batch, behind: first) { at = other.position + other.byteCount }
            }
        }
        let search = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.searchWindow, alignment: 16)
        defer { search.deallocate() }
        while end - at >= RecordBatchLayout.headerSize {
            let count = try read(
                into: UnsafeMutableRawBufferPointer(rebasing: search[..<min(search.count, end - at)]), at: at)
            let places = count - RecordBatchLayout.headerSize + 1
            guard places > 0 else { return nil }
            for i in 0..<places where search[i + RecordBatchLayout.magic] == RecordBatchLayout.currentMagic {
                guard
                    let header = try? RecordBatchHeader(
                        parsing: UnsafeRawBufferPointer(search).part(i, count - i).bytes),
                    header.sizeInBytes <= end - at - i, header.lastOffsetDelta >= 0, header.baseOffset > first,
                    header.lastOffset < limit
                else { continue }
                let batch = BatchLocation(position: at + i, header: header)
                guard try problem(with: batch) == nil else { continue }
                let due = due.flatMap { $0.position == batch.position ? $0.offset : nil }
                if try isBelieved(batch, behind: first, due: due) { return batch }
            }
            at += places
        }
        return nil
    }

    /// The whole batch behind `batch` that begins before this one ends: the offsets of either may be wrong, and nothing that
    /// follows tells which. nil: there is no such batch, or it is known to be right.
    private mutating func rival(of batch: BatchLocation, behind first: Offset) throws(LogError) -> BatchLocation? {
        let after = batch.position + batch.byteCount
        guard batch.baseOffset > first, batch.lastOffset < limit, after < end, let next = try checkedBatch(at: after),
            next.baseOffset <= batch.lastOffset,
            next.baseOffset != first.advanced(by: Int64(batch.header.lastOffsetDelta) + 1)
        else { return nil }
        return try offset(behind: next) == next.lastOffset.advanced(by: 1) ? nil : next
    }

    /// Whether the offsets of a whole batch behind damage can be right, as far as the headers around it tell. `due`: where
    /// the one before it says that it begins.
    private mutating func isBelieved(
        _ batch: BatchLocation, behind first: Offset, due: Offset?
    ) throws(LogError) -> Bool {
        if due == batch.baseOffset { return true }
        if let due, try isDue(at: due, batch) { return false }
        // One that overlaps it, is whole and leads on itself is right.
        let after = batch.position + batch.byteCount
        guard after < end, let next = try checkedBatch(at: after), next.baseOffset > first,
            next.baseOffset <= batch.lastOffset
        else { return true }
        return try offset(behind: next) != next.lastOffset.advanced(by: 1)
    }

    private static let searchWindow = 64 << 10

    private mutating func checkedBatch(at position: Int) throws(LogError) -> BatchLocation? {
        guard case .success(let header) = try self.header(at: position), header.lastOffsetDelta >= 0 else { return nil }
        let batch = BatchLocation(position: position, header: header)
        return try problem(with: batch) == nil ? batch : nil
    }

    // MARK: Bytes

    private struct Problem: Error {
        let reason: String
    }

    /// A header whose length is possible.
    private mutating func header(at place: Int) throws(LogError) -> Result<RecordBatchHeader, Problem> {
        guard end - place >= RecordBatchLayout.headerSize else {
            return .failure(Problem(reason: "a batch's header is cut"))
        }
        guard let bytes = try headerBytes(at: place) else {
            return .failure(Problem(reason: "the file ends early"))
        }
        let header: RecordBatchHeader
        do { header = try RecordBatchHeader(parsing: bytes.bytes) } catch {
            return .failure(Problem(reason: error.description))
        }
        guard header.sizeInBytes <= end - place else {
            return .failure(Problem(reason: "a batch reaches past the end of the file"))
        }
        return .success(header)
    }

    /// What the next header says that it begins with, which may be all that is right of it; at the end, what comes after
    /// these bytes. nil: nothing says it.
    private mutating func offset(behind batch: BatchLocation) throws(LogError) -> Offset? {
        let place = batch.position + batch.byteCount
        if place == end { return limit < Offset(.max) ? limit : nil }
        guard end - place >= RecordBatchLayout.headerSize, let bytes = try headerBytes(at: place) else { return nil }
        return Offset(bytes.bigEndianInt64(at: RecordBatchLayout.baseOffset))
    }

    /// nil: the file ends before.
    private mutating func headerBytes(at place: Int) throws(LogError) -> UnsafeRawBufferPointer? {
        if place < windowStart || place + RecordBatchLayout.headerSize > windowStart + windowCount {
            windowStart = place
            windowCount = 0
            windowCount = try read(
                into: UnsafeMutableRawBufferPointer(rebasing: window[..<min(windowSize, end - place)]), at: place)
        }
        guard place + RecordBatchLayout.headerSize <= windowStart + windowCount else { return nil }
        return UnsafeRawBufferPointer(window).part(place - windowStart, RecordBatchLayout.headerSize)
    }

    /// What is wrong with a batch's bytes; nil: it is whole.
    private func problem(with batch: BatchLocation) throws(LogError) -> String? {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: batch.byteCount, alignment: 16)
        defer { bytes.deallocate() }
        guard try read(into: bytes, at: batch.position) == batch.byteCount else { return "the file ends early" }
        do {
            _ = try RecordBatchView(validating: UnsafeRawBufferPointer(bytes).bytes)
            return nil
        } catch { return error.description }
    }

    private func read(into part: UnsafeMutableRawBufferPointer, at position: Int) throws(LogError) -> Int {
        let file = file
        return try storage { () throws(FileError) in try file.read(into: part, at: position) }
    }
}
