import Storage
import TestSupport
import Testing

@testable import EventLog

/// A segment that cannot be read, at any place, for once or for longer: its index says nothing of what was not read.
@Suite struct UnreadableSegmentTests {
    private static let recordCount = 200

    /// 40 batches of five records, a second apart.
    private func filled(_ more: [String: String] = [:], isClosed: Bool) throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        let log = try open(disk)
        let base = ["compression.type": "producer", "index.interval.bytes": "300"]
        let topic = try log.createTopic("t", settings: settings(base.merging(more) { $1 }))
        for first in stride(from: 0, to: Self.recordCount, by: 5) {
            try topic.partitions[0].append(contentsOf: numbered(5, from: first))
            // What the index files have so far is gone on from.
            if first == 100 { try log.checkpoint() }
        }
        guard isClosed else { return disk.kill() }
        try log.close()
        return disk
    }

    private func open(_ disk: SimulatedDisk) throws -> EventLog {
        try EventLog.open(
            at: "/data",
            options: quietOptions {
                $0.environment.fileSystem = disk
                $0.environment.footprint.indexStride = 300
            })
    }

    private func partition(_ log: EventLog) throws -> Partition { try #require(log.topic("t")).partitions[0] }

    private func readFault(atCall call: Int) -> SimulatedDisk.Fault {
        var fault = SimulatedDisk.Fault(atCall: call, .error(5))
        fault.path = ".log"
        fault.operation = .read
        return fault
    }

    private func find(_ record: Int, in partition: Partition) throws -> Int? {
        let time = Timestamp(milliseconds: 1_700_000_000_000 + Int64(record) * 1000 - 500)
        return try partition.offset(at: time).map { Int($0.offset.value) }
    }

    private func expectAllFound(_ partition: Partition, _ what: Comment) throws {
        for record in stride(from: 0, to: Self.recordCount, by: 7) {
            #expect(try find(record, in: partition) == record, what)
        }
        #expect(try find(Self.recordCount, in: partition) == nil, what)
        #expect(try partition.values() == (0..<Self.recordCount).map { "value \($0)" }, what)
    }

    @Test("one read of the last segment that fails while the log is opened costs nothing")
    func oneReadFailsWhileOpening() throws {
        let filled = try filled(isClosed: false)
        let whole = filled.kill()
        try withExtendedLifetime(open(whole)) {}
        var faultCount = 0
        for call in 1...whole.calls {
            let disk = filled.kill()
            disk.add(readFault(atCall: call))
            do {
                let log = try open(disk)
                if disk.hadFault { faultCount += 1 }
                disk.clearFaults()
                try expectAllFound(partition(log), "a read at or after call \(call) failed")
                try partition(log).append(contentsOf: numbered(1, from: Self.recordCount))
            }
            let again = try open(disk.kill())
            let values = try partition(again).values()
            #expect(values == (0...Self.recordCount).map { "value \($0)" }, "opened again after call \(call)")
        }
        #expect(faultCount > 3)
    }

    @Test("while a segment cannot be read a look-up by time says so, and the next one that can read is right")
    func lookUpsSayThatTheyCannotRead() throws {
        let disk = try filled(isClosed: false)
        for _ in 0..<200 { disk.add(readFault(atCall: 1)) }
        let log = try open(disk)
        for record in [0, 120, 199] { #expect(throws: LogError.self) { try find(record, in: partition(log)) } }
        disk.clearFaults()
        try expectAllFound(partition(log), "it can be read again")
    }

    /// What is done to the index files of sealed segments.
    enum IndexFiles: CaseIterable {
        case whole, gone, lackingTheLastTime, lackingTheLastOffset
    }

    @Test(
        "a read that fails while an index is loaded or made is not taken for the segment's end",
        arguments: IndexFiles.allCases)
    func oneReadFailsWhileAnIndexIsLoaded(_ files: IndexFiles) throws {
        let filled = try filled(["segment.bytes": "3000"], isClosed: true)
        for path in filled.files where path.hasSuffix("index") {
            let (isTime, count) = (path.hasSuffix(".timeindex"), filled.contents(path)?.count ?? 0)
            let lastEntry = isTime ? 12 : 8
            switch files {
            case .whole: break
            case .gone: try filled.remove(path)
            case .lackingTheLastTime where !isTime, .lackingTheLastOffset where isTime: break
            case .lackingTheLastTime, .lackingTheLastOffset:
                if count >= lastEntry { try filled.open(path, .update).truncate(to: count - lastEntry) }
            }
        }
        var saidCount = 0
        for call in 1...30 {
            // The last record of a segment is what the last entries are about.
            for record in [23, 24, 99, 150, 199] {
                let disk = filled.kill()
                let log = try open(disk)
                let partition = try partition(log)
                disk.add(readFault(atCall: disk.calls + call))
                do { #expect(try find(record, in: partition) == record, "call \(call)") } catch { saidCount += 1 }
                disk.clearFaults()
                try expectAllFound(partition, "after a read at call \(call) failed")
                try log.close()
            }
        }
        #expect(saidCount > 0)
    }
}
