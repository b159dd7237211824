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
        var isPaused = false
        /// Of the leader that wrote the record before `fetchOffset`; -1: not known.
        var fetchedEpoch: Int32 = -1
        /// Why it is not read on, until a seek.
        var error: KafkaClientError?
        /// Counts seeks and pauses: what was asked for before one is not wanted any more.
        var epoch = 0

        init(partition: TopicPartition, start: Int64, stop: Int64) {
            self.partition = partition
            fetchOffset = start
            position = start
            self.stop = stop
        }

        var isDone: Bool { fetchOffset >= stop }
        var isFetched: Bool { !isDone && !isPaused && error == nil }

        /// Goes on at `offset`; what was fetched is for nobody.
        fileprivate mutating func restart(at offset: Int64) {
            epoch += 1
            fetchOffset = offset
            position = offset
            fetchedEpoch = -1
        }
    }

    private enum Item {
        case batch(ConsumedBatch)
        case error(KafkaClientError)

        var byteCount: Int { if case .batch(let batch) = self { batch.byteCount } else { 0 } }
    }

    private struct State {
        var places: [Place]
        var items = CircularBuffer<(place: Int, item: Item)>()
        var byteCount = 0
        var isClosed = false
        /// Of `next`.
        var readers: [CheckedContinuation<Void, Never>] = []
        /// Of the fetcher's tasks, while there is no room or nothing to do.
        var roomWaiters: [CheckedContinuation<Void, Never>] = []
        var workWaiters: [CheckedContinuation<Void, Never>] = []
        var changes = Changes()

        /// Those who wait for room, where there is some.
        mutating func offerRoom(_ byteCountMax: Int) -> [CheckedContinuation<Void, Never>] {
            guard byteCount < byteCountMax / 2 || byteCount == 0 else { return [] }
            changes.room += 1
            defer { roomWaiters = [] }
            return roomWaiters
        }

        mutating func offerWork() -> [CheckedContinuation<Void, Never>] {
            changes.room += 1
            changes.work += 1
            defer {
                roomWaiters = []
                workWaiters = []
            }
            return roomWaiters + workWaiters
        }

        /// Forgets what was fetched for a place.
        mutating func drop(_ place: Int) {
            for (index, item) in items where index == place { byteCount -= item.byteCount }
            items.removeAll { $0.place == place }
        }

        func index(of partition: TopicPartition) throws(KafkaClientError) -> Int {
            guard let place = places.firstIndex(where: { $0.partition == partition }) else {
                throw .invalidArgument("\(partition) is not among the consumer's partitions")
            }
            return place
        }
    }

    /// Counts what may give a fetcher something to do.
    struct Changes {
        /// More room, or any of the following.
        var room = 0
        /// Another place, a partition that is read on, or an end of it all.
        var work = 0
    }

    let byteCountMax: Int
    private let state: Mutex<State>

    init(_ places: [Place], byteCountMax: Int) {
        self.byteCountMax = byteCountMax
        state = Mutex(State(places: places))
    }

    var places: [Place] { state.withLock { $0.places } }
    /// Of what has been fetched and not taken.
    var byteCount: Int { state.withLock { $0.byteCount } }
    var isClosed: Bool { state.withLock { $0.isClosed } }
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
        let (taken, waiters) = state.withLock { state -> (Taken, [CheckedContinuation<Void, Never>]) in
            switch state.items.popFirst() {
            case (let place, .batch(let batch))?:
                state.byteCount -= batch.byteCount
                state.places[place].position = batch.nextOffset.value
                return (.batch(batch), state.offerRoom(byteCountMax))
            case (_, .error(let error))?: return (.failed(error), [])
            case nil: break
            }
            if state.isClosed { return (.failed(.closed), []) }
            // It was thrown before, when it came up; nothing else is left but what waits for more.
            if let error = state.places.lazy.compactMap(\.error).first { return (.failed(error), []) }
            return (state.places.allSatisfy(\.isDone) ? .end : .nothing, [])
        }
        for waiter in waiters { waiter.resume() }
        return taken
    }

    /// Waits until `take` may bring something, or the task is cancelled.
    func waitForBatch() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    let isReady =
                        Task.isCancelled || !state.items.isEmpty || state.isClosed
                        || state.places.contains { $0.error != nil } || state.places.allSatisfy(\.isDone)
                    if !isReady { state.readers.append(continuation) }
                    return isReady
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            wakeReaders { _ in }
        }
    }

    func seek(_ partition: TopicPartition, to offset: Int64) throws(KafkaClientError) {
        try change { state throws(KafkaClientError) in
            let place = try state.index(of: partition)
            state.drop(place)
            state.places[place].error = nil
            state.places[place].restart(at: offset)
        }
    }

    /// Nothing is fetched or kept for partitions that are paused: they take none of the room that others need.
    func pause(_ partitions: [TopicPartition]) throws(KafkaClientError) {
        try change { state throws(KafkaClientError) in
            var places: [Int] = []
            for partition in partitions { places.append(try state.index(of: partition)) }
            for place in places where !state.places[place].isPaused {
                state.places[place].isPaused = true
                // An error stays where it is.
                guard state.places[place].error == nil else { continue }
                state.drop(place)
                state.places[place].restart(at: state.places[place].position)
            }
        }
    }

    func resume(_ partitions: [TopicPartition]) throws(KafkaClientError) {
        try change { state throws(KafkaClientError) in
            var places: [Int] = []
            for partition in partitions { places.append(try state.index(of: partition)) }
            for place in places { state.places[place].isPaused = false }
        }
    }

    func close() { change { state in state.isClosed = true } }

    /// Changes something that may concern everybody who waits.
    private func change<E: Error>(_ body: (inout State) throws(E) -> Void) throws(E) {
        let waiters = try state.withLock { state throws(E) in
            try body(&state)
            defer { state.readers = [] }
            return state.offerWork() + state.readers
        }
        for waiter in waiters { waiter.resume() }
    }

    private func wakeReaders(_ change: (inout State) -> Void) {
        let readers = state.withLock { state in
            change(&state)
            defer { state.readers = [] }
            return state.readers
        }
        for reader in readers { reader.resume() }
    }
}

