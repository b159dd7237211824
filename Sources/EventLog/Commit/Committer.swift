internal import Logging
internal import Storage
internal import Synchronization

/// Makes appends durable: the group commit of the data directory.
///
/// Batches of all partitions gather in a staging buffer. Whoever leads takes the buffer as a round, writes each
/// partition's part to its segment, the whole to the journal in one write, then lets readers see it. Meanwhile the
/// next round gathers. A thread of its own leads, woken by the first append, by the last of those who were told of a round
/// and come back (`CommitDelay`), or by whoever has said so (`commitGathered`); a blocking append leads itself, which saves
/// two wake-ups.
final class Committer: @unchecked Sendable {
    // Unchecked: `spare`, `writeScratch` and `hasNoRoom` belong to the one thread that leads, `delay` to the committer's.
    let rounds: CommitRounds
    let latency = RoundLatency()
    /// nil: records may take all that there is.
    let reserve: SpaceReserve?
    private let journal: any Journal
    private let published: Atomic<UInt64>
    let logger: Logger
    private let gather: Monitor<Gather>
    private var spare: Lanes
    private var writeScratch = WriteScratch()
    /// The last round that wanted room in the journal had none.
    private var hasNoRoom = false
    private var delay = CommitDelay()
    private var thread: WorkerThread?

    /// Batches of topics that skip the journal gather apart, so that the journal's write is one piece of memory.
    private struct Lanes {
        // A journal is written the faster the more there is; the page cache, from what is still in the processor's.
        var journaled: StagingBuffer
        var relaxed: StagingBuffer

        init(_ footprint: Footprint) {
            journaled = StagingBuffer(payloadTarget: 8 << 20, capacity: footprint.roundBytesMax)
            relaxed = StagingBuffer(payloadTarget: 1 << 20, capacity: footprint.roundBytesMax)
        }

        var isEmpty: Bool { journaled.isEmpty && relaxed.isEmpty }
        var batchCount: Int { journaled.slices.count + relaxed.slices.count }
        func releaseMemory() {
            journaled.releaseMemory()
            relaxed.releaseMemory()
        }
    }

    private struct Gather {
        var lanes: Lanes
        /// The number of the round that gathers.
        var round: UInt64 = 1
        var isLeading = false
        var isStopping = false
        var threadWaits = false
        /// So many batches it waits for.
        var batchesAwaited = 1
        /// Batches of the last round, and of those that came meanwhile: as many as may be together in one.
        var returning = 0
        /// Other threads that wait for a round to end.
        var waiterCount = 0
        var journalFailure: LogError?

        /// Whether the thread is to be woken by who asks: once, until it has looked and waits again.
        mutating func takesWake() -> Bool {
            guard threadWaits, lanes.batchCount >= batchesAwaited else { return false }
            threadWaits = false
            return true
        }

        /// Whether somebody wants what has gathered since `round` began now, or has it already.
        func isHurried(in round: UInt64) -> Bool {
            isStopping || isLeading || waiterCount > 0 || self.round != round
        }

        /// Where no more come before a round: what has gathered is enough.
        mutating func takesWakeForRoom() -> Bool {
            batchesAwaited = 1
            return takesWake()
        }
    }

    init(
        journal: any Journal, rounds: CommitRounds, logger: Logger, reserve: SpaceReserve? = nil,
        _ footprint: Footprint = Footprint()
    ) {
        self.reserve = reserve
        self.journal = journal
        self.rounds = rounds
        self.logger = logger
        spare = Lanes(footprint)
        gather = Monitor(Gather(lanes: Lanes(footprint)))
        published = Atomic(journal.nextSequence)
    }

    /// Every round of the journal below this number is in the ends that partitions publish. The journal's own count
    /// runs ahead of it while a round is between its write and its publication.
    var publishedSequence: UInt64 { published.load(ordering: .acquiring) }

    func start() {
        thread = WorkerThread(name: "martlet-commit") { [unowned self] in run() }
    }

    /// Commits what has gathered, then ends the thread.
    func stop() {
        gather.withLock { $0.isStopping = true }
        gather.signalAll()
        guard let thread else {
            while lead() {}
            return
        }
        thread.join()
        self.thread = nil
    }

    // MARK: Gathering

    enum Staged {
        case inRound(UInt64)
        /// No room before the end of this round. Named under the same lock that found it full: asked for later, the
        /// answer could be a round that nothing gathers in, and that never ends.
        case full(awaiting: UInt64)
        case failed(LogError)
    }

