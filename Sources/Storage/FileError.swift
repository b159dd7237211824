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
    package var isLocked: Bool { operation == .lock && code == EWOULDBLOCK }
}

extension FileError: CustomStringConvertible {
    package var description: String {
        let reason = code == 0 ? "the file ended early" : String(cString: strerror(code))
        return "cannot \(operation.rawValue) \(path): \(reason)"
    }
}
