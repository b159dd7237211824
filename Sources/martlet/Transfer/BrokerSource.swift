import KafkaClient
import RecordFormat

/// A topic of a broker, read by its consumers' way.
struct BrokerSource {
    let client: KafkaClient
    let topic: String
    private var consumer: Consumer?

    init(_ client: KafkaClient, topic: String) {
        self.client = client
        self.topic = topic
    }

    /// How many partitions there are, and what was set for the topic.
    func describe() async throws -> (partitionCount: Int, settings: [String: String]) {
        let description = try await client.admin.describeTopic(topic)
        var settings: [String: String] = [:]
        for setting in description.settings where setting.source == .topic { settings[setting.name] = setting.value }
        return (description.partitions.count, settings)
    }

    /// The offsets of partitions at a position, as they are now.
    func offsets(at position: Position, of partitions: [Int], now: Timestamp) async throws -> [Int: Offset] {
        let starts = try await lookUp(.earliest, partitions)
        let ends = try await lookUp(.latest, partitions)
        var found: [Int: Offset] = [:]
        switch position.start(now: now) {
        case .earliest: found = starts
        case .latest: found = ends
        case .offset(let offset):
            for partition in partitions {
                found[partition] = min(max(offset, starts[partition] ?? 0), ends[partition] ?? 0)
            }
        case .timestamp(let time):
            found = try await lookUp(.timestamp(time), partitions).merging(ends) { found, _ in found }
        }
        return found
    }

    private func lookUp(_ query: OffsetQuery, _ partitions: [Int]) async throws -> [Int: Offset] {
        try await client.admin.listOffsets(topic, partitions: partitions, at: query)
            .reduce(into: [:]) { $0[$1.partition] = $1.offset }
    }

    /// The parts with the offsets that their first batches begin with.
    func withBases(_ parts: [TransferState.Part]) async throws -> [TransferState.Part] {
        var bases: [Int: Offset] = [:]
        let wanted = parts.filter { !$0.isDone }
        guard !wanted.isEmpty else { return parts }
        var options = ConsumerOptions()
        // A batch of each is enough.
        options.partitionMaxBytes = 1
        let consumer = try await client.makeConsumer(
            of: wanted.map {
                PartitionAssignment(
                    topic: topic, partition: $0.partition, start: .offset($0.start),
                    stop: .offset($0.start.advanced(by: 1)))
            }, options: options)
        do {
            while bases.count < wanted.count, let fetched = try await consumer.next() {
                try fetched.forEachBatch { batch in
                    let base = try RecordBatchHeader(parsing: batch.bytes).baseOffset
                    bases[fetched.partition] = min(bases[fetched.partition] ?? base, base)
                }
            }
            await consumer.close()
        } catch {
            await consumer.close()
            throw error
        }
        return parts.map { part in
            var part = part
            part.base = min(part.start, bases[part.partition] ?? part.start)
            return part
        }
    }

    /// From here on `next` brings these.
    mutating func begin(_ parts: [TransferState.Part]) async throws {
        let assignments = parts.filter { !$0.isDone }.map {
            PartitionAssignment(
                topic: topic, partition: $0.partition, start: .offset($0.next), stop: .offset($0.end))
        }
        guard !assignments.isEmpty else { return }
        var options = ConsumerOptions()
        // Each batch is checked where it is taken.
        options.verifiesChecksums = false
        options.partitionMaxBytes = 8 << 20
        consumer = try await client.makeConsumer(of: assignments, options: options)
    }

    /// nil: all have come to their ends.
    func next() async throws -> SourceChunk? {
        guard let consumer else { return nil }
        do {
            guard let fetched = try await consumer.next() else { return nil }
            return .fetched(fetched)
        } catch {
            guard case .damagedPartition(_, let partition, let offset) = error else { throw error }
            throw Failure(
                "partition \(partition), offset \(offset): the broker finds what it has stored there "
                    + "damaged: to get what "
                    + "is whole, stop the broker and read its directory, with --data and --skip-damaged",
                status: .damage)
        }
    }

    func close() async { await consumer?.close() }
}
