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
        /// The same of `position`.
        var positionEpoch: Int32 = -1
        /// Where the application is known to have come to: `position`, but for what it was given last.
        var passed: Int64
        var passedEpoch: Int32 = -1
        /// Why it is not read on, until a seek.
        var error: KafkaClientError?
        /// Counts seeks and pauses: what was asked for before one is not wanted any more.
        var epoch = 0
        /// Not fetched for a while: its consumer is not told of it yet, or is to let go of it.
        fileprivate(set) var isHeld = false
        /// No longer the consumer's. Its place is used again when it is assigned once more.
        fileprivate(set) var isGone = false

        init(partition: TopicPartition, start: Int64, stop: Int64) {
            self.partition = partition
            fetchOffset = start
            position = start
            passed = start
            self.stop = stop
        }

        var isDone: Bool { fetchOffset >= stop }
        var isFetched: Bool { !isDone && !isPaused && !isHeld && !isGone && error == nil }

        /// Goes on at `offset`; what was fetched is for nobody.
        fileprivate mutating func restart(at offset: Int64) {
            epoch += 1
            fetchOffset = offset
            fetchedEpoch = offset == position ? positionEpoch : -1
            position = offset
            positionEpoch = fetchedEpoch
        }

        /// The application asks for more: it is done with what it has.
        fileprivate mutating func pass() {
            passed = position
            passedEpoch = positionEpoch
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
        /// Places of what `next` brought last.
        var outstanding: [Int] = []
        /// When `next` was called, or brought something, last.
        var polledAt = NIODeadline.now()
        /// The group has been left, because `next` was not called.
        var isAway = false
        /// Why nothing comes any more, ever.
        var failure: KafkaClientError?
        /// Those who wait for the application to be done with what it has.
        var passedWaiters: [CheckedContinuation<Void, Never>] = []
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

        /// The application is done with what it has. Returns those who have waited for it.
        mutating func pass() -> [CheckedContinuation<Void, Never>] {
            for place in outstanding { places[place].pass() }
            outstanding.removeAll(keepingCapacity: true)
            defer { passedWaiters = [] }
            return passedWaiters
        }

        /// Whether nothing of these partitions is with the application, or nobody need wait for it.
        func isPassed(_ partitions: Set<TopicPartition>) -> Bool {
            isClosed || isAway || failure != nil
                || !outstanding.contains { partitions.contains(places[$0].partition) }
        }

        func index(of partition: TopicPartition) throws(KafkaClientError) -> Int {
            guard let place = places.firstIndex(where: { $0.partition == partition && !$0.isGone }) else {
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
    /// Partitions may come yet: that all which there are have come to their stops is no end.
    private let isOpenEnded: Bool
    private let state: Mutex<State>

    init(_ places: [Place], byteCountMax: Int, isOpenEnded: Bool = false) {
        self.byteCountMax = byteCountMax
        self.isOpenEnded = isOpenEnded
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
            let waiters = state.pass()
            state.polledAt = .now()
            if let failure = state.failure { return (.failed(failure), waiters) }
            switch state.items.popFirst() {
            case (let place, .batch(let batch))?:
                state.byteCount -= batch.byteCount
                state.places[place].position = batch.nextOffset.value
                state.places[place].positionEpoch = batch.leaderEpoch
                state.outstanding.append(place)
                return (.batch(batch), waiters + state.offerRoom(byteCountMax))
            case (_, .error(let error))?: return (.failed(error), waiters)
            case nil: break
            }
            if state.isClosed { return (.failed(.closed), waiters) }
            // It was thrown before, when it came up; nothing else is left but what waits for more.
            if let error = state.places.lazy.compactMap(\.error).first { return (.failed(error), waiters) }
            return (isAtEnd(state) ? .end : .nothing, waiters)
        }
        for waiter in waiters { waiter.resume() }
        return taken
    }

    private func isAtEnd(_ state: State) -> Bool { !isOpenEnded && state.places.allSatisfy(\.isDone) }

    /// Waits until `take` may bring something, or the task is cancelled.
    func waitForBatch() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    let isReady =
                        Task.isCancelled || !state.items.isEmpty || state.isClosed || state.failure != nil
                        || state.places.contains { $0.error != nil } || isAtEnd(state)
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
            state.places[place].pass()
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
            defer {
                state.readers = []
                state.passedWaiters = []
            }
            return state.offerWork() + state.readers + state.passedWaiters
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

// MARK: A group's side

extension FetchBuffer {
    /// Takes partitions in, or takes them up again. They are held until `letGo`.
    /// - Parameter starts: where each is read on, or why it cannot be.
    /// - Returns: their places.
    func assign(_ starts: [(TopicPartition, Result<GroupOffset, KafkaClientError>)]) -> [Int] {
        var indexes: [Int] = []
        change { state in
            for (partition, start) in starts {
                var place = Place(partition: partition, start: (try? start.get().offset.value) ?? 0, stop: .max)
                place.isHeld = true
                var failure: KafkaClientError?
                switch start {
                case .success(let position):
                    place.fetchedEpoch = position.wireEpoch
                    place.positionEpoch = place.fetchedEpoch
                    place.passedEpoch = place.fetchedEpoch
                case .failure(let error):
                    place.error = error
                    failure = error
                }
                let index = state.places.firstIndex { $0.partition == partition } ?? state.places.count
                if index < state.places.count {
                    place.epoch = state.places[index].epoch + 1
                    state.drop(index)
                    state.places[index] = place
                } else {
                    state.places.append(place)
                }
                if let failure { state.items.append((index, .error(failure))) }
                indexes.append(index)
            }
        }
        return indexes
    }

    /// Fetches and brings nothing more of partitions; what was fetched of them is for nobody.
    func hold(_ partitions: Set<TopicPartition>) {
        change { state in
            for index in state.places.indices where partitions.contains(state.places[index].partition) {
                state.places[index].isHeld = true
                state.drop(index)
                state.places[index].restart(at: state.places[index].position)
            }
        }
    }

    /// Fetches partitions that were held.
    func letGo(_ partitions: Set<TopicPartition>) {
        change { state in
            for index in state.places.indices where partitions.contains(state.places[index].partition) {
                state.places[index].isHeld = false
            }
        }
    }

    func remove(_ partitions: Set<TopicPartition>) {
        change { state in
            for index in state.places.indices where partitions.contains(state.places[index].partition) {
                state.drop(index)
                state.places[index].epoch += 1
                state.places[index].isGone = true
                state.places[index].error = nil
                state.outstanding.removeAll { $0 == index }
            }
        }
    }

    /// Waits until the application has asked for more since it took something of these partitions, or does not come back.
    nonisolated(nonsending) func waitUntilPassed(_ partitions: Set<TopicPartition>) async {
        while !state.withLock({ $0.isPassed(partitions) }) {
            await withCheckedContinuation { continuation in
                let isPassed = state.withLock { state in
                    if state.isPassed(partitions) { return true }
                    state.passedWaiters.append(continuation)
                    return false
                }
                if isPassed { continuation.resume() }
            }
        }
    }

    /// Brings this error alone from now on.
    func fail(_ error: KafkaClientError) {
        change { state in
            state.items.removeAll()
            state.byteCount = 0
            state.failure = error
        }
    }

    /// Whether nobody has asked for more, or waits for it, for a time.
    func isLate(after time: TimeAmount) -> Bool {
        state.withLock { $0.readers.isEmpty && !$0.isAway && NIODeadline.now() - $0.polledAt > time }
    }

    func goAway() { change { $0.isAway = true } }

    /// The application asks for more. Returns whether it was away.
    func comeBack() -> Bool {
        state.withLock { state in
            defer { state.isAway = false }
            return state.isAway
        }
    }

    /// Where the application is known to have come to, of the partitions that are the consumer's.
    var passedPositions: [TopicPartition: GroupOffset] {
        positions { GroupOffset(offset: Offset($0.passed), wireEpoch: $0.passedEpoch) }
    }

    /// Where it will have come to when it is done with what it took.
    var takenPositions: [TopicPartition: GroupOffset] {
        positions { GroupOffset(offset: Offset($0.position), wireEpoch: $0.positionEpoch) }
    }

    private func positions(_ position: (Place) -> GroupOffset) -> [TopicPartition: GroupOffset] {
        state.withLock { state in
            state.places.reduce(into: [:]) { positions, place in
                // One without a place to start from has no position.
                if !place.isGone && place.error == nil { positions[place.partition] = position(place) }
            }
        }
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
    func add(_ batch: ConsumedBatch, place: Int, epoch: Int) {
        wakeReaders { state in
            guard state.places[place].epoch == epoch, !state.isClosed else { return }
            state.places[place].fetchOffset = batch.nextOffset.value
            state.places[place].fetchedEpoch = batch.leaderEpoch
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
            guard !state.items.contains(where: { $0.place == place }) else { return }
            state.places[place].position = offset
            state.places[place].positionEpoch = -1
            if !state.outstanding.contains(place) { state.places[place].pass() }
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