// MARK: The fetcher's side

extension FetchBuffer {
    /// False: what was fetched waits to be taken first. Half of the bound is for what is on its way.
    var hasRoom: Bool { state.withLock { $0.byteCount < byteCountMax / 2 || $0.byteCount == 0 } }

    var changes: Changes { state.withLock { $0.changes } }

    /// Waits until there is more room, or more to do, since `changes` was read.
    nonisolated(nonsending) func waitForRoom(since seen: Changes) async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.changes.room != seen.room || state.isClosed { return true }
                state.roomWaiters.append(continuation)
                return false
            }
            if isReady { continuation.resume() }
        }
    }

    /// Waits until there is more to do since `changes` was read.
    nonisolated(nonsending) func waitForWork(since seen: Changes) async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.changes.work != seen.work || state.isClosed { return true }
                state.workWaiters.append(continuation)
                return false
            }
            if isReady { continuation.resume() }
        }
    }

    /// A partition has another leader, or none.
    func noteWork() { change { _ in } }

    func add(_ places: [Place]) { change { state in state.places += places } }

    /// Takes what was fetched for a place, unless the consumer has gone elsewhere since.
    /// - Parameter leaderEpoch: that of its last record.
    func add(_ batch: ConsumedBatch, leaderEpoch: Int32, place: Int, epoch: Int) {
        wakeReaders { state in
            guard state.places[place].epoch == epoch, !state.isClosed else { return }
            state.places[place].fetchOffset = batch.nextOffset.value
            state.places[place].fetchedEpoch = leaderEpoch
            state.byteCount += batch.byteCount
            state.items.append((place, .batch(batch)))
        }
    }

    /// Goes on elsewhere without records.
    func move(place: Int, epoch: Int, to offset: Int64) {
        wakeReaders { state in
            guard state.places[place].epoch == epoch else { return }
            state.places[place].fetchOffset = offset
            state.places[place].fetchedEpoch = -1
            if !state.items.contains(where: { $0.place == place }) { state.places[place].position = offset }
        }
    }

    /// Reads a partition no further; `next` throws the error when what was fetched before it has been taken.
    func fail(place: Int, epoch: Int, _ error: KafkaClientError) {
        wakeReaders { state in
            guard state.places[place].epoch == epoch, state.places[place].error == nil else { return }
            state.places[place].error = error
            state.items.append((place, .error(error)))
        }
    }
}
