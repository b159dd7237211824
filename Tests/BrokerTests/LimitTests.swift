import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

@testable import Broker

@Suite("What one client can cost the others", .timeLimit(.minutes(10)))
struct LimitTests {
    @Test("a connection over the limit is closed with a line in the log, and there is room again when one leaves")
    func connections() async throws {
        // The survivor's bystander and client are two.
        try await withSurvivor(limits: .with { $0.connections = 4 }) { broker in
            let third = try await WireClient.connect(to: broker.broker)
            _ = try await third.metadata(of: nil)
            let fourth = try await WireClient.connect(to: broker.broker)
            _ = try await fourth.metadata(of: nil)
            let fifth = try await WireClient.connect(to: broker.broker)
            await fifth.expectClosed()
            await broker.logs.line(with: "too many connections")
            _ = try await third.metadata(of: nil)
            await third.close()
            // The broker may hear of it a little later.
            while await !answers(broker.broker) {}
            await fourth.close()
            while await !answers(broker.broker) {}
        }
    }

    private func answers(_ broker: Broker) async -> Bool {
        guard let client = try? await WireClient.connect(to: broker) else { return false }
        let isAnswered = (try? await client.post(MetadataRequest.about(nil))) != nil
        return await client.receive() != nil && isAnswered
    }

