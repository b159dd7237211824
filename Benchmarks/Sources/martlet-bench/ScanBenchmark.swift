import EventLog
import Foundation
import Yardstick

/// Reading in bulk: every record, with its batch's checksum.
struct ScanBenchmark {
    private let scale: Scale
    init(_ scale: Scale) { self.scale = scale }

    func run() throws -> [Measurement] {
        let records = Telemetry.records(scale.amount(2_000_000))
        let raw = try scan(records, compression: "producer")
        let lz4 = try scan(records, compression: "lz4")
        let count = Double(records.count)
        let large = Telemetry.records(scale.amount(200_000), byteCount: 1000)
        let largeLZ4 = try scan(large, compression: "lz4")
        let largeCount = Double(large.count)
        return [
            Measurement(
                name: "scan with CRC, 100 B records", unit: "ns/record", runs: raw.martlet.scaled(by: 1e9 / count),
                yardsticks: raw.scan.scaled(by: 1e9 / count), target: "<= 110 % of C"),
            Measurement(
                name: "scan with CRC and LZ4, 100 B records", unit: "ns/record",
                runs: lz4.martlet.scaled(by: 1e9 / count),
                yardsticks: lz4.scan.scaled(by: 1e9 / count), target: "<= 110 % of C"),
            Measurement(
                name: "scan of LZ4 beside its decompressor, 100 B", unit: "records/s",
                runs: lz4.martlet.rates(of: count), yardsticks: lz4.decompress.rates(of: count),
                target: ">= 85 % of LZ4"),
            Measurement(
                name: "scan of LZ4 beside its decompressor, 1000 B", unit: "records/s",
                runs: largeLZ4.martlet.rates(of: largeCount), yardsticks: largeLZ4.decompress.rates(of: largeCount),
                target: ">= 85 % of LZ4"),
        ]
    }

    private func scan(
        _ records: [Record], compression: String
    ) throws -> (martlet: [Double], scan: [Double], decompress: [Double]) {
        let path = try scale.newDirectory("scan")
        let log = try EventLog.open(at: path)
        let settings = try TopicSettings([
            "flush.messages": "1000000000", "compression.type": compression, "segment.bytes": "2000000000",
        ])
        let partition = try log.createTopic("t", settings: settings).partitions[0]
        try partition.append(contentsOf: records)
        let bytes = try Data(
            contentsOf: URL(fileURLWithPath: "\(path)/t-0/00000000000000000000.log"), options: .alwaysMapped)
        var seen = 0
        var ours: [Double] = []
        var theirs: [Double] = []
        var decompressing: [Double] = []
        for _ in 0..<scale.runs {
            ours.append(
                try seconds { () throws(LogError) in
                    var sum: Int64 = 0
                    seen = 0
                    try partition.scan(from: .earliest) { record in
                        sum &+= record.offset.value &+ Int64(record.value?.byteCount ?? 0)
                        seen += 1
                        return true
                    }
                    precondition(sum > 0, "nothing was scanned")
                })
            bytes.withUnsafeBytes { raw in
                let start = raw.bindMemory(to: UInt8.self).baseAddress
                var (count, sum) = (UInt64(0), UInt64(0))
                theirs.append(yardstick_scan(start, raw.count, &count, &sum))
                decompressing.append(yardstick_lz4_decompress(start, compression == "lz4" ? raw.count : 0))
                precondition(
                    count == records.count && seen == records.count, "the scans saw \(count) and \(seen) records")
            }
        }
        try log.close()
        return (ours, theirs, decompressing)
    }
}
