import Glibc
import Yardstick

/// Writes of the same bytes past the page cache, each on the disk when it returns: C's journal.
final class DurableWrites {
    private var journal = yardstick_journal()
    private let bytes: UnsafeMutableBufferPointer<UInt8>

    /// Of whole blocks, at least `byteCount`.
    init(directory: String, byteCount: Int) throws {
        let block = Int(yardstick_journal_block)
        let count = (byteCount + block - 1) / block * block
        bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: block).bindMemory(to: UInt8.self)
        bytes.initialize(repeating: 7)
        guard yardstick_journal_open(directory, &journal) else {
            throw BenchmarkError.didNothing("no room for a journal in \(directory)")
        }
    }

    deinit { bytes.deallocate() }

    func write() {
        guard yardstick_journal_append(&journal, bytes.baseAddress, bytes.count) else {
            preconditionFailure("the disk refuses to write")
        }
    }

    func close() { Glibc.close(journal.file) }
}
