import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("Groups by the consumer protocol over sockets", .timeLimit(.minutes(10)))
struct ConsumerProtocolGroupTests {
    private func withGroups(
        in directory: TemporaryDirectory = .inMemory(), _ body: (Broker, WireClient) async throws -> Void
    ) async throws {
        try await withBroker(in: directory, configure: hurried) { broker in
            let client = try await WireClient.connect(to: broker)
            if broker.log.topic("readings") == nil { try await client.create("readings", partitions: 4) }
            try await body(broker, client)
        }
    }

    /// Comes again until it has so many partitions, saying each time what it has.
    private func settle(
        _ client: WireClient, _ id: String, _ count: Int, from first: ConsumerGroupHeartbeatResponse
    ) async throws -> (epoch: Int32, partitions: [Int32]) {
        let topic = try #require(try await client.metadata(of: ["readings"]).topics.first).topicID
        var epoch = first.memberEpoch
        var owned = first.partitions ?? []
        while owned.count != count {
            let request = ConsumerGroupHeartbeatRequest.of(id, epoch: epoch, owned: owned, in: topic)
            let answer = try await client.call(request)
            #expect(answer.errorCode == .none, "\(answer)")
            guard answer.errorCode == .none else { break }
            epoch = answer.memberEpoch
            owned = answer.partitions ?? owned
        }
        return (epoch, owned.sorted())
    }

    @Test("a member joins, is given everything, commits by its epoch, and leaves", arguments: 0...1)
    func alone(version: Int16) async throws {
        try await withGroups { _, client in
            let joined = try await client.call(
                ConsumerGroupHeartbeatRequest.joining(version == 0 ? "" : "me"), version: version)
            #expect(joined.errorCode == .none && joined.memberEpoch > 0 && joined.heartbeatIntervalMs > 0)
            let id = try #require(joined.memberID)
            #expect(version == 0 ? !id.isEmpty : id == "me")
            #expect(joined.partitions?.sorted() == [0, 1, 2, 3])
            let member = Member(id: id, generation: joined.memberEpoch)
            #expect(try await client.commit(5, by: member) == .none)
            let stale = Member(id: id, generation: joined.memberEpoch + 1)
            #expect(try await client.commit(6, by: stale) == .staleMemberEpoch)
            #expect(try await client.commit(6, by: stale, version: 8) == .unsupportedVersion)
            #expect(try await client.commit(6, by: Member(id: "other", generation: 1)) == .unknownMemberID)
            #expect(try await client.committed() == 5)
            let left = try await client.call(ConsumerGroupHeartbeatRequest.of(id, epoch: -1), version: version)
            #expect(left.errorCode == .none && left.memberEpoch == -1)
            let described = try await client.call(ConsumerGroupDescribeRequest { $0.groupIDs = ["g"] }).groups[0]
            #expect(described.groupState == "Empty" && described.members.isEmpty)
        }
    }

    @Test("a newcomer gets what the other has given up, and no partition is with both")
    func rebalance() async throws {
        try await withGroups { broker, client in
            let other = try await WireClient.connect(to: broker)
            let first = try await client.call(ConsumerGroupHeartbeatRequest.joining("a"))
            let second = try await other.call(ConsumerGroupHeartbeatRequest.joining("b"))
            let kept = try await settle(client, "a", 2, from: first)
            // The other may have it once the first has said that it did give it up.
            let topic = try #require(try await client.metadata(of: ["readings"]).topics.first).topicID
            let said = ConsumerGroupHeartbeatRequest.of("a", epoch: kept.epoch, owned: kept.partitions, in: topic)
            #expect(try await client.call(said).errorCode == .none)
            let given = try await settle(other, "b", 2, from: second)
            #expect(Set(kept.partitions).isDisjoint(with: given.partitions))
            let described = try await client.call(ConsumerGroupDescribeRequest { $0.groupIDs = ["g"] }).groups[0]
            #expect(described.errorCode == .none && described.assignorName == "uniform")
            #expect(described.members.map(\.memberID) == ["a", "b"])
            #expect(described.members.map(\.clientID) == ["test", "test"])
            #expect(described.members.map(\.subscribedTopicNames) == [["readings"], ["readings"]])
            #expect(described.members.map(\.memberType) == [1, 1])
            #expect(described.members[1].targetAssignment.topicPartitions.map(\.topicName) == ["readings"])
        }
    }

    @Test("members go on where they were after a restart, and their commits are taken")
    func restart() async throws {
        let directory = TemporaryDirectory.inMemory()
        var epoch: Int32 = 0
        try await withGroups(in: directory) { _, client in
            epoch = try await client.call(ConsumerGroupHeartbeatRequest.joining("a")).memberEpoch
            #expect(try await client.commit(5, by: Member(id: "a", generation: epoch)) == .none)
        }
        try await withGroups(in: directory) { _, client in
            let answer = try await client.call(ConsumerGroupHeartbeatRequest.of("a", epoch: epoch))
            #expect(answer.errorCode == .none && answer.memberEpoch == epoch)
            #expect(try await client.commit(6, by: Member(id: "a", generation: epoch)) == .none)
            #expect(try await client.committed() == 6)
        }
    }

