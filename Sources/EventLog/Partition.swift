internal import Logging
package import Storage
internal import Synchronization

/// A partition: one log of records, numbered from 0, in its directory of segments.
///
/// Appending: a lock of its own orders the batches and gives them offsets; the committer writes them. Reading takes
/// none of that lock: readers load the watermark and walk segments that only grow.
public final class Partition: Sendable {
    public let topicName: String
    public let index: Int
    package let topicID: TopicID
    let directory: String
    let watermarks: Watermarks
    let committer: Committer
    let builders: BuilderPool
    let environment: Environment
    /// What batches that are appended bear: one for the whole directory, and for as long as it is open.
    package let leaderEpoch: Int32
    let epochs: Mutex<LeaderEpochs>
    /// What readers do not get.
    let expired: ExpiredBatches
    weak let checkpointer: Checkpointer?
    private let appends: Mutex<AppendState>
    let writer: Mutex<PartitionWriter>
    private let segmentList: Mutex<[Segment]>
    /// By identity: thousands may wait, and each takes itself back.
    private let watchers = Mutex<[ObjectIdentifier: any PartitionWatcher]>([:])
    let checkpoints: Mutex<CheckpointFile>
    /// Where damage was found, by file and position.
    let saidDamage = Mutex<Set<String>>([])
    let compaction: Mutex<CompactionState>
    /// What is appended are records, which must leave room for what consumer groups commit.
    private let takesNoReserve: Bool
    /// Says that `failure` is set, to those who must not wait for appends: the committer above all.
    private let hasFailed = Atomic(false)
    /// The era in which batches get their offsets now; see `RefusedBatches`.
    private let currentEra = Atomic<UInt64>(0)

    private struct AppendState {
        var nextOffset: Offset
        var settings: TopicSettings
        var isJournaled: Bool
        var producers: ProducerTable
        var place = StagedPlace()
        var refused = RefusedBatches()
        /// Set where appends must not go on: storage failed for good, or the topic is gone.
        var failure: LogError?
        /// While the way to durability changes, appends are told to come back.
        var isPaused = false
    }

    init(_ recovered: RecoveredPartition, _ services: PartitionServices) {
        topicName = recovered.topicName
        topicID = recovered.topicID
        index = recovered.index
        directory = recovered.directory
        takesNoReserve = recovered.topicName != ConsumerOffsets.topicName
        committer = services.committer
        builders = services.builders
        environment = services.environment
        leaderEpoch = services.leaderEpoch
        checkpointer = services.checkpointer
        let end = recovered.end
        var epochs = recovered.epochs
        epochs.begin(services.leaderEpoch, at: end.offset)
        self.epochs = Mutex(epochs)
        watermarks = Watermarks(start: recovered.logStart, durable: end.offset)
        expired = ExpiredBatches(recovered.settings)
        appends = Mutex(
            AppendState(
                nextOffset: end.offset, settings: recovered.settings, isJournaled: recovered.settings.isJournaled,
                producers: recovered.producers))
        for (segment, next) in zip(recovered.segments, recovered.segments.dropFirst()) {
            segment.precede(next.baseOffset)
        }
        segmentList = Mutex(recovered.segments)
        checkpoints = Mutex(recovered.checkpointFile)
        compaction = Mutex(CompactionState(recovered.compaction))
        writer = Mutex(PartitionWriter(recovered, services.environment.fileSystem))
    }

    /// The first offset that is there.
    public var logStart: Offset { watermarks.logStart }
    /// The offset after the last durable record: what the next record to be read gets. Kafka's high watermark. In a topic
    /// that skips the journal (`flush.messages`, `flush.ms`) the offset after the last written one.
    public var end: Offset { watermarks.end }

    /// The idempotent producers that are remembered, in order of ids, with what they have appended so far.
    package var activeProducers: [ProducerState] { producers.states }

    var producers: ProducerTable { appends.withLock { $0.producers } }

    package var settings: TopicSettings { appends.withLock { $0.settings } }

    /// `flush.ms`, where the topic skips the journal and sets it. Asked of every partition, ten times a second.
    var relaxedFlushMilliseconds: Int64? {
        appends.withLock { $0.settings.isJournaled ? nil : $0.settings.flushMilliseconds }
    }

    package var appendSettings: AppendSettings { appends.withLock { AppendSettings($0.settings) } }

    // MARK: Appending

