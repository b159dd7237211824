import Logging
import RecordFormat
import Storage
import TestSupport
import Testing

@testable import EventLog

/// Power is lost, a process is killed or an operation fails at every step of an exchange: the log holds what it held
/// before it or what it holds after it, and nothing else.
@Suite struct SwapCrashTests {
    enum Lane: String, CaseIterable {
        /// Rounds of the segments that are exchanged, and of those after them, are in the journal.
        case journaled
        case relaxed

        var settings: [String: String] {
            let common = ["segment.bytes": "1024", "compression.type": "producer", "cleanup.policy": "compact"]
            return self == .journaled ? common : common.merging(["flush.messages": "1000"]) { $1 }
        }
    }

    /// What a log may hold, as values by offset.
    struct Allowed {
        /// With what was exchanged so far, and with the exchange that was begun last where nobody knows.
        private(set) var old: [[Int64: String]] = [[:]]
        private(set) var new: [[Int64: String]] = []
        /// From here on records may be lost with the power.
        var isRelaxedFrom: Int64?

        var states: [[Int64: String]] { old + new }

        init() {}
        init(only state: [Int64: String]) { old = [state] }

        mutating func append(_ value: String, at offset: Int64, isAcknowledged: Bool) {
            let before = self
            for i in old.indices { old[i][offset] = value }
            for i in new.indices { new[i][offset] = value }
            if isAcknowledged { return }
            old += before.old
            new += before.new
        }

        mutating func began(_ keeping: (Int64) -> Bool, in offsets: Range<Int64>) {
            old = states
            new = old.map { $0.filter { !offsets.contains($0.key) || keeping($0.key) } }
        }

        mutating func ended(asNew: Bool, isCertain: Bool) {
            guard isCertain else { return }
            if asNew { old = new }
            new = []
        }

        func contains(_ found: [Int64: String]) -> Bool {
            states.contains { state in
                if state == found { return true }
                guard let isRelaxedFrom else { return false }
                return found == state.filter { $0.key < isRelaxedFrom || found[$0.key] != nil }
            }
        }
    }

    static func options(_ disk: SimulatedDisk) -> EventLogOptions {
        var options = PowerCutTests.options(disk)
        options.runsHousekeeping = false
        options.acceptsCheckpointLoss = true
        return options
    }

    static func value(_ i: Int64) -> String { "value \(i) " + String(repeating: "x", count: 150) }

    /// Appends up to offset `end`, what is acknowledged to `allowed`.
    static func append(to end: Int64, _ partition: Partition, _ allowed: inout Allowed) {
        while partition.end.value < end {
            let i = partition.end.value
            let record = Record(
                key: "key", value: value(i), timestamp: Timestamp(milliseconds: 1_700_000_000_000 + i * 1000))
            let isAcknowledged = (try? partition.append(record)) != nil
            allowed.append(value(i), at: i, isAcknowledged: isAcknowledged)
            if !isAcknowledged { return }
        }
    }

    struct Run {
        var allowed = Allowed()
        var log: EventLog?
        /// The operations of the exchanges.
        var operations = 0..<0
    }

    /// Three exchanges: of some segments, of those and more, of one alone. `fault`: set before the first of them.
    static func run(_ lane: Lane, _ disk: SimulatedDisk, fault: ((_ start: Int) -> SimulatedDisk.Fault)?) throws -> Run
    {
        var run = Run()
        let log = try EventLog.open(at: "/data", options: options(disk))
        run.log = log
        let partition = try log.createTopic("t", settings: settings(lane.settings)).partitions[0]
        // Both slots of the checkpoint name an end in the middle of a segment that is exchanged.
        for end in [Int64(4), 7] {
            append(to: end, partition, &run.allowed)
            try log.checkpoint()
        }
        append(to: 24, partition, &run.allowed)
        try log.settleForCompaction([partition])
        append(to: 27, partition, &run.allowed)
        let start = disk.operations
        if let fault { disk.add(fault(start)) }
        if lane == .relaxed { run.allowed.isRelaxedFrom = 24 }
        exchange(partition, count: 2, &run.allowed) { $0 % 2 == 0 }
        append(to: 29, partition, &run.allowed)
        exchange(partition, count: 3, &run.allowed) { $0 % 3 == 0 || $0 > 10 }
        exchange(partition, count: 1, &run.allowed) { $0 == 6 }
        run.operations = start + 1..<disk.operations + 1
        return run
    }

