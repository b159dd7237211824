import TestSupport
import Testing

@testable import EventLog

/// A wall clock that stands still or goes back changes what records say of their time, and nothing else.
@Suite struct ClockTests {
    private func open(_ disk: SimulatedDisk, _ clock: SettableClock) throws -> EventLog {
        try EventLog.open(
            at: "/data",
            options: quietOptions {
                $0.environment.fileSystem = disk
                $0.environment.now = { clock.now }
            })
    }

    @Test(
        "with a clock that is an hour back, or stands still, appends, reads, rolls, syncs and commits go on",
        .timeLimit(.minutes(10)), arguments: [-3_600_000 as Int64, 0])
    func goesBack(by step: Int64) async throws {
        let disk = SimulatedDisk()
        let clock = SettableClock()
        let log = try open(disk, clock)
        let topic = try log.createTopic(
            "t", settings: settings(["segment.bytes": "16384", "segment.ms": "60000", "compression.type": "producer"]))
        let stamped = try log.createTopic("s", settings: settings(["message.timestamp.type": "LogAppendTime"]))
        let timed = try log.createTopic("r", settings: settings(["flush.ms": "100"]))
        let group = log.group("g")
        let start = clock.now
        for i in 0..<60 {
            if i == 20 { clock.advance(by: step) }
            try await topic.partitions[0].append(Record(value: "\(i) " + String(repeating: "x", count: 900)))
            try await stamped.partitions[0].append(Record(value: "\(i)"))
            try await timed.partitions[0].append(Record(value: "\(i)"))
            try await group.commit(Offset(Int64(i)), in: topic.partitions[0])
        }
        log.retainNow()
        for partition in [topic, stamped, timed].map({ $0.partitions[0] }) {
            #expect(try partition.read(from: .earliest, maxBytes: .max).count == 60)
        }
        // Segments end by size, also where no time passes.
        #expect(topic.partitions[0].segments.count > 2)
        // The first record of that time or later, wherever it lies.
        let found = try topic.partitions[0].read(from: .timestamp(start), maxRecords: 1)
        #expect(found.first?.offset == 0)
        let times = try stamped.partitions[0].read(from: .earliest, maxBytes: .max).map(\.timestamp)
        #expect(times[19] == start && times[20] == clock.now)
        try log.checkpoint()
        try log.close()
        clock.advance(by: -3_600_000)
        let reopened = try open(disk.crash(seed: 1), clock)
        #expect(try #require(reopened.topic("t")).partitions[0].values().count == 60)
        #expect(try reopened.group("g").committed(in: try #require(reopened.topic("t")).partitions[0])?.offset == 59)
        // Nothing is taken for expired because the clock was wrong: retention is counted from the records' own times.
        reopened.retainNow()
        #expect(try #require(reopened.topic("t")).partitions[0].logStart == 0)
        try reopened.close()
    }
}
