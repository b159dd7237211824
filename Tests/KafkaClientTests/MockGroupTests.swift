import Testing

@testable import KafkaClient

/// Groups whose coordinator is not ours: three brokers, of which one keeps the group until it goes, or another does.
@Suite(
    "Groups on librdkafka's mock cluster", .timeLimit(.minutes(10)),
    .enabled(
        if: MockCluster.python != nil,
        "no Python with confluent-kafka: name one in KAFKA_PYTHON, which tools/support/client-python makes"))
struct MockGroupTests {
    private let partitionCount = 6

    private func withGroup(
        group: String = "team", _ body: (MockCluster, GroupHarness) async throws -> Void
    ) async throws {
        try await MockCluster.with(brokers: 3) { cluster in
            try cluster.run("topic readings \(partitionCount)")
            try cluster.run("rebalance-delay 300")
            // It offers flexible versions of JoinGroup, LeaveGroup and SyncGroup, and does not read the tagged fields of
            // what stands in their arrays. Its answer to LeaveGroup 3 lacks the members.
            for versions in ["11 0 5", "13 0 2", "14 0 3"] { try cluster.run("versions \(versions)") }
            let client = try await KafkaClient.connect(to: cluster.bootstrap)
            // It waits for members that are gone until their sessions are over.
            try await body(cluster, GroupHarness(client, group: group, sessionTimeout: .seconds(6)))
            await client.close()
        }
    }

    @Test("members come and go: each record is read", arguments: GroupAssignor.allCases)
    func comeAndGo(assignor: GroupAssignor) async throws {
        try await withGroup { _, team in
            let options = GroupHarness.options([assignor])
            try await team.produce(0..<600, partitions: partitionCount)
            let first = try team.join("first", options)
            try await team.waitForNumbers(600)
            try await team.waitForShares([first], partitions: partitionCount)

            let second = try team.join("second", options)
            try await team.waitForShares([first, second], partitions: partitionCount)
            try await team.produce(600..<1200, partitions: partitionCount)
            try await team.waitForNumbers(1200)

            try await first.leave()
            try await team.waitForShares([second], partitions: partitionCount)
            try await team.produce(1200..<1800, partitions: partitionCount)
            try await team.waitForNumbers(1800)
            try await second.leave()
        }
    }

    @Test(
        "whatever a coordinator answers to a member, the member comes back, and each record is read",
        arguments: [
            // Heartbeat: REBALANCE_IN_PROGRESS, ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, NOT_COORDINATOR,
            // COORDINATOR_NOT_AVAILABLE, COORDINATOR_LOAD_IN_PROGRESS, a lost connection.
            "12 27", "12 22", "12 25", "12 16 15 14", "12 -195 -195",
            // OffsetCommit, in each partition.
            "8 16 14 15", "8 22", "8 25", "8 -195",
        ])
    func refusals(codes: String) async throws {
        try await withGroup { cluster, team in
            let member = try team.join("one")
            try await team.waitForShares([member], partitions: partitionCount)
            try await team.produce(0..<300, partitions: partitionCount)
            try await team.waitForNumbers(300)
            try cluster.run("errors \(codes)")
            try await team.produce(300..<600, partitions: partitionCount)
            try await team.waitForNumbers(600)
            // What it commits from now on is kept.
            try await team.waitForShares([member], partitions: partitionCount)
            try await team.wait("a commit of all") {
                let committed = (try? await member.consumer.committed()) ?? [:]
                return committed.count == partitionCount
                    && committed.mapValues(\.offset) == member.consumer.positions
                    && committed.values.allSatisfy { $0.offset == Offset(100) }
            }
            try await member.leave()
        }
    }

    @Test(
        "what keeps a member from joining for a while is waited out",
        arguments: [
            // FindCoordinator, JoinGroup, SyncGroup and OffsetFetch.
            "10 15 15", "11 14 16 27", "11 25", "11 -195", "14 27", "14 22", "14 16", "9 14 16", "9 -195",
        ])
    func lateStart(codes: String) async throws {
        try await withGroup { cluster, team in
            try await team.produce(0..<300, partitions: partitionCount)
            try cluster.run("errors \(codes)")
            let member = try team.join("one")
            try await team.waitForNumbers(300)
            #expect(team.counts.values.allSatisfy { $0 == 1 })
            try await member.leave()
        }
    }

    @Test("a group that moves to another broker goes on there", arguments: [GroupAssignor.range, .cooperativeSticky])
    func coordinatorMoves(assignor: GroupAssignor) async throws {
        try await withGroup { cluster, team in
            try cluster.run("coordinator team 1")
            let members = [
                try team.join("one", GroupHarness.options([assignor])),
                try team.join("two", GroupHarness.options([assignor])),
            ]
            try await team.waitForShares(members, partitions: partitionCount)
            try await team.produce(0..<300, partitions: partitionCount)
            try await team.waitForNumbers(300)
            for broker in 2...3 {
                try cluster.run("coordinator team \(broker)")
                let count = 300 * broker
                try await team.produce(count - 300..<count, partitions: partitionCount)
                try await team.waitForNumbers(count)
            }
            for member in members { try await member.leave() }
        }
    }

    @Test("where the broker that it was told of goes, a member goes on with the others")
    func bootstrapGoes() async throws {
        try await withGroup { cluster, writer in
            try cluster.run("coordinator team 2")
            for partition in 0..<partitionCount { try cluster.run("leader readings \(partition) 3") }
            let first = try #require(cluster.bootstrap.split(separator: ",").first)
            let client = try await KafkaClient.connect(to: String(first))
            let team = GroupHarness(client, sessionTimeout: .seconds(6))
            let member = try team.join("one")
            try await team.waitForShares([member], partitions: partitionCount)
            try cluster.run("down 1")
            try cluster.run("coordinator team 3")
            try await writer.produce(0..<300, partitions: partitionCount)
            try await team.waitForNumbers(300)
            try await team.wait("a commit of all") {
                let committed = (try? await member.consumer.committed()) ?? [:]
                return committed.count == partitionCount && committed.values.allSatisfy { $0.offset == Offset(50) }
            }
            try await member.leave()
            await client.close()
        }
    }

    @Test("a coordinator that goes and comes back keeps its members, and they lose nothing")
    func coordinatorDown() async throws {
        try await withGroup { cluster, team in
            try cluster.run("coordinator team 3")
            // Nothing that is read is led there.
            for partition in 0..<partitionCount { try cluster.run("leader readings \(partition) 1") }
            let member = try team.join("one")
            try await team.waitForShares([member], partitions: partitionCount)
            let generation = await member.consumer.generation
            try cluster.run("down 3")
            try await team.produce(0..<300, partitions: partitionCount)
            try await team.waitForNumbers(300)
            try cluster.run("up 3")
            try await team.wait("a commit of all") {
                let committed = (try? await member.consumer.committed()) ?? [:]
                return committed.count == partitionCount && committed.values.allSatisfy { $0.offset == Offset(50) }
            }
            #expect(await member.consumer.generation == generation)
            #expect(team.events(of: "one").count == 1)
            try await member.leave()
        }
    }
}
