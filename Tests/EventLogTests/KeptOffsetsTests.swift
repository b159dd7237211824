import Storage
import TestSupport
import Testing

@testable import EventLog

@Suite("Batches that keep their offsets")
struct KeptOffsetsTests {
    /// Appends records under offsets from `base` on, and waits until they are durable.
    private func append(
        _ records: [Record], at base: Offset, to partition: Partition, _ log: EventLog
    ) throws -> AppendOutcome {
        var builder = RecordBatchBuilder(compression: .none)
        for record in records { builder.append(record, defaultTimestamp: .none) }
        try builder.finish(baseOffset: base)
        let outcome = try builder.withUnsafeBytes { bytes throws(BatchError) in
            partition.appendKeepingOffsets(bytes, header: try RecordBatchHeader(parsing: bytes.bytes))
        }
        if case .accepted(let ticket) = outcome { log.wait(forRound: ticket.round) }
        return outcome
    }

    @Test("a segment of as many offsets as there can be is compacted when nothing of it is left")
    func widestSegment() throws {
        let directory = TemporaryDirectory()
        let log = try EventLog.open(at: directory.path, options: quietOptions { $0.runsHousekeeping = false })
        let settings = try TopicSettings(["cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0"])
        let partition = try log.createTopic("kept", settings: settings).partitions[0]
        let last = Int64(Int32.max)
        // The third begins a segment, as the first has no room for its offset in an index.
        for base in [0, last, last + 1] {
            guard case .accepted = try append([Record(key: "k", value: "v")], at: Offset(base), to: partition, log)
            else { throw Unexpected(outcome: .rejected(.closed)) }
        }
        #expect(partition.segments.map(\.baseOffset) == [0, Offset(last + 1)])
        _ = try partition.roll()
        let result = log.compactNow()
        #expect(result.isComplete && result.recordsDropped == 2)
        #expect(try offsets(partition) == [last + 1])
        try log.close()
    }

    private func offsets(_ partition: Partition) throws -> [Int64] {
        try partition.read(from: .earliest, maxBytes: .max).map(\.offset.value)
    }

    /// A topic that begins at offset 1000 and has gaps, inside and at the ends of its segments.
    private func fill(_ log: EventLog, _ flushMessages: String) throws -> Partition {
        let settings = try TopicSettings([
            "segment.bytes": "1024", "flush.messages": flushMessages, "message.timestamp.type": "LogAppendTime",
        ])
        let topic = try log.createTopic("kept", partitions: 2, settings: settings, starts: [1000])
        let partition = topic.partitions[0]
        #expect(partition.logStart == 1000 && partition.end == 1000 && topic.partitions[1].end == 0)
        for base in stride(from: 1000, to: 1200, by: 20) {
            let outcome = try append(numbered(3, from: base), at: Offset(Int64(base) + 5), to: partition, log)
            guard case .accepted(let ticket) = outcome else { throw Unexpected(outcome: outcome) }
            #expect(ticket.baseOffset == Offset(Int64(base) + 5) && ticket.logAppendTime == nil)
        }
        let empty = emptyBatch(from: 1190, to: 1250)
        let outcome = try empty.withUnsafeBytes { bytes in
            partition.appendKeepingOffsets(bytes, header: try RecordBatchHeader(parsing: bytes.bytes))
        }
        guard case .accepted(let ticket) = outcome else { throw Unexpected(outcome: outcome) }
        log.wait(forRound: ticket.round)
        return partition
    }

    private struct Unexpected: Error { var outcome: AppendOutcome }

    private let expected = stride(from: Int64(1005), to: 1200, by: 20).flatMap { [$0, $0 + 1, $0 + 2] }

    @Test("they are there under them with their own times, also after a kill", arguments: ["1", "9223372036854775807"])
    func kept(flushMessages: String) throws {
        let directory = TemporaryDirectory()
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let partition = try fill(log, flushMessages)
        #expect(try offsets(partition) == expected)
        #expect(partition.end == 1250)
        #expect(
            try partition.read(from: .offset(1006), maxRecords: 1)[0].timestamp == numbered(1, from: 1001)[0].timestamp)
        let killed = try directory.copy()
        try log.close()
        for path in [directory.path, killed.path] {
            let reopened = try EventLog.open(at: path, options: quietOptions())
            let partition = try #require(reopened.topic("kept")?.partition(0))
            #expect(partition.logStart == 1000 && partition.end == 1250)
            #expect(try offsets(partition) == expected)
            // What follows goes on behind the last.
            #expect(try partition.append(Record(value: "next")) == 1250)
            try reopened.close()
        }
    }

    @Test(
        "offsets before the next one, or too far past it, are refused, and nothing changes",
        arguments: [0, 999, 1249, 1 << 40])
    func refused(base: Int64) throws {
        let directory = TemporaryDirectory.inMemory()
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let partition = try fill(log, "1")
        let outcome = try append(numbered(1), at: Offset(base), to: partition, log)
        guard case .rejected(.offsetOutOfRange) = outcome else { throw Unexpected(outcome: outcome) }
        #expect(partition.end == 1250)
        try log.close()
    }

    @Test("a topic begins at no offset below 0")
    func negativeStart() throws {
        let directory = TemporaryDirectory.inMemory()
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        #expect(throws: LogError.self) {
            try log.createTopic("kept", partitions: 1, settings: TopicSettings(), starts: [-1])
        }
        try log.close()
    }
}