    /// Copies a batch into the round that gathers. Called under the partition's lock, which orders its batches.
    /// `finish` completes the copy: its offset, for one.
    func stage(
        _ batch: UnsafeRawBufferPointer, _ slice: StagingBuffer.Slice, of partition: Partition, era: UInt64,
        _ place: inout StagedPlace, isJournaled: Bool, isCommittedByCaller: Bool,
        finish: (UnsafeMutableRawBufferPointer) -> Void
    ) -> Staged {
        let (result, wake): (Staged, Bool) = gather.withLock { gather in
            if let failure = gather.journalFailure { return (.failed(failure), false) }
            if place.round != gather.round { place = StagedPlace(round: gather.round, isJournaled: isJournaled) }
            // A partition stays in one lane for the whole of a round: its batches must not overtake each other.
            let staging = place.isJournaled ? gather.lanes.journaled : gather.lanes.relaxed
            guard staging.hasRoom(for: batch.count) else {
                return (.full(awaiting: gather.round), gather.takesWakeForRoom())
            }
            finish(staging.add(batch, slice, of: partition, era: era, group: &place.group))
            return (.inRound(gather.round), !isCommittedByCaller && gather.takesWake())
        }
        if wake { gather.signalAll() }
        return result
    }

    /// The round that gathers now: what `full` waits for the end of.
    var gatheringRound: UInt64 { gather.withLock { $0.round } }

    // MARK: Leading

    private func run() {
        while true {
            awaitReturning()
            let isDone = gather.wait(
                until: { gather in
                    let isReady = gather.isStopping || (!gather.isLeading && !gather.lanes.isEmpty)
                    gather.threadWaits = !isReady
                    return isReady
                },
                then: { $0.isStopping && $0.lanes.isEmpty && !$0.isLeading })
            if isDone { return }
            lead()
        }
    }

    private func awaitReturning() {
        let (callers, round) = gather.withLock { ($0.returning, $0.round) }
        guard let patience = delay.next(callers: callers, roundNanoseconds: latency.averageNanoseconds) else { return }
        gather.withLock { $0.batchesAwaited = callers }
        let allCame: Bool? = gather.wait(
            nanoseconds: patience,
            until: { gather in
                let isReady = gather.isHurried(in: round) || gather.lanes.batchCount >= gather.batchesAwaited
                gather.threadWaits = !isReady
                return isReady
            },
            then: { gather in
                defer { gather.batchesAwaited = 1 }
                if gather.lanes.batchCount >= callers { return true }
                // Whoever ended the wait may have led those that were back, or there is no room for more: that says nothing.
                return gather.isHurried(in: round) || gather.batchesAwaited < callers ? nil : false
            })
        if let allCame { delay.note(allCame: allCame) }
    }

    /// Commits the gathered round on this thread, unless there is none or someone else is at it.
    @discardableResult
    func lead() -> Bool {
        let round: UInt64? = gather.withLock { gather in
            guard !gather.isLeading, !gather.lanes.isEmpty else { return nil }
            gather.isLeading = true
            swap(&gather.lanes, &spare)
            defer { gather.round += 1 }
            return gather.round
        }
        guard let round else { return false }
        commit(spare, round)
        let told = spare.batchCount
        spare.journaled.reset()
        spare.relaxed.reset()
        let isAwaited = gather.withLock { gather in
            gather.isLeading = false
            gather.returning = told + gather.lanes.batchCount
            return gather.waiterCount > 0
                || (gather.threadWaits && (gather.isStopping || gather.lanes.batchCount >= gather.batchesAwaited))
        }
        // Waking the committer's thread for nothing costs as much as a small round.
        if isAwaited { gather.signalAll() }
        return true
    }

    /// Has what has gathered committed by the committer's thread, where that waits: for who did not wake it with each append.
    func commitGathered() {
        let wakes = gather.withLock { $0.takesWake() }
        if wakes { gather.signalAll() }
    }

    /// Wakes the thread and those who wait for a round to end, any of whom may lead.
    func wake() {
        // Through the lock, so that whoever looked just before is waiting by now.
        gather.withLock { _ in }
        gather.signalAll()
    }

    /// Waits until `round` is committed, leading where nobody else does.
    func waitLeading(for round: UInt64) {
        while rounds.committedRound < round {
            if lead() { continue }
            gather.withLock { $0.waiterCount += 1 }
            gather.wait(
                until: { [rounds] in
                    rounds.committedRound >= round || (!$0.isLeading && !$0.lanes.isEmpty)
                }, then: { $0.waiterCount -= 1 })
        }
    }

