/// Reads partitions, each from a place of its own on. What comes is fetched ahead, up to `bufferBytesMax`.
///
///     for try await batch in consumer {
///         try batch.forEachRecord { record in … }
///     }
///
/// The sequence ends when every partition has come to its stop; without one it waits for more. Within a partition records
/// come in order; partitions take turns. Who wants to go on later keeps `positions`, or is a
/// `GroupConsumer`. Records
/// of transactions come as they were written, also those of one that was aborted.
///
/// An error ends the partition that it is about, and the others go on: `next` throws it in its place, and again when
/// nothing else is left, until a `seek` takes the partition up once more. Leaders that move and brokers that come back
/// are no errors before `ConsumerOptions.retryTimeout`.
///
/// Safe to use from any number of tasks. Where a task that waits is cancelled it gets `cancelled`, and the consumer is as
/// good as before.
public final class Consumer: Sendable, AsyncSequence {
    public typealias Element = ConsumedBatch
    public typealias Failure = KafkaClientError

    private let buffer: FetchBuffer
    private let fetcher: Fetcher

    private init(_ buffer: FetchBuffer, _ fetcher: Fetcher) {
        self.buffer = buffer
        self.fetcher = fetcher
    }

    deinit {
        buffer.close()
        let fetcher = fetcher
        Task { await fetcher.stop() }
    }

    /// What it is made of, for tests of what is left of it.
    var parts: [AnyObject] { [buffer, fetcher, fetcher.cluster] }

    /// The next records of some partition; nil: all partitions have come to their stops. Waits while there is nothing.
    /// - Throws: `offsetOutOfRange` and `logTruncated`, where `outOfRange` does not say how to go on; `damagedPartition`
    ///   and `unreadableBatch`, behind which a `seek` goes on; `unknownTopic` where a topic was deleted; the error of
    ///   brokers that have failed for `retryTimeout`; `closed`; and `cancelled` when the task is.
    public func next() async throws(KafkaClientError) -> ConsumedBatch? {
        while true {
            switch buffer.take() {
            case .batch(let batch): return batch
            case .end: return nil
            case .failed(let error): throw error
            case .nothing:
                if Task.isCancelled { throw .cancelled }
                await buffer.waitForBatch()
            }
        }
    }

    /// Of each partition, the offset of the next record that `next` brings.
    public var positions: [TopicPartition: Offset] {
        buffer.places.reduce(into: [:]) { $0[$1.partition] = Offset($1.position) }
    }

    /// Bytes that have been fetched and wait to be taken by `next`. Cheap.
    public var bufferedBytes: Int { buffer.byteCount }

    /// Goes on elsewhere in a partition, also where an error had ended it: the next records that `next` brings of it are
    /// those from `offset` on. Its stop stays.
    /// - Throws: `invalidArgument` for a partition that is not the consumer's.
    public func seek(_ partition: TopicPartition, to offset: Offset) throws(KafkaClientError) {
        try buffer.seek(partition, to: offset.value)
    }

    /// The same for an end of the partition or a point in time, which its leader is asked for; that may take as long as a
    /// fetch waits (`maxWait`). For a time after the last record, goes on at the end.
    /// - Throws: the same; what keeps the leader from answering; `cancelled`.
    public func seek(_ partition: TopicPartition, to position: StartPosition) async throws(KafkaClientError) {
        try await fetcher.seek(partition, to: position)
    }

    /// Fetches partitions no more until they are resumed; `next` brings nothing of them. What had been fetched of them is
    /// let go of and fetched again later, so that a partition that is paused holds no memory.
    /// - Throws: `invalidArgument` for a partition that is not the consumer's.
    public func pause(_ partitions: some Sequence<TopicPartition>) throws(KafkaClientError) {
        try buffer.pause(Array(partitions))
    }

    /// Goes on with partitions where they were paused.
    /// - Throws: `invalidArgument` for a partition that is not the consumer's.
    public func resume(_ partitions: some Sequence<TopicPartition>) throws(KafkaClientError) {
        try buffer.resume(Array(partitions))
    }

