import ArgumentParser
import Broker
import BrokerTestSupport
import EventLog
import KafkaClient
import TestSupport
import Testing

@testable import martlet

/// The commands as they are given, on a directory and on a broker that has it.
@Suite("Group commands", .timeLimit(.minutes(10)))
struct GroupCommandTests {
    /// Records are a second apart; the last of each partition is ten seconds old.
    private let now = Timestamp(milliseconds: 1_793_527_200_000)
    private let author = ChangeAuthor(principal: "User:ANONYMOUS", clientID: "collector", address: "10.0.0.7")

    /// Two topics, `readings` with 100 records in each of 3 partitions, `sensor-1` with 10 in one; a group that has
    /// committed of both, and one that has members.
    private func makeDirectory() throws -> TemporaryDirectory {
        let directory = TemporaryDirectory()
        let log = try EventLog.open(at: directory.path + "/data")
        try fill(log, "readings", partitions: 3, count: 100)
        try fill(log, "sensor-1", partitions: 1, count: 10)
        let offsets = try log.consumerOffsets()
        try offsets.prepare(partitionCount: 4)
        try commit(offsets, "analytics", "readings", [40, 100, 0])
        try commit(offsets, "analytics", "sensor-1", [5])
        try commit(offsets, "live", "readings", [10, 20])
        try offsets.store(GroupChange([.classicState(members)], by: author), in: "live")
        try commit(offsets, "newer", "readings", [30, 20, 10])
        try offsets.store(GroupChange(newerMember(of: log), by: author), in: "newer")
        try commit(offsets, "newer-empty", "sensor-1", [10])
        try offsets.store(
            GroupChange(
                [
                    .consumerGroup(ConsumerGroupMetadata(epoch: 7)),
                    .targetAssignment(TargetAssignmentMetadata(epoch: 7)),
                ],
                by: author), in: "newer-empty")
        try log.close()
        return directory
    }

    private func fill(_ log: EventLog, _ name: String, partitions: Int, count: Int) throws {
        let topic = try log.createTopic(name, partitions: partitions)
        for partition in topic.partitions {
            for first in stride(from: 0, to: count, by: 10) {
                try partition.append(
                    contentsOf: (first..<min(first + 10, count)).map { number in
                        let time = now.milliseconds - Int64(10_000 + 1000 * (count - 1 - number))
                        return Record(
                            key: "device", value: "reading \(number)", timestamp: Timestamp(milliseconds: time))
                    })
            }
        }
    }

    private func commit(_ offsets: ConsumerOffsets, _ group: String, _ topic: String, _ values: [Int64]) throws {
        let entries = values.enumerated().map { index, value in
            GroupEntry.offset(
                topic: topic, partition: Int32(index), CommittedOffset(Offset(value), metadata: "é,\"x\""))
        }
        try offsets.store(GroupChange(entries, by: author), in: group)
    }

    /// A member that the broker takes back when it starts, for as long as its session lasts. Reads readings-0 and -1.
    private var members: ClassicGroupState {
        // ConsumerProtocolSubscription and -Assignment of version 0.
        let name: [UInt8] = [0, 8] + Array("readings".utf8)
        let subscription: [UInt8] = [0, 0, 0, 0, 0, 1] + name + [0, 0, 0, 0]
        let assignment: [UInt8] =
            [0, 0, 0, 0, 0, 1] + name + [0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1] + [0, 0, 0, 0]
        return ClassicGroupState(
            protocolType: "consumer", generation: 3, protocolName: "range", leader: "collector-1",
            members: [
                ClassicGroupState.Member(
                    id: "collector-1", instanceID: nil, clientID: "collector", clientHost: "/10.0.0.7",
                    rebalanceTimeout: 300_000, sessionTimeout: 1_800_000, metadata: subscription,
                    assignment: assignment)
            ])
    }

