import RecordFormat

/// How many records went by, and a checksum of them in their order: a CRC32C, carried on from record to record. What
/// two sides have in common when it is the same: time, key, value and headers of each; not the offsets, which a broker
/// gives anew.
///
/// Big-endian, for each record:
///      0  Int64  timestamp
///      8  Int32  bytes of the key; -1: none
///     12  Int32  bytes of the value; -1: none
///     16  Int32  number of headers
/// then key and value; then for each header Int32 and the bytes of its name, Int32 and the bytes of its value.
struct RecordTally: Hashable {
    private(set) var count = 0
    private(set) var checksum: UInt32 = 0

    init(count: Int = 0, checksum: UInt32 = 0) {
        self.count = count
        self.checksum = checksum
    }

    mutating func add(_ record: borrowing RecordView) {
        var key: UnsafeRawBufferPointer?
        var value: UnsafeRawBufferPointer?
        // The record outlives the call.
        if let bytes = record.key { key = bytes.withUnsafeBytes { $0 } }
        if let bytes = record.value { value = bytes.withUnsafeBytes { $0 } }
        add(record.timestamp, key, value, record.headerCount > 0 ? record.makeHeaders() : [])
    }

    mutating func add(
        _ timestamp: Timestamp, _ key: UnsafeRawBufferPointer?, _ value: UnsafeRawBufferPointer?,
        _ headers: [RecordHeader]
    ) {
        count += 1
        var crc = withUnsafeTemporaryAllocation(byteCount: 20, alignment: 8) { [checksum] head in
            head.storeBytes(of: timestamp.milliseconds.bigEndian, as: Int64.self)
            head.storeBytes(of: Self.length(key), toByteOffset: 8, as: Int32.self)
            head.storeBytes(of: Self.length(value), toByteOffset: 12, as: Int32.self)
            head.storeBytes(of: Int32(clamping: headers.count).bigEndian, toByteOffset: 16, as: Int32.self)
            return crc32c(UnsafeRawBufferPointer(head), seed: checksum)
        }
        if let key { crc = crc32c(key, seed: crc) }
        if let value { crc = crc32c(value, seed: crc) }
        for header in headers {
            var name = header.name
            name.withUTF8 { crc = Self.add(UnsafeRawBufferPointer($0), to: crc) }
            if let value = header.value {
                value.withUnsafeBytes { crc = Self.add($0, to: crc) }
            } else {
                crc = Self.add(nil, to: crc)
            }
        }
        checksum = crc
    }

    private static func length(_ field: UnsafeRawBufferPointer?) -> Int32 {
        Int32(clamping: field?.count ?? -1).bigEndian
    }

    private static func add(_ field: UnsafeRawBufferPointer?, to crc: UInt32) -> UInt32 {
        let crc = withUnsafeBytes(of: length(field)) { crc32c($0, seed: crc) }
        return field.map { crc32c($0, seed: crc) } ?? crc
    }
}

/// The same of whole batches that are moved as they are: their offsets count, and the CRC in each header stands for
/// what is in it, once that has been checked.
///
/// Big-endian, for each batch: Int64 base offset, Int32 last offset delta, UInt32 crc, Int32 record count.
struct BatchTally: Hashable {
    private(set) var records: Int
    private(set) var checksum: UInt32

    init(records: Int = 0, checksum: UInt32 = 0) {
        self.records = records
        self.checksum = checksum
    }

    mutating func add(_ header: RecordBatchHeader) {
        records += Int(header.recordCount)
        checksum = withUnsafeTemporaryAllocation(byteCount: 20, alignment: 8) { [checksum] bytes in
            bytes.storeBytes(of: header.baseOffset.value.bigEndian, as: Int64.self)
            bytes.storeBytes(of: header.lastOffsetDelta.bigEndian, toByteOffset: 8, as: Int32.self)
            bytes.storeBytes(of: header.crc.bigEndian, toByteOffset: 12, as: UInt32.self)
            bytes.storeBytes(of: header.recordCount.bigEndian, toByteOffset: 16, as: Int32.self)
            return crc32c(UnsafeRawBufferPointer(bytes), seed: checksum)
        }
    }
}
