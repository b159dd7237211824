import Storage
import Synchronization
import TestSupport
import Testing

@testable import EventLog

/// One life of the offsets of a directory on a simulated disk, as a seed draws it: commits, resets, groups and topics
/// that come and go, compaction, snapshots, checkpoints, closes, kills, power cuts and failing operations. Beside it runs what must
/// be true: a group is what was last acknowledged, or that and the first few of the changes that came after.
final class OffsetsHistory {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private typealias Offsets = [String: [Int32: CommittedOffset]]

    /// What must be true of a group.
    private struct Model {
        var acknowledged: Offsets = [:]
        /// Given to the log without an answer that says what came of it, in order.
        var open: [[GroupEntry]] = []

        /// What it may be: one that was refused does not keep a later one from being there.
        var candidates: [Offsets] {
            open.reduce(into: [acknowledged]) { all, entries in all += all.map { Self.changed($0, by: entries) } }
        }

        static func changed(_ offsets: Offsets, by entries: [GroupEntry]) -> Offsets {
            entries.reduce(into: offsets) { OffsetsHistory.apply($1, to: &$0) }
        }
    }

    private static let groups = ["a", "b", "c"]
    private static let topics = ["readings", "events", "alarms"]
    private static let partitionCount = 2
    private static let deleteRetention: Int64 = 10

    private var random: SeededRandom
    private var disk = SimulatedDisk()
    private let clock = SettableClock()
    private var models: [String: Model] = [:]
    /// Topics that are there for sure.
    private var present: Set<String> = []
    /// Topics of which it is not known, since changing them failed.
    private var uncertain: Set<String> = []
    private var nextOffset: Int64 = 0
    private(set) var events: [String] = []
    private(set) var acknowledgedCount = 0
    /// How often a snapshot helped to open.
    private(set) var snapshotCount = 0
    /// Records that compaction has taken.
    private(set) var droppedCount = 0

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    func run(sessions: Int) throws {
        for session in 0..<sessions {
            disk.clearFaults()
            if chance(60) { addFault() }
            events.append("session \(session)")
            try runSession()
            endLife()
        }
        disk.clearFaults()
        let log = try open()
        try verify(log)
        try log.close()
    }

    private func addFault() {
        let at = disk.operations + Int.random(in: 1...(chance(30) ? 12 : 200), using: &random)
        events.append("a fault is due at operation \(at)")
        disk.add(SimulatedDisk.Fault(at: at, chance(75) ? .powerCut : .error(chance(50) ? 28 : 5)))
    }

    private func runSession() throws {
        let log: EventLog
        do {
            log = try open()
            try verify(log)
        } catch let failure as Failure { throw failure } catch {
            guard disk.hadFault else { throw Failure(description: "it does not open: \(error)") }
            return events.append("open: \(error)")
        }
        for _ in 0..<Int.random(in: 3...40, using: &random) where disk.hasPower {
            do { try step(log) } catch let failure as Failure { throw failure } catch {
                guard disk.hadFault else { throw Failure(description: "a step failed: \(error)") }
                events.append("step: \(error)")
            }
        }
        guard chance(40), disk.hasPower else { return withExtendedLifetime(log) {} }
        do { try log.close() } catch {
            guard disk.hadFault else { throw Failure(description: "closing failed: \(error)") }
        }
        events.append("closed")
    }

    private func endLife() {
        // A kill after a failed sync leaves pages that no later sync writes.
        if (!disk.hadFault || !disk.hasPower) && chance(35) {
            events.append("killed")
            disk = disk.kill()
        } else {
            events.append("power is cut")
            disk = disk.crash(seed: random.next())
        }
    }

    private func open() throws -> EventLog {
        var options = quietOptions()
        options.environment.fileSystem = disk
        options.environment.now = { [clock] in clock.now }
        // Compaction is a step, so that a seed tells when.
        options.runsHousekeeping = false
        return try EventLog.open(at: "/data", options: options)
    }

