import Logging
import RecordFormat
import Storage
import TestSupport
import Testing

@testable import EventLog

/// The life of one compacted partition, beside a model that knows every record that was ever appended: so it can say of
/// each whether it must be there, may be there, or must be gone.
struct CompactionLife {
    let keyCount: Int
    let limits: CompactionLimits
    var random: SeededRandom
    var disk = SimulatedDisk()
    private(set) var log: EventLog
    private let clock: Clock
    private var model = Model()
    /// Next sequence number of each producer.
    private var sequences: [Int64: Int32] = [:]

    static let deleteRetention: Int64 = 60_000
    static let start: Int64 = 1_700_000_000_000

    private final class Clock: @unchecked Sendable {
        // Unchecked: a life belongs to one thread, and its log has none that asks for the time.
        var now = CompactionLife.start
    }

    private struct Model {
        var records: [StoredRecord] = []
        /// Offsets of batches that are not decoded.
        var opaque: Set<Int64> = []
        /// Since when a tombstone counts as compacted, by its offset.
        var compactedSince: [Int64: Int64] = [:]
        var cleanedTo: Offset = 0
        var end: Int64 = 0
    }

    init(
        seed: UInt64, keyCount: Int, _ limits: CompactionLimits = CompactionLimits(), _ pairs: [String: String] = [:]
    ) throws {
        self.keyCount = keyCount
        self.limits = limits
        random = SeededRandom(seed: seed)
        clock = Clock()
        log = try Self.open(disk, clock)
        let settings = [
            "cleanup.policy": "compact", "segment.bytes": "2048", "min.cleanable.dirty.ratio": "0",
            "delete.retention.ms": "\(Self.deleteRetention)", "index.interval.bytes": "200",
            "compression.type": Bool.random(using: &random) ? "lz4" : "producer",
        ]
        try log.createTopic("t", settings: TopicSettings(settings.merging(pairs) { $1 }))
    }

    private static func open(_ disk: SimulatedDisk, _ clock: Clock) throws -> EventLog {
        try EventLog.open(
            at: "/data",
            options: quietOptions {
                $0.environment.fileSystem = disk
                $0.environment.now = { Timestamp(milliseconds: clock.now) }
                $0.runsHousekeeping = false
                $0.acceptsCheckpointLoss = true
            })
    }

    var partition: Partition { log.topic("t")!.partitions[0] }

    mutating func sleep(_ milliseconds: Int64) { clock.now += milliseconds }

    // MARK: Appending

    /// A batch of a few records, by a numbered producer or by none.
    mutating func append() throws {
        let count = Int.random(in: 1...6, using: &random)
        let records = (0..<count).map { _ in record() }
        let producer = Int64.random(in: -2...3, using: &random)
        let compression: Compression = Bool.random(using: &random) ? .lz4 : .none
        try append(records, producer: producer, compression)
    }

    private mutating func record() -> Record {
        clock.now += Int64.random(in: 0...20, using: &random)
        let key = Int.random(in: 0..<keyCount, using: &random)
        let hasNoKey = Int.random(in: 0..<40, using: &random) == 0
        let isTombstone = Int.random(in: 0..<5, using: &random) == 0
        let value = (0..<Int.random(in: 0..<40, using: &random)).map { UInt8(truncatingIfNeeded: $0 &* key) }
        let headers = Int.random(in: 0..<4, using: &random) == 0 ? [RecordHeader(name: "h", value: [1, 2])] : []
        return Record(
            key: hasNoKey ? nil : Array("key \(key)".utf8), value: isTombstone ? nil : value, headers: headers,
            timestamp: Timestamp(milliseconds: clock.now))
    }

    mutating func append(_ records: [Record], producer: Int64, _ compression: Compression) throws {
        var builder = RecordBatchBuilder(compression: compression)
        for record in records { builder.append(record, defaultTimestamp: .none) }
        let sequence = sequences[producer, default: 0]
        try builder.finish(producer: producer < 0 ? nil : (producer, 0, sequence))
        try send(builder.withUnsafeBytes { Array($0) })
        if producer >= 0 { sequences[producer] = sequence + Int32(records.count) }
        for (index, record) in records.enumerated() {
            model.records.append(
                StoredRecord(
                    offset: Offset(model.end + Int64(index)), timestamp: record.timestamp ?? .none, key: record.key,
                    value: record.value, headers: record.headers))
        }
        model.end += Int64(records.count)
    }

    /// A batch that is whole and whose records nobody can decode: by another codec, or damaged before it came.
    mutating func appendOpaque() throws {
        var builder = RecordBatchBuilder(compression: .none)
        for _ in 0..<3 { builder.append(record(), defaultTimestamp: .none) }
        try builder.finish()
        var bytes = builder.withUnsafeBytes { Array($0) }
        bytes[RecordBatchLayout.attributes + 1] = Bool.random(using: &random) ? 4 : 3
        let crc = bytes[RecordBatchLayout.attributes...].withUnsafeBytes { crc32c($0) }
        withUnsafeBytes(of: crc.bigEndian) { bytes.replaceSubrange(17..<21, with: $0) }
        try send(bytes)
        for offset in model.end..<model.end + 3 { model.opaque.insert(offset) }
        model.end += 3
    }

