import Logging
import Storage
import TestSupport
import Testing

@testable import EventLog

/// One life of a data directory on a simulated disk, as a seed draws it: appends to topics that come, change and go,
/// with checkpoints, closes, kills, power cuts and failing operations in between. Beside it runs what must be true.
final class History {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let seed: UInt64
    private var random: SeededRandom
    private var disk = SimulatedDisk()
    private var topics: [String: ModelTopic] = [:]
    private var valueCount = 0
    /// What happened so far, for whoever has to find out why.
    private(set) var events: [String] = []
    private(set) var acknowledgedCount = 0

    init(seed: UInt64) {
        self.seed = seed
        random = SeededRandom(seed: seed)
    }

    func run(sessions: Int) throws {
        for session in 0..<sessions {
            disk.clearFaults()
            if chance(60) { addFault() }
            note("session \(session)")
            try runSession()
            try endLife()
        }
        disk.clearFaults()
        let log = try open()
        try verify(log, isFresh: true)
        try log.close()
    }

    private func addFault() {
        let at = disk.operations + Int.random(in: 1...(chance(30) ? 12 : 250), using: &random)
        if chance(70) {
            note("power will be cut at operation \(at)")
            return disk.add(SimulatedDisk.Fault(at: at, .powerCut))
        }
        let code: Int32 = chance(50) ? 28 : 5
        note("operation \(at) will fail with \(code)")
        disk.add(SimulatedDisk.Fault(at: at, .error(code)))
    }

    /// Opens, looks at everything, and goes on until something fails or a turn ends it.
    private func runSession() throws {
        let log: EventLog
        do { log = try open() } catch {
            guard disk.hadFault else { throw Failure(description: "it does not open: \(error)") }
            return note("open: \(error)")
        }
        do { try verify(log, isFresh: true) } catch let failure as Failure { throw failure } catch {
            guard disk.hadFault else { throw Failure(description: "it cannot be read: \(error)") }
            return note("verify: \(error)")
        }
        for _ in 0..<Int.random(in: 3...40, using: &random) where disk.hasPower {
            do { try step(log) } catch let failure as Failure { throw failure } catch {
                guard disk.hadFault else { throw Failure(description: "a step failed: \(error)") }
                note("step: \(error)")
            }
        }
        guard chance(40), disk.hasPower else { return withExtendedLifetime(log) {} }
        do {
            try log.close()
            note("closed")
            for name in topics.keys where !disk.hadFault { topics[name]?.allIsDurable() }
        } catch {
            guard disk.hadFault else { throw Failure(description: "closing failed: \(error)") }
            note("close: \(error)")
        }
    }

    /// The machine, or only the process, comes to its end.
    private func endLife() throws {
        // Where a sync has failed, a kill leaves pages that no later sync writes: only the journal can help then.
        let mayKill = !disk.hadFault || !disk.hasPower || topics.values.allSatisfy { $0.isJournaledForSure }
        if mayKill && chance(35) {
            note("killed")
            disk = disk.kill()
        } else {
            let seed = random.next()
            note("power is cut, \(seed)")
            disk = disk.crash(seed: seed)
            for name in topics.keys { topics[name]?.powerWasCut() }
        }
    }

    private func open() throws -> EventLog {
        var options = quietOptions()
        options.environment.fileSystem = disk
        options.environment.now = { Timestamp(milliseconds: 1_700_000_000_000) }
        return try EventLog.open(at: "/data", options: options)
    }

    private func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    private func note(_ event: String) { events.append(event) }

    // MARK: Steps

