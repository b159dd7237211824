internal import EventLog
internal import GroupCoordination
internal import KafkaProtocol

/// All that a member says in the consumer protocol (KIP-848). The answer comes at once, or when what it tells is stored.
enum ConsumerGroupHeartbeatHandler {
    static func handle(_ request: ConsumerGroupHeartbeatRequest, _ call: Call) {
        func refuse(_ code: ErrorCode, _ message: String) {
            call.reply(ConsumerGroupHeartbeatResponse(refusing: Refusal(code, message)))
        }
        guard request.groupID.isGroupID else { return refuse(.invalidGroupID, Refusal.invalidGroupID.message) }
        guard request.hasStorableTexts else {
            return refuse(
                .invalidRequest, "a name in the request is longer than the protocol stores: give a shorter one")
        }
        let groups = call.connection.context.groups
        groups.prepared(call) { failure in
            if let failure { return refuse(.coordinatorNotAvailable, failure.wireMessage) }
            let isJoining = request.memberEpoch == GroupEpoch.joining.value
            let heartbeat = { (group: CoordinatedGroup, state: inout CoordinatedGroup.State, now: Instant) -> Taken in
                if isJoining { group.becomeConsumer(&state) }
                guard let consumer = state.machine.consumer else { return state.machine.isDead ? .dead : .classic }
                var heartbeat = ConsumerHeartbeat(request, call)
                guard groups.hasRoom(forMembers: consumer.growth(by: heartbeat)) else { return .tooMuch }
                heartbeat.request = group.park(call, &state)
                state.machine.consumer?.heartbeat(heartbeat, at: now)
                return .parked
            }
            let taken: Taken?
            do throws(GroupShortage) {
                taken =
                    try isJoining
                    ? groups.withGroup(request.groupID, mayDrop: true, heartbeat)
                    : groups.withExisting(request.groupID, mayDrop: true, heartbeat)
            } catch {
                // Kafka says GROUP_ID_NOT_FOUND, which clients take for the end; this has them join anew.
                return refuse(.groupMaxSizeReached, error.message)
            }
            switch taken {
            case .parked?: break
            case .tooMuch?:
                refuse(.groupMaxSizeReached, "the members of all groups say too much: groups.members.max.bytes")
            case .dead?: refuse(.notCoordinator, GroupError.notCoordinator.description)
            case .classic? where isJoining:
                refuse(
                    .groupIDNotFound,
                    "the group has members by the classic protocol: stop them, or join by that as well")
            case .classic?, nil: refuse(.unknownMemberID, GroupError.unknownMemberID.description)
            }
        }
    }

    private enum Taken {
        case parked
        case classic
        case dead
        case tooMuch
    }
}

extension ConsumerGroupHeartbeatRequest {
    /// Whether what is to be stored of the member has room in Kafka's schemas.
    fileprivate var hasStorableTexts: Bool {
        let limit = Int(Int16.max)
        let texts = [memberID, instanceID, rackID, subscribedTopicRegex, serverAssignor].compactMap { $0 }
        return texts.allSatisfy { $0.utf8.count <= limit }
            && (subscribedTopicNames ?? []).allSatisfy { $0.utf8.count <= limit }
    }
}

extension ConsumerHeartbeat {
    /// Its number it gets when it is parked.
    fileprivate init(_ request: ConsumerGroupHeartbeatRequest, _ call: Call) {
        self.init(
            request: RequestID(0), memberID: MemberID(request.memberID), freshMemberID: .fresh(),
            epoch: GroupEpoch(request.memberEpoch), instanceID: request.instanceID.map { InstanceID($0) },
            rackID: request.rackID, clientID: call.clientID ?? "", clientHost: call.connection.clientHost,
            rebalanceTimeout: request.rebalanceTimeoutMs == -1 ? nil : Int64(request.rebalanceTimeoutMs),
            topicNames: request.subscribedTopicNames, topicPattern: request.subscribedTopicRegex,
            assignor: request.serverAssignor,
            owned: request.topicPartitions?.map { share in
                TopicShare(topic: TopicKey(TopicID(share.topicID)), partitions: share.partitions)
            },
            requiresMemberID: call.version >= 1)
    }
}

extension ConsumerGroupHeartbeatResponse {
    init(_ answer: ConsumerHeartbeatAnswer) {
        self.init {
            $0.memberID = answer.memberID.value
            $0.memberEpoch = answer.epoch.value
            $0.heartbeatIntervalMs = Int32(clamping: answer.heartbeatInterval)
            $0.assignment = answer.assignment.map { shares in
                Assignment {
                    $0.topicPartitions = shares.map { share in
                        ConsumerGroupHeartbeatRequest.TopicPartitions {
                            $0.topicID = UUIDBytes(TopicID(share.topic))
                            $0.partitions = share.partitions
                        }
                    }
                }
            }
        }
    }

    init(refusing refusal: Refusal) {
        self.init {
            $0.errorCode = refusal.code
            $0.errorMessage = String(refusal.message.unicodeScalars.prefix(1000))
        }
    }
}