    private func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    private static func apply(_ entry: GroupEntry, to offsets: inout Offsets) {
        guard case .offset(let topic, let partition) = entry.key else { return }
        if case .offset(_, _, let committed) = entry {
            offsets[topic, default: [:]][partition] = committed
        } else {
            offsets[topic]?[partition] = nil
            if offsets[topic]?.isEmpty == true { offsets[topic] = nil }
        }
    }

    // MARK: Steps

    private func step(_ log: EventLog) throws {
        let offsets = try log.consumerOffsets()
        clock.advance(by: Int64.random(in: 0...3, using: &random))
        switch Int.random(in: 0..<108, using: &random) {
        case 0..<50: try commit(offsets, partitions: Int.random(in: 1...3, using: &random), note: nil)
        case 50..<60: try commit(offsets, partitions: 40, note: ChangeNote(kind: "reset", id: offsets.makeChangeID()))
        case 60..<65: try deleteGroup(offsets)
        case 65..<75: try createTopic(log)
        case 75..<80: try deleteTopic(log)
        case 80..<86:
            events.append("checkpoint")
            try log.checkpoint()
        case 86..<93:
            events.append("snapshots")
            offsets.writeSnapshots(always: true)
        case 93..<101: try compact(log, offsets)
        default: try verify(log)
        }
    }

    private func commit(_ offsets: ConsumerOffsets, partitions: Int, note: ChangeNote?) throws {
        guard !present.isEmpty, let group = Self.groups.randomElement(using: &random) else { return }
        try offsets.prepare(partitionCount: Self.partitionCount)
        let entries = (0..<partitions).map { _ in
            let topic = present.sorted().randomElement(using: &random) ?? ""
            nextOffset += 1
            return GroupEntry.offset(
                topic: topic, partition: Int32.random(in: 0..<50, using: &random),
                CommittedOffset(
                    Offset(nextOffset), metadata: chance(10) ? String(repeating: "m", count: 3000) : "",
                    timestamp: Timestamp(milliseconds: nextOffset)))
        }
        events.append("commit of \(partitions) in \(group), the last is \(nextOffset)")
        try store(GroupChange(entries, by: ConsumerOffsetsTests.author, note: note), in: group, offsets)
    }

    private func deleteGroup(_ offsets: ConsumerOffsets) throws {
        guard let id = Self.groups.randomElement(using: &random), let group = offsets.group(id) else { return }
        events.append("delete \(id)")
        let note = ChangeNote(kind: "delete", id: offsets.makeChangeID())
        try store(GroupChange(group.removal, by: ConsumerOffsetsTests.author, note: note), in: id, offsets)
    }

    private func store(_ change: GroupChange, in group: String, _ offsets: ConsumerOffsets) throws {
        // What is refused at once is not there later, either.
        guard let staged = try offsets.stage(change, in: group, isCommittedByCaller: true) else { return }
        models[group, default: Model()].open.append(change.entries)
        try offsets.finish([staged])
        guard let model = models[group] else { return }
        // What failed before it in this session was refused: else nothing would be taken any more.
        models[group] = Model(acknowledged: Model.changed(model.acknowledged, by: change.entries))
        acknowledgedCount += 1
    }

    private func createTopic(_ log: EventLog) throws {
        let absent = Self.topics.filter { !present.contains($0) && !uncertain.contains($0) }
        guard let name = absent.randomElement(using: &random) else { return }
        events.append("create \(name)")
        uncertain.insert(name)
        try log.createTopic(name, partitions: 1)
        uncertain.remove(name)
        present.insert(name)
        try verify(log)
    }

    private func deleteTopic(_ log: EventLog) throws {
        guard let name = present.sorted().randomElement(using: &random) else { return }
        events.append("delete topic \(name)")
        present.remove(name)
        uncertain.insert(name)
        try log.deleteTopic(name)
        uncertain.remove(name)
        forget(name)
    }

