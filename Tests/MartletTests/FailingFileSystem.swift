import Glibc
import Storage
import Synchronization
import TestSupport

/// The machine's file system up to a number of changes; all after it fail, as for a process that was killed there.
final class FailingFileSystem: FileSystemWrapper {
    let base: any FileSystem = PosixFileSystem()
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
        return FailingFile(try base.open(path, mode), self)
    }

    func createDirectory(_ path: String) throws(FileError) {
        try change(.create, path)
        try base.createDirectory(path)
    }

    func remove(_ path: String) throws(FileError) {
        try change(.remove, path)
        try base.remove(path)
    }

    func removeDirectory(_ path: String) throws(FileError) {
        try change(.remove, path)
        try base.removeDirectory(path)
    }

    func rename(_ from: String, to: String) throws(FileError) {
        try change(.rename, from)
        try base.rename(from, to: to)
    }

    func synchronizeDirectory(_ path: String) throws(FileError) {
        try change(.synchronize, path)
        try base.synchronizeDirectory(path)
    }

    func synchronizeAll(_ path: String) throws(FileError) {
        try change(.synchronize, path)
        try base.synchronizeAll(path)
    }
}

private final class FailingFile: StorageFileWrapper {
    let base: any StorageFile
    private let disk: FailingFileSystem

    init(_ base: any StorageFile, _ disk: FailingFileSystem) {
        self.base = base
        self.disk = disk
    }

    /// The one that fails leaves half of its bytes, as a process does that is killed in between.
    func write(_ bytes: UnsafeRawBufferPointer, at position: Int) throws(FileError) {
        do throws(FileError) { try disk.change(.write, path) } catch {
            try? base.write(UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count / 2)]), at: position)
            throw error
        }
        try base.write(bytes, at: position)
    }

    func write(parts: UnsafeBufferPointer<UnsafeRawBufferPointer>, at position: Int) throws(FileError) {
        try disk.change(.write, path)
        try base.write(parts: parts, at: position)
    }

    func truncate(to size: Int) throws(FileError) {
        try disk.change(.truncate, path)
        try base.truncate(to: size)
    }

    func synchronize() throws(FileError) {
        try disk.change(.synchronize, path)
        try base.synchronize()
    }
}
