import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import Storage
import TestSupport
import Testing

@Suite("Moving the offsets of a live group", .timeLimit(.minutes(10)))
struct AlterGroupOffsetsTests {
    /// Ten records in each of two partitions.
    private func withGroups(
        configure: (inout BrokerConfiguration) -> Void = hurried,
        _ body: (Broker, WireClient) async throws -> Void
    ) async throws {
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", partitions: 2)
            for partition: Int32 in 0..<2 {
                let batch = try Batch((0..<10).map { Record(value: "\($0)") })
                #expect(try await client.produce(batch, to: "readings", partition).errorCode == .none)
            }
            try await body(broker, client)
        }
    }

    private func codes(_ answer: AlterGroupOffsetsResponse) -> [[ErrorCode]] {
        answer.topics.map { $0.partitions.map(\.errorCode) }
    }

    @Test("members are put out, the offsets move as one, and who joins again reads them")
    func live() async throws {
        try await withGroups { broker, client in
            let operatorClient = try await WireClient.connect(to: broker)
            let member = try await client.member()
            let commits = OffsetCommitRequest.storing([(0, 7), (1, 8)], by: member)
            #expect(try await client.call(commits).topics[0].partitions.map(\.errorCode) == [.none, .none])
            let answer = try await operatorClient.call(AlterGroupOffsetsRequest.moving([(0, 2), (1, -1)]))
            #expect(answer.errorCode == .none && answer.errorMessage == nil && answer.fencedMembers == 1)
            #expect(!answer.changeID.isEmpty && codes(answer) == [[.none, .none]])
            #expect(answer.topics[0].partitions.map(\.before) == [7, 8])
            #expect(answer.topics[0].partitions.map(\.after) == [2, -1])
            // What the member had is over: it must not overwrite the new offsets.
            #expect(try await client.commit(9, by: member) == .unknownMemberID)
            #expect(try await client.heartbeat(member) == .unknownMemberID)
            let again = try await client.member()
            #expect(again.generation > member.generation)
            #expect(try await client.committed() == 2)
            #expect(try await client.committed(in: "readings", 1) == -1)
            #expect(try await client.commit(3, by: again) == .none)
        }
    }

    @Test("a parked join is refused when the offsets move, and the member comes again")
    func parked() async throws {
        try await withGroups(configure: patient) { broker, client in
            let member = try await client.member()
            let other = try await WireClient.connect(to: broker)
            let parked = try await other.post(JoinGroupRequest.joining(memberID: try await other.memberID()))
            while try await client.heartbeat(member) != .rebalanceInProgress {}
            let answer = try await client.call(AlterGroupOffsetsRequest.moving([(0, 2)]))
            #expect(answer.errorCode == .none && answer.fencedMembers == 2)
            #expect(try await other.receive(parked).errorCode == .unknownMemberID)
            // Two were put out, so the first round is complete with two.
            let generations = try await client.joinTogether(2).map(\.generationID)
            #expect(generations[0] == generations[1] && generations[0] > member.generation)
        }
    }

    @Test("it says who has done it, what it was, and what was there before")
    func audit() async throws {
        try await withGroups { broker, client in
            #expect(try await client.commit(7) == .none)
            let answer = try await client.call(AlterGroupOffsetsRequest.moving([(0, 2)]) { $0.kind = "undo" })
            let shard = Int32(try broker.log.consumerOffsets().shard(of: "g"))
            let records = try await client.fetch("__consumer_offsets", shard).records.bytes.storedRecords
            let last = try #require(records.last)
            let decoded = try #require(
                try DecodedGroupRecord.decode(
                    key: last.key, value: last.value, headers: last.headers, timestamp: last.timestamp))
            #expect(decoded.group == "g" && decoded.note?.kind == "undo" && decoded.note?.id == answer.changeID)
            #expect(decoded.note?.before == Offset(7))
            #expect(decoded.author == ChangeAuthor(principal: "User:ANONYMOUS", clientID: "test", address: "127.0.0.1"))
        }
    }

    @Test("a group that is not there comes to be by its offsets")
    func newGroup() async throws {
        try await withGroups { _, client in
            let answer = try await client.call(AlterGroupOffsetsRequest.moving([(0, 4)], of: "copy"))
            #expect(answer.errorCode == .none && answer.fencedMembers == 0)
            #expect(answer.topics[0].partitions.map(\.before) == [-1])
            #expect(try await client.committed(of: "copy") == 4)
            #expect(try await client.state(of: "copy") == "Empty")
        }
    }

    @Test("asked for the checks alone it says what would happen, and changes nothing")
    func validateOnly() async throws {
        try await withGroups { _, client in
            let member = try await client.member()
            #expect(try await client.commit(7, by: member) == .none)
            let answer = try await client.call(AlterGroupOffsetsRequest.moving([(0, 2)]) { $0.validateOnly = true })
            #expect(answer.errorCode == .none && answer.changeID.isEmpty && answer.fencedMembers == 1)
            #expect(answer.topics[0].partitions.map(\.before) == [7])
            #expect(answer.topics[0].partitions.map(\.after) == [2])
            #expect(try await client.heartbeat(member) == .none)
            #expect(try await client.committed() == 7)
            let fresh = AlterGroupOffsetsRequest.moving([(0, 2)], of: "new") { $0.validateOnly = true }
            #expect(try await client.call(fresh).errorCode == .none)
            #expect(try await client.call(ListGroupsRequest()).groups.map(\.groupID) == ["g"])
        }
    }

    struct Wrong: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let code: ErrorCode
        let says: [String]
        let change: @Sendable (inout AlterGroupOffsetsRequest) -> Void

        init(
            _ what: String, _ code: ErrorCode, _ says: String...,
            change: @escaping @Sendable (inout AlterGroupOffsetsRequest) -> Void
        ) {
            testDescription = what
            self.code = code
            self.says = says
            self.change = change
        }
    }

    static let wrong = [
        Wrong("an offset past the end", .offsetOutOfRange, "partition 1 of 'readings'", "offset 11", "from 0 to 10") {
            $0.topics[0].partitions[1].offset = 11
        },
        Wrong("an offset below -1", .offsetOutOfRange, "offset -2", "nothing was changed") {
            $0.topics[0].partitions[1].offset = -2
        },
        Wrong("no topic", .unknownTopicOrPartition, "'none'", "nothing was changed") {
            $0.topics += AlterGroupOffsetsRequest.moving([(0, 1)], in: "none").topics
        },
        Wrong("no partition", .unknownTopicOrPartition, "no partition 2", "its 2 are") {
            $0.topics[0].partitions[1].partitionIndex = 2
        },
        Wrong("a partition twice", .invalidRequest, "name it once") { $0.topics += $0.topics },
        Wrong("too much metadata", .offsetMetadataTooLarge, "offset.metadata.max.bytes=4096") {
            $0.topics[0].partitions[1].metadata = String(repeating: "x", count: 4097)
        },
        Wrong("members in it", .nonEmptyGroup, "stop them first") { $0.onlyIfEmpty = true },
        Wrong("no partition at all", .invalidRequest, "no partition is named") { $0.topics = [] },
        Wrong("no kind", .invalidRequest, "give a word") { $0.kind = "" },
        Wrong("no group", .invalidGroupID, "give one") { $0.groupID = "" },
    ]

    @Test("where one partition cannot be, nothing has changed, and nobody was put out", arguments: wrong)
    func allOrNothing(wrong: Wrong) async throws {
        try await withGroups { _, client in
            let member = try await client.member()
            let commits = OffsetCommitRequest.storing([(0, 7), (1, 8)], by: member)
            #expect(try await client.call(commits).topics[0].partitions.map(\.errorCode) == [.none, .none])
            var request = AlterGroupOffsetsRequest.moving([(0, 2), (1, 3)])
            wrong.change(&request)
            let answer = try await client.call(request)
            #expect(answer.errorCode == wrong.code)
            for part in wrong.says { #expect(answer.errorMessage?.contains(part) == true, "\(answer)") }
            #expect(answer.changeID.isEmpty && answer.fencedMembers == 0)
            #expect(answer.topics.allSatisfy { $0.partitions.allSatisfy { $0.before == $0.after } })
            #expect(codes(answer).joined().allSatisfy { $0 == .operationNotAttempted || $0 == wrong.code })
            #expect(try await client.heartbeat(member) == .none)
            #expect(try await client.committed() == 7)
            #expect(try await client.committed(in: "readings", 1) == 8)
            #expect(try await client.commit(9, by: member) == .none)
        }
    }

    @Test("a disk that fails moves nothing: the error says so, and the members can go on")
    func failingDisk() async throws {
        let disk = SimulatedDisk()
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.dataDirectory = "/data"
            configuration.log.environment.fileSystem = disk
            configuration.hurryGroups()
        }
        try await withGroups(configure: configure) { _, client in
            let member = try await client.member()
            #expect(try await client.commit(7, by: member) == .none)
            disk.add(.init(at: disk.operations + 1, .error(28), operation: .write))
            let answer = try await client.call(AlterGroupOffsetsRequest.moving([(0, 2)]))
            #expect(answer.errorCode == .coordinatorNotAvailable)
            #expect(answer.errorMessage?.contains("nothing was changed") == true)
            #expect(try await client.committed() == 7)
            disk.clearFaults()
        }
    }

    @Test("of many changes at once each is whole, and none is half in another")
    func concurrent() async throws {
        try await withGroups { broker, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<4 as Range<Int64> {
                    group.addTask {
                        let client = try await WireClient.connect(to: broker)
                        for round in 0..<50 as Range<Int64> {
                            let offset = (writer + round) % 10
                            let answer = try await client.call(
                                AlterGroupOffsetsRequest.moving([(0, offset), (1, offset)]))
                            #expect([.none, .coordinatorLoadInProgress].contains(answer.errorCode), "\(answer)")
                            let read = try await client.call(OffsetFetchRequest.asking([0, 1]))
                            let offsets = read.groups[0].topics[0].partitions.map(\.committedOffset)
                            #expect(offsets[0] == offsets[1])
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("a power cut after the answer loses nothing of the change", arguments: 0..<4 as Range<UInt64>)
    func powerCut(seed: UInt64) async throws {
        let disk = SimulatedDisk()
        func configure(_ disk: SimulatedDisk) -> (inout BrokerConfiguration) -> Void {
            {
                $0.dataDirectory = "/data"
                $0.log.environment.fileSystem = disk
                $0.hurryGroups()
            }
        }
        var after: SimulatedDisk?
        var member = Member(id: "", generation: 0)
        try await withGroups(configure: configure(disk)) { _, client in
            member = try await client.member()
            #expect(try await client.commit(7, by: member) == .none)
            let answer = try await client.call(AlterGroupOffsetsRequest.moving([(0, 2), (1, 3)]))
            #expect(answer.errorCode == .none)
            after = disk.crash(seed: seed)
        }
        try await withBroker(configure: configure(try #require(after))) { broker in
            let client = try await WireClient.connect(to: broker)
            #expect(try await client.committed() == 2)
            #expect(try await client.committed(in: "readings", 1) == 3)
            // Who was put out stays out.
            #expect(try await client.commit(9, by: member) == .unknownMemberID)
        }
    }

    // MARK: Positions

    @Test("how far it is to the end is told in records, bytes and time; outside the log the nearest end counts")
    func positions() async throws {
        try await withGroups { broker, client in
            let offsets: [(Int32, Int64)] = [(0, 0), (1, 10), (2, 0)]
            let request = DescribePositionsRequest.asking(offsets)
            let answer = try await client.call(request).topics[0].partitions
            #expect(answer.map(\.errorCode) == [.none, .none, .unknownTopicOrPartition])
            #expect(answer.map(\.offset) == [0, 10, 0])
            #expect(answer.map(\.endOffset) == [10, 10, -1] && answer.map(\.logStartOffset) == [0, 0, -1])
            let partition = try #require(broker.log.topic("readings")?.partitions[0])
            let times = try partition.read(from: .earliest).map(\.timestamp)
            #expect(answer[0].bytesToEnd > 0 && answer[1].bytesToEnd == 0)
            #expect(answer[0].nextTimestamp == times.first?.milliseconds)
            #expect(answer[1].nextTimestamp == -1)
            for (offset, same) in [(Int64.min, 0), (-1, 0), (11, 1), (Int64.max, 1)] {
                let outside = try await client.call(DescribePositionsRequest.asking([(0, offset)])).topics[0]
                    .partitions[0]
                #expect(outside.errorCode == .none && outside.bytesToEnd == answer[same].bytesToEnd)
            }
            let twice = try await client.call(DescribePositionsRequest.asking([(0, 0), (0, 0)])).topics[0].partitions
            #expect(twice.map(\.errorCode) == [.none, .invalidRequest])
            let none = try await client.call(DescribePositionsRequest.asking([(0, 0)], in: "none")).topics[0].partitions
            #expect(none.map(\.errorCode) == [.unknownTopicOrPartition])
            #expect(none[0].errorMessage?.contains("'none'") == true)
        }
    }
}
