internal import Storage

/// Goes through a partition's durable batches from an offset on, segment after segment, but for those that are expired.
///
/// Long stretches are read through a mapping, which takes no call to the system; the tail, which grows all the time, by plain
/// reads. Either way a batch is copied: its bytes stay what their checksum said, whatever becomes of the file.
struct BatchReader: ~Copyable {
    private let partition: Partition
    /// The offset that the next batch holds or follows.
    private(set) var next: Offset
    private var segment: Segment?
    private var position = 0
    /// The batch at `position` was looked at already: its offsets are right.
    private var isLocated = false
    private var last: (segment: Segment, position: Int)?
    /// Of the segment: all of its offsets are below it.
    private var limit: Offset = 0
    private var visible = 0
    private var mapping: MappedFile?
    /// False: the segment was mapped, or was to be, and could not be read.
    private var mayMap = true
    private var window = ReadWindow()
    /// nil: nothing is hidden. Else one moment counts for all that is read.
    private var look: ExpiryLook?

    /// Below this many bytes a mapping costs more than a read.
    private static let mappingMin = 1 << 20

    init(_ partition: Partition, from offset: Offset) {
        self.partition = partition
        next = offset
        look = ExpiryLook(partition)
    }

    /// The next batch that has a record before `limit`; nil at the durable end, from where a later call goes on.
    /// Its header fits its length; its checksum is not looked at. The bytes are valid until the next call.
    mutating func nextBatch(before limit: Offset = Offset(.max)) throws(LogError) -> UnsafeRawBufferPointer? {
        do throws(LogError) { return try batch(before: min(limit, partition.end)) } catch {
            // Deleted meanwhile, where it was not read yet.
            try partition.checkRange(next)
            throw partition.said(error)
        }
    }

    /// What there is to say of the batch that came last, of which the checksum is wrong.
    func damageOfLast(_ header: RecordBatchHeader) -> LogError {
        guard let last else { return .closed }
        let batch = BatchLocation(position: last.position, header: header)
        do throws(LogError) { return try partition.damage(of: batch, in: last.segment) } catch {
            return partition.said(error)
        }
    }

    private mutating func batch(before limit: Offset) throws(LogError) -> UnsafeRawBufferPointer? {
        while next < limit {
            guard let segment else {
                try locate()
                continue
            }
            if position >= visible {
                see(try segment.visibleBytes(), of: segment)
                if position >= visible { try moveOn(from: segment) }
                continue
            }
            guard let (bytes, header) = try batch(in: segment) else {
                if isLocated { throw try damage(in: segment) }
                try relocate(in: segment)
                continue
            }
            last = (segment, position)
            position += bytes.count
            isLocated = false
            let isHidden = hides(bytes, header)
            next = header.lastOffset.advanced(by: 1)
            if !isHidden { return bytes }
        }
        return nil
    }

    /// Whether nobody gets the batch any more, which begins at `next`, or holds it.
    private mutating func hides(_ bytes: UnsafeRawBufferPointer, _ header: RecordBatchHeader) -> Bool {
        guard let expiry = look?.expiry(of: bytes, header) else { return false }
        var run = ExpiredRun(from: next)
        run.add(header.lastOffset, expiry: expiry)
        look?.note(run)
        return true
    }

    private mutating func locate() throws(LogError) {
        try partition.checkRange(next)
        if let live = look?.skip(next), live > next {
            next = live
            return
        }
        guard let (found, batch) = try partition.locate(next) else {
            throw .offsetOutOfRange(requested: next, start: partition.logStart, end: partition.end)
        }
        try enter(found, at: batch.position)
        isLocated = true
    }

    private mutating func moveOn(from segment: Segment) throws(LogError) {
        if let following = partition.segment(after: segment), following.baseOffset == next {
            return try enter(following, at: 0)
        }
        // Segments were exchanged meanwhile, and the next batch lies in the middle of one; or it is missing.
        try relocate(in: segment)
    }

    /// By the index, with all checks.
    private mutating func relocate(in segment: Segment) throws(LogError) {
        guard let (found, batch) = try partition.locate(next) else {
            try partition.checkThere()
            // The watermark says that there is more: then the file is shorter than what was durable.
            throw .damagedRecords(
                file: segment.path, position: position, offsets: next..<max(next, partition.end),
                reason: "the file ends early")
        }
        // What is in memory of it stays.
        if found !== segment || batch.position != position { try enter(found, at: batch.position) }
        isLocated = true
    }

    /// What there is to say of a batch whose header the index has led to, and that is not all there.
    private func damage(in segment: Segment) throws(LogError) -> LogError {
        let file = try segment.file()
        guard try storage({ () throws(FileError) in try file.size() }) < visible else {
            return .damaged(file: segment.path, position: position, reason: "a batch changed while it was read")
        }
        return .damagedRecords(
            file: segment.path, position: position, offsets: next..<max(next, min(limit, partition.end)),
            reason: "the file ends early")
    }

    private mutating func enter(_ segment: Segment, at position: Int) throws(LogError) {
        self.segment = segment
        self.position = position
        see(try segment.visibleBytes(), of: segment)
        isLocated = false
        (mapping, mayMap) = (nil, true)
        window.clear()
    }

    private mutating func see(_ bytes: Int, of segment: Segment) {
        visible = bytes
        limit = segment.offsetLimit
    }

    /// nil: it does not fit what came before it, or is no batch. Its offsets are not in its checksum, so they have to follow.
    private mutating func batch(
        in segment: Segment
    ) throws(LogError) -> (UnsafeRawBufferPointer, RecordBatchHeader)? {
        guard RecordBatchLayout.headerSize <= visible - position else { return nil }
        guard let head = try bytes(RecordBatchLayout.headerSize, in: segment),
            let header = try? RecordBatchHeader(parsing: head.bytes), header.sizeInBytes <= visible - position,
            header.lastOffsetDelta >= 0, header.lastOffset < limit, isLocated || header.baseOffset == next
        else { return nil }
        return try bytes(header.sizeInBytes, in: segment).map { ($0, header) }
    }

    /// nil: the file ends early.
    private mutating func bytes(_ count: Int, in segment: Segment) throws(LogError) -> UnsafeRawBufferPointer? {
        if let bytes = mappedBytes(count, in: segment) { return bytes }
        return try window.bytesIfThere(of: try segment.file(), at: position, count, end: visible)
    }

    /// nil: a mapping is not worth it, or the file cannot be mapped or read so far. Then a read tells what is wrong with it.
    private mutating func mappedBytes(_ count: Int, in segment: Segment) -> UnsafeRawBufferPointer? {
        guard mayMap else { return nil }
        if position + count > mapping?.count ?? 0 {
            guard visible - position >= Self.mappingMin else { return nil }
            mapping = try? segment.mapped()
        }
        guard let mapping, position + count <= mapping.count,
            let bytes = window.bytes(of: mapping, at: position, count)
        else {
            mayMap = false
            return nil
        }
        return bytes
    }
}
