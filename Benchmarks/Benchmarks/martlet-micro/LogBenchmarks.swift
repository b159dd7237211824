import EventLog
import Foundation
import Yardstick

/// A log in a directory, by what the library offers: look-ups, appends that skip the journal, a scan.
enum LogBenchmarks {
    static func register() {
        lookUp()
        append()
        scan()
    }

    private static func lookUp() {
        Pair(name: "index look-up", repetitions: 10_000).register {
            let log = try FilledLog(batches: 4000, segmentBytes: 16 << 20)
            let indexes = try SealedIndexes(log.directory)
            return (
                { repetitions in
                    var chance = Chance()
                    var sum: UInt64 = 0
                    for _ in 0..<repetitions {
                        let offset = Offset(Int64(chance.next(indexes.end)))
                        sum &+= UInt64(try log.partition.indexedPosition(of: offset).position)
                    }
                    return sum
                },
                { repetitions in
                    var chance = Chance()
                    var sum: UInt64 = 0
                    for _ in 0..<repetitions { sum &+= indexes.lookUp(Int64(chance.next(indexes.end))) }
                    return sum
                }
            )
        }
    }

    private static func append() {
        // 30,000 appends: 375 MB.
        Pair(name: "append, 100 records", repetitions: 10, measurementsMax: 3000).register {
            let log = try FilledLog(batches: 0)
            let records = Telemetry.records(100)
            let yardstick = YardstickRecords(records)
            let file = try AppendedFile()
            return (
                { repetitions in
                    for _ in 0..<repetitions { try log.partition.append(contentsOf: records) }
                    return UInt64(log.partition.byteCount)
                },
                { repetitions in
                    for _ in 0..<repetitions { try file.append(yardstick) }
                    return UInt64(file.end)
                }
            )
        }
    }

    private static func scan() {
        let batches = 1000
        Pair(name: "scan of a log, a record of \(batches * 100)", repetitions: 1, operations: batches * 100).register {
            let log = try FilledLog(batches: batches)
            let segment = try Data(
                contentsOf: URL(fileURLWithPath: "\(log.directory)/00000000000000000000.log"), options: .alwaysMapped)
            return (
                { repetitions in
                    var sum: UInt64 = 0
                    for _ in 0..<repetitions {
                        try log.partition.scan(from: .earliest) { record in
                            sum &+= 1 &+ UInt64(record.offset.value) &+ UInt64(record.value?.byteCount ?? 0)
                            return true
                        }
                    }
                    return sum
                },
                { repetitions in
                    var (count, sum) = (UInt64(0), UInt64(0))
                    for _ in 0..<repetitions {
                        let isWhole = segment.withUnsafeBytes { bytes in
                            yardstick_decode_batches(
                                bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count, &count, &sum)
                        }
                        guard isWhole else { throw PairError.refused("decode the segment") }
                    }
                    return count &+ sum
                }
            )
        }
    }
}

/// A log of one partition that is not journaled, so that the disk is not what is measured.
private final class FilledLog {
    private let log: EventLog
    let partition: Partition
    let directory: String

    /// - Parameter batches: how many of 100 records it is to have. It is closed and opened after them, so that all index
    ///   files of ended segments are there.
    init(batches: Int, segmentBytes: Int = 1 << 30) throws {
        let path = try WorkDirectory.place("log")
        let new = try EventLog.open(at: path)
        let settings = try TopicSettings([
            "flush.messages": "1000000000", "compression.type": "producer", "segment.bytes": "\(segmentBytes)",
        ])
        let topic = try new.createTopic("t", settings: settings)
        let records = Telemetry.records(100)
        for _ in 0..<batches { try topic.partitions[0].append(contentsOf: records) }
        try new.close()
        log = try EventLog.open(at: path)
        guard let topic = log.topic("t") else { throw PairError.refused("find its topic") }
        partition = topic.partitions[0]
        directory = "\(path)/t-0"
    }

    deinit { try? log.close() }
}

/// The index files of all segments but the last, which is still written to.
private final class SealedIndexes {
    private var indexes = yardstick_indexes()
    /// Where the last segment begins: offsets below it are looked up.
    var end: UInt64 { UInt64(indexes.end) }

    init(_ directory: String) throws {
        guard yardstick_map_indexes(directory, &indexes) else { throw PairError.refused("read its indexes") }
    }

    deinit { yardstick_unmap_indexes(&indexes) }

    func lookUp(_ offset: Int64) -> UInt64 { UInt64(yardstick_look_up(&indexes, offset)) }
}

/// The file that the yardstick appends to.
private final class AppendedFile {
    private let descriptor: Int32
    private(set) var end: Int64 = 0

    init() throws {
        descriptor = open(try WorkDirectory.place("appended"), O_RDWR | O_CREAT | O_TRUNC, 0o644)
        guard descriptor >= 0 else { throw PairError.refused("make a file") }
    }

    deinit { close(descriptor) }

    func append(_ records: YardstickRecords) throws {
        guard records.append(to: descriptor, end: &end) else { throw PairError.refused("append to its file") }
    }
}

/// The same numbers each time: a linear congruential generator.
private struct Chance {
    private var state: UInt64 = 1

    mutating func next(_ bound: UInt64) -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state >> 33) % bound
    }
}
