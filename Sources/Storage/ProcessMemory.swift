internal import CSystemCalls

/// How this process gets memory from the system, and gives it back.
package enum ProcessMemory {
    /// Blocks from 256 KiB on grow without being copied, have only the pages in memory that were written to, and go back
    /// when they are freed. Otherwise the first that is freed has all of its size kept.
    package static func mapLargeBlocks() { martlet_map_blocks_from(256 << 10) }

    /// Gives back what is free. Takes some milliseconds, in which others may wait for memory.
    package static func trim() { martlet_trim_memory() }
}
