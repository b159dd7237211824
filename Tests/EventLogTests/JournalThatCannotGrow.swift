import Storage
import TestSupport

/// A disk on which the journal stays as large as it is made.
struct JournalThatCannotGrow: FileSystemWrapper {
    let base: any FileSystem

    init(on base: any FileSystem) { self.base = base }

    func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any StorageFile {
        if case .update = mode, path.hasSuffix("/journal") { throw FileError(.open, path, code: 28) }
        return try base.open(path, mode)
    }
}