    @Test("a connection that says nothing is closed, one that waits for its fetch is not")
    func idle() async throws {
        let logs = LogLines()
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.limits.idleMilliseconds = 1500
            configuration.logger = logs.makeLogger()
        }
        try await withBroker(configure: configure) { broker in
            let silent = try await WireClient.connect(to: broker)
            await silent.expectClosed()
            await logs.line(with: "a connection that says nothing is closed")
            // A frame that was announced and never comes.
            let half = try await WireClient.connect(to: broker)
            await half.send(Wire.bytes(Int32(1000)) + [0, 1])
            await half.expectClosed()
            #expect(try await firstAnswerToAWaitingFetch(broker)?.responses[0].partitions[0].highWatermark == 1)
        }
    }

    /// The answer to a fetch that waited for longer than a silent connection lives. Asked for again where this machine
    /// had no time to send it before its connection counted as silent too.
    private func firstAnswerToAWaitingFetch(_ broker: Broker) async throws -> FetchResponse? {
        for attempt in 0..<8 {
            let topic = try broker.log.createTopic("readings-\(attempt)")
            let waiting = try await WireClient.connect(to: broker)
            let fetch = try await waiting.post(FetchRequest.waiting(on: topic.name))
            let silent = try await WireClient.connect(to: broker)
            await silent.expectClosed()
            try await topic.partitions[0].append(Record(value: "wakes"))
            if let frame = await waiting.receive() { return try Wire.response(in: frame, to: fetch) }
        }
        return nil
    }

    @Test("a client that takes no answers is not read on, harms nobody, and gets them when it takes them")
    func slowReader() async throws {
        try await withSurvivor { broker in
            let writer = broker.client
            try await writer.create("large", ["compression.type": "producer"])
            let batch = try Batch([Record(key: nil, value: [UInt8](repeating: 7, count: 1_000_000))])
            for _ in 0..<8 { #expect(try await writer.produce(batch, to: "large").errorCode == .none) }
            let reader = try await WireClient.connect(to: broker.broker, reads: false)
            let request = try Wire.frame(FetchRequest.reading("large"))
            // 8 MB an answer, and more requests than two sockets hold: some stay here.
            let requests = reader.push(repeating: request, 300_000)
            for _ in 0..<20 { #expect(try await writer.fetch("large").records.bytes.count > 8_000_000) }
            #expect(!requests.isSent)
            // What it is owed comes when it takes it.
            try await reader.startReading()
            for _ in 0..<20 { #expect((await reader.receive()?.readableBytes ?? 0) > 8_000_000) }
            await reader.close()
        }
    }

    @Test("answers that are ready behind one that waits count against what a connection may have waiting")
    func readyAnswers() async throws {
        func configure(_ configuration: inout BrokerConfiguration) { configuration.limits.pendingBytes = 64 << 10 }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            try await client.create("many", partitions: 1000)
            var waiting = FetchRequest.waiting(on: "readings")
            waiting.maxWaitMs = 500
            let fetch = try await client.post(waiting)
            var described: [Posted<MetadataRequest>] = []
            for _ in 0..<8 { described.append(try await client.post(MetadataRequest.about(["many"]))) }
            let produce = try await client.post(ProduceRequest.sending(Batch("wakes"), to: "readings"))
            // What would have woken it was not looked at before its time was up.
            #expect(try await client.receive(fetch).responses[0].partitions[0].records == .empty)
            for posted in described {
                #expect(try await client.receive(posted).topics[0].partitions.count == 1000)
            }
            #expect(try await client.receive(produce).responses[0].partitionResponses[0].errorCode == .none)
        }
    }

    // MARK: Connections

    @Test("a connection over the limit of its address is closed with a line in the log")
    func connectionsOfAddress() async throws {
        // One more than is needed: those that have gone may still be counted for a moment.
        try await withSurvivor(limits: .with { $0.connectionsOfAddress = 4 }) { broker in
            let third = try await WireClient.connect(to: broker.broker)
            _ = try await third.metadata(of: nil)
            let fourth = try await WireClient.connect(to: broker.broker)
            _ = try await fourth.metadata(of: nil)
            try await WireClient.connect(to: broker.broker).expectClosed()
            let line = await broker.logs.line(with: "too many connections of one address")
            #expect(line.contains("limit=max.connections.per.ip=4") && line.contains("peer=127.0.0.1:"), "\(line)")
            await third.close()
            await fourth.close()
            while await !answers(broker.broker) {}
        }
    }

    @Test("a connection without a request is closed, whatever part of one it sends, and others go on")
    func firstRequest() async throws {
        try await withSurvivor { broker in
            // Not for those who come before and after: on a busy machine they may be as slow.
            try await broker.alter("connections.first.request.max.ms", "1000")
            let silent = try await WireClient.connect(to: broker.broker)
            let half = try await WireClient.connect(to: broker.broker)
            await half.send(Wire.bytes(Int32(1000)) + [0, 1])
            await silent.expectClosed()
            await half.expectClosed()
            let line = await broker.logs.line(with: "a connection without a request is closed")
            #expect(line.contains("limit=connections.first.request.max.ms=1000"), "\(line)")
            try await broker.alter("connections.first.request.max.ms", "30000")
        }
    }

    @Test("a request that does not end closes its connection, however steadily its bytes come")
    func receiving() async throws {
        try await withSurvivor(limits: .with { $0.receiveMilliseconds = 1000 }) { broker in
            let slow = try await WireClient.connect(to: broker.broker)
            _ = try await slow.metadata(of: nil)
            await slow.send(Wire.bytes(Int32(1 << 20)))
            let drip = Task {
                while !Task.isCancelled {
                    await slow.send([0])
                    try? await Task.sleep(for: .milliseconds(10))
                }
            }
            await slow.expectClosed()
            drip.cancel()
            let line = await broker.logs.line(with: "a connection is closed whose request does not end")
            #expect(line.contains("limit=request.receive.max.ms=1000"), "\(line)")
        }
    }

    @Test("limits that are altered hold for the next connection and request")
    func altered() async throws {
        try await withSurvivor { broker in
            for (name, value) in [("max.connections.per.ip", "3"), ("socket.request.max.bytes", "65536")] {
                try await broker.alter(name, value)
            }
            let third = try await WireClient.connect(to: broker.broker)
            _ = try await third.metadata(of: nil)
            try await WireClient.connect(to: broker.broker).expectClosed()
            await broker.client.send(Wire.bytes(Int32(65_537)))
            let line = await broker.expectClosed(because: "over the limit of 65536")
            #expect(line.contains("socket.request.max.bytes"), "\(line)")
            await third.close()
            while await !answers(broker.broker) {}
        }
    }

    // MARK: What is kept

    @Test("topics and partitions past their limits are refused, asked for or created by use, and there is room again")
    func topics() async throws {
        func limit(_ limits: inout Limits) { (limits.topics, limits.partitions) = (3, 8) }
        try await withSurvivor(limits: .with(limit)) { broker in
            let client = broker.client
            let wide = try await client.call(CreateTopicsRequest.creating("wide", partitions: 8)).topics[0]
            #expect(wide.errorCode == .policyViolation && wide.errorMessage?.contains("partitions.max.count") == true)
            try await client.create("second", partitions: 2)
            let grown = try await client.call(
                CreatePartitionsRequest {
                    $0.topics = [.init { ($0.name, $0.count, $0.assignments) = ("second", 8, nil) }]
                })
            #expect(grown.results[0].errorCode == .policyViolation)
            try await client.create("third")
            let fourth = try await client.call(CreateTopicsRequest.creating("fourth")).topics[0]
            #expect(fourth.errorCode == .policyViolation && fourth.errorMessage?.contains("topics.max.count") == true)
            let used = try await client.metadata(of: ["fifth"]).topics[0]
            #expect(used.errorCode == .policyViolation)
            await broker.logs.line(with: "a topic was not created")
            _ = try await client.call(DeleteTopicsRequest.deleting("third"))
            try await client.create("fourth")
        }
    }

    @Test("a group past the limit is refused, whoever it would be for, and one that is there goes on")
    func groups() async throws {
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.limits.groups = 2
            configuration.hurryGroups()
        }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings")
            #expect(try await client.commit(1, of: "first") == .none)
            let member = try await client.member(.joining("second"))
            #expect(try await client.commit(2, of: "second", by: member) == .none)
            #expect(try await client.commit(1, of: "third") == .policyViolation)
            #expect(try await client.join(.joining("third")).errorCode == .groupMaxSizeReached)
            let heartbeat = ConsumerGroupHeartbeatRequest.joining("m", "third")
            #expect(try await client.call(heartbeat).errorCode == .groupMaxSizeReached)
            #expect(try await client.commit(3, of: "first") == .none)
            #expect(try await client.heartbeat(member, of: "second") == .none)
        }
    }

    @Test("past the room for offsets nothing new is committed, what is there goes on, and what is deleted makes room")
    func committedOffsets() async throws {
        let logs = LogLines()
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.logger = logs.makeLogger()
            configuration.limits.offsetBytes = 8000
            configuration.hurryGroups()
        }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", partitions: 8)
            let member = try await client.member(.joining("g-0"))
            #expect(try await client.commit(1, of: "g-0", by: member) == .none)
            var count = 1
            while count < 8, try await client.commit(1, of: "g-\(count)") == .none { count += 1 }
            // Each counts some 2.5 KiB: twice for the group, and for what it has committed.
            #expect(count == 3)
            let line = await logs.line(with: "there is no room for what groups commit")
            #expect(line.contains("limit=groups.offsets.max.bytes=8000"), "\(line)")
            #expect(try await client.join(.joining("late")).errorCode == .groupMaxSizeReached)
            let heartbeat = try await client.call(ConsumerGroupHeartbeatRequest.joining("m", "late"))
            #expect(heartbeat.errorCode == .groupMaxSizeReached)
            #expect(heartbeat.errorMessage?.contains("groups.offsets.max.bytes=8000") == true)
            // Another partition still has room, and none that comes with more text than there is room for.
            var long = OffsetCommitRequest.storing([(0, 2)], of: "g-1")
            long.topics[0].partitions[0].committedMetadata = String(repeating: "m", count: 4000)
            #expect(try await client.call(long).topics[0].partitions[0].errorCode == .invalidCommitOffsetSize)
            for partition: Int32 in 1..<8 { _ = try await client.commit(1, in: "readings", partition, of: "g-1") }
            #expect(try await client.commit(1, in: "readings", 7, of: "g-1") == .invalidCommitOffsetSize)
            // Who is there goes on, and none of what was refused is there.
            #expect(try await client.commit(3, of: "g-0", by: member) == .none)
            #expect(try await client.commit(3, of: "g-1") == .none)
            #expect(try await client.heartbeat(member, of: "g-0") == .none)
            #expect(try await client.committed(in: "readings", 7, of: "g-1") == -1)
            #expect(try await client.committed(of: "g-3") == -1)
            let deleted = try await client.call(DeleteGroupsRequest { $0.groupsNames = ["g-2"] })
            #expect(deleted.results.map(\.errorCode) == [.none])
            #expect(try await client.commit(1, of: "late") == .none)
            #expect(try await client.committed(of: "late") == 1)
        }
    }

    @Test(
        "offsets are moved where there is no room for more, but to no partition that is new, and nobody is put out for it"
    )
    func movedOffsets() async throws {
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.limits.offsetBytes = 1
            configuration.hurryGroups()
        }
        let directory = TemporaryDirectory.inMemory()
        try await withBroker(in: directory, configure: hurried) { broker in
            let client = try await WireClient.connect(to: broker)
            try await client.create("readings", partitions: 2)
            let batch = try Batch((0..<10).map { Record(value: "\($0)") })
            for partition: Int32 in 0..<2 { _ = try await client.produce(batch, to: "readings", partition) }
            #expect(try await client.commit(7) == .none)
        }
        // A directory that holds more than may be: a limit that was lowered.
        try await withBroker(in: directory, configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            let member = try await client.member()
            #expect(try await client.commit(8, by: member) == .none)
            for validateOnly in [true, false] {
                let refused = try await client.call(
                    AlterGroupOffsetsRequest.moving([(0, 2), (1, 3)]) { $0.validateOnly = validateOnly })
                #expect(refused.errorCode == .invalidCommitOffsetSize, "\(refused)")
                #expect(refused.errorMessage?.contains("groups.offsets.max.bytes=1") == true, "\(refused)")
            }
            #expect(try await client.heartbeat(member) == .none)
            #expect(try await client.committed() == 8)
            let moved = try await client.call(AlterGroupOffsetsRequest.moving([(0, 2)]))
            #expect(moved.errorCode == .none && moved.fencedMembers == 1)
            #expect(try await client.committed() == 2)
            let removed = try await client.call(AlterGroupOffsetsRequest.moving([(0, -1)]))
            #expect(removed.errorCode == .none)
            #expect(try await client.committed() == -1)
            #expect(try await client.commit(1, of: "other") == .invalidCommitOffsetSize)
            // With room again all goes on.
            var request = IncrementalAlterConfigsRequest.changing(
                "1", [("groups.offsets.max.bytes", .set, "10000")])
            request.resources[0].resourceType = .broker
            #expect(try await client.change(request).errorCode == .none)
            #expect(try await client.commit(1, of: "other") == .none)
        }
    }

    @Test("where members say too much nobody joins any more, and when they leave there is room again")
    func groupBytes() async throws {
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.limits.groupBytes = 4000
            configuration.hurryGroups()
        }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            var joined: [(group: String, member: Member)] = []
            while joined.count < 10 {
                let group = "g-\(joined.count)"
                let answer = try await client.join(.joining(group))
                guard answer.errorCode == .none else {
                    #expect(answer.errorCode == .groupMaxSizeReached)
                    break
                }
                joined.append((group, Member(id: answer.memberID, generation: answer.generationID, instanceID: nil)))
            }
            // Each counts a KiB at least.
            #expect((2...4).contains(joined.count), "\(joined.count)")
            for (group, member) in joined { #expect(try await client.leave(member, group) == .none) }
            #expect(try await client.join(.joining("late")).errorCode == .none)
        }
    }

    @Test("who is in a group already says no more than there is room for, and goes on with what it said")
    func growingMembers() async throws {
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.limits.groupBytes = 8000
            configuration.hurryGroups()
        }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            let many = (0..<40).map { "\($0)-" + String(repeating: "x", count: 200) }
            let member = try await client.member(.joining("first"))
            // One that comes again, one that has had its id while there was room, one by the other protocol.
            let again = try await client.join(.joining("first", topics: many, memberID: member.id))
            #expect(again.errorCode == .groupMaxSizeReached)
            #expect(try await client.heartbeat(member, of: "first") == .none)
            let pending = try await client.memberID(.joining("second"))
            let late = try await client.join(.joining("second", topics: many, memberID: pending))
            #expect(late.errorCode == .groupMaxSizeReached)
            let joined = try await client.call(ConsumerGroupHeartbeatRequest.joining("m", "third"))
            #expect(joined.errorCode == .none)
            var heartbeat = ConsumerGroupHeartbeatRequest.of("m", epoch: joined.memberEpoch, "third")
            heartbeat.subscribedTopicNames = many
            #expect(try await client.call(heartbeat).errorCode == .groupMaxSizeReached)
            heartbeat.subscribedTopicNames = nil
            #expect(try await client.call(heartbeat).errorCode == .none)
            // Where nobody else fits, who says the same as before still comes through a rebalance; a larger assignment
            // does not.
            var count = 0
            while try await client.join(.joining("more-\(count)")).errorCode == .none { count += 1 }
            #expect(count < 8)
            let answer = try await client.join(.joining("first", memberID: member.id))
            #expect(answer.errorCode == .none)
            var sync = SyncGroupRequest.of(Member(answer), "first", assigning: answer.members)
            let assigned = sync.assignments
            for index in sync.assignments.indices {
                sync.assignments[index].assignment = ByteBuffer(repeating: 1, count: 8000)
            }
            #expect(try await client.call(sync).errorCode == .groupMaxSizeReached)
            sync.assignments = assigned
            #expect(try await client.call(sync).errorCode == .none)
        }
    }

    @Test("what a member is called counts, too")
    func longNames() async throws {
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.limits.groupBytes = 8000
            configuration.hurryGroups()
        }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            func join(_ group: String, _ name: String) async throws -> ErrorCode {
                try await client.join(.joining(group, instanceID: name)).errorCode
            }
            let long = String(repeating: "i", count: 5000)
            #expect(try await join("first", long) == .none)
            #expect(try await join("second", long) == .groupMaxSizeReached)
            #expect(try await join("second", "short") == .none)
            // One that stays with the group when nobody is in it.
            var typed = JoinGroupRequest.joining("third")
            typed.protocolType = String(repeating: "t", count: 256)
            #expect(try await client.join(typed).errorCode == .invalidRequest)
            #expect(try await client.join(.joining(long)).errorCode == .groupMaxSizeReached)
            var heartbeat = ConsumerGroupHeartbeatRequest.joining("m", "third")
            heartbeat.rackID = long
            #expect(try await client.call(heartbeat).errorCode == .groupMaxSizeReached)
        }
    }

    @Test("members take a quarter of the memory for clients at most, and count in it")
    func membersInTheBudget() async throws {
        let logs = LogLines()
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.logger = logs.makeLogger()
            configuration.limits.memoryBytes = 2 << 20
            configuration.hurryGroups()
        }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            let topics = (0..<5).map { "\($0)-" + String(repeating: "x", count: 20_000) }
            var members = 0
            while members < 10 {
                let answer = try await client.join(.joining("g-\(members)", topics: topics))
                guard answer.errorCode == .none else {
                    #expect(answer.errorCode == .groupMaxSizeReached)
                    break
                }
                members += 1
            }
            #expect(members == 5)
            let line = await logs.line(with: "the members of groups say too much")
            #expect(line.contains("a quarter of memory.max.bytes=\(512 << 10)"), "\(line)")
            // Others are served with what is left.
            try await client.create("readings")
            let batch = try Batch(String(repeating: "x", count: 700_000))
            #expect(try await client.produce(batch, to: "readings").errorCode == .none)
        }
    }

    @Test("a regular expression that takes too long for the topics there are is refused, and too many of a group are")
    func patterns() async throws {
        try await withBroker(configure: hurried) { broker in
            let client = try await WireClient.connect(to: broker)
            func join(_ member: String, _ pattern: String, _ group: String) async throws
                -> ConsumerGroupHeartbeatResponse
            {
                var request = ConsumerGroupHeartbeatRequest.joining(member, group)
                request.subscribedTopicNames = nil
                request.subscribedTopicRegex = pattern
                return try await client.call(request)
            }
            // Each is in 1,400 states at a time.
            for place in 0..<15 {
                let answer = try await join("m-\(place)", "(.?){700}\(place)", "few")
                #expect(answer.errorCode == (place < 10 ? .none : .invalidRegularExpression), "\(place): \(answer)")
                if place >= 10 { #expect(answer.errorMessage?.contains("too many and too large") == true) }
            }
            let name = String(repeating: "a", count: 240)
            for place in 0..<20 { try await client.create("\(name)-\(place)") }
            let slow = try await join("m", "(.?){700}", "many")
            #expect(
                slow.errorCode == .invalidRegularExpression && slow.errorMessage?.contains("takes too long") == true)
            #expect(try await join("m", "a*-[0-9]+", "many").errorCode == .none)
        }
    }

    // MARK: Records

    @Test("header floods: a record with more headers, or with a longer key, than may be is refused by its place")
    func records() async throws {
        func limit(_ limits: inout Limits) {
            (limits.recordHeaders, limits.recordHeaderBytes, limits.keyBytes) = (100, 2000, 1000)
        }
        try await withSurvivor(limits: .with(limit)) { broker in
            let client = broker.client
            try await client.create("readings")
            try await client.create("compacted", ["cleanup.policy": "compact"])
            func record(headers: Int, of size: Int = 0, key: Int) -> Record {
                let value = [UInt8](repeating: 66, count: size)
                let headers = (0..<headers).map { RecordHeader(name: "\($0)", value: value) }
                return Record(key: [UInt8](repeating: 65, count: key), value: [1], headers: headers)
            }
            #expect(
                try await client.produce(Batch([record(headers: 100, key: 1000)]), to: "readings").errorCode == .none)
            for (bad, reason) in [
                (record(headers: 101, key: 1), "record.headers.max=100"),
                (record(headers: 0, key: 1001), "record.key.max.bytes=1000"),
                (record(headers: 2, of: 1000, key: 1), "record.headers.max.bytes=2000"),
            ] {
                for (compression, topic) in [(Compression.none, "readings"), (.lz4, "compacted")] {
                    let batch = try Batch([record(headers: 1, key: 1), bad], compression: compression)
                    let answer = try await client.produce(batch, to: topic)
                    #expect(
                        answer.errorCode == .invalidRecord && answer.errorMessage?.contains(reason) == true, "\(answer)"
                    )
                    #expect(answer.recordErrors.map(\.batchIndex) == [1])
                }
            }
            // A count of headers that the record has no room for.
            let flood = try Batch(
                payload: [126, 0, 0, 0, 2, 0x6b, 2, 0x76, 0xfe, 0xff, 0xff, 0x0f], codec: 0, recordCount: 1)
            #expect(try await client.produce(flood, to: "readings").errorCode == .invalidRecord)
        }
    }

    @Test("decompression bombs: a batch that takes too many times its size is refused where it is opened")
    func bomb() async throws {
        func limit(_ limits: inout Limits) { limits.decompressedRatio = 50 }
        try await withSurvivor(limits: .with(limit)) { broker in
            let client = broker.client
            try await client.create("compacted", ["cleanup.policy": "compact"])
            let bomb = try Batch([Record(key: "k", value: String(repeating: "0", count: 8 << 20))], compression: .lz4)
            #expect(bomb.bytes.count < 100_000)
            let answer = try await client.produce(bomb, to: "compacted")
            #expect(answer.errorCode == .messageTooLarge && answer.errorMessage?.contains("when decompressed") == true)
            // As good as nothing is no bomb, however small it was.
            let small = try Batch(
                [Record(key: "k", value: String(repeating: "0", count: 1_000_000))], compression: .lz4)
            #expect(try await client.produce(small, to: "compacted").errorCode == .none)
        }
    }

    // MARK: Memory

    @Test("clients that fill the memory with requests that do not end are closed, and others go on meanwhile")
    func memory() async throws {
        func limit(_ limits: inout Limits) { (limits.memoryBytes, limits.memoryWaitMilliseconds) = (4 << 20, 200) }
        try await withSurvivor(limits: .with(limit)) { broker in
            try await broker.client.create("readings")
            // Each of these gets some 200 KiB. A client that holds less than half of that is served, however long it takes.
            var hogs: [WireClient] = []
            let part =
                Wire.bytes(Int32(30 << 20)) + Wire.header(api: 0, version: 9) + [UInt8](repeating: 0, count: 4 << 20)
            for _ in 0..<16 {
                let hog = try await WireClient.connect(to: broker.broker)
                hog.push(part)
                hogs.append(hog)
            }
            for _ in 0..<100 {
                #expect(
                    try await broker.client.produce(Batch(String(repeating: "x", count: 20_000)), to: "readings")
                        .errorCode == .none)
            }
            let line = await broker.logs.line(with: "there is no memory left for clients")
            #expect(line.contains("limit=memory.max.bytes=\(4 << 20)"), "\(line)")
            // What they would not let go of is free again, when the broker has read that they have gone.
            for hog in hogs { await hog.close() }
            while broker.broker.context.connectionCount.current > 2 { try await Task.sleep(for: .milliseconds(10)) }
            let large = try Batch(String(repeating: "x", count: 1_000_000))
            #expect(try await broker.client.produce(large, to: "readings").errorCode == .none)
            #expect(try await broker.client.values(in: "readings").count == 101)
        }
    }

    @Test("large requests that together take more memory than there is are all answered")
    func memoryForTheRest() async throws {
        try await withSurvivor(limits: .with { $0.memoryBytes = 4 << 20 }) { broker in
            try await broker.client.create("readings")
            // Where each stops at a ninth, 436,906 bytes, none is whole.
            let batch = try Batch(String(repeating: "x", count: 600_000))
            var waiting: [(client: WireClient, posted: Posted<ProduceRequest>)] = []
            for _ in 0..<8 {
                let client = try await WireClient.connect(to: broker.broker)
                waiting.append((client, try await client.post(ProduceRequest.sending(batch, to: "readings"))))
            }
            for (client, posted) in waiting {
                let answer = try await client.receive(posted)
                #expect(answer.responses[0].partitionResponses[0].errorCode == .none)
            }
        }
    }

    @Test("a request for which there never is enough memory closes its connection, though some is free")
    func requestLargerThanTheMemory() async throws {
        func limit(_ limits: inout Limits) { (limits.memoryBytes, limits.memoryWaitMilliseconds) = (1 << 20, 200) }
        try await withSurvivor(limits: .with(limit)) { broker in
            try await broker.client.create("readings")
            let large = try await WireClient.connect(to: broker.broker)
            let request = Wire.header(api: 0, version: 9) + [UInt8](repeating: 0, count: 3 << 20)
            large.push(Wire.bytes(Int32(request.count)) + request)
            await large.expectClosed()
            let line = await broker.logs.line(with: "there is no memory left for clients")
            #expect(line.contains("limit=memory.max.bytes=\(1 << 20)"), "\(line)")
            #expect(try await broker.client.produce(Batch("small"), to: "readings").errorCode == .none)
        }
    }

    @Test("what clients hold is given back when they have their answers, or have gone")
    func memoryGivenBack() async throws {
        try await withSurvivor(limits: .with { $0.memoryBytes = 4 << 20 }) { broker in
            try await broker.client.create("readings")
            // Together far more than there is: requests that wait, answers that are not taken, parts, and clients that go.
            for _ in 0..<20 {
                let gone = try await WireClient.connect(to: broker.broker, reads: false)
                gone.push(
                    Wire.bytes(Int32(2 << 20)) + Wire.header(api: 0, version: 9) + [UInt8](repeating: 0, count: 500_000)
                )
                let waiting = try await WireClient.connect(to: broker.broker)
                for _ in 0..<10 { _ = try await waiting.post(FetchRequest.waiting(on: "readings")) }
                let batch = try Batch(String(repeating: "x", count: 900_000))
                #expect(
                    try await broker.client.produce(batch, to: "kept2", acks: 1).errorCode == .unknownTopicOrPartition)
                await waiting.close()
                await gone.close()
            }
            let batch = try Batch(String(repeating: "x", count: 1_000_000))
            for _ in 0..<3 { #expect(try await broker.client.produce(batch, to: "readings").errorCode == .none) }
        }
    }
}
