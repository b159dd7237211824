import RecordFormat
import Storage
import TestSupport
import Testing

@testable import EventLog

/// The two slots of checkpoints, of more bytes than a disk writes as a whole.
@Suite struct CheckpointFileTests {
    private func open(_ disk: SimulatedDisk) throws -> EventLog {
        try EventLog.open(
            at: "/data",
            options: quietOptions {
                $0.environment.fileSystem = disk
                $0.runsHousekeeping = false
            })
    }

    /// Each by a producer of its own, whom the checkpoint names.
    private func append(_ numbers: Range<Int>, to partition: Partition) throws {
        for number in numbers {
            var builder = RecordBatchBuilder()
            builder.append(Record(value: "\(number)"), defaultTimestamp: Timestamp(milliseconds: 0))
            try builder.finish(producer: (id: Int64(number), epoch: 0, baseSequence: 0))
            let outcome = try builder.withUnsafeBytes { bytes in
                partition.append(bytes, header: try RecordBatchHeader(parsing: bytes.bytes))
            }
            guard case .accepted(let ticket) = outcome else { throw LogError.closed }
            partition.committer.waitLeading(for: ticket.round)
            if let error = partition.outcome(of: ticket) { throw error }
        }
    }

    /// What is left of a process that was killed when its second checkpoint was written, and not synced.
    private func killedBeforeItsSync(partitionCount: Int) throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        let log = try open(disk)
        let topic = try log.createTopic("t", partitions: partitionCount)
        for partition in topic.partitions { try append(0..<40, to: partition) }
        try log.checkpoint()
        for partition in topic.partitions { try append(40..<50, to: partition) }
        let synced = partitionCount > Checkpointer.singleSyncsMax ? "/data" : "t-0/checkpoint"
        disk.add(.init(at: 0, .powerCut, path: synced, operation: .synchronize))
        #expect(throws: LogError.self) { try log.checkpoint() }
        #expect(!disk.hasPower)
        return disk.kill()
    }

    @Test(
        "power is lost in the first checkpoint after one that was not synced",
        arguments: [1, Checkpointer.singleSyncsMax + 1])
    func firstCheckpointAfterAKill(partitionCount: Int) throws {
        let left = try killedBeforeItsSync(partitionCount: partitionCount)
        var cut = 0
        var isMade = false
        while !isMade {
            cut += 1
            let disk = left.kill()
            let log = try open(disk)
            for partition in try #require(log.topic("t")).partitions { try append(50..<51, to: partition) }
            disk.add(.init(at: disk.operations + (cut + 1) / 2, cut % 2 == 0 ? .cutWithin : .powerCut))
            isMade = (try? log.checkpoint()) != nil
            for seed in 0..<8 {
                let what: Comment = "cut \(cut), seed \(seed)"
                #expect(throws: Never.self, what) {
                    let again = try open(disk.crash(seed: UInt64(cut * 10 + seed)))
                    for partition in try #require(again.topic("t")).partitions {
                        #expect(try partition.values() == (0..<51).map { "\($0)" }, what)
                    }
                }
            }
            withExtendedLifetime(log) {}
        }
        #expect(cut > 10)
    }

    /// What was read may have failed to be synced: the system takes it for written, and another sync would say nothing.
    @Test func whatIsSettledIsWrittenAgain() throws {
        let disk = SimulatedDisk()
        try disk.createDirectory("/data")
        try disk.synchronizeDirectory("/")
        var epochs = LeaderEpochs()
        for i in 0..<100 { epochs.begin(Int32(i), at: Offset(Int64(i))) }
        func checkpoint(_ end: Offset) -> PartitionCheckpoint {
            PartitionCheckpoint(
                journalSequence: 1, logStart: 0, end: LogEnd(offset: end, segment: 0, position: 0), epochs: epochs)
        }
        var file = CheckpointFile(path: "/data/checkpoint", disk)
        try file.write(checkpoint(101))
        try file.synchronize()
        try disk.synchronizeDirectory("/data")
        try file.write(checkpoint(102))
        disk.add(.init(at: 0, .error(5), operation: .synchronize))
        #expect(throws: FileError.self) { try file.synchronize() }
        let left = disk.kill()
        var read = CheckpointFile(path: "/data/checkpoint", left)
        #expect(try read.read()?.end.offset == 102)
        #expect(read.mustSettle)
        try read.settle()
        #expect(!read.mustSettle)
        for seed: UInt64 in 0..<20 {
            var last = CheckpointFile(path: "/data/checkpoint", left.crash(seed: seed))
            #expect(try last.read()?.end.offset == 102)
        }
    }
}
