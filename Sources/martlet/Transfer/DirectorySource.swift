import EventLog
import KafkaClient
import RecordFormat
import Storage

/// A topic in a data directory that this process has open, read by its files: so that what lies behind damage is found.
final class DirectorySource {
    private let log: EventLog
    private let topic: Topic
    private let fileSystem = PosixFileSystem()
    private var parts: [TransferState.Part] = []
    private var segment: OpenSegment?
    /// Of the segments of the first of `parts`, those that are to come.
    private var bases: ArraySlice<Offset> = []
    /// True: damage was met, and no batch since. That offsets are missing behind it has been said by that.
    private var isAfterDamage = false

    private final class OpenSegment {
        let path: String
        let file: MappedFile
        var scan: BatchFileScan

        init(_ path: String, _ file: MappedFile, from position: Int) {
            self.path = path
            self.file = file
            scan = BatchFileScan(file, from: position, decodesRecords: false)
        }

        /// A batch as the scan saw it, whatever happens to the file from here on.
        func copy(_ position: Int, _ count: Int) throws(FileError) -> [UInt8] {
            let copy = Array(file.bytes[position..<position + count])
            try file.check()
            return copy
        }
    }

    init(_ log: EventLog, topic name: String) throws {
        guard let topic = log.topic(name) else { throw LogError.unknownTopic(name) }
        self.log = log
        self.topic = topic
    }

    func describe() -> (partitionCount: Int, settings: [String: String]) {
        var settings: [String: String] = [:]
        for setting in topic.settings.overrides { settings[setting.name] = setting.value }
        return (topic.partitions.count, settings)
    }

    func offsets(at position: Position, of partitions: [Int], now: Timestamp) throws -> [Int: Offset] {
        var found: [Int: Offset] = [:]
        for index in partitions {
            guard let partition = topic.partition(index) else { continue }
            switch position.start(now: now) {
            case .earliest: found[index] = partition.logStart
            case .latest: found[index] = partition.end
            case .offset(let offset): found[index] = min(max(offset, partition.logStart), partition.end)
            case .timestamp(let time):
                found[index] = try partition.offset(at: max(time, Timestamp(milliseconds: 0)))?.offset ?? partition.end
            }
        }
        return found
    }

    /// The parts with the offsets that their first batches begin with.
    func withBases(_ parts: [TransferState.Part]) throws -> [TransferState.Part] {
        try parts.map { part in
            var part = part
            try begin([part])
            if case .stored(_, _, let batch)? = try next() {
                part.base = min(part.start, try RecordBatchHeader(parsing: batch.span.bytes).baseOffset)
            }
            return part
        }
    }

    /// From here on `next` brings these, one partition after the other.
    func begin(_ parts: [TransferState.Part]) throws {
        self.parts = parts.filter { !$0.isDone }
        try enter()
    }

    /// The next batch of those that hold records that are wanted; nil: there are no more. What is damaged is passed
    /// over by the next call.
    func next() throws -> SourceChunk? {
        while let part = parts.first {
            if part.isDone {
                parts.removeFirst()
                try enter()
            } else if segment == nil {
                if let damaged = try openNext(part) { return damaged }
            } else if let chunk = try nextInSegment(part) {
                return chunk
            }
        }
        return nil
    }

    /// Finds the segments of the partition that is first now.
    private func enter() throws {
        segment = nil
        isAfterDamage = false
        guard let part = parts.first else { return }
        let all = try fileSystem.list(directory(part)).filter { $0.hasSuffix(".log") }
            .compactMap { baseOffset(inName: $0) }.sorted()
        bases = all[max(0, (all.firstIndex { $0 > part.next } ?? all.count) - 1)...]
    }

    private func directory(_ part: TransferState.Part) -> String { "\(log.path)/\(topic.name)-\(part.partition)" }

    /// Opens the partition's next segment. What it returns is said first: offsets that are not there.
    private func openNext(_ part: TransferState.Part) throws -> SourceChunk? {
        guard let base = bases.first, base < part.end else {
            parts[0].next = part.end
            return isAfterDamage ? nil : lost(part.next..<part.end, part, in: directory(part))
        }
        if base > part.next {
            parts[0].next = base
            if !isAfterDamage { return lost(part.next..<base, part, in: segmentPath(base, part)) }
        }
        bases.removeFirst()
        let path = segmentPath(base, part)
        let file = try mapFile(path)
        segment = OpenSegment(path, file, from: indexedPosition(part, base, file))
        return nil
    }

    private func segmentPath(_ base: Offset, _ part: TransferState.Part) -> String {
        let digits = String(base.value)
        return directory(part) + "/" + String(repeating: "0", count: max(0, 20 - digits.count)) + digits + ".log"
    }

    private func indexedPosition(_ part: TransferState.Part, _ base: Offset, _ file: MappedFile) -> Int {
        guard part.next > base, let found = try? topic.partition(part.partition)?.indexedPosition(of: part.next),
            found.segment == base, found.position <= file.count
        else { return 0 }
        return found.position
    }

    private func lost(_ offsets: Range<Offset>, _ part: TransferState.Part, in path: String) -> SourceChunk {
        .damaged(
            SourceDamage(
                partition: part.partition, place: path,
                reason: "offsets \(offsets.lowerBound) to \(offsets.upperBound.advanced(by: -1)) before it are missing")
        )
    }

    /// nil: the segment has no more that is wanted.
    private func nextInSegment(_ part: TransferState.Part) throws -> SourceChunk? {
        guard let open = segment else { return nil }
        while let step = try open.scan.next() {
            switch step {
            case .batch(let position, let header):
                if header.lastOffset < part.next { continue }
                if header.baseOffset >= part.end {
                    parts[0].next = part.end
                    segment = nil
                    return nil
                }
                let chunk = SourceChunk.stored(
                    partition: part.partition, position: position, try open.copy(position, header.sizeInBytes))
                isAfterDamage = false
                parts[0].next = header.lastOffset.advanced(by: 1)
                return chunk
            case .damage(let damage):
                let place = "\(open.path), byte \(damage.position)"
                isAfterDamage = true
                return .damaged(SourceDamage(partition: part.partition, place: place, reason: damage.reason))
            }
        }
        segment = nil
        return nil
    }
}