    private func step(_ log: EventLog) throws {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<50: try append(log)
        case 50..<60: try appendToSeveral(log)
        case 60..<70:
            note("checkpoint")
            try log.checkpoint()
            // After a failure elsewhere it says nothing of the partition that failed.
            if !disk.hadFault { for name in topics.keys { topics[name]?.allIsDurable() } }
        case 70..<77: try createTopic(log)
        case 77..<79: try deleteTopic(log)
        case 79..<85: try alterTopic(log)
        case 85..<88: try addPartitions(log)
        case 88..<92: try deleteRecords(log)
        default: try verify(log, isFresh: false)
        }
    }

    /// A partition that still takes appends.
    private func pickPartition(_ log: EventLog) -> (Partition, ModelTopic)? {
        let known = topics.values.filter { !$0.isUncertain }.sorted { $0.name < $1.name }
        guard let topic = known.randomElement(using: &random), let served = log.topic(topic.name) else { return nil }
        let index = Int.random(in: 0..<topic.partitions.count, using: &random)
        guard topic.partitions[index].open == nil else { return nil }
        return (served.partitions[index], topic)
    }

    private func records() -> [Record] {
        let isLarge = chance(4)
        return (0..<(isLarge ? 1 : Int.random(in: 1...8, using: &random))).map { _ in
            valueCount += 1
            let size =
                isLarge ? Int.random(in: 20_000...200_000, using: &random) : Int.random(in: 0...2000, using: &random)
            let time: Int64 =
                switch Int.random(in: 0..<20, using: &random) {
                case 0: -1
                case 1: 1_600_000_000_000 + Int64.random(in: 0...100, using: &random)
                case 2: 1_650_000_000_000 + Int64.random(in: 0...50_000, using: &random)
                default: 1_600_000_000_000 + Int64(valueCount) * 10
                }
            return Record(
                value: "\(valueCount) " + String(repeating: "x", count: size), timestamp: Timestamp(milliseconds: time))
        }
    }

    private func append(_ log: EventLog) throws {
        guard let (partition, topic) = pickPartition(log) else { return }
        let isNumbered = chance(50)
        var batch = ModelBatch(records(), base: topic.partitions[partition.index].end)
        if isNumbered { batch.sequence = topic.partitions[partition.index].nextSequence }
        note("append \(batch) to \(topic.name)-\(partition.index)")
        topics[topic.name]?.partitions[partition.index].open = batch
        let base =
            isNumbered
            ? try appendNumbered(batch, to: partition) : try partition.append(contentsOf: batch.sent).lowerBound
        guard base.value == batch.base else {
            throw Failure(description: "\(batch) got offset \(base)")
        }
        acknowledge(topic.name, partition.index)
    }

    private func appendNumbered(_ batch: ModelBatch, to partition: Partition) throws -> Offset {
        switch try send(batch, to: partition) {
        case .accepted(let ticket):
            partition.committer.waitLeading(for: ticket.round)
            if let failure = partition.outcome(of: ticket) { throw failure }
            return ticket.baseOffset
        case .rejected(let error): throw error
        case .duplicate: throw Failure(description: "\(batch) was taken for a duplicate")
        case .full: throw Failure(description: "no room for one batch")
        }
    }

    private func send(_ batch: ModelBatch, to partition: Partition) throws -> AppendOutcome {
        var builder = RecordBatchBuilder(compression: .none)
        for record in batch.sent { builder.append(record, defaultTimestamp: .none) }
        try builder.finish(producer: (id: 7000 + Int64(partition.index), epoch: 0, baseSequence: batch.sequence ?? 0))
        return try builder.withUnsafeBytes { bytes in
            partition.append(bytes, header: try RecordBatchHeader(parsing: bytes.bytes))
        }
    }

    private func appendToSeveral(_ log: EventLog) throws {
        var parts: [(partition: Partition, topic: String, batch: ModelBatch)] = []
        for _ in 0..<Int.random(in: 2...4, using: &random) {
            guard let (partition, topic) = pickPartition(log),
                !parts.contains(where: { $0.partition === partition })
            else { continue }
            parts.append(
                (partition, topic.name, ModelBatch(records(), base: topic.partitions[partition.index].end)))
        }
        note("append " + parts.map { "\($0.batch) to \($0.topic)-\($0.partition.index)" }.joined(separator: ", "))
        for part in parts { topics[part.topic]?.partitions[part.partition.index].open = part.batch }
        let ranges = try log.append(parts.map { PartitionAppend(to: $0.partition, $0.batch.sent) })
        for (part, range) in zip(parts, ranges) {
            guard range.lowerBound.value == part.batch.base else {
                throw Failure(description: "\(part.batch) got offset \(range.lowerBound)")
            }
            acknowledge(part.topic, part.partition.index)
        }
    }

    private func acknowledge(_ topic: String, _ index: Int) {
        topics[topic]?.acknowledge(index)
        acknowledgedCount += 1
    }

    private func settings() throws -> TopicSettings {
        var pairs = [
            "compression.type": chance(50) ? "lz4" : "producer", "segment.bytes": chance(70) ? "16384" : "100000",
            "index.interval.bytes": ["0", "500", "4096"].randomElement(using: &random) ?? "0",
        ]
        if chance(30) { pairs["flush.messages"] = "\(Int.random(in: 2...30, using: &random))" }
        return try TopicSettings(pairs)
    }

    private func createTopic(_ log: EventLog) throws {
        guard let name = ["a", "b", "c", "d"].filter({ topics[$0] == nil }).randomElement(using: &random) else {
            return
        }
        let settings = try settings()
        let count = Int.random(in: 1...4, using: &random)
        note("create \(name), \(count), \(settings.overrides.map { "\($0.name)=\($0.value)" })")
        topics[name] = ModelTopic(name: name, count: count, settings: settings, isCreated: false)
        try log.createTopic(name, partitions: count, settings: settings)
        topics[name]?.isCreated = true
    }

    private func deleteTopic(_ log: EventLog) throws {
        guard let name = topics.values.filter({ !$0.isUncertain }).map(\.name).sorted().randomElement(using: &random)
        else { return }
        note("delete \(name)")
        topics[name]?.isDoomed = true
        try log.deleteTopic(name)
        topics[name] = nil
    }

    private func alterTopic(_ log: EventLog) throws {
        guard let name = topics.values.filter({ !$0.isUncertain }).map(\.name).sorted().randomElement(using: &random)
        else { return }
        let settings = try settings()
        note("alter \(name), \(settings.overrides.map { "\($0.name)=\($0.value)" })")
        topics[name]?.settingsAreOpen = true
        let wasJournaled = topics[name]?.settings.isJournaled
        try log.topic(name)?.alter(settings)
        topics[name]?.settings = settings
        topics[name]?.settingsAreOpen = false
        if wasJournaled != settings.isJournaled && !disk.hadFault { topics[name]?.allIsDurable() }
    }

    private func addPartitions(_ log: EventLog) throws {
        guard
            let topic = topics.values.filter({ !$0.isUncertain && $0.partitions.count < 6 })
                .sorted(by: { $0.name < $1.name }).randomElement(using: &random)
        else { return }
        let count = topic.partitions.count + Int.random(in: 1...3, using: &random)
        note("\(count) partitions for \(topic.name)")
        topics[topic.name]?.openCount = count
        try log.topic(topic.name)?.addPartitions(to: count)
        topics[topic.name]?.grow(to: count)
    }

    private func deleteRecords(_ log: EventLog) throws {
        guard let (partition, topic) = pickPartition(log) else { return }
        let model = topic.partitions[partition.index]
        let start = chance(30) ? model.end : Int64.random(in: 0...model.end, using: &random)
        note("delete before \(start) of \(topic.name)-\(partition.index)")
        topics[topic.name]?.partitions[partition.index].startMax = max(start, model.startMax)
        let returned = try partition.deleteRecords(before: Offset(start))
        guard returned.value == max(start, model.start) else { throw Failure(description: "it starts at \(returned)") }
        topics[topic.name]?.partitions[partition.index].deleted(before: returned.value)
    }

    // MARK: What must be true

    /// Compares everything that is served with what must be there. `isFresh`: right after opening, which decides what a
    /// life left open.
    private func verify(_ log: EventLog, isFresh: Bool) throws {
        note("verify")
        for name in topics.keys.sorted() {
            guard var topic = topics[name], isFresh || !topic.isUncertain else { continue }
            guard let served = log.topic(name) else {
                guard topic.isDoomed || !topic.isCreated else { throw Failure(description: "topic \(name) is gone") }
                topics[name] = nil
                continue
            }
            if isFresh { try topic.settle(served) }
            for partition in served.partitions { try verify(partition, &topic, isFresh: isFresh) }
            topics[name] = topic
        }
        for topic in log.topics where topics[topic.name] == nil {
            throw Failure(description: "topic \(topic.name) was deleted and is there")
        }
    }

    private func verify(_ partition: Partition, _ topic: inout ModelTopic, isFresh: Bool) throws {
        let what = "\(topic.name)-\(partition.index)"
        var stored: [StoredRecord] = []
        try partition.scan(from: .earliest) { record in
            stored.append(record.makeStoredRecord())
            return true
        }
        let start = partition.logStart.value
        for (i, record) in stored.enumerated() where record.offset.value != start + Int64(i) {
            throw Failure(description: "\(what): offset \(record.offset) where \(start + Int64(i)) was due")
        }
        guard partition.end.value == start + Int64(stored.count) else {
            throw Failure(description: "\(what) ends at \(partition.end) and holds \(stored.count)")
        }
        do {
            try topic.partitions[partition.index].settle(
                stored, start: partition.logStart.value, isFresh: isFresh, topic.settings)
        } catch {
            throw Failure(description: "\(what): \(error)")
        }
        try verifyLookups(partition, topic.partitions[partition.index], what)
        try verifyProducer(partition, topic.partitions[partition.index], what)
    }

    private func verifyLookups(_ partition: Partition, _ model: ModelPartition, _ what: String) throws {
        let first = Int(model.start)
        let records = model.batches.flatMap(\.records)
        guard records.count > first else { return }
        for _ in 0..<3 {
            let i = Int.random(in: first..<records.count, using: &random)
            let read = try partition.read(from: .offset(Offset(Int64(i))), maxRecords: 1).first
            guard read?.offset.value == Int64(i), read?.valueText == records[i].value else {
                throw Failure(description: "\(what): offset \(i) gives \(read?.offset.value ?? -1)")
            }
            let time = max(0, records[i].time + Int64.random(in: -1...1, using: &random))
            let expected = records.indices.first { $0 >= first && records[$0].time >= time }
            let found = try partition.offset(at: Timestamp(milliseconds: time))
            guard found?.offset.value == expected.map(Int64.init) else {
                throw Failure(
                    description: "\(what): time \(time) gives \(found?.offset.value ?? -1), not \(expected ?? -1)")
            }
        }
        let latest = records[first...].map(\.time).max() ?? -1
        let expected = latest < 0 ? nil : records.indices.first { $0 >= first && records[$0].time == latest }
        let found = try partition.maxTimestampOffset()
        guard found?.offset.value == expected.map(Int64.init) else {
            throw Failure(
                description: "\(what): the latest time is at \(found?.offset.value ?? -1), not \(expected ?? -1)")
        }
    }

    /// A batch that is sent again is known again.
    private func verifyProducer(_ partition: Partition, _ model: ModelPartition, _ what: String) throws {
        guard partition.failure == nil, let last = model.batches.last(where: { $0.sequence != nil }) else { return }
        switch try send(last, to: partition) {
        case .duplicate(let ticket) where ticket.baseOffset.value == last.base: return
        case .rejected(let error) where disk.hadFault: note("\(what): \(error)")
        case let outcome: throw Failure(description: "\(what): \(last) sent again got \(outcome)")
        }
    }
}

