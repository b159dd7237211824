import Storage

@testable import EventLog

/// A log in memory that does what it is told in the plainest way: so that the model is seen to be content with what is
/// right, and to notice each of the faults that can be planted in it.
final class ToyLog: FleetLog {
    /// What a log could get wrong.
    enum Fault: CaseIterable {
        case deletesAtTheLimit, deletesByFirstRecord, deletesByMinimum, keepsActiveSegment, forgetsTTLInRetention
        case deletesOneTooManyBySize, deletesOneTooFewBySize, deletesCompactOnly
        case deletesRecordsToSegment, deletesRecordsOneTooMany
        case dropsTombstonesAtOnce, keepsTombstones, horizonByRecordTime
        case keepsFirst, ignoresLag, lagByFirstRecord, mergesNullKeys, neverEndsActiveSegment, stopsAfterOneSegment
        case losesNewest, renumbers, changesTimestamps, losesHeaders
        case dropsExpiredAlone, keepsExpired, hidesBatchOfOneExpired, showsExpired, ignoresHeaders
        case undoesCompactionAtRestart, undoesRetentionAtRestart, losesSealedSegment, forgetsProducers
        case budgetFromSmallest, budgetFromCompacted, budgetOneTooMany, forgetsBudget
        case forgetsCommit, keepsCommitsOfDeletedTopic, latestOfWhatIsGone
    }

    fileprivate struct Batch {
        let base: Int64
        let last: Int64
        var records: [SeenRecord]
        var horizon: Int64?
        var bytes: Int { 61 + records.reduce(0) { $0 + 12 + ($1.key?.utf8.count ?? 0) + ($1.value?.utf8.count ?? 0) } }
        var latest: Int64 { records.map(\.time).max() ?? -1 }
    }

    fileprivate struct Segment {
        let base: Int64
        var batches: [Batch] = []
        var bytes: Int { batches.reduce(0) { $0 + $1.bytes } }
        var latest: Int64 { batches.map(\.latest).max() ?? -1 }
    }

    fileprivate struct Partition {
        var start: Int64 = 0
        var end: Int64 = 0
        var cleanedTo: Int64 = 0
        var segments = [Segment(base: 0)]
        var sequences: [Int64: [(sequence: Int32, base: Int64)]] = [:]
        var records: [SeenRecord] { segments.flatMap(\.batches).flatMap(\.records) }
        var bytes: Int { segments.reduce(0) { $0 + $1.bytes } }
    }

    private struct Topic {
        var settings: TopicSettings
        var partitions: [Partition]
    }

    private let fault: Fault?
    private let clock: FleetClock
    private var topics: [String: Topic] = [:]
    private var commits: [String: [FleetPlace: Int64]] = [:]
    private var settings = LogSettings()
    /// Before the last pass.
    private var earlier: [String: Topic] = [:]

    init(_ clock: FleetClock, planting fault: Fault? = nil) {
        self.clock = clock
        self.fault = fault
    }

    private var now: Int64 { clock.now }

    // MARK: Lives

    func open(_ settings: LogSettings) throws { self.settings = settings }
    func close() throws {}
    func plan(_ trouble: FleetTrouble, after operations: Int) {}
    func clearTroubles() -> Bool { false }
    var hasFailed: Bool { false }
    func forgetTroubles() {}
    var isSound: Bool { true }
    func checkpoint() throws {}

    func end(by ending: FleetEnding) {
        for (name, topic) in topics {
            for i in topic.partitions.indices {
                guard let old = earlier[name]?.partitions[i], old.end == topic.partitions[i].end else { continue }
                if fault == .undoesCompactionAtRestart && old.start == topic.partitions[i].start
                    || fault == .undoesRetentionAtRestart && old.start != topic.partitions[i].start
                {
                    topics[name]?.partitions[i] = old
                }
            }
            if fault == .forgetsProducers {
                for i in topic.partitions.indices { topics[name]?.partitions[i].sequences = [:] }
            }
            if fault == .losesSealedSegment, topic.partitions[0].segments.count > 3 {
                topics[name]?.partitions[0].segments.remove(at: 1)
            }
        }
    }

    // MARK: Topics

