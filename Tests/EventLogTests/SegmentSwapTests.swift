import RecordFormat
import Storage
import TestSupport
import Testing

@testable import EventLog

/// Sealed segments are exchanged for one that is written anew.
@Suite struct SegmentSwapTests {
    let directory = TemporaryDirectory()

    /// A log with a topic of small segments, and records "value 0" … in a batch each.
    private func makeLog(_ count: Int = 40, segments bytes: Int = 1024) throws -> (EventLog, Partition) {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        let topic = try log.createTopic(
            "t", settings: settings(["segment.bytes": "\(bytes)", "compression.type": "producer"]))
        for record in numbered(count) { try topic.partitions[0].append(record) }
        return (log, topic.partitions[0])
    }

    private func isEven(_ header: RecordBatchHeader) -> Bool { header.baseOffset.value % 2 == 0 }

    @Test func nothingMayBeExchangedBeforeThePartitionIsSettled() throws {
        let (log, partition) = try makeLog()
        #expect(partition.segments.count > 3)
        #expect(partition.exchangeableSegments().isEmpty)
        try log.settleForCompaction([partition])
        #expect(partition.exchangeableSegments().map(\.baseOffset) == partition.segments.dropLast().map(\.baseOffset))
        try log.close()
    }

    @Test func readersFindTheNewSegmentAndThoseAfterIt() throws {
        let (log, partition) = try makeLog()
        try log.settleForCompaction([partition])
        let active = try #require(partition.segments.last).baseOffset
        #expect(try Rewriting(partition: partition).run(keeping: isEven))
        #expect(partition.segments.map(\.baseOffset) == [0, active])
        let expected = (0..<40).filter { $0 % 2 == 0 || $0 >= Int(active.value) }.map { "value \($0)" }
        #expect(try partition.values() == expected)
        #expect(partition.end == 40)
        try partition.append(contentsOf: numbered(1, from: 40))
        #expect(try partition.values() == expected + ["value 40"])
        try log.close()
        let again = try EventLog.open(at: directory.path, options: quietOptions())
        let reopened = try #require(again.topic("t")).partitions[0]
        #expect(reopened.segments.map(\.baseOffset) == [0, active])
        #expect(try reopened.values() == expected + ["value 40"])
        try again.close()
    }
}
