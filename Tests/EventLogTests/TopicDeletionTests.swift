import Foundation
import Storage
import TestSupport
import Testing

@testable import EventLog

/// A topic that is deleted gives back its disk and its memory, whoever still holds it.
@Suite struct TopicDeletionTests {
    private let directory = TemporaryDirectory()

    private static let small = ["segment.bytes": "2048", "compression.type": "producer"]

    private func fill(_ partition: Partition, _ count: Int) throws {
        for i in 0..<count { try partition.append(Record(value: "value \(i) " + String(repeating: "x", count: 420))) }
    }

    /// How many descriptors of this process are of files below the directory.
    private func openFiles(_ name: String) throws -> Int {
        let parent = "/proc/self/fd"
        return try FileManager.default.contentsOfDirectory(atPath: parent).count { descriptor in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(parent)/\(descriptor)")
            return target?.contains("\(directory.path)/\(name)-") ?? false
        }
    }

    private struct Weak {
        weak var segment: Segment?
    }

    @Test func readersAtWorkFinishTheirSegmentAndThenNothingIsHeld() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let topic = try log.createTopic("t", settings: settings(Self.small))
        let partition = topic.partitions[0]
        try fill(partition, 10)
        try log.checkpoint()
        let segments = partition.segments.map { Weak(segment: $0) }
        #expect(segments.count == 3)
        let slice = try #require(try partition.slice(from: 4, maxBytes: 1 << 20, firstBatchWhole: true))
        #expect(try openFiles("t") > 0)
        func read() throws {
            var reader = BatchReader(partition, from: 0)
            #expect(try reader.nextBatch() != nil)
            try log.deleteTopic("t")
            #expect(try !directory.names().contains("t-0"))
            // What it has at hand it reads to the end; the next segment is gone with the topic.
            for _ in 1..<4 { #expect(try reader.nextBatch() != nil) }
            #expect(throws: LogError.unknownTopic("t")) { _ = try reader.nextBatch() }
            #expect(segments.map { $0.segment != nil } == [true, false, false])
        }
        try read()
        #expect(segments.allSatisfy { $0.segment == nil })
        // An answer on its way has its file.
        #expect(try slice.file.read(upTo: slice.byteCount, at: slice.position).count == slice.byteCount)
        #expect(try openFiles("t") == 1)
        withExtendedLifetime(slice) {}
        #expect(throws: LogError.unknownTopic("t")) { try partition.read(from: .offset(4)) }
        #expect(throws: LogError.unknownTopic("t")) {
            _ = try partition.slice(from: 4, maxBytes: 10, firstBatchWhole: true)
        }
        #expect(throws: LogError.unknownTopic("t")) { try partition.append(Record(value: "late")) }
        #expect(partition.diskBytes == 0)
        try log.close()
    }

    @Test func whoHoldsThePartitionHoldsNoFileAndNoProducers() throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let topic = try log.createTopic("t", partitions: 3, settings: settings(Self.small))
        for partition in topic.partitions {
            try fill(partition, 5)
            _ = try partition.values()
            var builder = RecordBatchBuilder()
            builder.append(Record(value: "x"), defaultTimestamp: Timestamp(milliseconds: 1))
            try builder.finish(producer: (id: 7, epoch: 0, baseSequence: 0))
            let outcome = try builder.withUnsafeBytes { bytes in
                partition.append(bytes, header: try RecordBatchHeader(parsing: bytes.bytes))
            }
            guard case .accepted(let ticket) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            partition.committer.waitLeading(for: ticket.round)
            #expect(partition.activeProducers.count == 1)
        }
        try log.deleteTopic("t")
        #expect(try openFiles("t") == 0)
        for partition in topic.partitions {
            #expect(partition.activeProducers == [])
            #expect(partition.segments.isEmpty)
            // Those who keep the log in bounds may have seen it before.
            #expect(try !partition.roll())
        }
        log.retainNow()
        try log.checkpoint()
        try log.close()
    }

    @Test func whoFollowsThePartitionIsTold() async throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let partition = try log.createTopic("t").partitions[0]
        try await partition.append(Record(value: "x"))
        @Sendable func follow() async -> (count: Int, error: LogError?) {
            var count = 0
            do {
                for try await _ in partition.records(from: .earliest) { count += 1 }
            } catch { return (count, error) }
            return (count, nil)
        }
        let reader = Task { await follow() }
        while partition.watcherCount == 0 { await Task.yield() }
        try log.deleteTopic("t")
        let end = await reader.value
        #expect(end.count == 1)
        #expect(end.error == .unknownTopic("t"))
        try log.close()
    }

    @Test func aFullDiskDoesNotKeepATopicFromBeingDeleted() throws {
        let disk = SimulatedDisk()
        let log = try EventLog.open(at: "/data", options: quietOptions { $0.environment.fileSystem = disk })
        let partition = try log.createTopic("t", settings: settings(Self.small)).partitions[0]
        try fill(partition, 10)
        try log.createTopic("kept").partitions[0].append(Record(value: "kept"))
        // Not even by the room that is kept for the catalogue.
        for _ in 0..<2 {
            disk.add(SimulatedDisk.Fault(at: 0, .error(28), path: "catalogue.tmp", operation: .write))
        }
        try log.deleteTopic("t")
        #expect(log.topics.map(\.name) == ["kept"])
        #expect(!disk.exists("/data/t-0"))
        let reopened = try EventLog.open(
            at: "/data", options: quietOptions { $0.environment.fileSystem = disk.crash(seed: 1) })
        #expect(try reopened.topics.map(\.name) == ["kept"] && reopened.topics[0].partitions[0].values() == ["kept"])
        try reopened.close()
        try log.close()
    }

    @Test func filesAreNotTakenFromATopicThatHasTheNameNow() throws {
        // Segments that a deletion has taken from the list, and whose files it was about to remove.
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let old = try log.createTopic("t", settings: settings(Self.small)).partitions[0]
        try fill(old, 10)
        let removed = RemovedSegments(partition: old, segments: Array(old.segments.dropLast()))
        try log.deleteTopic("t")
        let new = try log.createTopic("t", settings: settings(Self.small)).partitions[0]
        try fill(new, 10)
        let names = try directory.names(in: "t-0")
        log.checkpointer.removeFiles(removed)
        #expect(try directory.names(in: "t-0") == names)
        try log.close()
    }
}
