/// A member of a consumer group: reads its share of topics' partitions, from where the group has come to, and commits how
/// far it gets. Members come and go; the others take over what they had.
///
///     let consumer = try client.makeGroupConsumer(group: "dashboard", topics: ["readings"])
///     for try await batch in consumer {
///         try batch.forEachRecord { record in … }
///     }
///
/// Offsets are committed by themselves every `autoCommitInterval`, of what the application has gone past: to ask for more
/// is to say that all which came before is done. So every record is processed at least once, and twice only where a
/// consumer dies, or stays away, before it could commit. With `autoCommitInterval` nil only `commit` commits, as for an
/// application whose results are safe at moments of its own.
///
/// A rebalance waits until the application asks for more, at most `processingTimeout`; so nothing that it works at goes to
/// another member. For that, one task calls `next`: all that was taken counts as done when more is asked for, whoever asks.
/// Who hands batches on to other tasks commits them by `commit` as they are done.
///
/// What is thrown by `next` ends the partition that it is about, until a `seek`, as with `Consumer`. Some errors end it
/// all: `fencedInstance`, `inconsistentAssignors`, and what a broker refuses for good. Brokers that are away are waited
/// for.
public final class GroupConsumer: Sendable, AsyncSequence {
    public typealias Element = ConsumedBatch
    public typealias Failure = KafkaClientError

    public let group: String
    private let buffer: FetchBuffer
    private let fetcher: Fetcher
    private let session: GroupSession

    init(group: String, _ buffer: FetchBuffer, _ fetcher: Fetcher, _ session: GroupSession) {
        self.group = group
        self.buffer = buffer
        self.fetcher = fetcher
        self.session = session
    }

    deinit {
        buffer.close()
        let session = session
        Task { await session.close() }
    }

    /// Commits that wait for one before them, for tests.
    var waitingCommits: Int { get async { await session.turns.waitingCount } }

    /// What it is made of, for tests of what is left of it.
    var parts: [AnyObject] { [session] + session.parts }

    /// The next records of some partition. Waits while there are none, and while the group rebalances; never nil.
    /// - Throws: as `Consumer.next`, and what ends the membership.
    public func next() async throws(KafkaClientError) -> ConsumedBatch? {
        while true {
            if buffer.comeBack() { Task { await session.applicationIsBack() } }
            switch buffer.take() {
            case .batch(let batch): return batch
            case .failed(let error): throw error
            case .end, .nothing:
                if Task.isCancelled { throw .cancelled }
                await buffer.waitForBatch()
            }
        }
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let consumer: GroupConsumer

        public mutating func next() async throws(KafkaClientError) -> ConsumedBatch? { try await consumer.next() }

        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(KafkaClientError) -> ConsumedBatch? {
            try await consumer.next()
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(consumer: self) }

    /// Ends the membership: commits what the application has gone past (unless only `commit` does), tells of what is
    /// revoked, and leaves the group, so that the others take over at once; a static member does not leave. `next` throws
    /// `closed`. The batch that `next` brought last counts only if `next` was called again or `commit` was. Not to be
    /// called in what a `RebalanceEvent` is told to.
    public func close() async {
        buffer.close()
        await session.close()
    }
}

// MARK: Its share

extension GroupConsumer {
    /// The partitions that it has at the moment, in order.
    public var partitions: [TopicPartition] {
        buffer.places.lazy.filter { !$0.isGone }.map(\.partition).sorted()
    }

    /// Of each partition, the offset of the next record that `next` brings.
    public var positions: [TopicPartition: Offset] { buffer.takenPositions.mapValues(\.offset) }

    /// Bytes that have been fetched and wait to be taken by `next`. Cheap.
    public var bufferedBytes: Int { buffer.byteCount }

    /// The name that the coordinator gave it; nil: none yet.
    public var memberID: String? {
        get async {
            let id = await session.membership.memberID
            return id.isEmpty ? nil : id
        }
    }

    /// The group's generation that it belongs to; nil: it is not a member at the moment.
    public var generation: Int? {
        get async {
            let membership = await session.membership
            return membership.isInGeneration ? Int(membership.generation) : nil
        }
    }

    /// Goes on elsewhere in a partition, as `Consumer.seek`. The next commit commits the new place.
    /// - Throws: `invalidArgument` for a partition that is not the consumer's at the moment.
    public func seek(_ partition: TopicPartition, to offset: Offset) throws(KafkaClientError) {
        try buffer.seek(partition, to: offset.value)
    }

    /// The same for an end of the partition or a point in time, which its leader is asked for.
    public func seek(_ partition: TopicPartition, to position: StartPosition) async throws(KafkaClientError) {
        try await fetcher.seek(partition, to: position)
    }

    /// Fetches partitions no more until they are resumed, or go to another member and come back.
    /// - Throws: `invalidArgument` for a partition that is not the consumer's at the moment.
    public func pause(_ partitions: some Sequence<TopicPartition>) throws(KafkaClientError) {
        try buffer.pause(Array(partitions))
    }

    /// Goes on with partitions where they were paused.
    /// - Throws: the same.
    public func resume(_ partitions: some Sequence<TopicPartition>) throws(KafkaClientError) {
        try buffer.resume(Array(partitions))
    }

    /// The partitions that are paused.
    public var paused: Set<TopicPartition> {
        Set(buffer.places.lazy.filter { $0.isPaused && !$0.isGone }.map(\.partition))
    }
}

// MARK: Commits

extension GroupConsumer {
    /// Commits all that `next` has brought, with the last batch. Returns when it is durable.
    /// - Throws: `commitRefused` where the group has gone on without the consumer; what kept the coordinator from
    ///   answering for `requestTimeout`.
    public func commit() async throws(KafkaClientError) { try await session.commitTaken() }

    /// Commits these offsets: of each partition, that of the next record to read.
    /// - Throws: the same; `commitRefused` also for a partition that is not the consumer's at the moment.
    public func commit(_ positions: [TopicPartition: GroupOffset]) async throws(KafkaClientError) {
        try await session.commit(positions)
    }

    /// The same of a batch: it is done, and what came before it in its partition.
    public func commit(_ batch: ConsumedBatch) async throws(KafkaClientError) {
        let partition = TopicPartition(topic: batch.topic, partition: batch.partition)
        let position = GroupOffset(offset: batch.nextOffset, wireEpoch: batch.leaderEpoch)
        try await session.commit([partition: position])
    }

    /// Commits all that `next` has brought by now, without waiting for it.
    /// - Parameter whenDone: is told of what became of it.
    public func commitInBackground(
        whenDone: (@Sendable (KafkaClientError?) -> Void)? = nil
    ) {
        let positions = buffer.takenPositions
        let ticket = session.tickets.draw()
        Task { [session] in
            do throws(KafkaClientError) {
                try await session.commit(positions, ticket: ticket, onlyChanged: true)
                whenDone?(nil)
            } catch {
                whenDone?(error)
            }
        }
    }

    /// What the group has committed of the consumer's partitions.
    public func committed() async throws(KafkaClientError) -> [TopicPartition: GroupOffset] {
        try await session.committedPositions()
    }
}
