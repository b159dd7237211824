import Glibc
import Storage
import Synchronization

/// The machine's file system up to a number of changes; all after it fail, as for a process that was killed there.
final class FailingFileSystem: FileSystem {
    private let real = PosixFileSystem()
    private let left: Mutex<Int>
    private let code: Int32

    init(after changes: Int, code: Int32 = EIO) {
        left = Mutex(changes)
        self.code = code
    }

    /// True: something has failed.
    var hasFailed: Bool { left.withLock { $0 < 0 } }

    fileprivate func change(_ operation: FileError.Operation, _ path: String) throws(FileError) {
        let isAllowed = left.withLock { left in
            if left >= 0 { left -= 1 }
            return left >= 0
        }
        if !isAllowed { throw FileError(operation, path, code: code) }
    }

    func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any StorageFile {
        if mode != .read { try change(.open, path) }
        return FailingFile(try real.open(path, mode), self)
    }

    func exists(_ path: String) -> Bool { real.exists(path) }

    func createDirectory(_ path: String) throws(FileError) {
        try change(.create, path)
        try real.createDirectory(path)
    }

    func list(_ path: String) throws(FileError) -> [String] { try real.list(path) }

    func remove(_ path: String) throws(FileError) {
        try change(.remove, path)
        try real.remove(path)
    }

    func removeDirectory(_ path: String) throws(FileError) {
        try change(.remove, path)
        try real.removeDirectory(path)
    }

    func rename(_ from: String, to: String) throws(FileError) {
        try change(.rename, from)
        try real.rename(from, to: to)
    }

    func synchronizeDirectory(_ path: String) throws(FileError) {
        try change(.synchronize, path)
        try real.synchronizeDirectory(path)
    }

    func synchronizeAll(_ path: String) throws(FileError) {
        try change(.synchronize, path)
        try real.synchronizeAll(path)
    }

    func space(at path: String) throws(FileError) -> (total: Int, usable: Int) { try real.space(at: path) }

    func lock(_ path: String) throws(FileError) -> any FileLock { try real.lock(path) }
}

private final class FailingFile: StorageFile {
    private let file: any StorageFile
    private let disk: FailingFileSystem
    var path: String { file.path }
    var descriptor: Int32? { file.descriptor }

    init(_ file: any StorageFile, _ disk: FailingFileSystem) {
        self.file = file
        self.disk = disk
    }

    func size() throws(FileError) -> Int { try file.size() }

    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int) throws(FileError) -> Int {
        try file.read(into: buffer, at: position)
    }

    /// The one that fails leaves half of its bytes, as a process does that is killed in between.
    func write(_ bytes: UnsafeRawBufferPointer, at position: Int) throws(FileError) {
        do throws(FileError) { try disk.change(.write, path) } catch {
            try? file.write(UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count / 2)]), at: position)
            throw error
        }
        try file.write(bytes, at: position)
    }

    func write(parts: UnsafeBufferPointer<UnsafeRawBufferPointer>, at position: Int) throws(FileError) {
        try disk.change(.write, path)
        try file.write(parts: parts, at: position)
    }

    func truncate(to size: Int) throws(FileError) {
        try disk.change(.truncate, path)
        try file.truncate(to: size)
    }

    func synchronize() throws(FileError) {
        try disk.change(.synchronize, path)
        try file.synchronize()
    }

    func map(count: Int) throws(FileError) -> MappedFile { try file.map(count: count) }
}
