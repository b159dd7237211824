import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import TestSupport
import Testing

/// Requests that were right until a few of their bytes changed. Whatever they ask for now, the broker answers or closes
/// the connection, and serves the next one.
@Suite("Damaged requests", .timeLimit(.minutes(10)))
struct MutationTests {
    private static let requestsPerVersion = 40

    @Test(
        "no request of any version harms the broker when bytes of it change",
        arguments: SupportedVersions.rows.map(\.key))
    func mutated(key: ApiKey) async throws {
        let seed = UInt64(key.rawValue) &+ 2026
        print("\(key.name): seed \(seed)")
        var random = SeededRandom(seed: seed)
        try await withSurvivor(limits: .with { $0.autoCreatedTopics = 1 }) { broker in
            try await broker.client.create("sink")
            let versions = try #require(SupportedVersions.row(of: key.rawValue)).offered
            var client = broker.client
            // From some version on topics are named by id.
            let sink = try #require(broker.broker.log.topic("sink")?.id)
            let id = UUIDBytes(high: sink.high, low: sink.low)
            for request in try versions.map({ try Self.request(key, $0, sink: id) }) {
                for _ in 0..<Self.requestsPerVersion {
                    await client.send(Wire.prefixed(Self.mutate(request, &random)))
                    // Behind it, a question that is always answered: by then the broker is through with the other.
                    await client.send(try Wire.frame(ApiVersionsRequest(), version: 0, correlationID: Self.marker))
                    if await !Self.reachesMarker(client) { client = try await WireClient.connect(to: broker.broker) }
                }
            }
        }
    }

    /// Takes answers up to the one to the question; false: the connection was closed.
    private static func reachesMarker(_ client: WireClient) async -> Bool {
        while let answer = await client.receive() {
            if answer.getInteger(at: answer.readerIndex, as: Int32.self) == marker { return true }
        }
        return false
    }

    private static let marker: Int32 = 0x7E57_7E57

    /// A request about a group, by its version.
    private static func groupRequest(_ key: ApiKey) -> ((Int16) throws -> [UInt8])? {
        func framed(_ request: some RequestMessage) -> (Int16) throws -> [UInt8] {
            { try Wire.frame(request, version: $0) }
        }
        let member = Member(id: "m", generation: 1, instanceID: "i")
        switch key {
        case .offsetCommit: return framed(OffsetCommitRequest.storing([(0, 1)], in: "sink"))
        case .offsetFetch: return framed(OffsetFetchRequest.asking([0], in: "sink"))
        // A static member is let in at once, and its rebalance is over at once when it comes back.
        case .joinGroup: return framed(hurried)
        case .syncGroup: return framed(SyncGroupRequest.of(member, assigning: [.init { $0.memberID = "m" }]))
        case .heartbeat: return framed(HeartbeatRequest.of(member))
        case .leaveGroup: return framed(LeaveGroupRequest.of([member]))
        case .describeGroups: return framed(DescribeGroupsRequest { $0.groups = ["g", "h"] })
        case .listGroups:
            return framed(
                ListGroupsRequest {
                    $0.statesFilter = ["Stable"]
                    $0.typesFilter = ["classic"]
                })
        case .deleteGroups: return framed(DeleteGroupsRequest { $0.groupsNames = ["g", "h"] })
        case .offsetDelete: return framed(OffsetDeleteRequest.deleting("sink"))
        case .consumerGroupHeartbeat: return framed(ConsumerGroupHeartbeatRequest.joining("m"))
        case .consumerGroupDescribe: return framed(ConsumerGroupDescribeRequest { $0.groupIDs = ["g", "h"] })
        case .alterGroupOffsets: return framed(AlterGroupOffsetsRequest.moving([(0, 0)], in: "sink"))
        case .describePositions: return framed(DescribePositionsRequest.asking([(0, 0)], in: "kept"))
        case .describeSegments:
            return framed(
                DescribeSegmentsRequest { $0.topics = [.init { ($0.name, $0.partitions) = ("kept", [0, 1]) }] })
        default: return nil
        }
    }

    /// A join that nobody has to wait for long.
    private static var hurried: JoinGroupRequest {
        var request = JoinGroupRequest.joining(memberID: "m")
        request.sessionTimeoutMs = 6000
        request.rebalanceTimeoutMs = 10
        return request
    }

    /// One to four changes of the body: a byte turned, replaced by an edge, left out, doubled, or the rest cut.
    private static func mutate(_ whole: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var bytes = whole
        for _ in 0..<Int.random(in: 1...4, using: &random) where bytes.count > 8 {
            // The first eight bytes choose API, version and correlation id, which have tests of their own.
            let place = Int.random(in: 8..<bytes.count, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: bytes[place] = [0, 1, 0x7f, 0x80, 0xfe, 0xff].randomElement(using: &random) ?? 0
            case 3: bytes.remove(at: place)
            case 4: bytes.insert(bytes[place], at: place)
            default: bytes.removeLast(bytes.count - place)
            }
        }
        return bytes
    }

