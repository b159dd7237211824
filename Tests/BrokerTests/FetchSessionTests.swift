import Broker
import BrokerTestSupport
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@testable import EventLog

@Suite("Fetch sessions", .timeLimit(.minutes(10)))
struct FetchSessionTests {
    private func withReadings(
        partitions: Int32, limits: Limits = Limits(), _ body: (WireClient, Broker) async throws -> Void
    ) async throws {
        func configure(_ configuration: inout BrokerConfiguration) { configuration.limits = limits }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", partitions: partitions, ["compression.type": "producer"])
            try await body(client, broker)
        }
    }

    // MARK: Beginning

    @Test("a full fetch of epoch 0 begins a session and tells of every partition", arguments: 7...12)
    func begins(version: Int16) async throws {
        try await withReadings(partitions: 3) { client, _ in
            _ = try await client.produce(Batch("one"), to: "readings", 1)
            let answer = try await client.call(FetchRequest.session(of: "readings", [0, 1, 2]), version: version)
            #expect(answer.errorCode == .none && answer.sessionID > 0)
            #expect(try answer.told == ["readings-0: 0", "readings-1: 1 one", "readings-2: 0"])
        }
    }

    @Test("whoever asks for none gets none: epoch -1, and versions before sessions")
    func sessionless() async throws {
        try await withReadings(partitions: 1) { client, _ in
            let request = FetchRequest.reading("readings")
            #expect(request.sessionEpoch == -1)
            for version in 4...12 as ClosedRange<Int16> {
                let answer = try await client.call(request, version: version)
                #expect(answer.errorCode == .none && answer.sessionID == 0 && answer.responses.count == 1)
            }
        }
    }

    @Test("a fetch of nothing begins no session")
    func nothing() async throws {
        try await withReadings(partitions: 1) { client, _ in
            let answer = try await client.call(FetchRequest.session(of: "readings", []))
            #expect(answer.errorCode == .none && answer.sessionID == 0)
        }
    }

    @Test("epoch 0 with a session's id closes that and begins another; epoch -1 closes it and is answered in full")
    func closes() async throws {
        try await withReadings(partitions: 2) { client, _ in
            let first = try await client.beginSession(of: "readings", [0, 1])
            var again = FetchRequest.session(of: "readings", [0, 1])
            again.sessionID = first
            let second = try await client.call(again).sessionID
            #expect(second > 0 && second != first)
            #expect(try await client.goOn(first, epoch: 1).errorCode == .fetchSessionIDNotFound)
            var last = FetchRequest.session(of: "readings", [0])
            last.sessionID = second
            last.sessionEpoch = -1
            let answer = try await client.call(last)
            #expect(try answer.errorCode == .none && answer.sessionID == 0 && answer.told == ["readings-0: 0"])
            #expect(try await client.goOn(second, epoch: 1).errorCode == .fetchSessionIDNotFound)
        }
    }

    // MARK: Going on

    @Test("an incremental fetch tells of nothing where nothing changed, and else of what changed")
    func changes() async throws {
        try await withReadings(partitions: 3) { client, _ in
            let id = try await client.beginSession(of: "readings", [0, 1, 2])
            let quiet = try await client.goOn(id, epoch: 1)
            #expect(try quiet.errorCode == .none && quiet.sessionID == id && quiet.told == [])
            _ = try await client.produce(Batch("one"), to: "readings", 2)
            #expect(try await client.goOn(id, epoch: 2).told == ["readings-2: 1 one"])
            // Not asked for from another offset, it is sent again.
            #expect(try await client.goOn(id, epoch: 3).told == ["readings-2: 1 one"])
            #expect(try await client.goOn(id, epoch: 4, [.place(2, 1)]).told == [])
            _ = try await client.produce(Batch("two"), to: "readings", 2)
            _ = try await client.produce(Batch("three"), to: "readings", 0)
            #expect(try await client.goOn(id, epoch: 5).told.sorted() == ["readings-0: 1 three", "readings-2: 2 two"])
        }
    }

    @Test("partitions are added, and forgotten")
    func addsAndForgets() async throws {
        try await withReadings(partitions: 4) { client, broker in
            for partition in 0..<4 as Range<Int32> {
                _ = try await client.produce(Batch("\(partition)"), to: "readings", partition)
            }
            let id = try await client.beginSession(of: "readings", [0, 1], from: 1)
            #expect(try await client.goOn(id, epoch: 1, [.place(3, 0)]).told == ["readings-3: 1 3"])
            // An added one is told of even where it has nothing.
            #expect(
                try await client.goOn(id, epoch: 2, [.place(2, 1), .place(3, 1)], forgetting: [0]).told
                    == ["readings-2: 1"])
            for partition in 0..<4 as Range<Int32> {
                _ = try await client.produce(Batch("new"), to: "readings", partition)
            }
            let told = try await client.goOn(id, epoch: 3).told.sorted()
            #expect(told == ["readings-1: 2 new", "readings-2: 2 new", "readings-3: 2 new"])
            // A place that is free again is taken again; what was never there is forgotten without harm.
            let more = try await client.goOn(id, epoch: 4, [.place(0, 0)], forgetting: [1, 2, 3, 77])
            #expect(try more.told == ["readings-0: 2 0 new"])
        }
    }

    @Test("a session whose last partition is forgotten is closed")
    func lastForgotten() async throws {
        try await withReadings(partitions: 2) { client, _ in
            let id = try await client.beginSession(of: "readings", [0, 1])
            let answer = try await client.goOn(id, epoch: 1, forgetting: [0, 1])
            #expect(try answer.errorCode == .none && answer.sessionID == 0 && answer.told == [])
            #expect(try await client.goOn(id, epoch: 2).errorCode == .fetchSessionIDNotFound)
        }
    }

    @Test("an error is told of in each answer until it is gone, and its end even where nothing changed")
    func errors() async throws {
        try await withReadings(partitions: 1) { client, _ in
            let request = FetchRequest {
                $0.sessionEpoch = 0
                $0.topics = ["readings", "missing"].map { name in
                    .init {
                        $0.topic = name
                        $0.partitions = [.place(0, 0)]
                    }
                }
            }
            let begun = try await client.call(request)
            #expect(try begun.told == ["readings-0: 0", "missing-0: UNKNOWN_TOPIC_OR_PARTITION"])
            for epoch in 1...3 as ClosedRange<Int32> {
                let answer = try await client.goOn(begun.sessionID, epoch: epoch)
                #expect(try answer.told == ["missing-0: UNKNOWN_TOPIC_OR_PARTITION"])
            }
            try await client.create("missing")
            #expect(try await client.goOn(begun.sessionID, epoch: 4).told == ["missing-0: 0"])
            #expect(try await client.goOn(begun.sessionID, epoch: 5).told == [])
            let outOfRange = try await client.goOn(begun.sessionID, epoch: 6, [.place(0, 5)])
            #expect(try outOfRange.told == ["readings-0: OFFSET_OUT_OF_RANGE"])
            #expect(try await client.goOn(begun.sessionID, epoch: 7, [.place(0, 0)]).told == ["readings-0: 0"])
        }
    }

    @Test("a topic that is deleted is unknown to the session, and known again when it is made anew")
    func deleted() async throws {
        try await withReadings(partitions: 1) { client, _ in
            _ = try await client.produce(Batch("old"), to: "readings")
            let id = try await client.beginSession(of: "readings", [0], from: 1)
            _ = try await client.call(DeleteTopicsRequest.deleting("readings"))
            let answer = try await client.goOn(id, epoch: 1)
            #expect(try answer.told == ["readings-0: UNKNOWN_TOPIC_OR_PARTITION"])
            try await client.create("readings")
            _ = try await client.produce(Batch("new"), to: "readings")
            #expect(try await client.goOn(id, epoch: 2, [.place(0, 0)]).told == ["readings-0: 1 new"])
        }
    }

    // MARK: Shares

    @Test("partitions whose records were sent are read last: none starves where an answer has room for one batch")
    func rotation() async throws {
        try await withReadings(partitions: 4) { client, _ in
            let id = try await client.beginSession(of: "readings", [0, 1, 2, 3])
            for _ in 0..<6 {
                for partition in 0..<4 as Range<Int32> {
                    _ = try await client.produce(Batch("x"), to: "readings", partition)
                }
            }
            var next: [Int32: Int64] = [:]
            var order: [Int32] = []
            var changed: [FetchRequest.Partition] = []
            for epoch in 1...24 as ClosedRange<Int32> {
                let answer = try await client.goOn(id, epoch: epoch, changed, maxBytes: 1)
                let sent = answer.responses.flatMap(\.partitions).filter { !$0.records.bytes.isEmpty }
                let partition = try #require(sent.first?.partitionIndex)
                #expect(sent.count == 1, "the first batch is whole, and no more than that has room")
                order.append(partition)
                next[partition, default: 0] += 1
                changed = [.place(partition, next[partition] ?? 0)]
            }
            #expect(order == (0..<6).flatMap { _ in [0, 1, 2, 3] as [Int32] })
        }
    }

    @Test("a new end is told of where its records have no room, once")
    func endWithoutRoom() async throws {
        try await withReadings(partitions: 2) { client, _ in
            let id = try await client.beginSession(of: "readings", [0, 1])
            for partition in 0..<2 as Range<Int32> {
                _ = try await client.produce(Batch("\(partition)"), to: "readings", partition)
            }
            #expect(try await client.goOn(id, epoch: 1, maxBytes: 1).told == ["readings-0: 1 0", "readings-1: 1"])
            // It is the other's turn, whose end is known by now.
            #expect(try await client.goOn(id, epoch: 2, maxBytes: 1).told == ["readings-1: 1 1"])
        }
    }

    // MARK: Waiting

    @Test("an incremental fetch waits and is woken by an append to any partition", arguments: 0..<3)
    func woken(partition: Int32) async throws {
        try await withReadings(partitions: 3) { client, broker in
            let id = try await client.beginSession(of: "readings", [0, 1, 2])
            let other = try await WireClient.connect(to: broker)
            for epoch in 1...3 as ClosedRange<Int32> {
                let changed = [FetchRequest.Partition.place(partition, Int64(epoch - 1))]
                let waiting = try await client.post(
                    FetchRequest.goingOn(id, epoch: epoch, changed) { $0.waitForAByte() })
                _ = try await other.produce(Batch("new \(epoch)"), to: "readings", partition)
                let answer = try await client.receive(waiting)
                #expect(try answer.told == ["readings-\(partition): \(epoch) new \(epoch)"])
            }
        }
    }

    @Test("one that waits is answered with nothing when its time is up, and the session goes on")
    func timesOut() async throws {
        try await withReadings(partitions: 2) { client, _ in
            let id = try await client.beginSession(of: "readings", [0, 1])
            for epoch in 1...3 as ClosedRange<Int32> {
                let request = FetchRequest.goingOn(id, epoch: epoch) {
                    $0.waitForAByte()
                    $0.maxWaitMs = 10
                }
                let answer = try await client.call(request)
                #expect(try answer.errorCode == .none && answer.sessionID == id && answer.told == [])
            }
        }
    }

    @Test("one that waits for many bytes is answered when there are so many of all its partitions together")
    func minBytes() async throws {
        try await withReadings(partitions: 3) { client, broker in
            let id = try await client.beginSession(of: "readings", [0, 1, 2])
            let batch = try Batch("x")
            _ = try await client.produce(batch, to: "readings", 0)
            let waiting = try await client.post(
                FetchRequest.goingOn(id, epoch: 1) {
                    $0.waitForAByte()
                    $0.minBytes = Int32(batch.bytes.count * 4)
                })
            let other = try await WireClient.connect(to: broker)
            for partition in [1, 0, 2] as [Int32] { _ = try await other.produce(batch, to: "readings", partition) }
            let answer = try await client.receive(waiting)
            #expect(try answer.told.sorted() == ["readings-0: 2 x x", "readings-1: 1 x", "readings-2: 1 x"])
        }
    }

    @Test("records that are deleted are news: the partition's new start is told, once")
    func deletedRecords() async throws {
        try await withReadings(partitions: 2) { client, broker in
            for value in ["one", "two"] { _ = try await client.produce(Batch(value), to: "readings", 1) }
            let id = try await client.beginSession(of: "readings", [0, 1], from: 0)
            _ = try await client.goOn(id, epoch: 1, [.place(1, 2)])
            #expect(try await client.goOn(id, epoch: 2).told == [])
            _ = try broker.log.topic("readings")?.partitions[1].deleteRecords(before: Offset(1))
            let answer = try await client.goOn(id, epoch: 3)
            #expect(try answer.told == ["readings-1: 2"])
            #expect(answer.responses.flatMap(\.partitions).map(\.logStartOffset) == [1])
            #expect(try await client.goOn(id, epoch: 4).told == [])
        }
    }

    @Test("a partition is watched once a session, however often that goes on, and not at all when it is given up")
    func watched() async throws {
        let limits = Limits.with {
            $0.fetchSessions = 2
            $0.fetchSessionMilliseconds = 0
        }
        try await withReadings(partitions: 2, limits: limits) { client, broker in
            let partitions = try #require(broker.log.topic("readings")).partitions
            func watchers() -> [Int] { partitions.map(\.watcherCount) }
            let first = try await client.beginSession(of: "readings", [0, 1])
            for epoch in 1...5 as ClosedRange<Int32> { _ = try await client.goOn(first, epoch: epoch) }
            #expect(watchers() == [1, 1])
            _ = try await client.goOn(first, epoch: 6, forgetting: [0])
            #expect(watchers() == [0, 1])
            let second = try await client.beginSession(of: "readings", [0, 1])
            _ = try await client.goOn(second, epoch: 1)
            #expect(watchers() == [1, 2])
            // The third takes the place of the first, and the fourth that of the second.
            for left in [[1, 1], [0, 0]] {
                _ = try await client.beginSession(of: "readings", [0, 1])
                #expect(watchers() == left)
            }
        }
    }

    @Test("one that waits is told when its session has to make room")
    func evictedWhileWaiting() async throws {
        let limits = Limits.with {
            $0.fetchSessions = 1
            $0.fetchSessionMilliseconds = 0
        }
        try await withReadings(partitions: 1, limits: limits) { client, broker in
            let id = try await client.beginSession(of: "readings", [0])
            let waiting = try await client.post(FetchRequest.goingOn(id, epoch: 1) { $0.waitForAByte() })
            let other = try await WireClient.connect(to: broker)
            // The waiting one's connection is read first, or the session is gone before: the answer is the same.
            _ = try await other.beginSession(of: "readings", [0])
            let answer = try await client.receive(waiting)
            #expect(try answer.errorCode == .fetchSessionIDNotFound && answer.told == [])
        }
    }

    @Test("a full fetch that waits begins its session when it is answered")
    func fullWaits() async throws {
        try await withReadings(partitions: 2) { client, broker in
            var request = FetchRequest.session(of: "readings", [0, 1])
            request.waitForAByte()
            let waiting = try await client.post(request)
            let other = try await WireClient.connect(to: broker)
            _ = try await other.produce(Batch("one"), to: "readings", 1)
            let answer = try await client.receive(waiting)
            #expect(try answer.told == ["readings-0: 0", "readings-1: 1 one"])
            #expect(try await client.goOn(answer.sessionID, epoch: 1, [.place(1, 1)]).told == [])
        }
    }

    @Test("one that waits is answered when its topic is deleted")
    func deletedWhileWaiting() async throws {
        try await withReadings(partitions: 2) { client, broker in
            let id = try await client.beginSession(of: "readings", [0, 1])
            let waiting = try await client.post(FetchRequest.goingOn(id, epoch: 1) { $0.waitForAByte() })
            let other = try await WireClient.connect(to: broker)
            _ = try await other.call(DeleteTopicsRequest.deleting("readings"))
            #expect(try await client.receive(waiting).told.contains("readings-0: UNKNOWN_TOPIC_OR_PARTITION"))
        }
    }

    // MARK: Epochs

    @Test("an epoch that is not the next one is refused, and the session goes on with the next one")
    func wrongEpoch() async throws {
        try await withReadings(partitions: 1) { client, _ in
            let id = try await client.beginSession(of: "readings", [0])
            #expect(try await client.goOn(id, epoch: 1).errorCode == .none)
            for epoch in [1, 3, Int32.max, Int32.min, -2] {
                let answer = try await client.goOn(id, epoch: epoch)
                #expect(try answer.errorCode == .invalidFetchSessionEpoch && answer.told == [], "epoch \(epoch)")
            }
            #expect(try await client.goOn(id, epoch: 2).errorCode == .none)
        }
    }

    @Test("a session that nobody has is not found, whatever its number", arguments: [1, 77, -1, Int32.max, Int32.min])
    func unknownID(id: Int32) async throws {
        try await withSurvivor { broker in
            let answer = try await broker.client.goOn(id, epoch: 1)
            #expect(try answer.errorCode == .fetchSessionIDNotFound && answer.told == [])
            #expect(try await broker.client.goOn(0, epoch: 1).errorCode == .fetchSessionIDNotFound)
        }
    }

    @Test("a session is gone on with by another connection, also when its own is closed")
    func otherConnection() async throws {
        try await withReadings(partitions: 1) { client, broker in
            let id = try await client.beginSession(of: "readings", [0])
            let other = try await WireClient.connect(to: broker)
            #expect(try await other.goOn(id, epoch: 1).errorCode == .none)
            await client.close()
            _ = try await other.produce(Batch("one"), to: "readings")
            #expect(try await other.goOn(id, epoch: 2).told == ["readings-0: 1 one"])
        }
    }

    @Test("of two requests of a session at once the later one counts, and the earlier one learns of it")
    func overtaken() async throws {
        try await withReadings(partitions: 1) { client, broker in
            let id = try await client.beginSession(of: "readings", [0])
            let waiting = try await client.post(FetchRequest.goingOn(id, epoch: 1) { $0.waitForAByte() })
            let other = try await WireClient.connect(to: broker)
            // Refused until the first one is there.
            while try await other.goOn(id, epoch: 2).errorCode != .none {}
            let answer = try await client.receive(waiting)
            #expect(try answer.errorCode == .invalidFetchSessionEpoch && answer.told == [])
            _ = try await other.produce(Batch("new"), to: "readings")
            #expect(try await other.goOn(id, epoch: 3).told == ["readings-0: 1 new"])
        }
    }

    // MARK: Bounds

    @Test("a session more than there may be is declined, and its client is answered in full each time")
    func sessionLimit() async throws {
        try await withReadings(partitions: 1, limits: .with { $0.fetchSessions = 2 }) { client, _ in
            let first = try await client.beginSession(of: "readings", [0])
            _ = try await client.beginSession(of: "readings", [0])
            for _ in 0..<3 {
                let declined = try await client.call(FetchRequest.session(of: "readings", [0]))
                #expect(
                    try declined.errorCode == .none && declined.sessionID == 0 && declined.told == ["readings-0: 0"])
            }
            #expect(try await client.goOn(first, epoch: 1).errorCode == .none)
        }
    }

    @Test("a session that nobody has used for long enough makes room")
    func idleSession() async throws {
        let limits = Limits.with {
            $0.fetchSessions = 1
            $0.fetchSessionMilliseconds = 0
        }
        try await withReadings(partitions: 1, limits: limits) { client, _ in
            let first = try await client.beginSession(of: "readings", [0])
            let second = try await client.beginSession(of: "readings", [0])
            #expect(try await client.goOn(first, epoch: 1).errorCode == .fetchSessionIDNotFound)
            #expect(try await client.goOn(second, epoch: 1).errorCode == .none)
        }
    }

    @Test("partitions beyond what one session, or all, may have are declined")
    func partitionLimits() async throws {
        let limits = Limits.with {
            $0.fetchSessionPartitions = 3
            $0.fetchSessionsPartitions = 5
        }
        try await withReadings(partitions: 6, limits: limits) { client, _ in
            #expect(try await client.call(FetchRequest.session(of: "readings", [0, 1, 2, 3])).sessionID == 0)
            let first = try await client.beginSession(of: "readings", [0, 1, 2])
            #expect(try await client.call(FetchRequest.session(of: "readings", [0, 1, 2])).sessionID == 0)
            let second = try await client.beginSession(of: "readings", [0, 1])
            // All five are taken: neither may grow. Who does begins anew.
            let grown = try await client.goOn(second, epoch: 1, [.place(2, 0)])
            #expect(grown.errorCode == .fetchSessionIDNotFound)
            #expect(try await client.goOn(second, epoch: 2).errorCode == .fetchSessionIDNotFound)
            let overOwn = try await client.goOn(first, epoch: 1, [.place(3, 0)])
            #expect(overOwn.errorCode == .fetchSessionIDNotFound)
            // What they had is free again.
            _ = try await client.beginSession(of: "readings", [0, 1, 2])
            _ = try await client.beginSession(of: "readings", [0, 1])
        }
    }

    @Test("a partition that a request names twice is in the session once")
    func namedTwice() async throws {
        try await withReadings(partitions: 2, limits: .with { $0.fetchSessionsPartitions = 4 }) { client, _ in
            let id = try await client.beginSession(of: "readings", [0, 0, 1])
            _ = try await client.produce(Batch("one"), to: "readings", 0)
            #expect(try await client.goOn(id, epoch: 1, [.place(0, 0), .place(0, 0)]).told == ["readings-0: 1 one"])
            // It counts once, too.
            _ = try await client.beginSession(of: "readings", [0, 1])
        }
    }

    @Test("names that no topic can have are not kept")
    func longNames() async throws {
        try await withReadings(partitions: 1) { client, _ in
            let name = String(repeating: "x", count: 250)
            let answer = try await client.call(FetchRequest.session(of: name, [0]))
            #expect(try answer.sessionID == 0 && answer.told == ["\(name)-0: UNKNOWN_TOPIC_OR_PARTITION"])
            let id = try await client.beginSession(of: "readings", [0])
            let grown = try await client.call(FetchRequest.goingOn(id, epoch: 1, of: name, [.place(0, 0)]))
            #expect(grown.errorCode == .fetchSessionIDNotFound)
        }
    }

    @Test("a hundred clients with a session each, on several loops, are all told what they wait for")
    func manyClients() async throws {
        func configure(_ configuration: inout BrokerConfiguration) { configuration.loopCount = 4 }
        try await withBroker(configure: configure) { broker in
            let writer = try await WireClient.connect(to: broker)
            try await writer.create("readings", partitions: 4)
            try await withThrowingTaskGroup(of: [String?].self) { group in
                for _ in 0..<100 {
                    group.addTask { try await Self.values(of: 4, records: 40, broker) }
                }
                for index in 0..<40 {
                    let answer = try await writer.produce(Batch("\(index)"), to: "readings", Int32(index % 4))
                    #expect(answer.errorCode == .none)
                }
                let expected = (0..<40).map { "\($0)" }.sorted()
                for try await values in group { #expect(values.compactMap { $0 }.sorted() == expected) }
            }
        }
    }

    /// What a session of all partitions brings, until it has so many records.
    private static func values(of partitions: Int32, records: Int, _ broker: Broker) async throws -> [String?] {
        let client = try await WireClient.connect(to: broker)
        var answer = try await client.call(FetchRequest.session(of: "readings", Array(0..<partitions)))
        let id = answer.sessionID
        #expect(id > 0)
        var values: [String?] = []
        for epoch in Int32(1)... {
            var changed: [FetchRequest.Partition] = []
            for data in answer.responses.flatMap(\.partitions) {
                let records = try data.records.bytes.storedRecords
                values += records.map(\.valueText)
                guard let last = records.last else { continue }
                changed.append(.place(data.partitionIndex, last.offset.value + 1))
            }
            if values.count >= records { break }
            answer = try await client.call(FetchRequest.goingOn(id, epoch: epoch, changed) { $0.waitForAByte() })
            #expect(answer.errorCode == .none)
        }
        return values
    }
}

