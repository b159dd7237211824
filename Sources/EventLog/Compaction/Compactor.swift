internal import Logging
internal import RecordFormat
internal import Storage

/// Finds the partitions of a log that are to be compacted, and compacts them, the most urgent first.
final class Compactor: Sendable {
    private let environment: Environment
    private let logger: Logger
    /// What holds partitions back; locked for as long as a compaction is at work.
    private let turn = Monitor(HeldPartitions())

    init(_ environment: Environment, logger: Logger) {
        self.environment = environment
        self.logger = logger
    }

    /// Compacts all that is due in `log`. Returns when that is done, or soon after `stop` says so or
    /// the log closes.
    @discardableResult
    func run(
        on log: KeptLog, until stop: CompactionStop, _ limits: CompactionLimits = CompactionLimits()
    ) -> CompactionResult {
        turn.withLock { held in
            var result = CompactionResult()
            log.rollAgedSegments()
            var due = duePartitions(of: log, &held)
            guard !due.isEmpty, settle(due, of: log) else { return result }
            var control = CompactionControl(
                stop, isClosing: { log.isClosing }, settings: { log.settings },
                appendLatency: { log.committer.latency.current() })
            while !due.isEmpty, !stop.isStopped {
                let partition = due.removeFirst()
                let segments = partition.exchangeableSegments()
                guard !log.isClosing, let work = work(on: partition, segments, log.settings) else { continue }
                let pass = compact(work, limits, &control, &held)
                result.passes.append(pass)
                // After the others: they are due as well.
                if pass.ending == .finished, pass.isUnfinished { due.append(partition) }
            }
            return result
        }
    }

    // MARK: What is due

    private func duePartitions(of log: KeptLog, _ held: inout HeldPartitions) -> [Partition] {
        let now = environment.now()
        let due = log.topics.filter { $0.settings.isCompacted }.flatMap(\.partitions).compactMap { partition in
            guard !held.holds(partition, at: now),
                let work = work(on: partition, partition.segments.dropLast(), log.settings),
                work.plan.reason != nil
            else { return nil as PartitionWork? }
            return work
        }
        return due.sorted { $0.plan.isDueBefore($1.plan) }.map(\.partition)
    }

    /// What there is to do in a partition, of whose segments these may be touched; nil: nothing, or it has failed.
    private func work(
        on partition: Partition, _ touchable: some Collection<Segment>, _ logSettings: LogSettings
    ) -> PartitionWork? {
        let (settings, now) = (partition.settings, environment.now())
        guard settings.isCompacted, partition.failure == nil else { return nil }
        let (all, cleanedTo) = (partition.segments, partition.cleanedTo)
        var segments: [Segment] = []
        var summaries: [CompactionPlan.SegmentSummary] = []
        for (segment, next) in zip(all, all.dropFirst()) where segments.count < touchable.count {
            segments.append(segment)
            // Asked only where it counts: it opens the index.
            let asksTime = settings.compactionLagMilliseconds > 0 && next.baseOffset > cleanedTo
            summaries.append(
                CompactionPlan.SegmentSummary(
                    base: segment.baseOffset, nextBase: next.baseOffset, byteCount: segment.byteCount,
                    maxTimestamp: asksTime ? (try? segment.maxTimestamp())?.timestamp ?? .none : .none))
        }
        guard touchable.elementsEqual(segments, by: { $0 === $1 }) else { return nil }
        let plan = CompactionPlan(
            summaries, logStart: partition.logStart, cleanedTo: cleanedTo, nextHorizon: partition.nextHorizon,
            settings: settings, now: now,
            oldestDirty: { summary in
                segments.first { $0.baseOffset == summary.base }.flatMap { $0.firstTimestamp } ?? .none
            })
        guard !plan.segments.isEmpty else { return nil }
        return PartitionWork(
            partition: partition, settings: settings, plan: plan,
            mapBytes: Int(clamping: logSettings.compactionMapBytes),
            segments: Array(segments.prefix(plan.segments.count)))
    }

