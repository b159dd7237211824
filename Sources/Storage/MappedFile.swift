internal import CSystemCalls

/// Bytes of a file in memory, read-only, unmapped when the last reference goes.
///
/// A page that cannot be read, since someone has cut the file or the disk fails, does not end the process (SIGBUS): from there on
/// the bytes are zeros, and `isLost` says so. So whoever reads asks afterwards: what was read before is the file's if it is not lost.
package final class MappedFile: Sendable {
    @usableFromInline nonisolated(unsafe) let start: UnsafeRawPointer?
    package let count: Int
    private let path: String
    private let release: @Sendable (UnsafeMutableRawPointer, Int) -> Void
    /// nil: there are no bytes.
    nonisolated(unsafe) private let faults: OpaquePointer?

    /// Takes over `start`; `release` is called with it once.
    package init(
        start: UnsafeMutableRawPointer?, count: Int, path: String,
        release: @escaping @Sendable (UnsafeMutableRawPointer, Int) -> Void
    ) {
        self.start = UnsafeRawPointer(start)
        self.count = count
        self.path = path
        self.release = release
        faults = start.flatMap { martlet_mapping_add($0, count) }
    }

    deinit {
        if let faults { martlet_mapping_remove(faults) }
        if let start { release(UnsafeMutableRawPointer(mutating: start), count) }
    }

    @inlinable
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    /// Whether a part of it could not be read: then nothing that was read says anything.
    package var isLost: Bool { faults.map { martlet_mapping_is_lost($0) != 0 } ?? false }

    /// Throws where a part of it could not be read: what was read before says nothing then.
    package func check() throws(FileError) {
        if isLost { throw .unreadable(path) }
    }

    /// For simulated disks: what a page does that cannot be read.
    package func lose() {
        if let faults { martlet_mapping_lose(faults) }
    }
}
