internal import Logging
internal import Storage

/// In the background, makes segments durable so that the journal's space can be used again, and recovery stays short.
///
/// A checkpoint syncs what was written, lets each partition write down where it ends, and only then releases the
/// journal's rounds. Until that is durable the journal would repair every one of them.
final class Checkpointer: @unchecked Sendable {
    // Unchecked: `thread` is set once before anyone else sees the object, and joined by the closer.
    private let directory: String
    private let fileSystem: any FileSystem
    let journal: RingJournal
    let logger: Logger
    let partitions: @Sendable () -> [Partition]
    let publishedSequence: @Sendable () -> UInt64
    private let onIdle: @Sendable () -> Void
    private let onSecond: @Sendable () -> Void
    /// After each checkpoint of the background, whatever came of it.
    private let afterCheckpoint: @Sendable () -> Void
    private let state = Monitor(State())
    private let turn = Monitor(Turn())
    /// Held while files of segments are removed that no list has any more.
    private let removals = Monitor(Turn())
    private var thread: WorkerThread?
    /// Topics with `flush.ms` whose sync is overdue. Of the thread.
    private var late: Set<ObjectIdentifier> = []

    private struct State {
        var isAsked = false
        /// There is no thread: who asks and cannot wait does it.
        var standsAside = false
        var isStopping = false
    }

    /// What was written is on disk after this long at the latest, even where the journal has room.
    static let intervalMilliseconds = 15_000
    /// A ring that asks again sooner than this after a checkpoint is too small for what comes in: syncing that often
    /// takes the disk away from the appends.
    static let pressureInterval = Duration.seconds(1)
    /// How often topics that sync by time are looked at.
    static let tickMilliseconds = 100
    /// Up to so many files are synced one by one; beyond, one sync of the file system is cheaper.
    static let singleSyncsMax = 8

    init(
        directory: String, _ fileSystem: any FileSystem, journal: RingJournal, logger: Logger,
        partitions: @escaping @Sendable () -> [Partition], publishedSequence: @escaping @Sendable () -> UInt64,
        onIdle: @escaping @Sendable () -> Void, onSecond: @escaping @Sendable () -> Void,
        afterCheckpoint: @escaping @Sendable () -> Void
    ) {
        self.directory = directory
        self.fileSystem = fileSystem
        self.journal = journal
        self.logger = logger
        self.partitions = partitions
        self.publishedSequence = publishedSequence
        self.onIdle = onIdle
        self.onSecond = onSecond
        self.afterCheckpoint = afterCheckpoint
    }

    func start() {
        thread = WorkerThread(name: "martlet-sync") { [unowned self] in run() }
    }

    /// Ends the thread; does not checkpoint.
    func stop() {
        state.withLock { $0.isStopping = true }
        state.signalAll()
        thread?.join()
        thread = nil
    }

    /// Asks for a checkpoint soon.
    func ask() {
        let standsAside = state.withLock { state in
            state.isAsked = true
            return state.standsAside
        }
        guard standsAside else { return state.signalAll() }
        // Nobody else makes room for a round that waits.
        if journal.isAwaited { work(milliseconds: 0) }
    }

    // MARK: Without a thread

    func standAside() { state.withLock { $0.standsAside = true } }

    /// What the thread would have done after so long. By whoever has no thread run.
    func work(milliseconds: Int) {
        if milliseconds > 0 { synchronizeByTime(elapsed: milliseconds) }
        let isDue = state.withLock { state in
            defer { state.isAsked = false }
            return state.isAsked || milliseconds >= Self.intervalMilliseconds
        }
        guard isDue else { return }
        checkpointLogging(ringIsTooSmall: false)
        afterCheckpoint()
    }

    // MARK: Its thread

    private func run() {
        var sinceCheckpoint = 0
        var lastCheckpoint = ContinuousClock.now
        var lastLook = ContinuousClock.now
        while true {
            let (isStopping, isAsked) = state.wait(
                milliseconds: Self.tickMilliseconds, until: { $0.isAsked || $0.isStopping },
                then: { state in
                    defer { state.isAsked = false }
                    return (state.isStopping, state.isAsked)
                })
            if isStopping { return }
            if ContinuousClock.now - lastLook >= SpaceReserve.looksEach {
                lastLook = .now
                onSecond()
            }
            sinceCheckpoint += Self.tickMilliseconds
            synchronizeByTime(elapsed: sinceCheckpoint)
            guard isAsked || sinceCheckpoint >= Self.intervalMilliseconds else {
                if journal.isGrowing { growLogging { () throws(FileError) in try journal.grow() } }
                continue
            }
            if !isAsked { onIdle() }
            sinceCheckpoint = 0
            // What was asked for while it was made is no new pressure.
            let isTooSmall =
                isAsked && journal.wantsRelease && ContinuousClock.now - lastCheckpoint < Self.pressureInterval
            checkpointLogging(ringIsTooSmall: isTooSmall)
            afterCheckpoint()
            lastCheckpoint = .now
        }
    }

