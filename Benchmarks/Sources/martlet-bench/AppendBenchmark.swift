import EventLog
import Yardstick

/// Appending in bulk: with LZ4 beside LZ4 alone, without it beside write().
struct AppendBenchmark {
    private let scale: Scale
    init(_ scale: Scale) { self.scale = scale }

    func run() throws -> [Measurement] {
        let records = Telemetry.records(scale.amount(2_000_000))
        return [encode(), try compressed(records), try raw(records)]
    }

    /// Encoding alone, with the checksum: batches of a hundred.
    private func encode() -> Measurement {
        let records = Telemetry.records(100)
        let batches = 20_000
        var builder = RecordBatchBuilder(compression: .none)
        let times = repeated(scale.runs) {
            seconds {
                for _ in 0..<batches {
                    builder.reset()
                    _ = builder.append(contentsOf: records, from: 0, defaultTimestamp: .none, bytesMax: .max)
                    try? builder.finish()
                }
            }
        }
        let lengths = records.map { Int32($0.value?.count ?? 0) }
        let keyLengths = records.map { Int32($0.key?.count ?? 0) }
        let yardsticks = repeated(scale.runs) { yardstick_encode(keyLengths, lengths, Int32(records.count), batches) }
        let count = Double(batches * records.count)
        return Measurement(
            name: "encode with CRC, 100 B records, batches of 100", unit: "ns/record",
            runs: times.scaled(by: 1e9 / count),
            yardsticks: yardsticks.scaled(by: 1e9 / count), target: "<= 110 % of C")
    }

    /// Appends that skip the journal, so that the disk is not what is measured.
    private func append(_ records: [Record], compression: String) throws -> (seconds: Double, logBytes: Int) {
        let path = try scale.newDirectory("append")
        let log = try EventLog.open(at: path)
        let settings = try TopicSettings(["flush.messages": "1000000000", "compression.type": compression])
        let partition = try log.createTopic("t", settings: settings).partitions[0]
        let time = try seconds { () throws(LogError) in _ = try partition.append(contentsOf: records) }
        let bytes = partition.byteCount
        try log.close()
        return (time, bytes)
    }

    private func compressed(_ records: [Record]) throws -> Measurement {
        // What LZ4 gets to see: the records as they are encoded, in batches of the same size.
        let payload = encoded(records)
        let megabytes = Double(payload.count) / 1e6
        let yardsticks = repeated(scale.runs) { yardstick_lz4_compress(payload, payload.count, 256 << 10) }
        let times = try repeated(scale.runs) { try append(records, compression: "lz4").seconds }
        return Measurement(
            name: "append, LZ4, 100 B records", unit: "MB/s", runs: times.rates(of: megabytes),
            yardsticks: yardsticks.rates(of: megabytes),
            target: ">= 85 % of LZ4 alone")
    }

    private func raw(_ records: [Record]) throws -> Measurement {
        var bytes = 0
        let times = try repeated(scale.runs) {
            let (time, count) = try append(records, compression: "producer")
            bytes = count
            return time
        }
        let total = max(1, bytes >> 20) << 20
        let yardsticks = repeated(scale.runs) { yardstick_write("\(scale.directory)/written", total, 1 << 20) }
        return Measurement(
            name: "append, no LZ4, 100 B records", unit: "MB/s", runs: times.rates(of: Double(bytes) / 1e6),
            yardsticks: yardsticks.rates(of: Double(total) / 1e6), target: ">= 50 % of write()")
    }

    private func encoded(_ records: [Record]) -> [UInt8] {
        var builder = RecordBatchBuilder(compression: .none)
        for record in records { builder.append(record, defaultTimestamp: .none) }
        guard (try? builder.finish()) != nil else { return [] }
        return builder.withUnsafeBytes { Array($0.dropFirst(RecordBatchLayout.headerSize)) }
    }
}
