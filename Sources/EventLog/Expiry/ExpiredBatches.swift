internal import Synchronization

/// What of a partition is hidden from readers: batches of which every record is expired. Knows the topic's rule, and
/// what readers have found out by it. A topic without one pays the load of a flag.
final class ExpiredBatches: Sendable {
    private let isOn: Atomic<Bool>
    private let state: Mutex<State>

    private struct State {
        var rule: RecordExpiry?
        var runs = ExpiredRuns()
        /// Of batches that were decoded for it, by their base offset.
        var known: [Offset: Known] = [:]
    }

    private struct Known {
        /// Of the batch: one that was compacted since is another.
        var crc: UInt32
        var expiry: Timestamp
    }

    /// Batches that a partition remembers; with more, it begins again.
    static let knownMax = 8192

    init(_ settings: TopicSettings) {
        let rule = RecordExpiry(settings)
        isOn = Atomic(rule != nil)
        state = Mutex(State(rule: rule))
    }

    /// nil: nothing is hidden.
    var rule: RecordExpiry? { isOn.load(ordering: .acquiring) ? state.withLock { $0.rule } : nil }

    /// Takes over the topic's settings.
    func apply(_ settings: TopicSettings) {
        let rule = RecordExpiry(settings)
        state.withLock { state in
            guard state.rule != rule else { return }
            state = State(rule: rule)
            isOn.store(rule != nil, ordering: .releasing)
        }
    }

    /// Where what is expired from `offset` on ends, as far as somebody has looked.
    func end(from offset: Offset, by rule: RecordExpiry, at now: Timestamp) -> Offset {
        state.withLock { $0.rule == rule ? $0.runs.end(from: offset, at: now) : offset }
    }

    /// Every batch from `start` to before `end` is expired, by the rule that the reader began with.
    func note(_ start: Offset, to end: Offset, expiry: Timestamp, by rule: RecordExpiry, at now: Timestamp) {
        state.withLock { if $0.rule == rule { $0.runs.add(start, to: end, expiry: expiry, at: now) } }
    }

    /// When a batch expires that somebody has decoded; nil: nobody has.
    func knownExpiry(of batch: RecordBatchHeader, by rule: RecordExpiry) -> Timestamp? {
        state.withLock { state in
            guard state.rule == rule, let known = state.known[batch.baseOffset], known.crc == batch.crc else {
                return nil
            }
            return known.expiry
        }
    }

    func note(_ batch: RecordBatchHeader, expiry: Timestamp, by rule: RecordExpiry) {
        state.withLock { state in
            guard state.rule == rule else { return }
            if state.known.count >= Self.knownMax { state.known.removeAll(keepingCapacity: true) }
            state.known[batch.baseOffset] = Known(crc: batch.crc, expiry: expiry)
        }
    }
}