    /// Waits until the journal's rounds below `sequence`, which it has, are published. Never leads.
    func waitPublished(below sequence: UInt64) {
        if publishedSequence >= sequence { return }
        gather.withLock { $0.waiterCount += 1 }
        gather.wait(until: { [self] _ in publishedSequence >= sequence }, then: { $0.waiterCount -= 1 })
    }

    /// Waits until everything that was staged before the call is committed.
    func flush() {
        let round = gather.withLock { $0.lanes.isEmpty ? $0.round - 1 : $0.round }
        waitLeading(for: round)
    }

    /// Tells those who met a partition that was paused to try again: ends the round that they wait for, even if nothing
    /// gathers in it.
    func wakeWaiting() {
        gather.withLock { $0.waiterCount += 1 }
        let round: UInt64? = gather.wait(
            until: { !$0.isLeading },
            then: { gather in
                gather.waiterCount -= 1
                // What has gathered is led soon, and ends the round.
                guard gather.lanes.isEmpty else { return nil }
                defer { gather.round += 1 }
                return gather.round
            })
        guard let round else { return }
        rounds.publish(written: round)
        rounds.publish(committed: round)
        wake()
    }

    // MARK: A round

    private func commit(_ lanes: Lanes, _ round: UInt64) {
        latency.begin()
        defer { latency.end() }
        var encoder = RoundEncoder(lanes.journaled)
        // Before anything is written: what is in a segment and does not come to the journal could not stay there.
        if let refusal = awaitRoom(for: lanes.journaled) {
            for group in lanes.journaled.groups { group.partition.refuse(because: refusal) }
        } else {
            for group in lanes.journaled.groups {
                group.partition.write(group, in: lanes.journaled, &writeScratch) { entry, runs in
                    encoder.add(entry, runs: runs)
                }
            }
        }
        for group in lanes.relaxed.groups {
            group.partition.write(group, in: lanes.relaxed, &writeScratch) { _, _ in }
        }
        rounds.publish(written: round)
        #if PLANTED_BUGS
        if PlantedBug.watermarkEarly.isPlanted {
            for group in lanes.journaled.groups { group.partition.publish(failure: nil) }
        }
        #endif
        let failure = encoder.isEmpty ? nil : writeJournal(encoder)
        for group in lanes.journaled.groups { group.partition.publish(failure: failure) }
        for group in lanes.relaxed.groups { group.partition.publish(failure: nil) }
        published.store(journal.nextSequence, ordering: .releasing)
        rounds.publish(committed: round)
        reserve?.wrote(lanes.journaled.payloadCount + lanes.relaxed.payloadCount)
    }

    /// Why the round cannot have room in the journal now.
    private func awaitRoom(for staging: StagingBuffer) -> LogError? {
        if staging.isEmpty { return nil }
        do {
            try journal.awaitRoom(for: staging.roundBytesMax)
            if hasNoRoom { logger.notice("the journal has room again: topics that use it take appends") }
            hasNoRoom = false
            return nil
        } catch {
            if !hasNoRoom {
                logger.error(
                    "the journal is full and cannot be emptied: topics that use it refuse appends until it can be",
                    metadata: ["error": "\(error)"])
            }
            hasNoRoom = true
            return LogError(error)
        }
    }

    private func writeJournal(_ encoder: consuming RoundEncoder) -> LogError? {
        let bytes = encoder.finish(sequence: journal.nextSequence, epoch: journal.epoch, nonce: journal.nonce)
        do {
            try journal.append(bytes)
            return nil
        } catch {
            // No room on the disk is no other reason: what came of the write only opening the log finds out.
            let failure = LogError.storage("\(error): check the disk, then open the log again")
            logger.critical(
                "the journal cannot be written: nothing more is acknowledged", metadata: ["error": "\(error)"])
            gather.withLock { $0.journalFailure = failure }
            return failure
        }
    }

    /// Gives back the memory of idle buffers.
    func releaseIdleMemory() {
        gather.withLock { gather in
            guard !gather.isLeading, gather.lanes.isEmpty else { return }
            gather.lanes.releaseMemory()
            spare.releaseMemory()
        }
    }
}

/// Where a partition stands in the round that gathers. Kept with the partition, used under the gathering lock.
struct StagedPlace {
    var round: UInt64 = 0
    var isJournaled = true
    /// Its group in the staging buffer; -1: none yet.
    var group = -1

    init() {}
    init(round: UInt64, isJournaled: Bool) {
        self.round = round
        self.isJournaled = isJournaled
    }
}