    func createTopic(_ name: String, partitions: Int, _ settings: TopicSettings) throws {
        topics[name] = Topic(settings: settings, partitions: Array(repeating: Partition(), count: partitions))
    }

    func deleteTopic(_ name: String) throws {
        topics[name] = nil
        guard fault != .keepsCommitsOfDeletedTopic else { return }
        for group in commits.keys { commits[group] = commits[group]?.filter { $0.key.topic != name } }
    }

    func alter(_ name: String, _ settings: TopicSettings) throws { topics[name]?.settings = settings }
    func apply(_ settings: LogSettings) throws { self.settings = settings }
    func partitionCount(of topic: String) -> Int? { topics[topic]?.partitions.count }
    func settings(of topic: String) -> TopicSettings? { topics[topic]?.settings }

    private func change<R>(_ place: FleetPlace, _ body: (inout Partition, TopicSettings) throws -> R) throws -> R {
        guard var topic = topics[place.topic] else { throw LogError.unknownTopic(place.topic) }
        defer { topics[place.topic] = topic }
        return try body(&topic.partitions[place.partition], topic.settings)
    }

    // MARK: Records

    func append(_ records: [Record], _ producer: FleetProducer?, to place: FleetPlace) throws -> FleetAnswer {
        let now = now
        return try change(place) { partition, settings in
            if let producer,
                let known = partition.sequences[producer.id]?.first(where: { $0.sequence == producer.sequence })
            {
                return .duplicate(of: known.base)
            }
            let base = partition.end
            let appendTime = settings.timestampType == .logAppendTime ? now : nil
            let batch = Batch(
                base: base, last: base + Int64(records.count) - 1,
                records: records.enumerated().map { SeenRecord($1, at: base + Int64($0), time: appendTime) })
            let active = partition.segments.count - 1
            if !partition.segments[active].batches.isEmpty,
                partition.segments[active].bytes + batch.bytes > settings.segmentBytes
            {
                partition.segments.append(Segment(base: base))
            }
            partition.segments[partition.segments.count - 1].batches.append(batch)
            partition.end = base + Int64(records.count)
            if let producer {
                partition.sequences[producer.id, default: []].append((producer.sequence, base))
                partition.sequences[producer.id] = partition.sequences[producer.id]?.suffix(5)
            }
            return .appended(at: base)
        }
    }

    func deleteRecords(before offset: Int64, of place: FleetPlace) throws {
        try change(place) { partition, _ in
            switch fault {
            case .deletesRecordsToSegment:
                partition.start =
                    partition.segments.last { $0.base <= offset }.map { max(partition.start, $0.base) } ?? 0
            case .deletesRecordsOneTooMany: partition.start = min(offset + 1, partition.end)
            default: partition.start = max(partition.start, offset)
            }
            partition.removeBeforeStart()
        }
    }

    // MARK: Retention

    func retain() {
        earlier = topics
        for (name, topic) in topics {
            guard topic.settings.cleanup.contains(.delete) || fault == .deletesCompactOnly else { continue }
            for i in topic.partitions.indices {
                topics[name]?.partitions[i] = retained(topic.partitions[i], topic.settings)
            }
        }
        guard let limit = settings.retentionTotalBytes, fault != .forgetsBudget else { return }
        var wantsOneMore = fault == .budgetOneTooMany
        while let total = Optional(usage().total), total > limit || wantsOneMore {
            if total <= limit {
                guard earlier.contains(where: { $1.partitions[0].start != topics[$0]?.partitions[0].start }) else {
                    return
                }
                wantsOneMore = false
            }
            guard giveOldestSegment() else { return }
        }
    }

