internal import Glibc
internal import NIOCore
internal import Synchronization

/// Where a producer's records gather, by partition, until the sender takes them. Safe from any thread: one lock, held for
/// the time of encoding a record.
final class Accumulator: Sendable {
    /// What the sender is to be told after an append.
    enum Wake {
        case nothing
        /// A batch has begun: look again when it has lingered.
        case soon
        /// There is something to send.
        case now
    }

    private struct State: ~Copyable {
        var topics: [String: TopicBuffer] = [:]
        /// By slot.
        var partitions: [PartitionBuffer] = []
        /// Slots with a batch that fills, in the order in which it was begun; some have been sealed since.
        var begun = CircularBuffer<(slot: Int, serial: Int64)>()
        var sealed: [ProducerBatch] = []
        var spare: [ProducerBatch] = []
        var nextSerial: Int64 = 0
        /// Batches with records that have not come to their end.
        var outstandingBatches = 0
        var spaceWaiters: [SpaceWaiter] = []
        /// Of the last record that there was no room for, and for which nobody waits here.
        var refusedBytes = 0
        var flushes: [Flush] = []
        var isTimerSet = false
        var isWakeUnderWay = false
        /// True: somebody waits for room or for a flush, so nothing should linger.
        var isPressed = false
        /// Of a record that nobody waited for.
        var firstError: KafkaClientError?
        var isClosed = false
        var statistics = ProducerStatistics()
    }

    private struct Flush {
        /// Batches with a lower serial number count.
        let serialBound: Int64
        var outstanding: Int
        let waiter: Pending<Void>
    }

    private struct SpaceWaiter {
        /// Of the record that is to find room.
        let byteCount: Int
        let waiter: Pending<Void>
    }

    private let options: ProducerOptions
    private let state = Mutex(State())

    init(_ options: ProducerOptions) { self.options = options }

    var statistics: ProducerStatistics { state.withLock { $0.statistics } }
    var isOpen: Bool { state.withLock { !$0.isClosed } }
}

/// Under the accumulator's lock, but for what is constant.
final class TopicBuffer: @unchecked Sendable {
    let name: String
    fileprivate var slots: [Int] = []
    fileprivate var sticky: StickyPartitioner

    fileprivate init(_ name: String) {
        self.name = name
        // Producers that start together should not all begin with the first partition.
        sticky = StickyPartitioner(startingAt: Int.random(in: 0..<1 << 16))
    }
}

/// Under the accumulator's lock, but for what is constant.
private final class PartitionBuffer: @unchecked Sendable {
    let topic: TopicBuffer
    let index: Int
    var filling: ProducerBatch?

    init(_ topic: TopicBuffer, _ index: Int) {
        self.topic = topic
        self.index = index
    }
}

// MARK: Topics

extension Accumulator {
    func topic(_ name: String) -> TopicBuffer? { state.withLock { $0.topics[name] } }

    func partitionCount(of topic: TopicBuffer) -> Int { state.withLock { _ in topic.slots.count } }

    func partition(ofSlot slot: Int) -> TopicPartition {
        state.withLock { TopicPartition(topic: $0.partitions[slot].topic.name, partition: $0.partitions[slot].index) }
    }

    /// Makes room for a topic's partitions; there are never fewer than before.
    @discardableResult
    func prepare(_ name: String, partitions count: Int) -> TopicBuffer {
        state.withLock { state in
            let topic = state.topics[name] ?? TopicBuffer(name)
            state.topics[name] = topic
            while topic.slots.count < count {
                state.partitions.append(PartitionBuffer(topic, topic.slots.count))
                topic.slots.append(state.partitions.count - 1)
            }
            return topic
        }
    }
}

// MARK: Appending

extension Accumulator {
    /// A record with its memory, for the time of a call.
    struct RecordBytes {
        var key: UnsafeRawBufferPointer?
        var value: UnsafeRawBufferPointer?
        var headers: [RecordHeader]
        var timestamp: Timestamp?

        /// At most what it takes in a batch.
        var encodedBytesMax: Int {
            Accumulator.encodedBytesMax(key: key?.count, value: value?.count, headers: headers)
        }
    }

    static func encodedBytesMax(key: Int?, value: Int?, headers: [RecordHeader]) -> Int {
        headers.reduce(32 + (key ?? 0) + (value ?? 0)) { $0 + 20 + $1.name.utf8.count + ($1.value?.count ?? 0) }
    }

