internal import Storage

/// Reads a segment batch by batch, each with its bytes and all its checks: for what must be sure of every byte.
struct BatchScan: ~Copyable {
    private let file: any StorageFile
    private(set) var position: Int
    private let end: Int
    private var buffer: UnsafeMutableRawBufferPointer
    private var bufferStart = 0
    private var bufferCount = 0

    private var hasSkipped = false

    private static let bufferSize = 1 << 20
    private static let headerWindow = 16 << 10

    init(_ file: any StorageFile, from position: Int, to end: Int) {
        self.file = file
        self.position = position
        self.end = end
        buffer = .allocate(byteCount: Self.bufferSize, alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// The next batch, checked; nil at the end. Throws `damaged` where the bytes are no whole, unharmed batch, and
    /// stays there. The bytes are valid until the next call.
    mutating func next() throws(LogError) -> (batch: BatchLocation, bytes: UnsafeRawBufferPointer)? {
        guard let batch = try nextHeader() else { return nil }
        return (batch, try take(batch))
    }

    /// Where the next batch lies, and its header, whose length is possible; nil at the end. `take` or `skip` goes past it.
    mutating func nextHeader() throws(LogError) -> BatchLocation? {
        guard position < end else { return nil }
        // Who skips batches does so in a row: then no more is read than their headers.
        try fill(RecordBatchLayout.headerSize, readingAhead: hasSkipped ? Self.headerWindow : buffer.count)
        let header: RecordBatchHeader
        do { header = try RecordBatchHeader(parsing: buffered.bytes) } catch { throw damage(error.description) }
        guard header.sizeInBytes <= end - position else { throw damage("a batch reaches past the end of the file") }
        return BatchLocation(position: position, header: header)
    }

    /// The bytes of the batch that `nextHeader` found, checked; valid until the next call.
    mutating func take(_ batch: BatchLocation) throws(LogError) -> UnsafeRawBufferPointer {
        hasSkipped = false
        try fill(batch.byteCount, readingAhead: buffer.count)
        let bytes = buffered.part(0, batch.byteCount)
        do { _ = try RecordBatchView(validating: bytes.bytes) } catch { throw damage(error.description) }
        position += batch.byteCount
        return bytes
    }

    /// Goes past the batch that `nextHeader` found, without a look at its bytes.
    mutating func skip(_ batch: BatchLocation) {
        hasSkipped = true
        position += batch.byteCount
    }

    /// What the buffer holds from `position` on.
    private var buffered: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(buffer).part(position - bufferStart, bufferStart + bufferCount - position)
    }

    /// Sees to it that the buffer holds `count` bytes from `position` on.
    private mutating func fill(_ count: Int, readingAhead: Int) throws(LogError) {
        if position >= bufferStart, position + count <= bufferStart + bufferCount { return }
        guard count <= end - position else { throw damage("a batch's header is cut") }
        if count > buffer.count {
            buffer.deallocate()
            buffer = .allocate(byteCount: count, alignment: 16)
            bufferCount = 0
        }
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(max(count, readingAhead), end - position)])
        let (file, position) = (file, position)
        bufferStart = position
        bufferCount = 0
        bufferCount = try storage { () throws(FileError) in try file.read(into: part, at: position) }
        guard bufferCount >= count else { throw damage("the file ends early") }
    }

    private func damage(_ reason: String) -> LogError {
        .damaged(file: file.path, position: position, reason: reason)
    }
}