/// One batch, as it was sent.
struct ModelBatch: CustomStringConvertible {
    var base: Int64
    var records: [(value: String, time: Int64)]
    var sequence: Int32?

    init(_ records: [Record], base: Int64) {
        self.base = base
        self.records = records.map {
            (String(decoding: $0.value ?? [], as: UTF8.self), $0.timestamp?.milliseconds ?? -1)
        }
    }

    var sent: [Record] { records.map { Record(value: $0.value, timestamp: Timestamp(milliseconds: $0.time)) } }
    var end: Int64 { base + Int64(records.count) }
    var description: String {
        "[\(base)..<\(end) \(records.reduce(0) { $0 + $1.value.utf8.count }) bytes\(sequence.map { " no. \($0)" } ?? "")]"
    }
}

/// A topic as it must be.
struct ModelTopic {
    let name: String
    var settings: TopicSettings
    var partitions: [ModelPartition]
    var isCreated: Bool
    var isDoomed = false
    /// An `alter` failed: the old ones may be in force, or the new ones.
    var settingsAreOpen = false
    /// `addPartitions` failed: there may be so many.
    var openCount: Int?

    init(name: String, count: Int, settings: TopicSettings, isCreated: Bool) {
        self.name = name
        self.settings = settings
        self.isCreated = isCreated
        partitions = (0..<count).map { _ in ModelPartition() }
    }