extension FetchRequest {
    /// A full fetch that begins a session.
    static func session(of topic: String, _ partitions: [Int32], from offset: Int64 = 0) -> FetchRequest {
        FetchRequest {
            $0.sessionEpoch = 0
            $0.topics = [
                .init {
                    $0.topic = topic
                    $0.partitions = partitions.map { .place($0, offset) }
                }
            ]
        }
    }

    /// An incremental one.
    static func goingOn(
        _ id: Int32, epoch: Int32, of topic: String = "readings", _ changed: [Partition] = [],
        forgetting forgotten: [Int32] = [], _ configure: (inout FetchRequest) -> Void = { _ in }
    ) -> FetchRequest {
        FetchRequest {
            $0.sessionID = id
            $0.sessionEpoch = epoch
            if !changed.isEmpty {
                $0.topics = [
                    .init {
                        $0.topic = topic
                        $0.partitions = changed
                    }
                ]
            }
            if !forgotten.isEmpty {
                $0.forgottenTopicsData = [
                    .init {
                        $0.topic = topic
                        $0.partitions = forgotten
                    }
                ]
            }
            configure(&$0)
        }
    }

    mutating func waitForAByte() {
        maxWaitMs = 60_000
        minBytes = 1
    }
}

extension WireClient {
    func beginSession(
        of topic: String, _ partitions: [Int32], from offset: Int64 = 0, _ location: SourceLocation = #_sourceLocation
    ) async throws -> Int32 {
        let id = try await call(FetchRequest.session(of: topic, partitions, from: offset)).sessionID
        #expect(id > 0, sourceLocation: location)
        return id
    }

    func goOn(
        _ id: Int32, epoch: Int32, _ changed: [FetchRequest.Partition] = [], forgetting forgotten: [Int32] = [],
        maxBytes: Int32 = .max
    ) async throws -> FetchResponse {
        try await call(
            FetchRequest.goingOn(id, epoch: epoch, changed, forgetting: forgotten) { $0.maxBytes = maxBytes })
    }
}

extension FetchResponse {
    /// Each partition that the answer tells of: its name, its end and its values, or its error.
    var told: [String] {
        get throws {
            try responses.flatMap { topic in
                try topic.partitions.map { data in
                    let name = "\(topic.topic)-\(data.partitionIndex): "
                    guard data.errorCode == .none else { return name + data.errorCode.name }
                    let values = try data.records.bytes.storedRecords.map { $0.valueText ?? "null" }
                    return name + (["\(data.highWatermark)"] + values).joined(separator: " ")
                }
            }
        }
    }
}
