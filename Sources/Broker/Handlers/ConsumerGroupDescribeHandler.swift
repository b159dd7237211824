internal import EventLog
internal import GroupCoordination
internal import KafkaProtocol

/// What state groups by the consumer protocol are in, and who their members are.
enum ConsumerGroupDescribeHandler {
    static func handle(_ request: ConsumerGroupDescribeRequest, _ call: Call) {
        let context = call.connection.context
        // Each once, however often it is asked for.
        var seen: Set<String> = []
        let ids = request.groupIDs.filter { seen.insert($0).inserted }
        call.reply(
            ConsumerGroupDescribeResponse {
                $0.groups = ids.map { id in
                    var described = describe(id, context)
                    if request.includeAuthorizedOperations {
                        described.authorizedOperations = AuthorizedOperations.group
                    }
                    return described
                }
            })
    }

    private static func describe(
        _ id: String, _ context: BrokerContext
    ) -> ConsumerGroupDescribeResponse.DescribedGroup {
        let groups = context.groups
        let found = groups.withExisting(id) { _, state, _ in state.machine.consumer?.description }
        return ConsumerGroupDescribeResponse.DescribedGroup {
            $0.groupID = id
            guard let description = found ?? nil, description.phase != .dead else {
                $0.groupState = ConsumerGroupPhase.dead.name
                $0.errorCode = groups.isStopped ? .notCoordinator : .groupIDNotFound
                $0.errorMessage =
                    found == nil
                    ? GroupError.groupIDNotFound.description
                    : "the group is none by the consumer protocol: ask by DescribeGroups"
                return
            }
            $0.groupState = description.phase.name
            $0.groupEpoch = description.epoch.value
            $0.assignmentEpoch = description.targetEpoch.value
            $0.assignorName = description.assignor.rawValue
            $0.members = description.members.map { .init($0, context.log) }
        }
    }
}

extension ConsumerGroupDescribeResponse.Member {
    /// Of the consumer protocol, as Kafka numbers it.
    private static let consumerType: Int8 = 1

    fileprivate init(_ member: ConsumerGroupDescription.Member, _ log: EventLog) {
        self.init {
            $0.memberID = member.id.value
            $0.instanceID = member.instanceID?.value
            $0.rackID = member.rackID
            $0.memberEpoch = member.epoch.value
            $0.clientID = member.clientID
            $0.clientHost = member.clientHost
            $0.subscribedTopicNames = member.topicNames
            $0.subscribedTopicRegex = member.topicPattern
            $0.assignment = .init(member.assigned, log)
            $0.targetAssignment = .init(member.target, log)
            $0.memberType = Self.consumerType
        }
    }
}

extension ConsumerGroupDescribeResponse.Assignment {
    /// Of topics that are gone there is no name to tell.
    fileprivate init(_ shares: [TopicShare], _ log: EventLog) {
        self.init {
            $0.topicPartitions = shares.compactMap { share in
                let id = TopicID(share.topic)
                guard let topic = log.topic(id: id) else { return nil }
                return ConsumerGroupDescribeResponse.TopicPartitions {
                    $0.topicID = UUIDBytes(id)
                    $0.topicName = topic.name
                    $0.partitions = share.partitions
                }
            }
        }
    }
}
