import Broker
import BrokerTestSupport
import Synchronization
import TestSupport
import Testing

@testable import KafkaClient

@Suite("A consumer that is a member of a group", .timeLimit(.minutes(10)))
struct GroupConsumerTests {
    private let partitionCount = 6

    private func withGroup(_ body: (GroupHarness) async throws -> Void) async throws {
        try await withClient(configure: quickGroups) { client in
            try await client.admin.createTopic("readings", partitions: partitionCount)
            try await body(GroupHarness(client))
        }
    }

    private func quickGroups(_ configuration: inout BrokerConfiguration) {
        do {
            try configuration.groups.set("group.initial.rebalance.delay.ms", to: "50")
            try configuration.groups.set("group.min.session.timeout.ms", to: "300")
        } catch {
            Issue.record(error)
        }
    }

    private func partition(_ number: Int) -> TopicPartition { TopicPartition(topic: "readings", partition: number) }

    @Test("members come and go: each record is read, and none twice", arguments: GroupAssignor.allCases)
    func comeAndGo(assignor: GroupAssignor) async throws {
        try await withGroup { team in
            let options = GroupHarness.options([assignor])
            try await team.produce(0..<600, partitions: partitionCount)
            let first = try team.join("first", options)
            #expect(try await team.waitForNumbers(600) == 0)
            let second = try team.join("second", options)
            try await team.waitForShares([first, second], partitions: partitionCount)
            try await team.produce(600..<1200, partitions: partitionCount)
            #expect(try await team.waitForNumbers(1200) == 0)
            let third = try team.join("third", options)
            // While it comes, records do.
            try await team.produce(1200..<1800, partitions: partitionCount)
            try await team.waitForShares([first, second, third], partitions: partitionCount)
            try await first.leave()
            try await team.waitForShares([second, third], partitions: partitionCount)
            try await team.produce(1800..<2400, partitions: partitionCount)
            #expect(try await team.waitForNumbers(2400) == 0)
            try await second.leave()
            try await third.leave()

            // What they have come to is kept.
            let offsets = try await team.client.admin.groupOffsets(of: "team")
            #expect(offsets.values.reduce(0) { $0 + $1.offset.value } == 2400)
            let fourth = try team.join("fourth", options)
            try await team.produce(2400..<2500, partitions: partitionCount)
            #expect(try await team.waitForNumbers(2500) == 0)
            try await fourth.leave()
        }
    }

    @Test("an eager member gives up all it has when the group rebalances; a cooperative one what it loses")
    func events() async throws {
        for assignor in [GroupAssignor.range, .cooperativeSticky] {
            try await withGroup { team in
                let options = GroupHarness.options([assignor])
                let first = try team.join("first", options)
                try await team.waitForShares([first], partitions: partitionCount)
                let second = try team.join("second", options)
                try await team.waitForShares([first, second], partitions: partitionCount)
                let all = (0..<partitionCount).map(partition)
                let events = team.events(of: "first")
                #expect(events.first == .assigned(all))
                let revoked = events.compactMap { if case .revoked(let partitions) = $0 { partitions } else { nil } }
                #expect(revoked == [assignor == .range ? all : Array(all[3...])])
                // With range the order of the members, whose ids the broker made up, says which half.
                let share = first.consumer.partitions
                #expect(share == Array(all[..<3]) || assignor == .range && share == Array(all[3...]))
                try await first.leave()
                #expect(team.events(of: "first").last == .revoked(share))
                try await second.leave()
            }
        }
    }