    @Test("more partitions and new topics reach members without their asking")
    func growingTopic() async throws {
        try await withGroups { _, client in
            var request = ConsumerGroupHeartbeatRequest.joining("a")
            request.subscribedTopicNames = nil
            request.subscribedTopicRegex = "read.*"
            let joined = try await client.call(request)
            #expect(joined.partitions?.count == 4)
            let added = try await client.call(CreatePartitionsRequest.adding("readings", to: 6)).results
            #expect(added.map(\.errorCode) == [.none])
            #expect(try await settle(client, "a", 6, from: joined).partitions == [0, 1, 2, 3, 4, 5])
        }
    }

    @Test("offsets move under live members: they are fenced, join anew and read them")
    func reset() async throws {
        try await withGroups { broker, client in
            for partition: Int32 in 0..<4 {
                #expect(try await client.produce(Batch("x"), to: "readings", partition).errorCode == .none)
            }
            let joined = try await client.call(ConsumerGroupHeartbeatRequest.joining("a"))
            let member = Member(id: "a", generation: joined.memberEpoch)
            #expect(try await client.commit(1, by: member) == .none)
            let other = try await WireClient.connect(to: broker)
            let answer = try await other.call(AlterGroupOffsetsRequest.moving([(0, 0)]))
            #expect(answer.errorCode == .none && answer.fencedMembers == 1)
            #expect(try await client.commit(1, by: member) == .unknownMemberID)
            let fenced = try await client.call(ConsumerGroupHeartbeatRequest.of("a", epoch: joined.memberEpoch))
            #expect([.unknownMemberID, .fencedMemberEpoch].contains(fenced.errorCode))
            let again = try await client.call(ConsumerGroupHeartbeatRequest.joining("a"))
            #expect(again.errorCode == .none && again.memberEpoch > joined.memberEpoch)
            #expect(try await client.committed() == 0)
        }
    }

    @Test("an empty group goes from one protocol to the other with its offsets, one with members does not")
    func conversion() async throws {
        try await withGroups { _, client in
            let member = try await client.member()
            #expect(try await client.commit(5, by: member) == .none)
            let refused = try await client.call(ConsumerGroupHeartbeatRequest.joining("a"))
            #expect(refused.errorCode == .groupIDNotFound && refused.errorMessage?.contains("classic protocol") == true)
            #expect(try await client.leave(member) == .none)
            var joined = try await client.call(ConsumerGroupHeartbeatRequest.joining("a"))
            // What the classic group has stored last may be on its way yet.
            while joined.errorCode == .groupIDNotFound {
                joined = try await client.call(ConsumerGroupHeartbeatRequest.joining("a"))
            }
            #expect(joined.errorCode == .none)
            #expect(try await client.committed() == 5)
            #expect(try await client.call(ListGroupsRequest()).groups.map(\.groupType) == ["consumer"])
            for version in Wire.versions(JoinGroupRequest.self) {
                let join = try await client.call(JoinGroupRequest.joining(), version: version)
                #expect(join.errorCode == .inconsistentGroupProtocol)
            }
            #expect(try await client.heartbeat(member) == .unknownMemberID)
            #expect(try await client.call(SyncGroupRequest.of(member)).errorCode == .unknownMemberID)
            #expect(try await client.state() == "Dead")
            let left = try await client.call(ConsumerGroupHeartbeatRequest.of("a", epoch: -1))
            #expect(left.errorCode == .none)
            var classic = try await client.join()
            while classic.errorCode == .inconsistentGroupProtocol { classic = try await client.join() }
            #expect(classic.errorCode == .none)
            #expect(try await client.committed() == 5)
            #expect(try await client.call(ListGroupsRequest()).groups.map(\.groupType) == ["classic"])
        }
    }

    @Test("groups by this protocol are listed by type, their offsets deleted where nobody reads, and they with them")
    func administration() async throws {
        try await withGroups { _, client in
            try await client.create("alarms")
            let joined = try await client.call(ConsumerGroupHeartbeatRequest.joining("a"))
            let member = Member(id: "a", generation: joined.memberEpoch)
            #expect(try await client.commit(5, by: member) == .none)
            #expect(try await client.commit(6, in: "alarms", by: member) == .none)
            let listed = try await client.call(ListGroupsRequest { $0.typesFilter = ["CONSUMER"] }).groups
            #expect(listed.map { "\($0.groupID) \($0.protocolType) \($0.groupState)" } == ["g consumer Stable"])
            let read = try await client.call(OffsetDeleteRequest.deleting("readings"))
            #expect(read.topics[0].partitions.map(\.errorCode) == [.groupSubscribedToTopic])
            let other = try await client.call(OffsetDeleteRequest.deleting("alarms"))
            #expect(other.topics[0].partitions.map(\.errorCode) == [.none])
            let delete = DeleteGroupsRequest { $0.groupsNames = ["g"] }
            #expect(try await client.call(delete).results.map(\.errorCode) == [.nonEmptyGroup])
            let left = try await client.call(ConsumerGroupHeartbeatRequest.of("a", epoch: -1))
            #expect(left.errorCode == .none)
            #expect(try await client.call(delete).results.map(\.errorCode) == [.none])
            #expect(try await client.call(ListGroupsRequest()).groups.isEmpty)
            #expect(try await client.committed() == -1)
        }
    }

