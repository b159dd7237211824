/// Reads partitions, each from a place of its own on. What comes is fetched ahead, up to `bufferBytesMax`.
///
///     for try await batch in consumer {
///         try batch.forEachRecord { record in … }
///     }
///
/// The sequence ends when every partition has come to its stop; without one it waits for more. Within a partition records
/// come in order; partitions take turns. There are no consumer groups: who wants to go on later keeps `positions`.
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

    /// The next records of some partition; nil: all partitions have come to their stops. Waits while there is nothing.
    /// One task at a time may wait.
    /// - Throws: `offsetOutOfRange`, `unknownTopic` where a topic was deleted, `unreadableBatch`, the error of brokers
    ///   that have failed for `retryTimeout`, `closed`, and `cancelled` when the task is.
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

    /// Goes on elsewhere in a partition. Its stop stays.
    /// - Throws: `invalidArgument` for a partition that is not the consumer's.
    public func seek(_ partition: TopicPartition, to offset: Offset) throws(KafkaClientError) {
        try buffer.seek(partition, to: offset.value)
    }

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
    static func make(
        _ cluster: Cluster, _ assignments: [PartitionAssignment], _ options: ConsumerOptions
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
                return FetchBuffer.Place(
                    partition: partitions[index], fetchOffset: start, position: start, stop: stop)
            }
            let buffer = FetchBuffer(places, byteCountMax: options.bufferBytesMax)
            let fetcher = Fetcher(cluster, buffer, options)
            Task { await fetcher.start() }
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