    @Test("while a group rebalances, cooperative members read on what they keep")
    func readsOn() async throws {
        try await withGroup { team in
            let first = try team.join("first")
            try await team.waitForShares([first], partitions: partitionCount)
            // A member that holds on to a batch keeps the rebalance waiting.
            let gate = Mutex(false)
            let second = try team.join("second") { _ in
                while !gate.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(5)) }
            }
            try await team.waitForShares([first, second], partitions: partitionCount)
            try await team.produce(0..<60, partitions: partitionCount)
            try await team.wait("what the first has") { team.counts.count == 30 }
            try await first.leave()
            gate.withLock { $0 = true }
            #expect(try await team.waitForNumbers(60) == 0)
            try await second.leave()
        }
    }

    @Test("a rebalance waits until the application is done with what it took")
    func waitsForApplication() async throws {
        try await withGroup { team in
            let options = GroupHarness.options([.range])
            let gate = Mutex(false)
            let isAtWork = Mutex(false)
            try await team.produce(0..<60, partitions: partitionCount)
            let first = try team.join("first", options) { _ in
                isAtWork.withLock { $0 = true }
                while !gate.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(5)) }
            }
            try await team.wait("the first batch") { isAtWork.withLock { $0 } }
            let second = try team.join("second", options)
            try await team.wait("the rebalance") {
                (try? await team.client.admin.describeGroup("team").state) == "PreparingRebalance"
            }
            try await Task.sleep(for: .milliseconds(300))
            #expect(second.consumer.partitions.isEmpty && team.events(of: "second").isEmpty)
            gate.withLock { $0 = true }
            #expect(try await team.waitForNumbers(60) == 0)
            try await first.leave()
            try await second.leave()
        }
    }

    @Test("an application that stays away loses its partitions, and has its share again when it is back")
    func staysAway() async throws {
        try await withGroup { team in
            let gate = Mutex(false)
            let away = try team.join("away", GroupHarness.options { $0.processingTimeout = .milliseconds(400) }) { _ in
                while !gate.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(5)) }
            }
            try await team.waitForShares([away], partitions: partitionCount)
            try await team.produce(0..<60, partitions: partitionCount)
            let other = try team.join("other")
            try await team.waitForShares([other], partitions: partitionCount)
            try await team.wait("the loss") {
                team.events(of: "away").contains { if case .lost = $0 { true } else { false } }
            }
            gate.withLock { $0 = true }
            try await team.waitForShares([away, other], partitions: partitionCount)
            try await team.waitForNumbers(60)
            try await away.leave()
            try await other.leave()
        }
    }

    @Test("offsets that an operator moves under a live group: members forget where they were and read from there")
    func liveReset() async throws {
        try await withGroup { team in
            for assignor in [GroupAssignor.range, .cooperativeSticky] {
                let team = GroupHarness(team.client, group: assignor.name)
                if assignor == .range { try await team.produce(0..<600, partitions: partitionCount) }
                let members = [
                    try team.join("one", GroupHarness.options([assignor])),
                    try team.join("two", GroupHarness.options([assignor])),
                ]
                #expect(try await team.waitForNumbers(600) == 0)
                try await team.waitForShares(members, partitions: partitionCount)
                let moved = (0..<partitionCount).reduce(into: [TopicPartition: GroupOffset?]()) {
                    $0[partition($1)] = GroupOffset(offset: Offset(40))
                }
                let change = try await team.client.admin.alterGroupOffsets(
                    of: team.group, to: moved, kind: "reset")
                #expect(change.fencedMembers == 2)
                // 60 of 100 in each partition are read once more.
                try await team.wait("records that are read again") { team.counts.values.count { $0 == 2 } == 360 }
                try await team.waitForShares(members, partitions: partitionCount)
                #expect(team.counts.values.allSatisfy { $0 <= 2 })
                for member in members {
                    let isLost = team.events(of: member === members[0] ? "one" : "two").contains {
                        if case .lost = $0 { true } else { false }
                    }
                    #expect(isLost)
                    try await member.leave()
                }
            }
        }
    }

    @Test("a static member keeps its partitions over a restart, and another of its name puts it out")
    func staticMember() async throws {
        try await withGroup { team in
            let options = GroupHarness.options { $0.instanceID = "kitchen" }
            let other = try team.join("other")
            let first = try team.join("first", options)
            try await team.waitForShares([first, other], partitions: partitionCount)
            let had = first.consumer.partitions
            let otherHad = other.consumer.partitions
            try await first.leave()
            let second = try team.join("second", options)
            try await team.wait("the same share") { second.consumer.partitions == had }
            #expect(other.consumer.partitions == otherHad)
            #expect(team.events(of: "other").filter { if case .revoked = $0 { true } else { false } }.count <= 1)

            let third = try team.join("third", options)
            let error = await #expect(throws: KafkaClientError.self) { try await second.task.value }
            #expect(error == .fencedInstance(group: "team", instanceID: "kitchen"))
            try await team.wait("the share of the one that is left") { third.consumer.partitions == had }
            #expect(second.consumer.partitions.isEmpty)
            await second.consumer.close()
            try await third.leave()
            try await other.leave()
        }
    }

    @Test("a group without a common assignor says so")
    func inconsistent() async throws {
        try await withGroup { team in
            let first = try team.join("first", GroupHarness.options([.range]))
            try await team.waitForShares([first], partitions: partitionCount)
            let second = try team.join("second", GroupHarness.options([.roundRobin]))
            let error = await #expect(throws: KafkaClientError.self) { try await second.task.value }
            #expect(error == .inconsistentAssignors(group: "team"))
            await second.consumer.close()
            // The best that both know, and eager, as one of them only knows that.
            let third = try team.join("third", GroupHarness.options([.cooperativeSticky, .range]))
            try await team.waitForShares([first, third], partitions: partitionCount)
            try await first.leave()
            try await third.leave()
        }
    }

    @Test("a topic that gets more partitions, or comes to be, is divided anew")
    func growth() async throws {
        try await withClient(configure: quickGroups) { client in
            var options = KafkaClientOptions()
            options.metadataAgeMax = .milliseconds(100)
            let watching = try await KafkaClient.connect(
                to: client.admin.describeCluster().brokers[0].address.description, options: options)
            try await client.admin.createTopic("readings", partitions: 2)
            let team = GroupHarness(watching, topics: ["readings", "later"])
            let members = [try team.join("one"), try team.join("two")]
            try await team.waitForShares(members, partitions: 2)
            try await client.admin.addPartitions("readings", to: 5)
            try await team.waitForShares(members, partitions: 5)
            try await client.admin.createTopic("later", partitions: 3)
            try await team.waitForShares(members, partitions: 8)
            try await team.produce(0..<100, partitions: 5)
            try await team.produce(100..<160, partitions: 3, to: "later")
            #expect(try await team.waitForNumbers(160) == 0)
            for member in members { try await member.leave() }
            await watching.close()
        }
    }
}