    /// A member of a group by the consumer protocol (KIP-848), which reads readings-0 and -2.
    private func newerMember(of log: EventLog) throws -> [GroupEntry] {
        let topic = try #require(log.topic("readings")).id
        let shares = [TopicPartitions(topicID: topic, partitions: [0, 1, 2])]
        return [
            .consumerGroup(ConsumerGroupMetadata(epoch: 5)),
            .member(
                "member-1",
                ConsumerMemberMetadata(
                    instanceID: "east", rackID: nil, clientID: "collector", clientHost: "/10.0.0.8",
                    topicNames: ["readings"], topicRegex: nil, rebalanceTimeout: 300_000, serverAssignor: "uniform")),
            .targetAssignment(TargetAssignmentMetadata(epoch: 5)), .memberTarget("member-1", shares),
            .memberCurrent(
                "member-1",
                CurrentAssignment(
                    memberEpoch: 5, previousMemberEpoch: 4, state: 0, assigned: shares, pendingRevocation: [])),
        ]
    }

    /// Runs a command as it would be typed. The status, and what it prints.
    private func run(_ arguments: [String], _ backend: any GroupBackend) async throws -> String {
        let command = try #require(try Martlet.parseAsRoot(["group"] + arguments) as? any GroupSubcommand)
        var out = StandardOutput()
        let status = try await command.perform(backend, now: now, to: &out)
        return String(decoding: out.bytes, as: UTF8.self) + (status == .success ? "" : "[\(status.rawValue)]")
    }

    private func offline<R>(
        _ directory: borrowing TemporaryDirectory, _ body: (DirectoryGroups) async throws -> R
    ) async throws -> R {
        let groups = try DirectoryGroups(at: directory.path + "/data")
        do {
            let result = try await body(groups)
            try groups.close()
            return result
        } catch {
            try? groups.close()
            throw error
        }
    }

