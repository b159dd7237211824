import Logging
import Storage
import TestSupport

@testable import EventLog

/// An input is a list of edits of a data directory: a file, a place, what to do there, and bytes. Afterwards it opens or
/// says why not, and no record is read that nobody wrote.
enum DirectoryTarget {
    private static let directory = "/data"

    private static let options: EventLogOptions = {
        var options = EventLogOptions()
        options.journalBytesInitial = 1 << 20
        options.runsHousekeeping = false
        options.logger = Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }
        return options
    }()

    private struct Original {
        var disk: SimulatedDisk
        var files: [String]
        var values: Set<String>
    }

    private static let original: Original = {
        do { return try make() } catch { preconditionFailure("the directory to damage cannot be made: \(error)") }
    }()

    /// Two topics, one without the journal, with several segments, a deletion, commits, a checkpoint, and rounds after it.
    private static func make() throws -> Original {
        let disk = SimulatedDisk()
        var options = options
        options.environment.fileSystem = disk
        let log = try EventLog.open(at: directory, options: options)
        var values: Set<String> = []
        let small = ["segment.bytes": "1100", "index.interval.bytes": "200"]
        let journaled = try log.createTopic("journaled", partitions: 2, settings: try TopicSettings(small))
        let relaxed = try log.createTopic(
            "relaxed", partitions: 1, settings: try TopicSettings(small.merging(["flush.messages": "5"]) { $1 }))
        func append(_ topic: Topic, _ first: Int) throws {
            for number in first..<first + 12 {
                let value = "\(topic.name) \(number)"
                values.insert(value)
                let time = Timestamp(milliseconds: 1_700_000_000_000 + Int64(number))
                try topic.partitions[number % topic.partitions.count].append(
                    Record(key: "key", value: value, timestamp: time))
            }
        }
        try append(journaled, 0)
        try append(relaxed, 0)
        try log.group("readers").commit(4, in: journaled.partitions[0])
        try log.checkpoint()
        try append(journaled, 12)
        try append(relaxed, 12)
        try log.group("readers").commit(9, in: journaled.partitions[0])
        let left = disk.kill()
        try log.close()
        return Original(disk: left, files: try files(of: left), values: values)
    }

    private static func files(of disk: SimulatedDisk) throws -> [String] {
        var files: [String] = []
        for name in try disk.list(directory).sorted() {
            let path = "\(directory)/\(name)"
            let inside = try disk.list(path)
            files += inside.isEmpty ? [path] : inside.sorted().map { "\(path)/\($0)" }
        }
        // Of fifty partitions of offsets all but what was written are the same.
        return files.filter { disk.contents($0)?.isEmpty == false }.filter {
            !$0.contains("__consumer_offsets") || $0.hasSuffix(".log")
        }
    }

    static func run(_ input: inout FuzzInput) {
        let disk = original.disk.kill()
        var edits = 0
        var isForged = false
        while !input.isEmpty, edits < 8 {
            edits += 1
            try? edit(disk, &input, &isForged)
        }
        var options = options
        options.environment.fileSystem = disk
        do {
            let log = try EventLog.open(at: directory, options: options)
            for name in ["journaled", "relaxed"] {
                guard let topic = log.topic(name) else { continue }
                for partition in topic.partitions { read(partition, isForged: isForged) }
            }
            if let partition = log.topic("journaled")?.partitions.first {
                _ = try? log.group("readers").committed(in: partition)
            }
            try log.close()
        } catch {}
    }

    /// Reads on past what is damaged. `isForged`: batches may say what nobody wrote, with a checksum that is right.
    private static func read(_ partition: Partition, isForged: Bool) {
        var from = partition.logStart
        // A forged batch may say that it holds two thousand million records: what no error leads behind is left in leaps.
        var leap: Int64 = 1
        while from < partition.end {
            do {
                let records = try partition.read(from: .offset(from), maxBytes: .max)
                if records.isEmpty { return }
                for record in records {
                    let isKnown = original.values.contains(record.valueText ?? "")
                    precondition(isKnown || isForged, "a record that nobody wrote")
                    precondition(record.offset >= from, "offsets go backwards")
                    from = record.offset.advanced(by: 1)
                }
                leap = 1
            } catch {
                if let next = error.goesOnAt, next > from {
                    from = next
                } else {
                    from = from.advanced(by: min(leap, partition.end.distance(from: from)))
                    leap = min(leap * 2, 1 << 61)
                }
            }
        }
    }

    private static func edit(_ disk: SimulatedDisk, _ input: inout FuzzInput, _ isForged: inout Bool) throws {
        let path = original.files[Int(input.byte()) % original.files.count]
        let what = input.byte()
        guard let size = disk.contents(path)?.count, size > 0 else { return }
        // Near the ends more often than in the middle of a long file.
        let place = Int(input.int16())
        let at = what & 0x80 == 0 ? place % size : max(0, size - 1 - place % size)
        let file = try disk.open(path, .update)
        switch what & 7 {
        case 0: try disk.remove(path)
        case 1: try file.truncate(to: at)
        case 2: try file.write([UInt8](repeating: 0, count: 1 + Int(input.byte())), at: at)
        default:
            let bytes = input.bytes(1 + Int(input.byte() & 15))
            try file.write(bytes, at: at)
            if what & 0x40 != 0 {
                isForged = isForged || path.hasSuffix(".log")
                try repair(disk, path)
            }
        }
    }

    /// Makes the checksums of the first structures in a file right.
    private static func repair(_ disk: SimulatedDisk, _ path: String) throws {
        guard var bytes = disk.contents(path) else { return }
        let file = try disk.open(path, .update)
        if path.hasSuffix("/catalogue") {
            try file.write(big(crc32c(bytes.dropFirst(16))), at: 12)
        } else if path.hasSuffix("/journal") {
            for block in [0, StorageAlignment.block] where bytes.count > block + JournalHeader.size {
                let crc = crc32c(bytes[block..<block + JournalHeader.checkedSize])
                try file.write(big(crc), at: block + JournalHeader.checkedSize)
            }
        } else if path.hasSuffix("/checkpoint") {
            for slot in [0, bytes.count / 2] {
                let length = Int(bytes.number(at: slot + 16, as: UInt32.self) ?? 0)
                let body = slot + PartitionCheckpoint.headerSize
                guard length > 0, body + length <= bytes.count else { continue }
                let head = crc32c(bytes[slot..<slot + PartitionCheckpoint.checkedSize])
                let crc = bytes[body..<body + length].withUnsafeBytes { crc32c($0, seed: head) }
                try file.write(big(crc), at: slot + PartitionCheckpoint.checkedSize)
            }
        } else if path.hasSuffix(".log") {
            SegmentsTarget.repair(&bytes)
            try file.write(bytes, at: 0)
        }
    }

    private static func big(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

    static func seeds() -> [[UInt8]] {
        (0..<UInt8(clamping: original.files.count)).flatMap { file in
            [[file, 3, 0, 9, 1, 7], [file, 0x43, 0, 8, 3, 1, 2, 3], [file, 0x81, 0, 5], [file, 0]].map { $0 as [UInt8] }
        }
    }
}
