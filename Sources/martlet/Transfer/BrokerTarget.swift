import KafkaClient
import RecordFormat

/// A topic of a broker that an import fills: records get offsets anew, in the order of each partition.
///
/// What an earlier run has written is known by where the import begins in each partition and where that ends now. It is
/// read back, and compared with what the source has in its place before anything is sent after it: so a topic that
/// others write to is never written to twice.
final class BrokerTarget {
    private let client: KafkaClient
    let topic: String
    private var parts: [Part]
    private let producer: Producer
    private let producerTopic: ProducerTopic

    private struct Part {
        /// The offset of the import's first record.
        var start: Offset
        /// After the last record that was there when this run began.
        var found: Offset
        /// What was there.
        var present = RecordTally()
        /// What the source has offered.
        var offered = RecordTally()
    }

    var partitionCount: Int { parts.count }
    /// Records that an earlier run had written.
    var presentCount: Int { parts.reduce(0) { $0 + $1.present.count } }
    var offeredCount: Int { parts.reduce(0) { $0 + $1.offered.count } }
    var wireBytes: Int { producer.statistics.wireBytesAcknowledged }

    init(_ client: KafkaClient, topic: String, starts: [Offset], options: ProducerOptions) async throws {
        self.client = client
        self.topic = topic
        parts = starts.map { Part(start: $0, found: $0) }
        producer = client.makeProducer(options: options)
        producerTopic = try await producer.topic(topic)
    }

    /// The end of each partition, as it is now.
    static func ends(of topic: String, _ client: KafkaClient) async throws -> [Offset] {
        try await client.admin.listOffsets(topic, at: .latest).sorted { $0.partition < $1.partition }
            .map { $0.offset ?? 0 }
    }

    /// The same when nothing comes any more: what a client that was killed had sent may still be on its way.
    static func settledEnds(of topic: String, _ client: KafkaClient) async throws -> [Offset] {
        var ends = try await ends(of: topic, client)
        var quietSince = ContinuousClock.now
        while ContinuousClock.now - quietSince < .milliseconds(500) {
            try await Task.sleep(for: .milliseconds(100))
            let now = try await Self.ends(of: topic, client)
            if now != ends { (ends, quietSince) = (now, .now) }
        }
        return ends
    }

    /// Reads back what an earlier run has written.
    func findPresent(progress: (Int) -> Void) async throws {
        let ends = try await Self.settledEnds(of: topic, client)
        guard ends.count == parts.count, zip(ends, parts).allSatisfy({ $0 >= $1.start }) else {
            throw Failure("topic '\(topic)' is not the one that the import was begun with: give another with --as")
        }
        let tallies = try await read(from: parts.map(\.start), to: ends, onto: parts.map(\.present), progress: progress)
        for index in parts.indices {
            parts[index].found = ends[index]
            parts[index].present = tallies[index]
            try check(index, parts[index].present, start: parts[index].start, end: ends[index])
        }
    }

    /// Takes a record. False: there is no room; it is to be offered again after `waitForSpace`. The bytes are copied.
    func offer(_ record: RecordLine.Fields, to partition: Int) throws -> Bool {
        let isPresent = parts[partition].offered.count < parts[partition].present.count
        if !isPresent {
            guard
                try producerTopic.tryEnqueue(
                    keyBytes: record.key, valueBytes: record.value, headers: record.headers,
                    timestamp: record.timestamp, partition: partition)
            else { return false }
        }
        parts[partition].offered.add(record.timestamp ?? .none, record.key, record.value, record.headers)
        if isPresent, parts[partition].offered.count == parts[partition].present.count {
            guard parts[partition].offered == parts[partition].present else { throw foreign(partition) }
        }
        return true
    }

    private func foreign(_ partition: Int) -> Failure {
        let part = parts[partition]
        return Failure(
            "partition \(partition) of topic '\(topic)' holds other records from offset \(part.start) on "
                + "than those of this "
                + "import: somebody else writes to it. Nothing more was written there: import to a topic of "
                + "its own, with --as"
        )
    }

    func waitForSpace() async throws { try await producer.waitForSpace() }

    /// Waits until everything is acknowledged.
    func close() async throws { try await producer.close() }

    /// What the source has offered of a partition.
    func offered(_ partition: Int) -> RecordTally { parts[partition].offered }

    /// Reads back what was not read yet, and compares all with what was offered.
    func verify(progress: (Int) -> Void) async throws {
        for (index, part) in parts.enumerated() where part.offered.count < part.present.count { throw foreign(index) }
        let ends = try await Self.ends(of: topic, client)
        guard ends.count == parts.count else { throw Failure("topic '\(topic)' has got other partitions meanwhile") }
        let tallies = try await read(
            from: parts.map(\.found), to: ends, onto: parts.map(\.present), progress: progress)
        for index in parts.indices {
            try check(index, tallies[index], start: parts[index].start, end: ends[index])
            guard tallies[index] != parts[index].offered else { continue }
            throw Failure(
                "partition \(index) of topic '\(topic)' has \(tallies[index].count.grouped) records with checksum "
                    + "\(TransferState.hexadecimal(tallies[index].checksum)) where "
                    + "\(parts[index].offered.count.grouped) with "
                    + "\(TransferState.hexadecimal(parts[index].offered.checksum)) were imported: others write "
                    + "to it, too. "
                    + "Delete the topic, or import to another with --as", status: .damage)
        }
    }

    /// An import knows its records by their offsets: none may be missing.
    private func check(_ partition: Int, _ tally: RecordTally, start: Offset, end: Offset) throws {
        let due = end.distance(from: start)
        guard Int64(tally.count) != due else { return }
        throw Failure(
            "partition \(partition) of topic '\(topic)' has \(tally.count.grouped) of the \(due.grouped) "
                + "records from offset "
                + "\(start) on: the topic's settings have taken some away (retention, compaction, a time to "
                + "live), so what "
                + "was imported cannot be compared: import to a topic that is not there yet, with --as")
    }

    private func read(
        from starts: [Offset], to ends: [Offset], onto tallies: [RecordTally], progress: (Int) -> Void
    ) async throws -> [RecordTally] {
        var tallies = tallies
        let assignments = starts.indices.filter { starts[$0] < ends[$0] }.map {
            PartitionAssignment(topic: topic, partition: $0, start: .offset(starts[$0]), stop: .offset(ends[$0]))
        }
        guard !assignments.isEmpty else { return tallies }
        var options = ConsumerOptions()
        // Where retention has been there, the count says so.
        options.outOfRange = .earliest
        options.partitionMaxBytes = 8 << 20
        let consumer = try await client.makeConsumer(of: assignments, options: options)
        do {
            var count = 0
            while let batch = try await consumer.next() {
                try batch.forEachRecord { record in
                    tallies[batch.partition].add(record)
                    count += 1
                }
                progress(count)
            }
            await consumer.close()
        } catch {
            await consumer.close()
            throw error
        }
        return tallies
    }
}
