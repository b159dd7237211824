import Broker
import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import Testing

// What tests of groups ask for, in a line.

extension WireClient {
    func commit(
        _ offset: Int64, in topic: String = "readings", _ partition: Int32 = 0, of group: String = "g",
        by member: Member? = nil, version: Int16? = nil
    ) async throws -> ErrorCode {
        let request = OffsetCommitRequest.storing([(partition, offset)], in: topic, of: group, by: member)
        return try #require(try await call(request, version: version).topics.first?.partitions.first).errorCode
    }

    /// What is committed: −1 for nothing.
    func committed(
        in topic: String = "readings", _ partition: Int32 = 0, of group: String = "g", version: Int16? = nil
    ) async throws -> Int64 {
        let answer = try await committedPartition(in: topic, partition, of: group, version: version)
        #expect(answer.errorCode == .none)
        return answer.committedOffset
    }

    func committedPartition(
        in topic: String = "readings", _ partition: Int32 = 0, of group: String = "g", version: Int16? = nil
    ) async throws -> OffsetFetchResponse.PartitionResponse {
        let request = OffsetFetchRequest.asking([partition], in: topic, of: group)
        let answer = try await call(request, version: version)
        let topics = answer.groups.first?.topics ?? answer.topics
        return try #require(topics.first?.partitions.first)
    }

    func state(of group: String = "g", version: Int16? = nil) async throws -> String {
        try #require(try await describe(group, version: version)).groupState
    }

    func describe(
        _ group: String = "g", version: Int16? = nil
    ) async throws -> DescribeGroupsResponse.DescribedGroup? {
        try await call(DescribeGroupsRequest { $0.groups = [group] }, version: version).groups.first
    }

    func heartbeat(_ member: Member, of group: String = "g", version: Int16? = nil) async throws -> ErrorCode {
        try await call(HeartbeatRequest.of(member, group), version: version).errorCode
    }

    /// Joins until the group lets it in: alone, or with others that join meanwhile.
    func join(_ request: JoinGroupRequest = .joining(), version: Int16? = nil) async throws -> JoinGroupResponse {
        let answer = try await call(request, version: version)
        guard answer.errorCode == .memberIDRequired else { return answer }
        var again = request
        again.memberID = answer.memberID
        return try await call(again, version: version)
    }

    /// So many members join by one connection, whose requests come in one piece: no busy machine parts them.
    func joinTogether(_ count: Int32) async throws -> [JoinGroupResponse] {
        let version = Wire.newest(JoinGroupRequest.self)
        var frames: [UInt8] = []
        for place in 0..<count {
            let request = JoinGroupRequest.joining(memberID: try await memberID())
            frames += try Wire.frame(request, version: version, correlationID: 1000 + place)
        }
        await send(frames)
        var answers: [JoinGroupResponse] = []
        for place in 0..<count {
            let posted = Posted<JoinGroupRequest>(version: version, correlationID: 1000 + place)
            answers.append(try await receive(posted))
        }
        return answers
    }

    /// Joins, and as the leader assigns everything to each.
    func member(_ request: JoinGroupRequest = .joining(), version: Int16? = nil) async throws -> Member {
        let answer = try await join(request, version: version)
        try #require(answer.errorCode == .none, "\(answer)")
        let member = Member(answer, instanceID: request.groupInstanceID)
        let synced = try await call(SyncGroupRequest.of(member, request.groupID, assigning: answer.members))
        try #require(synced.errorCode == .none, "\(synced)")
        return member
    }

    func leave(_ member: Member, _ group: String = "g", version: Int16? = nil) async throws -> ErrorCode {
        let answer = try await call(LeaveGroupRequest.of([member], group), version: version)
        return answer.errorCode != .none ? answer.errorCode : answer.members.first?.errorCode ?? .none
    }

    /// Sends a member id's request, so that what follows is one with an id.
    func memberID(_ request: JoinGroupRequest = .joining()) async throws -> String {
        let answer = try await call(request)
        #expect(answer.errorCode == .memberIDRequired)
        return answer.memberID
    }
}

/// Who a member is, as requests say it.
struct Member: Sendable, Equatable {
    var id: String
    var generation: Int32
    var instanceID: String?

    init(id: String, generation: Int32, instanceID: String? = nil) {
        self.id = id
        self.generation = generation
        self.instanceID = instanceID
    }

    init(_ answer: JoinGroupResponse, instanceID: String? = nil) {
        self.init(id: answer.memberID, generation: answer.generationID, instanceID: instanceID)
    }
}

extension BrokerConfiguration {
    /// Groups that wait for nobody.
    mutating func hurryGroups() { groups.initialRebalanceDelay = 0 }
}

/// Of a broker whose groups wait for nobody.
func hurried(_ configuration: inout BrokerConfiguration) { configuration.hurryGroups() }

/// Of a broker whose empty groups wait a moment for those who come together.
func patient(_ configuration: inout BrokerConfiguration) { configuration.groups.initialRebalanceDelay = 300 }

