import EventLog
import KafkaClient
import RecordFormat
import Storage

/// Fills a topic of a data directory with the records of a file, offsets kept. Taken up again, it goes through the file
/// anew and appends what is not there.
struct DirectoryImport {
    private let path: String
    private let manifest: TransferState?
    private let skipsDamage: Bool
    private let begun: Timestamp
    private var progress = Progress("Importing")
    private(set) var done = Throughput()
    private(set) var damageCount = 0
    private(set) var state: TransferState

    ///   - name: of the topic.
    ///   - begun: the time of records that have none.
    init(
        _ path: String, _ manifest: TransferState?, as name: String, partitionCount: Int?, begun: Timestamp,
        skipsDamage: Bool
    ) throws {
        self.path = path
        self.manifest = manifest
        self.skipsDamage = skipsDamage
        self.begun = begun
        let found = try manifest.map(Self.starts) ?? Self.starts(inFile: path)
        let count = max(partitionCount ?? manifest?.partitionCount ?? 1, (found.keys.max() ?? 0) + 1)
        state = TransferState(
            form: .directory, topic: name, partitionCount: count, settings: manifest?.settings ?? [:],
            // Where they end is found out as they come.
            parts: (0..<count).map { TransferState.Part(partition: $0, start: found[$0] ?? 0, end: Offset(.max)) })
    }

    private static func starts(_ manifest: TransferState) -> [Int: Offset] {
        manifest.parts.reduce(into: [:]) { $0[$1.partition] = $1.start }
    }

    /// The first offset of each partition, of lines that can be read.
    private static func starts(inFile path: String) throws -> [Int: Offset] {
        var lines = try LineReader(path: path)
        var line = RecordLine()
        var starts: [Int: Offset] = [:]
        while let text = try lines.next() {
            guard let record = try? line.read(text), let partition = record.partition else { continue }
            guard partition < EventLog.partitionsMax else {
                throw Failure("\(path), line \(lines.lineNumber): partition \(partition) is more than a topic can have")
            }
            if starts[partition] == nil { starts[partition] = record.offset ?? 0 }
        }
        return starts
    }

    mutating func run(to target: DirectoryTarget) throws {
        var tallies: [Int: RecordTally] = [:]
        let damages: Int
        do {
            (tallies, damages) = try copy(to: target)
        } catch {
            progress.finish()
            try? target.synchronize(&state)
            throw error
        }
        damageCount = damages
        for index in state.parts.indices { state.parts[index].end = state.parts[index].next }
        if let manifest, damageCount == 0 { try compare(tallies, manifest) }
        try target.finish(&state)
        done.elapsed = progress.elapsed
        progress.finish()
        try target.verify(state) { _ in }
    }

    private mutating func copy(to target: DirectoryTarget) throws -> ([Int: RecordTally], damages: Int) {
        var tallies: [Int: RecordTally] = [:]
        var lines = try LineReader(path: path)
        var line = RecordLine()
        var places = LinePlaces(partitionCount: state.partitionCount)
        var damages = 0
        var parts = state.parts
        let starts = parts.reduce(into: [Int: Offset]()) { $0[$1.partition] = $1.start }
        let batches = LineBatches(starts: starts) { partition, batch in try target.take(batch, into: &parts[partition])
        }
        while let text = try lines.next() {
            var record: RecordLine.Fields
            do { record = try line.read(text) } catch {
                let place = "\(path), line \(lines.lineNumber), byte \(error.position + 1)"
                guard skipsDamage else {
                    try batches.finish()
                    throw Failure.damaged(place, error.reason)
                }
                progress.finish()
                StandardError.print("martlet: damaged, and passed over: \(place): \(error.reason)")
                damages += 1
                continue
            }
            if record.timestamp == nil { record.timestamp = begun }
            let partition = places.partition(of: record)
            guard partition < state.partitionCount else {
                throw Failure(
                    "\(path), line \(lines.lineNumber): the record is of partition \(partition), and the topic has "
                        + "\(state.partitionCount): say with --partitions how many it is to have")
            }
            try batches.add(record, to: partition, place: "\(path), line \(lines.lineNumber)")
            tallies[partition, default: RecordTally()].add(
                record.timestamp ?? .none, record.key, record.value, record.headers)
            done.records += 1
            done.payloadBytes += text.count
            if done.records % 256 == 0 {
                if progress.isDue {
                    let total = lines.totalBytes.map { Double(max(1, $0)) }
                    progress.update(done, fraction: total.map { Double(lines.bytesRead) / $0 })
                }
                if Interruption.hasCome { throw Failure.interrupted }
            }
        }
        if lines.wasInterrupted { throw Failure.interrupted }
        try batches.finish()
        state.parts = parts
        return (tallies, damages)
    }

    /// What was read is what was exported.
    private func compare(_ tallies: [Int: RecordTally], _ manifest: TransferState) throws {
        for part in manifest.parts {
            try manifest.compare(part, tallies[part.partition] ?? RecordTally(), in: path)
        }
    }
}
