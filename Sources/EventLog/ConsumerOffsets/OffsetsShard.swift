internal import Logging
internal import Storage
internal import Synchronization

/// The groups of one partition of `__consumer_offsets`: what its durable records come to, in memory.
///
/// Changes are appended under the shard's lock, so they wait here in the order of their offsets. Nobody is called when
/// they become durable: whoever takes the lock next applies what the partition's end has passed. What somebody else has
/// appended, and at first the whole log, is read from the partition.
final class OffsetsShard: Sendable {
    let partition: Partition
    private let fileSystem: any FileSystem
    private let budget: OffsetsBudget
    private let logger: Logger
    private let state: Mutex<State>
    /// One snapshot at a time.
    private let snapshots = Monitor(Turn())

    fileprivate struct State: ~Copyable {
        var contents: ShardContents
        /// In order of offsets. Those of a partition that has failed stay: nothing passes them.
        var pending: [PendingChange] = []
        /// Of `pending`.
        var pendingBytes = 0
        /// What the budget was told that is kept here.
        var countedBytes = 0
        /// Of the partition, when `pending` was rid of what was refused.
        var era: UInt64 = 0
        /// Why not all that is durable could be read.
        var failure: LogError?
        var encoder = ChangeEncoder()
        /// Bytes of the last snapshot.
        var snapshotBytes = 0
        /// The batches that it names.
        var snapshotBatches: [BatchMark] = []

        init(_ contents: ShardContents) { self.contents = contents }
    }

    init(_ partition: Partition, _ fileSystem: any FileSystem, budget: OffsetsBudget, logger: Logger) {
        self.partition = partition
        self.fileSystem = fileSystem
        self.budget = budget
        self.logger = logger
        state = Mutex(State(ShardContents(from: partition.logStart)))
    }

    deinit { budget.add(-state.withLock { $0.countedBytes }) }

    /// Runs `body` on what is durable now.
    func withContents<R>(_ body: (borrowing ShardContents) -> R) -> R {
        state.withLock { state in
            catchUp(&state)
            return body(state.contents)
        }
    }

    /// Reads what there is, so that nobody waits for it later. Throws where the disk does not answer: who goes on without
    /// would take a group for one that has committed nothing.
    func load() throws(LogError) {
        try state.withLock { state throws(LogError) in
            if state.contents.end == 0, let snapshot = OffsetsSnapshot.load(of: partition, fileSystem) {
                state.contents = ShardContents(snapshot)
                state.snapshotBatches = snapshot.batches
            }
            catchUp(&state)
            if let failure = state.failure { throw failure }
        }
    }

    /// Waits for whoever has the lock.
    func pass() { state.withLock { _ in } }

    // MARK: The snapshot

    /// A snapshot is due when the log has grown by this many bytes since the last, and by twice what that took.
    static let snapshotBytesMin = 1 << 20

    /// Writes a snapshot of what is durable, where that is due, or `always` where there is anything new.
    func writeSnapshot(always: Bool) {
        snapshots.withLock { _ in
            if let snapshot = takeSnapshot(always: always) { write(snapshot) }
        }
    }

    private func takeSnapshot(always: Bool) -> OffsetsSnapshot? {
        state.withLock { state in
            catchUp(&state)
            let bytes = state.contents.bytesSinceSnapshot
            // Where records were deleted the log says less than this: opening reads it.
            guard partition.logStart == state.contents.start else { return nil }
            guard always || (bytes > 0 && bytes >= max(Self.snapshotBytesMin, 2 * state.snapshotBytes)) else {
                return nil
            }
            // Compaction may have rewritten those that were read: the snapshot names what the log has now.
            guard let batches = state.contents.batches(in: partition), !batches.isEmpty,
                bytes > 0 || batches != state.snapshotBatches
            else { return nil }
            state.contents.tookSnapshot()
            state.snapshotBatches = batches
            return OffsetsSnapshot(
                topic: partition.topicID, partition: UInt32(clamping: partition.index), logStart: state.contents.start,
                end: state.contents.end, batches: batches, groups: state.contents.groups)
        }
    }

    private func write(_ snapshot: OffsetsSnapshot) {
        do {
            let byteCount = try snapshot.write(of: partition, fileSystem)
            state.withLock { $0.snapshotBytes = byteCount }
        } catch {
            logger.warning(
                "a snapshot of consumer groups' offsets cannot be written: opening reads more of the log",
                metadata: ["partition": "\(partition.index)", "error": "\(error)"])
        }
    }

    /// Appends a change, where `condition` holds for what the group comes to when all that was accepted is durable; nil
    /// where it does not. `topics`: asked under the lock, so that who takes a topic away and then this lock finds all
    /// that was committed to it.
    ///
    /// Rejected as `offsetsFull` where the change may grow what is kept and there is no room.
    func append(
        _ change: GroupChange, to group: String, at now: Timestamp, isCommittedByCaller: Bool, topics: TopicTable,
        where condition: ((StoredGroup) -> Bool)? = nil
    ) -> AppendOutcome? {
        state.withLock { state in
            if let name = change.topicNames.first(where: { topics.topic($0) == nil }) {
                return .rejected(.unknownTopic(name))
            }
            catchUp(&state)
            if let condition, !condition(state.latest(group)) { return nil }
            let byteCount = change.byteCount(in: group)
            guard takeRoom(for: change, of: byteCount, group, state) else {
                return .rejected(.offsetsFull(limit: budget.byteCountMax))
            }
            let (outcome, header) = stage(change, group, now, &state, isCommittedByCaller: isCommittedByCaller)
            guard case .accepted(let ticket) = outcome, let header else {
                budget.add(-byteCount)
                return outcome
            }
            state.pending.append(PendingChange(ticket, header, change, of: group, at: now, takes: byteCount))
            state.pendingBytes += byteCount
            state.countedBytes += byteCount
            return outcome
        }
    }

