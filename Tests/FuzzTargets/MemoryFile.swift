import Storage

/// A file in memory, for what reads files by themselves.
final class MemoryFile: StorageFile {
    let path = "/memory"
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var descriptor: Int32? { nil }
    func size() throws(FileError) -> Int { bytes.count }

    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int) throws(FileError) -> Int {
        precondition(position >= 0, "a read before the file's start")
        guard position < bytes.count else { return 0 }
        let count = min(buffer.count, bytes.count - position)
        bytes.withUnsafeBytes {
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[position..<position + count]))
        }
        return count
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Int) throws(FileError) {
        throw FileError(.write, path, code: 5)
    }
    func write(parts: UnsafeBufferPointer<UnsafeRawBufferPointer>, at position: Int) throws(FileError) {
        throw FileError(.write, path, code: 5)
    }
    func truncate(to size: Int) throws(FileError) { throw FileError(.truncate, path, code: 5) }
    func synchronize() throws(FileError) {}

    func map(count: Int) throws(FileError) -> MappedFile {
        guard count <= bytes.count else { throw FileError(.map, path, code: 0) }
        return mapped(Array(bytes[..<count]))
    }
}

func mapped(_ bytes: [UInt8]) -> MappedFile {
    guard !bytes.isEmpty else { return MappedFile(start: nil, count: 0, path: "memory") { _, _ in } }
    let copy = UnsafeMutableRawPointer.allocate(byteCount: bytes.count, alignment: 16)
    bytes.withUnsafeBytes { copy.copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: $0.count) }
    return MappedFile(start: copy, count: bytes.count, path: "memory") { start, _ in start.deallocate() }
}
