import Storage
import Synchronization
import TestSupport
import Testing

@testable import EventLog

/// A write that fails costs the appends of its round, not the partition: those are refused, nothing of them is left, and
/// the next ones are taken.
@Suite struct HealingTests {
    private static let small = ["segment.bytes": "16384", "compression.type": "producer"]

    private func open(_ disk: any FileSystem) throws -> EventLog {
        try EventLog.open(
            at: "/data",
            options: quietOptions {
                $0.environment.fileSystem = disk
                $0.runsHousekeeping = false
            })
    }

    private func batch(_ value: String, sequence: Int32, producer: Int64 = 4711) throws -> [UInt8] {
        var builder = RecordBatchBuilder(compression: .none)
        builder.append(Record(value: value), defaultTimestamp: Timestamp(milliseconds: 0))
        try builder.finish(producer: (id: producer, epoch: 0, baseSequence: sequence))
        return builder.withUnsafeBytes { Array($0) }
    }

    private func stage(_ batch: [UInt8], to partition: Partition) throws -> AppendOutcome {
        try batch.withUnsafeBytes {
            partition.append($0, header: try RecordBatchHeader(parsing: $0.bytes), isCommittedByCaller: true)
        }
    }

    /// Sends a batch until it is taken, as a producer does that keeps its sequence numbers.
    private func send(_ batch: [UInt8], to partition: Partition) throws {
        var last: LogError?
        for _ in 0..<3 {
            switch try stage(batch, to: partition) {
            case .accepted(let ticket), .duplicate(let ticket):
                partition.committer.waitLeading(for: ticket.round)
                guard let failure = partition.outcome(of: ticket) else { return }
                last = failure
            case .rejected(let error): last = error
            case .full: throw LogError.storage("no room for one batch")
            }
        }
        throw last ?? .closed
    }

    // MARK: At every position

    struct Kind: Sendable, CustomTestStringConvertible {
        var path: String
        var operation: FileError.Operation
        var code: Int32
        var testDescription: String { "\(operation.rawValue) \(path), \(code)" }
    }

    static let kinds = [
        Kind(path: ".log", operation: .write, code: 28), Kind(path: ".log", operation: .write, code: 5),
        Kind(path: ".log", operation: .create, code: 28), Kind(path: ".log", operation: .open, code: 24),
        Kind(path: "index", operation: .write, code: 28), Kind(path: "index", operation: .create, code: 28),
        Kind(path: "index", operation: .open, code: 23), Kind(path: "checkpoint", operation: .write, code: 28),
        Kind(path: "checkpoint", operation: .open, code: 24),
    ]

    private func create(_ log: EventLog) throws -> [Partition] {
        let journaled = try log.createTopic("journaled", partitions: 2, settings: settings(Self.small))
        let relaxed = try log.createTopic(
            "relaxed", settings: settings(Self.small.merging(["flush.messages": "3"]) { $1 }))
        return journaled.partitions + relaxed.partitions
    }

    /// The values that were acknowledged, by partition.
    private func work(_ log: EventLog, _ partitions: [Partition]) throws -> [[String]] {
        var acknowledged = [[String]](repeating: [], count: partitions.count)
        for i in 0..<36 {
            let p = i % partitions.count
            let value = "\(i) " + String(repeating: "x", count: 1900)
            try send(try batch(value, sequence: Int32(acknowledged[p].count)), to: partitions[p])
            acknowledged[p].append(value)
            // It may fail, and the next one makes up for it.
            if i % 10 == 9 { try? log.checkpoint() }
        }
        return acknowledged
    }

    @Test("one operation fails, whichever it is: all is acknowledged in the end, and there once", arguments: kinds)
    func everyPosition(kind: Kind) throws {
        let clean = SimulatedDisk()
        let first = try open(clean)
        let partitions = try create(first)
        let begin = clean.operations
        _ = try work(first, partitions)
        let end = clean.operations
        #expect(end > begin + 100)
        // Every position where segments are written for want of room, each fourth else.
        for at in stride(from: begin, through: end, by: kind.path == ".log" && kind.code == 28 ? 1 : 4) {
            let what: Comment = "\(kind.testDescription) from operation \(at) on"
            let disk = SimulatedDisk()
            let log = try open(disk)
            let partitions = try create(log)
            disk.add(.init(at: at, .error(kind.code), path: kind.path, operation: kind.operation))
            let acknowledged = try work(log, partitions)
            try check(partitions, acknowledged, what)
            if at % 3 == 0 {
                disk.clearFaults()
                try log.checkpoint()
            }
            for (i, left) in [disk.kill(), disk.crash(seed: UInt64(at))].enumerated() {
                let reopened = try open(left)
                let again = try #require(reopened.topic("journaled")).partitions
                try check(again, Array(acknowledged[..<2]), what)
                let relaxed = try #require(reopened.topic("relaxed")).partitions[0].values()
                // Two records of those that were acknowledged may go with the power, none with the process.
                #expect(relaxed == Array(acknowledged[2].prefix(relaxed.count)), what)
                #expect(relaxed.count >= acknowledged[2].count - (i == 0 ? 0 : 2), what)
                // Numbers go on.
                try send(try batch("next", sequence: Int32(acknowledged[0].count)), to: again[0])
                #expect(try again[0].values() == acknowledged[0] + ["next"], what)
            }
            withExtendedLifetime(log) {}
        }
    }

