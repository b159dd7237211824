internal import Storage

/// A piece of a file in memory of its own.
struct ReadWindow: ~Copyable {
    private var buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var start = 0
    private var count = 0

    private static let size = 256 << 10

    deinit { buffer.deallocate() }

    mutating func clear() { count = 0 }

    /// `wanted` bytes at `position`, read ahead up to `end`; valid until the next call. Throws `damaged` where the file ends
    /// early.
    mutating func bytes(
        of file: any StorageFile, at position: Int, _ wanted: Int, end: Int
    ) throws(LogError) -> UnsafeRawBufferPointer {
        if let bytes = try bytesIfThere(of: file, at: position, wanted, end: end) { return bytes }
        throw .damaged(file: file.path, position: position, reason: "the file ends early")
    }

    /// The same; nil: the file ends early.
    mutating func bytesIfThere(
        of file: any StorageFile, at position: Int, _ wanted: Int, end: Int
    ) throws(LogError) -> UnsafeRawBufferPointer? {
        if !holds(wanted, at: position) { try fill(from: file, at: position, wanted, end: end) }
        guard holds(wanted, at: position) else { return nil }
        return UnsafeRawBufferPointer(buffer).part(position - start, wanted)
    }

    /// `wanted` bytes at `position` of a mapping, which has them; valid until the next call. nil: they cannot be read.
    mutating func bytes(of mapping: MappedFile, at position: Int, _ wanted: Int) -> UnsafeRawBufferPointer? {
        if !holds(wanted, at: position) {
            let copy = part(of: wanted)
            copy.copyMemory(from: mapping.bytes.part(position, wanted))
            guard !mapping.isLost else { return nil }
            (start, count) = (position, wanted)
        }
        return UnsafeRawBufferPointer(buffer).part(position - start, wanted)
    }

    private func holds(_ wanted: Int, at position: Int) -> Bool {
        position >= start && position + wanted <= start + count
    }

    private mutating func fill(
        from file: any StorageFile, at position: Int, _ wanted: Int, end: Int
    ) throws(LogError) {
        let part = part(of: max(wanted, min(Self.size, end - position)))
        let read = try storage { () throws(FileError) in try file.read(into: part, at: position) }
        (start, count) = (position, read)
    }

    /// Memory of so many bytes, in place of what was there.
    private mutating func part(of byteCount: Int) -> UnsafeMutableRawBufferPointer {
        count = 0
        if buffer.count < byteCount {
            buffer.deallocate()
            buffer = .allocate(byteCount: byteCount, alignment: 16)
        }
        return UnsafeMutableRawBufferPointer(rebasing: buffer[..<byteCount])
    }
}
