/// Makes the batch that is left of one when records are taken out of it: what compaction does. Keeps its memory: once
/// warm, a batch costs no allocation.
///
/// Offsets, timestamps and the order of the records that stay are as they were, and so are the header's offsets,
/// producer, sequence number and leader epoch: whoever numbers batches by them goes on where it was.
public struct RecordBatchFilter: ~Copyable {
    private var scratch = DecompressionBuffer()
    /// Room for a header, then the records that stay, not compressed.
    private var kept = GrowingBuffer()
    private var rebased = GrowingBuffer()
    private var compressed = GrowingBuffer()
    private let frames = LZ4FrameCompressor()
    private var result = Place.kept

    private enum Place { case kept, rebased, compressed }

    public enum Outcome: Equatable, Sendable {
        /// Every record stays: the batch stays as it is.
        case unchanged
        /// `bytes` has the batch that is left.
        case changed
        /// No record stays, or there was none.
        case empty
    }

    public init() {}

    /// Goes through the records of `batch`, which must be one that is decoded here, and keeps those that `keeps` says.
    ///
    /// `horizon`: where a tombstone stays and the batch has no delete horizon yet, it gets this one. A batch that came
    /// compressed stays so, unless lz4 makes what is left no smaller. Throws what `RecordCursor` throws, for damage.
    public mutating func filter(
        _ batch: RecordBatchView, horizon: Timestamp?, keeps: (borrowing RecordView) -> Bool
    ) throws(BatchError) -> Outcome {
        let header = batch.header
        kept.reserve(RecordBatchLayout.headerSize)
        kept.count = RecordBatchLayout.headerSize
        var cursor = RecordCursor(header, try records(of: batch), lifetime: batch.bytes)
        var left = Remains()
        /// Records that stay and lie side by side are copied in one go, none at all where all stay.
        var run = 0
        do {
            while cursor.decodedCount < Int(header.recordCount) {
                let start = cursor.position
                let record = try cursor.decode()
                cursor.decodedCount += 1
                if keeps(record) {
                    left.add(record)
                } else {
                    kept.add(cursor.bytes + run, count: start - run)
                    run = cursor.position
                }
            }
        } catch {
            throw .badRecord(index: cursor.decodedCount, error)
        }
        guard cursor.position == cursor.end else { throw .badRecord(index: cursor.decodedCount, .bytesAfterEnd) }
        if left.count == 0 { return .empty }
        let newHorizon = left.hasTombstones && header.deleteHorizon == nil ? horizon : nil
        if left.count == header.recordCount, newHorizon == nil { return .unchanged }
        kept.add(cursor.bytes + run, count: cursor.end - run)
        if let newHorizon {
            rebase(to: newHorizon, header)
            if finish(batch, left, newHorizon) { return .changed }
            // There is no room for other timestamps. What goes must go all the same: a tombstone that replaced it may go
            // one day, and it would be back.
            if left.count == header.recordCount { return .unchanged }
        }
        return finish(batch, left, nil) ? .changed : .unchanged
    }

    /// The batch's records, decompressed; they stay where they are until the next call.
    private mutating func records(of batch: RecordBatchView) throws(BatchError) -> UnsafeRawBufferPointer {
        switch batch.header.compression {
        case .some(.none): batch.payload.withUnsafeBytes { $0 }
        case .lz4: UnsafeRawBufferPointer(try scratch.decompress(batch.payload))
        default: throw .unsupportedCompression(UInt8(batch.header.attributes.rawValue & 0b111))
        }
    }

    /// What stays of a batch.
    private struct Remains {
        var count: Int32 = 0
        var maxTimestamp = Int64.min
        var hasTombstones = false

        @inline(__always)
        mutating func add(_ record: borrowing RecordView) {
            count += 1
            if record.timestamp.milliseconds > maxTimestamp { maxTimestamp = record.timestamp.milliseconds }
            if record.isTombstone { hasTombstones = true }
        }
    }

