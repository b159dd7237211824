/// Whether a log kept its promises in a history. Pure: it knows nothing of the log, nor of the disk.
///
/// - An acknowledged record is there once, at its offset, until it is deleted. Where a partition may lose some, a loss of
///   power costs no more than those.
/// - Nothing is there that was not sent; a batch is there as a whole, or not.
/// - An offset has one value for ever, and of what was sent in order nothing is out of order.
/// - The end and the start of the log go forward only; what was read stays.
/// - Bits that turn over cost the batches that they are in: those alone are refused, and none that the journal still has.
///   Only a log that skips the journal ends there, where no checkpoint has covered it.
/// - What an opened log does not have is gone for good.
/// - Deleting takes what comes before an offset, or is past its retention, and nothing else.
/// - Compaction takes records of which it could know a later one of their key, in segments that have ended, and no others: the
///   newest of each key stays, but for a tombstone, which goes after its time and after all that it deletes. What a reader
///   has once seen to be gone stays so: an exchange of segments is durable before readers see it.
/// - A committed offset is the one that was acknowledged last, or one that was tried after that.
package struct HistoryChecker {
    package struct Violation: Error, Equatable, CustomStringConvertible {
        package enum Rule: String, Sendable {
            case broke, lost, cameBack, invented, changed, twice, disorder, torn, wentBack, deletedTooMuch, offset
            case topic, time, sequence, refused
        }
        package var rule: Rule
        /// The event that shows it.
        package var event: Int
        package var description: String
    }

    /// nil: it kept them all.
    package static func violation(in events: [HistoryEvent]) -> Violation? {
        var checker = HistoryChecker()
        for (i, event) in events.enumerated() {
            checker.event = i
            do throws(Violation) { try checker.take(event) } catch { return error }
        }
        return nil
    }

    private struct Attempt {
        var sent: HistoryEvent.Attempt
        /// Where its first record is; -1: not known, or nowhere.
        var base: Int64 = -1
        var isAcknowledged = false
        /// It is not there and never will be.
        var isGone = false
    }

    private struct Partition {
        var attempts: [Int] = []
        /// By offset; -1: not known.
        var values: [Int] = []
        /// What readers have seen, or were told.
        var end: Int64 = 0
        var start: Int64 = 0
        /// Deleting may have come so far.
        var startMax: Int64 = 0
        /// Records that a loss of power cannot cost.
        var durable: Int64 = 0
        /// Those before this a checkpoint covers, where the journal is skipped.
        var covered: Int64 = 0
        /// What was acknowledged from here on the journal has, where it is not skipped.
        var journaled: Int64 = 0
        /// Records that may be refused: bits have turned over in them, and no opened log has served them since.
        var rotten: [Range<Int64>] = []
        /// Where the log may end at an opening, until a checkpoint covers it.
        var rottenEnd = Int64.max
        var compacted = CompactedRecords()
        var lossMax: Int64 = 0
        var hasLostPower = false

        /// The same without what the journal has of it.
        func released() -> Partition {
            var partition = self
            partition.journaled = end
            return partition
        }

        func isRotten(_ offset: Int64) -> Bool { rotten.contains { $0.contains(offset) } }
    }

    private struct Topic {
        var mayBeThere = false
        var mayBeGone = true
    }

    private struct Offset {
        var acknowledged: Int64 = -1
        /// Tried since, in order.
        var tried: [Int64] = []
    }

    private struct OffsetKey: Hashable { var group: Int, partition: Int }

    private var event = 0
    private var attempts: [Attempt] = []
    /// The attempt of each value.
    private var attemptOfValue: [Int32] = []
    private var partitions: [Int: Partition] = [:]
    private var topics: [Int: Topic] = [:]
    private var offsets: [OffsetKey: Offset] = [:]

    private func fail(_ rule: Violation.Rule, _ text: String) -> Violation {
        Violation(rule: rule, event: event, description: text)
    }

    private mutating func take(_ event: HistoryEvent) throws(Violation) {
        switch event {
        case .broke(let what): throw fail(.broke, what)
        case .opened: break
        case .ended(let ending):
            if ending == .lostPower { for key in partitions.keys { partitions[key]?.hasLostPower = true } }
        case .mayLose(let partition, let records): mayLose(partition, records)
        case .synchronized(let partition): synchronized(partition)
        case .sent(let attempt): send(attempt)
        case .acknowledged(let attempt, let base): try acknowledge(attempt, at: base)
        case .sentAgain(let attempt, let base):
            guard attempts[attempt].base == base else {
                throw fail(.sequence, "\(name(attempt)) was sent again and is said to be at \(base)")
            }
        case .read(let partition, let isFirst, let start, let end, let first, let seen):
            try read(partition, isFirst, start, end, first, seen)
        case .found(let partition, let time, let offset): try found(partition, time, offset)
        case .deleting(let partition, let before):
            partitions[partition, default: Partition()].startMax = max(
                before, partitions[partition]?.startMax ?? 0)
        case .deleted(let partition, let start): try deleted(partition, start)
        case .retaining(let partition, let before): retain(partition, before)
        case .compacting(let partition, let before, let time, let retention):
            compact(partition, before: before, time, retention)
        default: try takeOther(event)
        }
    }

    private mutating func takeOther(_ event: HistoryEvent) throws(Violation) {
        switch event {
        case .creating(let topic): topics[topic] = Topic(mayBeThere: true, mayBeGone: true)
        case .created(let topic): topics[topic] = Topic(mayBeThere: true, mayBeGone: false)
        case .deletingTopic(let topic): topics[topic] = Topic(mayBeThere: true, mayBeGone: true)
        case .deletedTopic(let topic): topics[topic] = Topic(mayBeThere: false, mayBeGone: true)
        case .listed(let topic, let isThere):
            let known = topics[topic] ?? Topic()
            guard isThere ? known.mayBeThere : known.mayBeGone else {
                throw fail(.topic, isThere ? "topic \(topic) was deleted and is there" : "topic \(topic) is gone")
            }
            topics[topic] = Topic(mayBeThere: isThere, mayBeGone: !isThere)
        case .committing(let group, let partition, let offset):
            offsets[OffsetKey(group: group, partition: partition), default: Offset()].tried.append(offset)
        case .committed(let group, let partition, let offset):
            offsets[OffsetKey(group: group, partition: partition)] = Offset(acknowledged: offset)
        case .fetched(let group, let partition, let isFirst, let offset):
            try fetched(OffsetKey(group: group, partition: partition), isFirst, offset)
        case .rotten(let partition, let offsets): rot(partition, offsets)
        case .released: partitions = partitions.mapValues { $0.released() }
        default: break
        }
    }

    // MARK: Records

    private mutating func synchronized(_ key: Int) {
        guard let partition = partitions[key], !partition.hasLostPower else { return }
        partitions[key]?.durable = partition.end
        partitions[key]?.covered = partition.end
        partitions[key]?.rottenEnd = .max
    }

    private mutating func mayLose(_ key: Int, _ records: Int64) {
        var partition = partitions[key] ?? Partition()
        // What came without the journal is not in it.
        if partition.lossMax > 0 || records > 0 { partition.journaled = partition.end }
        partition.lossMax = records
        partitions[key] = partition
    }

    private mutating func send(_ sent: HistoryEvent.Attempt) {
        attemptOfValue += [Int32](
            repeating: Int32(attempts.count), count: sent.value + sent.count - attemptOfValue.count)
        partitions[sent.partition, default: Partition()].attempts.append(attempts.count)
        attempts.append(Attempt(sent: sent))
    }

    private mutating func acknowledge(_ index: Int, at base: Int64) throws(Violation) {
        let sent = attempts[index].sent
        var partition = partitions[sent.partition] ?? Partition()
        for i in 0..<sent.count {
            try put(sent.value + i, at: base + Int64(i), in: &partition, sent.partition)
        }
        guard base >= partition.end else {
            throw fail(.wentBack, "\(name(index)) is said to be at \(base), before the end at \(partition.end)")
        }
        attempts[index].isAcknowledged = true
        partition.end = base + Int64(sent.count)
        partition.durable = max(partition.durable, partition.end - partition.lossMax)
        partitions[sent.partition] = partition
    }

    /// Takes note of where a record is.
    private mutating func put(
        _ value: Int, at offset: Int64, in partition: inout Partition, _ key: Int
    ) throws(Violation) {
        guard value >= 0, value < attemptOfValue.count else {
            throw fail(.invented, "partition \(key) has bytes at \(offset) that nobody sent")
        }
        let index = Int(attemptOfValue[value])
        let sent = attempts[index].sent
        guard sent.partition == key else {
            throw fail(.invented, "partition \(key) has at \(offset) a record of partition \(sent.partition)")
        }
        guard !attempts[index].isGone else {
            throw fail(.cameBack, "\(name(index)) was gone and is at \(offset)")
        }
        let base = offset - Int64(value - sent.value)
        if attempts[index].base < 0 { attempts[index].base = base }
        guard attempts[index].base == base else {
            throw fail(.twice, "\(name(index)) is at \(attempts[index].base) and at \(base)")
        }
        if offset >= Int64(partition.values.count) {
            partition.values += [Int](repeating: -1, count: Int(offset) + 1 - partition.values.count)
        }
        let known = partition.values[Int(offset)]
        guard known < 0 || known == value else {
            throw fail(.changed, "offset \(offset) of partition \(key) was value \(known) and is \(value)")
        }
        partition.values[Int(offset)] = value
    }

    private mutating func read(
        _ key: Int, _ isFirst: Bool, _ start: Int64, _ end: Int64, _ first: Int64, _ seen: [HistoryEvent.Seen]
    ) throws(Violation) {
        var partition = partitions[key] ?? Partition()
        guard start >= partition.start else {
            throw fail(.wentBack, "partition \(key) starts at \(start), after \(partition.start)")
        }
        guard start <= partition.startMax else {
            throw fail(
                .deletedTooMuch,
                "partition \(key) starts at \(start), where no more than \(partition.startMax) was to go")
        }
        partition.start = start
        let known = isFirst && partition.hasLostPower ? partition.durable : partition.end
        let due = isFirst ? min(known, partition.rottenEnd) : known
        guard end >= due else { throw fail(.lost, "partition \(key) ends at \(end), where \(due) was due") }
        if end < partition.end { forget(from: end, &partition) }
        partition.end = end
        try compare(seen, with: &partition, key, from: max(first, start))
        if isFirst { settle(&partition, seen) }
        partitions[key] = partition
    }

    /// What a partition was allowed to lose is free for others.
    private mutating func forget(from end: Int64, _ partition: inout Partition) {
        for index in partition.attempts where attempts[index].base >= end { attempts[index].isGone = true }
        partition.values.removeLast(max(0, partition.values.count - Int(end)))
        partition.compacted.truncate(to: end)
    }

    private mutating func compare(
        _ seen: [HistoryEvent.Seen], with partition: inout Partition, _ key: Int, from first: Int64
    ) throws(Violation) {
        var walk = Walk(first)
        for record in seen {
            try passOver(to: record.offset, in: &partition, &walk)
            guard record.offset == walk.next else {
                throw fail(.lost, "partition \(key) has offset \(record.offset), where \(walk.next) was due")
            }
            guard record.value != HistoryEvent.Seen.damaged else {
                try checkWhole(walk.current, to: walk.next)
                try checkRefusal(at: walk.next, of: partition, key)
                walk.current = -1
                walk.next += 1
                continue
            }
            guard !partition.compacted.isGone(record.offset) else {
                throw fail(.cameBack, "offset \(record.offset) of partition \(key) was compacted away and is there")
            }
            try put(record.value, at: record.offset, in: &partition, key)
            try take(attemptOfValue[record.value], &walk)
        }
        try passOver(to: partition.end, in: &partition, &walk)
        guard walk.next == max(first, partition.end) else {
            throw fail(.lost, "partition \(key) ends at \(partition.end), and can be read to \(walk.next)")
        }
        try checkWhole(walk.current, to: walk.next)
    }

    /// How far what was seen has been looked at.
    private struct Walk {
        let first: Int64
        var next: Int64
        var last: Int32 = -1
        /// The attempt of the record before; -1: that was refused.
        var current: Int32 = -1

        init(_ first: Int64) { (self.first, next) = (first, first) }
    }

    /// The next record is of this attempt.
    private func take(_ attempt: Int32, _ walk: inout Walk) throws(Violation) {
        if attempt != walk.current {
            try checkWhole(walk.current, to: walk.next)
            guard attempt >= walk.last else {
                throw fail(.disorder, "\(name(Int(attempt))) is after \(name(Int(walk.last)))")
            }
            guard walk.next == walk.first || attempts[Int(attempt)].base == walk.next else {
                throw fail(.torn, "\(name(Int(attempt))) is there in part")
            }
            (walk.current, walk.last) = (attempt, attempt)
        }
        walk.next += 1
    }

    /// Goes over what compaction may have taken away.
    private func passOver(to offset: Int64, in partition: inout Partition, _ walk: inout Walk) throws(Violation) {
        while walk.next < offset, mayBeGone(walk.next, in: partition) {
            if let key = key(at: walk.next, in: partition), !partition.compacted.isReplaced(key, at: walk.next),
                partition.compacted.isThere(key, before: walk.next, from: walk.first)
            {
                throw fail(.cameBack, "the tombstone at \(walk.next) is gone, and an older record of its key is there")
            }
            partition.compacted.passedOver(walk.next)
            try take(attemptOfValue[partition.values[Int(walk.next)]], &walk)
        }
    }

    /// A batch is there to its end.
    private func checkWhole(_ index: Int32, to end: Int64) throws(Violation) {
        guard index >= 0 else { return }
        let attempt = attempts[Int(index)]
        guard attempt.base + Int64(attempt.sent.count) == end else {
            throw fail(.torn, "\(name(Int(index))) is there in part")
        }
    }

    private func checkRefusal(at offset: Int64, of partition: Partition, _ key: Int) throws(Violation) {
        guard partition.isRotten(offset) else {
            throw fail(.refused, "offset \(offset) of partition \(key) is refused, where no bit has turned over")
        }
        let value = offset < Int64(partition.values.count) ? partition.values[Int(offset)] : -1
        guard value >= 0, partition.lossMax == 0, offset >= partition.journaled,
            attempts[Int(attemptOfValue[value])].isAcknowledged
        else { return }
        throw fail(.refused, "offset \(offset) of partition \(key) is refused, and the journal has it")
    }

    /// What an opened log does not have, it never has, and what it has served it serves on.
    private mutating func settle(_ partition: inout Partition, _ seen: [HistoryEvent.Seen]) {
        if !partition.rotten.isEmpty {
            let refused = seen.filter { $0.value == HistoryEvent.Seen.damaged }
            partition.rotten = refused.map { $0.offset..<$0.offset + 1 }
            partition.covered = min(partition.covered, partition.end)
            let uncovered = refused.first { $0.offset >= partition.covered }?.offset
            partition.rottenEnd = partition.lossMax > 0 ? uncovered ?? .max : .max
            partition.durable = min(partition.durable, partition.end)
        }
        for index in partition.attempts where attempts[index].base < 0 { attempts[index].isGone = true }
        partition.startMax = partition.start
        partition.durable = max(partition.durable, partition.start)
        if partition.hasLostPower || partition.lossMax == 0 { partition.durable = partition.end }
        partition.hasLostPower = false
    }

    private func found(_ key: Int, _ time: Int64, _ offset: Int64?) throws(Violation) {
        let partition = partitions[key] ?? Partition()
        var expected: Int64?
        for at in partition.start..<max(partition.start, partition.end) where expected == nil {
            if partition.isRotten(at) || partition.compacted.isGone(at) { continue }
            let value = at < Int64(partition.values.count) ? partition.values[Int(at)] : -1
            // Not read yet: nothing can be said.
            guard value >= 0 else { return }
            if attempts[Int(attemptOfValue[value])].sent.time >= time { expected = at }
        }
        guard offset == expected else {
            throw fail(
                .time, "time \(time) of partition \(key) gives offset \(offset ?? -1), not \(expected ?? -1)")
        }
    }

    // MARK: Rot

    private mutating func rot(_ key: Int, _ offsets: Range<Int64>) {
        var partition = partitions[key] ?? Partition()
        partition.rotten.append(offsets)
        // Without the journal, it looks like the place where writing stopped, unless a checkpoint says that it does not.
        if partition.lossMax > 0, offsets.upperBound > partition.covered {
            partition.rottenEnd = min(partition.rottenEnd, max(offsets.lowerBound, partition.covered))
        }
        partitions[key] = partition
    }

    // MARK: Deleting

    private mutating func deleted(_ key: Int, _ start: Int64) throws(Violation) {
        var partition = partitions[key] ?? Partition()
        guard start >= partition.start, start <= partition.startMax else {
            throw fail(.deletedTooMuch, "partition \(key) is said to start at \(start)")
        }
        partition.start = max(start, partition.start)
        partition.durable = max(partition.durable, start)
        partitions[key] = partition
    }

    private mutating func retain(_ key: Int, _ time: Int64?) {
        guard var partition = partitions[key] else { return }
        var start = partition.end
        if let time {
            start = partition.start
            while start < Int64(partition.values.count), start < partition.end {
                let value = partition.values[Int(start)]
                // Of what cannot be read nobody knows how old it is, and what is compacted away holds nothing back.
                guard
                    value < 0 || partition.isRotten(start) || mayBeGone(start, in: partition)
                        || attempts[Int(attemptOfValue[value])].sent.time < time
                else { break }
                start += 1
            }
        }
        partition.startMax = max(partition.startMax, start)
        partitions[key] = partition
    }

    // MARK: Compacting

    private mutating func compact(_ key: Int, before limit: Int64, _ time: Int64, _ deleteRetention: Int64) {
        guard var partition = partitions[key] else { return }
        for offset in partition.start..<max(partition.start, min(limit, partition.end)) {
            // Of what cannot be read nobody knows the key.
            guard let key = self.key(at: offset, in: partition), !partition.isRotten(offset) else { continue }
            partition.compacted.note(key, at: offset)
            if HistoryEvent.Attempt.isTombstone(partition.values[Int(offset)]) {
                partition.compacted.noteTombstone(at: offset, time: time, retention: deleteRetention)
            }
        }
        partitions[key] = partition
    }

    private func key(at offset: Int64, in partition: Partition) -> Int? {
        let value = offset < Int64(partition.values.count) ? partition.values[Int(offset)] : -1
        guard value >= 0 else { return nil }
        let keyCount = attempts[Int(attemptOfValue[value])].sent.keyCount
        return keyCount > 0 ? value % keyCount : nil
    }

    private func mayBeGone(_ offset: Int64, in partition: Partition) -> Bool {
        key(at: offset, in: partition).map { partition.compacted.mayBeGone($0, at: offset) } ?? false
    }

    // MARK: Committed offsets

    private mutating func fetched(_ key: OffsetKey, _ isFirst: Bool, _ offset: Int64) throws(Violation) {
        let known = offsets[key] ?? Offset()
        guard offset != known.acknowledged else {
            if isFirst { offsets[key] = Offset(acknowledged: offset) }
            return
        }
        guard let at = known.tried.lastIndex(of: offset) else {
            throw fail(
                .offset,
                "group \(key.group) is at \(offset) in partition \(key.partition), where \(known.acknowledged) was "
                    + "acknowledged and \(known.tried) tried")
        }
        offsets[key] = Offset(acknowledged: offset, tried: isFirst ? [] : Array(known.tried[(at + 1)...]))
    }

    private func name(_ attempt: Int) -> String {
        guard attempts.indices.contains(attempt) else { return "nothing" }
        let sent = attempts[attempt].sent
        return "attempt \(attempt) (values \(sent.value)..<\(sent.value + sent.count))"
    }
}
