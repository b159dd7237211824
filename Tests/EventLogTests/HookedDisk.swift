import Logging
import Storage
import Synchronization
import TestSupport

/// A simulated disk that calls a test in the middle of a write, on the thread that writes.
final class HookedDisk: FileSystem {
    /// `write`: has so many of the bytes written. What it throws is what the write throws; it is called once.
    typealias Hook = @Sendable (_ write: (Int) -> Void) throws(FileError) -> Void

    let disk = SimulatedDisk()
    private let hook = Mutex<(path: String, body: Hook)?>(nil)

    /// Before the next write to a file whose path ends so.
    func onWrite(to path: String, _ body: @escaping Hook) { hook.withLock { $0 = (path, body) } }

    fileprivate func take(_ path: String) -> Hook? {
        hook.withLock { hook in
            guard let found = hook, path.hasSuffix(found.path) else { return nil }
            hook = nil
            return found.body
        }
    }

    func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any StorageFile {
        HookedFile(try disk.open(path, mode), self)
    }
    func exists(_ path: String) -> Bool { disk.exists(path) }
    func createDirectory(_ path: String) throws(FileError) { try disk.createDirectory(path) }
    func list(_ path: String) throws(FileError) -> [String] { try disk.list(path) }
    func remove(_ path: String) throws(FileError) { try disk.remove(path) }
    func removeDirectory(_ path: String) throws(FileError) { try disk.removeDirectory(path) }
    func rename(_ from: String, to: String) throws(FileError) { try disk.rename(from, to: to) }
    func synchronizeDirectory(_ path: String) throws(FileError) { try disk.synchronizeDirectory(path) }
    func synchronizeAll(_ path: String) throws(FileError) { try disk.synchronizeAll(path) }
    func space(at path: String) throws(FileError) -> (total: Int, usable: Int) { try disk.space(at: path) }
    func lock(_ path: String) throws(FileError) -> any FileLock { try disk.lock(path) }
}

private final class HookedFile: StorageFile {
    private let file: any StorageFile
    private let disk: HookedDisk
    var path: String { file.path }
    var descriptor: Int32? { nil }

    init(_ file: any StorageFile, _ disk: HookedDisk) {
        self.file = file
        self.disk = disk
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Int) throws(FileError) {
        if let hook = disk.take(path) {
            try hook { count in
                try? file.write(UnsafeRawBufferPointer(rebasing: bytes.prefix(count)), at: position)
            }
        }
        try file.write(bytes, at: position)
    }

    func write(parts: UnsafeBufferPointer<UnsafeRawBufferPointer>, at position: Int) throws(FileError) {
        var position = position
        for part in parts {
            try write(part, at: position)
            position += part.count
        }
    }

    func size() throws(FileError) -> Int { try file.size() }
    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int) throws(FileError) -> Int {
        try file.read(into: buffer, at: position)
    }
    func truncate(to size: Int) throws(FileError) { try file.truncate(to: size) }
    func synchronize() throws(FileError) { try file.synchronize() }
    func map(count: Int) throws(FileError) -> MappedFile { try file.map(count: count) }
}

/// What a log was told, by the text of its lines.
final class LogLineCounter: LogHandler, @unchecked Sendable {
    // Unchecked: level and metadata are set by nobody after the logger is made.
    private let counts = Mutex<[String: Int]>([:])
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.debug

    var logger: Logger { Logger(label: "test") { _ in self } }

    func count(_ message: String) -> Int { counts.withLock { $0[message] ?? 0 } }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        counts.withLock { $0["\(event.message)", default: 0] += 1 }
    }
}