    /// Encodes the records that stay anew, their timestamps relative to `horizon`.
    private mutating func rebase(to horizon: Timestamp, _ header: RecordBatchHeader) {
        rebased.count = RecordBatchLayout.headerSize
        let payload = kept.part(from: RecordBatchLayout.headerSize)
        // A record grows by two numbers at most: its timestamp's, and its length's.
        rebased.reserve(kept.count + Int(header.recordCount) * 2 * Varint.sizeMax)
        let shift = header.baseTimestamp.milliseconds &- horizon.milliseconds
        var place = rebased.end
        let source = payload.baseAddress.unsafelyUnwrapped
        var records = RecordDecoder(source, end: source + payload.count)
        // Every number was decoded a moment ago.
        while records.byteCount > 0, let length = try? records.number() {
            let end = records.place + Int(length)
            let attributes = records.place.load(as: UInt8.self)
            records.place += 1
            guard let delta = try? records.number() else { return }
            let rest = end - records.place
            let newDelta = delta &+ shift
            place += Varint.encode(Int64(1 + Varint.size(newDelta) + rest), to: place)
            place.storeBytes(of: attributes, as: UInt8.self)
            place += 1
            place += Varint.encode(newDelta, to: place)
            place.copyMemory(from: records.place, byteCount: rest)
            place += rest
            records.place = end
        }
        rebased.count = place - rebased.start
    }

    /// False: what is left cannot be written so that it is read again, so the batch stays whole.
    private mutating func finish(_ batch: RecordBatchView, _ left: Remains, _ newHorizon: Timestamp?) -> Bool {
        let header = batch.header
        result = newHorizon == nil ? .kept : .rebased
        let payload = (newHorizon == nil ? kept.start : rebased.start) + RecordBatchLayout.headerSize
        let payloadCount = (newHorizon == nil ? kept.count : rebased.count) - RecordBatchLayout.headerSize
        guard payloadCount <= DecompressionBuffer.defaultLimit else { return false }
        var attributes = header.attributes.rawValue
        if header.compression == .lz4 {
            let records = UnsafeRawBufferPointer(start: payload, count: payloadCount)
            if compressed.setCompressed(records, after: RecordBatchLayout.headerSize, by: frames) {
                result = .compressed
            } else {
                attributes &= ~0b111
            }
        }
        if newHorizon != nil { attributes |= RecordAttributes.deleteHorizonBit }
        let whole = wholeBatch
        batch.bytes.withUnsafeBytes {
            whole.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<RecordBatchLayout.headerSize]))
        }
        let start = whole.baseAddress.unsafelyUnwrapped
        let length = Int32(truncatingIfNeeded: whole.count - RecordBatchLayout.lengthPrefix)
        start.storeBigEndian(length, at: RecordBatchLayout.batchLength)
        start.storeBigEndian(attributes, at: RecordBatchLayout.attributes)
        if let newHorizon { start.storeBigEndian(newHorizon.milliseconds, at: RecordBatchLayout.baseTimestamp) }
        start.storeBigEndian(left.maxTimestamp, at: RecordBatchLayout.maxTimestamp)
        start.storeBigEndian(left.count, at: RecordBatchLayout.recordCount)
        RecordBatchPatch.storeChecksum(whole)
        return true
    }

    private var wholeBatch: UnsafeMutableRawBufferPointer {
        switch result {
        case .kept: UnsafeMutableRawBufferPointer(start: kept.start, count: kept.count)
        case .rebased: UnsafeMutableRawBufferPointer(start: rebased.start, count: rebased.count)
        case .compressed: UnsafeMutableRawBufferPointer(start: compressed.start, count: compressed.count)
        }
    }

    /// The batch that `filter` or `makeEmpty` made last, until the next call.
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            let batch = wholeBatch
            return _overrideLifetime(
                RawSpan(_unsafeStart: batch.baseAddress.unsafelyUnwrapped, byteCount: batch.count), borrowing: self)
        }
    }

    /// The same for code that keeps the filter where no span can be borrowed from, in a class for one.
    public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try body(UnsafeRawBufferPointer(wholeBatch))
    }

    // MARK: Batches without records

    /// Makes the batch that is left of one when no record is: it says still what its producer's last number was. As
    /// Kafka's, but without a timestamp, so that nobody who looks for a time ends up at it.
    public mutating func makeEmpty(_ header: RecordBatchHeader) {
        kept.reserve(RecordBatchLayout.headerSize)
        kept.count = RecordBatchLayout.headerSize
        result = .kept
        EmptyRecordBatch.write(
            to: wholeBatch, from: header.baseOffset, through: header.lastOffset,
            leaderEpoch: header.partitionLeaderEpoch)
        let place = kept.start
        place.storeBigEndian(
            header.attributes.rawValue & RecordAttributes.bitsOfEmpty, at: RecordBatchLayout.attributes)
        place.storeBigEndian(header.producerID, at: RecordBatchLayout.producerID)
        place.storeBigEndian(header.producerEpoch, at: RecordBatchLayout.producerEpoch)
        place.storeBigEndian(header.baseSequence, at: RecordBatchLayout.baseSequence)
        RecordBatchPatch.storeChecksum(wholeBatch)
    }

}