    private func send(_ bytes: [UInt8]) throws {
        let header = try RecordBatchHeader(parsing: bytes.span.bytes)
        switch bytes.withUnsafeBytes({ partition.append($0, header: header) }) {
        case .accepted(let ticket): log.committer.waitLeading(for: ticket.round)
        case .rejected(let error): throw error
        case .duplicate, .full: throw LogError.storage("not accepted")
        }
    }

    // MARK: Compacting, and what may come between

    @discardableResult
    mutating func compact() throws -> CompactionResult {
        let result = log.compactor.run(on: log.kept, until: CompactionStop(), limits)
        let time = clock.now
        for pass in result.passes {
            // One that ended early may have met any of them.
            let met = pass.ending == .finished ? pass.cleanedTo : Offset(.max)
            for record in model.records where record.isTombstone && record.offset < met {
                if model.compactedSince[record.offset.value] == nil { model.compactedSince[record.offset.value] = time }
            }
            if pass.ending == .finished { model.cleanedTo = max(model.cleanedTo, pass.cleanedTo) }
        }
        return result
    }

    enum Reopening: CaseIterable { case closed, killed, powerCut, withoutCheckpoints }

    mutating func reopen(_ how: Reopening) throws {
        switch how {
        case .closed: try log.close()
        case .killed: disk = disk.kill()
        case .powerCut: disk = disk.crash(seed: random.next())
        case .withoutCheckpoints:
            try log.close()
            let file = try disk.open("/data/t-0/checkpoint", .update)
            try file.write([UInt8](repeating: 0x5A, count: 100), at: 0)
            try file.write([UInt8](repeating: 0x5A, count: 100), at: try file.size() / 2)
            model.cleanedTo = 0
        }
        log = try Self.open(disk, clock)
        model.cleanedTo = min(model.cleanedTo, partition.cleanedTo)
    }

    /// Every producer goes on where it was, and cannot leave a number out.
    mutating func checkProducers() throws {
        for (producer, sequence) in sequences.sorted(by: { $0.key < $1.key }) {
            var problem: LogError?
            sequences[producer] = sequence + 7
            do { try append([record()], producer: producer, .none) } catch { problem = error as? LogError }
            #expect(problem == .outOfOrderSequence(producer: producer, expected: sequence, received: sequence + 7))
            sequences[producer] = sequence
            try append([record()], producer: producer, .lz4)
        }
    }

    // MARK: What must be there

    /// Whether what is stored is what must be: nothing else, and in its place. `isCompacted`: a pass has just ended.
    func check(isCompacted: Bool = false) throws {
        let stored = try storedRecords()
        #expect(partition.end == Offset(model.end))
        var position = 0
        for record in stored {
            while position < model.records.count, model.records[position].offset < record.offset { position += 1 }
            try #require(position < model.records.count)
            try #require(record == model.records[position])
        }
        let there = Set(stored.map(\.offset))
        for record in model.records where record.key == nil { #expect(there.contains(record.offset)) }
        for (key, history) in Dictionary(grouping: model.records.filter { $0.key != nil }, by: \.key) {
            check(key, history, there, isCompacted: isCompacted)
        }
        try checkSeams()
    }

    private func check(_ key: [UInt8]?, _ history: [StoredRecord], _ there: Set<Offset>, isCompacted: Bool) {
        guard let last = history.last else { return }
        let since = model.compactedSince[last.offset.value]
        if !there.contains(last.offset) {
            // Only a tombstone may go, and not before its time.
            #expect(last.isTombstone, "\(last.offset) is lost")
            #expect(since.map { clock.now >= $0 + Self.deleteRetention } ?? false, "\(last.offset) went too early")
            #expect(!history.contains { there.contains($0.offset) }, "key \(String(describing: key)) came back")
        }
        guard isCompacted else { return }
        for (record, next) in zip(history, history.dropFirst()) where next.offset < model.cleanedTo {
            #expect(!there.contains(record.offset), "\(record.offset) was replaced by \(next.offset)")
        }
    }

    private func storedRecords() throws -> [StoredRecord] {
        var reader = BatchReader(partition, from: partition.logStart)
        var scratch = DecompressionBuffer()
        var records: [StoredRecord] = []
        var opaque: Set<Int64> = []
        while let bytes = try reader.nextBatch() {
            let batch = try RecordBatchView(validating: bytes.bytes)
            do {
                var cursor = try RecordCursor(batch, into: &scratch)
                while let record = try cursor.next() { records.append(record.makeStoredRecord()) }
            } catch {
                for offset in batch.header.baseOffset.value...batch.header.lastOffset.value { opaque.insert(offset) }
            }
        }
        #expect(opaque == model.opaque)
        return records
    }

    /// From segment to segment there is no gap.
    private func checkSeams() throws {
        let segments = partition.segments
        for (segment, next) in zip(segments, segments.dropFirst()) {
            var walk = BatchWalk(try segment.file(), from: 0, to: try segment.visibleBytes())
            var end = segment.baseOffset
            while let batch = try walk.next() {
                #expect(batch.baseOffset >= end)
                end = batch.lastOffset.advanced(by: 1)
            }
            #expect(end == next.baseOffset)
        }
    }

    /// Tombstones that are there.
    var tombstoneCount: Int { get throws { try storedRecords().filter(\.isTombstone).count } }
    var recordCount: Int { get throws { try storedRecords().count } }
    var appendedCount: Int { model.records.count }
}

extension StoredRecord {
    fileprivate var isTombstone: Bool { key != nil && value == nil }
}