    /// Takes a record for which nobody waits. nil: there is no room, and the record has to be handed in again after
    /// `waitForSpace`. Throws the first error of such a record until `flush` has.
    func append(
        _ record: RecordBytes, to topic: TopicBuffer, partition: Int?
    ) throws(KafkaClientError) -> Wake? {
        try append(record, to: topic, partition: partition, isAttended: false) { _, _ in }
    }

    /// The same for a record whose caller waits.
    func append(
        _ record: RecordBytes, to topic: TopicBuffer, partition: Int?, for caller: Pending<RecordMetadata>
    ) throws(KafkaClientError) -> Wake? {
        try append(record, to: topic, partition: partition, isAttended: true) { batch, timestamp in
            batch.deliveries.append(.record(index: batch.recordCount - 1, timestamp: timestamp, caller))
        }
    }

    /// The same for one of several records whose caller waits for all.
    func append(
        _ record: RecordBytes, to topic: TopicBuffer, partition: Int?, for group: DeliveryGroup
    ) throws(KafkaClientError) -> Wake? {
        try append(record, to: topic, partition: partition, isAttended: true) { batch, _ in
            group.add(1)
            if case .group(let last, let count)? = batch.deliveries.last, last === group {
                batch.deliveries[batch.deliveries.count - 1] = .group(group, count: count + 1)
            } else {
                batch.deliveries.append(.group(group, count: 1))
            }
        }
    }

    @inline(__always)
    private func append(
        _ record: RecordBytes, to topic: TopicBuffer, partition: Int?, isAttended: Bool,
        note: (ProducerBatch, Timestamp) -> Void
    ) throws(KafkaClientError) -> Wake? {
        let size = record.encodedBytesMax
        let timestamp = record.timestamp ?? Self.now()
        guard size <= options.requestBytesMax else {
            throw .recordTooLarge(bytes: size, limit: options.requestBytesMax)
        }
        return try state.withLock { state throws(KafkaClientError) in
            if state.isClosed { throw .closed }
            if !isAttended, let error = state.firstError { throw error }
            // One record always has room, or it could never be sent.
            guard state.statistics.bufferedBytes + size <= options.bufferBytesMax || state.outstandingBatches == 0
            else {
                state.refusedBytes = size
                return nil
            }
            let slot = try Self.slot(for: record.key, topic, partition)
            var buffer = state.partitions[slot]
            if let full = buffer.filling, !full.hasRoom(for: size, max: options.batchBytesMax) {
                seal(buffer, &state)
                // A record without a key goes on with the partition that is next now.
                if record.key == nil, partition == nil {
                    buffer = state.partitions[try Self.slot(for: nil, topic, nil)]
                }
            }
            let filling = buffer.filling
            let batch = filling ?? begin(buffer, &state)
            let added = batch.append(record, timestamp)
            note(batch, timestamp)
            state.statistics.bufferedBytes += added
            state.statistics.recordsEnqueued += 1
            state.statistics.payloadBytesEnqueued += (record.key?.count ?? 0) + (record.value?.count ?? 0)
            if !batch.hasRoom(for: 1, max: options.batchBytesMax) { seal(buffer, &state) }
            return wake(&state, hasBegun: filling == nil)
        }
    }

    private static func slot(
        for key: UnsafeRawBufferPointer?, _ topic: TopicBuffer, _ partition: Int?
    ) throws(KafkaClientError) -> Int {
        let count = topic.slots.count
        if let partition {
            guard topic.slots.indices.contains(partition) else {
                throw .unknownPartition(topic: topic.name, partition: partition, count: count)
            }
            return topic.slots[partition]
        }
        guard let key else { return topic.slots[topic.sticky.partition(of: count)] }
        return topic.slots[DefaultPartitioner.partition(forKey: RawSpan(_unsafeBytes: key), of: count)]
    }

    private func begin(_ buffer: PartitionBuffer, _ state: inout State) -> ProducerBatch {
        let batch = state.spare.popLast() ?? ProducerBatch(compression: options.compression)
        batch.slot = buffer.topic.slots[buffer.index]
        batch.serial = state.nextSerial
        batch.begun = .now()
        state.nextSerial += 1
        state.outstandingBatches += 1
        state.begun.append((slot: batch.slot, serial: batch.serial))
        buffer.filling = batch
        return batch
    }

