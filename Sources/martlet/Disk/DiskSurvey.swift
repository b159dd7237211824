import KafkaClient
import RecordFormat

/// What is on the disk of a broker, or of a directory: topic by topic.
struct DiskSurvey {
    var directories: [LogDirectory]
    /// In order of names and numbers.
    var uses: [PartitionUse]
    /// Of each topic, by its name.
    var rules: [String: KeepingRules]
    /// What all of it together may take; nil: nothing says so.
    var totalBound: Int64?
    /// What is to be left of the volume, by what holds for records (`min.free.bytes`).
    var reserve: DiskReserve
    var now: Timestamp

    /// - Parameter names: of topics; nil: all.
    init(of names: [String]? = nil, from backend: any TopicBackend, now: Timestamp) async throws {
        self.now = now
        directories = try await backend.directories()
        totalBound = try await backend.retentionTotal()
        reserve = try await backend.minFree().map { DiskReserve.bytes($0) } ?? .usual
        var sizes: [TopicPartition: Int64] = [:]
        // Where several brokers have a copy, the largest is the one that is whole.
        for directory in directories { sizes.merge(directory.sizes) { max($0, $1) } }
        (uses, rules) = ([], [:])
        let there = try await backend.topics()
        if let missing = names?.first(where: { name in !there.contains { $0.name == name } }) {
            throw KafkaClientError.unknownTopic(missing)
        }
        for topic in there where names?.contains(topic.name) ?? true {
            try await add(topic, sizes, from: backend)
        }
    }

    private mutating func add(
        _ topic: TopicSummary, _ sizes: [TopicPartition: Int64], from backend: any TopicBackend
    ) async throws {
        let partitions = (0..<topic.partitionCount).map { TopicPartition(topic: topic.name, partition: $0) }
        do {
            let settings = try await backend.settings(ofTopic: topic.name)
            let rules = KeepingRules { name in settings.first { $0.name == name }?.value }
            let look = try await PartitionLook(partitions, rules, from: backend, now: now)
            self.rules[topic.name] = rules
            uses += partitions.map { look.use($0, size: sizes[$0], rules, now: now) }
        } catch KafkaClientError.unknownTopic {
            // It was deleted meanwhile.
        } catch {
            // One topic that cannot be read hides none of the others.
            guard let failure = Failure(error), failure.status != .unreachable else { throw error }
            uses += partitions.map { PartitionUse(partition: $0, bytes: sizes[$0], note: failure.message) }
        }
    }

    func uses(ofTopic topic: String) -> [PartitionUse] { uses.filter { $0.partition.topic == topic } }

    /// In order.
    var topics: [String] {
        uses.reduce(into: []) { names, use in
            if names.last != use.partition.topic { names.append(use.partition.topic) }
        }
    }

    /// When a directory's volume has no more than its reserve; nil: the broker does not say how much room there is.
    func forecast(_ directory: LogDirectory, reserve: DiskReserve) -> DiskForecast? {
        guard let usable = directory.usableBytes, let total = directory.totalBytes else { return nil }
        let items = uses.compactMap { use -> DiskForecast.Item? in
            guard let bytes = directory.sizes[use.partition] else { return nil }
            return DiskForecast.Item(bytes: bytes, growth: use.growth?.perDay ?? 0, bound: use.bound.bytes)
        }
        return DiskForecast(
            items: items, usable: usable, reserve: reserve.bytes(of: total), totalBound: totalBound)
    }
}

/// What is looked up of a topic's partitions.
private struct PartitionLook {
    /// From the first record of each.
    private let whole: [TopicPartition: DescribedPosition]
    /// From the first record of the last day on, where there is one.
    private let lately: [TopicPartition: DescribedPosition]
    private let firstLately: [TopicPartition: Offset]
    /// Of a topic that is compacted, where the broker says it.
    private let segments: [Int: DescribedSegments]?

    /// - Parameter partitions: of one topic.
    init(
        _ partitions: [TopicPartition], _ rules: KeepingRules, from backend: any TopicBackend, now: Timestamp
    ) async throws {
        segments =
            if rules.compacts, let topic = partitions.first?.topic {
                try await backend.segments(of: topic, partitions: partitions.map(\.partition))
            } else {
                nil
            }
        whole = try await backend.positions(at: partitions.reduce(into: [:]) { $0[$1] = 0 })
        firstLately = try await backend.firstOffsets(at: Growth.start(now: now), in: partitions)
        lately = try await backend.positions(at: firstLately)
    }

    func use(_ partition: TopicPartition, size: Int64?, _ rules: KeepingRules, now: Timestamp) -> PartitionUse {
        guard let all = whole[partition] else {
            return PartitionUse(partition: partition, bytes: size, note: "it has no leader")
        }
        var use = PartitionUse(partition: partition, bytes: size ?? all.bytesToEnd.map(Int64.init))
        use.records = max(0, all.end.distance(from: all.logStart))
        use.oldest = use.records == 0 ? nil : all.nextTimestamp
        if use.records == 0 {
            // It grows as fast as its producers come.
            use.bound = rules.bound(perDay: 0, compacted: nil) == .unbounded ? .unbounded : .bytes(0)
            return use
        }
        use.growth = bytesLately(partition, all, size: use.bytes).flatMap {
            Growth(bytes: $0, oldest: use.oldest, now: now)
        }
        use.compacted = segments?[partition.partition].flatMap(\.compactedBytes)
        use.bound = rules.bound(perDay: use.growth?.perDay, compacted: use.compacted)
        return use
    }

    /// Where a broker does not say how many bytes there are, records count as if all were of the same size.
    private func bytesLately(_ partition: TopicPartition, _ all: DescribedPosition, size: Int64?) -> Int64? {
        guard let first = firstLately[partition], let lately = lately[partition] else { return 0 }
        if let bytes = lately.bytesToEnd { return Int64(bytes) }
        let records = all.end.distance(from: all.logStart)
        guard let size, records > 0 else { return nil }
        let part = Double(max(0, all.end.distance(from: first))) / Double(records)
        return Int64(clamping: Double(size) * min(1, part))
    }
}

extension DescribedSegments {
    /// Of the segments that have been compacted; nil: none has.
    var compactedBytes: Int64? {
        guard let cleanedTo else { return nil }
        return segments.filter { $0.next <= cleanedTo }.reduce(0) { $0.addingClamped(max(0, $1.bytes)) }
    }
}