    private func retained(_ partition: Partition, _ settings: TopicSettings) -> Partition {
        var partition = partition
        let ttl = settings.readsTTLHeaders || fault == .forgetsTTLInRetention ? nil : settings.recordTTLMilliseconds
        if let age = [settings.retentionMilliseconds, ttl].compactMap(\.self).min() {
            let oldest = now.minus(age)
            let all = fault == .keepsActiveSegment ? partition.segments.dropLast() : partition.segments[...]
            let young = all.firstIndex { $0.latest >= 0 && !isOld($0, oldest) } ?? all.endIndex
            // One without times goes with the next that has one.
            let last = all[..<young].lastIndex { $0.latest >= 0 }
            for _ in 0..<(last.map { $0 + 1 } ?? 0) { partition.removeFirstSegment() }
        }
        if let limit = settings.retentionBytes {
            let slack = fault == .deletesOneTooFewBySize ? 20_000 : 0
            while partition.segments.count > 1,
                partition.bytes - partition.segments[0].bytes >= Int(limit) + slack
                    || fault == .deletesOneTooManyBySize && partition.bytes > Int(limit)
            {
                partition.removeFirstSegment()
            }
        }
        return partition
    }

    private func isOld(_ segment: Segment, _ oldest: Int64) -> Bool {
        let times = segment.batches.flatMap(\.records).map(\.time)
        switch fault {
        case .deletesAtTheLimit: return segment.latest >= 0 && segment.latest <= oldest
        case .deletesByFirstRecord: return 0..<oldest ~= times.first ?? -1
        case .deletesByMinimum: return 0..<oldest ~= times.min() ?? -1
        default: return 0..<oldest ~= segment.latest
        }
    }

    private func giveOldestSegment() -> Bool {
        let bytes = usage().topics
        let candidates = topics.filter { name, topic in
            (topic.settings.cleanup.contains(.delete) || fault == .budgetFromCompacted)
                && topic.partitions.contains { $0.segments.count > 1 }
        }
        let order = candidates.keys.sorted { (bytes[$0] ?? 0, $0) > (bytes[$1] ?? 0, $1) }
        let compactOnly = order.first { topics[$0]?.settings.cleanup == .compact }
        guard let name = fault == .budgetFromSmallest ? order.last : compactOnly ?? order.first,
            let topic = topics[name],
            let oldest = topic.partitions.indices.filter({ topic.partitions[$0].segments.count > 1 }).min(by: {
                topic.partitions[$0].segments[0].latest < topic.partitions[$1].segments[0].latest
            })
        else { return false }
        topics[name]?.partitions[oldest].removeFirstSegment()
        return true
    }

    // MARK: Compaction

    func compact() {
        earlier = topics
        for (name, topic) in topics where topic.settings.isCompacted {
            for i in topic.partitions.indices {
                topics[name]?.partitions[i] = compacted(topic.partitions[i], topic.settings)
            }
        }
    }

    private func compacted(_ partition: Partition, _ settings: TopicSettings) -> Partition {
        var partition = partition
        if fault != .neverEndsActiveSegment, let delay = settings.compactionDelayMilliseconds,
            let oldest = partition.segments.last?.batches.first?.records.first, oldest.time < now.minus(delay)
        {
            partition.segments.append(Segment(base: partition.end))
        }
        let young = now.minus(settings.compactionLagMilliseconds)
        let ready = partition.segments.dropLast().prefix { segment in
            if fault == .ignoresLag || settings.compactionLagMilliseconds == 0 { return true }
            if fault == .lagByFirstRecord { return segment.batches.first?.records.first?.time ?? -1 <= young }
            return segment.latest <= young
        }
        guard let last = ready.last else { return partition }
        let reach = last.batches.last.map { $0.last + 1 } ?? last.base
        var newest: [String: SeenRecord] = [:]
        for record in ready.flatMap(\.batches).flatMap(\.records) {
            guard let key = record.key ?? (fault == .mergesNullKeys ? "" : nil) else { continue }
            if fault == .dropsExpiredAlone, isExpired(record, settings) { continue }
            if fault == .keepsFirst, newest[key] != nil { continue }
            newest[key] = record
        }
        let count = fault == .stopsAfterOneSegment ? 1 : ready.count
        for i in 0..<count {
            let batches = partition.segments[i].batches
            partition.segments[i].batches = batches.compactMap { compacted($0, newest, settings) }
        }
        partition.cleanedTo = reach
        return partition
    }