    @Test(
        "a member that asks for offsets by a wrong epoch or id is told so, an administrator is not asked",
        arguments: [9])
    func fetch(version: Int16) async throws {
        try await withGroups { _, client in
            let joined = try await client.call(ConsumerGroupHeartbeatRequest.joining("a"))
            func code(_ member: String?, _ epoch: Int32) async throws -> ErrorCode {
                var request = OffsetFetchRequest.asking([0])
                request.groups[0].memberID = member
                request.groups[0].memberEpoch = epoch
                return try await client.call(request, version: version).groups[0].errorCode
            }
            let epoch = joined.memberEpoch
            let codes = [
                try await code("a", epoch), try await code("a", epoch + 1), try await code("b", epoch),
                try await code(nil, -1),
            ]
            #expect(codes == [.none, .staleMemberEpoch, .unknownMemberID, .none])
        }
    }

    @Test("a heartbeat that cannot be is refused with the reason, in every version")
    func wrong() async throws {
        try await withGroups { _, client in
            for version in Wire.versions(ConsumerGroupHeartbeatRequest.self) {
                func answer(
                    _ change: (inout ConsumerGroupHeartbeatRequest) -> Void
                ) async throws -> ConsumerGroupHeartbeatResponse {
                    var request = ConsumerGroupHeartbeatRequest.joining("a")
                    change(&request)
                    return try await client.call(request, version: version)
                }
                let wrong: [(ErrorCode, String, (inout ConsumerGroupHeartbeatRequest) -> Void)] = [
                    (.invalidGroupID, "give one", { $0.groupID = "" }),
                    (.unsupportedAssignor, "uniform or range", { $0.serverAssignor = "mine" }),
                    (.invalidRequest, "rebalance timeout", { $0.rebalanceTimeoutMs = -1 }),
                    (.invalidRequest, "owns no partitions", { $0.topicPartitions = nil }),
                    (.unknownMemberID, "join without", { $0.memberEpoch = 7 }),
                ]
                for (code, says, change) in wrong {
                    let answer = try await answer(change)
                    #expect(answer.errorCode == code && answer.errorMessage?.contains(says) == true, "\(answer)")
                }
            }
            var request = ConsumerGroupHeartbeatRequest.joining("a")
            request.subscribedTopicRegex = "(["
            let answer = try await client.call(request)
            #expect(answer.errorCode == .invalidRegularExpression && answer.errorMessage != nil)
            #expect(try await client.call(ListGroupsRequest()).groups.isEmpty)
        }
    }

    @Test("ConsumerGroupDescribe says of others that they are none", arguments: 0...1)
    func describingOthers(version: Int16) async throws {
        try await withGroups { _, client in
            _ = try await client.member(.joining("classic"))
            let request = ConsumerGroupDescribeRequest {
                $0.groupIDs = ["classic", "none", "classic"]
                $0.includeAuthorizedOperations = true
            }
            let groups = try await client.call(request, version: version).groups
            #expect(groups.map(\.groupID) == ["classic", "none"])
            #expect(groups.map(\.errorCode) == [.groupIDNotFound, .groupIDNotFound])
            #expect(groups[0].errorMessage?.contains("DescribeGroups") == true)
            #expect(groups.map(\.groupState) == ["Dead", "Dead"])
        }
    }
}

extension ConsumerGroupHeartbeatRequest {
    static func joining(_ member: String, _ group: String = "g") -> ConsumerGroupHeartbeatRequest {
        ConsumerGroupHeartbeatRequest {
            $0.groupID = group
            $0.memberID = member
            $0.rebalanceTimeoutMs = 60_000
            $0.subscribedTopicNames = ["readings"]
            $0.topicPartitions = []
        }
    }

    /// - Parameter owned: nil: as it was.
    static func of(
        _ member: String, epoch: Int32, owned: [Int32]? = nil, in topic: UUIDBytes = UUIDBytes(), _ group: String = "g"
    ) -> ConsumerGroupHeartbeatRequest {
        ConsumerGroupHeartbeatRequest {
            $0.groupID = group
            $0.memberID = member
            $0.memberEpoch = epoch
            $0.topicPartitions = owned.map { owned in
                owned.isEmpty ? [] : [.init { ($0.topicID, $0.partitions) = (topic, owned) }]
            }
        }
    }
}

extension ConsumerGroupHeartbeatResponse {
    /// nil: as they were.
    var partitions: [Int32]? { assignment?.topicPartitions.flatMap(\.partitions) }
}
