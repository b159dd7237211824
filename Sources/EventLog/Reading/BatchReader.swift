internal import Storage

/// Goes through a partition's durable batches from an offset on, segment after segment, but for those that are expired.
///
/// Long stretches are read through a mapping, without a copy; the tail, which grows all the time, by plain reads.
struct BatchReader: ~Copyable {
    private let partition: Partition
    /// The offset that the next batch holds or follows.
    private(set) var next: Offset
    private var segment: Segment?
    private var position = 0
    private var visible = 0
    private var mapping: MappedFile?
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
            throw error
        }
    }

    private mutating func batch(before limit: Offset) throws(LogError) -> UnsafeRawBufferPointer? {
        while next < limit {
            guard let segment else {
                try locate()
                continue
            }
            if position >= visible {
                visible = try segment.visibleBytes()
                if position >= visible { try moveOn(from: segment) }
                continue
            }
            let (bytes, header) = try batch(in: segment)
            position += bytes.count
            guard header.lastOffset >= next else { continue }
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
    }

    private mutating func moveOn(from segment: Segment) throws(LogError) {
        if let following = partition.segment(after: segment), following.baseOffset == next {
            return try enter(following, at: 0)
        }
        // Segments were exchanged meanwhile, and the next batch lies in the middle of one; or it is missing.
        guard let (found, batch) = try partition.locate(next) else {
            try partition.checkThere()
            // The watermark says that there is more: then the file is shorter than what was durable.
            throw .damaged(file: segment.path, position: position, reason: "records from offset \(next) on are missing")
        }
        try enter(found, at: batch.position)
    }

    private mutating func enter(_ segment: Segment, at position: Int) throws(LogError) {
        self.segment = segment
        self.position = position
        visible = try segment.visibleBytes()
        mapping = nil
        window.clear()
    }

    private mutating func batch(in segment: Segment) throws(LogError) -> (UnsafeRawBufferPointer, RecordBatchHeader) {
        let head = try bytes(RecordBatchLayout.headerSize, in: segment)
        let header: RecordBatchHeader
        do { header = try RecordBatchHeader(parsing: head.bytes) } catch {
            throw .damaged(file: segment.path, position: position, reason: error.description)
        }
        return (try bytes(header.sizeInBytes, in: segment), header)
    }

    private mutating func bytes(_ count: Int, in segment: Segment) throws(LogError) -> UnsafeRawBufferPointer {
        guard count <= visible - position else {
            throw .damaged(file: segment.path, position: position, reason: "a batch reaches past the end")
        }
        if let mapping, position + count <= mapping.count { return mapping.bytes.part(position, count) }
        if visible - position >= Self.mappingMin {
            let mapping = try segment.mapped()
            self.mapping = mapping
            if position + count <= mapping.count { return mapping.bytes.part(position, count) }
        }
        return try window.bytes(of: try segment.file(), at: position, count, end: visible)
    }
}

/// A piece of a file in memory.
struct ReadWindow: ~Copyable {
    private var buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var start = 0
    private var count = 0

    private static let size = 256 << 10

    deinit { buffer.deallocate() }

    mutating func clear() { count = 0 }

    /// `wanted` bytes at `position`, read ahead up to `end`; valid until the next call.
    mutating func bytes(
        of file: any StorageFile, at position: Int, _ wanted: Int, end: Int
    ) throws(LogError) -> UnsafeRawBufferPointer {
        if position < start || position + wanted > start + count {
            try fill(from: file, at: position, wanted, end: end)
        }
        return UnsafeRawBufferPointer(buffer).part(position - start, wanted)
    }

    private mutating func fill(
        from file: any StorageFile, at position: Int, _ wanted: Int, end: Int
    ) throws(LogError) {
        let size = max(wanted, min(Self.size, end - position))
        if buffer.count < size {
            buffer.deallocate()
            buffer = .allocate(byteCount: size, alignment: 16)
        }
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<size])
        count = 0
        let read = try storage { () throws(FileError) in try file.read(into: part, at: position) }
        guard read >= wanted else { throw .damaged(file: file.path, position: position, reason: "the file ends early") }
        start = position
        count = read
    }
}
