import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import Storage
import TestSupport
import Testing

@Suite("Fetching", .timeLimit(.minutes(10)))
struct FetchTests {
    /// Batches of two records and of the same size each, as they came.
    private func withBatches(
        _ count: Int, partitions: Int32 = 1, _ body: (WireClient, _ batchBytes: Int, Broker) async throws -> Void
    ) async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", partitions: partitions, ["compression.type": "producer"])
            let batch = try Batch("first", "second")
            for partition in 0..<partitions {
                for _ in 0..<count { _ = try await client.produce(batch, to: "readings", partition) }
            }
            try await body(client, batch.bytes.count, broker)
        }
    }

    // MARK: Where

    @Test("a batch that begins below the offset is sent whole")
    func insideBatch() async throws {
        try await withBatches(3) { client, batchBytes, _ in
            let data = try await client.fetch("readings", from: 3)
            #expect(try data.records.bytes.batchHeaders.map(\.baseOffset) == [2, 4])
            #expect(data.records.bytes.count == batchBytes * 2)
        }
    }

    @Test("at the end there is nothing, and no error")
    func atEnd() async throws {
        try await withBatches(1) { client, _, _ in
            let data = try await client.fetch("readings", from: 2)
            #expect(data.errorCode == .none && data.records == .empty && data.highWatermark == 2)
        }
    }

    @Test("an offset outside the log is out of range", arguments: [-1, 3, Int64.max, Int64.min, -2])
    func outOfRange(offset: Int64) async throws {
        try await withSurvivor { broker in
            try await broker.client.create("readings")
            _ = try await broker.client.produce(Batch("one", "two"), to: "readings")
            let data = try await broker.client.fetch("readings", from: offset)
            #expect(data.errorCode == .offsetOutOfRange && data.records == .empty)
            // Also of one that would wait.
            let waiting = try await broker.client.call(FetchRequest.waiting(on: "readings", from: offset))
            #expect(waiting.responses[0].partitions[0].errorCode == .offsetOutOfRange)
        }
    }

    @Test("a partition that there is not is unknown, to every API", arguments: [1, -1, Int32.max, Int32.min])
    func unknownPartition(partition: Int32) async throws {
        try await withSurvivor { broker in
            let client = broker.client
            #expect(try await client.fetch("kept", partition).errorCode == .unknownTopicOrPartition)
            #expect(try await client.produce(Batch("x"), to: "kept", partition).errorCode == .unknownTopicOrPartition)
            for time in [ListOffsetsRequest.latest, 0] {
                let offset = try await client.offset(in: "kept", partition, at: time)
                #expect(offset.errorCode == .unknownTopicOrPartition)
            }
            let waiting = try await client.call(FetchRequest.waiting(on: "kept", partition))
            #expect(waiting.responses[0].partitions[0].errorCode == .unknownTopicOrPartition)
        }
    }

    @Test("a topic that there is not is unknown")
    func unknownTopic() async throws {
        try await withSurvivor { broker in
            let client = broker.client
            #expect(try await client.fetch("other").errorCode == .unknownTopicOrPartition)
            #expect(try await client.produce(Batch("x"), to: "other").errorCode == .unknownTopicOrPartition)
            let offset = try await client.offset(in: "other", at: 0)
            #expect(offset.errorCode == .unknownTopicOrPartition)
        }
    }

    @Test("an epoch that no leader has had is unknown", arguments: [1, Int32.max])
    func leaderEpoch(epoch: Int32) async throws {
        try await withBatches(1) { client, _, _ in
            let data = try await client.fetch("readings") { $0.topics[0].partitions[0].currentLeaderEpoch = epoch }
            #expect(data.errorCode == .unknownLeaderEpoch)
        }
    }

    // MARK: How much

    @Test("max_bytes and the partition's are kept to, in whole batches and a piece", arguments: [true, false])
    func maxBytes(ofPartition: Bool) async throws {
        try await withBatches(5) { client, batchBytes, _ in
            for limit in [batchBytes, batchBytes * 2, batchBytes * 2 + 10] {
                let data = try await client.fetch("readings") { request in
                    if ofPartition {
                        request.topics[0].partitions[0].partitionMaxBytes = Int32(limit)
                    } else {
                        request.maxBytes = Int32(limit)
                    }
                }
                #expect(data.records.bytes.count == limit)
            }
        }
    }

    @Test("the first batch is whole, whatever the limits are", arguments: [0, 1, -1, Int32.min])
    func firstBatchWhole(limit: Int32) async throws {
        try await withBatches(3) { client, batchBytes, _ in
            let data = try await client.fetch("readings", from: 2) { request in
                request.maxBytes = limit
                request.topics[0].partitions[0].partitionMaxBytes = limit
            }
            #expect(data.records.bytes.count == batchBytes)
            #expect(try data.records.bytes.batchHeaders.map(\.baseOffset) == [2])
        }
    }

    @Test("only the first batch of the first partition that has one, when the limit is small")
    func firstPartitionOnly() async throws {
        try await withBatches(3, partitions: 3) { client, batchBytes, _ in
            let request = FetchRequest {
                $0.maxBytes = 1
                $0.topics = [
                    .init {
                        $0.topic = "readings"
                        // The first is at its end.
                        $0.partitions = [.place(0, 6), .place(1, 0), .place(2, 0)]
                    }
                ]
            }
            let partitions = try await client.call(request).responses[0].partitions
            #expect(partitions.map(\.records.bytes.count) == [0, batchBytes, 0])
            #expect(partitions.allSatisfy { $0.errorCode == .none && $0.highWatermark == 6 })
        }
    }

    @Test("the broker's own limit holds for what a client asks")
    func brokerLimit() async throws {
        func configure(_ configuration: inout BrokerConfiguration) { configuration.limits.fetchBytes = 1000 }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", ["compression.type": "producer"])
            let batch = try Batch(String(repeating: "x", count: 300))
            for _ in 0..<10 { _ = try await client.produce(batch, to: "readings") }
            #expect(try await client.fetch("readings").records.bytes.count == 1000)
        }
    }

    @Test("partitions of several topics are answered in the order asked, errors among them")
    func several() async throws {
        try await withBatches(1, partitions: 2) { client, batchBytes, _ in
            try await client.create("empty")
            let wanted: [(String, [Int32])] = [("empty", [0]), ("none", [0]), ("readings", [1, 9, 0])]
            let request = FetchRequest {
                $0.topics = wanted.map { name, partitions in
                    .init {
                        $0.topic = name
                        $0.partitions = partitions.map { .place($0, 0) }
                    }
                }
            }
            let answer = try await client.call(request).responses
            #expect(answer.map(\.topic) == ["empty", "none", "readings"])
            let partitions = answer.flatMap(\.partitions)
            #expect(partitions.map(\.partitionIndex) == [0, 0, 1, 9, 0])
            let unknown = ErrorCode.unknownTopicOrPartition
            #expect(partitions.map(\.errorCode) == [.none, unknown, .none, unknown, .none])
            #expect(partitions.map(\.records.bytes.count) == [0, 0, batchBytes, 0, batchBytes])
        }
    }

    // MARK: Waiting

    @Test("a fetch at the end is woken by the append")
    func woken() async throws {
        try await withBatches(1) { client, _, broker in
            let fetch = try await client.post(FetchRequest.waiting(on: "readings", from: 2))
            let other = try await WireClient.connect(to: broker)
            #expect(try await other.produce(Batch("new"), to: "readings").baseOffset == 2)
            let data = try await client.receive(fetch).responses[0].partitions[0]
            #expect(try data.records.bytes.storedRecords.map(\.valueText) == ["new"])
            #expect(data.highWatermark == 3)
        }
    }

    @Test("a fetch of many partitions is woken by any of them", arguments: 0..<3)
    func wokenByAny(partition: Int32) async throws {
        try await withBatches(1, partitions: 3) { client, _, broker in
            var request = FetchRequest.waiting(on: "readings", 0, from: 2)
            request.topics[0].partitions += [.place(1, 2), .place(2, 2)]
            let fetch = try await client.post(request)
            let other = try await WireClient.connect(to: broker)
            #expect(try await other.produce(Batch("new"), to: "readings", partition).baseOffset == 2)
            let answer = try await client.receive(fetch).responses[0].partitions
            #expect(answer.map { !$0.records.bytes.isEmpty } == (0..<3).map { $0 == partition })
        }
    }

    @Test("it is answered with what there is when its time is up")
    func timesOut() async throws {
        try await withBatches(1) { client, batchBytes, _ in
            let request = FetchRequest.reading("readings") {
                $0.maxWaitMs = 20
                $0.minBytes = .max
            }
            let data = try await client.call(request).responses[0].partitions[0]
            #expect(data.errorCode == .none && data.records.bytes.count == batchBytes)
            let atEnd = FetchRequest.reading("readings", from: 2) {
                $0.maxWaitMs = 20
                $0.minBytes = 1
            }
            #expect(try await client.call(atEnd).responses[0].partitions[0].records == .empty)
        }
    }

    @Test("it waits until there are min_bytes of all partitions together")
    func minBytes() async throws {
        try await withBatches(1, partitions: 2) { client, batchBytes, broker in
            var request = FetchRequest.waiting(on: "readings", 0, minBytes: Int32(batchBytes * 4))
            request.topics[0].partitions.append(.place(1, 0))
            let fetch = try await client.post(request)
            let other = try await WireClient.connect(to: broker)
            for partition in [0, 1] as [Int32] {
                // Acknowledged, so the third batch was there before the fourth: it was not enough.
                let answer = try await other.produce(Batch("first", "second"), to: "readings", partition)
                #expect(answer.baseOffset == 2)
            }
            let data = try await client.receive(fetch).responses[0].partitions
            #expect(data.map(\.records.bytes.count) == [batchBytes * 2, batchBytes * 2])
        }
    }

    @Test("it does not wait for more than the answer may hold")
    func minBytesPastMaxBytes() async throws {
        try await withBatches(2) { client, batchBytes, _ in
            var request = FetchRequest.waiting(on: "readings", 0, minBytes: .max)
            request.maxBytes = Int32(batchBytes)
            let fetch = try await client.post(request)
            // The answer is of before this: it has not waited.
            let produce = try await client.post(ProduceRequest.sending(Batch("third"), to: "readings"))
            let data = try await client.receive(fetch).responses[0].partitions[0]
            #expect(data.records.bytes.count == batchBytes && data.highWatermark == 4)
            _ = try await client.receive(produce)
        }
    }

    @Test("a client that leaves while its fetch waits is forgotten")
    func leaves() async throws {
        try await withSurvivor { broker in
            try await broker.client.create("readings")
            for _ in 0..<20 {
                let client = try await WireClient.connect(to: broker.broker)
                _ = try await client.post(FetchRequest.waiting(on: "readings"))
                await client.close()
            }
            #expect(try await broker.client.produce(Batch("x"), to: "readings").errorCode == .none)
        }
    }

    // MARK: What

    @Test("many megabytes come as they lie in the file, byte for byte")
    func manyMegabytes() async throws {
        let directory = TemporaryDirectory()
        try await withBroker(in: directory) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", ["compression.type": "producer"])
            var random = SeededRandom(seed: 1)
            var sent: [UInt8] = []
            let noise = (0..<20_000).flatMap { _ in Wire.bytes(random.next()) }
            for round in 0..<24 {
                let value = Array([noise, noise, noise, noise, noise, noise, Wire.bytes(round)].joined())
                let batch = try Batch([Record(key: nil, value: value)])
                #expect(try await client.produce(batch, to: "readings").errorCode == .none)
                sent += value
            }
            let bytes = try await client.fetch("readings").records.bytes
            #expect(bytes.count > 23_000_000)
            #expect(bytes == (try directory.contents(of: "readings-0/00000000000000000000.log")))
            #expect(try bytes.storedRecords.flatMap { $0.value ?? [] } == sent)
        }
    }

    @Test("reading on from the last offset brings every record of many segments once")
    func segments() async throws {
        try await withBroker { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", ["segment.bytes": "16384", "compression.type": "producer"])
            for index in 0..<100 {
                _ = try await client.produce(Batch("\(index)", String(repeating: "x", count: 1000)), to: "readings")
            }
            let values = try await client.values(in: "readings")
            #expect(values.enumerated().filter { $0.offset % 2 == 0 }.map(\.element) == (0..<100).map { "\($0)" })
        }
    }

    // MARK: Durability

    @Test("the high watermark is never ahead of what a power cut leaves", arguments: 1...12)
    func highWatermark(seed: Int) async throws {
        let disk = SimulatedDisk()
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.dataDirectory = "/data"
            configuration.log.environment.fileSystem = disk
        }
        var seen: [StoredRecord] = []
        var watermark: Int64 = 0
        try? await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            disk.add(.init(at: disk.operations + seed * 3, .powerCut))
            for index in 0..<40 {
                // Answered when it is written, which is before it is durable.
                let answer = try await client.produce(Batch("\(index)"), to: "readings", acks: 1)
                let data = try await client.fetch("readings")
                seen = try data.records.bytes.storedRecords
                watermark = max(watermark, data.highWatermark)
                if answer.errorCode != .none { break }
            }
        }
        var options = EventLogOptions.quiet
        options.environment.fileSystem = disk.crash(seed: UInt64(seed))
        let log = try EventLog.open(at: "/data", options: options)
        let partition = try #require(log.topic("readings")?.partitions.first)
        #expect(partition.end.value >= watermark)
        // Those that come late enough have seen something.
        #expect(seed < 6 || watermark > 0)
        #expect(try Array(partition.read(from: .earliest).prefix(seen.count)) == seen)
        try? log.close()
    }

    @Test("a fetch that waits is told when the disk fails, and so is the next")
    func diskFails() async throws {
        let disk = SimulatedDisk()
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.dataDirectory = "/data"
            configuration.log.environment.fileSystem = disk
        }
        try? await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            let fetch = try await client.post(FetchRequest.waiting(on: "readings"))
            disk.add(.init(at: disk.operations + 1, .error(5), path: "/journal", operation: .write))
            let other = try await WireClient.connect(to: broker)
            #expect(try await other.produce(Batch("x"), to: "readings").errorCode == .kafkaStorageError)
            #expect(try await client.receive(fetch).responses[0].partitions[0].errorCode == .kafkaStorageError)
            let next = try await client.call(FetchRequest.waiting(on: "readings"))
            #expect(next.responses[0].partitions[0].errorCode == .kafkaStorageError)
        }
    }

    @Test(
        "of a partition that takes no more appends the rest is answered at once, however much the client would wait for"
    )
    func endOfFailedPartition() async throws {
        let disk = SimulatedDisk()
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.dataDirectory = "/data"
            configuration.log.environment.fileSystem = disk
        }
        try? await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            _ = try await client.produce(Batch("one"), to: "readings")
            let waiting = try await client.post(FetchRequest.waiting(on: "readings", minBytes: 1 << 20))
            disk.add(.init(at: disk.operations + 1, .error(5), path: "/journal", operation: .write))
            let other = try await WireClient.connect(to: broker)
            #expect(try await other.produce(Batch("two"), to: "readings").errorCode == .kafkaStorageError)
            let data = try await client.receive(waiting).responses[0].partitions[0]
            #expect(try data.errorCode == .none && data.records.bytes.storedRecords.map(\.valueText) == ["one"])
            let next = try await client.call(FetchRequest.waiting(on: "readings", minBytes: 1 << 20))
            #expect(try next.responses[0].partitions[0].records.bytes.storedRecords.map(\.valueText) == ["one"])
        }
    }

    @Test("nor does one wait where there is no room for the rest of such a partition")
    func restOfFailedPartition() async throws {
        let disk = SimulatedDisk()
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.dataDirectory = "/data"
            configuration.log.environment.fileSystem = disk
        }
        try? await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", partitions: 2, ["compression.type": "producer"])
            let batch = try Batch("one")
            for partition in [0, 1] as [Int32] { _ = try await client.produce(batch, to: "readings", partition) }
            disk.add(.init(at: disk.operations + 1, .error(5), path: "/journal", operation: .write))
            #expect(try await client.produce(batch, to: "readings", 1).errorCode == .kafkaStorageError)
            var request = FetchRequest.waiting(on: "readings", minBytes: .max)
            request.topics[0].partitions.append(.place(1, 0))
            request.maxBytes = Int32(batch.bytes.count + 1)
            let fetch = try await client.post(request)
            let produce = try await client.post(ProduceRequest.sending(batch, to: "readings", 0))
            let data = try await client.receive(fetch).responses[0].partitions
            #expect(data.map(\.records.bytes.count) == [batch.bytes.count, 0] && data[0].highWatermark == 1)
            _ = try await client.receive(produce)
        }
    }
}