    private func check(_ partitions: [Partition], _ acknowledged: [[String]], _ what: Comment) throws {
        for (partition, values) in zip(partitions, acknowledged) {
            let records = try partition.read(from: .earliest, maxBytes: .max)
            #expect(records.map { $0.valueText ?? "?" } == values, what)
            #expect(records.map(\.offset.value) == Array(0..<Int64(values.count)), what)
            for offset in stride(from: 0, to: values.count, by: 5) {
                let found = try partition.read(from: .offset(Offset(Int64(offset))), maxRecords: 1)
                #expect(found.first?.valueText == values[offset], what)
            }
        }
    }

    // MARK: A full disk

    @Test("a full disk refuses appends and serves what it has; when there is room again, appends go on by themselves")
    func fullDisk() throws {
        for room in stride(from: 1, to: 40_000, by: 1733) {
            let disk = SimulatedDisk()
            let lines = LogLines()
            let log = try EventLog.open(
                at: "/data",
                options: quietOptions {
                    $0.environment.fileSystem = disk
                    $0.runsHousekeeping = false
                    $0.logger = lines.makeLogger()
                    try? $0.settings.set("min.free.bytes", to: "0")
                })
            let partitions = try create(log)
            for p in partitions { try p.append(Record(value: "first")) }
            try log.checkpoint()
            disk.capacity = disk.bytesInUse + room
            var acknowledged = [[String]](repeating: ["first"], count: partitions.count)
            var refused = [Int](repeating: 0, count: partitions.count)
            for i in 0..<90 {
                let p = i % partitions.count
                let value = "\(i) " + String(repeating: "x", count: 700)
                do {
                    try partitions[p].append(Record(value: value))
                    acknowledged[p].append(value)
                } catch {
                    guard case .diskFull = error else { throw error }
                    refused[p] += 1
                }
                if i % 20 == 19 { try? log.checkpoint() }
            }
            #expect(refused.allSatisfy { $0 > 3 })
            try check(partitions, acknowledged, "room for \(room)")
            // What is on a full disk opens, and says the same.
            let left = disk.kill()
            left.capacity = left.bytesInUse
            let reopened = try open(left)
            try check(try #require(reopened.topic("journaled")).partitions, Array(acknowledged[..<2]), "reopened")
            // Who deletes makes room.
            try partitions[0].deleteRecords(before: partitions[0].end)
            disk.capacity = nil
            for (p, partition) in partitions.enumerated() {
                let end = partition.end
                #expect(try partition.append(Record(value: "next")) == end)
                acknowledged[p].append("next")
            }
            try check([partitions[1], partitions[2]], Array(acknowledged[1...]), "room for \(room), later")
            #expect(partitions.allSatisfy { $0.failure == nil })
            try log.checkpoint()
            let crashed = try open(disk.crash(seed: UInt64(room)))
            try check([try #require(crashed.topic("journaled")).partitions[1]], [acknowledged[1]], "crashed")
            #expect(lines.count(containing: "a partition cannot be written and refuses appends until it can be") >= 3)
            #expect(
                lines.count(containing: "a partition cannot be written and refuses appends until it can be")
                    == lines.count(containing: "a partition can be written again and takes appends"))
            try log.close()
        }
    }

    // MARK: What is staged behind

    @Test("what is staged behind a batch whose write fails is refused with it, and its offsets are given again")
    func stagedBehind() throws {
        let disk = HookedDisk()
        let log = try open(disk)
        let partition = try log.createTopic("t", settings: settings(Self.small)).partitions[0]
        try send(try batch("a", sequence: 0), to: partition)
        let behind = Mutex<[AppendTicket]>([])
        disk.onWrite(to: ".log") { (write) throws(FileError) in
            // In the round that gathers while this one is written.
            for sequence in Int32(2)...4 {
                if case .accepted(let ticket) = try? stage(try batch("lost", sequence: sequence), to: partition) {
                    behind.withLock { $0.append(ticket) }
                }
            }
            // A part of it comes to the disk.
            write(11)
            throw FileError(.write, "t-0.log", code: 28)
        }
        guard case .accepted(let ticket) = try stage(try batch("lost too", sequence: 1), to: partition) else {
            return #expect(Bool(false), "not accepted")
        }
        partition.committer.waitLeading(for: ticket.round)
        let staged = behind.withLock { $0 }
        #expect(staged.map(\.baseOffset) == [2, 3, 4])
        guard case .diskFull = partition.outcome(of: ticket) else { return #expect(Bool(false), "not refused") }
        // Before their round ends: those that come behind them in the same round are another matter.
        #expect(partition.end == 1)
        guard case .accepted(let next) = try stage(try batch("b", sequence: 1), to: partition) else {
            return #expect(Bool(false), "a producer cannot go on")
        }
        #expect(next.baseOffset == 1)
        // Out of order now, as what came before it was refused.
        guard case .rejected(.outOfOrderSequence) = try stage(try batch("d", sequence: 4), to: partition) else {
            return #expect(Bool(false), "a gap was taken")
        }
        partition.committer.waitLeading(for: max(next.round, staged.map(\.round).max() ?? 0))
        #expect(partition.outcome(of: next) == nil)
        for ticket in staged + [ticket] { #expect(partition.outcome(of: ticket) != nil) }
        for (sequence, value) in zip(Int32(2)..., ["c", "d", "e"]) {
            try send(try batch(value, sequence: sequence), to: partition)
        }
        // Their offsets are others' now; they stay refused.
        for ticket in staged + [ticket] { #expect(partition.outcome(of: ticket) != nil) }
        #expect(try partition.values() == ["a", "b", "c", "d", "e"])
        guard case .duplicate(let again) = try stage(try batch("e", sequence: 4), to: partition) else {
            return #expect(Bool(false), "not known")
        }
        #expect(again.baseOffset == 4)
        let reopened = try open(disk.disk.kill())
        #expect(try #require(reopened.topic("t")).partitions[0].values() == ["a", "b", "c", "d", "e"])
        try log.close()
    }

    @Test("a long append of which a part is refused says so, though later batches could be taken")
    func longAppend() throws {
        let disk = HookedDisk()
        let log = try open(disk)
        let partition = try log.createTopic("t", settings: settings(["compression.type": "producer"])).partitions[0]
        let isOver = Mutex(false)
        disk.onWrite(to: ".log") { (_) throws(FileError) in
            isOver.withLock { $0 = true }
            throw FileError(.write, "t-0.log", code: 28)
        }
        let records = (0..<200).map { Record(value: "\($0) " + String(repeating: "x", count: 20_000)) }
        #expect(throws: LogError.self) { try partition.append(contentsOf: records) }
        #expect(isOver.withLock { $0 })
        // What was kept is in order, without a hole.
        try partition.append(Record(value: "next"))
        let stored = try partition.read(from: .earliest, maxBytes: .max)
        #expect(stored.map(\.offset.value) == Array(0..<Int64(stored.count)))
        #expect(stored.last?.valueText == "next")
        try log.close()
    }

    @Test("offsets that a group committed are what was acknowledged, whatever was refused in between")
    func committedOffsets() throws {
        let disk = HookedDisk()
        let log = try open(disk)
        let topic = try log.createTopic("t")
        try topic.partitions[0].append(contentsOf: numbered(10))
        let group = log.group("g")
        try group.commit(3, in: topic.partitions[0])
        for turn in 0..<5 {
            disk.onWrite(to: ".log") { (write) throws(FileError) in
                write(turn * 20)
                throw FileError(.write, "offsets.log", code: 28)
            }
            #expect(throws: LogError.self) { try group.commit(9, in: topic.partitions[0]) }
            #expect(try group.committed(in: topic.partitions[0])?.offset == Offset(Int64(3 + turn)))
            try group.commit(Offset(Int64(4 + turn)), in: topic.partitions[0])
            #expect(try group.committed(in: topic.partitions[0])?.offset == Offset(Int64(4 + turn)))
        }
        let reopened = try open(disk.disk.kill())
        let again = try #require(reopened.topic("t")).partitions[0]
        #expect(try reopened.group("g").committed(in: again)?.offset == 8)
        try log.close()
    }

    // MARK: A journal without room

    @Test("a full journal that cannot be emptied refuses rounds, and takes them when it can be")
    func fullJournal() throws {
        let disk = SimulatedDisk()
        let log = try open(disk)
        let journaled = try log.createTopic("t", settings: settings(["compression.type": "producer"])).partitions[0]
        let relaxed = try log.createTopic("r", settings: settings(["flush.messages": "1000"])).partitions[0]
        let value = String(repeating: "x", count: 150_000)
        try journaled.append(Record(value: "first"))
        var acknowledged = 1
        var refused = 0
        for _ in 0..<20 {
            // Every checkpoint fails, and so does the ring's growth.
            disk.add(.init(at: 0, .error(28), path: "checkpoint", operation: .write))
            disk.add(.init(at: 0, .error(24), path: "journal", operation: .open))
            do {
                try journaled.append(Record(value: value))
                acknowledged += 1
            } catch { refused += 1 }
        }
        #expect(refused > 3)
        #expect(journaled.end.value == Int64(acknowledged))
        try relaxed.append(Record(value: "relaxed"))
        disk.clearFaults()
        #expect(try journaled.append(Record(value: "next")).value == Int64(acknowledged))
        #expect(try journaled.values().count == acknowledged + 1)
        let reopened = try open(disk.crash(seed: 3))
        #expect(try #require(reopened.topic("t")).partitions[0].values().count == acknowledged + 1)
        try log.close()
    }

    // MARK: The parts

    @Test("a ticket is of a batch that was refused when it lies past the end of its era")
    func eras() {
        func ticket(_ offset: Int64, _ era: UInt64) -> AppendTicket {
            AppendTicket(
                baseOffset: Offset(offset), lastOffset: Offset(offset), logAppendTime: nil, round: 1, era: era)
        }
        var refused = RefusedBatches()
        #expect(refused.refusal(of: ticket(5, 0)) == nil)
        refused.endEra(at: 3, because: .storage("first"))
        refused.endEra(at: 3, because: .storage("second"))
        refused.endEra(at: 7, because: .storage("third"))
        #expect(refused.era == 3)
        #expect(refused.refusal(of: ticket(2, 0)) == nil)
        #expect(refused.refusal(of: ticket(3, 0)) != nil)
        #expect(refused.refusal(of: ticket(3, 1)) != nil)
        #expect(refused.refusal(of: ticket(2, 1)) == nil)
        #expect(refused.refusal(of: ticket(3, 2)) == nil)
        #expect(refused.refusal(of: ticket(6, 2)) == nil)
        #expect(refused.refusal(of: ticket(7, 2)) == .storage("third"))
        #expect(refused.refusal(of: ticket(7, 3)) == nil)
        // Those that are forgotten count as refused.
        for i in 0..<RefusedBatches.endsMax { refused.endEra(at: Offset(10 + Int64(i)), because: .closed) }
        #expect(refused.refusal(of: ticket(2, 0)) != nil)
        #expect(refused.refusal(of: ticket(8, 3)) == nil)
    }

    @Test("producers go on where they were before what was refused", arguments: 1...12)
    func producersGoBack(refusedCount: Int32) throws {
        var table = ProducerTable()
        func header(_ sequence: Int32) throws -> RecordBatchHeader {
            try batch("x", sequence: sequence).withUnsafeBytes { try RecordBatchHeader(parsing: $0.bytes) }
        }
        let kept: Int32 = 8
        for sequence in 0..<kept + refusedCount {
            let offset = Offset(Int64(sequence))
            table.add(try header(sequence), baseOffset: offset, lastOffset: offset, round: 1)
        }
        table.rollBack(to: Offset(Int64(kept)))
        #expect(table.verdict(on: try header(kept)) == .append)
        if refusedCount <= 5 {
            // As many as a producer may have in flight: the next one is known.
            guard case .reject = table.verdict(on: try header(kept + 1)) else {
                return #expect(Bool(false), "a gap was taken")
            }
        }
        if refusedCount < 5 {
            guard case .duplicate(let found) = table.verdict(on: try header(kept - 1)) else {
                return #expect(Bool(false), "not known")
            }
            #expect(found.baseOffset.value == Int64(kept - 1))
        }
        // The whole of it again, as if nothing had been.
        for sequence in kept..<kept + refusedCount {
            let offset = Offset(Int64(sequence))
            #expect(table.verdict(on: try header(sequence)) == .append)
            table.add(try header(sequence), baseOffset: offset, lastOffset: offset, round: 2)
        }
    }
}
