import KafkaClient
import RecordFormat

/// Something that happened to a group: an offset that was set or removed, or members that came and went.
struct GroupEvent: Hashable {
    var time: Timestamp
    /// `commit`, `reset`, `undo`, `restore`, `copy`, `delete`, `delete-offsets`, `expire`, `topic-deleted`; `members` for a change
    /// of those.
    var kind: String
    /// Who did it, as the broker saw it: principal, client id and address; nil: it is not written down.
    var author: String?
    /// What a change of several partitions has in common; nil: a plain commit.
    var change: String?
    var what: What
    /// Records before it are gone from the log.
    var followsGap = false

    enum What: Hashable {
        /// `after`: nil where it was removed.
        case offset(TopicPartition, before: Prior, after: Offset?, metadata: String)
        /// Who was in the group from then on.
        case members(String)
        /// The group was deleted, or had expired.
        case end
    }

    /// What was committed before.
    enum Prior: Hashable {
        /// What was written down earlier has not been read.
        case unknown
        case nothing
        case offset(Offset)

        var offset: Offset? { if case .offset(let offset) = self { offset } else { nil } }
    }

    static let commit = "commit"
    /// What the log does by itself, and nobody takes back.
    static let topicDeleted = "topic-deleted"

    var isCommit: Bool { kind == Self.commit }
    var isOffset: Bool { if case .offset = what { true } else { false } }
}
