internal import Storage
internal import Synchronization
internal import TestSupport

@testable import EventLog

/// The data directory that docs/FORMAT.md takes apart. The production code makes it, with chance, record times and
/// rounds fixed, so that every byte is the same each time: no thread of the log's own runs while it is written.
final class ExampleDirectory: Sendable {
    let files = TemporaryDirectory()
    /// 2023-11-14T22:13:20Z.
    static let start: Int64 = 1_700_000_000_000

    private let options: EventLogOptions

    init() throws {
        let chance = CountingChance()
        options = quietOptions {
            $0.environment.random = { chance.next() }
            // Compaction takes of chance what the example's ids are made of.
            $0.runsHousekeeping = false
        }
        try createTopic()
        try fill()
    }

    private func createTopic() throws {
        let log = try EventLog.open(at: files.path, options: options)
        let pairs = ["compression.type": "producer", "index.interval.bytes": "100", "segment.ms": "60000"]
        try log.createTopic("readings", partitions: 2, settings: try settings(pairs))
        try log.alterTopicDefaults([SettingOverride(name: "retention.ms", value: "2592000000")])
        try log.store([SettingOverride(name: "log.retention.ms", value: "2592000000")])
        try log.close()
    }

    /// Three rounds, then a checkpoint of the first partition.
    private func fill() throws {
        let recovery = try DirectoryRecovery.open(at: files.path, options)
        try recovery.journal.begin()
        let committer = Committer(journal: recovery.journal, rounds: CommitRounds(), logger: options.logger)
        let services = PartitionServices(
            committer: committer, environment: options.environment, leaderEpoch: recovery.catalogue.leaderEpoch,
            checkpointer: nil)
        let partitions = recovery.topics[0].1.map { Partition($0, services) }

        let numbered = Batch([Record(key: "d1", value: "21.7", timestamp: time(5000))], producer: 1 << 32)
        let repetitive = Record(key: nil, value: String(repeating: "a", count: 60), timestamp: time(2000))
        try commit(
            [(partitions[0], Self.plain), (partitions[1], plain("d3", "19.0", 4000)), (partitions[0], numbered)],
            committer)
        try commit(
            [
                (partitions[0], Batch([repetitive], compression: .lz4)),
                (partitions[0], plain("d1", "21.9", 2500)),
            ], committer)
        try commit(
            [(partitions[0], plain("d1", "22.0", 6000)), (partitions[0], plain("d1", "22.4", 70_000))], committer)

        let boundary = committer.publishedSequence
        for partition in partitions { _ = try partition.writeCheckpoint(journalSequence: boundary) }
        try recovery.journal.release(below: boundary)
        withExtendedLifetime(recovery) {}
    }

    private func commit(_ batches: [(Partition, Batch)], _ committer: Committer) throws {
        for (partition, batch) in batches {
            var builder = RecordBatchBuilder(compression: batch.compression)
            for record in batch.records { builder.append(record, defaultTimestamp: .none) }
            try builder.finish(producer: batch.producer.map { (id: $0, epoch: 0, baseSequence: 0) })
            let outcome = try builder.withUnsafeBytes { bytes in
                partition.append(bytes, header: try RecordBatchHeader(parsing: bytes.bytes), isCommittedByCaller: true)
            }
            guard case .accepted = outcome else { throw NotAccepted(outcome: "\(outcome)") }
        }
        committer.flush()
    }

    // MARK: Batches

    private struct Batch {
        var records: [Record]
        var compression: Compression
        var producer: Int64?

        init(_ records: [Record], compression: Compression = .none, producer: Int64? = nil) {
            self.records = records
            self.compression = compression
            self.producer = producer
        }
    }

    private struct NotAccepted: Error {
        let outcome: String
    }

    /// Everything that a record can have and lack.
    private static let plain = Batch([
        Record(
            key: "d1", value: "21.5",
            headers: [RecordHeader(name: "unit", value: Array("C".utf8)), RecordHeader(name: "raw", value: nil)],
            timestamp: Timestamp(milliseconds: start)),
        Record(key: nil, value: [], timestamp: Timestamp(milliseconds: start + 1500)),
        Record(key: Array("d1".utf8), value: nil, timestamp: Timestamp(milliseconds: start - 1)),
    ])

    private func plain(_ key: String, _ value: String, _ milliseconds: Int64) -> Batch {
        Batch([Record(key: key, value: value, timestamp: time(milliseconds))])
    }

    private func time(_ milliseconds: Int64) -> Timestamp { Timestamp(milliseconds: Self.start + milliseconds) }

    // MARK: Bytes, by the labels of the document's dumps

    func bytes(_ label: String) throws -> [UInt8] {
        let first = "readings-0/\(SegmentFiles.log(0))"
        switch label {
        case "batch": return try part(of: first, batch: 0)
        case "batch-lz4": return try part(of: first, batch: 2)
        case "offset-index": return try files.contents(of: "readings-0/\(SegmentFiles.offsetIndex(0))")
        case "time-index": return try files.contents(of: "readings-0/\(SegmentFiles.timeIndex(0))")
        case "journal-header":
            return Array(
                try files.contents(of: "journal")[StorageAlignment.block..<JournalHeader.ringStart])
        case "journal-round":
            let journal = try files.contents(of: "journal")
            return Array(journal[JournalHeader.ringStart..<JournalHeader.ringStart + StorageAlignment.block])
        case "checkpoint":
            let file = try files.contents(of: "readings-0/\(CheckpointFile.name)")
            return Array(file[..<(file.count / 2)])
        case "swap":
            return SwapManifest(segmentCRC: 0x89AB_CDEF, segmentBytes: 419, replaced: [0, 7, 20]).encoded()
        case "catalogue": return try files.contents(of: CatalogueFile.name)
        default: throw UnknownLabel(label: label)
        }
    }

    private struct UnknownLabel: Error {
        let label: String
    }

    private func part(of file: String, batch: Int) throws -> [UInt8] {
        let bytes = try files.contents(of: file)
        let location = try batches(of: file)[batch]
        return Array(bytes[location.position..<location.position + location.byteCount])
    }

    /// Every batch of a segment, by the headers.
    func batches(of file: String) throws -> [BatchLocation] {
        let file = try options.environment.fileSystem.open("\(files.path)/\(file)", .read)
        var walk = BatchWalk(file, from: 0, to: try file.size())
        var batches: [BatchLocation] = []
        while let batch = try walk.next() { batches.append(batch) }
        return batches
    }
}

/// 1111111111111111, 2222222222222222, …
private final class CountingChance: Sendable {
    private let count = Atomic<UInt64>(0)
    func next() -> UInt64 { 0x1111_1111_1111_1111 &* (count.wrappingAdd(1, ordering: .relaxed).newValue) }
}
