import Storage
import Synchronization
import TestSupport
import Testing

@testable import EventLog

/// The threads that keep a log in bounds come when they are due, and end when the log does.
@Suite struct HousekeepingTests {
    private let directory = TemporaryDirectory()

    /// Counts passes, and waits for them.
    private final class Passes: Sendable {
        private let count = Monitor(0)

        func add() {
            count.withLock { $0 += 1 }
            count.signalAll()
        }

        func wait(for least: Int) { count.wait(until: { $0 >= least }, then: { _ in }) }
        var value: Int { count.withLock { $0 } }
    }

    @Test func aTaskComesAgainAndAgainUntilItIsStopped() {
        let passes = Passes()
        let housekeeping = Housekeeping([HousekeepingTask(name: "often", interval: { 1 }, body: { passes.add() })])
        housekeeping.start()
        housekeeping.start()
        passes.wait(for: 5)
        housekeeping.stop()
        let count = passes.value
        housekeeping.start()
        housekeeping.wake()
        housekeeping.stop()
        #expect(passes.value == count)
    }

    @Test func aTaskThatIsNotDueComesWhenItIsWoken() {
        let passes = Passes()
        let housekeeping = Housekeeping([
            HousekeepingTask(name: "seldom", interval: { .max }, body: { passes.add() }),
            HousekeepingTask(name: "seldom too", interval: { .max }, body: { passes.add() }),
        ])
        housekeeping.start()
        while passes.value < 2 { housekeeping.wake() }
        passes.wait(for: 2)
        housekeeping.stop()
    }

    @Test func aPassUnderWayIsToldToStop() {
        let isTold = Monitor(false)
        let hasBegun = Passes()
        let task = HousekeepingTask(
            name: "long", interval: { 1 },
            onStop: {
                isTold.withLock { $0 = true }
                isTold.signalAll()
            },
            body: {
                hasBegun.add()
                isTold.wait(until: { $0 }, then: { _ in })
            })
        let housekeeping = Housekeeping([task])
        housekeeping.start()
        hasBegun.wait(for: 1)
        housekeeping.stop()
        #expect(hasBegun.value == 1)
    }

    private func options(_ clock: SettableClock, runsHousekeeping: Bool) throws -> EventLogOptions {
        var options = quietOptions {
            $0.environment.now = { clock.now }
            $0.runsHousekeeping = runsHousekeeping
        }
        try options.settings.set("log.retention.check.interval.ms", to: "1")
        return options
    }

    /// Watches a partition until its log begins somewhere else.
    private final class Deleted: PartitionWatcher {
        private let hasCome = Monitor(false)
        func partitionAdvanced() {
            hasCome.withLock { $0 = true }
            hasCome.signalAll()
        }
        func wait() { hasCome.wait(until: { $0 }, then: { _ in }) }
    }

    @Test(arguments: [false, true])
    func theLogDeletesByItself(startsLater: Bool) throws {
        let clock = SettableClock()
        let log = try EventLog.open(at: directory.path, options: options(clock, runsHousekeeping: !startsLater))
        let partition = try log.createTopic("t", settings: settings(["retention.ms": "1000"])).partitions[0]
        for _ in 0..<3 { try partition.append(Record(value: "x", timestamp: clock.now)) }
        let deleted = Deleted()
        #expect(partition.watch(past: 3, deleted))
        clock.advance(by: 1001)
        if startsLater { log.startHousekeeping() }
        deleted.wait()
        #expect(partition.logStart == 3)
        #expect(try partition.append(Record(value: "next", timestamp: clock.now)) == 3)
        try log.close()
        #expect(log.retainNow().segments == 0)
    }

    @Test func settingsThatAreAppliedHoldAtOnce() throws {
        let clock = SettableClock()
        var options = try options(clock, runsHousekeeping: true)
        try options.settings.set("log.retention.check.interval.ms", to: "\(Int64.max)")
        let log = try EventLog.open(at: directory.path, options: options)
        let partition = try log.createTopic("t", settings: settings(["retention.ms": "1000"])).partitions[0]
        try partition.append(Record(value: "x", timestamp: clock.now))
        let deleted = Deleted()
        #expect(partition.watch(past: 1, deleted))
        clock.advance(by: 1001)
        log.apply(log.settings)
        deleted.wait()
        #expect(partition.logStart == 1)
        try log.close()
    }

    @Test func aLogThatIsDroppedGivesItsDirectoryFreeAtOnce() throws {
        let clock = SettableClock()
        for _ in 0..<20 {
            let log = try EventLog.open(at: directory.path, options: options(clock, runsHousekeeping: true))
            let topic = try log.topic("t") ?? log.createTopic("t", settings: settings(["retention.ms": "1000"]))
            try topic.partitions[0].append(Record(value: "x", timestamp: clock.now))
            clock.advance(by: 1001)
        }
        try EventLog.open(at: directory.path, options: options(clock, runsHousekeeping: true)).close()
    }

    @Test func aLogMayBeClosedWhileItDeletes() throws {
        for _ in 0..<10 {
            let directory = TemporaryDirectory()
            let clock = SettableClock()
            let log = try EventLog.open(at: directory.path, options: options(clock, runsHousekeeping: true))
            let small = try settings(["retention.ms": "1000", "segment.bytes": "1024"])
            let topic = try log.createTopic("t", partitions: 3, settings: small)
            let value = String(repeating: "x", count: 600)
            for i in 0..<30 {
                try topic.partitions[i % 3].append(Record(value: value, timestamp: clock.now))
                clock.advance(by: 200)
            }
            let starts = topic.partitions.map(\.logStart)
            try log.close()
            let reopened = try EventLog.open(at: directory.path, options: options(clock, runsHousekeeping: false))
            for (partition, start) in zip(try #require(reopened.topic("t")).partitions, starts) {
                #expect(partition.end == 10)
                #expect(partition.logStart >= start)
                let expected = Array(partition.logStart.value..<10)
                #expect(try partition.read(from: .earliest, maxBytes: .max).map(\.offset.value) == expected)
            }
            try reopened.close()
        }
    }
}
