/// The 61 bytes before a batch's records, as plain values.
public struct RecordBatchHeader: Hashable, Sendable {
    public let baseOffset: Offset
    /// Bytes of the whole batch, this header included.
    public let sizeInBytes: Int
    public let partitionLeaderEpoch: Int32
    public let crc: UInt32
    public let attributes: RecordAttributes
    public let lastOffsetDelta: Int32
    public let baseTimestamp: Timestamp
    public let maxTimestamp: Timestamp
    /// -1: the producer is not idempotent.
    public let producerID: Int64
    public let producerEpoch: Int16
    /// Of the first record; -1: none.
    public let baseSequence: Int32
    public let recordCount: Int32

    /// Reads the header at the start of `bytes`, which may go on after it or end with it. Checks the magic number and
    /// that the length is possible; nothing else.
    @inlinable
    public init(parsing bytes: RawSpan) throws(BatchError) {
        // First: the older formats have it in the same place, and their messages may be shorter than this header.
        if bytes.byteCount > RecordBatchLayout.magic {
            let magic = bytes.unsafeLoad(fromByteOffset: RecordBatchLayout.magic, as: UInt8.self)
            guard magic == RecordBatchLayout.currentMagic else { throw .unsupportedMagic(magic) }
        }
        guard bytes.byteCount >= RecordBatchLayout.headerSize else {
            throw .truncated(needed: RecordBatchLayout.headerSize, have: bytes.byteCount)
        }
        self = bytes.withUnsafeBytes { RecordBatchHeader(unchecked: $0.baseAddress.unsafelyUnwrapped) }
        guard sizeInBytes >= RecordBatchLayout.headerSize else {
            throw .badLength(sizeInBytes - RecordBatchLayout.lengthPrefix)
        }
    }

    @usableFromInline
    init(unchecked bytes: UnsafeRawPointer) {
        baseOffset = Offset(bytes.bigEndian(Int64.self, at: RecordBatchLayout.baseOffset))
        let length = Int(bytes.bigEndian(Int32.self, at: RecordBatchLayout.batchLength))
        sizeInBytes = length + RecordBatchLayout.lengthPrefix
        partitionLeaderEpoch = bytes.bigEndian(Int32.self, at: RecordBatchLayout.partitionLeaderEpoch)
        crc = bytes.bigEndian(UInt32.self, at: RecordBatchLayout.crc)
        attributes = RecordAttributes(rawValue: bytes.bigEndian(UInt16.self, at: RecordBatchLayout.attributes))
        lastOffsetDelta = bytes.bigEndian(Int32.self, at: RecordBatchLayout.lastOffsetDelta)
        baseTimestamp = Timestamp(milliseconds: bytes.bigEndian(Int64.self, at: RecordBatchLayout.baseTimestamp))
        maxTimestamp = Timestamp(milliseconds: bytes.bigEndian(Int64.self, at: RecordBatchLayout.maxTimestamp))
        producerID = bytes.bigEndian(Int64.self, at: RecordBatchLayout.producerID)
        producerEpoch = bytes.bigEndian(Int16.self, at: RecordBatchLayout.producerEpoch)
        baseSequence = bytes.bigEndian(Int32.self, at: RecordBatchLayout.baseSequence)
        recordCount = bytes.bigEndian(Int32.self, at: RecordBatchLayout.recordCount)
    }

    @inlinable
    public var lastOffset: Offset { baseOffset.advanced(by: Int64(lastOffsetDelta)) }
    /// nil: a codec that Kafka has no name for.
    @inlinable
    public var compression: Compression? { attributes.compression }
    /// From when on compaction drops the batch's tombstones; nil: it has not met them yet.
    @inlinable
    public var deleteHorizon: Timestamp? { attributes.hasDeleteHorizon ? baseTimestamp : nil }
    /// True: the records can be decoded here.
    @inlinable
    public var isDecodable: Bool { compression == Compression.none || compression == .lz4 }
}