    private static func exchange(
        _ partition: Partition, count: Int, _ allowed: inout Allowed, keeping: (Int64) -> Bool
    ) {
        let segments = Array(partition.exchangeableSegments().prefix(count))
        guard segments.count == count, let last = segments.last, let next = partition.segment(after: last) else {
            return
        }
        allowed.began(keeping, in: segments[0].baseOffset.value..<next.baseOffset.value)
        do {
            let isExchanged = try Rewriting(partition: partition).begin(segments) { keeping($0.baseOffset.value) }
                .commit()
            allowed.ended(asNew: isExchanged, isCertain: !partition.exchangesAreHalted)
        } catch {
            allowed.ended(asNew: false, isCertain: !partition.exchangesAreHalted)
        }
    }

    /// By offset; reads also look at each record by itself.
    static func contents(_ partition: Partition) throws -> [Int64: String] {
        var values: [Int64: String] = [:]
        try partition.scan(from: .earliest) { record in
            let stored = record.makeStoredRecord()
            values[stored.offset.value] = stored.valueText
            return true
        }
        for (offset, value) in values {
            let start = StartPosition.offset(Offset(offset))
            #expect(try partition.read(from: start, maxRecords: 1).first?.valueText == value)
        }
        return values
    }

    /// Opens the disk, twice, and sees to it that the log is one of those allowed, whole and of use.
    static func check(_ disk: SimulatedDisk, _ allowed: Allowed, _ what: Comment) throws {
        var allowed = allowed
        for _ in 0..<2 {
            let log = try EventLog.open(at: "/data", options: options(disk))
            let partition = try #require(log.topic("t")).partitions[0]
            let found = try contents(partition)
            try #require(allowed.contains(found), what)
            allowed = Allowed(only: found)
            try expectNoSeams(partition, what)
            let names = try disk.list("/data/t-0")
            #expect(!names.contains { $0.hasPrefix("swap") || $0.hasSuffix(".cleaned") }, what)
            append(to: partition.end.value + 2, partition, &allowed)
            #expect(try contents(partition) == allowed.states[0], what)
            withExtendedLifetime(log) {}
        }
    }

    /// Each segment ends where the next begins.
    static func expectNoSeams(_ partition: Partition, _ what: Comment) throws {
        let segments = partition.segments
        for (segment, next) in zip(segments, segments.dropFirst()) {
            var scan = BatchScan(try segment.file(), from: 0, to: try segment.visibleBytes())
            var end = segment.baseOffset
            while let (batch, _) = try scan.next() { end = batch.lastOffset.advanced(by: 1) }
            #expect(end == next.baseOffset, what)
        }
    }

    static func operations(_ lane: Lane) throws -> Range<Int> { try run(lane, SimulatedDisk(), fault: nil).operations }

    @Test(arguments: Lane.allCases)
    func withoutAFaultEachExchangeIsMade(lane: Lane) throws {
        let disk = SimulatedDisk()
        let run = try Self.run(lane, disk, fault: nil)
        #expect(run.operations.count > 40)
        #expect(run.allowed.states.count == 1)
        let dropped = (0..<29).filter { run.allowed.states[0][$0] == nil }
        #expect(dropped.contains(0) && dropped.contains(9) && dropped.count > 8)
        try Self.check(disk.kill(), run.allowed, "\(lane)")
    }