    private func seal(_ buffer: PartitionBuffer, _ state: inout State) {
        guard let batch = buffer.filling else { return }
        buffer.filling = nil
        buffer.topic.sticky.moveOn()
        state.sealed.append(batch)
    }

    private func wake(_ state: inout State, hasBegun: Bool) -> Wake {
        if state.isWakeUnderWay { return .nothing }
        if !state.sealed.isEmpty || (hasBegun && (state.isPressed || options.linger <= .zero)) {
            state.isWakeUnderWay = true
            return .now
        }
        guard hasBegun, !state.isTimerSet else { return .nothing }
        state.isTimerSet = true
        return .soon
    }

    private static func now() -> Timestamp {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Timestamp(milliseconds: Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000)
    }
}

// MARK: For the sender

extension Accumulator {
    struct Collected {
        /// Full, or asked for.
        var batches: [ProducerBatch] = []
        /// Slots whose batch still fills and has lingered.
        var dueSlots: [Int] = []
        /// When the next batch will have lingered.
        var next: NIODeadline?
    }

    /// What is to be sent at `now`. Batches that fill stay until `takeFilling` asks for them.
    func collect(now: NIODeadline, isTimer: Bool) -> Collected {
        state.withLock { state in
            state.isWakeUnderWay = false
            if isTimer { state.isTimerSet = false }
            var collected = Collected(batches: state.sealed)
            state.sealed.removeAll(keepingCapacity: true)
            let linger = state.isPressed ? .zero : TimeAmount(options.linger)
            while let (slot, serial) = state.begun.first {
                guard let batch = state.partitions[slot].filling, batch.serial == serial else {
                    state.begun.removeFirst()
                    continue
                }
                guard batch.begun + linger <= now else {
                    collected.next = batch.begun + linger
                    break
                }
                state.begun.removeFirst()
                collected.dueSlots.append(slot)
            }
            if collected.next != nil {
                if state.isTimerSet { collected.next = nil } else { state.isTimerSet = true }
            }
            return collected
        }
    }

    /// The batches of slots that still fill, behind all that are full: a partition's older batch must not come after its
    /// newer one.
    func takeFilling(_ slots: [Int]) -> [ProducerBatch] {
        state.withLock { state in
            for slot in slots { seal(state.partitions[slot], &state) }
            let batches = state.sealed
            state.sealed.removeAll(keepingCapacity: true)
            return batches
        }
    }

    func noteRetry() { state.withLock { $0.statistics.retries += 1 } }

    /// A batch has come to its end: tells those who wait for it, and for room.
    func complete(_ batch: ProducerBatch, _ result: Result<BatchOutcome, KafkaClientError>) {
        let partition = partition(ofSlot: batch.slot)
        let deliveries = batch.deliveries
        let resumed = state.withLock { state -> [Pending<Void>] in
            state.statistics.bufferedBytes -= batch.bufferedBytes
            state.outstandingBatches -= 1
            switch result {
            case .success(let outcome):
                state.statistics.recordsAcknowledged += batch.recordCount
                state.statistics.batchesAcknowledged += 1
                state.statistics.wireBytesAcknowledged += outcome.wireBytes
            case .failure(let error):
                state.statistics.recordsFailed += batch.recordCount
                if batch.hasUnattended, state.firstError == nil { state.firstError = error }
            }
            var resumed = Self.finishFlushes(&state, batch.serial)
            resumed += takeSpaceWaiters(&state)
            state.isPressed = !state.spaceWaiters.isEmpty || !state.flushes.isEmpty
            batch.reset()
            if state.spare.count < 16 { state.spare.append(batch) }
            return resumed
        }
        for delivery in deliveries { delivery.complete(partition, result) }
        for waiter in resumed { waiter.complete(.success(())) }
    }

    /// Not at once below the limit: each waiter that wakes should find room for more than one record.
    private func hasSpace(_ state: borrowing State, for byteCount: Int) -> Bool {
        let buffered = state.statistics.bufferedBytes
        return state.outstandingBatches == 0
            || (buffered <= options.bufferBytesMax / 4 * 3 && buffered + byteCount <= options.bufferBytesMax)
    }

