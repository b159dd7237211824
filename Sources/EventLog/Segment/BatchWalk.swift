internal import Storage

/// Where a batch lies in its segment's file, and what its header says.
struct BatchLocation: Sendable {
    /// In bytes, from the start of the file.
    let position: Int
    let header: RecordBatchHeader

    var byteCount: Int { header.sizeInBytes }
    var baseOffset: Offset { header.baseOffset }
    var lastOffset: Offset { header.lastOffset }
    var maxTimestamp: Timestamp { header.maxTimestamp }
}

/// Goes from batch to batch of a segment by their headers, without reading what lies between large ones.
struct BatchWalk: ~Copyable {
    private let file: any StorageFile
    private var position: Int
    private let end: Int
    /// A piece of the file: most walks end within the first.
    private let window: UnsafeMutableRawBufferPointer
    private var windowStart = 0
    private var windowCount = 0
    private let windowSize: Int

    init(_ file: any StorageFile, from position: Int, to end: Int, windowSize: Int = 8192) {
        self.file = file
        self.position = position
        self.end = end
        self.windowSize = windowSize
        window = .allocate(byteCount: windowSize, alignment: 16)
    }

    deinit { window.deallocate() }

    /// The next batch; nil at the end. Throws `damaged` where no batch can be.
    mutating func next() throws(LogError) -> BatchLocation? {
        guard position < end else { return nil }
        guard end - position >= RecordBatchLayout.headerSize else { throw damage("a batch's header is cut") }
        if position < windowStart || position + RecordBatchLayout.headerSize > windowStart + windowCount {
            try fill()
        }
        let bytes = UnsafeRawBufferPointer(window)
        let at = position - windowStart
        let span = RawSpan(
            _unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[at..<at + RecordBatchLayout.headerSize]))
        let header: RecordBatchHeader
        do { header = try RecordBatchHeader(parsing: span) } catch { throw damage(error.description) }
        guard header.sizeInBytes <= end - position else { throw damage("a batch reaches past the end of the file") }
        defer { position += header.sizeInBytes }
        return BatchLocation(position: position, header: header)
    }

    private mutating func fill() throws(LogError) {
        let count = min(windowSize, end - position)
        let part = UnsafeMutableRawBufferPointer(rebasing: window[..<count])
        let file = file
        let position = position
        windowStart = position
        windowCount = try storage { () throws(FileError) in try file.read(into: part, at: position) }
        guard windowCount >= RecordBatchLayout.headerSize else { throw damage("the file ends early") }
    }

    private func damage(_ reason: String) -> LogError {
        .damaged(file: file.path, position: position, reason: reason)
    }
}
