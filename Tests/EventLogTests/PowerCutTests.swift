import Logging
import Storage
import TestSupport
import Testing

@testable import EventLog

/// Power is lost at one operation after the other: whatever the disk kept, every acknowledged record is there.
@Suite struct PowerCutTests {
    /// What a run was told is durable.
    struct Acknowledged {
        var records: [Int: [String]] = [0: [], 1: []]
        /// Sent, but the answer was an error: may be there or not.
        var open: [Int: String] = [:]
    }

    static func options(_ disk: SimulatedDisk) -> EventLogOptions {
        var options = EventLogOptions()
        options.environment.fileSystem = disk
        options.environment.now = { Timestamp(milliseconds: 1_700_000_000_000) }
        options.journalBytesInitial = 1 << 20
        options.logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        return options
    }

    /// Appends to two partitions, with checkpoints, rolls and a clean reopening in between, until the disk fails.
    static func run(_ disk: SimulatedDisk) -> Acknowledged {
        var acknowledged = Acknowledged()
        for session in 0..<2 {
            guard let log = try? EventLog.open(at: "/data", options: options(disk)) else { return acknowledged }
            guard let settings = try? TopicSettings(["segment.bytes": "16384", "compression.type": "producer"]),
                let topic = try? log.topic("t") ?? log.createTopic("t", partitions: 2, settings: settings)
            else { return acknowledged }
            for i in 0..<24 {
                let partition = i % 2
                let value = "session \(session) record \(i) " + String(repeating: "x", count: 1500)
                acknowledged.open[partition] = value
                guard (try? topic.partitions[partition].append(Record(value: value))) != nil else {
                    return acknowledged
                }
                acknowledged.records[partition]?.append(value)
                acknowledged.open[partition] = nil
                if i % 7 == 6, (try? log.checkpoint()) == nil { return acknowledged }
            }
            guard (try? log.close()) != nil else { return acknowledged }
        }
        return acknowledged
    }

    static let operations: Int = {
        let disk = SimulatedDisk()
        _ = run(disk)
        return disk.operations
    }()

    @Test func theRunWithoutACutSucceeds() {
        let acknowledged = Self.run(SimulatedDisk())
        #expect(acknowledged.records.values.map(\.count).reduce(0, +) == 48)
        #expect(acknowledged.open.isEmpty)
    }

    @Test(arguments: 0..<8)
    func everyAcknowledgedRecordSurvivesAPowerCutAnywhere(part: Int) throws {
        for cut in stride(from: 1 + part, through: Self.operations, by: 8) {
            let disk = SimulatedDisk()
            disk.add(SimulatedDisk.Fault(at: cut, .powerCut))
            let acknowledged = Self.run(disk)
            for seed in 0..<2 {
                let what: Comment = "power cut at operation \(cut), seed \(seed)"
                #expect(throws: Never.self, what) {
                    try check(disk.crash(seed: UInt64(cut * 10 + seed)), acknowledged, what)
                }
            }
        }
    }

    /// Appends to a topic that skips the journal, through several segments, and returns how many were acknowledged.
    static func runRelaxed(_ disk: SimulatedDisk) -> Int {
        guard let log = try? EventLog.open(at: "/data", options: options(disk)),
            let settings = try? TopicSettings([
                "segment.bytes": "16384", "compression.type": "producer", "flush.messages": "3",
            ]),
            let topic = try? log.createTopic("t", settings: settings)
        else { return 0 }
        for i in 0..<24 {
            let value = "record \(i) " + String(repeating: "x", count: 1500)
            guard (try? topic.partitions[0].append(Record(value: value))) != nil else { return i }
            if i == 13, (try? log.checkpoint()) == nil { return i + 1 }
        }
        return 24
    }

    static let relaxedOperations: Int = {
        let disk = SimulatedDisk()
        return runRelaxed(disk) == 24 ? disk.operations : 0
    }()

    @Test(arguments: 0..<4)
    func aTopicThatSkipsTheJournalLosesNoMoreThanItWasTold(part: Int) throws {
        #expect(Self.relaxedOperations > 50)
        for cut in stride(from: 1 + part, through: Self.relaxedOperations, by: 4) {
            let disk = SimulatedDisk()
            disk.add(SimulatedDisk.Fault(at: cut, .powerCut))
            let acknowledged = Self.runRelaxed(disk)
            let what: Comment = "power cut at operation \(cut), \(acknowledged) acknowledged"
            let left = disk.crash(seed: UInt64(cut))
            let log = try EventLog.open(at: "/data", options: Self.options(left))
            let stored = try log.topic("t")?.partitions[0].read(from: .earliest, maxBytes: .max) ?? []
            #expect(stored.count >= acknowledged - 3, what)
            for (i, record) in stored.enumerated() {
                #expect(record.valueText?.hasPrefix("record \(i) ") == true, what)
            }
        }
    }

    private func check(_ disk: SimulatedDisk, _ acknowledged: Acknowledged, _ what: Comment) throws {
        // Twice: what a recovery did must itself survive being cut short.
        for attempt in 0..<2 {
            let log: EventLog
            do { log = try EventLog.open(at: "/data", options: Self.options(disk)) } catch {
                Issue.record("\(what), attempt \(attempt): \(error)")
                return
            }
            let topic = log.topic("t")
            let hasRecords = acknowledged.records.values.contains { !$0.isEmpty }
            #expect(topic != nil || !hasRecords, what)
            for partition in topic?.partitions ?? [] {
                let stored = try partition.read(from: .earliest, maxBytes: .max).map { $0.valueText ?? "" }
                var expected = acknowledged.records[partition.index] ?? []
                if stored.count == expected.count + 1, let open = acknowledged.open[partition.index] {
                    expected.append(open)
                }
                #expect(stored == expected, what)
                #expect(partition.end.value == Int64(stored.count), what)
            }
            withExtendedLifetime(log) {}
        }
    }
}
