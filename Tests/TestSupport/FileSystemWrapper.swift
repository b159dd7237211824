package import Storage

/// A file system that does as another does, but for what it has methods for.
package protocol FileSystemWrapper: FileSystem {
    var base: any FileSystem { get }
}

extension FileSystemWrapper {
    package func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any StorageFile {
        try base.open(path, mode)
    }
    package func exists(_ path: String) -> Bool { base.exists(path) }
    package func absolutePath(_ path: String) -> String { base.absolutePath(path) }
    package func createDirectory(_ path: String) throws(FileError) { try base.createDirectory(path) }
    package func list(_ path: String) throws(FileError) -> [String] { try base.list(path) }
    package func remove(_ path: String) throws(FileError) { try base.remove(path) }
    package func removeDirectory(_ path: String) throws(FileError) { try base.removeDirectory(path) }
    package func rename(_ from: String, to: String) throws(FileError) { try base.rename(from, to: to) }
    package func synchronizeDirectory(_ path: String) throws(FileError) { try base.synchronizeDirectory(path) }
    package func synchronizeAll(_ path: String) throws(FileError) { try base.synchronizeAll(path) }
    package func space(at path: String) throws(FileError) -> (total: Int, usable: Int) { try base.space(at: path) }
    package func lock(_ path: String) throws(FileError) -> any FileLock { try base.lock(path) }
}

/// A file that does as another does, but for what it has methods for.
package protocol StorageFileWrapper: StorageFile {
    var base: any StorageFile { get }
}

extension StorageFileWrapper {
    package var path: String { base.path }
    package var descriptor: Int32? { base.descriptor }
    package func size() throws(FileError) -> Int { try base.size() }
    package func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int) throws(FileError) -> Int {
        try base.read(into: buffer, at: position)
    }
    package func write(_ bytes: UnsafeRawBufferPointer, at position: Int) throws(FileError) {
        try base.write(bytes, at: position)
    }
    package func write(parts: UnsafeBufferPointer<UnsafeRawBufferPointer>, at position: Int) throws(FileError) {
        try base.write(parts: parts, at: position)
    }
    package func truncate(to size: Int) throws(FileError) { try base.truncate(to: size) }
    package func synchronize() throws(FileError) { try base.synchronize() }
    package func map(count: Int) throws(FileError) -> MappedFile { try base.map(count: count) }
}
