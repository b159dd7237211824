internal import KafkaProtocol
internal import NIOCore

/// A member's requests to its coordinator, and what is read from the answers.
struct GroupRequests: Sendable {
    let group: String
    let topics: [String]
    let options: GroupConsumerOptions

    /// What a coordinator has said to a member that joins.
    struct JoinAnswer: Sendable {
        var joined: GroupMembership.Joined
        var protocolName: String
        /// Of the leader, who is to assign; empty for the others.
        var members: [AssignmentMember]
        /// The leader is to leave the assignment as it is.
        var keepsAssignment: Bool
    }

    func join(
        _ membership: GroupMembership, owned: [TopicPartition], at coordinator: BrokerConnection
    ) async throws(GroupFault) -> JoinAnswer {
        var request = JoinGroupRequest()
        request.groupID = group
        request.sessionTimeoutMs = Int32(clamping: options.sessionTimeout.milliseconds)
        request.rebalanceTimeoutMs = Int32(clamping: options.processingTimeout.milliseconds)
        request.memberID = membership.memberID
        request.groupInstanceID = options.instanceID
        request.protocolType = ConsumerProtocolSubscription.protocolType
        do throws(ProtocolError) {
            for assignor in options.assignors {
                let metadata = try assignor.subscription(
                    topics: topics, owned: owned, generation: membership.ownedGeneration)
                request.protocols.append(
                    JoinGroupRequest.GroupProtocol {
                        $0.name = assignor.name
                        $0.metadata = metadata
                    })
            }
        } catch {
            throw .fatal(.invalidArgument("topics that cannot be asked for: \(error)"))
        }
        let response = try await call(
            request, at: coordinator, leastVersion: leastVersion(static: 5), waiting: options.processingTimeout)
        guard response.errorCode == .none else {
            throw GroupFault(response.errorCode, group: group, memberID: response.memberID)
        }
        return JoinAnswer(
            joined: .init(
                memberID: response.memberID, generation: response.generationID,
                isLeader: response.memberID == response.leader),
            protocolName: response.protocolName ?? "",
            members: response.members.map {
                AssignmentMember($0.memberID, instanceID: $0.groupInstanceID, metadata: $0.metadata)
            },
            keepsAssignment: response.skipAssignment)
    }

    /// - Parameter assignment: the leader's, of all members.
    func sync(
        _ membership: GroupMembership, protocolName: String, assignment: Assignment, at coordinator: BrokerConnection
    ) async throws(GroupFault) -> [TopicPartition] {
        var request = SyncGroupRequest()
        request.groupID = group
        request.generationID = membership.generation
        request.memberID = membership.memberID
        request.groupInstanceID = options.instanceID
        request.protocolType = ConsumerProtocolSubscription.protocolType
        request.protocolName = protocolName
        do throws(ProtocolError) {
            for (member, partitions) in assignment.sorted(by: { $0.key < $1.key }) {
                var data = ConsumerProtocolAssignment()
                data.assignedPartitions = .init(partitions)
                let bytes = try data.encoded()
                request.assignments.append(
                    SyncGroupRequest.Assignment {
                        $0.memberID = member
                        $0.assignment = bytes
                    })
            }
        } catch {
            throw .fatal(.invalidArgument("an assignment that cannot be written: \(error)"))
        }
        let response = try await call(
            request, at: coordinator, leastVersion: leastVersion(static: 3), waiting: options.processingTimeout)
        guard response.errorCode == .none else { throw GroupFault(response.errorCode, group: group) }
        // A leader that knows nothing of a member gives it no bytes at all.
        guard response.assignment.readableBytes > 0 else { return [] }
        do throws(ProtocolError) {
            return try ConsumerProtocolAssignment(reading: response.assignment).assignedPartitions.topicPartitions
        } catch {
            throw .fatal(.invalidResponse("an assignment of the group's leader that cannot be read: \(error)"))
        }
    }

    func heartbeat(_ membership: GroupMembership, at coordinator: BrokerConnection) async throws(GroupFault) {
        var request = HeartbeatRequest()
        request.groupID = group
        request.generationID = membership.generation
        request.memberID = membership.memberID
        request.groupInstanceID = options.instanceID
        let response = try await call(request, at: coordinator, leastVersion: leastVersion(static: 3))
        guard response.errorCode == .none else { throw GroupFault(response.errorCode, group: group) }
    }

    func leave(memberID: String, at coordinator: BrokerConnection) async throws(GroupFault) {
        var request = LeaveGroupRequest()
        request.groupID = group
        request.memberID = memberID
        request.members = [LeaveGroupRequest.MemberIdentity { $0.memberID = memberID }]
        let response = try await call(request, at: coordinator)
        guard response.errorCode == .none else { throw GroupFault(response.errorCode, group: group) }
    }

    /// Older versions do not know static members.
    private func leastVersion(static version: Int16) -> Int16 { options.instanceID == nil ? 0 : version }

    private func call<Request: RequestMessage>(
        _ request: Request, at coordinator: BrokerConnection, leastVersion: Int16 = 0, waiting: Duration = .zero
    ) async throws(GroupFault) -> Request.Response {
        do throws(KafkaClientError) {
            return try await coordinator.call(request, leastVersion: leastVersion, waiting: waiting)
        } catch {
            throw GroupFault(error)
        }
    }
}
