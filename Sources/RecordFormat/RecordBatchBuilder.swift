/// Encodes records straight into one buffer and makes a batch of them. Keeps its memory: once warm, a batch costs no
/// allocation.
public struct RecordBatchBuilder: ~Copyable {
    public let compression: Compression
    public private(set) var count = 0
    private var records: GrowingBuffer
    private var compressed = GrowingBuffer()
    private var baseTimestamp: Int64 = 0
    private var maxTimestamp: Int64 = -1
    private var isCompressed = false

    /// `compression`: none or lz4. A batch that lz4 makes no smaller stays uncompressed.
    public init(compression: Compression = .lz4) {
        precondition(compression == .none || compression == .lz4, "\(compression.name) is not written here")
        self.compression = compression
        records = GrowingBuffer()
        records.reserve(RecordBatchLayout.headerSize)
        records.count = RecordBatchLayout.headerSize
    }

    /// Bytes so far, not compressed, header included.
    public var estimatedByteCount: Int { records.count }

    /// Adds a record. `timestamp`: when the record carries none.
    @inlinable
    public mutating func append(_ record: Record, defaultTimestamp timestamp: Timestamp) {
        let time = record.timestamp ?? timestamp
        record.key.withBytes { key in
            record.value.withBytes { value in append(key, value, record.headers, time.milliseconds) }
        }
    }

    /// Adds a record; nil: there is no key, or no value.
    @inlinable
    public mutating func append(
        key: RawSpan?, value: RawSpan?, headers: [RecordHeader] = [], timestamp: Timestamp
    ) {
        let keyBytes: UnsafeRawBufferPointer? = if let key { key.withUnsafeBytes { $0 } } else { nil }
        let valueBytes: UnsafeRawBufferPointer? = if let value { value.withUnsafeBytes { $0 } } else { nil }
        append(keyBytes, valueBytes, headers, timestamp.milliseconds)
    }

    @usableFromInline
    mutating func append(
        _ key: UnsafeRawBufferPointer?, _ value: UnsafeRawBufferPointer?, _ headers: [RecordHeader], _ time: Int64
    ) {
        if count == 0 {
            baseTimestamp = time
            maxTimestamp = time
        } else if time > maxTimestamp {
            maxTimestamp = time
        }
        let timeDelta = time &- baseTimestamp
        let headerSize = headers.isEmpty ? 1 : Self.encodedSize(of: headers)
        let bodySize =
            1 + Varint.size(timeDelta) + Varint.size(Int64(count)) + Self.encodedSize(of: key)
            + Self.encodedSize(of: value) + headerSize
        records.reserve(records.count + bodySize + Varint.sizeMax)
        var writer = FieldEncoder(records.end)
        writer.add(Int64(bodySize))
        writer.addByte(0)
        writer.add(timeDelta)
        writer.add(Int64(count))
        writer.add(key)
        writer.add(value)
        writer.add(Int64(headers.count))
        for header in headers { writer.add(header) }
        records.count += writer.count
        count += 1
    }

    @inline(__always)
    private static func encodedSize(of field: UnsafeRawBufferPointer?) -> Int {
        guard let field else { return 1 }
        return Varint.size(Int64(field.count)) + field.count
    }

    private static func encodedSize(of headers: [RecordHeader]) -> Int {
        headers.reduce(Varint.size(Int64(headers.count))) { size, header in
            let name = header.name.utf8.count
            let value = header.value?.count
            return size + Varint.size(Int64(name)) + name + Varint.size(Int64(value ?? -1)) + (value ?? 0)
        }
    }