    /// Gives a batch its offsets and its place in the round that gathers. Never waits for the disk.
    ///
    /// `batch` is exactly one batch that was checked; it is copied before this returns. In the copy, base offset and
    /// leader epoch are set, and with LogAppendTime the timestamps.
    /// - Parameter isCommittedByCaller: whoever appends has the round committed: by waiting for it, or by `commitGathered`.
    package func append(
        _ batch: UnsafeRawBufferPointer, header: RecordBatchHeader, isCommittedByCaller: Bool = false
    ) -> AppendOutcome {
        appends.withLock { state in
            if let failure = state.failure { return .rejected(failure) }
            // Named under this lock, which `resume` takes before it ends that round.
            if state.isPaused { return .full(awaiting: committer.gatheringRound) }
            guard batch.count <= state.settings.batchBytesMax else {
                return .rejected(.batchTooLarge(bytes: batch.count, limit: state.settings.batchBytesMax))
            }
            guard header.recordCount > 0, header.lastOffsetDelta >= 0 else {
                return .rejected(.corruptBatch(.badRecordCount(header.recordCount)))
            }
            if header.isNumbered {
                switch state.producers.verdict(on: header) {
                case .append: break
                case .reject(let error): return .rejected(error)
                case .duplicate(let first): return .duplicate(AppendTicket(first, era: state.refused.era))
                }
            }
            return stage(batch, header, &state, isCommittedByCaller: isCommittedByCaller)
        }
    }

    /// The same for a batch from elsewhere that keeps its offsets, which may leave some out, and its timestamps. It may be
    /// one without records. Whoever produced it is noted, not asked.
    ///
    /// Rejects with `offsetOutOfRange` offsets before the next one, or more than 2,147,483,647 past it. Rejects everything
    /// once a batch was refused that had its offsets: with those that come after it, nobody would miss it.
    package func appendKeepingOffsets(
        _ batch: UnsafeRawBufferPointer, header: RecordBatchHeader
    ) -> AppendOutcome {
        appends.withLock { state in
            if let reason = state.failure ?? state.refused.reason { return .rejected(reason) }
            if state.isPaused { return .full(awaiting: committer.gatheringRound) }
            guard batch.count <= state.settings.batchBytesMax else {
                return .rejected(.batchTooLarge(bytes: batch.count, limit: state.settings.batchBytesMax))
            }
            guard header.recordCount >= 0, header.lastOffsetDelta >= 0,
                Int64(header.recordCount) <= Int64(header.lastOffsetDelta) + 1
            else { return .rejected(.corruptBatch(.badRecordCount(header.recordCount))) }
            let next = state.nextOffset
            guard header.baseOffset >= next, header.lastOffset < Offset(.max),
                header.lastOffset.distance(from: next) <= Int64(Int32.max)
            else { return .rejected(.offsetOutOfRange(requested: header.baseOffset, start: next, end: next)) }
            return stage(batch, header, &state, isCommittedByCaller: false, at: header.baseOffset)
        }
    }

    /// - Parameter kept: the batch's own offset, where it stays and so does its time; nil: it gets the next one.
    private func stage(
        _ batch: UnsafeRawBufferPointer, _ header: RecordBatchHeader, _ state: inout AppendState,
        isCommittedByCaller: Bool,
        at kept: Offset? = nil
    ) -> AppendOutcome {
        if takesNoReserve, let refusal = committer.reserve?.refusal { return .rejected(refusal) }
        let base = kept ?? state.nextOffset
        let last = base.advanced(by: Int64(header.lastOffsetDelta))
        let appendTime = kept == nil && state.settings.timestampType == .logAppendTime ? environment.now() : nil
        let slice = StagingBuffer.Slice(
            start: 0, count: 0, next: -1, recordCount: header.recordCount, baseOffset: base.value,
            lastOffset: last.value, maxTimestamp: (appendTime ?? header.maxTimestamp).milliseconds)
        let staged = committer.stage(
            batch, slice, of: self, era: state.refused.era, &state.place, isJournaled: state.isJournaled,
            isCommittedByCaller: isCommittedByCaller
        ) { copy in
            RecordBatchPatch.place(copy, baseOffset: base, leaderEpoch: leaderEpoch)
            if let appendTime { RecordBatchPatch.setLogAppendTime(copy, appendTime) }
        }
        switch staged {
        case .full(let round): return .full(awaiting: round)
        case .failed(let error): return .rejected(error)
        case .inRound(let round):
            state.nextOffset = last.advanced(by: 1)
            if header.isNumbered {
                state.producers.add(header, baseOffset: base, lastOffset: last, round: round)
            }
            return .accepted(
                AppendTicket(
                    baseOffset: base, lastOffset: last, logAppendTime: appendTime, round: round,
                    era: state.refused.era))
        }
    }

    /// After the ticket's round: nil if its batch is durable, else why not.
    package func outcome(of ticket: AppendTicket) -> LogError? {
        if let refusal = refusal(of: ticket) { return refusal }
        if end > ticket.lastOffset { return nil }
        return appends.withLock { $0.failure } ?? .closed
    }