    /// A change failed: only the next life will tell how it came out.
    var isUncertain: Bool { !isCreated || isDoomed || settingsAreOpen || openCount != nil }
    var isJournaledForSure: Bool { settings.isJournaled && !settingsAreOpen }

    mutating func allIsDurable() {
        for i in partitions.indices where partitions[i].open == nil { partitions[i].durable = partitions[i].end }
    }

    mutating func powerWasCut() {
        for i in partitions.indices { partitions[i].mayHaveLost = true }
    }

    mutating func acknowledge(_ index: Int) { partitions[index].acknowledge(settings) }

    mutating func grow(to count: Int) {
        while partitions.count < count { partitions.append(ModelPartition()) }
        openCount = nil
    }

    /// Takes over how changes that failed came out.
    mutating func settle(_ served: Topic) throws {
        guard served.partitions.count == partitions.count || served.partitions.count == openCount else {
            throw History.Failure(description: "\(name) has \(served.partitions.count) partitions")
        }
        guard settingsAreOpen || served.settings == settings else {
            throw History.Failure(description: "\(name) has other settings")
        }
        grow(to: served.partitions.count)
        settings = served.settings
        isCreated = true
        isDoomed = false
        settingsAreOpen = false
    }
}

/// A partition as it must be.
struct ModelPartition {
    /// Acknowledged, or seen by a reader.
    var batches: [ModelBatch] = []
    /// Sent without an answer: it may be there or not. The partition takes no more in this life.
    var open: ModelBatch?
    /// Records that a power cut cannot cost: all of a journaled topic's, but not the last of a relaxed one's.
    var durable: Int64 = 0
    var mayHaveLost = false
    /// Records before this are deleted; before `startMax` they may be, where a deletion failed.
    var start: Int64 = 0
    var startMax: Int64 = 0

