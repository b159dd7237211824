import Glibc

/// Lines of a file or of standard input, without a copy or an allocation a line.
struct LineReader: ~Copyable {
    /// A longer line is no record that a broker would take.
    static let lineBytesMax = 16 << 20

    private let descriptor: Int32
    private let name: String
    private var buffer: UnsafeMutableRawBufferPointer
    private var start = 0
    private var end = 0
    private var isAtEnd = false
    /// Reading ended because of a signal: a line that was not whole by then is none.
    private(set) var wasInterrupted = false
    /// The number of the line that was read last, from 1.
    private(set) var lineNumber = 0
    /// Bytes of whole lines read so far.
    private(set) var bytesRead = 0
    /// Of the file, in bytes; nil: it is a pipe or a terminal.
    let totalBytes: Int?

    /// nil: standard input.
    init(path: String?) throws {
        name = path ?? "standard input"
        descriptor = path.map { Glibc.open($0, O_RDONLY | O_CLOEXEC) } ?? STDIN_FILENO
        guard descriptor >= 0 else { throw Failure("cannot read \(name): \(String(cString: strerror(errno)))") }
        var status = stat()
        totalBytes = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
        buffer = .allocate(byteCount: 1 << 20, alignment: 16)
    }

    deinit {
        buffer.deallocate()
        if descriptor != STDIN_FILENO { close(descriptor) }
    }

    /// The next line without its end, valid until the next call; nil at the end of the input, and after an interruption.
    mutating func next() throws -> UnsafeRawBufferPointer? {
        var searched = 0
        while true {
            if let length = lineLength(after: searched) { return take(length, withEnd: 1) }
            if wasInterrupted { return nil }
            if isAtEnd { return end > start ? take(end - start, withEnd: 0) : nil }
            searched = end - start
            try fill()
        }
    }

    private func lineLength(after searched: Int) -> Int? {
        guard let base = buffer.baseAddress, end - start > searched,
            let found = memchr(base + start + searched, 0x0A, end - start - searched)
        else { return nil }
        return UnsafeRawPointer(found) - UnsafeRawPointer(base) - start
    }

    private mutating func take(_ length: Int, withEnd endLength: Int) -> UnsafeRawBufferPointer {
        let line = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[start..<start + length])
        start += length + endLength
        bytesRead += length + endLength
        lineNumber += 1
        return line
    }

    private mutating func fill() throws {
        let kept = end - start
        if kept == buffer.count {
            guard buffer.count < Self.lineBytesMax else {
                throw Failure("line \(lineNumber + 1) of \(name) is longer than \(Self.lineBytesMax.asBytes): split it")
            }
            let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.count * 2, alignment: 16)
            larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<end]))
            buffer.deallocate()
            buffer = larger
        } else if let base = buffer.baseAddress, start > 0 {
            memmove(base, base + start, kept)
        }
        start = 0
        end = kept
        try waitForInput()
        guard !wasInterrupted else { return }
        var count = 0
        repeat {
            count = read(descriptor, buffer.baseAddress.map { $0 + end }, buffer.count - end)
        } while count < 0 && errno == EINTR
        guard count >= 0 else { throw Failure("cannot read \(name): \(String(cString: strerror(errno)))") }
        end += count
        if count == 0 { isAtEnd = true }
    }

    /// Waits for input, or for a signal that `Interruption` catches.
    private mutating func waitForInput() throws {
        var both = [descriptor, Interruption.descriptor].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while poll(&both, 2, -1) < 0 {
            guard errno == EINTR else { throw Failure("cannot read \(name): \(String(cString: strerror(errno)))") }
        }
        wasInterrupted = both[1].revents != 0
    }
}
