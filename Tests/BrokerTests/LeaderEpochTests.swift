import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("Leader epochs", .timeLimit(.minutes(10)))
struct LeaderEpochTests {
    /// A topic of which epoch 0 wrote offsets 0 to 2 and epoch 1 offsets 3 and 4; epoch 2 leads, and wrote 5.
    private func withEpochs(_ body: (WireClient) async throws -> Void) async throws {
        let directory = TemporaryDirectory.inMemory()
        for count in [3, 2] { try append(count, in: directory) }
        try await withBroker(in: directory) { broker in
            let client = try await WireClient.connect(to: broker)
            #expect(try await client.produce(Batch("last"), to: "readings").baseOffset == 5)
            try await body(client)
        }
    }

    /// By a log that is dropped without being closed: what a kill leaves.
    private func append(_ count: Int, in directory: TemporaryDirectory) throws {
        let log = try EventLog.open(at: directory.path)
        let topic = try log.topic("readings") ?? log.createTopic("readings")
        for _ in 0..<count { try topic.partitions[0].append(Record(value: "x")) }
    }

    private func endOffset(
        _ client: WireClient, of epoch: Int32, current: Int32 = -1, in topic: String = "readings",
        _ partition: Int32 = 0,
        version: Int16? = nil
    ) async throws -> OffsetForLeaderEpochResponse.EpochEndOffset {
        let answer = try await client.call(
            OffsetForLeaderEpochRequest.asking(topic, partition, endOf: epoch, current: current), version: version)
        #expect(answer.topics.map(\.topic) == [topic])
        let end = try #require(answer.topics.first?.partitions.first)
        #expect(end.partition == partition)
        return end
    }

    @Test("an epoch ends where the next one begins, in every version", arguments: 2...4)
    func ends(version: Int16) async throws {
        try await withEpochs { client in
            for (epoch, end): (Int32, Int64) in [(0, 3), (1, 5), (2, 6)] {
                let answer = try await endOffset(client, of: epoch, version: version)
                #expect(answer.errorCode == .none && answer.leaderEpoch == epoch && answer.endOffset == end)
            }
        }
    }

    @Test("an epoch that there was not yet has no end, and is no error", arguments: [3, Int32.max, -1, Int32.min])
    func undefined(epoch: Int32) async throws {
        try await withEpochs { client in
            let answer = try await endOffset(client, of: epoch)
            #expect(answer.errorCode == .none && answer.leaderEpoch == -1 && answer.endOffset == -1)
        }
    }

    @Test("what there is not is unknown")
    func unknown() async throws {
        try await withEpochs { client in
            for (topic, partition): (String, Int32) in [("other", 0), ("readings", 1), ("readings", -1)] {
                let answer = try await endOffset(client, of: 0, in: topic, partition)
                #expect(answer.errorCode == .unknownTopicOrPartition && answer.endOffset == -1)
            }
        }
    }

    @Test(
        "who knows an older epoch is fenced, who knows a newer one is unknown",
        arguments: [
            (-1, .none), (2, .none), (1, .fencedLeaderEpoch), (0, .fencedLeaderEpoch), (-2, .fencedLeaderEpoch),
            (3, .unknownLeaderEpoch), (Int32.max, .unknownLeaderEpoch),
        ] as [(Int32, ErrorCode)])
    func fencing(epoch: Int32, code: ErrorCode) async throws {
        try await withEpochs { client in
            #expect(try await endOffset(client, of: 0, current: epoch).errorCode == code)
            let data = try await client.fetch("readings") { $0.topics[0].partitions[0].currentLeaderEpoch = epoch }
            #expect(data.errorCode == code)
            #expect((data.records == .empty) == (code != .none))
            for time in [ListOffsetsRequest.latest, ListOffsetsRequest.maxTimestamp] {
                var request = ListOffsetsRequest.asking("readings", at: time)
                request.topics[0].partitions[0].currentLeaderEpoch = epoch
                #expect(try await client.call(request).topics[0].partitions[0].errorCode == code)
            }
        }
    }

    @Test("who is fenced learns who leads, where, and in which epoch: from version 16 on", arguments: 12...17)
    func leader(version: Int16) async throws {
        try await withEpochs { client in
            let id = try #require(try await client.metadata(of: ["readings"]).topics.first?.topicID)
            let isByID = version >= FetchRequest.firstTopicIDVersion
            var request = isByID ? FetchRequest.reading(id) : FetchRequest.reading("readings")
            request.topics[0].partitions[0].currentLeaderEpoch = 1
            let answer = try await client.call(request, version: version)
            let data = try #require(answer.responses.first?.partitions.first)
            #expect(data.errorCode == .fencedLeaderEpoch)
            #expect(data.currentLeader.leaderID == (version >= 16 ? 1 : -1))
            #expect(data.currentLeader.leaderEpoch == (version >= 16 ? 2 : -1))
            #expect(answer.nodeEndpoints.map(\.host) == (version >= 16 ? ["127.0.0.1"] : []))
        }
    }

