internal import EventLog
internal import GroupCoordination
internal import KafkaProtocol
internal import Logging

/// Stores how far a group has come. Checked and appended at once; the answer follows when the round is durable.
enum OffsetCommitHandler {
    static func handle(_ request: OffsetCommitRequest, _ call: Call) {
        call.connection.context.groups.prepared(call) { failure in
            let work = OffsetCommitWork(request, call)
            if failure != nil { return work.refuse(.coordinatorNotAvailable) }
            work.run()
        }
    }
}

/// An OffsetCommit on its way, checked but for what the group says.
private struct OffsetCommitWork {
    private let request: OffsetCommitRequest
    private let call: Call
    private let groups: GroupCoordinator
    private let answer: OffsetCommitResponse
    private let entries: [GroupEntry]

    init(_ request: OffsetCommitRequest, _ call: Call) {
        self.request = request
        self.call = call
        groups = call.connection.context.groups
        let log = call.connection.context.log
        let metadataBytesMax = call.connection.loop.offsetMetadataBytes
        var answer = OffsetCommitResponse()
        var entries: [GroupEntry] = []
        answer.topics.reserveCapacity(request.topics.count)
        for topic in request.topics {
            let found = log.topic(topic.name)
            var result = OffsetCommitResponse.TopicResponse()
            result.name = topic.name
            result.partitions.reserveCapacity(topic.partitions.count)
            for wanted in topic.partitions {
                let code = Self.check(wanted, in: found, metadataBytesMax: metadataBytesMax)
                if code == .none { entries.append(.init(wanted, of: topic.name)) }
                result.partitions.append(
                    .init {
                        $0.partitionIndex = wanted.partitionIndex
                        $0.errorCode = code
                    })
            }
            answer.topics.append(result)
        }
        self.answer = answer
        self.entries = entries
    }

    private static func check(
        _ wanted: OffsetCommitRequest.Partition, in topic: Topic?, metadataBytesMax: Int
    ) -> ErrorCode {
        guard topic?.partition(Int(wanted.partitionIndex)) != nil else { return .unknownTopicOrPartition }
        guard (wanted.committedMetadata ?? "").utf8.count <= metadataBytesMax else { return .offsetMetadataTooLarge }
        return wanted.committedOffset >= 0 ? .none : .offsetOutOfRange
    }

    func refuse(_ code: ErrorCode) { call.reply(answer.refusing(code)) }

    /// Where there is no room, the connection goes on with it after the next round.
    func run() {
        guard !entries.isEmpty else { return call.reply(answer) }
        guard request.groupID.isGroupIDOfOffsets else { return refuse(.invalidGroupID) }
        let isOfMember = request.generationIDOrMemberEpoch >= 0
        let outcome: CommitOutcome
        if isOfMember {
            // Of a group that is not there, no generation is.
            outcome = groups.withExisting(request.groupID, commit) ?? .refused(.illegalGeneration)
        } else {
            do throws(GroupShortage) {
                outcome = try groups.withGroup(request.groupID, commit)
            } catch {
                outcome = .refused(error.commitCode)
            }
        }
        finish(outcome)
    }

    /// The first version in which members by the consumer protocol commit.
    private static let firstEpochVersion: Int16 = 9

    private enum CommitOutcome {
        case appended(AppendTicket)
        case full(round: UInt64)
        case refused(ErrorCode)
        case failed(LogError)
    }

    private func commit(
        _ group: CoordinatedGroup, _ state: inout CoordinatedGroup.State, _ now: Instant
    ) -> CommitOutcome {
        do throws(GroupError) {
            try state.machine.checkCommit(
                by: MemberID(request.memberID), instanceID: request.groupInstanceID.map { InstanceID($0) },
                generation: request.generationIDOrMemberEpoch, at: now)
        } catch {
            // Before version 9 nobody knows of epochs.
            let isUnknown = error == .staleMemberEpoch && call.version < Self.firstEpochVersion
            return .refused(isUnknown ? .unsupportedVersion : error.wireCode)
        }
        let change = GroupChange(entries, by: call.connection.author(clientID: call.clientID))
        switch group.appendNow(change, &state) {
        case .accepted(let ticket), .duplicate(let ticket): return .appended(ticket)
        case .full(let round): return .full(round: round)
        case .rejected(let error): return .failed(error)
        }
    }

    private func finish(_ outcome: CommitOutcome) {
        switch outcome {
        case .appended(let ticket):
            let reply = CommitReply(
                version: call.version, correlationID: call.correlationID, group: request.groupID,
                offsets: groups.offsets, ticket: ticket, answer: answer)
            call.connection.complete(call, after: .commit(reply))
        case .full(let round):
            call.connection.stall(StalledWork(round: round) { self.run() })
        case .refused(let code):
            refuse(code)
        case .failed(.offsetsFull(let limit)):
            groups.logNoRoom(limit, refusing: request.groupID)
            groups.dropIfUnused(request.groupID)
            refuse(LogError.offsetsFull(limit: limit).groupWireCode)
        case .failed(let error):
            groups.logger.warning(
                "offsets of a group could not be stored",
                metadata: ["group": "\(request.groupID.abbreviated)", "error": "\(error)"])
            refuse(error.groupWireCode)
        }
    }
}

extension GroupEntry {
    fileprivate init(_ wanted: OffsetCommitRequest.Partition, of topic: String) {
        self = .offset(
            topic: topic, partition: wanted.partitionIndex,
            CommittedOffset(
                Offset(wanted.committedOffset), leaderEpoch: wanted.committedLeaderEpoch,
                metadata: wanted.committedMetadata ?? ""))
    }
}