// MARK: Commits and positions

extension GroupConsumerTests {
    private func manual(_ change: (inout GroupConsumerOptions) -> Void = { _ in }) -> GroupConsumerOptions {
        GroupHarness.options {
            $0.autoCommitInterval = nil
            change(&$0)
        }
    }

    private func offsets(_ client: KafkaClient) async throws -> [Int: Int64] {
        try await client.admin.groupOffsets(of: "team").reduce(into: [:]) {
            $0[$1.key.partition] = $1.value.offset.value
        }
    }

    @Test("without automatic commits nothing is committed but what the application says")
    func manualCommit() async throws {
        try await withGroup { team in
            try await team.produce(0..<1000, partitions: 1)
            let consumer = try team.client.makeGroupConsumer(
                group: "team", topics: ["readings"], options: manual { $0.fetch.partitionMaxBytes = 300 })
            let first = try #require(try await consumer.next())
            #expect(try await offsets(team.client) == [:])
            try await consumer.commit(first)
            #expect(try await offsets(team.client) == [0: first.nextOffset.value])
            let second = try #require(try await consumer.next())
            try await consumer.commit([partition(0): GroupOffset(offset: Offset(3), metadata: "half way")])
            let stored = try await consumer.committed()[partition(0)]
            #expect(stored?.offset == Offset(3) && stored?.metadata == "half way")
            try await consumer.commit()
            #expect(try await offsets(team.client)[0] == second.nextOffset.value)
            let third = try #require(try await consumer.next())
            let error = await withCheckedContinuation { done in
                consumer.commitInBackground { done.resume(returning: $0) }
            }
            #expect(error == nil)
            #expect(try await offsets(team.client)[0] == third.nextOffset.value)
            _ = try await consumer.next()
            await consumer.close()
            #expect(try await offsets(team.client)[0] == third.nextOffset.value)
        }
    }

    @Test("automatic commits cover what the application has asked for more after, and no more; so at the end")
    func automaticCommit() async throws {
        try await withGroup { team in
            try await team.produce(0..<1000, partitions: 1)
            let consumer = try team.client.makeGroupConsumer(
                group: "team", topics: ["readings"],
                options: GroupHarness.options { $0.fetch.partitionMaxBytes = 300 })
            let first = try #require(try await consumer.next())
            // Longer than the interval: it has not been asked for more.
            try await Task.sleep(for: .milliseconds(600))
            #expect(try await offsets(team.client)[0, default: 0] == 0)
            _ = try #require(try await consumer.next())
            try await team.wait("the commit of the first batch") {
                (try? await offsets(team.client)[0]) == first.nextOffset.value
            }
            let third = try #require(try await consumer.next())
            let wanted = consumer.positions[partition(0)]
            #expect(wanted == third.nextOffset)
            await consumer.close()
            let committed = try #require(try await offsets(team.client)[0])
            #expect(committed > first.nextOffset.value && committed < third.nextOffset.value)
        }
    }

