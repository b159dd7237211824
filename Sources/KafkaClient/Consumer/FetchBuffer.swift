internal import NIOCore
internal import Synchronization

/// What has been fetched and not yet taken, and where each partition stands. Between the fetcher, which fills it, and the
/// consumer's `next`, which empties it.
final class FetchBuffer: Sendable {
    /// A partition that is read.
    struct Place: Sendable {
        let partition: TopicPartition
        /// Of the next record to fetch.
        var fetchOffset: Int64
        /// Of the next record that `next` brings.
        var position: Int64
        let stop: Int64
        /// Counts seeks: what was fetched before one is not wanted any more.
        var epoch = 0

        var isDone: Bool { fetchOffset >= stop }
    }

    private struct State {
        var places: [Place]
        var batches = CircularBuffer<(place: Int, batch: ConsumedBatch)>()
        var byteCount = 0
        var error: KafkaClientError?
        var isClosed = false
        /// Of `next`.
        var reader: CheckedContinuation<Void, Never>?
        /// Of fetchers, while there is no room or nothing to fetch.
        var fetchers: [CheckedContinuation<Void, Never>] = []
        var changes = 0

        mutating func takeFetchers() -> [CheckedContinuation<Void, Never>] {
            changes += 1
            defer { fetchers = [] }
            return fetchers
        }
    }

    private let byteCountMax: Int
    private let state: Mutex<State>

    init(_ places: [Place], byteCountMax: Int) {
        self.byteCountMax = byteCountMax
        state = Mutex(State(places: places))
    }

    var places: [Place] { state.withLock { $0.places } }
    /// True: nothing more is wanted, or can be had.
    var isOver: Bool { state.withLock { $0.isClosed || $0.error != nil } }
}

// MARK: The consumer's side

extension FetchBuffer {
    enum Taken {
        case batch(ConsumedBatch)
        case end
        case failed(KafkaClientError)
        /// Nothing yet.
        case nothing
    }

    func take() -> Taken {
        let (taken, fetchers) = state.withLock { state -> (Taken, [CheckedContinuation<Void, Never>]) in
            if let (place, batch) = state.batches.popFirst() {
                state.byteCount -= batch.byteCount
                state.places[place].position = batch.nextOffset.value
                return (.batch(batch), state.byteCount < byteCountMax ? state.takeFetchers() : [])
            }
            if let error = state.error { return (.failed(error), []) }
            if state.isClosed { return (.failed(.closed), []) }
            return (state.places.allSatisfy(\.isDone) ? .end : .nothing, [])
        }
        for fetcher in fetchers { fetcher.resume() }
        return taken
    }

    /// Waits until `take` may bring something, or the task is cancelled.
    func waitForBatch() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    let isReady =
                        Task.isCancelled || !state.batches.isEmpty || state.error != nil || state.isClosed
                        || state.places.allSatisfy(\.isDone)
                    precondition(isReady || state.reader == nil, "two tasks wait for one consumer's next batch")
                    if !isReady { state.reader = continuation }
                    return isReady
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            wakeReader { _ in }
        }
    }

    func seek(_ partition: TopicPartition, to offset: Int64) throws(KafkaClientError) {
        let fetchers = try state.withLock { state throws(KafkaClientError) in
            guard let place = state.places.firstIndex(where: { $0.partition == partition }) else {
                throw .invalidArgument("\(partition) is not among the consumer's partitions")
            }
            state.places[place].epoch += 1
            state.places[place].fetchOffset = offset
            state.places[place].position = offset
            for (index, batch) in state.batches where index == place { state.byteCount -= batch.byteCount }
            state.batches.removeAll { $0.place == place }
            return state.takeFetchers()
        }
        for fetcher in fetchers { fetcher.resume() }
    }

    func close() {
        wakeReader { state in state.isClosed = true }
        wakeFetchers()
    }
}

// MARK: The fetcher's side

extension FetchBuffer {
    private func wakeReader(_ change: (inout State) -> Void) {
        let reader = state.withLock { state in
            change(&state)
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume()
    }

    /// False: what was fetched waits to be taken first.
    var hasRoom: Bool { state.withLock { $0.byteCount < byteCountMax } }

    /// Counts what may give a fetcher something to do.
    var changes: Int { state.withLock { $0.changes } }

    /// Waits until there is more room, another place, or an end of it all, since `changes` was read.
    nonisolated(nonsending) func waitForChange(since seen: Int) async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.changes != seen || state.isClosed { return true }
                state.fetchers.append(continuation)
                return false
            }
            if isReady { continuation.resume() }
        }
    }

    func wakeFetchers() {
        let fetchers = state.withLock { $0.takeFetchers() }
        for fetcher in fetchers { fetcher.resume() }
    }

    /// Takes what was fetched for a place, unless the consumer has gone elsewhere since.
    func add(_ batch: ConsumedBatch, place: Int, epoch: Int) {
        wakeReader { state in
            guard state.places[place].epoch == epoch, !state.isClosed else { return }
            state.places[place].fetchOffset = batch.nextOffset.value
            state.byteCount += batch.byteCount
            state.batches.append((place: place, batch: batch))
        }
    }

    /// Goes on elsewhere without records.
    func move(place: Int, epoch: Int, to offset: Int64) {
        wakeReader { state in
            guard state.places[place].epoch == epoch else { return }
            state.places[place].fetchOffset = offset
            if !state.batches.contains(where: { $0.place == place }) { state.places[place].position = offset }
        }
    }

    /// `next` throws it when what was fetched before has been taken.
    func fail(_ error: KafkaClientError) {
        wakeReader { state in if state.error == nil { state.error = error } }
        wakeFetchers()
    }
}