    /// Topics with `flush.ms`.
    private func synchronizeByTime(elapsed: Int) {
        for partition in partitions() {
            guard let limit = partition.relaxedFlushMilliseconds,
                Int64(elapsed) % max(Int64(Self.tickMilliseconds), limit) < Int64(Self.tickMilliseconds)
            else { continue }
            do {
                try partition.synchronizeRelaxed()
                late.remove(ObjectIdentifier(partition))
            } catch {
                guard error.operation != .synchronize else {
                    partition.fence(error)
                    continue
                }
                // Where no sync was made, for want of descriptors, nothing is lost: the next time makes up for it.
                if late.insert(ObjectIdentifier(partition)).inserted {
                    logger.warning(
                        "a partition cannot be synced in time", metadata: partition.metadata("error", "\(error)"))
                }
            }
        }
    }

    private func growLogging(_ grow: () throws(FileError) -> Void) {
        do throws(FileError) { try grow() } catch {
            logger.error("the journal cannot grow", metadata: ["error": "\(error)"])
            journal.cannotGrow(error)
        }
    }

    private func checkpointLogging(ringIsTooSmall: Bool) {
        // A ring that cannot grow is still emptied.
        growLogging { () throws(FileError) in try journal.growIfPressed(isTooSmall: ringIsTooSmall) }
        if ringIsTooSmall && !journal.wantsRelease { return }
        do { try checkpoint() } catch {
            // Of a partition that is fenced it was said when it was.
            if !partitions().contains(where: { $0.failedSync == error }) {
                logger.error("a checkpoint failed: the journal keeps its rounds", metadata: ["error": "\(error)"])
            }
            journal.cannotRelease(error)
        }
    }

    /// Makes everything that is committed now durable in the segments, and releases the journal's rounds.
    func checkpoint() throws(FileError) {
        try turn.withLock { _ throws(FileError) in try checkpointInTurn() }
    }

    /// The last one before the directory is closed. Index files get all their entries first, also of partitions that have
    /// nothing else to say: opening a directory that was closed trusts them to the end.
    func checkpointAtClose() throws(FileError) {
        try turn.withLock { _ throws(FileError) in
            let error = completeIndexes()
            // One that fails does not keep the others from it: what skips the journal is durable only then.
            try checkpointInTurn()
            if let error { throw error }
        }
    }

    /// Returns the first error: then the directory does not count as closed, and nobody trusts them so far.
    private func completeIndexes() -> FileError? {
        var firstError: FileError?
        var completed: [(partition: Partition, segment: Segment)] = []
        for partition in partitions() where partition.lacksIndexEntries {
            do throws(FileError) { completed.append((partition, try partition.completeIndexes())) } catch {
                note(error, of: partition, &firstError)
            }
        }
        if completed.count > Self.singleSyncsMax {
            do throws(FileError) { try synchronizeAll(completed.map(\.partition)) } catch {
                firstError = firstError ?? error
            }
            return firstError
        }
        for (partition, segment) in completed {
            do throws(FileError) {
                try segment.synchronize()
                try fileSystem.synchronizeDirectory(partition.directory)
            } catch { note(error, of: partition, &firstError) }
        }
        return firstError
    }

    /// Runs `body` while no checkpoint is made: for what takes away files that one may be writing.
    func exclusively<E: Error>(_ body: () throws(E) -> Void) throws(E) {
        try turn.withLock { _ throws(E) in try body() }
    }

    private func checkpointInTurn() throws(FileError) {
        // Rounds below this are in their segments' files, and in the ends that the checkpoints will name. Read before
        // those: what is published in between is only replayed once more.
        let boundary = publishedSequence()
        let dirty = partitions().filter { $0.isDirty }
        #if PLANTED_BUGS
        if PlantedBug.journalReleasedEarly.isPlanted { try journal.release(below: boundary) }
        #endif
        try write(dirty, journalSequence: boundary)
        for partition in dirty { removeDeleted(from: partition) }
        // A sync that failed has thrown pages away: a second one that succeeds says nothing of them. So nothing is
        // released any more, and recovery will find the rounds in the journal. The others go on while it has room.
        try checkSound()
        try journal.release(below: boundary)
    }

    /// Checkpoints of some partitions, by whoever has the turn: the journal keeps its rounds. `starts`: where each of their
    /// logs begins from now on.
    func checkpointAlone(_ partitions: [Partition], starts: [Offset]) throws(FileError) {
        try write(partitions, journalSequence: publishedSequence(), starts: starts)
    }

