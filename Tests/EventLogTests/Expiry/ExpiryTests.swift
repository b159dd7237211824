import Storage
import TestSupport
import Testing

@testable import EventLog

@Suite("Records that expire", .timeLimit(.minutes(10)))
struct ExpiryTests {
    let directory = TemporaryDirectory.inMemory()
    private let start: Int64 = 1_700_000_000_000
    private var clock: TestClock { shared }
    private let shared = TestClock(1_700_000_000_000)

    private func makeLog(_ pairs: [String: String]) throws -> (EventLog, Topic, Partition) {
        let log = try EventLog.open(at: directory.path, options: quietOptions { $0.environment.now = shared.now })
        let topic = try log.createTopic("t", settings: settings(pairs))
        return (log, topic, topic.partitions[0])
    }

    private func record(_ value: String, at time: Int64, ttl: Int64? = nil) -> Record {
        Record(
            value: value,
            headers: ttl.map { [RecordHeader(name: "martlet-ttl-ms", value: Array("\($0)".utf8))] } ?? [],
            timestamp: Timestamp(milliseconds: start + time))
    }

    /// What a client gets by fetching on and on from an offset; values from that offset on.
    private func fetched(_ partition: Partition, from offset: Offset, maxBytes: Int) throws -> [String] {
        var (next, values) = (offset, [String]())
        while case let slice? = try partition.slice(from: next, maxBytes: maxBytes, firstBatchWhole: true) {
            var bytes = [UInt8](repeating: 0, count: slice.byteCount)
            let count = try bytes.withUnsafeMutableBytes { try slice.file.read(into: $0, at: slice.position) }
            #expect(count == slice.byteCount)
            var (position, isFirst) = (0, true)
            while position < bytes.count {
                let rest = Array(bytes[position...])
                // The last batch may be cut, but never the first.
                guard let batch = try? RecordBatchView(validating: rest.span.bytes) else {
                    #expect(!isFirst)
                    break
                }
                isFirst = false
                var scratch = DecompressionBuffer()
                var cursor = try RecordCursor(batch, into: &scratch)
                try cursor.scan {
                    if $0.offset >= next { values.append($0.makeStoredRecord().valueText ?? "?") }
                    return true
                }
                next = batch.header.lastOffset.advanced(by: 1)
                position += batch.header.sizeInBytes
            }
        }
        return values
    }

    @Test(
        "readers get the batches of which a record is there still, from every offset, by every way",
        arguments: [
            ["record.ttl.ms": "3000"], ["record.ttl.headers": "true"],
            ["record.ttl.ms": "3000", "record.ttl.headers": "true"],
            ["record.ttl.ms": "3000", "record.ttl.headers": "true", "message.timestamp.type": "LogAppendTime"],
        ], ["lz4", "producer"])
    func model(pairs: [String: String], compression: String) throws {
        var pairs = pairs
        pairs["compression.type"] = compression
        pairs["segment.bytes"] = "16384"
        pairs["index.interval.bytes"] = "500"
        let (log, _, partition) = try makeLog(pairs)
        let usesAppendTime = pairs["message.timestamp.type"] != nil
        var random = SeededRandom(seed: 7)
        var batches: [(records: [(offset: Offset, value: String)], expiry: Int64)] = []
        for index in 0..<150 {
            clock.set(start + Int64(index) * 20)
            var (records, expiry): ([Record], Int64) = ([], 0)
            for number in 0..<Int.random(in: 1...4, using: &random) {
                let time = Int64.random(in: 0...3000, using: &random)
                let ttl = Bool.random(using: &random) ? Int64.random(in: 0...5000, using: &random) : nil
                records.append(
                    record("\(index).\(number) " + String(repeating: "x", count: 300), at: time, ttl: ttl))
                let read = pairs["record.ttl.headers"] == nil ? nil : ttl
                guard let lifetime = read ?? pairs["record.ttl.ms"].flatMap({ Int64($0) }) else {
                    expiry = .max
                    continue
                }
                expiry = max(expiry, (usesAppendTime ? clock.now().milliseconds : start + time) + lifetime)
            }
            let offsets = try partition.append(contentsOf: records)
            let stored = zip(records, offsets.lowerBound.value...).map {
                (Offset($1), String(decoding: $0.value ?? [], as: UTF8.self))
            }
            batches.append((stored, expiry))
        }
        #expect(partition.segments.count > 1)
        for time in [0, 500, 1000, 2500, 3000, 3500, 4500, 6000, 20_000, 100] as [Int64] {
            clock.set(start + time)
            let live = batches.filter { $0.expiry > start + time }.flatMap(\.records)
            for from in stride(from: Int64(0), through: partition.end.value, by: 23) {
                let wanted = live.filter { $0.offset.value >= from }.map(\.value)
                let read = try partition.read(from: .offset(Offset(from)), maxBytes: .max).map { $0.valueText ?? "?" }
                #expect(read == wanted, "read from \(from) at \(time)")
            }
            for from in [0, 5, 100, partition.end.value / 2, partition.end.value] {
                let wanted = live.filter { $0.offset.value >= from }.map(\.value)
                for maxBytes in [1, 1500, 1 << 20] {
                    #expect(try fetched(partition, from: Offset(from), maxBytes: maxBytes) == wanted)
                }
            }
        }
        try log.close()
    }

