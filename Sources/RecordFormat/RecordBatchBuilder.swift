/// Encodes records straight into one buffer and makes a batch of them. Keeps its memory: once warm, a batch costs no
/// allocation.
public struct RecordBatchBuilder: ~Copyable {
    public let compression: Compression
    public private(set) var count = 0
    private var records: GrowingBuffer
    private var compressed = GrowingBuffer()
    private let frames = LZ4FrameCompressor()
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

    /// Adds records from `start` on until one finds no room: the batch would come to more than `bytesMax` bytes before
    /// compression. One record always has room in an empty batch. Returns how many were added.
    public mutating func append(
        contentsOf records: [Record], from start: Int, defaultTimestamp timestamp: Timestamp, bytesMax: Int
    ) -> Int {
        records.withUnsafeBufferPointer { records in
            var next = start
            while next < records.count {
                let place = RecordPlace(records[next])
                guard count == 0 || self.records.count &+ place.byteCountMax <= bytesMax else { break }
                self.records.reserve(self.records.count &+ place.byteCountMax)
                let time = place.time ?? timestamp.milliseconds
                if place.hasHeaders {
                    add(place.key, place.value, records[next].headers, time)
                } else {
                    // As many as there is memory for, in one go.
                    let added = addRun(records, from: next, timestamp.milliseconds, bytesMax: bytesMax)
                    next += added
                    continue
                }
                next += 1
            }
            return next - start
        }
    }

    /// Adds records without headers as long as memory and `bytesMax` last; at least one. The loop keeps to locals: what
    /// it writes could be anything to the compiler, this builder too.
    private mutating func addRun(
        _ source: UnsafeBufferPointer<Record>, from start: Int, _ defaultTime: Int64, bytesMax: Int
    ) -> Int {
        var encoder = RecordEncoder(records.end)
        let limit = records.start + max(records.count, min(records.memory.count, bytesMax))
        let firstCount = count
        var base = baseTimestamp
        var latest = maxTimestamp
        var next = start
        while next < source.count {
            let place = RecordPlace(source[next])
            let isFirst = firstCount &+ next &- start == 0
            guard !place.hasHeaders, isFirst || encoder.place + place.byteCountMax <= limit else { break }
            let time = place.time ?? defaultTime
            if isFirst { (base, latest) = (time, time) }
            if time > latest { latest = time }
            encoder.add(place.key, place.value, time &- base, Int64(firstCount &+ next &- start))
            next += 1
        }
        baseTimestamp = base
        maxTimestamp = latest
        count = firstCount &+ next &- start
        records.count = encoder.place - records.start
        return next - start
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
        let size = RecordPlace.byteCountMax(key?.count ?? 0, value?.count ?? 0, headers)
        records.reserve(records.count + size)
        add(key, value, headers, time)
    }

    /// Adds a record that there is memory for.
    private mutating func add(
        _ key: UnsafeRawBufferPointer?, _ value: UnsafeRawBufferPointer?, _ headers: [RecordHeader], _ time: Int64
    ) {
        if count == 0 {
            baseTimestamp = time
            maxTimestamp = time
        } else if time > maxTimestamp {
            maxTimestamp = time
        }
        var encoder = RecordEncoder(records.end)
        if headers.isEmpty {
            encoder.add(key, value, time &- baseTimestamp, Int64(count))
        } else {
            encoder.add(key, value, time &- baseTimestamp, Int64(count), headers)
        }
        records.count = encoder.place - records.start
        count += 1
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
        isCompressed =
            compression == .lz4 && compressed.setCompressed(payload, after: RecordBatchLayout.headerSize, by: frames)
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

extension [UInt8]? {
    /// The bytes for the time of the call; nil where there are none.
    @inlinable @inline(__always)
    func withBytes<R>(_ body: (UnsafeRawBufferPointer?) -> R) -> R {
        guard let self else { return body(nil) }
        return self.withUnsafeBytes { body($0) }
    }
}

/// Where a record's bytes lie, for as long as the record does. Taken in one go before anything is written: holding on
/// to its arrays meanwhile would cost more, in reference counts, than encoding them.
private struct RecordPlace {
    let key: UnsafeRawBufferPointer?
    let value: UnsafeRawBufferPointer?
    let time: Int64?
    let hasHeaders: Bool
    /// No encoding of the record takes more bytes.
    let byteCountMax: Int

    @inline(__always)
    init(_ record: borrowing Record) {
        key = Self.place(of: record.key)
        value = Self.place(of: record.value)
        time = record.timestamp?.milliseconds
        hasHeaders = !record.headers.isEmpty
        byteCountMax = Self.byteCountMax(key?.count ?? 0, value?.count ?? 0, hasHeaders ? record.headers : [])
    }

    @inline(__always)
    private static func place(of bytes: [UInt8]?) -> UnsafeRawBufferPointer? {
        guard let bytes else { return nil }
        return bytes.withUnsafeBytes { $0 }
    }

    @inline(__always)
    static func byteCountMax(_ key: Int, _ value: Int, _ headers: [RecordHeader]) -> Int {
        40 &+ key &+ value &+ (headers.isEmpty ? 0 : headerBytes(headers))
    }

    private static func headerBytes(_ headers: [RecordHeader]) -> Int {
        headers.reduce(0) { $0 + $1.name.utf8.count + ($1.value?.count ?? 0) + 10 }
    }
}
