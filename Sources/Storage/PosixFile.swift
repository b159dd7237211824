internal import Glibc

/// A file by its descriptor, closed when the last reference goes: a reader that still holds it keeps its bytes
/// readable after retention has unlinked the name.
final class PosixFile: StorageFile {
    let path: String
    private let fd: Int32
    private let synchronizesEachWrite: Bool

    init(_ descriptor: Int32, _ path: String, synchronizesEachWrite: Bool = false) {
        fd = descriptor
        self.path = path
        self.synchronizesEachWrite = synchronizesEachWrite
    }

    deinit { close(fd) }

    var descriptor: Int32? { fd }

    func size() throws(FileError) -> Int {
        var status = stat()
        guard fstat(fd, &status) == 0 else { throw FileError(.size, path, code: errno) }
        return Int(status.st_size)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int) throws(FileError) -> Int {
        var done = 0
        while done < buffer.count {
            let count = pread(fd, buffer.baseAddress! + done, buffer.count - done, off_t(position + done))
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw FileError(.read, path, code: errno)
            }
            done += count
        }
        return done
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Int) throws(FileError) {
        try writeAll(bytes, at: position)
        if synchronizesEachWrite { try synchronize() }
    }

    private func writeAll(_ bytes: UnsafeRawBufferPointer, at position: Int) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let count = pwrite(fd, bytes.baseAddress! + done, bytes.count - done, off_t(position + done))
            if count < 0 {
                if errno == EINTR { continue }
                throw FileError(.write, path, code: errno)
            }
            done += count
        }
    }

    func write(parts: UnsafeBufferPointer<UnsafeRawBufferPointer>, at position: Int) throws(FileError) {
        if parts.count == 1 { return try write(parts[0], at: position) }
        var position = position
        var next = 0
        while next < parts.count {
            let chunk = min(parts.count - next, Self.vectorMax)
            position = try writeVector(UnsafeBufferPointer(rebasing: parts[next..<next + chunk]), at: position)
            next += chunk
        }
        if synchronizesEachWrite { try synchronize() }
    }

    /// The system's IOV_MAX.
    private static let vectorMax = 1024

    private func writeVector(
        _ parts: UnsafeBufferPointer<UnsafeRawBufferPointer>, at position: Int
    ) throws(FileError) -> Int {
        var total = 0
        let (written, code) = withUnsafeTemporaryAllocation(of: iovec.self, capacity: parts.count) { vector in
            for (i, part) in parts.enumerated() {
                vector.initializeElement(
                    at: i, to: iovec(iov_base: UnsafeMutableRawPointer(mutating: part.baseAddress), iov_len: part.count)
                )
                total += part.count
            }
            let count = pwritev(fd, vector.baseAddress, Int32(parts.count), off_t(position))
            return (count, errno)
        }
        if written < 0 && code != EINTR { throw FileError(.write, path, code: code) }
        var done = max(written, 0)
        if done == total { return position + total }
        // A short write: finish part by part.
        var at = position
        for part in parts {
            let skip = min(done, part.count)
            done -= skip
            try writeAll(UnsafeRawBufferPointer(rebasing: part[skip...]), at: at + skip)
            at += part.count
        }
        return at
    }

    func truncate(to size: Int) throws(FileError) {
        guard ftruncate(fd, off_t(size)) == 0 else { throw FileError(.truncate, path, code: errno) }
    }

    func synchronize() throws(FileError) {
        guard fdatasync(fd) == 0 else { throw FileError(.synchronize, path, code: errno) }
    }

    func map(count: Int) throws(FileError) -> MappedFile {
        guard count > 0 else { return MappedFile(start: nil, count: 0, path: path) { _, _ in } }
        guard count <= (try size()) else { throw FileError(.map, path, code: 0) }
        let start = mmap(nil, count, PROT_READ, MAP_SHARED, fd, 0)
        guard let start, start != MAP_FAILED else { throw FileError(.map, path, code: errno) }
        return MappedFile(start: start, count: count, path: path) { munmap($0, $1) }
    }
}
