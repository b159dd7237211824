internal import Logging
internal import Synchronization

/// The groups of one partition of `__consumer_offsets`: what its durable records come to, in memory.
///
/// Changes are appended under the shard's lock, so they wait here in the order of their offsets. Nobody is called when
/// they become durable: whoever takes the lock next applies what the partition's end has passed. What somebody else has
/// appended, and at first the whole log, is read from the partition.
final class OffsetsShard: Sendable {
    let partition: Partition
    private let logger: Logger
    private let state: Mutex<State>

    fileprivate struct State: ~Copyable {
        var contents = ShardContents()
        /// In order of offsets. Those of a partition that has failed stay: nothing passes them.
        var pending: [PendingChange] = []
        var encoder = ChangeEncoder()
    }

    init(_ partition: Partition, logger: Logger) {
        self.partition = partition
        self.logger = logger
        state = Mutex(State())
    }

    /// Runs `body` on what is durable now.
    func withContents<R>(_ body: (borrowing ShardContents) -> R) -> R {
        state.withLock { state in
            catchUp(&state)
            return body(state.contents)
        }
    }

    /// Reads what there is, so that nobody waits for it later.
    func load() { withContents { _ in } }

    /// Appends a change, where `condition` holds for what the group comes to when all that was accepted is durable; nil
    /// where it does not. `topics`: asked under the lock, so that who takes a topic away and then this lock finds all
    /// that was committed to it.
    func append(
        _ change: GroupChange, to group: String, at now: Timestamp, leadsItself: Bool, topics: TopicTable,
        where condition: ((StoredGroup) -> Bool)? = nil
    ) -> AppendOutcome? {
        var change = change
        for index in change.entries.indices { change.entries[index] = change.entries[index].stamped(at: now) }
        return state.withLock { state in
            if let name = change.topicNames.first(where: { topics.topic($0) == nil }) {
                return .rejected(.unknownTopic(name))
            }
            catchUp(&state)
            if let condition, !condition(state.latest(group)) { return nil }
            let outcome = stage(change, group, now, &state, leadsItself: leadsItself)
            if case .accepted(let ticket) = outcome {
                state.pending.append(PendingChange(ticket, group, change.entries, now))
            }
            return outcome
        }
    }

    private func stage(
        _ change: GroupChange, _ group: String, _ now: Timestamp, _ state: inout State, leadsItself: Bool
    ) -> AppendOutcome {
        // A consumer's own commit does not say what was there before.
        let latest = change.note == nil ? nil : state.latest(group)
        do throws(BatchError) {
            return try state.encoder.withBatch(
                change, of: group, at: now, pool: partition.builders, before: { latest?.committed($0)?.offset },
                body: { bytes throws(BatchError) in
                    partition.append(
                        bytes, header: try RecordBatchHeader(parsing: bytes.bytes), leadsItself: leadsItself)
                })
        } catch {
            return .rejected(.corruptBatch(error))
        }
    }

    /// What the group comes to when all that was accepted is durable.
    func latest(_ group: String) -> StoredGroup {
        state.withLock { state in
            catchUp(&state)
            return state.latest(group)
        }
    }

    // MARK: Catching up

    private func catchUp(_ state: inout State) {
        let end = partition.end
        guard state.contents.end < end else { return }
        var applied = 0
        while state.contents.end < end {
            if applied < state.pending.count, state.pending[applied].baseOffset <= state.contents.end {
                state.contents.apply(state.pending[applied])
                applied += 1
            } else {
                let next = applied < state.pending.count ? min(state.pending[applied].baseOffset, end) : end
                state.contents.read(partition, to: next, logger)
            }
        }
        state.pending.removeFirst(applied)
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
    let baseOffset: Offset
    let lastOffset: Offset
    let group: String
    let entries: [GroupEntry]
    let timestamp: Timestamp

    init(_ ticket: AppendTicket, _ group: String, _ entries: [GroupEntry], _ timestamp: Timestamp) {
        baseOffset = ticket.baseOffset
        lastOffset = ticket.lastOffset
        self.group = group
        self.entries = entries
        self.timestamp = timestamp
    }
}
