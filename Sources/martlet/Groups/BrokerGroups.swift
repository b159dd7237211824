import EventLog
import KafkaClient

/// Groups of a broker that runs: of Martlet's with all that there is, of another as far as Kafka's protocol goes.
struct BrokerGroups: GroupBackend {
    let client: KafkaClient
    /// False: does with Kafka's calls alone, as with a broker that has no others.
    var usesOwnCalls = true
    private var admin: Admin { client.admin }

    func groups() async throws -> [GroupSummary] { try await admin.listGroups() }

    func describe(_ group: String) async throws -> GroupDescription { try await admin.describeGroup(group) }

    func offsets(of group: String) async throws -> [TopicPartition: GroupOffset] {
        try await admin.groupOffsets(of: group)
    }

    func partitionCounts() async throws -> [String: Int] {
        try await admin.listTopics().reduce(into: [:]) { $0[$1.name] = $1.partitionCount }
    }

    func firstOffsets(at time: Timestamp, in partitions: [TopicPartition]) async throws -> [TopicPartition: Offset] {
        var found: [TopicPartition: Offset] = [:]
        for (topic, partitions) in Dictionary(grouping: partitions, by: \.topic) {
            let answers = try await admin.listOffsets(
                topic, partitions: partitions.map(\.partition).sorted(), at: .timestamp(time))
            for answer in answers { found[TopicPartition(topic: topic, partition: answer.partition)] = answer.offset }
        }
        return found
    }

    func delete(_ group: String) async throws { try await admin.deleteGroup(group) }

    func deleteOffsets(of group: String, _ partitions: [TopicPartition]) async throws {
        try await admin.deleteGroupOffsets(of: group, partitions)
    }

    func offsetsRetention() async throws -> Int64? {
        guard let minutes = try await brokerSetting("offsets.retention.minutes"), minutes >= 0 else { return nil }
        let (milliseconds, overflow) = minutes.multipliedReportingOverflow(by: 60_000)
        return overflow ? nil : milliseconds
    }

    /// nil: it has no such setting.
    private func brokerSetting(_ name: String) async throws -> Int64? {
        guard let broker = try await admin.describeCluster().brokers.first else { return nil }
        return try await admin.settings(ofBroker: broker.id).first { $0.name == name }?.value.flatMap { Int64($0) }
    }
}

// MARK: Moving offsets

extension BrokerGroups {
    func alter(
        _ group: String, to offsets: [TopicPartition: GroupOffset?], kind: String, onlyIfEmpty: Bool
    ) async throws -> GroupOffsetsChange {
        guard usesOwnCalls else { return try await alterByCommit(group, to: offsets) }
        do {
            return try await admin.alterGroupOffsets(of: group, to: offsets, kind: kind, onlyIfEmpty: onlyIfEmpty)
        } catch KafkaClientError.unsupportedByBroker {
            return try await alterByCommit(group, to: offsets)
        }
    }

    /// What Kafka's own calls can do: groups without members.
    private func alterByCommit(
        _ group: String, to offsets: [TopicPartition: GroupOffset?]
    ) async throws -> GroupOffsetsChange {
        let before = try await admin.groupOffsets(of: group)
        do {
            if let description = try? await admin.describeGroup(group), !description.members.isEmpty {
                throw KafkaClientError.nonEmptyGroup(group)
            }
            let set = offsets.compactMapValues { $0 }
            let removed = offsets.filter { $0.value == nil && before[$0.key] != nil }.keys
            if !set.isEmpty { try await admin.commitGroupOffsets(of: group, set) }
            if !removed.isEmpty { try await admin.deleteGroupOffsets(of: group, removed) }
        } catch KafkaClientError.nonEmptyGroup {
            throw Failure(
                "moving the offsets of a group that has members is not supported by this broker: stop the consumers of "
                    + "'\(group)' first, then try again")
        }
        return GroupOffsetsChange(
            id: "", fencedMembers: 0, before: offsets.keys.reduce(into: [:]) { $0[$1] = .some(before[$1]?.offset) })
    }
}

// MARK: Positions

extension BrokerGroups {
    func positions(at offsets: [TopicPartition: Offset]) async throws -> [TopicPartition: DescribedPosition] {
        guard usesOwnCalls else { return try await positionsByReading(offsets) }
        do {
            return try await admin.positions(at: offsets)
        } catch KafkaClientError.unsupportedByBroker {
            return try await positionsByReading(offsets)
        }
    }

    /// By Kafka's own calls: the ends are looked up, and the record at each offset is fetched for its time. How many bytes
    /// there are to the end cannot be asked for.
    private func positionsByReading(
        _ offsets: [TopicPartition: Offset]
    ) async throws -> [TopicPartition: DescribedPosition] {
        let counts = try await partitionCounts()
        let there = offsets.keys.filter { $0.partition < counts[$0.topic] ?? 0 }
        var positions: [TopicPartition: DescribedPosition] = [:]
        for (topic, partitions) in Dictionary(grouping: there, by: \.topic) {
            let indices = partitions.map(\.partition).sorted()
            let starts = try await admin.listOffsets(topic, partitions: indices, at: .earliest)
            let ends = try await admin.listOffsets(topic, partitions: indices, at: .latest)
            for (start, end) in zip(starts, ends) {
                positions[TopicPartition(topic: topic, partition: start.partition)] = DescribedPosition(
                    logStart: start.offset ?? 0, end: end.offset ?? 0)
            }
        }
        for (partition, time) in try await times(at: offsets, positions) {
            positions[partition]?.nextTimestamp = time
        }
        return positions
    }