    private static func request(_ key: ApiKey, _ version: Int16, sink: UUIDBytes) throws -> [UInt8] {
        let frame: [UInt8]
        switch key {
        case .produce:
            let batch = try Batch([Record(key: "k", value: "v", headers: [.init(name: "h", value: [1])])])
            var request = ProduceRequest.sending(batch, to: "sink")
            request.topicData[0].topicID = sink
            frame = try Wire.frame(request, version: version)
        case .fetch:
            // With a session of its own, which may be gone on with by what the change makes of it.
            let request = FetchRequest.reading("sink") {
                $0.topics[0].topicID = sink
                $0.sessionEpoch = 0
            }
            frame = try Wire.frame(request, version: version)
        case .listOffsets: frame = try Wire.frame(ListOffsetsRequest.asking("kept", at: 5), version: version)
        case .metadata: frame = try Wire.frame(MetadataRequest.about(["kept", "x"]), version: version)
        case .findCoordinator:
            let request = FindCoordinatorRequest {
                $0.key = "group"
                $0.coordinatorKeys = ["group"]
            }
            frame = try Wire.frame(request, version: version)
        case .apiVersions:
            let request = ApiVersionsRequest {
                $0.clientSoftwareName = "name"
                $0.clientSoftwareVersion = "1"
            }
            frame = try Wire.frame(request, version: version)
        case .createTopics:
            frame = try Wire.frame(
                CreateTopicsRequest.creating("new", ["segment.bytes": "20000"]), version: version)
        case .deleteTopics: frame = try Wire.frame(DeleteTopicsRequest.deleting("gone"), version: version)
        case .initProducerID: frame = try Wire.frame(InitProducerIDRequest(), version: version)
        case .describeConfigs:
            let request = DescribeConfigsRequest {
                $0.resources = [
                    .init {
                        $0.resourceType = .topic
                        $0.resourceName = "kept"
                        $0.configurationKeys = ["segment.bytes"]
                    }
                ]
                $0.includeSynonyms = true
            }
            frame = try Wire.frame(request, version: version)
        case .createPartitions:
            let request = CreatePartitionsRequest { $0.topics = [.init { $0.name = "sink" }] }
            frame = try Wire.frame(request, version: version)
        case .incrementalAlterConfigs:
            let request = IncrementalAlterConfigsRequest {
                $0.resources = [
                    .init {
                        $0.resourceType = .topic
                        $0.resourceName = "sink"
                        $0.configs = [
                            .init {
                                $0.name = "segment.bytes"
                                $0.value = "20000"
                            }
                        ]
                    }
                ]
            }
            frame = try Wire.frame(request, version: version)
        case .alterConfigs:
            let request = AlterConfigsRequest {
                $0.resources = [
                    .init {
                        $0.resourceType = ConfigResourceType.topic.rawValue
                        $0.resourceName = "sink"
                        $0.configs = [
                            .init {
                                $0.name = "segment.bytes"
                                $0.value = "20000"
                            }
                        ]
                    }
                ]
            }
            frame = try Wire.frame(request, version: version)
        case .describeCluster: frame = try Wire.frame(DescribeClusterRequest(), version: version)
        case .describeTopicPartitions:
            let request = DescribeTopicPartitionsRequest {
                $0.topics = [.init { $0.name = "kept" }, .init { $0.name = "sink" }]
                $0.responsePartitionLimit = 1
                $0.cursor = .init { $0.topicName = "kept" }
            }
            frame = try Wire.frame(request, version: version)
        case .electLeaders:
            let request = ElectLeadersRequest {
                $0.topicPartitions = [
                    .init {
                        $0.topic = "kept"
                        $0.partitions = [0]
                    }
                ]
            }
            frame = try Wire.frame(request, version: version)
        case .listPartitionReassignments:
            let request = ListPartitionReassignmentsRequest {
                $0.topics = [
                    .init {
                        $0.name = "kept"
                        $0.partitionIndexes = [0]
                    }
                ]
            }
            frame = try Wire.frame(request, version: version)
        case .deleteRecords: frame = try Wire.frame(DeleteRecordsRequest.deleting("sink", before: -1), version: version)
        case .offsetForLeaderEpoch:
            frame = try Wire.frame(OffsetForLeaderEpochRequest.asking("kept", endOf: 0), version: version)
        case .describeProducers: frame = try Wire.frame(DescribeProducersRequest.about("kept"), version: version)
        case .describeLogDirs: frame = try Wire.frame(DescribeLogDirsRequest.about("kept"), version: version)
        default:
            if let request = groupRequest(key) { return Array(try request(version)[4...]) }
            frame = []
            Issue.record("\(key.name) is offered: give it a request here")
        }
        return Array(frame[4...])
    }
}