    /// For all at once: a checkpoint each would be many. False: nothing can be exchanged now.
    private func settle(_ partitions: [Partition], of log: KeptLog) -> Bool {
        do {
            try log.checkpointer.settle(partitions) { log.committer.waitPublished(below: $0) }
            return true
        } catch {
            logger.error("nothing can be compacted now", metadata: ["error": "\(error)"])
            return false
        }
    }

    // MARK: A pass

    private func compact(
        _ work: PartitionWork, _ limits: CompactionLimits, _ control: inout CompactionControl,
        _ held: inout HeldPartitions
    ) -> PartitionCompactionResult {
        let start = ContinuousClock.now
        var result = PartitionCompactionResult()
        result.topic = work.partition.topicName
        result.partition = work.partition.index
        result.bytesBefore = work.plan.cleanBytes + work.plan.dirtyBytes
        result.cleanedTo = work.partition.cleanedTo
        do throws(CompactionInterruption) {
            // Chosen anew for each pass: nobody can make keys that share a place in the map.
            let hasher = KeyHasher(environment.random(), environment.random())
            try PartitionCompaction.run(work, at: environment.now(), limits, hasher, &control, &result)
            held.forget(work.partition)
        } catch {
            switch error {
            case .stopped: result.ending = .stopped
            case .gone: result.ending = .gone
            case .failed(let error):
                result.ending = .failed(error)
                hold(work, error, &held)
            }
        }
        result.duration = ContinuousClock.now - start
        report(result)
        return result
    }

    private func hold(_ work: PartitionWork, _ error: LogError, _ held: inout HeldPartitions) {
        let metadata: Logger.Metadata = [
            "topic": "\(work.partition.topicName)", "partition": "\(work.partition.index)", "error": "\(error)",
        ]
        if case .damaged(let file, _, _) = error, let segment = work.segments.first(where: { $0.path == file }) {
            held.add(damaged: segment, of: work.partition)
            // From now on its readers know.
            if let damage = try? segment.checkEveryBatch() {
                for range in damage { _ = work.partition.said(range.error(in: file)) }
            }
            return logger.error(
                "a partition is not compacted any more: restore the segment from a copy, and open the log again",
                metadata: metadata)
        }
        let isFirst = held.addFailure(of: work.partition, at: environment.now())
        guard isFirst else { return }
        logger.warning("a partition cannot be compacted now, and is tried again later", metadata: metadata)
    }

    private func report(_ result: PartitionCompactionResult) {
        if let offset = result.firstUnreadable {
            logger.warning(
                "a batch cannot be decoded, and is kept whole",
                metadata: [
                    "topic": "\(result.topic)", "partition": "\(result.partition)", "offset": "\(offset)",
                ])
        }
        guard result.ending == .finished else { return }
        logger.info(
            "a partition is compacted",
            metadata: [
                "topic": "\(result.topic)", "partition": "\(result.partition)", "bytes": "\(result.bytesBefore)",
                "read": "\(result.bytesRead)", "written": "\(result.bytesWritten)", "kept": "\(result.recordsKept)",
                "dropped": "\(result.recordsDropped)",
                "segments": "\(result.segmentsBefore) to \(result.segmentsAfter)",
                "ms": "\(Int(result.duration / .milliseconds(1)))",
            ])
    }
}

extension Segment {
    /// About when the first of its records was made that has a time; nil: none has, or the segment does not say.
    fileprivate var firstTimestamp: Timestamp? {
        // By the index: of a segment without any, not every batch is looked at.
        guard let latest = try? maxTimestamp(), latest.timestamp > .none,
            var walk = try? walk(from: 0, windowSize: 4096)
        else { return nil }
        while let batch = try? walk.next() {
            let header = batch.header
            let isBaseTheFirst =
                !header.attributes.hasDeleteHorizon && !header.attributes.usesLogAppendTime
                && header.baseTimestamp > .none
            let time = isBaseTheFirst ? header.baseTimestamp : header.maxTimestamp
            if time > .none { return time }
        }
        return nil
    }
}
