/// The seam to the file system: everything that the engine asks of a disk. The production engine runs on
/// `PosixFileSystem`; a test can run the same engine on a disk that loses, tears and refuses what it is told to.
package protocol FileSystem: Sendable {
    func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any StorageFile
    func exists(_ path: String) -> Bool
    /// From the root on, without links; the path itself where there is nothing of that name.
    func absolutePath(_ path: String) -> String
    /// Creates the directory and those above it that are missing.
    func createDirectory(_ path: String) throws(FileError)
    /// The names in a directory, without `.` and `..`, in no order.
    func list(_ path: String) throws(FileError) -> [String]
    func remove(_ path: String) throws(FileError)
    /// Removes a directory and what lies in it.
    func removeDirectory(_ path: String) throws(FileError)
    func rename(_ from: String, to: String) throws(FileError)
    /// Makes the directory's entries (files created, renamed, removed) durable.
    func synchronizeDirectory(_ path: String) throws(FileError)
    /// Makes everything written so far to the file system that holds `path` durable: one call for many files.
    func synchronizeAll(_ path: String) throws(FileError)
    /// How many bytes the file system that holds `path` has, and how many of them this process can use.
    func space(at path: String) throws(FileError) -> (total: Int, usable: Int)
    /// Takes the directory's lock file for this process and this open; fails at once if someone holds it.
    func lock(_ path: String) throws(FileError) -> any FileLock
}

package enum OpenMode: Sendable {
    /// For reading; must exist.
    case read
    /// For reading and writing; must exist.
    case update
    /// For reading and writing; created empty where missing.
    case create
    /// For writes that are durable when they return, past the page cache where the file system can; must exist.
    /// Positions, lengths and memory must be multiples of `StorageAlignment.block`.
    case durableBlocks
}

package enum StorageAlignment {
    /// What direct writes must be aligned to, in bytes: one page, a multiple of every sector size in use.
    package static let block = 4096

    package static func roundUp(_ count: Int) -> Int { (count + block - 1) & ~(block - 1) }
}

/// An open file. Reads and writes name their position: there is no cursor to share. Safe from several threads.
package protocol StorageFile: AnyObject, Sendable {
    var path: String { get }
    /// For sendfile; nil where the file is not one of the system's.
    var descriptor: Int32? { get }
    func size() throws(FileError) -> Int
    /// Reads up to `buffer.count` bytes from `position`; fewer only at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int) throws(FileError) -> Int
    /// Writes all bytes at `position`.
    func write(_ bytes: UnsafeRawBufferPointer, at position: Int) throws(FileError)
    /// Writes the parts one after the other from `position` on, with as few calls as the system allows.
    func write(parts: UnsafeBufferPointer<UnsafeRawBufferPointer>, at position: Int) throws(FileError)
    func truncate(to size: Int) throws(FileError)
    /// Makes what was written, and the size, durable.
    func synchronize() throws(FileError)
    /// Maps the first `count` bytes for reading. The file must not shrink below that while the mapping lives.
    func map(count: Int) throws(FileError) -> MappedFile
}

/// Held as long as the object lives.
package protocol FileLock: AnyObject, Sendable {}

extension FileSystem {
    package func absolutePath(_ path: String) -> String { path }

    /// All bytes of a small file.
    package func contents(of path: String) throws(FileError) -> [UInt8] {
        let file = try open(path, .read)
        return try file.read(upTo: try file.size(), at: 0)
    }
}

extension StorageFile {
    /// Reads up to `count` bytes from `position`; fewer only at the end of the file.
    package func read(upTo count: Int, at position: Int) throws(FileError) -> [UInt8] {
        // The standard library would write to the empty array that all threads share: a race for ThreadSanitizer.
        guard count > 0 else { return [] }
        do {
            return try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                filled = try read(into: UnsafeMutableRawBufferPointer(buffer), at: position)
            }
        } catch let error as FileError {
            throw error
        } catch {
            // `read` throws nothing else.
            throw FileError(.read, path, code: 0)
        }
    }

    /// Writes all bytes at `position`.
    package func write(_ bytes: [UInt8], at position: Int) throws(FileError) {
        guard !bytes.isEmpty else { return }
        try bytes.withUnsafeBufferPointer { bytes throws(FileError) in
            try write(UnsafeRawBufferPointer(bytes), at: position)
        }
    }
}