    private func online<R>(
        _ directory: borrowing TemporaryDirectory, _ body: (BrokerGroups) async throws -> R
    ) async throws -> R {
        let path = directory.path + "/data"
        let configure: (inout BrokerConfiguration) -> Void = { configuration in
            configuration.dataDirectory = path
            // The members of the consumer protocol send no heartbeats: they stay, however slow the machine is.
            #expect(throws: Never.self) {
                try configuration.groups.set("group.consumer.session.timeout.ms", to: "1800000")
            }
        }
        let test: (Broker) async throws -> R = { broker in
            let client = try await KafkaClient.connect(to: "\(broker.address)")
            let result: Result<R, any Error>
            do { result = .success(try await body(BrokerGroups(client: client))) } catch { result = .failure(error) }
            await client.close()
            return try result.get()
        }
        return try await withBroker(configure: configure, test)
    }

    private static let questions: [[String]] = [
        ["list"], ["list", "--json"], ["list", "--state", "STABLE"], ["list", "--type", "consumer"],
        ["list", "--retention", "30d"], ["list", "--retention", "0s", "--json"],
        ["describe", "analytics"], ["describe", "analytics", "--json"], ["describe", "live"],
        ["describe", "live", "--json"], ["describe", "analytics", "--topic", "sens*"],
        ["describe", "newer"], ["describe", "newer", "--json"], ["describe", "newer-empty"], ["history", "newer"],
        ["lag", "newer", "--by", "member"], ["reset", "newer", "--to", "latest", "--only-if-empty"],
        ["delete", "newer"], ["delete-offsets", "newer", "--topic", "readings", "--execute"],
        ["lag"], ["lag", "--json"], ["lag", "analytics"], ["lag", "analytics", "live", "--by", "partition"],
        ["lag", "live", "--by", "member"], ["lag", "analytics", "--by", "topic", "--sort", "seconds"],
        ["lag", "analytics", "--max-seconds", "60"], ["lag", "--max-records", "1000", "--top", "1"],
        ["snapshot", "analytics"], ["snapshot", "analytics", "--json", "--topic", "readings:1"],
        ["history", "analytics"], ["history", "live", "--json"], ["history", "analytics", "--topic", "sensor-1"],
        ["reset", "analytics", "--to", "earliest"], ["reset", "analytics", "--to", "latest", "--json"],
        ["reset", "analytics", "--to", "-30s", "--topic", "readings"], ["reset", "live", "--shift", "+5"],
        ["reset", "analytics", "--to", "2026-11-01T09:59Z"], ["reset", "analytics", "--shift", "-7", "--nearest"],
        ["reset", "live", "--to-group", "analytics", "--topic", "readings:0-1"],
        ["reset", "new", "--to", "50", "--topic", "readings", "--create"],
        ["copy", "analytics", "new"], ["diff", "analytics", "live"], ["diff", "live", "live"],
        ["diff", "analytics", "live", "--json"], ["delete-offsets", "analytics", "--topic", "sensor-1"],
        ["undo", "analytics", "--at", "2026-10-31"], ["undo", "analytics"], ["undo", "nobody"],
        ["reset", "nobody", "--to", "latest"], ["describe", "nobody"], ["history", "nobody"], ["lag", "nobody"],
        ["reset", "analytics", "--to", "101"], ["reset", "analytics", "--to", "2027-01-01"],
        ["reset", "analytics", "--to", "5", "--topic", "nothing"], ["reset", "live", "--to", "5", "--only-if-empty"],
        ["reset", "analytics", "--to", "5", "--topic", "readings:3"], ["copy", "analytics", "live"],
        ["reset", "analytics", "--from-file", "/nowhere/offsets.csv"],
        ["undo", "analytics", "--change", "ab"], ["snapshot", "nobody"],
        ["delete", "live"], ["delete", "nobody"], ["delete-offsets", "live", "--topic", "readings", "--execute"],
        ["delete-offsets", "analytics", "--topic", "nothing"], ["describe", "analytics", "--topic", "nothing"],
        ["lag", "--topic", "nothing"], ["diff", "analytics", "live", "--topic", "nothing"],
    ]

    @Test(
        "what is asked, and what is refused, is answered in the same bytes by a directory and by a broker that has it")
    func sameOutput() async throws {
        let directory = try makeDirectory()
        func answers(_ backend: any GroupBackend) async throws -> [String] {
            var answers: [String] = []
            for question in Self.questions {
                do {
                    answers.append(try await run(question, backend))
                } catch {
                    let failure = try #require(Failure(error), "\(question): \(error)")
                    #expect(!failure.message.contains("\n"))
                    answers.append("refused: \(failure.message) [\(failure.status.rawValue)]")
                }
            }
            return answers
        }
        // The broker first: it counts a group's epoch on where it finds it stored by another.
        let online = try await online(directory, answers)
        let offline = try await offline(directory, answers)
        for (question, (offline, online)) in zip(Self.questions, zip(offline, online)) {
            #expect(offline == online, "\(question)")
        }
    }

    @Test("a group is described with its lag in records, bytes and time, a partition, a member and a topic")
    func describe() async throws {
        let directory = try makeDirectory()
        let lines = try await offline(directory) { try await run(["describe", "analytics"], $0) }
            .split(separator: "\n").map(String.init)
        #expect(lines[0] == "Group     analytics" && lines[1] == "State     Empty")
        // 60 records of the first partition, all of the third, 5 of the other topic; the oldest is 109 seconds old.
        #expect(lines[4].hasPrefix("Behind    165 records, ") && lines[4].hasSuffix(", 1 min 49 s"))
        func cells(_ start: String) -> [Substring] {
            lines.first { $0.hasPrefix(start) }?.split(separator: " ") ?? []
        }
        let first = cells("readings          0")
        #expect(first.prefix(5) == ["readings", "0", "40", "100", "60"] && first.suffix(4) == ["1", "min", "9", "s"])
        #expect(cells("readings          1").dropFirst(2) == ["100", "100", "0", "0", "B", "0", "s"])
        #expect(cells("sensor-1          0").prefix(5) == ["sensor-1", "0", "5", "10", "5"])
        let member =
            try await offline(directory) { try await run(["describe", "live"], $0) }
            .split(separator: "\n").first { $0.hasPrefix("collector ") }.map(String.init) ?? ""
        #expect(member.contains("10.0.0.7  readings:0-1") && member.hasSuffix("collector-1"))
    }

    @Test("thresholds decide the exit status, and mark the rows that pass them")
    func thresholds() async throws {
        let directory = try makeDirectory()
        try await offline(directory) { groups async throws in
            let passed = try await run(["lag", "analytics", "--max-records", "60"], groups)
            #expect(passed.hasSuffix("[2]"))
            #expect(passed.split(separator: "\n").filter { $0.hasPrefix("!") }.count == 1)
            #expect(try await !run(["lag", "analytics", "--max-records", "100"], groups).hasSuffix("[2]"))
            #expect(try await run(["lag", "analytics", "--max-seconds", "108"], groups).hasSuffix("[2]"))
            #expect(try await !run(["lag", "analytics", "--max-seconds", "109"], groups).hasSuffix("[2]"))
            #expect(try await run(["lag", "--by", "group", "--max-records", "164"], groups).hasSuffix("[2]"))
            // The row of a group has its name, also where it is the only one.
            let one = try await run(["lag", "analytics", "--by", "group"], groups).split(separator: "\n")
            #expect(one[1].hasPrefix("analytics "))
        }
    }

    @Test(
        "partitions that are named and that no group has are an error, not a group that keeps up",
        arguments: [
            ["describe", "analytics"], ["lag", "analytics"], ["lag"], ["lag", "--max-records", "1", "--json"],
            ["diff", "analytics", "live"], ["diff", "analytics", "live", "--json"],
        ])
    func nothingNamed(command: [String]) async throws {
        let directory = try makeDirectory()
        try await offline(directory) { groups async throws in
            for topic in ["readngs", "x*", "readings:7"] {
                let error = await #expect(throws: Failure.self) {
                    try await run(command + ["--topic", topic], groups)
                }
                #expect(error?.status == .failure && error?.message.contains("--topic") == true)
            }
            // One group that has some is enough.
            _ = try await run(command + ["--topic", "sens*"], groups)
        }
    }

    @Test(
        "a group's name stands in a command so that it can be copied",
        arguments: [("a-b.c_1", "a-b.c_1"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("", "''"), ("$x", "'$x'")])
    func shellWord(name: String, word: String) { #expect(name.asShellWord == word) }

    @Test(
        "states and types that there are not are wrong arguments",
        arguments: [["--state", "stabel"], ["--type", "clasic"], ["--state", ""]])
    func unknownFilter(arguments: [String]) {
        #expect(throws: (any Error).self) { try Martlet.parseAsRoot(["group", "list"] + arguments) }
    }

    @Test("a time before a partition's first record means that record, and is said to be before it")
    func timeBeforeTheLog() async throws {
        let directory = try makeDirectory()
        try await offline(directory) { groups async throws in
            // The first record of `readings` is of 109 seconds ago, that of `sensor-1` of 19.
            let plan = try await run(["reset", "analytics", "--to", "-60s"], groups).split(separator: "\n")
            #expect(!plan[1].contains("the log begins") && plan[1].hasPrefix("readings"))
            #expect(plan[4].hasPrefix("sensor-1") && plan[4].contains("the log begins at 2026-11-01T09:59:41.000Z"))
            // At the first record's own time nothing is missing.
            let exact = try await run(["reset", "analytics", "--to", "-109s", "--topic", "readings"], groups)
            #expect(!exact.contains("the log begins"))
        }
    }

    @Test(
        "a reset moves only when it is told to, is written down with who did it, and can be undone",
        arguments: [true, false])
    func resetAndUndo(isOnline: Bool) async throws {
        let directory = try makeDirectory()
        func test(_ groups: any GroupBackend) async throws {
            let before = try await groups.offsets(of: "analytics")
            _ = try await run(["reset", "analytics", "--to", "earliest"], groups)
            #expect(try await groups.offsets(of: "analytics") == before)
            let done = try await run(["reset", "analytics", "--to", "-30s", "--execute"], groups)
            #expect(done.contains("Done: 4 partitions of group analytics"))
            // The first record of the last thirty seconds is the 80th.
            let after = try await groups.offsets(of: "analytics").sorted { $0.key < $1.key }.map(\.value.offset)
            #expect(after == [79, 79, 79, 0])
            let history = try await run(["history", "analytics", "--changes-only"], groups).split(separator: "\n")
            #expect(history.count == 5 && history[1].contains("reset"))
            #expect(history[1].contains(isOnline ? "User:ANONYMOUS martlet@127.0.0.1" : "martlet@local"))
            _ = try await run(["undo", "analytics", "--execute"], groups)
            #expect(try await groups.offsets(of: "analytics").mapValues(\.offset) == before.mapValues(\.offset))
            // Undoing that is the reset again.
            _ = try await run(["undo", "analytics", "--execute"], groups)
            #expect(
                try await groups.offsets(of: "analytics").sorted { $0.key < $1.key }.map(\.value.offset) == after)
        }
        if isOnline { try await online(directory, test) } else { try await offline(directory, test) }
    }

    @Test("a reset of which one partition is impossible changes nothing", arguments: [true, false])
    func allOrNothing(isOnline: Bool) async throws {
        let directory = try makeDirectory()
        func test(_ groups: any GroupBackend) async throws {
            let before = try await groups.offsets(of: "analytics")
            // Right for three partitions, but not for sensor-1, which has 10 records.
            await #expect(throws: Failure.self) {
                try await run(["reset", "analytics", "--to", "50", "--execute"], groups)
            }
            // The same where only the backend finds it.
            let partition = TopicPartition(topic: "readings", partition: 0)
            let outside = TopicPartition(topic: "readings", partition: 1)
            await #expect(throws: KafkaClientError.self) {
                try await groups.alter(
                    "analytics",
                    to: [partition: GroupOffset(offset: 1), outside: GroupOffset(offset: 101)], kind: "reset",
                    onlyIfEmpty: false)
            }
            #expect(try await groups.offsets(of: "analytics") == before)
        }
        if isOnline { try await online(directory, test) } else { try await offline(directory, test) }
    }

    @Test(
        "a live group is moved, and its members are put out to come back there", arguments: [true, false],
        ["live", "newer"])
    func live(isOnline: Bool, group: String) async throws {
        let directory = try makeDirectory()
        func test(_ groups: any GroupBackend) async throws {
            await #expect(throws: KafkaClientError.nonEmptyGroup(group)) {
                try await run(["reset", group, "--to", "latest", "--only-if-empty", "--execute"], groups)
            }
            let done = try await run(["reset", group, "--to", "latest", "--execute"], groups)
            #expect(done.contains("1 member put out to come back there"))
            #expect(try await groups.describe(group).members.isEmpty)
            #expect(try await groups.offsets(of: group).values.allSatisfy { $0.offset == 100 })
        }
        if isOnline { try await online(directory, test) } else { try await offline(directory, test) }
    }

    @Test(
        "members that a stopped broker had do not come back unawares after a move of its directory's offsets",
        arguments: ["live", "newer"])
    func evictedOffline(group: String) async throws {
        let directory = try makeDirectory()
        _ = try await offline(directory) { try await run(["reset", group, "--to", "0", "--execute"], $0) }
        try await online(directory) { groups async throws in
            #expect(try await groups.describe(group).members.isEmpty)
            #expect(try await groups.offsets(of: group).values.allSatisfy { $0.offset == 0 })
        }
    }

    @Test("with Kafka's calls alone, lag is the same but for its bytes, and a group without members can be moved")
    func otherBroker() async throws {
        let directory = try makeDirectory()
        try await online(directory) { groups async throws in
            let kafka = BrokerGroups(client: groups.client, usesOwnCalls: false)
            let names = ["analytics", "live", "newer"]
            let own = try await GroupSurvey.all(names, .all, passingOverMissing: false, from: groups, now: now)
            let other = try await GroupSurvey.all(names, .all, passingOverMissing: false, from: kafka, now: now)
            for (own, other) in zip(own.flatMap(\.lags), other.flatMap(\.lags)) {
                #expect(other.records == own.records && other.milliseconds == own.milliseconds)
                #expect(other.bytes == (own.records == 0 ? 0 : nil))
            }
            let before = try await kafka.offsets(of: "analytics")
            _ = try await run(["reset", "analytics", "--to", "-30s", "--execute"], kafka)
            #expect(
                try await kafka.offsets(of: "analytics").sorted { $0.key < $1.key }.map(\.value.offset)
                    == [79, 79, 79, 0])
            // There the history has only commits, but of all times.
            _ = try await run(["copy", "analytics", "new", "--execute"], kafka)
            let error = await #expect(throws: Failure.self) { try await run(["undo", "new", "--execute"], kafka) }
            #expect(error?.message.contains("--at") == true)
            let refused = await #expect(throws: Failure.self) {
                try await run(["reset", "live", "--to", "latest", "--execute"], kafka)
            }
            #expect(refused?.message.contains("not supported by this broker") == true)
            #expect(try await kafka.offsets(of: "live").values.map(\.offset.value).sorted() == [10, 20])
            #expect(before.count == 4)
        }
    }

    @Test("a group is kept in a file, compared with it, and taken back to it", arguments: [true, false])
    func snapshot(isOnline: Bool) async throws {
        let directory = try makeDirectory()
        let file = directory.path + "/offsets.csv"
        func test(_ groups: any GroupBackend) async throws {
            _ = try await run(["snapshot", "analytics", "--output", file], groups)
            let before = try await groups.offsets(of: "analytics")
            #expect(try await run(["diff", "analytics", "--file", file], groups).hasPrefix("No difference"))
            _ = try await run(["reset", "analytics", "--to", "latest", "--execute"], groups)
            let differs = try await run(["diff", "analytics", "--file", file], groups)
            #expect(differs.contains("3 differ, 1 partition is the same") && differs.hasSuffix("[2]"))
            _ = try await run(["restore", "analytics", file, "--execute"], groups)
            let after = try await groups.offsets(of: "analytics")
            #expect(after.mapValues(\.offset) == before.mapValues(\.offset))
            #expect(after.mapValues(\.metadata) == before.mapValues(\.metadata))
            // Into a new group, by way of the reset.
            _ = try await run(["reset", "other", "--from-file", file, "--create", "--execute"], groups)
            #expect(try await run(["diff", "analytics", "other"], groups).hasPrefix("No difference"))
        }
        if isOnline { try await online(directory, test) } else { try await offline(directory, test) }
    }

    @Test("a malformed file is refused with its line, and changes nothing")
    func malformedFile() async throws {
        let directory = try makeDirectory()
        try directory.write(Array("readings,0,1\nreadings,x,1\n".utf8), to: "offsets.csv")
        let file = directory.path + "/offsets.csv"
        try await offline(directory) { groups async throws in
            let before = try await groups.offsets(of: "analytics")
            let error = await #expect(throws: Failure.self) {
                try await run(["restore", "analytics", file, "--execute"], groups)
            }
            #expect(error?.message.contains("offsets.csv, line 2: 'x' is no partition") == true)
            try directory.write(Array("readings,0,1\ngone,0,1\n".utf8), to: "offsets.csv")
            let gone = await #expect(throws: Failure.self) {
                try await run(["restore", "analytics", file, "--execute"], groups)
            }
            #expect(gone?.message.contains("topic 'gone'") == true)
            #expect(try await groups.offsets(of: "analytics") == before)
        }
    }

    @Test("a group is copied, loses offsets and is deleted, and each can be undone", arguments: [true, false])
    func copyAndDelete(isOnline: Bool) async throws {
        let directory = try makeDirectory()
        func test(_ groups: any GroupBackend) async throws {
            _ = try await run(["copy", "analytics", "new", "--execute"], groups)
            #expect(try await run(["diff", "analytics", "new"], groups).hasPrefix("No difference"))
            await #expect(throws: Failure.self) { try await run(["copy", "analytics", "new", "--execute"], groups) }
            _ = try await run(["delete-offsets", "new", "--topic", "readings:0", "--execute"], groups)
            #expect(try await groups.offsets(of: "new").count == 3)
            _ = try await run(["undo", "new", "--execute"], groups)
            #expect(try await run(["diff", "analytics", "new"], groups).hasPrefix("No difference"))
            _ = try await run(["delete", "new", "--yes"], groups)
            await #expect(throws: KafkaClientError.unknownGroup("new")) { try await groups.describe("new") }
            _ = try await run(["undo", "new", "--execute"], groups)
            #expect(try await run(["diff", "analytics", "new"], groups).hasPrefix("No difference"))
        }
        if isOnline { try await online(directory, test) } else { try await offline(directory, test) }
    }

    @Test("records that were deleted before a group came to them are said to be lost, and are no lag")
    func deletedRecords() async throws {
        let directory = try makeDirectory()
        try await online(directory) { groups async throws in
            try await groups.client.admin.deleteRecords(of: "readings", before: [0: 70])
            let position = try await groups.positions(at: [TopicPartition(topic: "readings", partition: 0): 40])
            #expect(position.values.first?.logStart == 70)
            let described = try await run(["describe", "analytics"], groups)
            #expect(described.contains("30 records were deleted before they were consumed"))
            // Where the group is now can be undone to no more.
            _ = try await run(["reset", "analytics", "--to", "latest", "--execute"], groups)
            let error = await #expect(throws: Failure.self) {
                try await run(["undo", "analytics", "--execute"], groups)
            }
            #expect(error?.message.contains("readings-0: offset 40 is outside: it has 70 to 100") == true)
            _ = try await run(["undo", "analytics", "--nearest", "--execute"], groups)
            #expect(
                try await groups.offsets(of: "analytics")[TopicPartition(topic: "readings", partition: 0)]?.offset == 70
            )
        }
    }

    @Test("a topic that was deleted keeps no move from being undone, once it is left out")
    func deletedTopic() async throws {
        let directory = try makeDirectory()
        try await online(directory) { groups async throws in
            _ = try await run(["reset", "analytics", "--to", "latest", "--execute"], groups)
            try await groups.client.admin.deleteTopic("sensor-1")
            #expect(try await groups.offsets(of: "analytics").count == 3)
            let error = await #expect(throws: Failure.self) {
                try await run(["undo", "analytics", "--execute"], groups)
            }
            #expect(error?.message.contains("sensor-1-0: it is not there any more") == true)
            _ = try await run(["undo", "analytics", "--topic", "readings", "--execute"], groups)
            let offsets = try await groups.offsets(of: "analytics").sorted { $0.key < $1.key }
            #expect(offsets.map(\.value.offset) == [40, 100, 0])
            await #expect(throws: KafkaClientError.unknownTopic("sensor-1")) {
                try await run(["reset", "analytics", "--to", "0", "--topic", "sensor-1"], groups)
            }
        }
    }

    @Test("a directory that a broker has open is refused with what to do, and so is one that is none")
    func directories() async throws {
        let directory = try makeDirectory()
        _ = try await online(directory) { _ in
            #expect(throws: LogError.self) { try DirectoryGroups(at: directory.path + "/data") }
        }
        let error = #expect(throws: Failure.self) { try DirectoryGroups(at: directory.path) }
        #expect(error?.message.contains("no data directory") == true)
    }

    @Test("groups whose offsets would expire are named with when")
    func retention() async throws {
        let directory = try makeDirectory()
        try await offline(directory) { groups async throws in
            // What was committed just now is, by the clock of the test, of another time; the table says when it ends.
            let list = try await run(["list", "--retention", "1ms"], groups).split(separator: "\n")
            #expect(list[0].hasSuffix("Expires"))
            #expect(list.contains { $0.hasPrefix("analytics") && $0.hasSuffix("Z") })
            // A group with members does not expire.
            #expect(list.contains { $0.hasPrefix("live") && $0.hasSuffix("-") })
            #expect(list.last?.hasPrefix("With a retention of 1 ms, ") == true)
            #expect(try await !run(["list"], groups).contains("Expires"))
        }
    }
}
