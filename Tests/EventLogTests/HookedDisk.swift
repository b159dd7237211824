import Storage
import Synchronization
import TestSupport

/// A simulated disk that calls a test in the middle of a write, on the thread that writes.
final class HookedDisk: FileSystemWrapper {
    /// `write`: has so many of the bytes written. What it throws is what the write throws; it is called once.
    typealias Hook = @Sendable (_ write: (Int) -> Void) throws(FileError) -> Void

    let disk = SimulatedDisk()
    var base: any FileSystem { disk }
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
}

private final class HookedFile: StorageFileWrapper {
    let base: any StorageFile
    private let disk: HookedDisk

    init(_ base: any StorageFile, _ disk: HookedDisk) {
        self.base = base
        self.disk = disk
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Int) throws(FileError) {
        if let hook = disk.take(path) {
            try hook { count in
                try? base.write(UnsafeRawBufferPointer(rebasing: bytes.prefix(count)), at: position)
            }
        }
        try base.write(bytes, at: position)
    }

    func write(parts: UnsafeBufferPointer<UnsafeRawBufferPointer>, at position: Int) throws(FileError) {
        var position = position
        for part in parts {
            try write(part, at: position)
            position += part.count
        }
    }
}
