import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("Administration of consumer groups", .timeLimit(.minutes(10)))
struct GroupAdministrationTests {
    private func withGroups(_ body: (Broker, WireClient) async throws -> Void) async throws {
        try await withBroker(configure: hurried) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", partitions: 2)
            try await body(broker, client)
        }
    }

    private func list(
        _ client: WireClient, states: [String] = [], types: [String] = [], version: Int16? = nil
    ) async throws -> [String] {
        let request = ListGroupsRequest {
            $0.statesFilter = states
            $0.typesFilter = types
        }
        let answer = try await client.call(request, version: version)
        #expect(answer.errorCode == .none)
        return answer.groups.map { "\($0.groupID) \($0.protocolType) \($0.groupState) \($0.groupType)" }
    }

    @Test("groups are listed by state and type, those with offsets alone as empty")
    func listing() async throws {
        try await withGroups { _, client in
            _ = try await client.member(.joining("live"))
            #expect(try await client.commit(5, of: "idle") == .none)
            #expect(try await list(client) == ["idle  Empty classic", "live consumer Stable classic"])
            #expect(try await list(client, version: 4) == ["idle  Empty ", "live consumer Stable "])
            for version: Int16 in 0...3 {
                #expect(try await list(client, version: version) == ["idle   ", "live consumer  "])
            }
            for filter in [["stable"], ["STABLE", "Dead"]] {
                #expect(try await list(client, states: filter) == ["live consumer Stable classic"])
                #expect(try await list(client, states: filter, version: 4) == ["live consumer Stable "])
            }
            #expect(try await list(client, states: ["Dead"]).isEmpty)
            #expect(try await list(client, types: ["Classic"]).count == 2)
            #expect(try await list(client, types: ["consumer"]).isEmpty)
        }
    }

    @Test("every version of DescribeGroups tells of members; a group that is not there is dead", arguments: 0...6)
    func describing(version: Int16) async throws {
        try await withGroups { _, client in
            let member = try await client.member(.joining(instanceID: "a"))
            #expect(try await client.commit(5, of: "idle") == .none)
            let request = DescribeGroupsRequest {
                $0.groups = ["g", "idle", "none", "g"]
                $0.includeAuthorizedOperations = version >= 3
            }
            let answer = try await client.call(request, version: version).groups
            #expect(answer.map(\.groupID) == ["g", "idle", "none"])
            #expect(answer.map(\.groupState) == ["Stable", "Empty", "Dead"])
            #expect(answer.map(\.errorCode) == [.none, .none, version >= 6 ? .groupIDNotFound : .none])
            #expect(version < 6 || answer[2].errorMessage?.contains("no such group") == true)
            #expect(answer[0].protocolType == "consumer" && answer[0].protocolData == "range")
            let described = try #require(answer[0].members.first)
            #expect(described.memberID == member.id && described.clientID == "test")
            #expect(described.groupInstanceID == (version >= 4 ? "a" : nil))
            #expect(described.memberMetadata == .subscription(to: ["readings"]))
            #expect(described.memberAssignment == ByteBuffer(string: "for \(member.id)"))
            // Read, delete, describe.
            #expect(answer[0].authorizedOperations == (version >= 3 ? Int32(1 << 3 | 1 << 6 | 1 << 8) : Int32.min))
        }
    }

    @Test("every version of DeleteGroups deletes what nobody is in, with all its offsets", arguments: 0...2)
    func deleting(version: Int16) async throws {
        let directory = TemporaryDirectory.inMemory()
        func delete(_ client: WireClient, _ ids: String...) async throws -> [ErrorCode] {
            let answer = try await client.call(DeleteGroupsRequest { $0.groupsNames = ids }, version: version)
            #expect(answer.results.map(\.groupID) == ids)
            return answer.results.map(\.errorCode)
        }
        try await withBroker(in: directory, configure: hurried) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", partitions: 2)
            let member = try await client.member(.joining("live"))
            #expect(try await client.commit(5, of: "idle") == .none)
            #expect(try await client.commit(6, in: "readings", 1, of: "idle") == .none)
            #expect(try await delete(client, "live", "idle", "none") == [.nonEmptyGroup, .none, .groupIDNotFound])
            #expect(try await client.committed(of: "idle") == -1)
            #expect(try await client.call(ListGroupsRequest()).groups.map(\.groupID) == ["live"])
            #expect(try await client.heartbeat(member, of: "live") == .none)
            #expect(try await client.leave(member, "live") == .none)
            #expect(try await delete(client, "live") == [.none])
            #expect(try await client.call(ListGroupsRequest()).groups.isEmpty)
            // It may come to be again, from the beginning.
            #expect(try await client.member(.joining("live")).generation == 1)
        }
        try await withBroker(in: directory) { broker in
            let client = try await WireClient.connect(to: broker)
            #expect(try await client.call(ListGroupsRequest()).groups.map(\.groupID) == ["live"])
        }
    }

    @Test("a deletion takes the commits with it that were on their way to the disk")
    func deletingAtOnce() async throws {
        try await withGroups { broker, client in
            for _ in 0..<20 {
                let commits = try (0..<50 as Range<Int64>).flatMap { offset in
                    try Wire.frame(OffsetCommitRequest.storing([(0, offset)]), correlationID: Int32(offset))
                }
                let delete = try Wire.frame(DeleteGroupsRequest { $0.groupsNames = ["g"] }, correlationID: 50)
                await client.send(commits + delete)
                for id in 0..<50 as Range<Int32> {
                    let posted = Posted<OffsetCommitRequest>(version: 9, correlationID: id)
                    #expect(try await client.receive(posted).topics[0].partitions[0].errorCode == .none)
                }
                let deleted = try await client.receive(Posted<DeleteGroupsRequest>(version: 2, correlationID: 50))
                #expect(deleted.results.map(\.errorCode) == [.none])
                #expect(try await client.committed() == -1)
            }
        }
    }

    @Test("offsets of a topic that nobody in the group reads are deleted, those of one that is read are not")
    func deletingOffsets() async throws {
        try await withGroups { _, client in
            try await client.create("alarms")
            let member = try await client.member(.joining(topics: ["readings"]))
            #expect(try await client.commit(5, by: member) == .none)
            #expect(try await client.commit(6, in: "alarms", by: member) == .none)
            let read = try await client.call(OffsetDeleteRequest.deleting("readings"))
            #expect(read.errorCode == .none && read.topics[0].partitions.map(\.errorCode) == [.groupSubscribedToTopic])
            let other = try await client.call(OffsetDeleteRequest.deleting("alarms"))
            #expect(other.errorCode == .none && other.topics[0].partitions.map(\.errorCode) == [.none])
            #expect(try await client.committed() == 5)
            #expect(try await client.committed(in: "alarms") == -1)
            #expect(try await client.leave(member) == .none)
            let free = try await client.call(OffsetDeleteRequest.deleting("readings"))
            #expect(free.topics[0].partitions.map(\.errorCode) == [.none])
            #expect(try await client.committed() == -1)
        }
    }

    @Test("what OffsetDelete cannot do it says: of no group, no topic, of members that are no consumers")
    func deletingNoOffsets() async throws {
        try await withGroups { _, client in
            #expect(try await client.call(OffsetDeleteRequest.deleting(of: "none")).errorCode == .groupIDNotFound)
            #expect(try await client.call(OffsetDeleteRequest.deleting(of: "")).errorCode == .invalidGroupID)
            #expect(try await client.commit(5) == .none)
            let answer = try await client.call(OffsetDeleteRequest.deleting("readings", 9))
            #expect(answer.topics[0].partitions.map(\.errorCode) == [.unknownTopicOrPartition])
            var connect = JoinGroupRequest.joining("connectors")
            connect.protocolType = "connect"
            let joined = try await client.join(connect)
            #expect(joined.errorCode == .none)
            let refused = try await client.call(OffsetDeleteRequest.deleting(of: "connectors"))
            #expect(refused.errorCode == .nonEmptyGroup)
        }
    }

    // MARK: Errors

    @Test("a group without a name is refused where it would have members, in every version")
    func nameless() async throws {
        try await withGroups { _, client in
            for version in Wire.versions(JoinGroupRequest.self) {
                #expect(
                    try await client.call(JoinGroupRequest.joining(""), version: version).errorCode == .invalidGroupID)
            }
            let member = Member(id: "m", generation: 1)
            for version in Wire.versions(SyncGroupRequest.self) {
                let answer = try await client.call(SyncGroupRequest.of(member, ""), version: version)
                #expect(answer.errorCode == .invalidGroupID)
            }
            for version in Wire.versions(HeartbeatRequest.self) {
                #expect(try await client.heartbeat(member, of: "", version: version) == .invalidGroupID)
            }
            for version in Wire.versions(LeaveGroupRequest.self) {
                #expect(try await client.leave(member, "", version: version) == .invalidGroupID)
            }
            // As Kafka does: offsets it may have.
            #expect(try await client.commit(5, of: "") == .none)
            #expect(try await client.committed(of: "") == 5)
        }
    }

    @Test("a member of a group that is not there is unknown, in every version")
    func unknownGroup() async throws {
        try await withGroups { _, client in
            let member = Member(id: "m", generation: 1)
            for version in Wire.versions(JoinGroupRequest.self) {
                let answer = try await client.call(JoinGroupRequest.joining(memberID: "m"), version: version)
                #expect(answer.errorCode == .unknownMemberID && answer.memberID == "m")
            }
            for version in Wire.versions(SyncGroupRequest.self) {
                let answer = try await client.call(SyncGroupRequest.of(member), version: version)
                #expect(answer.errorCode == .unknownMemberID)
            }
            for version in Wire.versions(HeartbeatRequest.self) {
                #expect(try await client.heartbeat(member, version: version) == .unknownMemberID)
            }
            for version in Wire.versions(LeaveGroupRequest.self) {
                #expect(try await client.leave(member, version: version) == .unknownMemberID)
            }
            for version in Wire.versions(OffsetCommitRequest.self) {
                #expect(try await client.commit(5, by: member, version: version) == .illegalGeneration)
            }
            #expect(try await client.call(ListGroupsRequest()).groups.isEmpty)
        }
    }

    @Test("a member of a stable group that errs is told how, in every version")
    func wrongMember() async throws {
        try await withGroups { _, client in
            let member = try await client.member()
            let stranger = Member(id: "m", generation: member.generation)
            let early = Member(id: member.id, generation: member.generation + 1)
            for version in Wire.versions(HeartbeatRequest.self) {
                #expect(try await client.heartbeat(stranger, version: version) == .unknownMemberID)
                #expect(try await client.heartbeat(early, version: version) == .illegalGeneration)
            }
            for version in Wire.versions(OffsetCommitRequest.self) {
                #expect(try await client.commit(5, by: stranger, version: version) == .unknownMemberID)
                #expect(try await client.commit(5, by: early, version: version) == .illegalGeneration)
                #expect(try await client.commit(5, version: version) == .unknownMemberID)
            }
            for version in Wire.versions(SyncGroupRequest.self) {
                let unknown = try await client.call(SyncGroupRequest.of(stranger), version: version)
                #expect(unknown.errorCode == .unknownMemberID)
                let illegal = try await client.call(SyncGroupRequest.of(early), version: version)
                #expect(illegal.errorCode == .illegalGeneration)
            }
            var other = SyncGroupRequest.of(member)
            other.protocolName = "sticky"
            #expect(try await client.call(other).errorCode == .inconsistentGroupProtocol)
            other.protocolName = nil
            #expect(try await client.call(other).errorCode == .inconsistentGroupProtocol)
            #expect(try await client.committed() == -1)
        }
    }

    @Test("a join that cannot be is refused in every version: session timeout, protocols, texts without end")
    func wrongJoin() async throws {
        try await withGroups { (_, client) async throws in
            for version in Wire.versions(JoinGroupRequest.self) {
                func code(_ change: (inout JoinGroupRequest) -> Void) async throws -> ErrorCode {
                    var request = JoinGroupRequest.joining()
                    change(&request)
                    return try await client.call(request, version: version).errorCode
                }
                #expect(try await code { $0.sessionTimeoutMs = 5999 } == .invalidSessionTimeout)
                #expect(try await code { $0.sessionTimeoutMs = 1_800_001 } == .invalidSessionTimeout)
                #expect(try await code { $0.protocols = [] } == .inconsistentGroupProtocol)
                #expect(try await code { $0.protocolType = "" } == .inconsistentGroupProtocol)
                guard version >= 5 else { continue }
                // A member id that begins with it must have room in every answer.
                let endless = String(repeating: "x", count: Int(Int16.max))
                #expect(try await code { $0.groupInstanceID = endless } == .invalidRequest)
            }
            #expect(try await client.call(ListGroupsRequest()).groups.isEmpty)
        }
    }

    @Test("a client that offers nothing that the others do is refused, and disturbs nobody")
    func otherProtocol() async throws {
        try await withGroups { broker, client in
            let member = try await client.member()
            let other = try await WireClient.connect(to: broker)
            for version in Wire.versions(JoinGroupRequest.self) {
                var request = JoinGroupRequest.joining()
                request.protocols[0].name = "sticky"
                #expect(try await other.call(request, version: version).errorCode == .inconsistentGroupProtocol)
                request = .joining()
                request.protocolType = "connect"
                #expect(try await other.call(request, version: version).errorCode == .inconsistentGroupProtocol)
            }
            #expect(try await client.heartbeat(member) == .none)
        }
    }

    @Test("one member more than a group may have is refused, and disturbs nobody")
    func full() async throws {
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.hurryGroups()
            configuration.groups.sizeMax = 1
        }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            let member = try await client.member()
            let other = try await WireClient.connect(to: broker)
            for version in Wire.versions(JoinGroupRequest.self) {
                #expect(
                    try await other.call(JoinGroupRequest.joining(), version: version).errorCode == .groupMaxSizeReached
                )
            }
            #expect(try await client.heartbeat(member) == .none)
        }
    }
}
