import EventLog
import Yardstick

/// Record batches in memory: encoding, decoding, LZ4.
enum BatchBenchmarks {
    static func register() {
        encode()
        decode()
        compress()
        decompress()
    }

    private static func encode() {
        let count = 100
        Pair(name: "encode with CRC, a record of \(count)", repetitions: 100, operations: count).register {
            let records = Telemetry.records(count)
            let builder = Builder(.none)
            let yardstick = YardstickRecords(records)
            return (
                { repetitions in
                    for _ in 0..<repetitions { try builder.encode(records) }
                    return builder.checksum
                },
                { repetitions in
                    var size = 0
                    for _ in 0..<repetitions { size = yardstick.encode() }
                    return UInt64(yardstick_crc32c(yardstick.batch.baseAddress, size))
                }
            )
        }
    }

    private static func decode() {
        let count = 100
        Pair(name: "decode with CRC, a record of \(count)", repetitions: 100, operations: count).register {
            let batch = try encoded(count, .none)
            let reader = Reader()
            return (
                { repetitions in
                    var sum: UInt64 = 0
                    for _ in 0..<repetitions { sum &+= try reader.decode(batch) }
                    return sum
                },
                { repetitions in
                    var (count, sum) = (UInt64(0), UInt64(0))
                    for _ in 0..<repetitions {
                        guard yardstick_decode_batches(batch, batch.count, &count, &sum) else {
                            throw PairError.refused("decode the batch")
                        }
                    }
                    return count &+ sum
                }
            )
        }
    }

    /// What an append with `compression.type=lz4` does to a batch that is encoded.
    private static func compress() {
        Pair(name: "LZ4 compress with CRC, 1,000 records", repetitions: 1).register {
            let builder = Builder(.lz4)
            try builder.encode(Telemetry.records(1000))
            let batch = try encoded(1000, .none)
            var place = [UInt8](repeating: 0, count: batch.count + yardstick_compress_bound(batch.count))
            return (
                { repetitions in
                    for _ in 0..<repetitions { try builder.finish() }
                    return builder.checksum
                },
                { repetitions in
                    var size = 0
                    for _ in 0..<repetitions {
                        size = yardstick_compress_batch(batch, batch.count, &place, place.count)
                    }
                    return UInt64(yardstick_crc32c(place, size))
                }
            )
        }
    }

    private static func decompress() {
        Pair(name: "LZ4 decompress, 1,000 records", repetitions: 10).register {
            let batch = try encoded(1000, .lz4)
            let size = UInt64(try encoded(1000, .none).count - RecordBatchLayout.headerSize)
            let reader = Reader()
            return (
                { repetitions in
                    for _ in 0..<repetitions { try reader.decompress(batch) }
                    return UInt64(repetitions) &* size
                },
                { repetitions in
                    var sum: UInt64 = 0
                    for _ in 0..<repetitions { sum &+= UInt64(yardstick_decompress_batch(batch, batch.count)) }
                    return sum
                }
            )
        }
    }

    private static func encoded(_ count: Int, _ compression: Compression) throws -> [UInt8] {
        let builder = Builder(compression)
        try builder.encode(Telemetry.records(count))
        return builder.bytes
    }
}

/// A builder that closures can share.
private final class Builder {
    private var builder: RecordBatchBuilder

    init(_ compression: Compression) { builder = RecordBatchBuilder(compression: compression) }

    func encode(_ records: [Record]) throws {
        builder.reset()
        _ = builder.append(contentsOf: records, from: 0, defaultTimestamp: .none, bytesMax: .max)
        try builder.finish()
    }

    /// Makes the same batch again of what is encoded: compresses it, where that is asked for.
    func finish() throws { try builder.finish() }

    var bytes: [UInt8] { builder.withUnsafeBytes { Array($0) } }
    var checksum: UInt64 { UInt64(builder.withUnsafeBytes { crc32c($0) }) }
}

/// Memory for decompression that closures can share.
private final class Reader {
    private var scratch = DecompressionBuffer()

    func decode(_ batch: [UInt8]) throws -> UInt64 { try Self.decode(batch, &scratch) }
    func decompress(_ batch: [UInt8]) throws { try Self.decompress(batch, &scratch) }

    /// As the library reads a batch. Returns how many records it saw and what their offsets and values come to.
    private static func decode(_ batch: [UInt8], _ scratch: inout DecompressionBuffer) throws -> UInt64 {
        let view = try RecordBatchView(validating: batch.span.bytes)
        var cursor = try RecordCursor(view, into: &scratch)
        var sum: UInt64 = 0
        try cursor.scan { record in
            sum &+= 1 &+ UInt64(record.offset.value) &+ UInt64(record.value?.byteCount ?? 0)
            return true
        }
        return sum
    }

    private static func decompress(_ batch: [UInt8], _ scratch: inout DecompressionBuffer) throws {
        _ = try RecordCursor(try RecordBatchView(trusting: batch.span.bytes), into: &scratch)
    }
}
