internal import Logging
internal import RecordFormat
internal import Storage

/// Takes what is damaged out of a log: the bytes are kept in the directory `lost`, and in the segments batches without
/// records stand for their offsets. So offsets stay what they were, everything whole is served, and any reader of Kafka's
/// files gets over the place.
///
/// A segment is exchanged as compaction does it, and the bytes are durable in `lost` before: a crash at any point leaves the
/// damage, to be repaired again, or the repaired segment.
package struct LogRepair {
    /// What was taken out.
    package struct Moved: Hashable, Sendable {
        package var topic: String
        package var partition: Int
        package var offsets: Range<Offset>
        /// The segment, and where in it the bytes lay.
        package var file: String
        package var position: Int
        package var byteCount: Int
        package var reason: String
        /// The file that has them now; nil: there were none, the records are missing.
        package var savedAs: String?
    }

    /// What could not be taken out.
    package struct Left: Hashable, Sendable {
        package var topic: String
        package var partition: Int
        package var reason: String
    }

    package private(set) var moved: [Moved] = []
    package private(set) var left: [Left] = []
    /// Bytes of the log that were checked, and how many there are.
    package private(set) var bytesChecked = 0
    package private(set) var byteCount = 0

    private let log: EventLog
    private var lost: LostFiles

    private init(_ log: EventLog) {
        self.log = log
        lost = LostFiles(in: log.path, log.fileSystem)
        byteCount = log.topics.flatMap(\.partitions).reduce(0) { $0 + $1.byteCount }
    }

    /// Repairs a log on which nobody else is at work. `progress` is called after each segment.
    package static func run(on log: EventLog, progress: (LogRepair) -> Void = { _ in }) throws(LogError) -> LogRepair {
        var repair = LogRepair(log)
        for topic in log.topics {
            for partition in topic.partitions { try repair.repair(partition, progress) }
        }
        return repair
    }

    private mutating func repair(_ partition: Partition, _ progress: (LogRepair) -> Void) throws(LogError) {
        var damaged: [(segment: Segment, ranges: [DamagedRange])] = []
        for segment in partition.segments {
            let ranges = try segment.checkEveryBatch()
            if !ranges.isEmpty { damaged.append((segment, ranges)) }
            bytesChecked += segment.byteCount
            progress(self)
        }
        // The next checkpoint makes both of its slots whole.
        partition.wantCheckpoint()
        try repairStart(of: partition)
        guard !damaged.isEmpty else { return }
        // Only segments are exchanged that nobody writes to.
        if damaged.last?.segment === partition.segments.last {
            try storage { () throws(FileError) in _ = try partition.roll() }
        }
        try log.settleForCompaction([partition])
        for (segment, ranges) in damaged { try repair(segment, ranges, of: partition) }
    }

    /// Where the first segments are missing, nothing can stand for their offsets but a later start.
    private mutating func repairStart(of partition: Partition) throws(LogError) {
        guard let first = partition.segments.first, first.baseOffset > partition.logStart else { return }
        let missing = partition.logStart..<first.baseOffset
        let range = DamagedRange(bytes: 0..<0, offsets: missing, reason: "what came before is missing", isTail: false)
        moved.append(try save(range, of: first, partition))
        try partition.deleteRecords(before: first.baseOffset)
    }

    private mutating func repair(
        _ segment: Segment, _ ranges: [DamagedRange], of partition: Partition
    ) throws(LogError) {
        var saved: [Moved] = []
        for range in ranges { saved.append(try save(range, of: segment, partition)) }
        do throws(LogError) {
            let swap = try SegmentSwap.begin(partition, replacing: [segment])
            do throws(LogError) { try Self.copy(segment, ranges, of: partition, to: swap) } catch {
                swap.abort()
                throw error
            }
            guard try swap.commit() else { throw .storage("\(segment.path) is another segment by now") }
            moved += saved
        } catch {
            // One that cannot be does not keep others from it; a disk that fails does.
            if error.isOfStorage { throw error }
            left.append(Left(topic: partition.topicName, partition: partition.index, reason: error.description))
        }
    }

    private mutating func save(
        _ range: DamagedRange, of segment: Segment, _ partition: Partition
    ) throws(LogError) -> Moved {
        var moved = Moved(
            topic: partition.topicName, partition: partition.index, offsets: range.offsets, file: segment.path,
            position: range.bytes.lowerBound, byteCount: range.bytes.count, reason: range.reason)
        let file = try segment.file()
        try storage { () throws(FileError) in
            moved.savedAs = try lost.save(range, from: file, segment: segment.baseOffset, partition)
        }
        return moved
    }

    // MARK: Copying what is whole

    private static func copy(
        _ segment: Segment, _ ranges: [DamagedRange], of partition: Partition, to swap: SegmentSwap
    ) throws(LogError) {
        var walk = try segment.walk(from: 0, windowSize: 64 << 10, checksEvery: true)
        var window = ReadWindow()
        let (file, size) = (try segment.file(), try segment.visibleBytes())
        var rest = ranges[...]
        while let batch = try walk.next() {
            while let range = rest.first, range.bytes.lowerBound < batch.position {
                try fill(range.offsets.upperBound, partition, swap)
                rest.removeFirst()
            }
            let bytes = try window.bytes(of: file, at: batch.position, batch.byteCount, end: size)
            try swap.append(bytes, batch.header)
        }
        try fill(swap.nextBase, partition, swap)
    }

    /// Batches without records for the offsets up to `end`.
    private static func fill(_ end: Offset, _ partition: Partition, _ swap: SegmentSwap) throws(LogError) {
        while swap.end < end {
            let first = swap.end
            let last = min(end, first.advanced(by: EmptyRecordBatch.offsetsMax)).advanced(by: -1)
            // The walk sees to it that later ones are not below it: their own epochs are what counts.
            let epoch = partition.leaderEpoch(at: first) ?? 0
            try EmptyRecordBatch.withBytes(from: first, through: last, leaderEpoch: epoch) { bytes throws(LogError) in
                let header: RecordBatchHeader
                do throws(BatchError) { header = try RecordBatchHeader(parsing: bytes.bytes) } catch {
                    throw LogError.corruptBatch(error)
                }
                try swap.append(bytes, header)
            }
        }
    }
}