    @Test(
        "where nothing is committed a group begins where it is told to",
        arguments: [OffsetReset.earliest, .latest, .none])
    func reset(reset: OffsetReset) async throws {
        try await withGroup { team in
            try await team.produce(0..<6, partitions: partitionCount)
            let consumer = try team.client.makeGroupConsumer(
                group: "team", topics: ["readings"], options: manual { $0.offsetReset = reset })
            switch reset {
            case .earliest:
                for _ in 0..<partitionCount { #expect(try await consumer.next()?.records().first?.offset == Offset(0)) }
            case .latest:
                try await team.wait("its partitions") { consumer.partitions.count == partitionCount }
                try await team.wait("its positions") {
                    consumer.positions.count == partitionCount
                        && consumer.positions.values.allSatisfy { $0 == Offset(1) }
                }
            case .none:
                let error = await #expect(throws: KafkaClientError.self) { try await consumer.next() }
                #expect(error == .noCommittedOffset(group: "team", topic: "readings", partition: 0))
                for number in 0..<partitionCount { try consumer.seek(partition(number), to: Offset(0)) }
                #expect(try await consumer.next()?.records().first?.offset == Offset(0))
            }
            await consumer.close()
        }
    }

    @Test("a seek in the call that tells of partitions decides where they are read from")
    func seekOnAssignment() async throws {
        try await withGroup { team in
            try await team.produce(0..<600, partitions: partitionCount)
            let consumer = try team.client.makeGroupConsumer(
                group: "team", topics: ["readings"], options: manual()
            ) { consumer, event in
                guard case .assigned(let partitions) = event else { return }
                for partition in partitions { try? consumer.seek(partition, to: Offset(90)) }
            }
            var numbers: Set<Int> = []
            while numbers.count < 60, let batch = try await consumer.next() {
                numbers.formUnion(try batch.records().compactMap { $0.valueText.flatMap { Int($0) } })
            }
            #expect(numbers == Set(540..<600))
            await consumer.close()
        }
    }

    @Test("paused partitions bring nothing until they are resumed")
    func pause() async throws {
        try await withGroup { team in
            let consumer = try team.client.makeGroupConsumer(
                group: "team", topics: ["readings"], options: manual())
            try await team.wait("its partitions") { consumer.partitions.count == partitionCount }
            try consumer.pause((1..<partitionCount).map(partition))
            try await team.produce(0..<60, partitions: partitionCount)
            #expect(try await consumer.next()?.partition == 0)
            #expect(consumer.paused.count == partitionCount - 1)
            try consumer.resume([partition(3)])
            // There may be more of the first.
            var batch = try await consumer.next()
            while batch?.partition == 0 { batch = try await consumer.next() }
            #expect(batch?.partition == 3)
            #expect(throws: KafkaClientError.self) { try consumer.pause([partition(17)]) }
            await consumer.close()
        }
    }

    @Test("what a member commits before it gives up partitions is where the next one goes on")
    func commitOnRevocation() async throws {
        try await withGroup { team in
            try await team.produce(0..<60, partitions: partitionCount)
            let count = Mutex(0)
            let first = try team.client.makeGroupConsumer(
                group: "team", topics: ["readings"], options: manual { $0.assignors = [.range] }
            ) { consumer, event in
                if case .revoked = event { try? await consumer.commit() }
            }
            let reader = Task {
                while let batch = try await first.next() {
                    let records = try batch.records().count
                    count.withLock { $0 += records }
                }
            }
            try await team.wait("all of it") { count.withLock { $0 == 60 } }
            #expect(try await offsets(team.client) == [:])
            let second = try team.join("second", GroupHarness.options([.range]))
            try await team.wait("the second's share") { second.consumer.partitions.count == 3 }
            #expect(try await offsets(team.client).values.reduce(0, +) == 60)
            #expect(team.counts.isEmpty)
            reader.cancel()
            await first.close()
            try await second.leave()
        }
    }

    @Test("who closes ends what waits, and is not a member any more")
    func close() async throws {
        try await withGroup { team in
            let consumer = try team.client.makeGroupConsumer(
                group: "team", topics: ["readings"], options: GroupHarness.options())
            try await team.wait("its partitions") { consumer.partitions.count == partitionCount }
            #expect(await consumer.memberID?.isEmpty == false)
            let reader = Task { try await consumer.next() }
            await consumer.close()
            let error = await #expect(throws: KafkaClientError.self) { try await reader.value }
            #expect(error == .closed)
            #expect(try await team.client.admin.describeGroup("team").members.isEmpty)
            await #expect(throws: KafkaClientError.closed) {
                try await consumer.commit([partition(0): .init(offset: Offset(0))])
            }
            await consumer.close()
        }
    }

    private struct Weak {
        weak var object: AnyObject?
    }

