import Storage
import TestSupport
import Testing

@testable import EventLog

/// `min.free.bytes`: records leave room for what the log itself has to write.
@Suite struct SpaceReserveTests {
    private func open(_ disk: SimulatedDisk, _ reserve: String?, _ lines: LogLines) throws -> EventLog {
        try EventLog.open(
            at: "/data",
            options: quietOptions {
                $0.environment.fileSystem = disk
                $0.runsHousekeeping = false
                $0.logger = lines.makeLogger()
                if let reserve { try? $0.settings.set("min.free.bytes", to: reserve) }
            })
    }

    @Test("the usual reserve is 5 % of the file system, at most 1 GiB")
    func usual() throws {
        var settings = LogSettings()
        #expect(SpaceReserve.bytes(of: 1000, settings) == 50)
        #expect(SpaceReserve.bytes(of: 1 << 50, settings) == 1 << 30)
        try settings.set("min.free.bytes", to: "0")
        #expect(SpaceReserve.bytes(of: 1 << 50, settings) == 0)
        try settings.set("min.free.bytes", to: "77")
        #expect(SpaceReserve.bytes(of: 1 << 50, settings) == 77)
        try settings.set("min.free.bytes", to: "-1")
        #expect(SpaceReserve.bytes(of: 1000, settings) == 50)
        #expect(throws: LogError.self) { try settings.set("min.free.bytes", to: "-2") }
    }

    @Test("past the reserve records are refused, and commits, settings, checkpoints and deletions go on")
    func refusal() throws {
        let disk = SimulatedDisk()
        let lines = LogLines()
        let log = try open(disk, "200000", lines)
        let small = try settings(["segment.bytes": "16384", "compression.type": "producer"])
        let topic = try log.createTopic("t", settings: small)
        let partition = topic.partitions[0]
        let doomed = try log.createTopic("doomed", settings: small).partitions[0]
        for i in 0..<20 {
            for partition in [partition, doomed] {
                try partition.append(Record(value: "\(i) " + String(repeating: "x", count: 4000)))
            }
        }
        let group = log.group("g")
        try group.commit(3, in: partition)
        disk.capacity = disk.bytesInUse + 190_000
        let reserve = try #require(log.committer.reserve)
        reserve.look()
        let refused = #expect(throws: LogError.self) { try partition.append(Record(value: "refused")) }
        guard case .diskFull(let text) = refused else { return #expect(Bool(false), "\(refused as Any)") }
        #expect(text.contains("min.free.bytes"))
        #expect(partition.failure == nil)
        #expect(try partition.values().count == 20)
        // What the log itself has to write.
        for i in 4..<20 { try group.commit(Offset(Int64(i)), in: partition) }
        try log.checkpoint()
        try topic.alter(settings(["segment.bytes": "16384", "retention.ms": "1000"]))
        try log.store([SettingOverride(name: "broker:max.connections", value: "7")])
        reserve.look()
        #expect(throws: LogError.self) { try partition.append(Record(value: "refused")) }
        try partition.deleteRecords(before: 18)
        try log.deleteTopic("doomed")
        #expect(disk.bytesInUse < (disk.capacity ?? 0) - 212_000)
        reserve.look()
        #expect(try partition.append(Record(value: "taken")) == 20)
        #expect(
            lines.count(
                containing:
                    "the disk has no more room than min.free.bytes keeps: records are refused until there is more, "
                    + "everything else goes on") == 1)
        #expect(lines.count(containing: "there is room on the disk again: records are taken") == 1)
        try log.close()
    }

    @Test("a producer that sends again what is stored is told so, also where records are refused")
    func duplicate() throws {
        let disk = SimulatedDisk()
        let log = try open(disk, "1000000000", LogLines())
        let partition = try log.createTopic("t").partitions[0]
        var builder = RecordBatchBuilder(compression: .none)
        builder.append(Record(value: "a"), defaultTimestamp: Timestamp(milliseconds: 0))
        try builder.finish(producer: (id: 1, epoch: 0, baseSequence: 0))
        func send() throws -> AppendOutcome {
            try builder.withUnsafeBytes { partition.append($0, header: try RecordBatchHeader(parsing: $0.bytes)) }
        }
        guard case .accepted(let ticket) = try send() else { return #expect(Bool(false), "not taken") }
        partition.committer.waitLeading(for: ticket.round)
        disk.capacity = disk.bytesInUse + 1000
        log.committer.reserve?.look()
        guard case .duplicate = try send() else { return #expect(Bool(false), "not known") }
        #expect(throws: LogError.self) { try partition.append(Record(value: "new")) }
        // What is set anew holds at once.
        var settings = log.settings
        try settings.set("min.free.bytes", to: "0")
        log.apply(settings)
        try partition.append(Record(value: "new"))
        try log.close()
    }

    @Test("a disk without the least room opens, serves, and lets go of records")
    func fullDiskOpens() throws {
        let disk = SimulatedDisk()
        let log = try open(disk, nil, LogLines())
        let topic = try log.createTopic("t", partitions: 3, settings: settings(["segment.bytes": "16384"]))
        for partition in topic.partitions { try partition.append(contentsOf: numbered(500)) }
        for (i, left) in [disk.kill(), disk.crash(seed: 4)].enumerated() {
            // What a power cut took, opening writes again; and a block or two were freed.
            left.capacity = disk.bytesInUse + i * 8192
            for _ in 0..<3 {
                let reopened = try open(left, nil, LogLines())
                let again = try #require(reopened.topic("t")).partitions
                #expect(try again.allSatisfy { try $0.values().count == 500 })
                #expect(throws: LogError.self) { try again[0].append(Record(value: "refused")) }
                withExtendedLifetime(reopened) {}
            }
            let reopened = try open(left, nil, LogLines())
            try reopened.deleteTopic("t")
            try reopened.close()
        }
        withExtendedLifetime(log) {}
    }
}
