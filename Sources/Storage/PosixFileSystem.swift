internal import CSystemCalls
internal import Glibc

/// The file system of the machine.
package struct PosixFileSystem: FileSystem {
    package init() {}

    package func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any StorageFile {
        switch mode {
        case .read: return PosixFile(try openDescriptor(path, O_RDONLY), path)
        case .update: return PosixFile(try openDescriptor(path, O_RDWR), path)
        case .create: return PosixFile(try openDescriptor(path, O_RDWR | O_CREAT), path)
        case .durableBlocks: return try openDurable(path)
        }
    }

    /// O_DIRECT|O_DSYNC where the file system knows it; else (tmpfs and others) each write is followed by fdatasync.
    private func openDurable(_ path: String) throws(FileError) -> any StorageFile {
        do {
            return PosixFile(try openDescriptor(path, O_RDWR | oDirect | O_DSYNC), path)
        } catch {
            guard error.code == EINVAL || error.code == EOPNOTSUPP else { throw error }
            return PosixFile(try openDescriptor(path, O_RDWR), path, synchronizesEachWrite: true)
        }
    }

    private func openDescriptor(_ path: String, _ flags: Int32) throws(FileError) -> Int32 {
        while true {
            let descriptor = Glibc.open(path, flags | O_CLOEXEC, 0o644)
            if descriptor >= 0 { return descriptor }
            guard errno == EINTR else { throw FileError(.open, path, code: errno) }
        }
    }

    package func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    package func absolutePath(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    package func createDirectory(_ path: String) throws(FileError) {
        if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let parent = parent(of: path) else { throw FileError(.create, path, code: errno) }
        try createDirectory(parent)
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw FileError(.create, path, code: errno) }
    }

    private func parent(of path: String) -> String? {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return nil }
        return String(path[..<slash])
    }

    package func list(_ path: String) throws(FileError) -> [String] {
        guard let directory = opendir(path) else { throw FileError(.list, path, code: errno) }
        defer { closedir(directory) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        guard errno == 0 else { throw FileError(.list, path, code: errno) }
        return names
    }

    package func remove(_ path: String) throws(FileError) {
        guard unlink(path) == 0 else { throw FileError(.remove, path, code: errno) }
    }

    package func removeDirectory(_ path: String) throws(FileError) {
        for name in try list(path) { try remove("\(path)/\(name)") }
        guard rmdir(path) == 0 else { throw FileError(.remove, path, code: errno) }
    }

    package func rename(_ from: String, to: String) throws(FileError) {
        guard Glibc.rename(from, to) == 0 else { throw FileError(.rename, from, code: errno) }
    }

    package func synchronizeDirectory(_ path: String) throws(FileError) {
        let descriptor = try openDescriptor(path, O_RDONLY | O_DIRECTORY)
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileError(.synchronize, path, code: errno) }
    }

    package func synchronizeAll(_ path: String) throws(FileError) {
        let descriptor = try openDescriptor(path, O_RDONLY)
        defer { close(descriptor) }
        guard martlet_syncfs(descriptor) == 0 else { throw FileError(.synchronize, path, code: errno) }
    }

    package func space(at path: String) throws(FileError) -> (total: Int, usable: Int) {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw FileError(.size, path, code: errno) }
        func bytes(_ blocks: fsblkcnt_t) -> Int {
            let (bytes, overflow) = UInt64(blocks).multipliedReportingOverflow(by: UInt64(status.f_frsize))
            return overflow ? .max : Int(clamping: bytes)
        }
        return (bytes(status.f_blocks), bytes(status.f_bavail))
    }

    package func lock(_ path: String) throws(FileError) -> any FileLock {
        let descriptor = try openDescriptor(path, O_RDWR | O_CREAT)
        // flock, not lockf: lockf belongs to the process, so one process could open a directory twice.
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            throw FileError(.lock, path, code: code)
        }
        return PosixLock(descriptor)
    }
}

/// O_DIRECT is a macro with an expression, which the importer does not bring over.
private let oDirect: Int32 = {
    #if arch(arm64)
    0o200000
    #else
    0o40000
    #endif
}()

private final class PosixLock: FileLock {
    private let descriptor: Int32
    init(_ descriptor: Int32) { self.descriptor = descriptor }
    deinit {
        // Closing is not enough: a process that is being started has a copy until it runs its program.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
