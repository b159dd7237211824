internal import EventLog
internal import GroupCoordination
internal import KafkaProtocol
internal import Logging

/// A change of a group's offsets by an operator, while its members live: all of it, or nothing.
///
/// Under the group's lock everything is checked, the members are put out, and one batch takes the offsets and the state
/// without members to the log. Joins are held until that is durable, or has failed; then the members read the offsets as
/// they are now.
struct OffsetAlteration: Sendable {
    private let request: AlterGroupOffsetsRequest
    private let author: ChangeAuthor
    private let log: EventLog
    private let groups: GroupCoordinator
    /// Called once, from any thread.
    private let completion: @Sendable (AlterGroupOffsetsResponse) -> Void

    init(
        _ request: AlterGroupOffsetsRequest, by author: ChangeAuthor, _ log: EventLog, _ groups: GroupCoordinator,
        _ completion: @escaping @Sendable (AlterGroupOffsetsResponse) -> Void
    ) {
        self.request = request
        self.author = author
        self.log = log
        self.groups = groups
        self.completion = completion
    }

    func run() {
        do throws(Refusal) { try checkRequest() } catch { return refuse(error) }
        do throws(GroupShortage) {
            let begun: Result<AlterGroupOffsetsResponse?, Refusal> = try groups.withGroup(
                request.groupID, mayDrop: true
            ) { group, state, now in
                do throws(Refusal) { return .success(try begin(group, &state, now)) } catch { return .failure(error) }
            }
            switch begun {
            case .success(let answer?): completion(answer)
            // It is on its way to the log.
            case .success(nil): break
            case .failure(let refusal): refuse(refusal)
            }
        } catch {
            refuse(Refusal(error.commitCode, error.message))
        }
    }

    private func refuse(_ refusal: Refusal) {
        completion(
            AlterGroupOffsetsResponse {
                $0.errorCode = refusal.code
                $0.errorMessage = refusal.message
            })
    }

    // MARK: Checks

    private static let kindBytesMax = 64

    private func checkRequest() throws(Refusal) {
        guard request.groupID.isGroupID else { throw .invalidGroupID }
        guard !request.kind.isEmpty, request.kind.utf8.count <= Self.kindBytesMax else {
            throw Refusal(
                .invalidRequest,
                "the kind of change is empty, or longer than \(Self.kindBytesMax) bytes: give a word, as 'reset'")
        }
        guard request.topics.contains(where: { !$0.partitions.isEmpty }) else {
            throw Refusal(.invalidRequest, "no partition is named: name those whose offsets are to move")
        }
    }

    private func check(
        _ wanted: AlterGroupOffsetsRequest.Partition, of topic: String, isFirst: Bool, committed: CommittedOffset?
    ) throws(Refusal) {
        guard isFirst else {
            throw Refusal(.invalidRequest, "the partition is in the request more than once: name it once")
        }
        let bytesMax = groups.settings.offsetMetadataBytesMax
        guard (wanted.metadata ?? "").utf8.count <= bytesMax else {
            throw Refusal(.offsetMetadataTooLarge, "the metadata has more than offset.metadata.max.bytes=\(bytesMax)")
        }
        // What is committed can be removed, be its topic there or not.
        if wanted.offset == AlterGroupOffsetsRequest.removal, committed != nil { return }
        guard let found = log.topic(topic) else { throw Refusal(LogError.unknownTopic(topic)) }
        guard let partition = found.partition(Int(wanted.partitionIndex)) else {
            throw .noPartition(wanted.partitionIndex, of: found)
        }
        if wanted.offset == AlterGroupOffsetsRequest.removal { return }
        let range = partition.logStart...max(partition.logStart, partition.end)
        guard range.contains(Offset(wanted.offset)) else {
            throw Refusal(
                .offsetOutOfRange,
                "offset \(wanted.offset) is outside the partition: give one from \(range.lowerBound) to "
                    + "\(range.upperBound)")
        }
    }

    // MARK: The change

    private struct Plan {
        var topics: [AlterGroupOffsetsResponse.TopicResponse] = []
        var entries: [GroupEntry] = []
        var firstRefusal: Refusal?
    }

    private func plan() -> Plan {
        var plan = Plan()
        var once = PartitionsOnce()
        let latest = groups.offsets.latestGroup(request.groupID)
        for topic in request.topics {
            var result = AlterGroupOffsetsResponse.TopicResponse()
            result.name = topic.name
            for wanted in topic.partitions {
                let committed = latest.offsets[topic.name]?[wanted.partitionIndex]
                var answer = AlterGroupOffsetsResponse.PartitionResponse()
                answer.partitionIndex = wanted.partitionIndex
                answer.before = committed?.offset.value ?? -1
                answer.after = wanted.offset
                do throws(Refusal) {
                    let isFirst = once.isFirst(topic.name, wanted.partitionIndex)
                    try check(wanted, of: topic.name, isFirst: isFirst, committed: committed)
                    if let entry = GroupEntry(wanted, of: topic.name, committed: committed) {
                        plan.entries.append(entry)
                    }
                } catch {
                    answer.errorCode = error.code
                    answer.errorMessage = error.message
                    let place = "partition \(wanted.partitionIndex) of '\(topic.name.abbreviated)'"
                    plan.firstRefusal =
                        plan.firstRefusal ?? Refusal(error.code, "\(place): \(error.message): nothing was changed")
                }
                result.partitions.append(answer)
            }
            plan.topics.append(result)
        }
        return plan
    }