    /// What it would add is looked up only where there is no room for all of it. What replaces something that is on its way
    /// adds nothing to that.
    private func takeRoom(
        for change: GroupChange, of byteCount: Int, _ group: String, _ state: borrowing State
    ) -> Bool {
        if budget.take(byteCount, growth: byteCount)
            || budget.take(byteCount, growth: state.contents.growth(by: change.entries, in: group))
        {
            return true
        }
        let latest = state.latest(group)
        return !latest.isEmpty && latest.growth(by: change.entries) <= 0 && budget.take(byteCount, growth: 0)
    }

    /// By how much what is kept may grow with a change.
    func growth(by entries: [GroupEntry], in group: String) -> Int {
        withContents { $0.growth(by: entries, in: group) }
    }

    private func stage(
        _ change: GroupChange, _ group: String, _ now: Timestamp, _ state: inout State, isCommittedByCaller: Bool
    ) -> (AppendOutcome, RecordBatchHeader?) {
        // A consumer's own commit does not say what was there before.
        let latest = change.note == nil ? nil : state.latest(group)
        do throws(BatchError) {
            let (outcome, header) = try state.encoder.withBatch(
                change, of: group, at: now, pool: partition.builders, before: { latest?.committed($0)?.offset },
                body: { bytes throws(BatchError) in
                    let header = try RecordBatchHeader(parsing: bytes.bytes)
                    return (partition.append(bytes, header: header, isCommittedByCaller: isCommittedByCaller), header)
                })
            return (outcome, header)
        } catch {
            return (.rejected(.corruptBatch(error)), nil)
        }
    }

    /// What the group comes to when all that was accepted is durable.
    func latest(_ group: String) -> StoredGroup {
        state.withLock { state in
            catchUp(&state)
            return state.latest(group)
        }
    }

    /// The same of one partition, without a copy of the group.
    func latest(_ group: String, _ topic: String, _ partition: Int32) -> CommittedOffset? {
        state.withLock { state in
            catchUp(&state)
            let key = GroupKey.offset(topic: topic, partition: partition)
            for change in state.pending.reversed() where change.group == group {
                guard let entry = change.entries.last(where: { $0.key == key }) else { continue }
                if case .offset(_, _, let committed) = entry.stamped(at: change.timestamp) { return committed }
                return nil
            }
            return state.contents.groups[group]?.offsets[topic]?[partition]
        }
    }

    // MARK: Catching up

    private func catchUp(_ state: inout State) {
        defer { settle(&state) }
        // Before the end: what is past it now may have been refused, and its offsets be another change's.
        let end = partition.end
        let era = partition.era
        if state.era != era {
            state.pending.removeAll { partition.refusal(of: $0.ticket) != nil }
            state.pendingBytes = state.pending.reduce(0) { $0 + $1.takes }
            state.era = era
        }
        guard state.contents.end < end else { return }
        var applied = 0
        while state.contents.end < end {
            if applied < state.pending.count, state.pending[applied].baseOffset <= state.contents.end {
                state.contents.apply(state.pending[applied])
                state.pendingBytes -= state.pending[applied].takes
                applied += 1
            } else {
                let next = applied < state.pending.count ? min(state.pending[applied].baseOffset, end) : end
                state.failure = state.contents.read(partition, to: next, logger)
                if state.failure != nil { break }
            }
        }
        state.pending.removeFirst(applied)
    }

    /// Tells the budget what is kept by now.
    private func settle(_ state: inout State) {
        let byteCount = state.contents.byteCount + state.pendingBytes
        guard byteCount != state.countedBytes else { return }
        budget.add(byteCount - state.countedBytes)
        state.countedBytes = byteCount
    }
}

extension OffsetsShard.State {
    fileprivate func latest(_ group: String) -> StoredGroup {
        var latest = contents.groups[group] ?? StoredGroup(id: group)
        for change in pending where change.group == group {
            for entry in change.entries { latest.apply(entry, at: change.timestamp) }
        }
        return latest
    }
}

/// A change on its way to the disk.
struct PendingChange: Sendable {
    let ticket: AppendTicket
    let batch: BatchMark
    let lastOffset: Offset
    let byteCount: Int
    let group: String
    let entries: [GroupEntry]
    let timestamp: Timestamp
    /// Bytes that the budget counts for it.
    let takes: Int

    var baseOffset: Offset { batch.baseOffset }

    init(
        _ ticket: AppendTicket, _ header: RecordBatchHeader, _ change: GroupChange, of group: String,
        at timestamp: Timestamp, takes: Int
    ) {
        self.ticket = ticket
        batch = BatchMark(baseOffset: ticket.baseOffset, crc: header.crc)
        lastOffset = ticket.lastOffset
        byteCount = header.sizeInBytes
        self.group = group
        entries = change.entries
        self.timestamp = timestamp
        self.takes = takes
    }
}