    /// The partitions that are read, in order: those that were asked for, and any that were added to a whole topic.
    public var partitions: [TopicPartition] { buffer.places.map(\.partition) }

    /// The partitions that are paused.
    public var paused: Set<TopicPartition> { Set(buffer.places.lazy.filter(\.isPaused).map(\.partition)) }

    /// Stops fetching and closes the connections. `next` throws `closed` after what it has still got.
    public func close() async {
        buffer.close()
        await fetcher.stop()
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let consumer: Consumer

        public mutating func next() async throws(KafkaClientError) -> ConsumedBatch? { try await consumer.next() }

        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(KafkaClientError) -> ConsumedBatch? {
            try await consumer.next()
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(consumer: self) }
}

// MARK: Making one

extension Consumer {
    /// Looks up where the assignments begin and end.
    /// - Parameter wholeTopics: topics whose partitions are read as they are added.
    static func make(
        _ cluster: Cluster, _ assignments: [PartitionAssignment], wholeTopics: [String] = [],
        _ options: ConsumerOptions
    ) async throws(KafkaClientError) -> Consumer {
        guard !assignments.isEmpty else { throw .invalidArgument("a consumer needs one partition at least") }
        let partitions = assignments.map { TopicPartition(topic: $0.topic, partition: $0.partition) }
        guard Set(partitions).count == partitions.count else {
            throw .invalidArgument("a consumer reads each partition once")
        }
        do throws(KafkaClientError) {
            // The ends first: a stop at the end is then never after what a start at the end would skip.
            let ends = try await cluster.offsets(partitions.map { ($0, .latest) }).map { $0?.offset.value ?? 0 }
            let starts = try await lookUp(cluster, partitions, assignments.map(\.start.query))
            let stops = try await lookUp(cluster, partitions, assignments.map(\.stop.query))
            let places = assignments.indices.map { index in
                let start = assignments[index].start.offset ?? starts[index] ?? ends[index]
                let stop = assignments[index].stop.bound(end: ends[index], found: stops[index])
                return FetchBuffer.Place(partition: partitions[index], start: start, stop: stop)
            }
            let buffer = FetchBuffer(places, byteCountMax: options.bufferBytesMax)
            let fetcher = Fetcher(cluster, buffer, options, wholeTopics: wholeTopics)
            Task { await fetcher.run() }
            return Consumer(buffer, fetcher)
        } catch {
            await cluster.close()
            throw error
        }
    }

    private static func lookUp(
        _ cluster: Cluster, _ partitions: [TopicPartition], _ queries: [OffsetQuery?]
    ) async throws(KafkaClientError) -> [Int64?] {
        let asked = partitions.indices.filter { queries[$0] != nil }
        let found = try await cluster.offsets(
            asked.compactMap { index in queries[index].map { (partitions[index], $0) } })
        var offsets = [Int64?](repeating: nil, count: partitions.count)
        for (index, found) in zip(asked, found) { offsets[index] = found?.offset.value }
        return offsets
    }
}

extension StartPosition {
    /// What has to be asked for; nil for the end, which is known.
    fileprivate var query: OffsetQuery? {
        switch self {
        case .earliest: .earliest
        case .timestamp(let time): .timestamp(time)
        case .latest, .offset: nil
        }
    }

    fileprivate var offset: Int64? { if case .offset(let offset) = self { offset.value } else { nil } }
}

extension StopPosition {
    fileprivate var query: OffsetQuery? {
        if case .timestamp(let time) = self { .timestamp(time) } else { nil }
    }

    /// The offset to stop before. `found`: what was asked for, where it is there.
    fileprivate func bound(end: Int64, found: Int64?) -> Int64 {
        switch self {
        case .never: .max
        case .offset(let offset): min(offset.value, end)
        case .timestamp: found ?? end
        case .end: end
        }
    }
}
