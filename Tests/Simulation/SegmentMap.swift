internal import RecordFormat

/// Which offsets the bytes of a segment's file hold, as far as they are whole batches that follow each other. By the
/// format alone: what the engine takes for damaged is judged by it.
struct SegmentMap {
    private(set) var batches: [Batch] = []
    /// Where the whole batches end in the file, and the offset that is due there.
    private(set) var end = 0
    private(set) var next: Int64

    struct Batch {
        let bytes: Range<Int>
        let offsets: Range<Int64>
    }

    init(_ bytes: [UInt8], base: Int64) {
        next = base
        bytes.withUnsafeBytes { bytes in
            while let header = Self.wholeBatch(UnsafeRawBufferPointer(rebasing: bytes[end...])),
                header.baseOffset.value == next
            {
                let last = header.lastOffset.value
                batches.append(Batch(bytes: end..<end + header.sizeInBytes, offsets: next..<last + 1))
                end += header.sizeInBytes
                next = last + 1
            }
        }
    }

    /// What is lost with a byte of the file: a batch, or what lies behind the last.
    func offsets(at position: Int, before limit: Int64) -> Range<Int64> {
        batches.first { $0.bytes.contains(position) }?.offsets ?? next..<max(next, limit)
    }

    private static func wholeBatch(_ bytes: UnsafeRawBufferPointer) -> RecordBatchHeader? {
        do { return try RecordBatchView(validating: bytes.bytes).header } catch { return nil }
    }
}
