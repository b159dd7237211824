import EventLog
import Yardstick

/// Records as the yardstick takes them, with memory of their own.
final class YardstickRecords {
    private let bytes: UnsafeMutablePointer<UInt8>
    private let records: UnsafeMutableBufferPointer<yardstick_record>
    /// Room for their batch.
    let batch: UnsafeMutableBufferPointer<UInt8>

    init(_ source: [Record]) {
        let contents = source.map { ($0.key ?? [], $0.value ?? [], $0.timestamp?.milliseconds ?? 0) }
        bytes = .allocate(capacity: contents.reduce(1) { $0 + $1.0.count + $1.1.count })
        records = .allocate(capacity: source.count)
        var end = bytes
        func kept(_ part: [UInt8]) -> UnsafePointer<UInt8> {
            defer { end += part.count }
            end.update(from: part, count: part.count)
            return UnsafePointer(end)
        }
        for (i, (key, value, time)) in contents.enumerated() {
            records[i] = yardstick_record(
                key: kept(key), value: kept(value), key_size: Int32(key.count), value_size: Int32(value.count),
                timestamp: time)
        }
        batch = .allocate(capacity: yardstick_batch_bound(records.baseAddress, Int32(source.count)))
    }

    deinit {
        bytes.deallocate()
        records.deallocate()
        batch.deallocate()
    }

    /// Encodes them, and returns the batch's size.
    func encode() -> Int { yardstick_encode_batch(records.baseAddress, Int32(records.count), batch.baseAddress) }

    /// Encodes them, and appends their batch to a file.
    func append(to file: Int32, end: inout Int64) -> Bool {
        yardstick_append(file, records.baseAddress, Int32(records.count), batch.baseAddress, &end)
    }
}
