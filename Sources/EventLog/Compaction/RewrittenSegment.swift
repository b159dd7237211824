internal import Storage

/// A segment that is written anew beside those that it replaces: through a buffer, with its indexes in memory. Synced in
/// pieces: one sync of all of it would hold up everyone else's.
final class RewrittenSegment {
    private(set) var byteCount = 0
    private(set) var end: Offset
    /// Of all bytes, after `finish`.
    private(set) var crc: UInt32 = 0

    private let base: Offset
    private let file: any StorageFile
    private let indexInterval: Int
    private var index = GrowingIndex()
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 4096)
    private var buffered = 0
    private var synced = 0

    private static let bufferSize = 1 << 20
    private static let syncedPiece = 8 << 20

    init(base: Offset, file: any StorageFile, indexInterval: Int) {
        self.base = base
        self.file = file
        self.indexInterval = indexInterval
        end = base
    }

    deinit { buffer.deallocate() }

    func append(_ batch: UnsafeRawBufferPointer, _ header: RecordBatchHeader) throws(LogError) {
        let relative = header.lastOffset.distance(from: base)
        guard header.baseOffset >= end, header.lastOffsetDelta >= 0, relative <= Int64(Int32.max),
            byteCount + batch.count <= Int(Int32.max)
        else { throw damage("a batch with offset \(header.baseOffset) does not fit behind \(end)") }
        index.add(
            lastRelativeOffset: UInt32(clamping: relative), position: UInt32(clamping: byteCount),
            byteCount: batch.count, maxTimestamp: header.maxTimestamp.milliseconds, interval: indexInterval)
        byteCount += batch.count
        end = header.lastOffset.advanced(by: 1)
        try storage { () throws(FileError) in try write(batch) }
    }

    private func write(_ batch: UnsafeRawBufferPointer) throws(FileError) {
        if batch.count > buffer.count - buffered { try flush() }
        guard batch.count <= buffer.count else { return try write(batch, at: byteCount - batch.count) }
        UnsafeMutableRawBufferPointer(rebasing: buffer[buffered...]).copyMemory(from: batch)
        buffered += batch.count
    }

    private func flush() throws(FileError) {
        guard buffered > 0 else { return }
        let part = UnsafeRawBufferPointer(buffer).part(0, buffered)
        // What is buffered ends where the batch begins that made no room.
        try write(part, at: written)
        buffered = 0
    }

    private var written = 0

    private func write(_ bytes: UnsafeRawBufferPointer, at position: Int) throws(FileError) {
        try file.write(bytes, at: position)
        crc = crc32c(bytes, seed: crc)
        written = position + bytes.count
        guard written - synced >= Self.syncedPiece else { return }
        try file.synchronize()
        synced = written
    }

    /// Makes it durable. It must end right before the segment that follows.
    func finish(before next: Offset) throws(LogError) {
        guard end == next else { throw damage("it ends at offset \(end), and the next segment begins with \(next)") }
        try storage { () throws(FileError) in
            try flush()
            #if PLANTED_BUGS
            if PlantedBug.rewrittenNotSynced.isPlanted { return }
            #endif
            try file.synchronize()
        }
        index.addTimeEntry()
    }

    /// Its index files, durable but for their names.
    func writeIndexes(in directory: String, _ fileSystem: any FileSystem) throws(FileError) {
        for (name, bytes) in [
            (SegmentFiles.offsetIndex(base), index.offsets.encoded()),
            (SegmentFiles.timeIndex(base), index.times.encoded()),
        ] {
            // Under another name first: a reader must not find half of it.
            let temporary = "\(directory)/\(name).tmp"
            if fileSystem.exists(temporary) { try fileSystem.remove(temporary) }
            let file = try fileSystem.open(temporary, .create)
            try file.write(bytes, at: 0)
            try file.synchronize()
            try fileSystem.rename(temporary, to: "\(directory)/\(name)")
        }
    }

    private func damage(_ reason: String) -> LogError {
        .damaged(file: file.path, position: byteCount, reason: reason)
    }
}