    private func times(
        at offsets: [TopicPartition: Offset], _ positions: [TopicPartition: DescribedPosition]
    ) async throws -> [TopicPartition: Timestamp] {
        let assignments = Self.behind(offsets, positions)
        var missing = Set(assignments.map { TopicPartition(topic: $0.topic, partition: $0.partition) })
        guard !assignments.isEmpty else { return [:] }
        var options = ConsumerOptions()
        // A batch of each partition is enough.
        options.partitionMaxBytes = 1
        options.outOfRange = .earliest
        let consumer = try await client.makeConsumer(of: assignments, options: options)
        var times: [TopicPartition: Timestamp] = [:]
        do {
            while !missing.isEmpty, let batch = try await consumer.next() {
                let partition = TopicPartition(topic: batch.topic, partition: batch.partition)
                guard missing.contains(partition) else { continue }
                times[partition] = try Self.firstTime(of: batch)
                guard times[partition] != nil else { continue }
                missing.remove(partition)
                try consumer.pause([partition])
            }
        } catch {
            await consumer.close()
            throw error
        }
        await consumer.close()
        return times
    }

    /// The partitions that have records at the offset or after it.
    private static func behind(
        _ offsets: [TopicPartition: Offset], _ positions: [TopicPartition: DescribedPosition]
    ) -> [PartitionAssignment] {
        positions.sorted { $0.key < $1.key }.compactMap { partition, position in
            let start = max(offsets[partition] ?? 0, position.logStart)
            guard start < position.end else { return nil }
            return PartitionAssignment(
                topic: partition.topic, partition: partition.partition, start: .offset(start),
                stop: .offset(position.end))
        }
    }

    private struct Enough: Error {}

    private static func firstTime(of batch: ConsumedBatch) throws -> Timestamp? {
        var time: Timestamp?
        do {
            try batch.forEachRecord { record in
                time = record.timestamp
                throw Enough()
            }
        } catch is Enough {
        } catch KafkaClientError.unreadableBatch {
            // A codec that is not read here: how old its records are is not known.
            return nil
        }
        return time
    }
}

// MARK: History

extension BrokerGroups {
    private static let offsetsTopic = "__consumer_offsets"

    func reduceEvents<R>(
        of group: String, into result: inout R, _ body: (inout R, GroupEvent) throws -> Void
    ) async throws -> Bool {
        guard let count = try await offsetsPartitionCount() else { return false }
        let partition = GroupPlacement.partition(of: group, count: count)
        let start = try await edge(of: partition, .earliest)
        let end = try await edge(of: partition, .latest)
        var reading = (result: result, offsets: OffsetContinuity(from: start))
        try await reduceRecords(ofPartitions: [partition], into: &reading) { reading, record in
            reading.offsets.take(record.offset)
            let event = GroupEventDecoder.event(
                key: record.key, value: record.value, headers: record.headers, timestamp: record.timestamp, of: group)
            guard var event else { return }
            event.followsGap = reading.offsets.hasGap
            try body(&reading.result, event)
        }
        result = reading.result
        reading.offsets.end(at: end)
        return reading.offsets.hasGap
    }

    private func edge(of partition: Int, _ position: OffsetQuery) async throws -> Offset {
        try await admin.listOffsets(Self.offsetsTopic, partitions: [partition], at: position).first?.offset ?? 0
    }

    func historyStart(now: Timestamp) async throws -> Timestamp {
        guard try await offsetsPartitionCount() != nil else { return Timestamp(milliseconds: .min) }
        if let start = try await brokerSetting("offsets.history.start.ms") { return Timestamp(milliseconds: start) }
        // A broker that is not Martlet says for how long it keeps everything, or nothing is sure to be there.
        let settings = (try? await admin.settings(ofTopic: Self.offsetsTopic)) ?? []
        let lag = settings.first { $0.name == "min.compaction.lag.ms" }.flatMap(\.value).flatMap { Int64($0) }
        let (since, overflow) = now.milliseconds.subtractingReportingOverflow(lag ?? 0)
        return Timestamp(milliseconds: overflow ? .min : since)
    }

    func lastEvents() async throws -> [String: Timestamp] {
        var latest: [String: Timestamp] = [:]
        guard try await offsetsPartitionCount() != nil else { return latest }
        try await reduceRecords(ofPartitions: nil, into: &latest) { latest, record in
            let decoded = try? DecodedGroupRecord.decode(
                key: record.key, value: record.value, headers: [], timestamp: record.timestamp)
            if let group = (decoded ?? nil)?.group { latest[group] = record.timestamp }
        }
        return latest
    }

    /// nil: no group has committed anything yet.
    private func offsetsPartitionCount() async throws -> Int? {
        try await admin.listTopics().first { $0.name == Self.offsetsTopic }?.partitionCount
    }

    private func reduceRecords<R>(
        ofPartitions partitions: [Int]?, into result: inout R, _ body: (inout R, StoredRecord) throws -> Void
    ) async throws {
        let consumer = try await offsetsConsumer(of: partitions)
        do {
            while let batch = try await consumer.next() {
                for record in try batch.records() { try body(&result, record) }
            }
            await consumer.close()
        } catch {
            await consumer.close()
            throw error
        }
    }

    private func offsetsConsumer(of partitions: [Int]?) async throws -> Consumer {
        do throws(KafkaClientError) {
            return try await client.makeConsumer(topic: Self.offsetsTopic, partitions: partitions, until: .end)
        } catch {
            guard case .rejected(_, let name, _) = error, name.hasSuffix("AUTHORIZATION_FAILED") else { throw error }
            throw Failure(
                "the history of groups cannot be read here: the broker does not let you read \(Self.offsetsTopic)")
        }
    }
}