    /// Throws where the journal has rounds that it must keep, for a partition whose sync has failed.
    func checkSound() throws(FileError) {
        for partition in partitions() where partition.settings.isJournaled {
            if let failure = partition.failedSync { throw failure }
        }
    }

    /// Runs `body` while no checkpoint is made and no file of a segment is removed.
    func exclusivelyRemoving<E: Error>(_ body: () throws(E) -> Void) throws(E) {
        try exclusively { () throws(E) in try removing(body) }
    }

    /// Runs `body`, which removes files of segments, while nobody else does.
    func removing<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        try removals.withLock { _ throws(E) in try body() }
    }

    /// Returns when no file is being removed: whoever begins after this sees that its partition has ended.
    func awaitRemovals() { removing {} }

    /// Writes checkpoints and makes them durable, with all that they speak of. Those of partitions that fail do not keep
    /// the others' from it; then it throws the first error.
    func write(
        _ dirty: [Partition], journalSequence: UInt64, starts: [Offset]? = nil
    ) throws(FileError) {
        var firstError: FileError?
        try settleTogether(dirty)
        var written: [Written] = []
        for (i, partition) in dirty.enumerated() {
            do throws(FileError) {
                let segments = try partition.writeCheckpoint(
                    journalSequence: journalSequence, logStart: starts?[i])
                let lasting = starts.map { partition.lasting(segments, from: $0[i]) } ?? segments
                written.append((partition, segments, lasting))
            } catch { note(error, of: partition, &firstError) }
        }
        if written.reduce(0, { $0 + 1 + $1.lasting.count }) > Self.singleSyncsMax {
            do throws(FileError) { try synchronizeAll(written.map(\.partition)) } catch {
                for (partition, segments, _) in written { partition.giveUpCheckpoint(segments) }
                throw error
            }
        } else {
            for (partition, segments, lasting) in written {
                do throws(FileError) { try synchronize(partition, lasting) } catch {
                    partition.giveUpCheckpoint(segments)
                    note(error, of: partition, &firstError)
                }
            }
        }
        // What is to be deleted was not synced: until it is, which may fail yet, it counts as it did.
        for (partition, segments, lasting) in written where lasting.count < segments.count {
            partition.putBackUnsynced(segments.filter { segment in !lasting.contains { $0 === segment } })
        }
        if let firstError { throw firstError }
    }

    /// Makes durable what was read of checkpoints, of partitions that had none to make since: once the directory is closed in
    /// order, nobody asks any more.
    func settleCheckpoints() throws(FileError) {
        try exclusively { () throws(FileError) in
            let read = partitions().filter { $0.mustSettleCheckpoint && !$0.hasFailedSync }
            try settleTogether(read)
            for partition in read where partition.mustSettleCheckpoint { try partition.settleCheckpoint() }
        }
    }

    /// What must be durable before another checkpoint of a partition is written, with one sync where there are many: few do it
    /// as theirs is written.
    private func settleTogether(_ dirty: [Partition]) throws(FileError) {
        let cut = dirty.compactMap { partition in partition.unsettledMark.map { (partition, $0) } }
        let read = dirty.filter { $0.mustSettleCheckpoint }
        guard cut.count + read.count > Self.singleSyncsMax else { return }
        // One that cannot be written again fails when its turn comes.
        let rewritten = read.filter { (try? $0.rewriteCheckpoint()) != nil }
        try synchronizeAll()
        for (partition, mark) in cut { partition.settle(mark) }
        for partition in rewritten { partition.checkpointSettled() }
    }

    /// `lasting`: those of the segments that the log has still when the checkpoint counts.
    private typealias Written = (partition: Partition, segments: [Segment], lasting: [Segment])

    /// Where bytes may be lost that count as written, the partition ends here; else the next checkpoint makes up for it.
    private func note(_ error: FileError, of partition: Partition, _ first: inout FileError?) {
        if error.operation == .synchronize || error.isMissing { partition.fence(error) }
        if first == nil { first = error }
    }

    private func synchronize(_ partition: Partition, _ segments: [Segment]) throws(FileError) {
        for segment in segments { try segment.synchronize() }
        try partition.synchronizeCheckpoint()
        try fileSystem.synchronizeDirectory(partition.directory)
    }

    /// One sync for everything, whoever wants it. Where it fails nobody knows whose pages are lost: all are in doubt that
    /// have any. `written`: those that count as clean for what is to be synced now.
    func synchronizeAll(_ written: [Partition] = []) throws(FileError) {
        do { try fileSystem.synchronizeAll(directory) } catch {
            if error.operation == .synchronize {
                for partition in written { partition.fence(error) }
                for partition in partitions() where partition.isDirty { partition.fence(error) }
            }
            throw error
        }
    }
}