    private func takeSpaceWaiters(_ state: inout State) -> [Pending<Void>] {
        var ready: [Pending<Void>] = []
        var left: [SpaceWaiter] = []
        for waiter in state.spaceWaiters {
            if hasSpace(state, for: waiter.byteCount) { ready.append(waiter.waiter) } else { left.append(waiter) }
        }
        state.spaceWaiters = left
        return ready
    }

    private static func finishFlushes(_ state: inout State, _ serial: Int64) -> [Pending<Void>] {
        var done: [Pending<Void>] = []
        for index in state.flushes.indices.reversed() where serial < state.flushes[index].serialBound {
            state.flushes[index].outstanding -= 1
            if state.flushes[index].outstanding == 0 { done.append(state.flushes.remove(at: index).waiter) }
        }
        return done
    }
}

extension Delivery {
    fileprivate func complete(_ partition: TopicPartition, _ result: Result<BatchOutcome, KafkaClientError>) {
        switch self {
        case .record(let index, let timestamp, let caller):
            caller.complete(
                result.map { outcome in
                    RecordMetadata(
                        topic: partition.topic, partition: partition.partition,
                        offset: outcome.baseOffset?.advanced(by: Int64(index)),
                        timestamp: outcome.logAppendTime ?? timestamp)
                })
        case .group(let group, let count):
            if case .failure(let error) = result { group.complete(count, error) } else { group.complete(count, nil) }
        }
    }
}

// MARK: Waiting

extension Accumulator {
    /// Waits until there is room for a record of so many bytes; nil: for the one that was refused last. `wakeSender` is
    /// called where the sender does not know yet that it must hurry. Throws `closed`, `cancelled`.
    nonisolated(nonsending) func waitForSpace(
        for byteCount: Int?, _ wakeSender: () -> Void
    ) async throws(KafkaClientError) {
        let waiter = Pending<Void>()
        let isWaiting = try state.withLock { state throws(KafkaClientError) in
            if state.isClosed { throw .closed }
            let byteCount = byteCount ?? state.refusedBytes
            if hasSpace(state, for: byteCount) { return false }
            state.spaceWaiters.append(SpaceWaiter(byteCount: byteCount, waiter: waiter))
            state.isPressed = true
            return true
        }
        guard isWaiting else { return }
        wakeSender()
        do throws(KafkaClientError) {
            try await waiter.wait()
        } catch {
            state.withLock { $0.spaceWaiters.removeAll { $0.waiter === waiter } }
            throw error
        }
    }

    /// Waits until all records so far have come to their end; throws the first error of one that nobody waited for, once.
    /// Throws `cancelled` before that where the task is; the error is then for the next.
    nonisolated(nonsending) func flush(_ wakeSender: () -> Void) async throws(KafkaClientError) {
        let waiter = Pending<Void>()
        let isWaiting = state.withLock { state in
            guard state.outstandingBatches > 0 else { return false }
            sealAll(&state)
            state.flushes.append(
                Flush(serialBound: state.nextSerial, outstanding: state.outstandingBatches, waiter: waiter))
            state.isPressed = true
            return true
        }
        if isWaiting {
            wakeSender()
            do throws(KafkaClientError) {
                try await waiter.wait()
            } catch {
                state.withLock { $0.flushes.removeAll { $0.waiter === waiter } }
                throw error
            }
        }
        let error = state.withLock { state in
            defer { state.firstError = nil }
            return state.firstError
        }
        if let error { throw error }
    }

    private func sealAll(_ state: inout State) {
        for (slot, _) in state.begun { seal(state.partitions[slot], &state) }
        state.begun.removeAll()
    }

    /// Takes no more records; false: it took none before either.
    func close() -> Bool {
        let (wasOpen, waiters) = state.withLock { state in
            defer {
                state.isClosed = true
                state.spaceWaiters = []
            }
            return (!state.isClosed, state.spaceWaiters)
        }
        for waiter in waiters { waiter.waiter.complete(.failure(.closed)) }
        return wasOpen
    }

    /// What nobody has taken yet, whether it is full or not.
    func takeAll() -> [ProducerBatch] {
        state.withLock { state in
            sealAll(&state)
            defer { state.sealed = [] }
            return state.sealed
        }
    }
}
