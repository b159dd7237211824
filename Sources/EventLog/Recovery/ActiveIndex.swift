internal import Storage

/// The index of a segment that goes on being written, from what its files hold and the batches after that.
enum ActiveIndex {
    struct Restored {
        var index: GrowingIndex
        /// Of the segment's first batch; nil while it is empty.
        var firstTimestamp: Int64?
    }

    static func restore(
        from directory: String, base: Offset, _ file: any StorageFile, byteCount: Int, interval: Int,
        _ fileSystem: any FileSystem
    ) -> Restored {
        guard byteCount > 0 else { return Restored(index: GrowingIndex(), firstTimestamp: nil) }
        var head = BatchWalk(file, from: 0, to: byteCount, windowSize: 128)
        let first = (try? head.next())?.maxTimestamp.milliseconds
        let offsets = entries(
            "\(directory)/\(SegmentFiles.offsetIndex(base))", OffsetIndexEntryLayout.size, fileSystem
        ) { OffsetIndexEntry(relativeOffset: $0.bigEndian(at: $1), position: $0.bigEndian(at: $1 + 4)) }
        .prefix { Int($0.position) < byteCount }
        let times = entries(
            "\(directory)/\(SegmentFiles.timeIndex(base))", TimeIndexEntryLayout.size, fileSystem
        ) { TimeIndexEntry(timestamp: $0.bigEndian(at: $1), relativeOffset: $0.bigEndian(at: $1 + 8)) }
        let index =
            resume(Array(offsets), times, base: base, file, byteCount: byteCount, interval: interval)
            ?? walk(GrowingIndex(), from: 0, base: base, file, byteCount: byteCount, interval: interval)
        return Restored(index: index ?? GrowingIndex(), firstTimestamp: first)
    }

    /// From the last entry on; nil where the entries cannot be this segment's.
    private static func resume(
        _ offsets: [OffsetIndexEntry], _ times: [TimeIndexEntry], base: Offset, _ file: any StorageFile,
        byteCount: Int, interval: Int
    ) -> GrowingIndex? {
        guard let last = offsets.last, isAscending(offsets), isAscending(times) else { return nil }
        // A time entry stands with an offset entry, or none: those past the last belong to batches that were cut.
        let kept = times.prefix { $0.relativeOffset <= last.relativeOffset }
        guard !kept.isEmpty else { return nil }
        var head = BatchWalk(file, from: Int(last.position), to: byteCount, windowSize: 128)
        guard let batch = try? head.next(),
            batch.lastOffset.distance(from: base) == Int64(last.relativeOffset)
        else { return nil }
        return walk(
            GrowingIndex(offsets: offsets, times: Array(kept)), from: Int(last.position), base: base, file,
            byteCount: byteCount, interval: interval)
    }

    private static func walk(
        _ start: GrowingIndex, from position: Int, base: Offset, _ file: any StorageFile, byteCount: Int, interval: Int
    ) -> GrowingIndex? {
        var index = start
        var walk = BatchWalk(file, from: position, to: byteCount)
        // A damaged batch ends the index; readers past it meet the damage themselves.
        while let batch = try? walk.next() { index.add(batch, base: base, interval: interval) }
        return index
    }

    private static func isAscending(_ entries: [OffsetIndexEntry]) -> Bool {
        zip(entries, entries.dropFirst()).allSatisfy {
            $0.relativeOffset < $1.relativeOffset && $0.position < $1.position
        } && entries.first?.position != 0
    }

    private static func isAscending(_ entries: [TimeIndexEntry]) -> Bool {
        zip(entries, entries.dropFirst()).allSatisfy {
            $0.relativeOffset < $1.relativeOffset && $0.timestamp < $1.timestamp
        }
    }

    private static func entries<E>(
        _ path: String, _ size: Int, _ fileSystem: any FileSystem, _ decode: (UnsafeRawBufferPointer, Int) -> E
    ) -> [E] {
        guard let bytes = try? fileSystem.contents(of: path) else { return [] }
        return bytes.withUnsafeBytes { bytes in
            stride(from: 0, through: bytes.count - size, by: size).map { decode(bytes, $0) }
        }
    }
}