    var end: Int64 { batches.last?.end ?? 0 }
    var nextSequence: Int32 {
        guard let last = batches.last(where: { $0.sequence != nil }), let sequence = last.sequence else { return 0 }
        return sequence + Int32(last.records.count)
    }

    mutating func acknowledge(_ settings: TopicSettings) {
        guard let open else { return }
        batches.append(open)
        self.open = nil
        durable = settings.isJournaled ? end : max(durable, end - (settings.flushMessages - 1))
    }

    /// Deleting makes durable what was published.
    mutating func deleted(before start: Int64) {
        (self.start, startMax) = (start, start)
        durable = max(durable, start)
    }

    /// Compares what is stored, and takes over what was open.
    mutating func settle(
        _ stored: [StoredRecord], start: Int64, isFresh: Bool, _ settings: TopicSettings
    ) throws {
        guard start >= self.start, start <= startMax else {
            throw History.Failure(description: "it starts at \(start), not at \(self.start) to \(startMax)")
        }
        if isFresh { deleted(before: start) }
        let all = batches + (open.map { [$0] } ?? [])
        var count = all.prefix { $0.end <= start }.count
        var rest = stored[...]
        while !rest.isEmpty {
            guard count < all.count else {
                throw History.Failure(description: "\(rest.count) records too many at the end")
            }
            let records = all[count].records
            for record in records.dropFirst(Int(max(0, start - all[count].base))) {
                guard let next = rest.popFirst(), next.valueText == record.value,
                    next.timestamp.milliseconds == record.time
                else { throw History.Failure(description: "\(all[count]) is not there as it was sent") }
            }
            count += 1
        }
        let kept = count == 0 ? 0 : all[count - 1].end
        let needed = isFresh && mayHaveLost ? durable : end
        guard kept >= needed else {
            throw History.Failure(description: "it ends at \(kept), but \(needed) records were acknowledged")
        }
        if count > batches.count, let found = open {
            // Seen by a reader, so that it must stay; but nobody was told that it is durable.
            batches.append(found)
            open = nil
        } else {
            batches.removeLast(batches.count - count)
        }
        guard isFresh else { return }
        open = nil
        // What is on the disk after a power cut is on it for good.
        if mayHaveLost || settings.isJournaled { durable = end }
        mayHaveLost = false
    }
}