    /// Makes the batch of what was added: compresses, writes the header, computes the checksum. `producer`: of an
    /// idempotent producer, with the sequence number of the first record.
    ///
    /// Throws `badRecordCount` without a record, `tooLarge` past 2 GiB.
    public mutating func finish(
        baseOffset: Offset = 0, leaderEpoch: Int32 = -1,
        producer: (id: Int64, epoch: Int16, baseSequence: Int32)? = nil
    ) throws(BatchError) {
        guard count > 0, let recordCount = Int32(exactly: count) else {
            throw .badRecordCount(Int32(clamping: count))
        }
        compress()
        let size = batch.count
        guard let length = Int32(exactly: size - RecordBatchLayout.lengthPrefix) else { throw .tooLarge(bytes: size) }
        let place = batch.start
        place.storeBigEndian(baseOffset.value, at: RecordBatchLayout.baseOffset)
        place.storeBigEndian(length, at: RecordBatchLayout.batchLength)
        place.storeBigEndian(leaderEpoch, at: RecordBatchLayout.partitionLeaderEpoch)
        place.storeBigEndian(RecordBatchLayout.currentMagic, at: RecordBatchLayout.magic)
        let attributes = RecordAttributes(compression: isCompressed ? .lz4 : .none)
        place.storeBigEndian(attributes.rawValue, at: RecordBatchLayout.attributes)
        place.storeBigEndian(recordCount - 1, at: RecordBatchLayout.lastOffsetDelta)
        place.storeBigEndian(baseTimestamp, at: RecordBatchLayout.baseTimestamp)
        place.storeBigEndian(maxTimestamp, at: RecordBatchLayout.maxTimestamp)
        place.storeBigEndian(producer?.id ?? -1, at: RecordBatchLayout.producerID)
        place.storeBigEndian(producer?.epoch ?? -1, at: RecordBatchLayout.producerEpoch)
        place.storeBigEndian(producer?.baseSequence ?? -1, at: RecordBatchLayout.baseSequence)
        place.storeBigEndian(recordCount, at: RecordBatchLayout.recordCount)
        RecordBatchPatch.storeChecksum(UnsafeMutableRawBufferPointer(start: place, count: size))
    }

    private mutating func compress() {
        let payload = records.part(from: RecordBatchLayout.headerSize)
        isCompressed = compression == .lz4 && compressed.setCompressed(payload, after: RecordBatchLayout.headerSize)
    }

    private var batch: (start: UnsafeMutableRawPointer, count: Int) {
        isCompressed ? (compressed.start, compressed.count) : (records.start, records.count)
    }

    /// The batch that `finish` made, until the next change.
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            let (start, count) = batch
            return _overrideLifetime(RawSpan(_unsafeStart: start, byteCount: count), borrowing: self)
        }
    }

    /// The same for code that keeps the builder where no span can be borrowed from, in a class for one.
    public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        let (start, count) = batch
        return try body(UnsafeRawBufferPointer(start: start, count: count))
    }

    /// Empty again, with its memory.
    public mutating func reset() {
        count = 0
        maxTimestamp = -1
        isCompressed = false
        records.count = RecordBatchLayout.headerSize
    }
}

/// Writes a record's fields; there is room for all of them.
private struct FieldEncoder {
    private let place: UnsafeMutableRawPointer
    private(set) var count = 0

    @inline(__always)
    init(_ place: UnsafeMutableRawPointer) { self.place = place }

    @inline(__always)
    mutating func add(_ value: Int64) { count += Varint.encode(value, to: place + count) }

    @inline(__always)
    mutating func addByte(_ byte: UInt8) {
        place.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    @inline(__always)
    mutating func add(_ field: UnsafeRawBufferPointer?) {
        guard let field else { return add(-1) }
        add(Int64(field.count))
        if let start = field.baseAddress { (place + count).copyMemory(from: start, byteCount: field.count) }
        count += field.count
    }

    mutating func add(_ header: RecordHeader) {
        var name = header.name
        name.withUTF8 { add(UnsafeRawBufferPointer($0)) }
        header.value.withBytes { add($0) }
    }
}

extension [UInt8]? {
    /// The bytes for the time of the call; nil where there are none.
    @inlinable @inline(__always)
    func withBytes<R>(_ body: (UnsafeRawBufferPointer?) -> R) -> R {
        guard let self else { return body(nil) }
        return self.withUnsafeBytes { body($0) }
    }
}
