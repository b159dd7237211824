import Synchronization
import TestSupport
import Testing

@testable import EventLog

@Suite struct ReadTests {
    let directory = TemporaryDirectory()

    private func makeLog(_ settingPairs: [String: String] = [:]) throws -> (EventLog, Partition) {
        let log = try EventLog.open(at: directory.path, options: quietOptions())
        return (log, try log.createTopic("t", settings: settings(settingPairs)).partitions[0])
    }

    @Test func readingBeginsWhereItIsAskedTo() throws {
        let (log, partition) = try makeLog()
        try partition.append(contentsOf: numbered(100))
        try partition.append(contentsOf: numbered(100, from: 100))
        #expect(try partition.read(from: .earliest, maxRecords: 1).first?.offset == 0)
        #expect(try partition.read(from: .latest).isEmpty)
        for i in [0, 1, 57, 99, 100, 101, 199] {
            #expect(try partition.read(from: .offset(Offset(Int64(i))), maxRecords: 1).first?.valueText == "value \(i)")
            // Exact, though the batch is compressed and begins earlier.
            let time = Timestamp(milliseconds: 1_700_000_000_000 + Int64(i) * 1000)
            #expect(try partition.read(from: .timestamp(time), maxRecords: 1).first?.valueText == "value \(i)")
        }
        #expect(try partition.read(from: .offset(200)).isEmpty)
        #expect(throws: LogError.offsetOutOfRange(requested: 201, start: 0, end: 200)) {
            try partition.read(from: .offset(201))
        }
        #expect(throws: LogError.offsetOutOfRange(requested: -1, start: 0, end: 200)) {
            try partition.read(from: .offset(-1))
        }
        #expect(try partition.read(from: .timestamp(Timestamp(milliseconds: .max))).isEmpty)
        try log.close()
    }

    /// A round's bytes are visible a moment before the end is set: who has read the end before gets no more than it says.
    @Test(arguments: [[:], ["record.ttl.ms": "1000000000000"]])
    func bytesEndWhereTheLogDoes(_ pairs: [String: String]) throws {
        let (log, partition) = try makeLog(pairs)
        for i in 0..<3 { try partition.append(contentsOf: numbered(10, from: i * 10)) }
        func slice(from offset: Offset, before end: Offset) throws -> LogSlice? {
            var work = ExpiryWork.unlimited
            let outcome =
                if var look = ExpiryLook(partition) {
                    try partition.liveSlice(
                        from: offset, maxBytes: 1 << 20, firstBatchWhole: true, before: end, &look, &work)
                } else {
                    try partition.locatedSlice(from: offset, maxBytes: 1 << 20, firstBatchWhole: true, before: end)
                }
            guard case .slice(let slice) = outcome else { return nil }
            return slice
        }
        let whole = try #require(try slice(from: 0, before: 30)).byteCount
        let second = try #require(try slice(from: 10, before: 30)).position
        let third = try #require(try slice(from: 20, before: 30)).position
        #expect(0 < second && second < third && third < whole)
        #expect(try slice(from: 0, before: 20)?.byteCount == third)
        #expect(try slice(from: 0, before: 10)?.byteCount == second)
        #expect(try slice(from: 15, before: 20)?.byteCount == third - second)
        for end in [Offset(10), 20] { #expect(try slice(from: end, before: end) == nil) }
        try log.close()
    }

    @Test func readsAreBounded() throws {
        let (log, partition) = try makeLog()
        try partition.append(contentsOf: numbered(1000))
        #expect(try partition.read(from: .earliest, maxRecords: 10).count == 10)
        let few = try partition.read(from: .earliest, maxBytes: 100)
        #expect(few.count > 1 && few.count < 15)
        #expect(try partition.read(from: .earliest, maxRecords: 0).isEmpty)
        try log.close()
    }

    @Test func aScanGoesFromWhereTheLastOneEnded() throws {
        let (log, partition) = try makeLog(["segment.bytes": "16384", "compression.type": "producer"])
        for i in 0..<50 { try partition.append(contentsOf: numbered(40, from: i * 40)) }
        var next = Offset(0)
        var seen = 0
        while next < partition.end {
            var taken = 0
            next = try partition.scan(from: .offset(next)) { record in
                #expect(record.offset.value == Int64(seen))
                seen += 1
                taken += 1
                return taken < 33
            }
        }
        #expect(seen == 2000)
        // A limit is exclusive.
        var last: Offset?
        #expect(
            try partition.scan(from: .offset(5), to: 10) {
                last = $0.offset
                return true
            } == 10)
        #expect(last == 9)
        try log.close()
    }

    @Test func readersFollowTheTail() async throws {
        let (log, partition) = try makeLog()
        try await partition.append(contentsOf: numbered(10))
        let reader = Task {
            var values: [String] = []
            for try await record in partition.records(from: .earliest) {
                values.append(record.valueText ?? "?")
                if values.count == 60 { break }
            }
            return values
        }
        for i in 10..<60 {
            try await partition.append(numbered(1, from: i)[0])
            if i % 7 == 0 { try await Task.sleep(for: .milliseconds(2)) }
        }
        #expect(try await reader.value == (0..<60).map { "value \($0)" })
        try log.close()
    }

    @Test func aReaderThatWaitsEndsWhenItsTaskIsCancelled() async throws {
        let (log, partition) = try makeLog()
        let reader = Task {
            var count = 0
            for try await _ in partition.records(from: .latest) { count += 1 }
            return count
        }
        try await Task.sleep(for: .milliseconds(20))
        reader.cancel()
        #expect(try await reader.value == 0)
        try log.close()
    }

    @Test func aReaderThatWaitsLearnsThatTheLogIsClosed() async throws {
        let (log, partition) = try makeLog()
        let reader = Task { for try await _ in partition.records(from: .latest) {} }
        try await Task.sleep(for: .milliseconds(20))
        try log.close()
        await #expect(throws: LogError.closed) { try await reader.value }
    }

    @Test func aBatchOfAnotherCodecIsNamedNotGuessed() throws {
        let (log, partition) = try makeLog()
        try partition.append(contentsOf: numbered(3))
        var builder = RecordBatchBuilder(compression: .none)
        builder.append(
            Record(value: "x", timestamp: Timestamp(milliseconds: 2_000_000_000_000)), defaultTimestamp: .none)
        try builder.finish()
        var bytes = builder.withUnsafeBytes { Array($0) }
        bytes[22] |= Compression.zstd.rawValue
        let crc = bytes.withUnsafeBytes { crc32c(UnsafeRawBufferPointer(rebasing: $0[21...])) }
        withUnsafeBytes(of: crc.bigEndian) { bytes.replaceSubrange(17..<21, with: $0) }
        let outcome = try bytes.withUnsafeBytes {
            partition.append($0, header: try RecordBatchHeader(parsing: $0.bytes))
        }
        guard case .accepted(let ticket) = outcome else { return #expect(Bool(false), "\(outcome)") }
        partition.committer.waitLeading(for: ticket.round)
        #expect(try partition.read(from: .earliest, maxRecords: 3).count == 3)
        let error = #expect(throws: LogError.self) { try partition.read(from: .offset(3)) }
        #expect("\(error as Any)".contains("zstd"))
        // By time, it is found by its batch.
        #expect(try partition.offset(at: Timestamp(milliseconds: 1_900_000_000_000))?.offset == 3)
        try log.close()
    }

    @Test func damageIsSaidWithItsPlace() throws {
        let (log, partition) = try makeLog(["compression.type": "producer"])
        for i in 0..<10 { try partition.append(Record(value: "value \(i)")) }
        try log.close()
        var bytes = try directory.contents(of: "t-0/00000000000000000000.log")
        bytes[bytes.count - 3] ^= 1
        try directory.write(bytes, to: "t-0/00000000000000000000.log")
        let again = try EventLog.open(at: directory.path, options: quietOptions())
        let reopened = try #require(again.topic("t")).partitions[0]
        #expect(try reopened.read(from: .earliest, maxRecords: 9).count == 9)
        #expect(throws: LogError.self) { try reopened.read(from: .offset(9)) }
        try again.close()
    }

    @Test func whatLiesBeforeADamagedBatchIsReadAndTheDamageIsNamed() async throws {
        let (log, partition) = try makeLog(["compression.type": "producer"])
        for i in 0..<10 { try await partition.append(Record(value: "value \(i)")) }
        try log.close()
        let file = "t-0/00000000000000000000.log"
        var bytes = try directory.contents(of: file)
        bytes[bytes.count / 10 * 6 - 3] ^= 1
        try directory.write(bytes, to: file)
        let again = try EventLog.open(at: directory.path, options: quietOptions())
        let reopened = try #require(again.topic("t")).partitions[0]
        #expect(try reopened.values() == (0..<5).map { "value \($0)" })
        let error = #expect(throws: LogError.self) { try reopened.scan(from: .earliest) { _ in true } }
        guard case .damagedRecords(_, _, let offsets, _) = error, offsets.lowerBound == 5 else {
            return #expect(Bool(false), "\(error as Any)")
        }
        var followed: [String?] = []
        await #expect(throws: LogError.self) {
            for try await record in reopened.records(from: .earliest) { followed.append(record.valueText) }
        }
        #expect(followed == (0..<5).map { "value \($0)" })
        #expect(try reopened.read(from: .offset(6)).count == 4)
        try again.close()
    }

    @Test func readersThatAreCancelledLeaveNothingBehind() async throws {
        let (log, partition) = try makeLog()
        await withTaskGroup(of: Void.self) { group in
            for i in 0..<10_000 {
                let reader = Task { for try await _ in partition.records(from: .latest) {} }
                group.addTask {
                    // Some are cancelled before they wait, some while they do, some in between.
                    for _ in 0..<i % 4 { await Task.yield() }
                    reader.cancel()
                    _ = await reader.result
                }
                if i % 64 == 0 { await group.next() }
            }
        }
        #expect(partition.watcherCount == 0)
        try log.close()
    }

    @Test func whoWatchesTwiceIsCalledOnce() throws {
        final class Watcher: PartitionWatcher {
            let calls = Atomic(0)
            func partitionAdvanced() { calls.add(1, ordering: .relaxed) }
        }
        let (log, partition) = try makeLog()
        let (stays, leaves) = (Watcher(), Watcher())
        for watcher in [stays, leaves, stays, leaves] { #expect(partition.watch(past: partition.end, watcher)) }
        #expect(partition.watcherCount == 2)
        partition.unwatch(leaves)
        try partition.append(Record(value: "x"))
        #expect(stays.calls.load(ordering: .relaxed) == 1 && leaves.calls.load(ordering: .relaxed) == 0)
        #expect(partition.watcherCount == 0)
        try log.close()
    }
}
