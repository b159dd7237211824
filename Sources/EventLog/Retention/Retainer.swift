internal import Logging
internal import Storage
internal import Synchronization

/// Deletes what is past its retention: finds out what that is, moves the starts of all those logs at once, and removes
/// the files.
final class Retainer: Sendable {
    private let log: KeptLog
    /// One pass at a time.
    private let turn = Monitor(Reported())

    /// What the log was told, so as not to say it again at each pass.
    private struct Reported {
        var failures: Set<String> = []
        var isOverBudget = false
    }

    /// More partitions than this are not moved in one turn of the checkpointer.
    private static let partitionsAtOnce = 500

    init(_ log: KeptLog) { self.log = log }

    @discardableResult
    func run() -> RetentionResult {
        turn.withLock { reported in
            var pass = RetentionPass(log)
            pass.deleteExpired()
            pass.keepBudget()
            for (failure, metadata) in pass.failures where !reported.failures.contains(failure) {
                log.logger.error("records past their retention cannot be deleted", metadata: metadata)
            }
            reported.failures = Set(pass.failures.keys)
            warn(pass, &reported)
            return pass.result
        }
    }

    private func warn(_ pass: RetentionPass, _ reported: inout Reported) {
        defer { reported.isOverBudget = !pass.result.isWithinBudget }
        guard !pass.result.isWithinBudget, !reported.isOverBudget else { return }
        log.logger.warning(
            """
            the data directory is larger than retention.total.bytes, and no topic that is over its share has a segment \
            that has ended: give a larger retention.total.bytes, or smaller segments (segment.bytes)
            """,
            metadata: [
                "bytes": "\(log.diskBytes)", "retention.total.bytes": "\(log.settings.retentionTotalBytes ?? -1)",
            ])
    }

    fileprivate static func parts(_ deletions: [Deletion]) -> [[Deletion]] {
        stride(from: 0, to: deletions.count, by: partitionsAtOnce).map {
            Array(deletions[$0..<min($0 + partitionsAtOnce, deletions.count)])
        }
    }
}

/// One pass.
private struct RetentionPass {
    private let log: KeptLog
    private let now: Timestamp
    private(set) var result = RetentionResult()
    /// What went wrong, with what the log is told of it.
    private(set) var failures: [String: Logger.Metadata] = [:]

    init(_ log: KeptLog) {
        self.log = log
        now = log.environment.now()
    }

    // MARK: By age, and by the size of partitions

    mutating func deleteExpired() {
        var deletions: [Deletion] = []
        for topic in log.topics where topic.mayDelete {
            guard let retention = Retention(topic.settings, now: now) else { continue }
            for partition in topic.partitions where isAlive(partition) {
                guard !isStopped() else { return }
                if let start = start(of: partition, retention) {
                    deletions.append(Deletion(partition: partition, start: start))
                }
            }
        }
        delete(deletions, because: "retention")
    }

    /// Where the partition's log is to begin; nil: where it does.
    private mutating func start(of partition: Partition, _ retention: Retention) -> Offset? {
        do throws(LogError) {
            var segments = partition.segments
            var count = try goingCount(segments, retention)
            if count == segments.count, count > 0 {
                // All of it: then the last one has to end first. What came to it meanwhile may be young.
                guard try storage({ () throws(FileError) in try partition.roll() }) else {
                    return start(of: segments, min(count, segments.count - 1), partition)
                }
                segments = partition.segments
                count = try goingCount(segments, retention)
            }
            return start(of: segments, min(count, segments.count - 1), partition)
        } catch {
            note(error, of: partition)
            return nil
        }
    }

    private func start(of segments: [Segment], _ count: Int, _ partition: Partition) -> Offset? {
        guard count > 0 else { return partition.hasDeletedSegments ? partition.logStart : nil }
        // What is written and not durable yet is not deleted before it is.
        let start = segments[count].baseOffset
        return start <= partition.end ? start : segments[count - 1].baseOffset
    }

    private func goingCount(_ segments: [Segment], _ retention: Retention) throws(LogError) -> Int {
        var failure: LogError?
        let newest = { (i: Int) in
            do throws(LogError) { return try segments[i].newest(isSealed: i < segments.count - 1) } catch {
                failure = error
                // As if it were young: what is not known is kept.
                return Timestamp(milliseconds: .max)
            }
        }
        let count = retention.goingCount(
            of: segments.count, bytes: { segments[$0].byteCount }, newest: newest)
        if let failure, count == 0 { throw failure }
        return count
    }

