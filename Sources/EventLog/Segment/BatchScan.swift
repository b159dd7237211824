internal import Storage

/// Reads a segment batch by batch, each with its bytes and all its checks: for what must be sure of every byte.
struct BatchScan: ~Copyable {
    private let file: any StorageFile
    private(set) var position: Int
    private let end: Int
    private var buffer: UnsafeMutableRawBufferPointer
    private var bufferStart = 0
    private var bufferCount = 0

    private static let bufferSize = 1 << 20

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
        guard position < end else { return nil }
        try fill(RecordBatchLayout.headerSize)
        let header: RecordBatchHeader
        do { header = try RecordBatchHeader(parsing: buffered.bytes) } catch { throw damage(error.description) }
        guard header.sizeInBytes <= end - position else { throw damage("a batch reaches past the end of the file") }
        try fill(header.sizeInBytes)
        let bytes = buffered.part(0, header.sizeInBytes)
        do { _ = try RecordBatchView(validating: bytes.bytes) } catch { throw damage(error.description) }
        defer { position += header.sizeInBytes }
        return (BatchLocation(position: position, header: header), bytes)
    }

    /// What the buffer holds from `position` on.
    private var buffered: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(buffer).part(position - bufferStart, bufferStart + bufferCount - position)
    }

    /// Sees to it that the buffer holds `count` bytes from `position` on.
    private mutating func fill(_ count: Int) throws(LogError) {
        if position >= bufferStart, position + count <= bufferStart + bufferCount { return }
        guard count <= end - position else { throw damage("a batch's header is cut") }
        if count > buffer.count {
            buffer.deallocate()
            buffer = .allocate(byteCount: count, alignment: 16)
        }
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, end - position)])
        let (file, position) = (file, position)
        bufferStart = position
        bufferCount = try storage { () throws(FileError) in try file.read(into: part, at: position) }
        guard bufferCount >= count else { throw damage("the file ends early") }
    }

    private func damage(_ reason: String) -> LogError {
        .damaged(file: file.path, position: position, reason: reason)
    }
}