    /// When the ticket's round is written: why its batch is not, and never will be; nil: it is, or the partition has failed.
    package func refusal(of ticket: AppendTicket) -> LogError? {
        guard ticket.era != era else { return nil }
        return appends.withLock { $0.refused.refusal(of: ticket) }
    }

    /// Grows by one each time that batches were refused which had their offsets.
    var era: UInt64 { currentEra.load(ordering: .acquiring) }

    /// Why batches were refused that had their offsets; nil: none was, since the log was opened.
    package var lastRefusal: LogError? { era == 0 ? nil : appends.withLock { $0.refused.reason } }

    // MARK: Committing, by the committer alone

    func write(
        _ group: StagingBuffer.Group, in staging: StagingBuffer, _ scratch: inout WriteScratch,
        onWritten: (RoundEntry, [PayloadRun]) -> Void
    ) {
        do throws(FileError) {
            // A partition that has failed takes nothing more: what became of its file only opening it finds out.
            if hasFailed.load(ordering: .acquiring) { return }
            let trouble = try writer.withLock { writer throws(FileError) in
                // Batches of an era that has ended have offsets that are others' by now.
                guard group.era == writer.era else { return nil as Trouble? }
                try writer.write(
                    group, in: staging, &scratch,
                    onSegment: { segment in segmentList.withLock { $0.append(segment) } }, onWritten: onWritten)
                return writer.endTrouble()
            }
            if let trouble { sayThatItIsOver(trouble) }
        } catch {
            #if PLANTED_BUGS
            if PlantedBug.failedWriteIgnored.isPlanted { return }
            #endif
            guard error.operation == .synchronize else { return refuse(because: error) }
            fence(error)
        }
    }

    /// Refuses what has offsets and is not written, and goes on from where the log ends on the disk. By whoever commits.
    private func refuse(because error: FileError) {
        let (end, isFirst, syncFailure) = writer.withLock { writer in
            let isFirst = writer.beginTrouble()
            let syncFailure = writer.endEra()
            return (writer.end, isFirst, syncFailure)
        }
        endEra(at: end, because: LogError(error))
        if let syncFailure { return fence(syncFailure) }
        if isFirst {
            committer.logger.error(
                "a partition cannot be written and refuses appends until it can be",
                metadata: metadata("error", "\(error)"))
        }
    }

    /// The same where the journal has no room for them: nothing of them was written.
    func refuse(because error: LogError) {
        endEra(
            at: writer.withLock { writer in
                _ = writer.endEra()
                return writer.end
            }, because: error)
    }

    private func endEra(at end: Offset, because error: LogError) {
        appends.withLock { state in
            state.refused.endEra(at: end, because: error)
            state.nextOffset = end
            state.producers.rollBack(to: end)
            // What is staged from now on is not to follow, in the same round, what is refused.
            state.place = StagedPlace()
            currentEra.store(state.refused.era, ordering: .releasing)
        }
    }

    private func sayThatItIsOver(_ trouble: Trouble) {
        committer.logger.notice(
            "a partition can be written again and takes appends",
            metadata: metadata("refused_rounds", "\(trouble.refusedRounds)"))
    }

    /// Lets readers see what was written, or gives it up.
    func publish(failure: LogError?) {
        if let failure { fail(failure) }
        guard !hasFailed.load(ordering: .acquiring) else { return }
        watermarks.publish(end: writer.withLock { $0.publish() })
        wakeWatchers()
    }

    /// What readers may see has changed.
    func wakeWatchers() {
        let due = watchers.withLock { watchers in
            guard !watchers.isEmpty else { return [ObjectIdentifier: any PartitionWatcher]() }
            defer { watchers = [:] }
            return watchers
        }
        for watcher in due.values { watcher.partitionAdvanced() }
    }

    /// No append is taken from now on; what is durable can be read on.
    func fail(_ error: LogError) {
        appends.withLock { if $0.failure == nil { $0.failure = error } }
        hasFailed.store(true, ordering: .releasing)
        wakeWatchers()
    }

    /// The same where bytes may be lost that count as written, by a sync that failed or with a file that is gone: no
    /// checkpoint may vouch for them, and no second sync. Opening the log writes them anew, from the journal.
    func fence(_ error: FileError) {
        writer.withLock { $0.syncFailed(error) }
        let isFirst = failure == nil
        fail(.storage("\(error): check the disk, then open the log again"))
        guard isFirst else { return }
        committer.logger.error(
            "a partition may have lost what is not synced, and takes no more appends until the log is opened again",
            metadata: metadata("error", "\(error)"))
    }

    /// Calls `watcher` once when records past `offset` are durable, when records are deleted, or the partition ends.
    /// False: they are durable already, or it has ended. Watching twice is watching once.
    package func watch(past offset: Offset, _ watcher: any PartitionWatcher) -> Bool {
        watchers.withLock { watchers in
            guard end <= offset, !hasFailed.load(ordering: .acquiring) else { return false }
            watchers[ObjectIdentifier(watcher)] = watcher
            return true
        }
    }