    @Test("a batch is there until its last record has expired, and an alteration counts at once, both ways")
    func granularity() throws {
        let (log, topic, partition) = try makeLog(["record.ttl.headers": "true"])
        try partition.append(contentsOf: [record("short", at: 0, ttl: 10), record("long", at: 0, ttl: 1000)])
        try partition.append(record("other", at: 0, ttl: 10))
        try partition.append(record("stays", at: 0))
        clock.set(start + 9)
        #expect(try partition.values() == ["short", "long", "other", "stays"])
        clock.set(start + 10)
        #expect(try partition.values() == ["short", "long", "stays"])
        clock.set(start + 1000)
        #expect(try partition.values() == ["stays"])
        try topic.alter(settings(["record.ttl.ms": "1001"]))
        #expect(try partition.values() == ["short", "long", "other", "stays"])
        try topic.alter(settings(["record.ttl.ms": "1000"]))
        #expect(try partition.values() == [])
        try topic.alter(settings([:]))
        #expect(try partition.values() == ["short", "long", "other", "stays"])
        try log.close()
        // And after opening.
        try withLog { partition in
            let values = try partition.values()
            #expect(values.count == 4)
        }
    }

    private func withLog(_ body: (Partition) throws -> Void) throws {
        let log = try EventLog.open(at: directory.path, options: quietOptions { $0.environment.now = shared.now })
        try body(try #require(log.topic("t")?.partitions[0]))
        try log.close()
    }

    @Test("where all is expired there is nothing to read, and what comes then is read")
    func nothingLeft() throws {
        let (log, _, partition) = try makeLog(["record.ttl.ms": "100"])
        for index in 0..<10 { try partition.append(record("\(index)", at: 0)) }
        clock.set(start + 100)
        #expect(try partition.values() == [])
        var work = ExpiryWork()
        guard case .expired(to: 10) = try partition.slice(from: 3, maxBytes: 100, firstBatchWhole: true, &work),
            case .nothing = try partition.slice(from: 10, maxBytes: 100, firstBatchWhole: true, &work)
        else {
            Issue.record("there was something")
            return
        }
        // The end stays the end, and a reader goes on from there.
        #expect(try partition.scan(from: .offset(3)) { _ in true } == 10)
        try partition.append(record("new", at: 100))
        #expect(try partition.values() == ["new"])
        #expect(try fetched(partition, from: 3, maxBytes: 1) == ["new"])
        try log.close()
    }

    @Test("a position tells of the next record that a reader gets, and counts bytes from there")
    func position() throws {
        let (log, _, partition) = try makeLog(["record.ttl.headers": "true", "compression.type": "producer"])
        try partition.append(record("gone", at: 0, ttl: 10))
        let bytes = partition.byteCount
        try partition.append(record("stays", at: 500))
        try partition.append(record("gone", at: 600, ttl: 10))
        let all = partition.byteCount
        clock.set(start + 1000)
        let first = try partition.position(at: 0)
        #expect(first.offset == 0 && first.recordsToEnd == 3)
        #expect(first.nextTimestamp == Timestamp(milliseconds: start + 500))
        #expect(first.bytesToEnd == all - bytes)
        let last = try partition.position(at: 2)
        #expect(last.recordsToEnd == 1 && last.nextTimestamp == nil && last.bytesToEnd == 0)
        try log.close()
    }

    @Test("a look-up by time goes by what the log has, expired or not")
    func lookUpByTime() throws {
        let (log, _, partition) = try makeLog(["record.ttl.ms": "100"])
        for index in 0..<10 { try partition.append(record("\(index)", at: Int64(index))) }
        clock.set(start + 1000)
        #expect(try partition.offset(at: Timestamp(milliseconds: start + 4))?.offset == 4)
        #expect(try partition.maxTimestampOffset()?.offset == 9)
        try log.close()
    }

    @Test("one answer looks at so much of what is expired, and the next goes on from there", arguments: [true, false])
    func workIsBounded(byHeaders: Bool) throws {
        let (log, _, partition) = try makeLog([
            byHeaders ? "record.ttl.headers" : "record.ttl.ms": byHeaders ? "true" : "100",
            "segment.bytes": "16384", "compression.type": "producer",
        ])
        let text = String(repeating: "x", count: 400)
        for _ in 0..<200 { try partition.append(record(text, at: 0, ttl: 100)) }
        let live = try partition.append(record("live", at: 1000, ttl: 100))
        clock.set(start + 1000)
        var looks = 0
        var reached: Offset = 0
        while true {
            looks += 1
            var work = ExpiryWork(bytes: 5000)
            let outcome = try partition.slice(from: 0, maxBytes: 1 << 20, firstBatchWhole: true, &work)
            if case .expired(let next) = outcome {
                #expect(next > reached)
                reached = next
                continue
            }
            guard case .slice(let slice) = outcome else {
                Issue.record("the live record was not found")
                return
            }
            let header = try #require(try headers(in: slice).first)
            #expect(header.baseOffset == live)
            break
        }
        // Of 200 batches of about 500 bytes ten or so are looked at each time.
        #expect(looks > 10 && looks < 40)
        var work = ExpiryWork(bytes: 5000)
        guard case .slice = try partition.slice(from: 77, maxBytes: 1 << 20, firstBatchWhole: true, &work) else {
            Issue.record("what was gone over is not remembered")
            return
        }
        try log.close()
    }

    private func headers(in slice: LogSlice) throws -> [RecordBatchHeader] {
        var walk = BatchWalk(slice.file, from: slice.position, to: slice.position + slice.byteCount)
        var found: [RecordBatchHeader] = []
        while let batch = try walk.next() { found.append(batch.header) }
        return found
    }

    @Test("a batch is decoded for it once")
    func decodedOnce() throws {
        let (log, _, partition) = try makeLog(["record.ttl.headers": "true"])
        try partition.append(record("a", at: 0, ttl: 100))
        let rule = try #require(partition.expired.rule)
        let batch = try #require(try partition.locate(0)).batch
        #expect(partition.expired.knownExpiry(of: batch.header, by: rule) == nil)
        #expect(try partition.values() == ["a"])
        #expect(partition.expired.knownExpiry(of: batch.header, by: rule) == Timestamp(milliseconds: start + 100))
        try log.close()
    }

    @Test("a batch that cannot be decoded is not hidden: its reader learns why")
    func damaged() throws {
        let (log, _, partition) = try makeLog(["record.ttl.headers": "true"])
        try partition.append(record("a", at: 0, ttl: 100))
        try partition.append(record("b", at: 0, ttl: 100))
        let path = try #require(partition.segments.first).path
        try log.close()
        let file = try PosixFileSystem().open(path, .update)
        try file.write([0xFF], at: RecordBatchLayout.headerSize + 2)
        clock.set(start + 1000)
        try withLog { partition in
            var work = ExpiryWork()
            guard
                case .slice(let slice) = try partition.slice(
                    from: 0, maxBytes: 1 << 20, firstBatchWhole: true, &work)
            else {
                Issue.record("it was hidden")
                return
            }
            #expect(try headers(in: slice).map(\.baseOffset) == [0])
            #expect(throws: LogError.self) { try partition.read(from: .earliest) }
            #expect(try partition.read(from: .offset(1)).isEmpty)
        }
    }

    @Test("a reader that follows the tail gets what comes after a stretch that is expired")
    func tail() async throws {
        let (log, _, partition) = try makeLog(["record.ttl.ms": "100"])
        for index in 0..<10 { try await partition.append(record("\(index)", at: 0)) }
        clock.set(start + 1000)
        var iterator = partition.records(from: .earliest).makeAsyncIterator()
        async let appended = partition.append(record("new", at: 1000))
        #expect(try await iterator.next()?.valueText == "new")
        _ = try await appended
        try log.close()
    }
}
