internal import Glibc

/// Bytes of a file in memory, read-only, unmapped when the last reference goes.
package final class MappedFile: Sendable {
    @usableFromInline nonisolated(unsafe) let start: UnsafeRawPointer?
    package let count: Int
    private let release: @Sendable (UnsafeMutableRawPointer, Int) -> Void

    /// Takes over `start`; `release` is called with it once.
    package init(
        start: UnsafeMutableRawPointer?, count: Int,
        release: @escaping @Sendable (UnsafeMutableRawPointer, Int) -> Void
    ) {
        self.start = UnsafeRawPointer(start)
        self.count = count
        self.release = release
    }

    deinit {
        if let start { release(UnsafeMutableRawPointer(mutating: start), count) }
    }

    @inlinable
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }
}
