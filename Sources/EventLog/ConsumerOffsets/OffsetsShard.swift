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

    /// `topics`: asked under the lock, so that who takes a topic away and then this lock finds all that was committed to
    /// it.
    func append(
        _ change: GroupChange, to group: String, at now: Timestamp, leadsItself: Bool, topics: TopicTable
    ) -> AppendOutcome {
        var change = change
        for index in change.entries.indices { change.entries[index] = change.entries[index].stamped(at: now) }
        return state.withLock { state in
            if let name = change.topicNames.first(where: { topics.topic($0) == nil }) {
                return .rejected(.unknownTopic(name))
            }
            catchUp(&state)
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
        let group = group
        let latest = change.note == nil ? [:] : state.latestOffsets(of: group, change.entries)
        do throws(BatchError) {
            return try state.encoder.withBatch(
                change, of: group, at: now, pool: partition.builders, before: { latest[$0] ?? nil }
            ) { bytes throws(BatchError) in
                partition.append(bytes, header: try RecordBatchHeader(parsing: bytes.bytes), leadsItself: leadsItself)
            }
        } catch {
            return .rejected(.corruptBatch(error))
        }
    }

    /// The offset that was accepted last, durable or not yet.
    func latestOffset(_ group: String, _ topic: String, _ partition: Int32) -> CommittedOffset? {
        state.withLock { state in
            catchUp(&state)
            let key = GroupKey.offset(topic: topic, partition: partition)
            for change in state.pending.reversed() where change.group == group {
                if let entry = change.entries.last(where: { $0.key == key }) { return entry.committed }
            }
            return state.contents.groups[group]?.offsets[topic]?[partition]
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
    /// What was accepted last under the keys of these entries.
    fileprivate func latestOffsets(of group: String, _ entries: [GroupEntry]) -> [GroupKey: Offset?] {
        var latest: [GroupKey: Offset?] = [:]
        let stored = contents.groups[group]
        for entry in entries {
            guard case .offset(let topic, let partition) = entry.key else { continue }
            latest[entry.key] = .some(stored?.offsets[topic]?[partition]?.offset)
        }
        for change in pending where change.group == group {
            for entry in change.entries where latest[entry.key] != nil {
                latest[entry.key] = .some(entry.committed?.offset)
            }
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

extension GroupEntry {
    var committed: CommittedOffset? {
        if case .offset(_, _, let committed) = self { return committed }
        return nil
    }
}
