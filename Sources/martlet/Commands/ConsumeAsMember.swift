import Glibc
import KafkaClient

// `martlet consume --group`: what was printed and flushed is committed, so that a record may be printed twice where the
// process is killed, but none is left out.
extension Consume {
    /// A share of nothing may be a rebalance that has not come to its end yet.
    private static let emptyShareWait: Duration = .seconds(5)
    private static let lookPause: Duration = .milliseconds(100)

    func consume(as group: String, _ client: KafkaClient) async throws {
        // An unknown topic is an error here, where a group's consumer would wait for it.
        let ends = try await client.admin.listOffsets(topic, at: .latest).map(\.offset)
        let consumer = try client.makeGroupConsumer(group: group, topics: [topic], options: membership.options)
        Interruption.catchSignals()
        let reading = Task { try await read(consumer) }
        let watching = Task { await cancel(reading, atEndOf: follow ? nil : ends, consumer) }
        do {
            try await reading.value
            watching.cancel()
        } catch {
            watching.cancel()
            await consumer.close()
            throw error
        }
        await consumer.close()
    }

    private func read(_ consumer: GroupConsumer) async throws {
        // What `next` is called after counts as done: it has to be out by then.
        var printer = makePrinter(isPrompt: true)
        do {
            while !printer.isFull, let batch = try await consumer.next() {
                let next = try printer.print(batch)
                guard printer.isFull else { continue }
                // Not to the end of the batch, perhaps; and nobody asks for more after it.
                try? consumer.seek(TopicPartition(topic: batch.topic, partition: batch.partition), to: next)
            }
        } catch KafkaClientError.cancelled {
            // By `cancel`: nothing is left.
        } catch {
            try printer.finish()
            throw error
        }
        try printer.finish()
    }

    /// Ends the reading when its share has been read to the ends, or a signal comes.
    private func cancel(_ reading: Task<Void, any Error>, atEndOf ends: [Offset?]?, _ consumer: GroupConsumer) async {
        var emptySince: ContinuousClock.Instant?
        while !Task.isCancelled {
            if Interruption.hasCome { return reading.cancel() }
            if let ends, await consumer.generation != nil {
                let share = consumer.positions
                if share.isEmpty {
                    let since = emptySince ?? .now
                    emptySince = since
                    if .now - since > Self.emptyShareWait { return reading.cancel() }
                } else {
                    emptySince = nil
                    let isRead = share.allSatisfy { partition, offset in
                        guard ends.indices.contains(partition.partition) else { return true }
                        return offset >= ends[partition.partition] ?? Offset(0)
                    }
                    if isRead { return reading.cancel() }
                }
            }
            try? await Task.sleep(for: Self.lookPause)
        }
    }
}

extension Interruption {
    /// Whether a signal has come that `catchSignals` was to catch.
    static var hasCome: Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&poll, 1, 0) > 0
    }
}
