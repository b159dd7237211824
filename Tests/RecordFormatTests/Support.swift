import Foundation

@testable import RecordFormat

/// What a batch is: its header and its records.
struct Decoded: Equatable {
    var header: RecordBatchHeader
    var records: [StoredRecord]
    var outlines: [RecordOutline]
}

/// Checks and decodes the batch at the start of `bytes`.
func decode(
    _ bytes: [UInt8], decompressedBytesMax: Int = DecompressionBuffer.defaultLimit
) throws(BatchError) -> Decoded {
    let batch = try RecordBatchView(validating: bytes.span.bytes)
    var scratch = DecompressionBuffer(limit: decompressedBytesMax)
    var cursor = try RecordCursor(batch, into: &scratch)
    var records: [StoredRecord] = []
    var outlines: [RecordOutline] = []
    while let record = try cursor.next() {
        records.append(record.makeStoredRecord())
        outlines.append(RecordOutline(record))
    }
    return Decoded(header: batch.header, records: records, outlines: outlines)
}

/// The outlines of the batch's records, through a window; nil: the batch is refused.
func outlines(_ bytes: [UInt8], limit: Int, windowByteCount: Int) -> [RecordOutline]? {
    var window = RecordWindow(limit: limit, byteCount: windowByteCount)
    var outlines: [RecordOutline] = []
    let isWhole: Void? = try? window.scan(RecordBatchView(validating: bytes.span.bytes)) { record in
        outlines.append(record)
        return true
    }
    return isWhole.map { outlines }
}

func header(of bytes: [UInt8]) throws(BatchError) -> RecordBatchHeader {
    try RecordBatchView(validating: bytes.span.bytes).header
}

/// What a producer's batch must pass.
func validate(
    _ bytes: [UInt8], decompressedBytesMax: Int = DecompressionBuffer.defaultLimit
) throws(BatchError) {
    try RecordBatchView(validating: bytes.span.bytes).validateRecords(decompressedBytesMax: decompressedBytesMax)
}

/// A batch of `records` as our builder makes it.
func build(
    _ records: [Record], _ compression: Compression = .none, baseOffset: Offset = 0, leaderEpoch: Int32 = -1,
    producer: (id: Int64, epoch: Int16, baseSequence: Int32)? = nil
) throws(BatchError) -> [UInt8] {
    var builder = RecordBatchBuilder(compression: compression)
    for record in records { builder.append(record, defaultTimestamp: Timestamp(milliseconds: 0)) }
    try builder.finish(baseOffset: baseOffset, leaderEpoch: leaderEpoch, producer: producer)
    return builder.withUnsafeBytes { Array($0) }
}

/// A batch put together by hand, with a true length and checksum and anything else wrong that is asked for.
struct HandMadeBatch {
    var baseOffset: Int64 = 0
    var attributes: UInt16 = 0
    var lastOffsetDelta: Int32 = 0
    var baseTimestamp: Int64 = 0
    var maxTimestamp: Int64 = 0
    var count: Int32 = 1
    var records: [UInt8]

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        func add<N: FixedWidthInteger>(_ value: N) { withUnsafeBytes(of: value.bigEndian) { bytes += $0 } }
        add(baseOffset)
        add(Int32(RecordBatchLayout.headerSize - RecordBatchLayout.lengthPrefix + records.count))
        add(0 as Int32)
        bytes.append(RecordBatchLayout.currentMagic)
        add(0 as UInt32)
        add(attributes)
        add(lastOffsetDelta)
        add(baseTimestamp)
        add(maxTimestamp)
        add(-1 as Int64)
        add(-1 as Int16)
        add(-1 as Int32)
        add(count)
        return (bytes + records).withChecksum
    }
}

/// A record put together by hand: its length is true unless `length` says otherwise.
struct HandMadeRecord {
    var length: Int64?
    var timestampDelta: Int64 = 0
    var offsetDelta: Int64 = 0
    var afterOffset: [UInt8]

    /// `afterOffset`: a null key, the value "v" and no headers, unless given.
    init(offset: Int64 = 0, time: Int64 = 0, length: Int64? = nil, _ afterOffset: [UInt8] = [1, 2, 0x76, 0]) {
        offsetDelta = offset
        timestampDelta = time
        self.length = length
        self.afterOffset = afterOffset
    }

    var bytes: [UInt8] {
        let body = [0] + varint(timestampDelta) + varint(offsetDelta) + afterOffset
        return varint(length ?? Int64(body.count)) + body
    }
}

/// Spelled out as the definition has it: zigzag, then seven bits a byte.
func varint(_ value: Int64) -> [UInt8] {
    var rest = value < 0 ? ~(UInt64(bitPattern: value) << 1) : UInt64(value) << 1
    var bytes: [UInt8] = []
    while rest > 127 {
        bytes.append(UInt8(rest % 128) + 128)
        rest /= 128
    }
    return bytes + [UInt8(rest)]
}

extension [UInt8] {
    /// The batch with the checksum that its bytes have.
    var withChecksum: [UInt8] {
        var batch = self
        let checksum = batch[RecordBatchLayout.attributes...].withUnsafeBytes { crc32c($0) }
        for i in 0..<4 { batch[RecordBatchLayout.crc + i] = UInt8(truncatingIfNeeded: checksum >> UInt32(24 - 8 * i)) }
        return batch
    }

    func setting<N: FixedWidthInteger>(_ value: N, at position: Int) -> [UInt8] {
        var bytes = self
        Swift.withUnsafeBytes(of: value.bigEndian) { bytes.replaceSubrange(position..<position + $0.count, with: $0) }
        return bytes
    }
}

extension StoredRecord {
    /// What was appended.
    var record: Record { Record(key: key, value: value, headers: headers, timestamp: timestamp) }
}

/// `Tests/Vectors`.
let vectorFolder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Vectors")
