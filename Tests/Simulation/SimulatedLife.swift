internal import EventLog
internal import Glibc
internal import Logging
internal import RecordFormat
internal import Storage
internal import Synchronization
package import TestSupport

/// Runs a plan: the engine as it is, on a simulated disk, with a clock and chance of the plan's. Notes all that it was
/// asked and answered, and judges nothing but an error without a cause.
package final class SimulatedLife {
    private let plan: Plan
    private(set) var disk: SimulatedDisk
    private let world: World
    private var log: EventLog?
    package private(set) var events: [HistoryEvent] = []

    private var topics: [SimulatedTopic?] = [nil, nil]
    private var topicCount = 0
    private var partitionCount = 0
    private var valueCount = 0
    private var attemptCount = 0
    private var committedCount: Int64 = 0
    /// Faults may have been at work in this life of the log.
    private var hadFault = false
    /// How a fault that ends the life ends it.
    private var ending = HistoryEvent.Ending.lostPower
    private var isOver = false
    private var readGroups = false
    /// For the disk of the next life.
    private var dueAtOpening: [SimulatedDisk.Fault] = []
    /// Bits that are to turn over before the next life.
    private var dueRot: Step?
    private var rot = SegmentRot()
    private let hasRot: Bool
    /// The round that the journal begins with, as its header says.
    private var journalTail: [UInt8] = []
    /// How many calls the disk got in each life so far.
    package private(set) var callsOfLives: [Int] = []
    /// And for each step; 0 where that ended a life.
    private(set) var calls: [Int]

    /// The clock and chance.
    private final class World: Sendable {
        let milliseconds = Atomic<Int64>(1_700_000_000_000)
        let random: Mutex<SeededRandom>
        init(seed: UInt64) { random = Mutex(SeededRandom(seed: seed ^ 0x5EED)) }
        var now: Timestamp { Timestamp(milliseconds: milliseconds.load(ordering: .relaxed)) }
        func draw() -> UInt64 { random.withLock { $0.next() } }
    }

    package init(_ plan: Plan, lies: SimulatedDisk.Lies = []) {
        self.plan = plan
        calls = [Int](repeating: 0, count: plan.steps.count)
        hasRot = plan.steps.contains { $0.action == .rot }
        disk = SimulatedDisk(seed: plan.seed, lies: lies)
        world = World(seed: plan.seed)
    }

    private static let silent = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }

    package func run() {
        events.reserveCapacity(plan.steps.count * 4)
        let beforeOpening = plan.steps.prefix { $0.action == .fault && $0[2] != 0 }
        for step in beforeOpening { plant(step) }
        replaceDisk(by: disk)
        open()
        for (i, step) in plan.steps.enumerated().dropFirst(beforeOpening.count) {
            if isOver { return }
            if !disk.hasPower { restart(ending) }
            let (asked, before) = (disk, disk.calls)
            take(step)
            noteRelease()
            calls[i] = disk === asked ? disk.calls - before : 0
            if !disk.hasPower, !isOver { restart(ending) }
        }
        if isOver { return }
        disk.clearFaults()
        dueAtOpening = []
        restart(disk.hasPower ? .lostPower : ending)
        if log == nil, !isOver { restart(.killed) }
        // What is closed in order has nothing to lose. One in four: it takes as long as all before it.
        if isOver || plan.seed % 4 != 0 { return }
        close()
        if !isOver { restart(.lostPower) }
    }

    // MARK: Lives of the log

    private func open() {
        var options = EventLogOptions()
        options.environment.fileSystem = disk
        options.environment.now = { [world] in world.now }
        options.environment.random = { [world] in world.draw() }
        options.environment.footprint = .simulated
        options.journalBytesInitial = 0
        options.journalBytesMax = 0
        options.runsHousekeeping = false
        options.logger = Self.silent
        let opened = attempt { log = try EventLog.open(at: "/data", options: options) }
        guard opened else { return }
        events.append(.opened)
        readGroups = false
        list()
        if !isOver { verify() }
        readGroups = true
    }

    /// The log ends so, and is opened again.
    private func restart(_ ending: HistoryEvent.Ending) {
        // Where a sync has failed, a kill leaves pages that nobody writes any more: a topic that skips the journal has
        // nothing to write them from again.
        let isSound =
            !disk.hasGivenUp || topics.allSatisfy { $0 == nil || ($0?.lossMax == 0 && $0?.isUncertain == false) }
        let ending = ending == .killed && !isSound ? .lostPower : ending
        let left = ending == .lostPower ? disk.crash(seed: world.draw()) : disk.kill()
        log = nil
        replaceDisk(by: left)
        begin(ending)
    }

    private func replaceDisk(by left: SimulatedDisk) {
        if left !== disk { callsOfLives.append(disk.calls) }
        disk = left
        for fault in dueAtOpening { disk.add(fault) }
        dueAtOpening = []
    }

    private func begin(_ ending: HistoryEvent.Ending) {
        events.append(.ended(ending))
        turnBits()
        hadFault = disk.hasUnreportedFailures
        for i in topics.indices {
            for j in topics[i]?.partitions.indices ?? 0..<0 { topics[i]?.partitions[j].isRead = false }
        }
        open()
    }

    private func close() {
        guard let log else { return restart(.killed) }
        let isClosed = attempt { try log.close() }
        if isOver { return }
        guard disk.hasPower else { return }
        guard isClosed, !disk.hadFault else { return restart(.killed) }
        synchronized()
        self.log = nil
        replaceDisk(by: disk.kill())
        begin(.closed)
    }

    /// A fault is why something may fail; else the failure is noted. False: it failed.
    @discardableResult
    private func attempt(_ body: () throws -> Void) -> Bool {
        do {
            try body()
            return true
        } catch {
            if disk.hadFault || hadFault { return false }
            broke("\(error)")
            return false
        }
    }

    private func broke(_ what: String) {
        events.append(.broke(what))
        isOver = true
    }

    // MARK: Steps

    private func take(_ step: Step) {
        switch step.action {
        case .fault: plant(step)
        case .close: close()
        case .kill: restart(.killed)
        case .cut: restart(.lostPower)
        case .spoil: spoil(step)
        case .rot: rot(step)
        case .wait: world.milliseconds.wrappingAdd(Int64(step[0]), ordering: .relaxed)
        default: if let log { use(log, step) }
        }
    }

    private func use(_ log: EventLog, _ step: Step) {
        switch step.action {
        case .create: create(log, step)
        case .delete: delete(log, step)
        case .alter: alter(log, step)
        case .grow: grow(log, step)
        case .append: append(log, step, isNumbered: false)
        case .number: append(log, step, isNumbered: true)
        case .spread: spread(log, step)
        case .again: sendAgain(log, step)
        case .roll: if let (partition, _, _) = pick(log, step) { attempt { try partition.roll() } }
        case .read: read(log, step)
        case .find: find(log, step)
        case .verify: verify()
        case .checkpoint: if attempt({ try log.checkpoint() }), !disk.hadFault { synchronized() }
        case .work: log.work(milliseconds: step[0])
        case .trim: trim(log, step)
        case .retain: retain(log)
        case .compact: compact(log, step)
        case .commit: commit(log, step)
        case .forget: forget(log, step)
        case .snapshot: attempt { try log.consumerOffsets().writeSnapshots(always: true) }
        case .fault, .close, .kill, .cut, .spoil, .rot, .wait: break
        }
    }

    private func plant(_ step: Step) {
        guard let kind = FaultKind(rawValue: step[0]) else { return }
        if kind.endsLife { ending = kind.isKill ? .killed : .lostPower }
        let fault: SimulatedDisk.Fault.Kind =
            switch kind {
            case .kill, .cut: .powerCut
            case .killWithin, .tear: .cutWithin
            case .ioError: .error(5)
            case .diskFull: .error(28)
            case .shortWrite: .shortWrite(28)
            case .drop: .drop(5)
            case .writeback: .writeback
            case .filesMax: .error(24)
            case .unreadableMappings: .unreadableMappings
            }
        if step[2] != 0 {
            dueAtOpening.append(SimulatedDisk.Fault(atCall: max(1, step[1]), fault))
        } else {
            disk.add(SimulatedDisk.Fault(atCall: disk.calls + max(1, step[1]), fault))
        }
    }

    /// Nothing may come of it: an index is a cache.
    private func spoil(_ step: Step) {
        let left = disk.kill()
        let indexes = left.files.filter { $0.hasSuffix("index") && (left.contents($0)?.isEmpty == false) }
        if !indexes.isEmpty {
            let path = indexes[step[0] % indexes.count]
            let bits = (left.contents(path)?.count ?? 1) * 8
            // Every other time an offset: an entry that is whole, but another record's.
            let at = step[1] % bits / 8
            left.flip(bit: step[1] % 8, of: path, at: step[0] % 2 == 0 ? at : min(at | 3, bits / 8 - 1))
        }
        guard !disk.hadFault else { return restart(.killed) }
        log = nil
        replaceDisk(by: left)
        begin(.killed)
        lookAround()
    }

    private func lookAround() {
        for permille in [250, 500, 750] where !isOver {
            for (at, index) in [(0, 0), (0, 1), (1, 0)] where !isOver {
                if let log { find(log, Step(.find, at, index, permille)) }
                if let log, !isOver { read(log, Step(.read, at, index, permille)) }
            }
        }
    }

    // MARK: Rot

    private func rot(_ step: Step) {
        dueRot = step
        switch step[3] {
        case 0: close()
        case 1: restart(.killed)
        default: restart(.lostPower)
        }
        lookAround()
    }

    private func turnBits() {
        guard let step = dueRot else { return }
        dueRot = nil
        noteRelease()
        let harm = rot.harm(disk, step) { directory in
            guard let (at, _) = place(of: directory), let topic = topics[at] else { return false }
            return topic.lossMax > 0 || topic.isUncertain
        }
        guard let harm, let (at, index) = place(of: harm.directory), let topic = topics[at],
            index < topic.partitions.count
        else { return }
        topics[at]?.partitions[index].rotten += harm.offsets
        for offsets in harm.offsets {
            events.append(.rotten(partition: topic.partitions[index].number, offsets))
        }
    }

    /// The topic and partition whose directory it is.
    private func place(of directory: String) -> (topic: Int, partition: Int)? {
        for at in topics.indices {
            let prefix = "/data/t\(at)-"
            if directory.hasPrefix(prefix), let index = Int(directory.dropFirst(prefix.count)) { return (at, index) }
        }
        return nil
    }

    /// A round that the journal no longer begins with may have been let go of, and repairs nothing then.
    private func noteRelease() {
        guard hasRot else { return }
        // The number of the first round that is needed, in either of the header's blocks: see docs/FORMAT.md, "Journal".
        let tails = [0, 4096].compactMap { disk.contents("/data/journal", $0 + 56..<$0 + 64) }
        guard let tail = tails.max(by: { $0.lexicographicallyPrecedes($1) }), tail != journalTail else { return }
        journalTail = tail
        events.append(.released)
    }

    /// The partition that a step is about, if it takes appends as far as is known.
    private func pick(_ log: EventLog, _ step: Step) -> (Partition, topic: Int, partition: Int)? {
        let at = step[0] % topics.count
        guard let topic = topics[at], !topic.isUncertain, let served = log.topic(topic.name) else { return nil }
        let partitions = served.partitions
        let index = step[1] % topic.partitions.count
        guard index < partitions.count, topic.partitions[index].isRead else { return nil }
        return (partitions[index], at, index)
    }

    // MARK: Appending

    private func append(_ log: EventLog, _ step: Step, isNumbered: Bool) {
        guard let (partition, at, index) = pick(log, step), let topic = topics[at] else { return }
        let known = topic.partitions[index]
        if isNumbered && known.hasOpenNumber { return }
        let count = max(1, step[2])
        let time = world.now.milliseconds
        let (attempt, value) = send(count, to: known.number, time, keyCount: topic.keyCount)
        guard isNumbered else {
            let records = records(from: value, count, size: step[3], time, keyCount: topic.keyCount)
            let isKnown = self.attempt {
                let range = try partition.append(contentsOf: records)
                events.append(.acknowledged(attempt: attempt, baseOffset: range.lowerBound.value))
            }
            if !isKnown { topics[at]?.partitions[index].hasOpenAppend = true }
            return
        }
        topics[at]?.partitions[index].hasOpenNumber = true
        var numbered = SimulatedPartition.Numbered(
            attempt: attempt, value: value, count: count, size: step[3], time: time, sequence: known.nextSequence,
            keyCount: topic.keyCount, base: -1)
        self.attempt {
            guard case .accepted(let ticket) = try sendNumbered(numbered, to: partition, known.number) else {
                return broke("attempt \(attempt) is taken for one that was sent before")
            }
            log.commit(round: ticket.round)
            if let failure = partition.outcome(of: ticket) { throw failure }
            events.append(.acknowledged(attempt: attempt, baseOffset: ticket.baseOffset.value))
            numbered.base = ticket.baseOffset.value
            topics[at]?.partitions[index].numbered.append(numbered)
            topics[at]?.partitions[index].hasOpenNumber = false
        }
        if topics[at]?.partitions[index].hasOpenNumber == true {
            topics[at]?.partitions[index].numbered.append(numbered)
        }
    }

    private func send(
        _ count: Int, to partition: Int, _ time: Int64, keyCount: Int
    ) -> (attempt: Int, value: Int) {
        defer {
            attemptCount += 1
            valueCount += count
            world.milliseconds.wrappingAdd(1, ordering: .relaxed)
        }
        events.append(
            .sent(
                HistoryEvent.Attempt(
                    partition: partition, value: valueCount, count: count, time: time, keyCount: keyCount)))
        return (attemptCount, valueCount)
    }

    private func sendNumbered(
        _ batch: SimulatedPartition.Numbered, to partition: Partition, _ number: Int
    ) throws -> AppendOutcome {
        var builder = RecordBatchBuilder(compression: .none)
        let records = records(
            from: batch.value, batch.count, size: batch.size, batch.time, keyCount: batch.keyCount)
        for record in records {
            builder.append(record, defaultTimestamp: .none)
        }
        try builder.finish(producer: (id: 1000 + Int64(number), epoch: 0, baseSequence: batch.sequence))
        let outcome = try builder.withUnsafeBytes { bytes in
            partition.append(bytes, header: try RecordBatchHeader(parsing: bytes.bytes), isCommittedByCaller: true)
        }
        if case .rejected(let error) = outcome { throw error }
        return outcome
    }

    private func sendAgain(_ log: EventLog, _ step: Step) {
        guard let (partition, at, index) = pick(log, step), let known = topics[at]?.partitions[index],
            !known.hasOpenNumber, let last = known.numbered.last
        else { return }
        attempt {
            switch try sendNumbered(last, to: partition, known.number) {
            case .duplicate(let ticket):
                events.append(.sentAgain(attempt: last.attempt, baseOffset: ticket.baseOffset.value))
            case .accepted(let ticket):
                log.commit(round: ticket.round)
                events.append(.sentAgain(attempt: last.attempt, baseOffset: ticket.baseOffset.value))
            default: broke("attempt \(last.attempt) was sent again and finds no room")
            }
        }
    }

    /// Eight bytes that say which, and whether there is a key, and others that follow from it.
    private func records(from value: Int, _ count: Int, size: Int, _ time: Int64, keyCount: Int) -> [Record] {
        (value..<value + count).map { value in
            var bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: value), count: max(8, size))
            let number = keyCount > 0 ? value | Self.keyed : value
            for i in 0..<8 { bytes[i] = UInt8(truncatingIfNeeded: number >> (8 * i)) }
            let timestamp = Timestamp(milliseconds: time)
            guard keyCount > 0 else { return Record(key: nil, value: bytes, timestamp: timestamp) }
            guard HistoryEvent.Attempt.isTombstone(value) else {
                return Record(key: Self.key(of: value), value: bytes, timestamp: timestamp)
            }
            let header = RecordHeader(name: "number", value: bytes)
            return Record(key: Self.key(of: value), value: nil, headers: [header], timestamp: timestamp)
        }
    }

    private static let keyed = 1 << 62
    private static func key(of value: Int) -> [UInt8] { [UInt8(value % SimulatedTopic.keyCountOfCompacted)] }

    private func spread(_ log: EventLog, _ step: Step) {
        let at = step[0] % topics.count
        guard let topic = topics[at], !topic.isUncertain, let served = log.topic(topic.name) else { return }
        let time = world.now.milliseconds
        var parts: [PartitionAppend] = []
        var attempts: [Int] = []
        for (partition, known) in zip(served.partitions, topic.partitions) where known.isRead {
            let count = max(1, step[1])
            let (attempt, value) = send(count, to: known.number, time, keyCount: topic.keyCount)
            attempts.append(attempt)
            let records = records(from: value, count, size: step[2], time, keyCount: topic.keyCount)
            parts.append(PartitionAppend(to: partition, records))
        }
        let areKnown = attempt {
            for (attempt, range) in zip(attempts, try log.append(parts)) {
                events.append(.acknowledged(attempt: attempt, baseOffset: range.lowerBound.value))
            }
        }
        guard !areKnown else { return }
        for i in topic.partitions.indices { topics[at]?.partitions[i].hasOpenAppend = true }
    }

    // MARK: Reading

    private func verify() {
        guard let log else { return }
        for at in topics.indices {
            guard let topic = topics[at], !topic.isUncertain, let served = log.topic(topic.name) else { continue }
            for index in topic.partitions.indices where index < served.partitions.count && !isOver {
                read(served.partitions[index], at, index, permille: 0)
            }
        }
        if !isOver { fetchOffsets(log) }
    }

    private func read(_ log: EventLog, _ step: Step) {
        guard let (partition, at, index) = pick(log, step) else { return }
        read(partition, at, index, permille: step[2])
    }

    @discardableResult
    private func read(_ partition: Partition, _ at: Int, _ index: Int, permille: Int) -> Bool {
        guard let known = topics[at]?.partitions[index] else { return false }
        var seen: [HistoryEvent.Seen] = []
        let (start, end) = (partition.logStart.value, partition.end.value)
        let first = known.isRead ? start + (end - start) * Int64(permille) / 1000 : start
        let isDone = attempt {
            var next: Int64? = first
            while let from = next {
                next = try scan(partition, from: from, known, &seen)
            }
        }
        // What is read without power says nothing.
        guard isDone, disk.hasPower else { return false }
        events.append(
            .read(partition: known.number, isFirst: !known.isRead, start: start, end: end, first: first, seen))
        if known.isRead { locateNumbered(seen, at, index) } else { settle(seen, end, at, index) }
        return true
    }

    /// Reads to the end, or over the next damage.
    /// - Returns: where to go on; nil: it came to the end.
    private func scan(
        _ partition: Partition, from first: Int64, _ known: SimulatedPartition, _ seen: inout [HistoryEvent.Seen]
    ) throws -> Int64? {
        do throws(LogError) {
            try partition.scan(from: .offset(Offset(first))) { record in
                seen.append(HistoryEvent.Seen(record.offset.value, Self.number(record)))
                return true
            }
            return nil
        } catch {
            let next = seen.last.map { max(first, $0.offset + 1) } ?? first
            guard let end = error.goesOnAt?.value, end > next, end <= partition.end.value else { throw error }
            let refused = next..<end
            // A fault may be why. Else it is for the checker.
            let isRotten = refused.allSatisfy { offset in known.rotten.contains { $0.contains(offset) } }
            guard isRotten || !(disk.hadFault || hadFault) else { throw error }
            seen += refused.map { HistoryEvent.Seen($0, HistoryEvent.Seen.damaged) }
            return end
        }
    }

    private static func number(_ record: borrowing RecordView) -> Int {
        let isTombstone = record.isTombstone
        guard let bytes = isTombstone ? record.value(ofHeader: "number") : record.value, bytes.byteCount >= 8 else {
            return -1
        }
        let key = record.key?.withUnsafeBytes { Array($0) }
        return bytes.withUnsafeBytes { bytes in
            let number = Int(truncatingIfNeeded: UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)))
            let value = number & ~keyed
            let isKeyed = number != value
            guard value >= 0, key == (isKeyed ? self.key(of: value) : nil),
                isTombstone == (isKeyed && HistoryEvent.Attempt.isTombstone(value))
            else { return -1 }
            let rest = bytes.count - 8
            guard rest > 0, let start = bytes.baseAddress.map({ $0 + 8 }) else { return value }
            // The first is right, and each other one is as the one before it.
            guard bytes[8] == UInt8(truncatingIfNeeded: value), memcmp(start, start + 1, rest - 1) == 0 else {
                return -1
            }
            return value
        }
    }

    /// Of numbered batches those are known now that are there.
    private func settle(_ seen: [HistoryEvent.Seen], _ end: Int64, _ at: Int, _ index: Int) {
        topics[at]?.partitions[index].isRead = true
        topics[at]?.partitions[index].numbered.removeAll { numbered in
            if numbered.base >= 0 { return numbered.base >= end }
            return !seen.contains { $0.value == numbered.value }
        }
        topics[at]?.partitions[index].hasOpenNumber = false
        topics[at]?.partitions[index].hasOpenAppend = false
        let refused = seen.filter { $0.value == HistoryEvent.Seen.damaged }
        topics[at]?.partitions[index].rotten.removeAll { range in !refused.contains { range.contains($0.offset) } }
        locateNumbered(seen, at, index)
    }

    private func locateNumbered(_ seen: [HistoryEvent.Seen], _ at: Int, _ index: Int) {
        for i in topics[at]?.partitions[index].numbered.indices ?? 0..<0 {
            guard let numbered = topics[at]?.partitions[index].numbered[i], numbered.base < 0 else { continue }
            topics[at]?.partitions[index].numbered[i].base = seen.first { $0.value == numbered.value }?.offset ?? -1
        }
    }

    private func find(_ log: EventLog, _ step: Step) {
        guard let (partition, at, index) = pick(log, step), let number = topics[at]?.partitions[index].number,
            read(partition, at, index, permille: 0)
        else { return }
        let time = 1_700_000_000_000 + (world.now.milliseconds - 1_700_000_000_000) * Int64(step[2]) / 1000
        attempt {
            let found = try partition.offset(at: Timestamp(milliseconds: time))
            events.append(.found(partition: number, time: time, offset: found?.offset.value))
        }
    }

    // MARK: Deleting

    private func trim(_ log: EventLog, _ step: Step) {
        guard let (partition, at, index) = pick(log, step), let number = topics[at]?.partitions[index].number else {
            return
        }
        let (start, end) = (partition.logStart.value, partition.end.value)
        let before = start + (end - start) * Int64(step[2]) / 1000
        events.append(.deleting(partition: number, before: before))
        attempt {
            events.append(
                .deleted(partition: number, start: try partition.deleteRecords(before: Offset(before)).value))
        }
    }

    private func retain(_ log: EventLog) {
        for topic in topics.compactMap({ $0 }) {
            for partition in topic.partitions {
                if topic.isUncertain {
                    // By whichever settings are in force.
                    events.append(.retaining(partition: partition.number, before: nil))
                    continue
                }
                switch SimulatedTopic.settings[topic.setting].retention {
                case .none: break
                case .bytes: events.append(.retaining(partition: partition.number, before: nil))
                case .milliseconds(let milliseconds):
                    events.append(
                        .retaining(partition: partition.number, before: world.now.milliseconds - milliseconds))
                }
            }
        }
        log.retainNow()
    }

    // MARK: Compacting

    private func compact(_ log: EventLog, _ step: Step) {
        let compacted = topics.indices.filter { topics[$0]?.isCompacted == true || topics[$0]?.isUncertain == true }
        guard compacted.allSatisfy({ isKnown(log, $0) }) else { return }
        for at in compacted {
            for (index, partition) in (topics[at]?.partitions ?? []).enumerated() {
                events.append(
                    .compacting(
                        partition: partition.number, before: activeBase("/data/t\(at)-\(index)"),
                        time: world.now.milliseconds, deleteRetention: SimulatedTopic.deleteRetention))
            }
        }
        attempt {
            let keysMax = step[0] == 0 ? .max : step[0]
            for pass in log.compactNow(until: CompactionStop(), keysMax: keysMax).passes {
                switch pass.ending {
                case .finished: break
                case .failed(let error): throw error
                case .gone, .stopped: throw LogError.storage("a compaction ended early")
                }
            }
        }
    }

    /// Whether all records of a topic are known: what nobody has seen before it is compacted away, nobody could judge.
    private func isKnown(_ log: EventLog, _ at: Int) -> Bool {
        guard let topic = topics[at], let served = log.topic(topic.name) else { return true }
        for (index, partition) in served.partitions.enumerated() where index < topic.partitions.count {
            if topic.partitions[index].isKnown { continue }
            guard !topic.isUncertain, read(partition, at, index, permille: 0) else { return false }
            topics[at]?.partitions[index].hasOpenAppend = false
        }
        return true
    }

    /// Where the segment begins that is written to, by the names on the disk.
    private func activeBase(_ directory: String) -> Int64 {
        SegmentPath.all(of: disk).last { $0.directory == directory }?.base ?? 0
    }

    // MARK: Topics

    private func create(_ log: EventLog, _ step: Step) {
        let at = step[0] % topics.count
        guard topics[at] == nil else { return }
        let setting = step[2] % SimulatedTopic.settings.count
        var topic = SimulatedTopic(name: "t\(at)", number: topicCount, partitions: [], setting: setting)
        topicCount += 1
        for _ in 0..<max(1, step[1]) { topic.partitions.append(newPartition(lossMax: topic.lossMax)) }
        topic.isUncertain = true
        topics[at] = topic
        events.append(.creating(topic: topic.number))
        attempt {
            try log.createTopic(
                topic.name, partitions: topic.partitions.count, settings: SimulatedTopic.settings[setting].settings)
            events.append(.created(topic: topic.number))
            topics[at]?.isUncertain = false
            for i in topic.partitions.indices { topics[at]?.partitions[i].isRead = true }
        }
    }

    private func newPartition(lossMax: Int64) -> SimulatedPartition {
        defer { partitionCount += 1 }
        if lossMax > 0 { events.append(.mayLose(partition: partitionCount, records: lossMax)) }
        return SimulatedPartition(number: partitionCount)
    }

    private func delete(_ log: EventLog, _ step: Step) {
        let at = step[0] % topics.count
        guard let topic = topics[at], !topic.isUncertain else { return }
        topics[at]?.isUncertain = true
        events.append(.deletingTopic(topic: topic.number))
        attempt {
            try log.deleteTopic(topic.name)
            events.append(.deletedTopic(topic: topic.number))
            topics[at] = nil
        }
    }

    private func alter(_ log: EventLog, _ step: Step) {
        let at = step[0] % topics.count
        guard let topic = topics[at], !topic.isUncertain else { return }
        let setting = step[1] % SimulatedTopic.settings.count
        let after = SimulatedTopic.settings[setting]
        topics[at]?.isUncertain = true
        // Until it is known which are in force.
        setLoss(topic, to: max(topic.lossMax, after.lossMax))
        attempt {
            try log.topic(topic.name)?.alter(after.settings)
            topics[at]?.setting = setting
            topics[at]?.isUncertain = false
            if (topic.lossMax == 0) != (after.lossMax == 0), !disk.hadFault { synchronized() }
            setLoss(topic, to: after.lossMax)
        }
    }

    private func setLoss(_ topic: SimulatedTopic, to lossMax: Int64) {
        for partition in topic.partitions { events.append(.mayLose(partition: partition.number, records: lossMax)) }
    }

    private func grow(_ log: EventLog, _ step: Step) {
        let at = step[0] % topics.count
        guard let topic = topics[at], !topic.isUncertain, step[1] > topic.partitions.count else { return }
        let added = (topic.partitions.count..<step[1]).map { _ in newPartition(lossMax: topic.lossMax) }
        topics[at]?.partitions += added
        topics[at]?.isUncertain = true
        attempt {
            try log.topic(topic.name)?.addPartitions(to: step[1])
            topics[at]?.isUncertain = false
            for i in topic.partitions.count..<step[1] { topics[at]?.partitions[i].isRead = true }
        }
    }

    /// What came of changes that failed.
    private func list() {
        guard let log else { return }
        for at in topics.indices {
            guard let topic = topics[at] else {
                if log.topic("t\(at)") != nil { broke("topic t\(at) was deleted and is there") }
                continue
            }
            let served = log.topic(topic.name)
            events.append(.listed(topic: topic.number, isThere: served != nil))
            guard let served else {
                topics[at] = nil
                continue
            }
            settle(served, at, topic)
        }
    }

    private func settle(_ served: Topic, _ at: Int, _ topic: SimulatedTopic) {
        let count = served.partitions.count
        guard let setting = SimulatedTopic.settings.firstIndex(where: { $0.settings == served.settings }),
            topic.isUncertain || setting == topic.setting
        else { return broke("topic \(topic.name) has other settings") }
        guard count == topic.partitions.count || (topic.isUncertain && count < topic.partitions.count) else {
            return broke("topic \(topic.name) has \(count) partitions")
        }
        topics[at]?.setting = setting
        topics[at]?.isUncertain = false
        topics[at]?.partitions.removeLast(topic.partitions.count - count)
        if topic.isUncertain, let settled = topics[at] { setLoss(settled, to: settled.lossMax) }
    }

    private func synchronized() {
        for topic in topics.compactMap({ $0 }) where topic.lossMax > 0 || topic.isUncertain {
            for partition in topic.partitions { events.append(.synchronized(partition: partition.number)) }
        }
    }

    // MARK: Committed offsets

    private static let author = ChangeAuthor(principal: "simulation", clientID: "simulation", address: "local")

    private func commit(_ log: EventLog, _ step: Step) {
        let at = step[1] % topics.count
        guard let topic = topics[at], !topic.isUncertain else { return }
        let group = step[0] % 2
        let index = step[2] % topic.partitions.count
        committedCount += 1
        let offset = committedCount
        attempt {
            let offsets = try log.consumerOffsets()
            try offsets.prepare(partitionCount: 1)
            let entry = GroupEntry.offset(
                topic: topic.name, partition: Int32(index), CommittedOffset(Offset(offset), timestamp: world.now))
            events.append(.committing(group: group, partition: topic.partitions[index].number, offset: offset))
            try offsets.store(GroupChange([entry], by: Self.author), in: "g\(group)")
            events.append(.committed(group: group, partition: topic.partitions[index].number, offset: offset))
        }
    }

    private func forget(_ log: EventLog, _ step: Step) {
        let group = step[0] % 2
        attempt {
            let offsets = try log.consumerOffsets()
            guard let stored = offsets.group("g\(group)") else { return }
            let keys = topics.compactMap { $0 }.flatMap(\.partitions).map(\.number)
            for key in keys { events.append(.committing(group: group, partition: key, offset: -1)) }
            try offsets.store(GroupChange(stored.removal, by: Self.author), in: "g\(group)")
            for key in keys { events.append(.committed(group: group, partition: key, offset: -1)) }
        }
    }

    private func fetchOffsets(_ log: EventLog) {
        guard committedCount > 0 else { return }
        attempt {
            let offsets = try log.consumerOffsets()
            guard disk.hasPower else { return }
            for group in 0..<2 {
                let stored = offsets.group("g\(group)")?.offsets ?? [:]
                for topic in topics.compactMap({ $0 }) where !topic.isUncertain {
                    for (index, partition) in topic.partitions.enumerated() {
                        events.append(
                            .fetched(
                                group: group, partition: partition.number, isFirst: !readGroups,
                                offset: stored[topic.name]?[Int32(index)]?.offset.value ?? -1))
                    }
                }
            }
        }
    }
}

extension Footprint {
    /// As little as the engine can do with.
    static let simulated: Footprint = {
        var footprint = Footprint()
        footprint.runsThreads = false
        footprint.journalBytesMin = 64 << 10
        footprint.journalGrowthMin = 256 << 10
        footprint.roundBytesMax = 128 << 10
        footprint.indexStride = 300
        return footprint
    }()
}
