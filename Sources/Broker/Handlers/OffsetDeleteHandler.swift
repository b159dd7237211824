internal import EventLog
internal import GroupCoordination
internal import KafkaProtocol

/// Deletes what a group has committed of partitions that nobody in it reads. Durable when it is answered.
enum OffsetDeleteHandler {
    static func handle(_ request: OffsetDeleteRequest, _ call: Call) {
        let groups = call.connection.context.groups
        guard request.groupID.isGroupID else {
            return call.reply(OffsetDeleteResponse { $0.errorCode = .invalidGroupID })
        }
        let author = call.connection.author(clientID: call.clientID)
        let begun: GroupError?? = groups.withExisting(request.groupID) { group, state, _ in
            do throws(GroupError) {
                try begin(request, call, group, &state, author)
                return nil
            } catch {
                return error
            }
        }
        // Nil within: the answer comes when it is stored.
        guard let error = begun ?? .groupIDNotFound else { return }
        call.reply(OffsetDeleteResponse { $0.errorCode = error.wireCode })
    }

    private static func begin(
        _ request: OffsetDeleteRequest, _ call: Call, _ group: CoordinatedGroup,
        _ state: inout CoordinatedGroup.State, _ author: ChangeAuthor
    ) throws(GroupError) {
        guard !state.machine.isDead else { throw .notCoordinator }
        guard !state.isAltered else { throw .alreadyFenced }
        let log = call.connection.context.log
        let latest = group.coordinator.offsets.latestGroup(group.id)
        let subscription = try state.machine.subscription()
        var entries: Set<GroupEntry> = []
        var answer = OffsetDeleteResponse()
        for topic in request.topics {
            let found = log.topic(topic.name)
            let isSubscribed = subscription.contains(topic.name)
            answer.topics.append(
                .init {
                    $0.name = topic.name
                    $0.partitions = topic.partitions.map { wanted in
                        let isThere = found?.partition(Int(wanted.partitionIndex)) != nil
                        if isThere, !isSubscribed, latest.offsets[topic.name]?[wanted.partitionIndex] != nil {
                            entries.insert(.removeOffset(topic: topic.name, partition: wanted.partitionIndex))
                        }
                        return OffsetDeleteResponse.PartitionResponse {
                            $0.partitionIndex = wanted.partitionIndex
                            $0.errorCode =
                                !isThere ? .unknownTopicOrPartition : isSubscribed ? .groupSubscribedToTopic : .none
                        }
                    }
                })
        }
        finish(answer, entries, call, group, &state, author)
    }

    private static func finish(
        _ answer: OffsetDeleteResponse, _ entries: Set<GroupEntry>, _ call: Call, _ group: CoordinatedGroup,
        _ state: inout CoordinatedGroup.State, _ author: ChangeAuthor
    ) {
        guard !entries.isEmpty else { return call.replyLater(answer) }
        let note = ChangeNote(kind: "delete-offsets", id: group.coordinator.offsets.makeChangeID())
        let change = GroupChange(Array(entries), by: author, note: note)
        group.append(
            .init(change: change) { error in
                // Where that was all that there was of it.
                _ = group.withMachine(mayDrop: true) { _, _ in }
                call.replyLater(
                    error.map { error in OffsetDeleteResponse { $0.errorCode = error.groupWireCode } } ?? answer)
            }, &state)
    }
}
