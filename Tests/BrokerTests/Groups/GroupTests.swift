import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@Suite("Consumer groups over sockets", .timeLimit(.minutes(10)))
struct GroupTests {
    private func withGroups(_ body: (Broker, WireClient) async throws -> Void) async throws {
        try await withBroker(configure: hurried) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", partitions: 2)
            try await body(broker, client)
        }
    }

    @Test("every version of FindCoordinator names the one node, and creates the topic of offsets", arguments: 0...6)
    func coordinator(version: Int16) async throws {
        try await withGroups { broker, client in
            let request = FindCoordinatorRequest {
                $0.key = "g"
                $0.coordinatorKeys = ["g", "other"]
            }
            let answer = try await client.call(request, version: version)
            let found = answer.coordinators.map { ($0.errorCode, $0.nodeID, $0.host, $0.port) }
            for (code, node, host, port) in version >= 4
                ? found : [(answer.errorCode, answer.nodeID, answer.host, answer.port)]
            {
                #expect(code == .none && node == 1 && host == "127.0.0.1" && Int(port) == broker.address.port)
            }
            #expect(found.count == (version >= 4 ? 2 : 0))
            #expect(broker.log.topic("__consumer_offsets")?.partitions.count == 50)
        }
    }

    @Test("every version of JoinGroup and SyncGroup makes a group of one", arguments: 0...9)
    func alone(version: Int16) async throws {
        try await withGroups { _, client in
            let joined = try await client.join(version: version)
            #expect(joined.errorCode == .none && joined.generationID == 1 && joined.leader == joined.memberID)
            #expect(joined.memberID.hasPrefix("test-") && joined.protocolName == "range")
            #expect(joined.protocolType == (version >= 7 ? "consumer" : nil))
            #expect(joined.members.map(\.memberID) == [joined.memberID])
            #expect(joined.members.first?.metadata == .subscription(to: ["readings"]))
            let member = Member(joined)
            let request = SyncGroupRequest.of(member, assigning: joined.members)
            let synced = try await client.call(request, version: min(version, 5))
            #expect(synced.errorCode == .none && synced.assignment == ByteBuffer(string: "for \(member.id)"))
            #expect(synced.protocolType == (version >= 5 ? "consumer" : nil))
            #expect(try await client.heartbeat(member, version: min(version, 4)) == .none)
            #expect(try await client.state() == "Stable")
            #expect(try await client.leave(member, version: min(version, 5)) == .none)
            #expect(try await client.state() == "Empty")
        }
    }

    @Test("from version 4 on who has no member id is told one, and comes again with it", arguments: 4...9)
    func memberIDRequired(version: Int16) async throws {
        try await withGroups { _, client in
            let first = try await client.call(JoinGroupRequest.joining(), version: version)
            #expect(first.errorCode == .memberIDRequired && first.generationID == -1 && !first.memberID.isEmpty)
            #expect(first.protocolName == (version >= 7 ? nil : ""))
            let second = try await client.call(JoinGroupRequest.joining(memberID: first.memberID), version: version)
            #expect(second.errorCode == .none && second.memberID == first.memberID)
        }
    }

    @Test("a newcomer has the others rejoin; both get what the leader assigns, and the answers are parked till then")
    func rebalance() async throws {
        try await withGroups { broker, client in
            let other = try await WireClient.connect(to: broker)
            let first = try await client.member()
            let newcomer = try await other.post(JoinGroupRequest.joining(memberID: try await other.memberID()))
            while try await client.heartbeat(first) != .rebalanceInProgress {}
            #expect(try await client.state() == "PreparingRebalance")
            for version in Wire.versions(HeartbeatRequest.self) {
                #expect(try await client.heartbeat(first, version: version) == .rebalanceInProgress)
            }
            for version in Wire.versions(SyncGroupRequest.self) {
                let early = try await client.call(SyncGroupRequest.of(first), version: version)
                #expect(early.errorCode == .rebalanceInProgress)
            }
            // What was read in the generation that ends may be committed still.
            #expect(try await client.commit(1, by: first) == .none)
            let rejoined = try await client.call(JoinGroupRequest.joining(memberID: first.id))
            let joined = try await other.receive(newcomer)
            #expect(rejoined.generationID == 2 && joined.generationID == 2)
            #expect(rejoined.leader == first.id && joined.leader == first.id)
            #expect(rejoined.members.count == 2 && joined.members.isEmpty)
            // The follower asks first, and waits for the leader.
            let following = try await other.post(SyncGroupRequest.of(Member(joined)))
            while try await client.state() != "CompletingRebalance" {}
            for version in Wire.versions(OffsetCommitRequest.self) {
                let code = try await client.commit(2, by: Member(rejoined), version: version)
                #expect(code == .rebalanceInProgress)
            }
            let leading = SyncGroupRequest.of(Member(rejoined), assigning: rejoined.members)
            #expect(try await client.call(leading).assignment == ByteBuffer(string: "for \(first.id)"))
            #expect(try await other.receive(following).assignment == ByteBuffer(string: "for \(joined.memberID)"))
            let described = try #require(try await client.describe())
            #expect(described.groupState == "Stable" && described.protocolData == "range")
            #expect(Set(described.members.map(\.clientHost)) == ["/127.0.0.1"])
            #expect(Set(described.members.map(\.memberID)) == [first.id, joined.memberID])
        }
    }

    @Test("the first of an empty group waits for others, so that those who come together are one generation")
    func initialDelay() async throws {
        try await withBroker(configure: patient) { broker in
            let client = try await WireClient.connect(to: broker)
            for answer in try await client.joinTogether(4) {
                #expect(answer.errorCode == .none && answer.generationID == 1)
            }
        }
    }

    @Test("a member whose connection closes while its join is parked holds nobody up for longer than its session")
    func closedWhileParked() async throws {
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.hurryGroups()
            try? configuration.groups.set("group.min.session.timeout.ms", to: "100")
        }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            let first = try await client.member()
            let leaving = try await WireClient.connect(to: broker)
            var request = JoinGroupRequest.joining(memberID: try await leaving.memberID())
            request.sessionTimeoutMs = 100
            _ = try await leaving.post(request)
            while try await client.heartbeat(first) != .rebalanceInProgress {}
            await leaving.close()
            let rejoined = try await client.call(JoinGroupRequest.joining(memberID: first.id))
            #expect(rejoined.errorCode == .none && rejoined.members.map(\.memberID) == [first.id])
        }
    }

    @Test("a member that is silent for its session is given up, and the others go on without it")
    func session() async throws {
        let logs = LogLines()
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.hurryGroups()
            configuration.logger = logs.makeLogger()
            try? configuration.groups.set("group.min.session.timeout.ms", to: "100")
        }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            var request = JoinGroupRequest.joining()
            request.sessionTimeoutMs = 100
            // A version that lets it in at once: an id would be good for a session's time only.
            let member = Member(try await client.call(request, version: 3))
            await logs.line(with: "a member of a group is given up group=g member=\(member.id) reason=session")
            #expect(try await client.state() == "Empty")
            #expect(try await client.heartbeat(member) == .unknownMemberID)
            #expect(try await client.commit(1, by: member) == .unknownMemberID)
        }
    }

    // MARK: Static members

    @Test("a static member comes back to its assignment without a rebalance, though it owns nothing any more")
    func staticMember() async throws {
        try await withGroups { broker, client in
            let leader = try await client.member(.joining(instanceID: "a", owned: [0, 1]))
            let again = try await WireClient.connect(to: broker)
            let back = try await again.call(JoinGroupRequest.joining(instanceID: "a"))
            #expect(back.errorCode == .none && back.generationID == leader.generation && back.memberID != leader.id)
            #expect(back.skipAssignment)
            let member = Member(back, instanceID: "a")
            #expect(
                try await again.call(SyncGroupRequest.of(member)).assignment == ByteBuffer(string: "for \(leader.id)"))
            for version in Wire.versions(HeartbeatRequest.self) where version >= 3 {
                #expect(try await client.heartbeat(leader, version: version) == .fencedInstanceID)
            }
            for version in Wire.versions(OffsetCommitRequest.self) where version >= 7 {
                #expect(try await client.commit(1, by: leader, version: version) == .fencedInstanceID)
            }
            for version in Wire.versions(SyncGroupRequest.self) where version >= 3 {
                let synced = try await client.call(SyncGroupRequest.of(leader), version: version)
                #expect(synced.errorCode == .fencedInstanceID)
            }
            for version in Wire.versions(JoinGroupRequest.self) where version >= 5 {
                let request = JoinGroupRequest.joining(instanceID: "a", memberID: leader.id)
                #expect(try await client.call(request, version: version).errorCode == .fencedInstanceID)
            }
            for version in Wire.versions(LeaveGroupRequest.self) where version >= 3 {
                #expect(try await client.leave(leader, version: version) == .fencedInstanceID)
            }
            #expect(try await again.commit(1, by: member) == .none)
            #expect(try await client.describe()?.members.map(\.groupInstanceID) == ["a"])
        }
    }

    @Test("an operator sends static members away by their instance ids, one and all", arguments: 3...5)
    func sentAway(version: Int16) async throws {
        try await withGroups { _, client in
            _ = try await client.member(.joining(instanceID: "a"))
            let wanted = [
                Member(id: "", generation: 0, instanceID: "a"), Member(id: "", generation: 0, instanceID: "b"),
            ]
            let answer = try await client.call(LeaveGroupRequest.of(wanted), version: version)
            #expect(answer.errorCode == .none)
            #expect(answer.members.map(\.errorCode) == [.none, .unknownMemberID])
            #expect(answer.members.map(\.groupInstanceID) == ["a", "b"])
            #expect(try await client.state() == "Empty")
        }
    }

    // MARK: Stopping and starting

    @Test("a broker that stops sends parked members elsewhere, and is not held up by them")
    func stopping() async throws {
        try await withGroups { broker, client in
            let first = try await client.member()
            let other = try await WireClient.connect(to: broker)
            let parked = try await other.post(JoinGroupRequest.joining(memberID: try await other.memberID()))
            while try await client.heartbeat(first) != .rebalanceInProgress {}
            try await broker.stop()
            #expect(try await other.receive(parked).errorCode == .notCoordinator)
        }
    }

    @Test("members go on in their generation after a restart: no rebalance, and commits are taken")
    func restart() async throws {
        let directory = TemporaryDirectory.inMemory()
        var member = Member(id: "", generation: 0)
        try await withBroker(in: directory, configure: hurried) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            member = try await client.member()
            #expect(try await client.commit(17, by: member) == .none)
        }
        try await withBroker(in: directory, configure: hurried) { broker in
            let client = try await WireClient.connect(to: broker)
            #expect(try await client.state() == "Stable")
            #expect(try await client.heartbeat(member) == .none)
            #expect(try await client.committed() == 17)
            #expect(try await client.commit(18, by: member) == .none)
            let synced = try await client.call(SyncGroupRequest.of(member))
            #expect(synced.assignment == ByteBuffer(string: "for \(member.id)"))
            // One that is new finds the group as it is.
            let other = try await WireClient.connect(to: broker)
            _ = try await other.post(JoinGroupRequest.joining(memberID: try await other.memberID()))
            while try await client.heartbeat(member) != .rebalanceInProgress {}
        }
    }

    @Test("a power cut at any acknowledged commit loses neither offset nor group", arguments: 0..<8 as Range<UInt64>)
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
        try await withBroker(configure: configure(disk)) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            member = try await client.member()
            for offset in 0...Int64(seed) { #expect(try await client.commit(offset, by: member) == .none) }
            after = disk.crash(seed: seed)
        }
        try await withBroker(configure: configure(try #require(after))) { broker in
            let client = try await WireClient.connect(to: broker)
            #expect(try await client.committed() == Int64(seed))
            #expect(try await client.heartbeat(member) == .none)
        }
    }
}
