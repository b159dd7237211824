internal import EventLog
internal import GroupCoordination
internal import KafkaProtocol

/// Tells how far groups have come: what is durable. A group that has committed nothing, or is not there, stands at −1
/// everywhere, which is no error.
///
/// There are no transactions, so no offset waits for one: an answer is always stable.
enum OffsetFetchHandler {
    private static let firstVersionOfMany: Int16 = 8

    static func handle(_ request: OffsetFetchRequest, _ call: Call) {
        let coordinator = call.connection.context.groups
        let offsets = coordinator.offsets
        guard call.version >= firstVersionOfMany else {
            let topics = answer(request.topics, offsets.group(request.groupID))
            return call.reply(OffsetFetchResponse { $0.topics = topics })
        }
        // Each group once, however often it is asked for: the answer must not be larger than what there is.
        var seen: Set<String> = []
        let groups = request.groups.filter { seen.insert($0.groupID).inserted }.map { group in
            OffsetFetchResponse.GroupResponse {
                $0.groupID = group.groupID
                $0.errorCode = check(group, coordinator)
                guard $0.errorCode == .none else { return }
                $0.topics = answer(group.topics, offsets.group(group.groupID))
            }
        }
        call.reply(OffsetFetchResponse { $0.groups = groups })
    }

    /// Why a member by the consumer protocol gets no answer.
    private static func check(_ group: OffsetFetchRequest.Group, _ coordinator: GroupCoordinator) -> ErrorCode {
        guard let member = group.memberID, group.memberEpoch >= 0 else { return .none }
        let code = coordinator.withExisting(group.groupID) { _, state, _ in
            do throws(GroupError) {
                try state.machine.consumer?.checkFetch(by: MemberID(member), epoch: GroupEpoch(group.memberEpoch))
                return ErrorCode.none
            } catch {
                return error.wireCode
            }
        }
        return code ?? .none
    }

    /// - Parameter topics: nil: all that there is.
    private static func answer(
        _ topics: [OffsetFetchRequest.Topic]?, _ group: StoredGroup?
    ) -> [OffsetFetchResponse.TopicResponse] {
        guard let topics else { return all(of: group) }
        // Each partition once, too: an index takes four bytes, and what is told of it as many as a client has stored.
        var once = PartitionsOnce()
        return topics.map { topic in
            let committed = group?.offsets[topic.name]
            let indexes = topic.partitionIndexes.filter { once.isFirst(topic.name, $0) }
            return OffsetFetchResponse.TopicResponse {
                $0.name = topic.name
                $0.partitions = indexes.map { .init($0, committed?[$0]) }
            }
        }
    }

    private static func all(of group: StoredGroup?) -> [OffsetFetchResponse.TopicResponse] {
        (group?.offsets ?? [:]).sorted { $0.key < $1.key }.map { name, partitions in
            OffsetFetchResponse.TopicResponse {
                $0.name = name
                $0.partitions = partitions.sorted { $0.key < $1.key }.map { .init($0.key, $0.value) }
            }
        }
    }
}

extension OffsetFetchResponse.PartitionResponse {
    fileprivate init(_ partition: Int32, _ committed: CommittedOffset?) {
        self.init {
            $0.partitionIndex = partition
            guard let committed else { return }
            $0.committedOffset = committed.offset.value
            $0.committedLeaderEpoch = committed.leaderEpoch
            $0.metadata = committed.metadata
        }
    }
}
