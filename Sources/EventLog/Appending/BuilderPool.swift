internal import Synchronization

/// Batch builders with warm buffers, used by one append after the other: an append allocates nothing but its result.
final class BuilderPool: Sendable {
    private let idle = Mutex<[PooledBuilder]>([])

    /// More than this many appends at once, and the rest allocate.
    private static let idleMax = 4

    func take(compression: Compression) -> PooledBuilder {
        let found = idle.withLock { idle in
            idle.firstIndex { $0.compression == compression }.map { idle.remove(at: $0) }
        }
        return found ?? PooledBuilder(compression: compression)
    }

    func give(back builder: PooledBuilder) {
        builder.builder.reset()
        idle.withLock { if $0.count < Self.idleMax { $0.append(builder) } }
    }
}

/// A builder that belongs to whoever took it from the pool.
final class PooledBuilder: @unchecked Sendable {
    // Unchecked: one owner at a time, handed over under the pool's lock.
    let compression: Compression
    var builder: RecordBatchBuilder

    init(compression: Compression) {
        self.compression = compression
        builder = RecordBatchBuilder(compression: compression)
    }
}