    @Test("one that is closed, or let go of, leaves its group and nothing behind", arguments: [true, false])
    func letGo(closes: Bool) async throws {
        try await withGroup { team in
            try await team.produce(0..<60, partitions: partitionCount)
            var parts: [Weak] = []
            for _ in 0..<5 {
                let consumer = try team.client.makeGroupConsumer(
                    group: "team", topics: ["readings"], options: GroupHarness.options())
                try await team.wait("its partitions") { consumer.partitions.count == partitionCount }
                parts += consumer.parts.map { Weak(object: $0) } + [Weak(object: consumer)]
                if closes { await consumer.close() }
            }
            try await team.wait("its end") { parts.allSatisfy { $0.object == nil } }
            try await team.wait("its leaving") {
                (try? await team.client.admin.describeGroup("team").members.isEmpty) ?? false
            }
        }
    }

    @Test("arguments that cannot be are said at once")
    func arguments() async throws {
        try await withGroup { team in
            func check(_ topics: [String], _ group: String = "team", _ change: (inout GroupConsumerOptions) -> Void) {
                #expect(throws: KafkaClientError.self) {
                    _ = try team.client.makeGroupConsumer(
                        group: group, topics: topics, options: GroupHarness.options([.range], change))
                }
            }
            check([]) { _ in }
            check(["a"], "") { _ in }
            check(["a"]) { $0.assignors = [] }
            check(["a"]) { $0.assignors = [.range, .range] }
            check(["a"]) { $0.instanceID = "" }
            check(["a"]) { $0.heartbeatInterval = .seconds(60) }
            check(["a"]) { $0.autoCommitInterval = .zero }
        }
    }
}

// MARK: A broker that goes and comes back

extension GroupConsumerTests {
    @Test("over a broker's restart members stay members, and what they read is kept")
    func restart() async throws {
        let directory = TemporaryDirectory()
        let port = unusedPort()
        let team = Mutex<GroupHarness?>(nil)
        let members = Mutex<[GroupHarness.Member]>([])
        try await withBroker(in: directory, port: port, configure: quickGroups) { broker in
            let client = try await KafkaClient.connect(to: broker.address.description)
            try await client.admin.createTopic("readings", partitions: partitionCount)
            let harness = GroupHarness(client)
            team.withLock { $0 = harness }
            let two = [try harness.join("one"), try harness.join("two")]
            members.withLock { $0 = two }
            try await harness.waitForShares(two, partitions: partitionCount)
            try await harness.produce(0..<300, partitions: partitionCount)
            #expect(try await harness.waitForNumbers(300) == 0)
        }
        let harness = try #require(team.withLock { $0 })
        try await withBroker(in: directory, port: port, configure: quickGroups) { _ in
            try await harness.produce(300..<600, partitions: partitionCount)
            #expect(try await harness.waitForNumbers(600) == 0)
            // Nobody was told of anything: one has had all, then half of it, and the other the other half.
            #expect(!harness.events(of: "one").contains { if case .lost = $0 { true } else { false } })
            #expect(!harness.events(of: "two").contains { if case .lost = $0 { true } else { false } })
            for member in members.withLock({ $0 }) { try await member.leave() }
            let offsets = try await harness.client.admin.groupOffsets(of: "team")
            #expect(offsets.values.reduce(0) { $0 + $1.offset.value } == 600)
            await harness.client.close()
        }
    }
    @Test("commits that waited for a broker to come back do not put an offset back")
    func commitsInOrder() async throws {
        let directory = TemporaryDirectory()
        let port = unusedPort()
        let first = partition(0)
        let parts = Mutex<(KafkaClient, GroupConsumer)?>(nil)
        try await withBroker(in: directory, port: port, configure: quickGroups) { broker in
            let client = try await KafkaClient.connect(to: broker.address.description)
            try await client.admin.createTopic("readings", partitions: partitionCount)
            let harness = GroupHarness(client)
            let consumer = try client.makeGroupConsumer(
                group: "team", topics: ["readings"], options: GroupHarness.options { $0.autoCommitInterval = nil })
            try await harness.wait("its partitions") { consumer.partitions.count == partitionCount }
            parts.withLock { $0 = (client, consumer) }
        }
        let (client, consumer) = try #require(parts.withLock { $0 })
        let harness = GroupHarness(client)
        var commits: [Task<Void, any Error>] = []
        for offset in 1...20 {
            commits.append(Task { try await consumer.commit([first: GroupOffset(offset: Offset(Int64(offset)))]) })
            try await harness.wait("commit \(offset)") { await consumer.waitingCommits == offset - 1 }
        }
        try await withBroker(in: directory, port: port, configure: quickGroups) { _ in
            for commit in commits { try await commit.value }
            #expect(try await consumer.committed()[first]?.offset == Offset(20))
            await consumer.close()
            await client.close()
        }
    }
}