    /// Of what is older than a few milliseconds, the last record of each key is left, and no tombstone for long.
    private func compact(_ log: EventLog, _ offsets: ConsumerOffsets) throws {
        guard let topic = offsets.offsetsTopic else { return }
        let span = Int64.random(in: 0...12, using: &random)
        events.append("compaction of what is older than \(span) ms")
        try offsets.keepHistory(milliseconds: span)
        if topic.settings.deleteRetentionMilliseconds != Self.deleteRetention {
            var settings = topic.settings
            try settings.set("delete.retention.ms", to: "\(Self.deleteRetention)")
            try settings.set("min.cleanable.dirty.ratio", to: "0")
            try topic.alter(settings)
        }
        for partition in topic.partitions { try partition.roll() }
        clock.advance(by: Int64.random(in: 0...20, using: &random))
        let result = log.compactNow()
        guard result.isComplete || disk.hadFault else { throw Failure(description: "compaction failed: \(result)") }
        droppedCount += result.recordsDropped
        try verify(log)
    }

    private func forget(_ topic: String) {
        for (group, var model) in models {
            model.acknowledged[topic] = nil
            model.open = model.open.map { $0.filter { !$0.isOffset(of: topic) } }
            models[group] = model
        }
    }

    // MARK: What must be true

    private func verify(_ log: EventLog) throws {
        for name in uncertain where disk.hasPower && !disk.hadFault {
            if log.topic(name) != nil { present.insert(name) } else { forget(name) }
        }
        if !disk.hadFault { uncertain = [] }
        for name in present where log.topic(name) == nil { throw Failure(description: "topic \(name) is gone") }
        let offsets = try log.consumerOffsets()
        // Where the disk refuses, what was committed to a deleted topic goes later, but before there is one of its name.
        let masked = disk.hadFault ? uncertain.union(Self.topics.filter { log.topic($0) == nil }) : uncertain
        for id in Self.groups { try verify(id, offsets.group(id)?.offsets ?? [:], without: masked) }
        for shard in offsets.shards.withLock({ $0 }) {
            let (groups, end, byteCount) = shard.withContents { ($0.groups, $0.snapshotEnd, $0.byteCount) }
            let recount = groups.values.reduce(0) { $0 + $1.byteCount }
            guard byteCount == recount else {
                throw Failure(description: "\(byteCount) bytes are counted of \(recount)")
            }
            if end != nil { snapshotCount += 1 }
            guard Self.agree(groups, with: ConsumerOffsetsTests.logAlone(shard.partition).groups) else {
                throw Failure(description: "partition \(shard.partition.index) is not what its log says")
            }
        }
    }

    /// Compaction takes the tombstone that was a group's last change: of that only who has seen it knows.
    private static func agree(_ groups: [String: StoredGroup], with log: [String: StoredGroup]) -> Bool {
        guard groups.count == log.count else { return false }
        return groups.allSatisfy { id, group in
            guard var stored = log[id], stored.lastChange <= group.lastChange else { return false }
            stored.lastChange = group.lastChange
            return stored == group
        }
    }

    /// `topics`: a topic that failed to come or go may have taken its offsets with it.
    private func verify(_ id: String, _ found: Offsets, without topics: Set<String>) throws {
        let model = models[id] ?? Model()
        func masked(_ offsets: Offsets) -> Offsets { offsets.filter { !topics.contains($0.key) } }
        guard let match = model.candidates.first(where: { masked($0) == masked(found) }) else {
            throw Failure(
                description: "group \(id) is \(found), none of the \(model.candidates.count) that may be, the last "
                    + "acknowledged \(model.acknowledged)")
        }
        // Opened anew it stays what it is; until then a change may still be on its way.
        if !disk.hadFault { models[id] = Model(acknowledged: match) }
    }
}

extension GroupEntry {
    fileprivate func isOffset(of topic: String) -> Bool {
        if case .offset(let name, _) = key { return name == topic }
        return false
    }
}
