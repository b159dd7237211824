internal import Glibc

/// A file operation that the system refused: what was tried, where, and the system's own reason.
package struct FileError: Error, Equatable, Sendable {
    package enum Operation: String, Sendable {
        case open, create, read, write, truncate, synchronize, map, list, remove, rename, lock, size
    }

    package let operation: Operation
    package let path: String
    /// `errno` as the system gave it; 0 where the file merely ended early.
    package let code: Int32

    package init(_ operation: Operation, _ path: String, code: Int32) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    package var isDiskFull: Bool { code == ENOSPC || code == EDQUOT }
    package var isDenied: Bool { code == EACCES || code == EPERM }
    package var isMissing: Bool { code == ENOENT }
    /// A file that was there, or a part of it, is not there any more.
    package static func gone(_ path: String) -> FileError { FileError(.read, path, code: ENOENT) }
    /// The disk does not give what it should have.
    package static func unreadable(_ path: String) -> FileError { FileError(.read, path, code: EIO) }
    package var isLocked: Bool { operation == .lock && code == EWOULDBLOCK }

    /// What a person can do about it.
    package var advice: String {
        switch code {
        case EACCES, EPERM: "give this user access to it, or choose another directory"
        case EROFS: "its file system is read-only: choose another directory"
        case ENOTDIR: "a file stands where a directory is needed: choose another directory"
        case ENOENT: "restore it from a copy, or choose another directory"
        case EMFILE, ENFILE: "allow more open files (ulimit -n)"
        default: "check the disk"
        }
    }
}

extension FileError: CustomStringConvertible {
    package var description: String {
        let reason = code == 0 ? "the file ended early" : String(cString: strerror(code))
        return "cannot \(operation.rawValue) \(path): \(reason)"
    }
}
