import RecordFormat
import Storage
import Synchronization
import TestSupport
import Testing

@testable import EventLog

/// Readers of every kind while segments are exchanged under them, appended to and closed for want of descriptors.
@Suite struct SwapReaderTests {
    let directory = TemporaryDirectory()
    private static let start: Int64 = 1_700_000_000_000

    /// Records with even offsets stay for ever; each exchange drops some of the others.
    private func exchange(_ partition: Partition, _ log: EventLog, _ random: inout SeededRandom) throws {
        try log.settleForCompaction([partition])
        let segments = partition.exchangeableSegments()
        guard !segments.isEmpty else { return }
        let first = Int.random(in: 0..<segments.count, using: &random)
        let count = Int.random(in: 1...min(4, segments.count - first), using: &random)
        let chance = random.next()
        let swap = try Rewriting(partition: partition).begin(Array(segments[first..<first + count])) { header in
            header.baseOffset.value % 2 == 0 || (UInt64(header.baseOffset.value) &* chance) >> 60 > 4
        }
        #expect(try swap.commit())
    }

    private func append(_ count: Int, _ partition: Partition) throws {
        for _ in 0..<count { try partition.append(contentsOf: numbered(1, from: Int(partition.end.value))) }
    }

    @Test func noReaderMissesARecordThatIsThereOrGetsAWrongOne() throws {
        let log = try EventLog.open(
            at: directory.path, options: quietOptions { $0.runsHousekeeping = false })
        let settings = try settings([
            "segment.bytes": "1024", "compression.type": "producer", "segment.ms": "9999999999",
        ])
        let partition = try log.createTopic("t", settings: settings).partitions[0]
        try append(60, partition)
        let isDone = Atomic(false)
        let looks = Atomic(0)
        let readers = (0..<3).map { number in
            WorkerThread(name: "reader") {
                var random = SeededRandom(seed: UInt64(number))
                while !isDone.load(ordering: .acquiring) {
                    do { try look(at: partition, &random) } catch { Issue.record("\(error)") }
                    looks.wrappingAdd(1, ordering: .relaxed)
                }
            }
        }
        var random = SeededRandom(seed: 7)
        for _ in 0..<30 {
            let before = looks.load(ordering: .relaxed)
            try exchange(partition, log, &random)
            try append(6, partition)
            // Each exchange is met by readers, however slow the machine is.
            while looks.load(ordering: .relaxed) == before { try append(1, partition) }
        }
        isDone.store(true, ordering: .releasing)
        for reader in readers { reader.join() }
        #expect(partition.segments.count < 30)
        try log.close()
    }

    private func look(at partition: Partition, _ random: inout SeededRandom) throws {
        let end = partition.end.value
        let from = Int64.random(in: 0..<end, using: &random)
        for segment in partition.segments where Int.random(in: 0..<3, using: &random) == 0 { segment.state.release() }
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            var offsets: [Int64] = []
            try partition.scan(from: .offset(Offset(from)), to: Offset(end)) { record in
                let stored = record.makeStoredRecord()
                #expect(stored.valueText == "value \(stored.offset.value)")
                offsets.append(stored.offset.value)
                return true
            }
            #expect(zip(offsets, offsets.dropFirst()).allSatisfy { $0 < $1 })
            let missing = Set(from..<end).subtracting(offsets).filter { $0 % 2 == 0 }
            #expect(missing.isEmpty, "from \(from)")
        case 1:
            let slice: LogSlice? = try partition.slice(from: Offset(from), maxBytes: 4096, firstBatchWhole: true)
            let found = try #require(slice)
            let bytes = try found.file.read(upTo: found.byteCount, at: found.position)
            let header = try bytes.withUnsafeBytes { try RecordBatchHeader(parsing: $0.bytes) }
            expectNext(header.lastOffset.value, after: from)
        case 2:
            let found = try partition.offset(at: Timestamp(milliseconds: Self.start + from * 1000))
            expectNext(try #require(found).offset.value, after: from)
        default:
            let position = try partition.position(at: Offset(from))
            let time = try #require(position.nextTimestamp).milliseconds
            expectNext((time - Self.start) / 1000, after: from)
            #expect(position.bytesToEnd > 0)
        }
    }

    /// The one that was asked for, or the next where that may be gone.
    private func expectNext(_ offset: Int64, after asked: Int64) {
        #expect(offset == asked || (asked % 2 == 1 && offset == asked + 1), "\(offset) for \(asked)")
    }
}
