internal import Logging

/// What the records of a partition of `__consumer_offsets` come to, up to an offset.
struct ShardContents {
    private(set) var groups: [String: StoredGroup] = [:]
    /// Of all groups.
    private(set) var byteCount = 0
    /// Every record below this counts.
    private(set) var end: Offset = 0
    /// The last batches before `end`.
    private(set) var batches: [BatchMark] = []
    /// Bytes of the log that no snapshot has.
    private(set) var bytesSinceSnapshot = 0
    /// Where the snapshot ended that was read; nil: none was.
    private(set) var snapshotEnd: Offset?

    /// Where the log began: of what was deleted since, it says no more what is said here.
    let start: Offset

    init(from start: Offset) { self.start = start }

    init(_ snapshot: OffsetsSnapshot) {
        start = snapshot.logStart
        groups = snapshot.groups
        byteCount = groups.values.reduce(0) { $0 + $1.byteCount }
        end = snapshot.end
        batches = snapshot.batches
        snapshotEnd = snapshot.end
    }

    mutating func tookSnapshot() { bytesSinceSnapshot = 0 }

    /// The last batches before `end` as the log has them now; nil where it does not say.
    func batches(in partition: Partition) -> [BatchMark]? {
        guard let first = batches.suffix(BatchMark.countMax).first else { return [] }
        var reader = BatchReader(partition, from: max(first.baseOffset, partition.logStart))
        var marks: [BatchMark] = []
        do {
            while let bytes = try reader.nextBatch(before: end) {
                marks.append(BatchMark(try RecordBatchHeader(parsing: bytes.bytes)))
            }
        } catch { return nil }
        return reader.next == end ? marks : nil
    }

    mutating func apply(_ change: PendingChange) {
        for entry in change.entries { apply(entry, to: change.group, at: change.timestamp) }
        note(change.batch, byteCount: change.byteCount)
        end = change.lastOffset.advanced(by: 1)
    }

    private mutating func note(_ batch: BatchMark, byteCount: Int) {
        // Twice as many as are needed, so that they move up once in so many.
        if batches.count == 2 * BatchMark.countMax { batches.removeFirst(BatchMark.countMax) }
        batches.append(batch)
        bytesSinceSnapshot += byteCount
    }

    private mutating func apply(_ entry: GroupEntry, to group: String, at timestamp: Timestamp) {
        let groupCount = groups.count
        byteCount += groups[group, default: StoredGroup(id: group)].apply(entry, at: timestamp)
        if case .remove = entry, groups[group]?.isEmpty == true {
            groups[group] = nil
            groups.shrink()
        }
        byteCount += (groups.count - groupCount) * OffsetsSize.group(group)
    }

    /// By how much `byteCount` grows at most with a change: not at all where it commits nothing.
    func growth(by entries: [GroupEntry], in group: String) -> Int {
        if let stored = groups[group] { return stored.growth(by: entries) }
        let growth = StoredGroup(id: group).growth(by: entries)
        return growth == 0 ? 0 : growth + OffsetsSize.group(group)
    }

    /// Reads the partition's records from `end` to `limit`, which is durable. What cannot be read is passed over and
    /// said: an offset that is lost sends its group back to an older one, one that stops the broker sends it nowhere.
    /// Where the disk does not answer, nothing is passed over: returns why, and a later call goes on from there.
    @discardableResult
    mutating func read(_ partition: Partition, to limit: Offset, _ logger: Logger) -> LogError? {
        var problems = ReadProblems()
        var start = max(end, partition.logStart)
        while start < limit {
            do throws(LogError) {
                try readBatches(of: partition, from: &start, to: limit, &problems)
                start = limit
            } catch {
                problems.note(error.description)
                if case .damagedRecords(_, _, let offsets, _) = error, offsets.upperBound > start {
                    start = offsets.upperBound
                    continue
                }
                if error.isOfStorage {
                    end = max(end, start)
                    problems.log(to: logger, partition)
                    return error
                }
                start = partition.segments.first { $0.baseOffset > start }?.baseOffset ?? limit
            }
        }
        end = max(end, limit)
        problems.log(to: logger, partition)
        return nil
    }

    private mutating func readBatches(
        of partition: Partition, from start: inout Offset, to limit: Offset, _ problems: inout ReadProblems
    ) throws(LogError) {
        var reader = BatchReader(partition, from: start)
        var scratch = DecompressionBuffer()
        while let bytes = try reader.nextBatch(before: limit) {
            do throws(BatchError) {
                let header = try RecordBatchHeader(parsing: bytes.bytes)
                note(BatchMark(header), byteCount: header.sizeInBytes)
                try readRecords(bytes, from: start, &scratch, &problems)
            } catch {
                problems.note("the batch before offset \(reader.next) cannot be read: \(error)")
            }
            start = reader.next
        }
    }

    private mutating func readRecords(
        _ bytes: UnsafeRawBufferPointer, from start: Offset, _ scratch: inout DecompressionBuffer,
        _ problems: inout ReadProblems
    ) throws(BatchError) {
        let batch = try RecordBatchView(validating: bytes.bytes)
        if batch.header.attributes.isControl { return }
        var cursor = try RecordCursor(batch, into: &scratch)
        try cursor.scan { record in
            guard record.offset >= start, let key = record.key else { return true }
            do throws(SchemaError) {
                if let (group, entry) = try GroupEntry.decode(key: key, value: record.value) {
                    apply(entry, to: group, at: record.timestamp)
                }
            } catch {
                problems.note("the record at offset \(record.offset) is not by Kafka's schemas: \(error)")
            }
            return true
        }
    }
}

/// What was passed over while a partition was read.
private struct ReadProblems {
    private var count = 0
    private var first: String?

    mutating func note(_ problem: String) {
        if first == nil { first = problem }
        count += 1
    }

    func log(to logger: Logger, _ partition: Partition) {
        guard let first else { return }
        logger.error(
            "consumer groups may be at older offsets than they have committed: describe them, and reset those that are",
            metadata: ["partition": "\(partition.index)", "problems": "\(count)", "first": "\(first)"])
    }
}

extension StoredGroup {
    @discardableResult
    mutating func apply(_ entry: GroupEntry, at timestamp: Timestamp) -> Int {
        lastChange = timestamp
        return apply(entry.stamped(at: timestamp))
    }
}