    @Test("a session tells of a truncation in each answer, until its client has gone back")
    func truncationInSession() async throws {
        try await withEpochs { client in
            var request = FetchRequest.session(of: "readings", [0], from: 5)
            request.topics[0].partitions[0].lastFetchedEpoch = 0
            request.waitForAByte()
            let begun = try await client.call(request)
            var answers = [begun]
            for epoch in 1...2 as ClosedRange<Int32> {
                answers.append(try await client.goOn(begun.sessionID, epoch: epoch))
            }
            for answer in answers {
                let data = try #require(answer.responses.first?.partitions.first)
                #expect(data.errorCode == .none && data.records == .empty)
                #expect(data.divergingEpoch.epoch == 0 && data.divergingEpoch.endOffset == 3)
            }
            var back = FetchRequest.Partition.place(0, 3)
            back.lastFetchedEpoch = 0
            let answer = try await client.goOn(begun.sessionID, epoch: 3, [back])
            let data = try #require(answer.responses.first?.partitions.first)
            #expect(try data.records.bytes.batchHeaders.map(\.baseOffset) == [3, 4, 5])
        }
    }

    @Test("Metadata names the epoch that leads, and a batch the one that wrote it")
    func metadata() async throws {
        try await withEpochs { client in
            let metadata = try await client.metadata(of: ["readings"])
            #expect(metadata.topics[0].partitions.map(\.leaderEpoch) == [2])
            let headers = try await client.fetch("readings").records.bytes.batchHeaders
            #expect(headers.map(\.partitionLeaderEpoch) == [0, 0, 0, 1, 1, 2])
        }
    }

    @Test("an offset comes with the epoch that wrote it", arguments: 4...7)
    func offsets(version: Int16) async throws {
        try await withEpochs { client in
            let earliest = try await client.offset(in: "readings", at: ListOffsetsRequest.earliest, version: version)
            #expect(earliest.offset == 0 && earliest.leaderEpoch == 0)
            let latest = try await client.offset(in: "readings", at: ListOffsetsRequest.latest, version: version)
            #expect(latest.offset == 6 && latest.leaderEpoch == 2)
            _ = try await client.call(DeleteRecordsRequest.deleting("readings", before: 4))
            let first = try await client.offset(in: "readings", at: 0, version: version)
            #expect(first.offset == 4 && first.leaderEpoch == 1)
        }
    }

    // MARK: Truncation

    @Test(
        "a reader whose last epoch ended before its offset is told where, at once and without records",
        arguments: [
            // The last epoch that it read, its offset; where the log departs from that: nil, if it does not.
            (0, 3, nil), (0, 2, nil), (0, 4, (0, 3)), (1, 5, nil), (1, 6, (1, 5)), (2, 6, nil), (-1, 6, nil),
        ] as [(Int32, Int64, (Int32, Int64)?)])
    func diverging(epoch: Int32, offset: Int64, expected: (Int32, Int64)?) async throws {
        try await withEpochs { client in
            let data = try await client.fetch("readings", from: offset, version: 12) {
                $0.topics[0].partitions[0].lastFetchedEpoch = epoch
                // Where nothing is to be told, the end is answered at once, too.
                if expected != nil { $0.maxWaitMs = 60_000 }
                $0.minBytes = 1
            }
            #expect(data.errorCode == .none)
            #expect(data.divergingEpoch.epoch == expected?.0 ?? -1)
            #expect(data.divergingEpoch.endOffset == expected?.1 ?? -1)
            #expect((data.records == .empty) == (expected != nil || offset == 6))
        }
    }

    @Test("a reader of an epoch that there was not, or below the log's start, is out of range")
    func divergingNowhere() async throws {
        try await withEpochs { client in
            _ = try await client.call(DeleteRecordsRequest.deleting("readings", before: 2))
            for (epoch, offset): (Int32, Int64) in [(3, 6), (Int32.max, 6), (-7, 6), (0, 1), (0, -1)] {
                let data = try await client.fetch("readings", from: offset, version: 12) {
                    $0.topics[0].partitions[0].lastFetchedEpoch = epoch
                }
                #expect(data.errorCode == .offsetOutOfRange && data.records == .empty)
            }
        }
    }

    @Test("a stop in order keeps the epoch")
    func stop() async throws {
        let directory = TemporaryDirectory.inMemory()
        for session in 0..<2 {
            try await withBroker(in: directory) { broker in
                let client = try await WireClient.connect(to: broker)
                if session == 0 { try await client.create("readings") }
                let metadata = try await client.metadata(of: ["readings"])
                #expect(metadata.topics[0].partitions.map(\.leaderEpoch) == [0])
            }
        }
    }
}
