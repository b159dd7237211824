internal import CSystemCalls

/// How this process gets memory from the system, and gives it back.
package enum ProcessMemory {
    /// Blocks from 1 MiB on grow without being copied, and go back when they are freed. Otherwise the first that is freed
    /// has all of its size kept.
    package static func mapLargeBlocks() { martlet_map_blocks_from(1 << 20) }

    /// Gives back what is free. Takes some milliseconds, in which others may wait for memory.
    package static func trim() { martlet_trim_memory() }
}
