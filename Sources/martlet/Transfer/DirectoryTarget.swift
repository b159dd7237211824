import EventLog
import KafkaClient
import RecordFormat
import Storage

/// A topic in a data directory that this process has open and fills with batches as they are, offsets and all. Where
/// one was begun earlier it goes on: what a partition has is known by its end.
final class DirectoryTarget: ExportTarget {
    let path: String
    private let topic: Topic
    private let log: EventLog
    /// The round of the last batch of each partition.
    private var rounds: [Int: UInt64] = [:]
    /// What the topic is to have when it is whole.
    private let settings: [String: String]

    /// While it is filled: nothing goes by age, nothing waits for the journal, and a batch may be as large as any.
    private static let filling = [
        "flush.messages": String(Int64.max), "max.message.bytes": String(TopicSettings.batchBytesLimit),
    ]

    ///   - parts: where partitions begin; those that are not among them stay empty.
    ///   - resumes: the topic may be there already, as an earlier run has left it.
    init(_ log: EventLog, _ state: TransferState, resumes: Bool) throws {
        self.log = log
        path = log.path
        settings = state.settings
        try Self.check(log, state.topic, resumes: resumes)
        if let topic = log.topic(state.topic) {
            self.topic = topic
        } else {
            var starts = [Offset](repeating: 0, count: state.partitionCount)
            for part in state.parts { starts[part.partition] = part.base }
            let settings = ImportSettings.whileFilling(state.settings).merging(Self.filling) { $1 }
            topic = try log.createTopic(
                state.topic, partitions: state.partitionCount, settings: try Self.known(settings), starts: starts)
        }
        for part in state.parts {
            guard let partition = topic.partition(part.partition) else {
                throw LogError.unknownTopic(state.topic)
            }
            guard partition.logStart <= part.start, partition.end >= part.next || part.next == part.start else {
                throw Failure(
                    "\(log.path): partition \(part.partition) of '\(state.topic)' ends at offset "
                        + "\(partition.end), before "
                        + "what its progress says (\(part.next)): remove it and begin again", status: .damage)
            }
        }
    }

    /// A topic that is there already keeps what it has.
    static func check(_ log: EventLog, _ name: String, resumes: Bool) throws {
        guard !resumes, log.topic(name) != nil else { return }
        throw Failure("\(log.path) has a topic '\(name)' already: give another directory, or another name")
    }

    /// Settings of a foreign broker that are none here are left out.
    private static func known(_ pairs: [String: String]) throws -> TopicSettings {
        let names = Set(TopicSettings.all.map(\.name))
        return try TopicSettings(pairs.filter { names.contains($0.key) })
    }

    func take(_ batch: UnsafeRawBufferPointer, into part: inout TransferState.Part) throws {
        let header = try RecordBatchView(validating: batch.bytes).header
        guard header.lastOffset >= part.next, let partition = topic.partition(part.partition) else { return }
        // What an earlier run had appended after its last word on its progress is there.
        if header.lastOffset >= partition.end || rounds[part.partition] != nil {
            try append(batch, header, to: partition)
        }
        var tally = BatchTally(records: part.records, checksum: part.checksum)
        tally.add(header)
        part.records = tally.records
        part.checksum = tally.checksum
        part.next = min(part.end, header.lastOffset.advanced(by: 1))
    }

    private func append(
        _ batch: UnsafeRawBufferPointer, _ header: RecordBatchHeader, to partition: Partition
    ) throws(LogError) {
        while true {
            switch partition.appendKeepingOffsets(batch, header: header) {
            case .accepted(let ticket), .duplicate(let ticket): return rounds[partition.index] = ticket.round
            case .full(let round): log.wait(forRound: round)
            case .rejected(let error): throw error
            }
        }
    }

    func synchronize(_ state: inout TransferState) throws {
        try log.synchronize()
        for part in state.parts {
            guard let partition = topic.partition(part.partition) else { continue }
            // A disk that failed says so by an end that stays behind.
            if let failure = partition.failure ?? partition.lastRefusal { throw failure }
        }
    }

    func finish(_ state: inout TransferState) throws {
        try synchronize(&state)
        for part in state.parts where part.base < part.start {
            guard let partition = topic.partition(part.partition) else { continue }
            try partition.deleteRecords(before: min(part.start, partition.end))
        }
        try topic.alter(try Self.known(settings))
    }

    func verify(_ state: TransferState, progress: (Int) -> Void) throws {
        let source = try DirectorySource(log, topic: topic.name)
        var found: [Int: BatchTally] = [:]
        try source.begin(
            state.parts.map { TransferState.Part(partition: $0.partition, start: $0.start, end: $0.end) })
        var count = 0
        while let chunk = try source.next() {
            if case .damaged(let damage) = chunk, state.damageCount == 0 {
                throw Failure("what was written reads back damaged: \(damage.line)", status: .damage)
            }
            try chunk.forEachBatch { partition, batch in
                let header = try RecordBatchView(validating: batch.bytes).header
                found[partition, default: BatchTally()].add(header)
                count += Int(header.recordCount)
                progress(count)
            }
        }
        for part in state.parts {
            let tally = found[part.partition, default: BatchTally()]
            guard tally == BatchTally(records: part.records, checksum: part.checksum) else {
                throw Failure.differs(part, (tally.records, tally.checksum), in: path)
            }
        }
    }

    func abandon() {}
}