    /// Nil: the answer comes when it is stored.
    private func begin(
        _ group: CoordinatedGroup, _ state: inout CoordinatedGroup.State, _ now: Instant
    ) throws(Refusal) -> AlterGroupOffsetsResponse? {
        guard !state.machine.isDead else { throw Refusal(GroupError.notCoordinator) }
        guard !state.isAltered else { throw Refusal(GroupError.alreadyFenced) }
        let memberCount = state.machine.memberCount
        if request.onlyIfEmpty, memberCount > 0 {
            throw Refusal(.nonEmptyGroup, "the group has members: stop them first, or let it change while they live")
        }
        let plan = plan()
        var answer = AlterGroupOffsetsResponse()
        answer.topics = plan.topics
        if let refusal = plan.firstRefusal { return answer.refusing(refusal) }
        // Before the members are put out.
        if let error = groups.offsets.shortage(for: plan.entries, in: group.id) { return refusing(answer, error) }
        answer.fencedMembers = Int32(clamping: memberCount)
        if request.validateOnly { return answer }
        answer.changeID = groups.offsets.makeChangeID()
        do throws(GroupError) { try state.machine.fence() } catch { throw Refusal(error) }
        state.isAltered = true
        let entries = plan.entries + state.machine.fencedEntries
        guard !entries.isEmpty else {
            end(&state, stored: true, now)
            return answer
        }
        let note = ChangeNote(kind: request.kind, id: answer.changeID)
        let change = GroupChange(entries, by: author, note: note)
        let stored = answer
        group.append(.init(change: change) { error in end(group, stored, error) }, &state)
        return nil
    }

    private func end(_ state: inout CoordinatedGroup.State, stored: Bool, _ now: Instant) {
        state.isAltered = false
        state.machine.lift(stored: stored, at: now)
    }

    private func end(_ group: CoordinatedGroup, _ answer: AlterGroupOffsetsResponse, _ error: LogError?) {
        _ = group.withMachine(mayDrop: true) { state, now in end(&state, stored: error == nil, now) }
        let id = request.groupID.abbreviated
        guard let error else {
            groups.logger.info(
                "the offsets of a group were moved",
                metadata: [
                    "group": "\(id)", "kind": "\(request.kind.abbreviated)",
                    "by": "\(author.clientID.abbreviated)@\(author.address)",
                    "members": "\(answer.fencedMembers)",
                ])
            return completion(answer)
        }
        completion(refusing(answer, error))
    }

    private func refusing(_ answer: AlterGroupOffsetsResponse, _ error: LogError) -> AlterGroupOffsetsResponse {
        if case .offsetsFull(let limit) = error {
            groups.logNoRoom(limit, refusing: request.groupID)
        } else {
            groups.logger.error(
                "the offsets of a group were not moved",
                metadata: ["group": "\(request.groupID.abbreviated)", "error": "\(error)"])
        }
        return answer.refusing(Refusal(error.groupWireCode, "\(error.wireMessage): nothing was changed"))
    }
}

extension AlterGroupOffsetsRequest {
    /// As an offset: what is committed is removed.
    static let removal: Int64 = -1
}

extension AlterGroupOffsetsResponse {
    /// Nothing has changed; partitions that would have been are told so.
    fileprivate func refusing(_ refusal: Refusal) -> AlterGroupOffsetsResponse {
        var answer = self
        answer.errorCode = refusal.code
        answer.errorMessage = String(refusal.message.unicodeScalars.prefix(1000))
        answer.changeID = ""
        answer.fencedMembers = 0
        for topic in answer.topics.indices {
            for place in answer.topics[topic].partitions.indices {
                var partition = answer.topics[topic].partitions[place]
                if partition.errorCode == .none { partition.errorCode = .operationNotAttempted }
                partition.after = partition.before
                answer.topics[topic].partitions[place] = partition
            }
        }
        return answer
    }
}

extension GroupEntry {
    /// Nil: there is nothing to remove.
    fileprivate init?(
        _ wanted: AlterGroupOffsetsRequest.Partition, of topic: String, committed: CommittedOffset?
    ) {
        if wanted.offset == AlterGroupOffsetsRequest.removal {
            guard committed != nil else { return nil }
            self = .removeOffset(topic: topic, partition: wanted.partitionIndex)
        } else {
            self = .offset(
                topic: topic, partition: wanted.partitionIndex,
                CommittedOffset(
                    Offset(wanted.offset), leaderEpoch: wanted.leaderEpoch, metadata: wanted.metadata ?? ""))
        }
    }
}
