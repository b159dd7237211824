import RecordFormat
import Storage

/// Goes through a segment's batches with every check there is, and finds the way on after damage.
struct BatchFileScan: ~Copyable {
    enum Step {
        case batch(position: Int, RecordBatchHeader)
        case damage(Damage)
    }

    struct Damage: Hashable {
        var position: Int
        var byteCount: Int
        var reason: String
        /// No batch follows: it may be the end of a write that was under way, not damage.
        var isTail: Bool
    }

    private let file: MappedFile
    private let decodesRecords: Bool
    private var scratch = DecompressionBuffer()
    private(set) var position: Int

    /// - Parameters:
    ///   - position: where a batch begins.
    ///   - decodesRecords: false: what is inside a batch is not looked at, but for its checksum.
    init(_ file: MappedFile, from position: Int = 0, decodesRecords: Bool = true) {
        self.file = file
        self.position = position
        self.decodesRecords = decodesRecords
    }

    /// The next batch, or what stands in its place; nil at the end. What cannot be read is no damage: that is thrown.
    mutating func next() throws(FileError) -> Step? {
        let step = step()
        try file.check()
        return step
    }

    private mutating func step() -> Step? {
        guard position < file.count else { return nil }
        let rest = UnsafeRawBufferPointer(rebasing: file.bytes[position...])
        do throws(BatchError) {
            let header = try check(rest)
            defer { position += header.sizeInBytes }
            return .batch(position: position, header)
        } catch {
            let damaged = damagedCount(rest)
            defer { position += damaged.count }
            return .damage(
                Damage(position: position, byteCount: damaged.count, reason: error.description, isTail: damaged.isTail))
        }
    }

    private mutating func check(_ rest: UnsafeRawBufferPointer) throws(BatchError) -> RecordBatchHeader {
        let batch = try RecordBatchView(validating: rest.bytes)
        guard decodesRecords else { return batch.header }
        switch batch.header.compression {
        case .some(.none), .lz4:
            var cursor = try RecordCursor(batch, into: &scratch)
            while try cursor.next() != nil {}
        case .gzip, .snappy, .zstd: break
        case nil: throw .unsupportedCompression(UInt8(batch.header.attributes.rawValue & 0b111))
        }
        return batch.header
    }

    /// How many bytes are lost with the batch at the start of `rest`.
    private func damagedCount(_ rest: UnsafeRawBufferPointer) -> (count: Int, isTail: Bool) {
        // Where the length still leads to the batch that follows this one's offsets, or to the end, only this one is lost.
        if let header = try? RecordBatchHeader(parsing: rest.bytes), header.sizeInBytes <= rest.count {
            let after = UnsafeRawBufferPointer(rebasing: rest[header.sizeInBytes...])
            if after.isEmpty || batch(after)?.baseOffset == header.lastOffset.advanced(by: 1) {
                return (header.sizeInBytes, false)
            }
        }
        var at = 1
        while at + RecordBatchLayout.headerSize <= rest.count {
            let candidate = UnsafeRawBufferPointer(rebasing: rest[at...])
            if candidate[RecordBatchLayout.magic] == RecordBatchLayout.currentMagic, batch(candidate) != nil {
                return (at, false)
            }
            at += 1
        }
        return (rest.count, true)
    }

    private func batch(_ bytes: UnsafeRawBufferPointer) -> RecordBatchHeader? {
        try? RecordBatchView(validating: bytes.bytes).header
    }
}

extension UnsafeRawBufferPointer {
    /// A big-endian number; the bytes must be there.
    func bigEndian<I: FixedWidthInteger>(_: I.Type, at position: Int) -> I {
        I(bigEndian: loadUnaligned(fromByteOffset: position, as: I.self))
    }
}