    /// Takes back a watcher that no longer waits.
    package func unwatch(_ watcher: any PartitionWatcher) {
        watchers.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(watcher)) }
    }

    /// How many wait for the partition to grow.
    var watcherCount: Int { watchers.withLock { $0.count } }

    /// Why the partition takes no appends; nil: it does.
    package var failure: LogError? {
        hasFailed.load(ordering: .acquiring) ? appends.withLock { $0.failure } : nil
    }

    // MARK: Settings

    /// Appends are told to come back until `resume`.
    func pause() { appends.withLock { $0.isPaused = true } }

    func resume() { appends.withLock { $0.isPaused = false } }

    /// Takes over a topic's settings. Where they change how appends become durable, appends are paused now and what
    /// came before is on disk.
    func apply(_ settings: TopicSettings) {
        writer.withLock { $0.apply(settings) }
        appends.withLock { state in
            state.settings = settings
            state.isJournaled = settings.isJournaled
        }
        expired.apply(settings)
    }

    // MARK: Segments

    /// Ends the segment that is written to and begins an empty one after it: what was written can be deleted or compacted
    /// then. False: it is empty, or the partition has failed, and its file may end in half a batch. With `now`, only
    /// where it is older by then than `segment.ms` or `max.compaction.lag.ms`. Where it throws, appends go on as before.
    @discardableResult
    package func roll(startedBefore now: Timestamp? = nil) throws(FileError) -> Bool {
        try writer.withLock { writer throws(FileError) in
            if hasFailed.load(ordering: .acquiring) || writer.failedSync != nil { return false }
            guard try writer.roll(startedBefore: now) else { return false }
            let active = writer.active
            segmentList.withLock { $0.append(active) }
            return true
        }
    }

    /// Lets go of memory and files, of a partition that was deleted: it may be held for long. Readers that have a segment at
    /// hand keep that. When nothing is written to it any more, and no checkpoint made.
    func discard() {
        segmentList.withLock { $0 = [] }
        writer.withLock { $0.discard() }
        appends.withLock { $0.producers = ProducerTable() }
        epochs.withLock { $0 = LeaderEpochs() }
    }

    // MARK: Reading

    /// All segments, oldest first. The list is a snapshot: segments are added at its end, deleted at its start, and
    /// exchanged.
    var segments: [Segment] { segmentList.withLock { $0 } }

    /// Takes segments from the list's start, but never the last: each that `isDoomed` with the one after it.
    func takeSegments(while isDoomed: (Segment, Segment) -> Bool) -> [Segment] {
        let taken = segmentList.withLock { segments in
            let count = zip(segments, segments.dropFirst()).prefix { isDoomed($0, $1) }.count
            defer { segments.removeFirst(count) }
            return Array(segments[..<count])
        }
        if !taken.isEmpty { writer.withLock { $0.forget(taken) } }
        return taken
    }

    /// Puts a segment in the place of neighbours, in one step. By whoever has the checkpointer's turn.
    func exchange(_ replaced: [Segment], for segment: Segment) {
        segmentList.withLock { segments in
            guard let first = segments.firstIndex(where: { $0 === replaced[0] }) else {
                preconditionFailure("a segment was exchanged that is not the partition's")
            }
            if first + replaced.count < segments.count { segment.precede(segments[first + replaced.count].baseOffset) }
            segments.replaceSubrange(first..<first + replaced.count, with: [segment])
        }
        writer.withLock { $0.forget(replaced) }
    }

    /// Those of some segments that a log which starts at `start` still has: the others need not be on the disk.
    func lasting(_ some: [Segment], from start: Offset) -> [Segment] {
        let gone = segmentList.withLock { segments in
            zip(segments, segments.dropFirst()).prefix { $1.baseOffset <= start }.map { ObjectIdentifier($0.0) }
        }
        guard !gone.isEmpty else { return some }
        let all = Set(gone)
        return some.filter { !all.contains(ObjectIdentifier($0)) }
    }

    /// The segment that holds `offset`, or would.
    func segment(holding offset: Offset) -> Segment? {
        segmentList.withLock { segments in
            let next = segments.partitionPoint { $0.baseOffset <= offset }
            return next == 0 ? segments.first : segments[next - 1]
        }
    }

    /// The segment after `segment`; nil if it is the last.
    func segment(after segment: Segment) -> Segment? {
        segmentList.withLock { segments in
            let next = segments.partitionPoint { $0.baseOffset <= segment.baseOffset }
            return next < segments.count ? segments[next] : nil
        }
    }
}
