import RecordFormat
import TestSupport
import Testing

@testable import EventLog

/// Time in a compacted topic: records that expire, and segments that nobody appends to any more.
@Suite struct CompactionExpiryTests {
    private let clock = SettableClock(1_700_000_000_000)

    private func partition(_ pairs: [String: String]) throws -> (log: EventLog, partition: Partition) {
        let log = try EventLog.open(
            at: "/data",
            options: quietOptions { [clock] in
                $0.environment.fileSystem = SimulatedDisk()
                $0.environment.now = { clock.now }
                $0.runsHousekeeping = false
            })
        let basic = ["cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0", "segment.bytes": "1024"]
        let topic = try log.createTopic("t", settings: settings(basic.merging(pairs) { $1 }))
        return (log, topic.partitions[0])
    }

    private func append(_ partition: Partition, _ key: String, _ value: String, ttl: String? = nil) throws {
        let headers = ttl.map { [RecordHeader(name: "martlet-ttl-ms", value: Array($0.utf8))] } ?? []
        try partition.append(Record(key: key, value: value, headers: headers, timestamp: clock.now))
    }

    /// What is on disk, expired or not.
    private func stored(_ partition: Partition) throws -> [String] {
        var found: [String] = []
        var scratch = DecompressionBuffer()
        for segment in partition.segments {
            var scan = BatchScan(try segment.file(), from: 0, to: try segment.visibleBytes())
            while let (_, bytes) = try scan.next() {
                var cursor = try RecordCursor(RecordBatchView(validating: bytes.bytes), into: &scratch)
                while let record = try cursor.next() { found.append(record.makeStoredRecord().valueText ?? "-") }
            }
        }
        return found
    }

    @Test("a key whose last record expires goes with all that it replaced")
    func expired() throws {
        let (log, partition) = try partition(["record.ttl.headers": "true"])
        try append(partition, "a", "a1")
        try append(partition, "b", "b1")
        try append(partition, "a", "a2", ttl: "5000")
        try append(partition, "c", "c1", ttl: "9000")
        try partition.roll()
        #expect(log.compactNow().isComplete)
        #expect(try stored(partition) == ["b1", "a2", "c1"])
        #expect(partition.nextHorizon == clock.now.advanced(by: 5000))
        clock.advance(by: 4999)
        #expect(log.compactNow().passes.isEmpty)
        clock.advance(by: 1)
        #expect(log.compactNow().recordsDropped == 1)
        #expect(try stored(partition) == ["b1", "c1"])
        clock.advance(by: 4000)
        #expect(log.compactNow().recordsDropped == 1)
        #expect(try stored(partition) == ["b1"])
        #expect(partition.nextHorizon == .none)
        #expect(log.compactNow().passes.isEmpty)
        try log.close()
    }

    @Test("an expired record does not bring back the one before it")
    func notBack() throws {
        let (log, partition) = try partition(["record.ttl.headers": "true"])
        try append(partition, "a", "a1")
        try append(partition, "a", "a2", ttl: "1")
        try append(partition, "b", "b1")
        try partition.roll()
        clock.advance(by: 10)
        #expect(log.compactNow().isComplete)
        #expect(try stored(partition) == ["b1"])
        try log.close()
    }

    @Test("a segment that nobody appends to is compacted when max.compaction.lag.ms has passed")
    func idle() throws {
        let (log, partition) = try partition(["max.compaction.lag.ms": "1000", "min.cleanable.dirty.ratio": "1"])
        try append(partition, "a", "a1")
        try append(partition, "a", "a2")
        #expect(log.compactNow().passes.isEmpty)
        clock.advance(by: 1001)
        #expect(log.compactNow().isComplete)
        #expect(try stored(partition) == ["a2"])
        try log.close()
    }
}