    private func compacted(_ batch: Batch, _ newest: [String: SeenRecord], _ settings: TopicSettings) -> Batch? {
        var batch = batch
        let horizon =
            fault == .horizonByRecordTime ? batch.latest.plus(settings.deleteRetentionMilliseconds) : batch.horizon
        batch.records = batch.records.filter { record in
            if isExpired(record, settings), fault != .keepsExpired { return false }
            guard let key = record.key ?? (fault == .mergesNullKeys ? "" : nil) else { return true }
            if fault == .losesNewest, record.offset % 97 == 13 { return false }
            guard newest[key]?.offset == record.offset else { return false }
            guard record.value == nil else { return true }
            if fault == .dropsTombstonesAtOnce { return false }
            return fault == .keepsTombstones || horizon.map { $0 > now } ?? true
        }
        if batch.records.contains(where: { $0.value == nil }), batch.horizon == nil {
            batch.horizon = now.plus(settings.deleteRetentionMilliseconds)
        }
        if let first = batch.records.first, batch.records.count > 2 {
            let changed = SeenRecord(
                offset: first.offset, key: first.key, value: first.value,
                time: fault == .changesTimestamps ? first.time + 1 : first.time,
                ttl: fault == .losesHeaders ? nil : first.ttl)
            batch.records[0] = changed
            if fault == .renumbers {
                let record = batch.records[1]
                batch.records[1] = SeenRecord(
                    offset: first.offset + 1, key: record.key, value: record.value, time: record.time, ttl: record.ttl)
            }
        }
        return batch.records.isEmpty ? nil : batch
    }

    private func isExpired(_ record: SeenRecord, _ settings: TopicSettings) -> Bool {
        if settings.readsTTLHeaders, fault != .ignoresHeaders, let ttl = record.ttl.flatMap({ Int64($0) }), ttl >= 0 {
            return record.time.plus(ttl) <= now
        }
        return settings.recordTTLMilliseconds.map { record.time.plus($0) <= now } ?? false
    }

    // MARK: Reading

    func view(of place: FleetPlace) throws -> FleetView {
        guard let topic = topics[place.topic] else { throw LogError.unknownTopic(place.topic) }
        let partition = topic.partitions[place.partition]
        var records = partition.segments.flatMap(\.batches).filter { batch in
            if fault == .showsExpired { return true }
            if fault == .hidesBatchOfOneExpired {
                return !batch.records.contains { isExpired($0, topic.settings) }
            }
            return !batch.records.allSatisfy { isExpired($0, topic.settings) }
        }.flatMap(\.records)
        records.removeAll { $0.offset < partition.start }
        return FleetView(
            start: partition.start, end: partition.end, records: records,
            segments: partition.segments.map { SegmentOnDisk(base: $0.base, bytes: $0.bytes, bytesInAll: $0.bytes) })
    }

    func record(from offset: Int64, of place: FleetPlace) throws -> Int64? {
        try view(of: place).records.first { $0.offset >= offset }?.offset
    }

    func offset(at time: Int64, of place: FleetPlace) throws -> Int64? {
        try view(of: place).records.first { $0.time >= time }?.offset
    }

    func latestOffset(of place: FleetPlace) throws -> Int64? {
        let gone = fault == .latestOfWhatIsGone ? earlier[place.topic]?.partitions[place.partition].records : nil
        let records = try gone ?? view(of: place).records
        guard let latest = records.map(\.time).max(), latest >= 0 else { return nil }
        return records.first { $0.time == latest }?.offset
    }

    func commit(_ offset: Int64, by group: String, of place: FleetPlace) throws {
        if fault == .forgetsCommit, offset % 17 == 0 { return }
        commits[group, default: [:]][place] = offset
    }

    func committed(by group: String, of place: FleetPlace) throws -> Int64? { commits[group]?[place] }

    func usage() -> FleetUsage {
        let bytes = topics.mapValues { $0.partitions.reduce(0) { $0 + $1.bytes } }
        return FleetUsage(topics: bytes, total: 1 << 20 + bytes.values.reduce(0, +))
    }
}

extension ToyLog.Partition {
    fileprivate mutating func removeFirstSegment() {
        segments.removeFirst()
        if segments.isEmpty { segments = [ToyLog.Segment(base: end)] }
        start = max(start, segments[0].base)
    }

    fileprivate mutating func removeBeforeStart() {
        while segments.count > 1, segments[1].base <= start { segments.removeFirst() }
    }
}