    // MARK: By the size of the directory

    mutating func keepBudget() {
        guard let limit = log.settings.retentionTotalBytes, log.diskBytes > limit, !isStopped() else { return }
        var partitions: [[Partition]] = []
        var lists: [[[Segment]]] = []
        var topics: [SpaceBudget.Topic] = []
        var bytes = log.journalBytes
        for topic in log.topics {
            let all = topic.partitions
            let size = all.reduce(0) { $0 + $1.diskBytes }
            guard topic.mayDelete else {
                bytes += size
                continue
            }
            let segments = all.map { isAlive($0) ? $0.segments : [] }
            topics.append(SpaceBudget.Topic(bytes: size, partitions: segments.map(Self.queue)))
            partitions.append(all)
            lists.append(segments)
        }
        var budget = SpaceBudget(limit: Int(clamping: limit), fixed: bytes, topics: topics)
        var counts = lists.map { $0.map { _ in 0 } }
        while let next = budget.next() { counts[next.topic][next.partition] += 1 }
        result.isWithinBudget = budget.surplus == 0
        var deletions: [Deletion] = []
        for (t, counts) in counts.enumerated() {
            for (p, count) in counts.enumerated() where count > 0 {
                guard let start = start(of: lists[t][p], count, partitions[t][p]) else { continue }
                deletions.append(Deletion(partition: partitions[t][p], start: start))
            }
        }
        delete(deletions, because: "retention.total.bytes")
    }

    /// A partition's segments that have ended.
    private static func queue(_ segments: [Segment]) -> SpaceBudget.Queue {
        SpaceBudget.Queue(segments.dropLast().map { $0.byteCount + $0.indexByteCount }) { i in
            (try? segments[i].newest(isSealed: true)) ?? .none
        }
    }

    // MARK: Deleting

    private mutating func delete(_ deletions: [Deletion], because rule: String) {
        for part in Retainer.parts(deletions) where !isStopped() {
            do throws(FileError) { try delete(part, rule) } catch {
                // A full disk takes no checkpoint of one, and room may be what deleting from the others makes.
                for deletion in part {
                    if let failure = deletion.partition.failedSync {
                        note(LogError(failure), of: deletion.partition)
                        continue
                    }
                    do throws(FileError) { try delete([deletion], rule) } catch {
                        note(LogError(error), of: deletion.partition)
                    }
                }
            }
        }
    }

    private mutating func delete(_ deletions: [Deletion], _ rule: String) throws(FileError) {
        var removed: [RemovedSegments] = []
        try log.checkpointer.exclusively { () throws(FileError) in
            removed = try log.checkpointer.advanceInTurn(deletions)
        }
        for removed in removed where !removed.segments.isEmpty {
            let bytes = removed.segments.reduce(0) { $0 + $1.byteCount + $1.indexByteCount }
            log.checkpointer.removeFiles(removed)
            result.partitions += 1
            result.segments += removed.segments.count
            result.bytes += bytes
            log.logger.info(
                "records past their retention are deleted",
                metadata: [
                    "topic": "\(removed.partition.topicName)", "partition": "\(removed.partition.index)",
                    "before": "\(removed.partition.logStart)", "segments": "\(removed.segments.count)",
                    "bytes": "\(bytes)", "by": "\(rule)",
                ])
        }
    }

    private mutating func isStopped() -> Bool {
        if log.isClosing { result.wasStopped = true }
        return result.wasStopped
    }

    /// Not of a topic that is gone, nor where nothing can be made durable.
    private func isAlive(_ partition: Partition) -> Bool {
        switch partition.failure {
        case .unknownTopic, .closed: false
        default: !partition.hasFailedSync
        }
    }

    private mutating func note(_ error: LogError, of partition: Partition) {
        result.failures += 1
        failures["\(partition.directory): \(error)"] = partition.metadata("error", "\(error)")
    }
}

extension Topic {
    /// Whether records may go by age or size. What consumer groups have committed never does: the last record of a key
    /// holds, however old it is.
    var mayDelete: Bool { settings.cleanup.contains(.delete) && name != ConsumerOffsets.topicName }
}

extension KeptLog {
    var journalBytes: Int { checkpointer.journal.byteCount }

    /// Bytes of all partitions, with indexes, and of the journal.
    var diskBytes: Int { topics.flatMap(\.partitions).reduce(journalBytes) { $0 + $1.diskBytes } }
}