    @Test(arguments: Lane.allCases, 0..<4)
    func aPowerCutAnywhereLeavesTheOldOrTheNew(lane: Lane, part: Int) throws {
        for cut in try Self.operations(lane) where cut % 4 == part {
            let disk = SimulatedDisk()
            let run = try Self.run(lane, disk) { _ in SimulatedDisk.Fault(at: cut, .powerCut) }
            for seed in 0..<2 {
                let what: Comment = "\(lane): power cut at operation \(cut), seed \(seed)"
                #expect(throws: Never.self, what) {
                    try Self.check(disk.crash(seed: UInt64(cut * 10 + seed)), run.allowed, what)
                }
            }
            withExtendedLifetime(run.log) {}
        }
    }

    @Test(arguments: Lane.allCases)
    func aKillAnywhereLeavesTheOldOrTheNew(lane: Lane) throws {
        for cut in try Self.operations(lane) {
            let disk = SimulatedDisk()
            let run = try Self.run(lane, disk) { _ in SimulatedDisk.Fault(at: cut, .powerCut) }
            let what: Comment = "\(lane): killed at operation \(cut)"
            #expect(throws: Never.self, what) {
                try Self.check(disk.kill(), run.allowed, what)
                // Power goes right after.
                try Self.check(disk.kill().crash(seed: UInt64(cut)), run.allowed, what)
            }
            withExtendedLifetime(run.log) {}
        }
    }

    /// The recovery of what a power cut or a kill left is itself cut short, at a third of its operations each.
    @Test(arguments: 0..<4)
    func aRecoveryThatIsCutShortLosesNothing(part: Int) throws {
        for cut in try Self.operations(.journaled) where cut % 4 == part {
            let disk = SimulatedDisk()
            let run = try Self.run(.journaled, disk) { _ in SimulatedDisk.Fault(at: cut, .powerCut) }
            let left = disk.crash(seed: UInt64(cut))
            if try hasManifest(left) { try cutRecovery(of: left, run.allowed, after: cut, at: 3) }
            // After a kill the manifest's name may not be durable: whoever builds on it must see to that.
            let killed = disk.kill()
            if try hasManifest(killed), try (0..<6).contains(where: { try !hasManifest(killed.crash(seed: $0)) }) {
                try cutRecovery(of: killed, run.allowed, after: cut, at: 1)
            }
            withExtendedLifetime(run.log) {}
        }
    }

    private func hasManifest(_ disk: SimulatedDisk) throws -> Bool {
        try disk.list("/data/t-0").contains(SwapManifest.name)
    }

    private func cutRecovery(
        of left: SimulatedDisk, _ allowed: Allowed, after first: Int, at interval: Int
    ) throws {
        let whole = left.kill()
        _ = try EventLog.open(at: "/data", options: Self.options(whole))
        for cut in 1..<whole.operations where (cut + first) % interval == 0 {
            let again = left.kill()
            again.add(SimulatedDisk.Fault(at: cut, .powerCut))
            _ = try? EventLog.open(at: "/data", options: Self.options(again))
            let what: Comment = "cut at operation \(first), and at operation \(cut) of the recovery"
            #expect(throws: Never.self, what) {
                for seed in 0..<(interval == 1 ? 8 : 1) {
                    try Self.check(again.crash(seed: UInt64(cut * 10 + seed)), allowed, what)
                }
            }
        }
    }

    @Test(arguments: zip(Lane.allCases, [5, 28] as [Int32]))
    func anErrorAnywhereLeavesALogOfUse(lane: Lane, code: Int32) throws {
        for at in try Self.operations(lane) {
            let what: Comment = "\(lane): error \(code) at operation \(at)"
            let disk = SimulatedDisk()
            let run = try Self.run(lane, disk) { _ in SimulatedDisk.Fault(at: at, .error(code)) }
            let log = try #require(run.log)
            let partition = try #require(log.topic("t")).partitions[0]
            #expect(throws: Never.self, what) {
                let found = try Self.contents(partition)
                try #require(run.allowed.contains(found), what)
                // On disk it is the same, however the process ends.
                try Self.check(disk.kill(), run.allowed, what)
                try Self.check(disk.crash(seed: UInt64(at)), run.allowed, what)
            }
            withExtendedLifetime(log) {}
        }
    }

    /// Names may be lost then that rounds in the journal are for: none of them may be released.
    @Test func aPartitionWhoseNamesCannotBeSyncedTakesNoMore() throws {
        for at in try Self.operations(.journaled) {
            let what: Comment = "from operation \(at) on"
            let disk = SimulatedDisk()
            let run = try Self.run(.journaled, disk) { _ in
                SimulatedDisk.Fault(at: at, .error(5), path: "/t-0", operation: .synchronize)
            }
            let log = try #require(run.log)
            let partition = try #require(log.topic("t")).partitions[0]
            #expect((partition.failure != nil) == disk.hadFault, what)
            if disk.hadFault { #expect(throws: LogError.self, what) { try log.checkpoint() } }
            #expect(throws: Never.self, what) { try Self.check(disk.crash(seed: UInt64(at)), run.allowed, what) }
            withExtendedLifetime(log) {}
        }
    }

    // MARK: Rounds of the journal

    private static func harm(_ disk: SimulatedDisk, _ path: String, at position: Int, _ count: Int) throws {
        try disk.open(path, .update).write([UInt8](repeating: 0xAB, count: count), at: position)
    }

    @Test func roundsOfExchangedSegmentsAreNotReplayedWhateverOfCheckpointAndHeaderIsDamaged() throws {
        for journalSlot in [nil, 0, 1] as [Int?] {
            for checkpointSlots in [[], [0], [1], [0, 1]] {
                let disk = SimulatedDisk()
                let run = try Self.run(.journaled, disk, fault: nil)
                let left = disk.kill()
                let what: Comment = "header \(journalSlot as Any), checkpoint \(checkpointSlots)"
                if let journalSlot { try Self.harm(left, "/data/journal", at: journalSlot * 4096, 100) }
                for slot in checkpointSlots { try Self.harm(left, "/data/t-0/checkpoint", at: slot * 4096, 100) }
                #expect(throws: Never.self, what) { try Self.check(left, run.allowed, what) }
                withExtendedLifetime(run.log) {}
            }
        }
    }

    @Test func anOldCopyOfTheJournalDoesNotReachIntoExchangedSegments() throws {
        let disk = SimulatedDisk()
        let log = try EventLog.open(at: "/data", options: Self.options(disk))
        let partition = try log.createTopic("t", settings: settings(Lane.journaled.settings)).partitions[0]
        var allowed = Allowed()
        Self.append(to: 24, partition, &allowed)
        let old = try #require(disk.contents("/data/journal"))
        try log.settleForCompaction([partition])
        Self.exchange(partition, count: 3, &allowed) { $0 % 2 == 0 }
        try #require(allowed.states.count == 1)
        Self.append(to: 26, partition, &allowed)
        try log.checkpoint()
        let left = disk.kill()
        try left.open("/data/journal", .update).write(old, at: 0)
        #expect(throws: LogError.self) { try EventLog.open(at: "/data", options: Self.options(left)) }
        var options = Self.options(left)
        options.acceptsJournalLoss = true
        let again = try EventLog.open(at: "/data", options: options)
        #expect(try Self.contents(try #require(again.topic("t")).partitions[0]) == allowed.states[0])
        try log.close()
    }

    @Test func aManifestThatComesBackChangesNothing() throws {
        let disk = SimulatedDisk()
        let log = try EventLog.open(at: "/data", options: Self.options(disk))
        let partition = try log.createTopic("t", settings: settings(Lane.journaled.settings)).partitions[0]
        var allowed = Allowed()
        Self.append(to: 24, partition, &allowed)
        try log.settleForCompaction([partition])
        let first = try Rewriting(partition: partition).begin(
            Array(partition.exchangeableSegments().prefix(2))
        ) { $0.baseOffset.value % 2 == 0 }
        let bytes = try first.manifestBytes()
        #expect(try first.commit())
        allowed = Allowed(only: try Self.contents(partition))
        for exchangesAgain in [false, true] {
            if exchangesAgain {
                Self.exchange(partition, count: 2, &allowed) { $0 % 4 == 0 }
                try #require(allowed.states.count == 1)
            }
            let left = disk.kill()
            try left.open("/data/t-0/swap", .create).write(bytes, at: 0)
            try Self.check(left, allowed, "after \(exchangesAgain ? "another" : "the") exchange")
        }
        try log.close()
    }

    @Test func aManifestThatIsNotWholeIsTakenBack() throws {
        let disk = SimulatedDisk()
        let run = try Self.run(.journaled, disk, fault: nil)
        let whole = SwapManifest(segmentCRC: 1, segmentBytes: 2, replaced: [0, 7]).encoded()
        for count in 0..<whole.count {
            let left = disk.kill()
            try left.open("/data/t-0/swap", .create).write(Array(whole[..<count]), at: 0)
            try left.open("/data/t-0/\(SegmentFiles.rewrittenLog(0))", .create).write([1, 2, 3], at: 0)
            try Self.check(left, run.allowed, "\(count) bytes of a manifest")
        }
        for at in whole.indices {
            var harmed = whole
            harmed[at] ^= 1
            #expect(SwapManifest(decoding: harmed) == nil, "byte \(at)")
        }
        #expect(SwapManifest(decoding: whole) != nil)
        withExtendedLifetime(run.log) {}
    }
}
