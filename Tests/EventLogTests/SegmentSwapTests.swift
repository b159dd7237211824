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

    // MARK: Meanwhile

    private func files(_ partition: Partition) throws -> [String] {
        try PosixFileSystem().list(partition.directory).filter { $0.hasPrefix("swap") || $0.hasSuffix(".cleaned") }
    }

    @Test func segmentsThatWereDeletedMeanwhileAreNotExchanged() throws {
        let (log, partition) = try makeLog()
        try log.settleForCompaction([partition])
        let swap = try Rewriting(partition: partition).begin(partition.exchangeableSegments(), keeping: isEven)
        #expect(try files(partition) == [SegmentFiles.rewrittenLog(0)])
        let start = partition.segments[1].baseOffset
        try partition.deleteRecords(before: start)
        #expect(try !swap.commit())
        #expect(try files(partition).isEmpty)
        #expect(try partition.values() == (Int(start.value)..<40).map { "value \($0)" })
        #expect(try Rewriting(partition: partition).run(keeping: isEven))
        #expect(partition.segments.count == 2)
        try log.close()
    }

    @Test func recordsDeletedInsideStayDeleted() throws {
        let (log, partition) = try makeLog()
        try log.settleForCompaction([partition])
        let swap = try Rewriting(partition: partition).begin(partition.exchangeableSegments()) { _ in true }
        let start = partition.segments[0].baseOffset.advanced(by: 2)
        try partition.deleteRecords(before: start)
        #expect(try swap.commit())
        #expect(partition.logStart == start)
        #expect(try partition.values() == (Int(start.value)..<40).map { "value \($0)" })
        try log.close()
        let again = try EventLog.open(at: directory.path, options: quietOptions())
        #expect(try #require(again.topic("t")).partitions[0].values() == (Int(start.value)..<40).map { "value \($0)" })
        try again.close()
    }

    @Test func aTopicThatIsDeletedTakesItsRewrittenSegmentAlong() throws {
        let (log, partition) = try makeLog()
        try log.settleForCompaction([partition])
        let swaps = try [true, false].map { _ in
            try Rewriting(partition: partition).begin(partition.exchangeableSegments(), keeping: isEven)
        }
        try log.deleteTopic("t")
        #expect(!PosixFileSystem().exists(partition.directory))
        let new = try log.createTopic(
            "t", settings: settings(["segment.bytes": "1024", "compression.type": "producer"]))
        for record in numbered(40) { try new.partitions[0].append(record) }
        try log.settleForCompaction([new.partitions[0]])
        let swap = try Rewriting(partition: new.partitions[0]).begin(
            new.partitions[0].exchangeableSegments(), keeping: isEven)
        // Those of the topic that is gone touch nothing of the new one.
        #expect(try !swaps[0].commit())
        swaps[1].abort()
        #expect(try files(new.partitions[0]) == [SegmentFiles.rewrittenLog(0)])
        #expect(try swap.commit())
        try log.close()
    }

    @Test func aClosedLogExchangesNothing() throws {
        let (log, partition) = try makeLog()
        try log.settleForCompaction([partition])
        let swap = try Rewriting(partition: partition).begin(partition.exchangeableSegments(), keeping: isEven)
        try log.close()
        #expect(throws: LogError.closed) { try swap.commit() }
        let again = try EventLog.open(at: directory.path, options: quietOptions())
        let reopened = try #require(again.topic("t")).partitions[0]
        #expect(try reopened.values().count == 40)
        #expect(try files(reopened).isEmpty)
        try again.close()
    }

    @Test func aSegmentThatDoesNotReachTheNextIsRefused() throws {
        let (log, partition) = try makeLog()
        try log.settleForCompaction([partition])
        let segments = partition.exchangeableSegments()
        let swap = try SegmentSwap.begin(partition, replacing: segments)
        var scan = BatchScan(try segments[0].file(), from: 0, to: try segments[0].visibleBytes())
        let (batch, bytes) = try #require(try scan.next())
        try swap.append(bytes, batch.header)
        #expect(throws: LogError.self) { try swap.append(bytes, batch.header) }
        #expect(throws: LogError.self) { try swap.commit() }
        #expect(try partition.values().count == 40)
        #expect(try files(partition).isEmpty)
        #expect(throws: LogError.self) { try SegmentSwap.begin(partition, replacing: []) }
        #expect(throws: LogError.self) { try SegmentSwap.begin(partition, replacing: [segments[1], segments[0]]) }
        #expect(throws: LogError.self) { try SegmentSwap.begin(partition, replacing: [partition.segments.last!]) }
        try log.close()
    }

    // MARK: Readers

    @Test func whoeverHoldsAnOldSegmentReadsOnFromIt() throws {
        let (log, partition) = try makeLog()
        try log.settleForCompaction([partition])
        let old = partition.exchangeableSegments()
        // Some are open, some were never opened.
        for segment in old { segment.state.release() }
        var reader = BatchReader(partition, from: 0)
        _ = try reader.nextBatch()
        let slice: LogSlice = try #require(try partition.slice(from: 3, maxBytes: 1 << 20, firstBatchWhole: true))
        let sliced = try slice.file.read(upTo: slice.byteCount, at: slice.position)
        let bytes = old.map { try? $0.file().read(upTo: 1 << 20, at: 0) }
        try Rewriting(partition: partition).run(keeping: isEven)
        for (segment, bytes) in zip(old, bytes) {
            segment.state.release()
            #expect(try segment.file().read(upTo: 1 << 20, at: 0) == bytes)
            #expect(segment.byteCount == bytes?.count)
            let next = try #require(try segment.batch(containing: segment.baseOffset))
            #expect(next.baseOffset == segment.baseOffset)
            #expect(try segment.maxTimestamp()?.timestamp.milliseconds ?? 0 > 0)
        }
        #expect(try slice.file.read(upTo: slice.byteCount, at: slice.position) == sliced)
        // The reader goes through the old segment that it is in, and on in the new one.
        var offsets = [Int64(0)]
        while let batch = try reader.nextBatch() {
            let header = try RecordBatchHeader(parsing: batch.bytes)
            if header.recordCount > 0 { offsets.append(header.baseOffset.value) }
        }
        let first = old[1].baseOffset.value
        let active = try #require(partition.segments.last).baseOffset.value
        #expect(offsets == (0..<40).filter { $0 < first || $0 % 2 == 0 || $0 >= active })
        // What an old one makes of its index is not found by the new one.
        for segment in old { try segment.rebuildIndex() }
        partition.segments[0].state.release()
        for offset in Int64(0)..<active {
            let (_, batch) = try #require(try partition.locate(Offset(offset)))
            #expect(batch.lastOffset >= Offset(offset) && batch.baseOffset.value <= offset + offset % 2)
        }
        try log.close()
    }

    @Test func theNewIndexesAreThoseThatKafkaWouldMake() throws {
        let (log, partition) = try makeLog(400, segments: 16384)
        try log.settleForCompaction([partition])
        try Rewriting(partition: partition).run(keeping: isEven)
        let segment = partition.segments[0]
        let files = [SegmentFiles.offsetIndex(0), SegmentFiles.timeIndex(0)].map { "t-0/\($0)" }
        let written = try files.map { try directory.contents(of: $0) }
        #expect(written.allSatisfy { !$0.isEmpty })
        segment.state.release()
        try segment.rebuildIndex()
        #expect(try files.map { try directory.contents(of: $0) } == written)
        try log.close()
    }

    @Test func timesAndPositionsAreRightOverGapsAndBatchesWithoutRecords() throws {
        let (log, partition) = try makeLog()
        try log.settleForCompaction([partition])
        // The end of the segment, too, is without records.
        let active = try #require(partition.segments.last).baseOffset.value
        let kept = (0..<40).filter { $0 % 4 == 1 && $0 < active - 6 || $0 >= active }.map { Int64($0) }
        try Rewriting(partition: partition).run { kept.contains($0.baseOffset.value) }
        let total = partition.byteCount
        for i in Int64(0)..<40 {
            let next = try #require(kept.first { $0 >= i })
            let time = Timestamp(milliseconds: 1_700_000_000_000 + i * 1000)
            #expect(try partition.offset(at: time)?.offset.value == next)
            #expect(try partition.read(from: .offset(Offset(i)), maxRecords: 1).first?.offset.value == next)
            let position = try partition.position(at: Offset(i))
            #expect(position.nextTimestamp?.milliseconds == 1_700_000_000_000 + next * 1000)
            #expect(position.bytesToEnd > 0 && position.bytesToEnd <= total)
            #expect(position.recordsToEnd == 40 - i)
            #expect(partition.leaderEpoch(at: Offset(i)) == partition.leaderEpoch)
        }
        #expect(try partition.maxTimestampOffset()?.offset == 39)
        try log.close()
    }

    @Test func aCompactedPartitionComesBackWholeWithoutACheckpoint() throws {
        let (log, partition) = try makeLog()
        try log.settleForCompaction([partition])
        try Rewriting(partition: partition).run(keeping: isEven)
        partition.finishCompaction(cleanedTo: 20, nextHorizon: Timestamp(milliseconds: 7))
        let values = try partition.values()
        try log.close()
        let with = try EventLog.open(at: directory.path, options: quietOptions())
        let marked = try #require(with.topic("t")).partitions[0]
        #expect(marked.cleanedTo == 20)
        #expect(marked.nextHorizon == Timestamp(milliseconds: 7))
        try with.close()
        try directory.remove("t-0/checkpoint")
        let again = try EventLog.open(at: directory.path, options: quietOptions { $0.acceptsCheckpointLoss = true })
        let scanned = try #require(again.topic("t")).partitions[0]
        #expect(try scanned.values() == values)
        #expect(scanned.end == 40)
        #expect(scanned.cleanedTo == 0)
        #expect(scanned.nextHorizon == .none)
        try again.close()
    }

    @Test func aCheckpointOfVersion2KnowsOfNoExchange() throws {
        var checkpoint = PartitionCheckpoint(
            journalSequence: 9, logStart: 2, end: LogEnd(offset: 30, segment: 20, position: 77),
            compaction: CompactionMarks(replayFrom: 20, cleanedTo: 18, nextHorizon: Timestamp(milliseconds: 5)))
        checkpoint.epochs.begin(3, at: 4)
        let newest = checkpoint.encoded(generation: 6)
        #expect(try #require(PartitionCheckpoint.decode(newest[...])).checkpoint == checkpoint)
        let body = Array(newest[24..<64] + newest[88...])
        var writer = FieldWriter()
        writer.add(Array(newest[..<4]))
        writer.add(UInt16(2))
        writer.add(Array(newest[6..<16]))
        writer.add(UInt32(body.count))
        let head = writer.bytes
        writer.add(body.withUnsafeBytes { crc32c($0, seed: crc32c(head[...])) })
        writer.add(body)
        checkpoint.compaction = CompactionMarks()
        let read = try #require(PartitionCheckpoint.decode(writer.bytes[...]))
        #expect(read.checkpoint == checkpoint)
        #expect(read.generation == 6)
    }
}
