internal import EventLog
internal import KafkaProtocol

/// The answer to an OffsetCommit, which is known but for whether its round ends well.
struct CommitReply {
    let version: Int16
    let correlationID: Int32
    let group: String
    let offsets: ConsumerOffsets
    let ticket: AppendTicket
    /// Where all is well.
    let answer: OffsetCommitResponse

    var round: UInt64 { ticket.round }

    /// After the round: what became of the offsets.
    var response: OffsetCommitResponse {
        guard let failure = offsets.outcome(of: ticket, in: group) else { return answer }
        return answer.refusing(failure.groupWireCode)
    }
}

extension OffsetCommitResponse {
    /// The same, but none of the partitions that were to be stored is.
    func refusing(_ code: ErrorCode) -> OffsetCommitResponse {
        var answer = self
        for topic in answer.topics.indices {
            for place in answer.topics[topic].partitions.indices
            where answer.topics[topic].partitions[place].errorCode == .none {
                answer.topics[topic].partitions[place].errorCode = code
            }
        }
        return answer
    }
}