extension JoinGroupRequest {
    static func joining(
        _ group: String = "g", topics: [String] = ["readings"], instanceID: String? = nil, memberID: String = "",
        owned: [Int32] = []
    ) -> JoinGroupRequest {
        JoinGroupRequest {
            $0.groupID = group
            $0.sessionTimeoutMs = 60_000
            $0.rebalanceTimeoutMs = 60_000
            $0.memberID = memberID
            $0.groupInstanceID = instanceID
            $0.protocolType = "consumer"
            $0.protocols = [
                .init {
                    $0.name = "range"
                    $0.metadata = .subscription(to: topics, owned: owned)
                }
            ]
        }
    }
}

extension ByteBuffer {
    static func subscription(to topics: [String], owned: [Int32] = []) -> ByteBuffer {
        let subscription = ConsumerProtocolSubscription {
            $0.topics = topics
            $0.ownedPartitions = owned.isEmpty ? [] : [.init { ($0.topic, $0.partitions) = (topics[0], owned) }]
        }
        guard let bytes = try? subscription.encoded() else { preconditionFailure("a subscription cannot be written") }
        return bytes
    }
}

extension SyncGroupRequest {
    static func of(
        _ member: Member, _ group: String = "g", assigning members: [JoinGroupResponse.Member] = []
    ) -> SyncGroupRequest {
        SyncGroupRequest {
            $0.groupID = group
            $0.generationID = member.generation
            $0.memberID = member.id
            $0.groupInstanceID = member.instanceID
            $0.protocolType = "consumer"
            $0.protocolName = "range"
            $0.assignments = members.map { member in
                .init {
                    $0.memberID = member.memberID
                    $0.assignment = ByteBuffer(string: "for \(member.memberID)")
                }
            }
        }
    }
}

extension HeartbeatRequest {
    static func of(_ member: Member, _ group: String = "g") -> HeartbeatRequest {
        HeartbeatRequest {
            $0.groupID = group
            $0.generationID = member.generation
            $0.memberID = member.id
            $0.groupInstanceID = member.instanceID
        }
    }
}

extension LeaveGroupRequest {
    /// As all versions have it.
    static func of(_ members: [Member], _ group: String = "g") -> LeaveGroupRequest {
        LeaveGroupRequest {
            $0.groupID = group
            $0.memberID = members.first?.id ?? ""
            $0.members = members.map { member in
                .init {
                    $0.memberID = member.id
                    $0.groupInstanceID = member.instanceID
                }
            }
        }
    }
}

extension OffsetCommitRequest {
    static func storing(
        _ offsets: [(partition: Int32, offset: Int64)], in topic: String = "readings", of group: String = "g",
        by member: Member? = nil
    ) -> OffsetCommitRequest {
        OffsetCommitRequest {
            $0.groupID = group
            if let member {
                $0.generationIDOrMemberEpoch = member.generation
                $0.memberID = member.id
                $0.groupInstanceID = member.instanceID
            }
            $0.topics = [
                .init {
                    $0.name = topic
                    $0.partitions = offsets.map { partition, offset in
                        .init {
                            $0.partitionIndex = partition
                            $0.committedOffset = offset
                        }
                    }
                }
            ]
        }
    }
}

extension OffsetFetchRequest {
    /// As all versions have it.
    /// - Parameter partitions: nil: all that is committed.
    static func asking(
        _ partitions: [Int32]?, in topic: String = "readings", of group: String = "g"
    ) -> OffsetFetchRequest {
        OffsetFetchRequest { request in
            request.groupID = group
            request.topics = partitions.map { partitions in
                [.init { ($0.name, $0.partitionIndexes) = (topic, partitions) }]
            }
            request.groups = [
                .init {
                    $0.groupID = group
                    $0.topics = request.topics
                }
            ]
        }
    }
}

extension OffsetDeleteRequest {
    static func deleting(_ topic: String = "readings", _ partition: Int32 = 0, of group: String = "g")
        -> OffsetDeleteRequest
    {
        OffsetDeleteRequest {
            $0.groupID = group
            $0.topics = [
                .init {
                    $0.name = topic
                    $0.partitions = [.init { $0.partitionIndex = partition }]
                }
            ]
        }
    }
}

extension AlterGroupOffsetsRequest {
    static func moving(
        _ offsets: [(partition: Int32, offset: Int64)], in topic: String = "readings", of group: String = "g",
        _ configure: (inout AlterGroupOffsetsRequest) -> Void = { _ in }
    ) -> AlterGroupOffsetsRequest {
        AlterGroupOffsetsRequest {
            $0.groupID = group
            $0.kind = "reset"
            $0.topics = [
                .init {
                    $0.name = topic
                    $0.partitions = offsets.map { partition, offset in
                        .init {
                            $0.partitionIndex = partition
                            $0.offset = offset
                        }
                    }
                }
            ]
            configure(&$0)
        }
    }
}

extension DescribePositionsRequest {
    static func asking(_ offsets: [(partition: Int32, offset: Int64)], in topic: String = "readings")
        -> DescribePositionsRequest
    {
        DescribePositionsRequest {
            $0.topics = [
                .init {
                    $0.name = topic
                    $0.partitions = offsets.map { partition, offset in
                        .init { ($0.partitionIndex, $0.offset) = (partition, offset) }
                    }
                }
            ]
        }
    }
}
