/// Writes records to topics. Records of one partition travel in batches, compressed; a batch that fails is sent again for
/// as long as `deliveryTimeout` allows, and with idempotence, which is the default, nothing is written twice or in
/// another order.
///
/// Safe to use from any number of tasks. `send` waits for one record; for many, `enqueue` or a `ProducerTopic` and then
/// `flush` cost neither a task nor a continuation a record.
///
/// What waits for acknowledgements is bounded by `ProducerOptions.bufferBytesMax`: past it producing waits, or is refused
/// by `ProducerTopic.tryEnqueue`. Where a task that waits is cancelled it gets `cancelled`; records that were handed in by
/// then are delivered all the same, and the producer is as good as before.
public final class Producer: Sendable {
    let accumulator: Accumulator
    private let sender: ProducerSender
    private let cluster: Cluster
    private let options: ProducerOptions

    init(_ cluster: Cluster, _ options: ProducerOptions) {
        self.cluster = cluster
        self.options = options
        accumulator = Accumulator(options)
        sender = ProducerSender(cluster, accumulator, options)
    }

    deinit {
        let sender = sender
        Task { await sender.stop() }
    }

    /// What it is made of, for tests of what is left of it.
    var parts: [AnyObject] { [accumulator, sender, cluster] }
    /// False: no more records are taken.
    var isOpen: Bool { accumulator.isOpen }
    /// What it has done so far. Cheap.
    public var statistics: ProducerStatistics { accumulator.statistics }
}

// MARK: Producing

extension Producer {
    /// Writes a record and waits until it is acknowledged. Cancelling the task ends the wait and does not take the record
    /// back.
    /// - Parameter partition: nil for that of the key, or for any where there is no key.
    /// - Throws: `unknownTopic`, `unknownPartition`, `recordTooLarge`, `deliveryTimedOut`, `batchTooLarge`, the broker's
    ///   error, `closed`, or `cancelled`.
    @discardableResult
    public func send(
        _ record: Record, to topic: String, partition: Int? = nil
    ) async throws(KafkaClientError) -> RecordMetadata {
        let buffer = try await buffer(topic)
        while true {
            let delivery = Pending<RecordMetadata>()
            let isTaken = try record.withRecordBytes { bytes throws(KafkaClientError) in
                follow(try accumulator.append(bytes, to: buffer, partition: partition, for: delivery))
            }
            if isTaken { return try await delivery.wait() }
            try await waitForSpace(for: record)
        }
    }

    /// Writes records in their order and waits until all are acknowledged. Throws the first error; other records may have
    /// been written. Cancelling the task ends the wait and takes no record back that was handed in.
    public func sendBatch(
        _ records: [Record], to topic: String, partition: Int? = nil
    ) async throws(KafkaClientError) {
        let buffer = try await buffer(topic)
        let group = DeliveryGroup()
        for record in records {
            while !(try record.withRecordBytes({ bytes throws(KafkaClientError) in
                follow(try accumulator.append(bytes, to: buffer, partition: partition, for: group))
            })) {
                try await waitForSpace(for: record)
            }
        }
        hurry()
        try await group.wait()
    }

    /// Puts a record into the batch of its partition; waits only where the buffer is full. Whether it was written, `flush`
    /// says.
    /// - Throws: `unknownTopic`, `unknownPartition`, `recordTooLarge`, `closed`; and the error of an earlier record that
    ///   could not be delivered, until `flush` has thrown it. `cancelled`: the record was not taken.
    public nonisolated(nonsending) func enqueue(
        _ record: Record, to topic: String, partition: Int? = nil
    ) async throws(KafkaClientError) {
        let buffer = try await buffer(topic)
        while !(try record.withRecordBytes({ bytes throws(KafkaClientError) in
            try append(bytes, to: buffer, partition: partition)
        })) {
            try await waitForSpace(for: record)
        }
    }

    /// A topic to hand records in for without a look-up each.
    /// - Throws: `unknownTopic`, or what keeps the brokers from answering.
    public func topic(_ name: String) async throws(KafkaClientError) -> ProducerTopic {
        ProducerTopic(self, try await buffer(name))
    }

    /// Waits until the buffer has room again for the record that was refused. Throws `closed`, `cancelled`.
    public func waitForSpace() async throws(KafkaClientError) {
        try await accumulator.waitForSpace(for: nil) { hurry() }
    }

    private nonisolated(nonsending) func waitForSpace(for record: Record) async throws(KafkaClientError) {
        try await accumulator.waitForSpace(for: record.encodedBytesMax) { hurry() }
    }

    /// Sends what is there without lingering, and waits until all records so far are acknowledged or have failed.
    /// - Throws: the first error of a record that was enqueued, once; others may have failed too
    ///   (`ProducerStatistics.recordsFailed`). `cancelled`: the records are delivered all the same.
    public func flush() async throws(KafkaClientError) {
        try await accumulator.flush { hurry() }
    }

    /// Takes no more records, flushes, and closes the connections. Calls that wait for room end with `closed`, those that
    /// wait for records with what comes of them.
    /// - Throws: as `flush` does. `cancelled`: the connections were closed at once, and what was not acknowledged by then
    ///   has failed with `closed`; some of it may have been written.
    public func close() async throws(KafkaClientError) {
        guard accumulator.close() else { return }
        do throws(KafkaClientError) {
            try await flush()
        } catch {
            await sender.stop()
            throw error
        }
        await sender.stop()
    }
}

// MARK: Appending

extension Producer {
    /// Takes a record for which nobody waits. False: there is no room.
    func append(
        _ record: Accumulator.RecordBytes, to topic: TopicBuffer, partition: Int?
    ) throws(KafkaClientError) -> Bool {
        follow(try accumulator.append(record, to: topic, partition: partition))
    }

    /// False: there was no room.
    private func follow(_ wake: Accumulator.Wake?) -> Bool {
        guard let wake else { return false }
        sender.wake(wake)
        return true
    }

    private func hurry() { sender.wake(.now) }

    private nonisolated(nonsending) func buffer(_ topic: String) async throws(KafkaClientError) -> TopicBuffer {
        if let buffer = accumulator.topic(topic) { return buffer }
        let route = try await cluster.route(of: topic, createMissing: options.createsTopics)
        guard !route.leaders.isEmpty else { throw .unknownTopic(topic) }
        return accumulator.prepare(topic, partitions: route.leaders.count)
    }
}
